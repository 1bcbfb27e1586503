//! Cues: words and phrases that people in support go by, each with a queue and a weight.

use kapell_triage_tickets::QUEUES;
use std::collections::BTreeMap;

const CUES: &str = include_str!("cues.txt");
/// The longest phrase, in words.
const LONGEST: usize = 5;

/// A count for each queue.
pub type ByQueue = [f64; QUEUES.len()];

/// The cues, by their words.
#[derive(Debug)]
pub struct Cues {
    whole: BTreeMap<String, ByQueue>,
    /// Cues with any ending, by their beginning.
    begun: BTreeMap<String, ByQueue>,
}

impl Cues {
    /// The committed ones.
    #[must_use]
    pub fn committed() -> Self {
        let mut cues = Self { whole: BTreeMap::new(), begun: BTreeMap::new() };
        for line in CUES.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_ascii_whitespace();
            let queue = words.next().and_then(|queue| QUEUES.iter().position(|known| *known == queue));
            let weight = words.next().and_then(|weight| weight.parse::<f64>().ok());
            if let (Some(queue), Some(weight)) = (queue, weight) {
                words.for_each(|cue| cues.add(cue, queue, weight));
            }
        }
        cues
    }

    fn add(&mut self, cue: &str, queue: usize, weight: f64) {
        let words = cue.replace('_', " ");
        let by_queue = match words.strip_suffix('*') {
            Some(begin) => self.begun.entry(begin.to_owned()).or_default(),
            None => self.whole.entry(words).or_default(),
        };
        if let Some(sum) = by_queue.get_mut(queue) {
            *sum += weight;
        }
    }

    /// What the cues in some words come to; each cue counts once.
    #[must_use]
    pub fn weigh(&self, words: &[String]) -> ByQueue {
        let mut met: BTreeMap<String, &ByQueue> = BTreeMap::new();
        for length in 1..=LONGEST {
            for phrase in words.windows(length).map(|words| words.join(" ")) {
                if let Some(by_queue) = self.whole.get(&phrase) {
                    met.insert(phrase.clone(), by_queue);
                }
                if let Some((begin, by_queue)) = self.beginning(&phrase) {
                    met.insert(begin.clone(), by_queue);
                }
            }
        }
        let mut sums = ByQueue::default();
        for by_queue in met.values() {
            sums.iter_mut().zip(by_queue.iter()).for_each(|(sum, weight)| *sum += weight);
        }
        sums
    }

    /// The cue a phrase begins with, but for an ending of its last word.
    fn beginning(&self, phrase: &str) -> Option<(&String, &ByQueue)> {
        let mut ends = phrase.char_indices().map(|(at, letter)| at + letter.len_utf8());
        ends.find_map(|end| {
            let (begin, rest) = phrase.split_at_checked(end)?;
            (!rest.contains(' ')).then(|| self.begun.get_key_value(begin)).flatten()
        })
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn phrases_and_beginnings_are_met_once() {
        let cues = Cues::committed();
        let weigh = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            cues.weigh(&words)
        };
        assert_eq!(weigh("refunding refunds refund")[1], 3.0);
        assert_eq!(weigh("how do i")[3], weigh("how do i how do i")[3]);
        assert_eq!(weigh("nothing of this"), ByQueue::default());
    }
}
