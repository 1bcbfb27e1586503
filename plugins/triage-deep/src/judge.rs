//! Cues and neighbours weighed together, as sure as that has proved to be.

use crate::cues::{ByQueue, Cues};
use crate::neighbours::Neighbours;
use kapell_triage_tickets::{QUEUES, Reading, read};

/// As `cargo run -p kapell-triage-train` writes them.
const COMMITTED: &str = include_str!("weights.txt");
/// The most that is answered for a text that is hardly a ticket.
pub const DOUBTFUL: f64 = 0.3;
/// The most that is answered for any text: some hundred tickets can't prove more.
pub const MOST: f64 = 0.99;
/// Words a ticket has at least.
const FEWEST_WORDS: usize = 3;
/// Of those that say what it is about, words that must stand in some ticket at least, and the share of them.
const FEWEST_KNOWN: usize = 2;
const KNOWN: f64 = 0.5;
/// Words of the longest labelled tickets. Cues add up in a longer text whatever it is about, and nobody has measured
/// how often it is right: the surest answer falls with the root of its length.
const LONGEST_WORDS: f64 = 20.0;
/// The queue that is told by how a text asks and not by what it asks about, and how sure that alone makes.
const BY_FORM: &str = "how-to";
const SURE_OF_FORM: f64 = 0.4;
/// Characters that are quoted.
const QUOTED: usize = 200;

/// How much cues and neighbours count. Their size is what makes the confidence: it was found on tickets that the cheaper
/// skill is unsure of, by neighbours they were no part of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// For the cues: the root of all their points, shared out by queue.
    pub cues: f64,
    /// For the whole likeness of the neighbours.
    pub neighbours: f64,
}

/// What a text was answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The likeliest queue, by its place in the list of queues.
    pub class: usize,
    /// How likely, rounded to four digits.
    pub confidence: f64,
    /// The sentence or the ticket that spoke for it, or why it is doubted.
    pub because: String,
}

impl Weights {
    /// The committed ones; zeros where there are none.
    #[must_use]
    pub fn committed() -> Self {
        let value = |name: &str| {
            let line = COMMITTED.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
        };
        Self { cues: value("cues "), neighbours: value("neighbours ") }
    }

    /// The form they are kept in.
    #[must_use]
    pub fn to_text(self) -> String {
        format!("cues {}\nneighbours {}\n", self.cues, self.neighbours)
    }

    /// A score for each queue. The hundredth cue says less than the first, and cues of other queues speak against it.
    #[must_use]
    pub fn scores(self, cues: &ByQueue, neighbours: &ByQueue) -> ByQueue {
        let all = libm::sqrt(cues.iter().sum()).max(1.0);
        let mut scores = ByQueue::default();
        for (score, (cue, near)) in scores.iter_mut().zip(cues.iter().zip(neighbours)) {
            *score = cue / all * self.cues + near * self.neighbours;
        }
        scores
    }

    /// The likeliest queue and its share.
    #[must_use]
    pub fn likeliest(self, cues: &ByQueue, neighbours: &ByQueue) -> (usize, f64) {
        let scores = self.scores(cues, neighbours);
        let class =
            scores.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1)).map_or(0, |it| it.0);
        let top = scores.get(class).copied().unwrap_or_default();
        (class, 1.0 / scores.iter().map(|score| libm::exp(score - top)).sum::<f64>())
    }
}

/// Sorts a text.
#[must_use]
pub fn answer(text: &str, known: &Neighbours, weights: Weights) -> Answer {
    let (reading, cues) = (read(text), Cues::committed());
    let (met, said) = (cues.weigh(&reading.words), known.ask(&reading.words));
    let (class, confidence) = weights.likeliest(&met, &said.by_queue);
    let rounded = |share: f64| libm::round(share * 10_000.0) / 10_000.0;
    let confidence = confidence.min(most(reading.words.len(), class, &said.by_queue));
    match doubt(&reading, &met, said.known) {
        Some(because) => Answer { class, confidence: rounded(confidence.min(DOUBTFUL)), because },
        None => {
            let sentence = evidence(text, &cues, class);
            let nearest = || said.nearest.get(class).cloned().flatten().map(|near| format!("like: {near}"));
            let because = sentence.or_else(nearest).unwrap_or_default();
            Answer { class, confidence: rounded(confidence), because: because.chars().take(QUOTED).collect() }
        }
    }
}

/// The most that is answered for a text of so many words.
fn most(words: usize, class: usize, neighbours: &ByQueue) -> f64 {
    let long = libm::sqrt(LONGEST_WORDS / number(words.max(1)));
    let most = MOST * long.min(1.0);
    match QUEUES.get(class) {
        // To ask how is to ask us only where tickets like it do.
        Some(&BY_FORM) => most.min(SURE_OF_FORM + neighbours.get(class).copied().unwrap_or_default()),
        _ => most,
    }
}

/// Why a text is hardly a ticket.
fn doubt(reading: &Reading, met: &ByQueue, (known, telling): (usize, usize)) -> Option<String> {
    if reading.words.len() < FEWEST_WORDS {
        return Some(format!("{} words are too few", reading.words.len()));
    }
    if reading.gives_orders {
        return Some("it gives orders to whoever sorts it".to_owned());
    }
    if met.iter().all(|points| *points == 0.0) {
        return Some("no cue stands in it".to_owned());
    }
    (known < FEWEST_KNOWN || number(known) < KNOWN * number(telling))
        .then(|| format!("only {known} of its {telling} telling words stand in any labelled ticket"))
}

/// The sentence with the most points for a queue.
fn evidence(text: &str, cues: &Cues, class: usize) -> Option<String> {
    let sentences = text.split_inclusive(['.', '!', '?', '\n']).take(500);
    let points = |sentence: &str| cues.weigh(&read(sentence).words).get(class).copied().unwrap_or_default();
    let weighed = sentences.map(|sentence| (points(sentence), sentence)).filter(|(points, _)| *points > 0.0);
    let best = weighed.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(best.1.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[allow(clippy::cast_precision_loss, reason = "a text has at most 20,000 words")]
fn number(count: usize) -> f64 {
    count as f64
}

/// The number of queues, so that who measures need not know where it stands.
pub const CLASSES: usize = QUEUES.len();
