//! The model: a weight for each bucket and queue, a temperature, and the words it has seen.
//!
//! The answer is that of a multinomial logistic regression whose scores are divided by the temperature, which was
//! found on tickets the weights were not learned from, so that its confidence is the share of answers that hold.

use crate::features::{BUCKETS, Counted, counted, mark};
use kapell_triage_tickets::{QUEUES, Reading, read};
use std::cmp::Ordering;

/// As `cargo run -p kapell-triage-train` writes it.
const COMMITTED: &[u8] = include_bytes!("model.bin");

/// How many queues there are.
pub const CLASSES: usize = QUEUES.len();

/// The most that is answered for a text that is hardly one of ours, whatever its words add up to.
pub const DOUBTFUL: f64 = 0.3;
/// Words a ticket has at least.
const FEWEST_WORDS: usize = 3;
/// The share of words that must have been seen.
const KNOWN: f64 = 0.5;

/// A trained model, in the form it is kept in: little-endian, in the order of these fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What a step of a weight is worth.
    pub step: f32,
    /// What scores are divided by.
    pub temperature: f32,
    /// A score for each queue before anything is counted.
    pub bias: [f32; CLASSES],
    /// Steps for each bucket and queue, bucket by bucket.
    pub weights: Vec<i8>,
    /// Marks of the words that were seen, in order.
    pub seen: Vec<u32>,
}

/// What a text was answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The likeliest queue, by its place in the list of queues.
    pub class: usize,
    /// How likely, rounded to four digits.
    pub confidence: f64,
    /// Words that spoke for it, or why it is doubted.
    pub because: String,
}

impl Model {
    /// The committed one.
    #[must_use]
    pub fn committed() -> Self {
        Self::from_bytes(COMMITTED)
    }

    /// Reads the form it is kept in; what is missing is zero.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut rest = bytes.iter().copied();
        let mut four = || [(); 4].map(|()| rest.next().unwrap_or_default());
        let (step, temperature) = (f32::from_le_bytes(four()), f32::from_le_bytes(four()));
        let bias = [(); CLASSES].map(|()| f32::from_le_bytes(four()));
        let weights = rest.by_ref().take(BUCKETS * CLASSES).map(|byte| byte.cast_signed()).collect();
        let marks: Vec<u8> = rest.collect();
        let seen = marks
            .chunks_exact(4)
            .map(|mark| mark.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)));
        Self { step, temperature, bias, weights, seen: seen.collect() }
    }

    /// The form it is kept in.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let head = [self.step, self.temperature].into_iter().chain(self.bias);
        let mut bytes: Vec<u8> = head.flat_map(f32::to_le_bytes).collect();
        bytes.extend(self.weights.iter().map(|weight| weight.cast_unsigned()));
        bytes.extend(self.seen.iter().flat_map(|mark| mark.to_le_bytes()));
        bytes
    }

    /// Sorts a text.
    #[must_use]
    pub fn answer(&self, text: &str) -> Answer {
        let reading = read(text);
        let (class, confidence) = self.likeliest(&self.scores(&counted(&reading.words)));
        let rounded = |share: f64| libm::round(share * 10_000.0) / 10_000.0;
        match self.doubt(&reading) {
            Some(why) => Answer { class, confidence: rounded(confidence.min(DOUBTFUL)), because: why },
            None => {
                let because = self.strongest(&reading.words, class);
                Answer { class, confidence: rounded(confidence), because }
            }
        }
    }

    /// A score for each queue.
    #[must_use]
    pub fn scores(&self, counted: &Counted) -> [f64; CLASSES] {
        let mut scores = self.bias.map(f64::from);
        for (bucket, weight) in counted {
            let steps = self.weights.iter().skip(bucket * CLASSES);
            for (score, steps) in scores.iter_mut().zip(steps) {
                *score += weight * f64::from(*steps) * f64::from(self.step);
            }
        }
        scores
    }

    /// The likeliest queue and its share.
    #[must_use]
    pub fn likeliest(&self, scores: &[f64; CLASSES]) -> (usize, f64) {
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares = scores.map(|score| libm::exp((score - top) / f64::from(self.temperature)));
        let likelier = |one: &(usize, &f64), other: &(usize, &f64)| {
            one.1.partial_cmp(other.1).unwrap_or(Ordering::Equal)
        };
        let class = scores.iter().enumerate().max_by(likelier).map_or(0, |(class, _)| class);
        (class, 1.0 / shares.iter().sum::<f64>())
    }

    /// Why a text is hardly one of ours. Numbers are no words here: they stand in texts of every kind.
    fn doubt(&self, reading: &Reading) -> Option<String> {
        if reading.gives_orders {
            return Some("it gives orders to whoever sorts it".to_owned());
        }
        let words = reading.words.iter().filter(|word| word.chars().any(char::is_alphabetic));
        let (known, unknown): (Vec<_>, Vec<_>) =
            words.partition(|word| self.seen.binary_search(&mark(word)).is_ok());
        let words = known.len() + unknown.len();
        if words < FEWEST_WORDS {
            return Some(format!("{words} words are too few"));
        }
        (share(known.len(), words) < KNOWN)
            .then(|| format!("only {} of its {words} words are known", known.len()))
    }

    /// The words that spoke most for a queue.
    fn strongest(&self, words: &[String], class: usize) -> String {
        let alone = |word: &String| {
            let scores = self.scores(&counted(std::slice::from_ref(word)));
            let others = scores.iter().sum::<f64>() / share(CLASSES, 1);
            (scores.get(class).copied().unwrap_or_default() - others, word.clone())
        };
        let mut spoke: Vec<(f64, String)> = words.iter().take(200).map(alone).collect();
        spoke.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        spoke.dedup_by(|one, other| one.1 == other.1);
        let named: Vec<String> =
            spoke.into_iter().take(3).map(|(_, word)| word.chars().take(40).collect()).collect();
        named.join(", ")
    }
}

/// Counts of words are small enough to be exact.
#[allow(clippy::cast_precision_loss, reason = "a text has at most 20,000 words")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
