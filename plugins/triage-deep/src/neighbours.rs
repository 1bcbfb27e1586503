//! The labelled tickets most like a text, by BM25 over stems of words.

use kapell_triage_tickets::{QUEUES, Ticket, is_telling, words};
use std::collections::BTreeMap;

/// How soon a repeated word stops counting, and how much a long ticket is held against itself: the usual values.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;
/// Neighbours that are asked.
const ASKED: usize = 12;

/// Labelled tickets, ready to be compared with.
#[derive(Debug)]
pub struct Neighbours {
    tickets: Vec<Known>,
    /// In how many tickets a stem stands.
    spread: BTreeMap<String, f64>,
    mean_length: f64,
}

#[derive(Debug)]
struct Known {
    class: usize,
    text: String,
    stems: BTreeMap<String, f64>,
    length: f64,
}

/// What the neighbours say.
#[derive(Debug)]
pub struct Said {
    /// The likeness of those of each queue, of all of which the sum is one; zeros when there is none.
    pub by_queue: [f64; QUEUES.len()],
    /// The one most like it of each queue.
    pub nearest: [Option<String>; QUEUES.len()],
    /// How many stems of the text stand in any of the tickets, and how many stems it has.
    pub known: (usize, usize),
}

impl Neighbours {
    /// Reads labelled tickets.
    pub fn of<'a>(tickets: impl Iterator<Item = &'a Ticket>) -> Self {
        let known = tickets.map(|ticket| {
            let stems = stems(&words(&ticket.text));
            Known { class: ticket.class(), text: ticket.text.clone(), length: stems.values().sum(), stems }
        });
        let tickets: Vec<Known> = known.collect();
        let mut spread: BTreeMap<String, f64> = BTreeMap::new();
        tickets
            .iter()
            .flat_map(|it| it.stems.keys())
            .for_each(|stem| *spread.entry(stem.clone()).or_default() += 1.0);
        let mean_length = tickets.iter().map(|it| it.length).sum::<f64>() / number(tickets.len().max(1));
        Self { tickets, spread, mean_length }
    }

    /// Asks the tickets most like some words.
    #[must_use]
    pub fn ask(&self, words: &[String]) -> Said {
        let asked = stems(words);
        let mut near: Vec<(f64, usize)> = self
            .tickets
            .iter()
            .enumerate()
            .map(|(place, ticket)| (self.likeness(&asked, ticket), place))
            .collect();
        near.retain(|(likeness, _)| *likeness > 0.0);
        near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        near.truncate(ASKED);
        let all: f64 = near.iter().map(|(likeness, _)| likeness * likeness).sum();
        let known = asked.keys().filter(|stem| self.spread.contains_key(*stem)).count();
        let known = (known, asked.len());
        let mut said = Said { by_queue: Default::default(), nearest: Default::default(), known };
        for (likeness, ticket) in
            near.iter().filter_map(|(likeness, at)| Some((likeness, self.tickets.get(*at)?)))
        {
            if let Some(sum) = said.by_queue.get_mut(ticket.class) {
                *sum += likeness * likeness / all;
            }
            if let Some(nearest) = said.nearest.get_mut(ticket.class) {
                nearest.get_or_insert_with(|| ticket.text.clone());
            }
        }
        said
    }

    fn likeness(&self, asked: &BTreeMap<String, f64>, ticket: &Known) -> f64 {
        let all = number(self.tickets.len());
        let weigh = |stem: &String| {
            let (count, spread) = (ticket.stems.get(stem)?, self.spread.get(stem)?);
            let rarity = libm::log(1.0 + (all - spread + 0.5) / (spread + 0.5));
            let held = SATURATION * (1.0 - LENGTH + LENGTH * ticket.length / self.mean_length);
            Some(rarity * count * (SATURATION + 1.0) / (count + held))
        };
        asked.keys().filter_map(weigh).sum()
    }
}

/// Words that say what a text is about, without their usual English endings, counted.
fn stems(words: &[String]) -> BTreeMap<String, f64> {
    let mut stems = BTreeMap::new();
    for word in words.iter().filter(|word| is_telling(word)) {
        *stems.entry(stem(word).to_owned()).or_default() += 1.0;
    }
    stems
}

fn stem(word: &str) -> &str {
    const ENDINGS: [&str; 9] = ["ations", "ation", "ings", "ing", "ied", "ies", "ed", "es", "s"];
    let cut =
        ENDINGS.iter().find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.chars().count() > 3));
    let cut = cut.unwrap_or(word);
    cut.strip_suffix('e').filter(|stem| stem.chars().count() > 3).unwrap_or(cut)
}

#[allow(clippy::cast_precision_loss, reason = "there are some hundred tickets")]
fn number(count: usize) -> f64 {
    count as f64
}
