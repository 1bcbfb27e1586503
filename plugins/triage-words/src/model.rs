//! The model: a weight for each bucket and queue, a temperature, and the words it has seen.
//!
//! The answer is that of a multinomial logistic regression whose scores are divided by the temperature, which was
//! found on tickets the weights were not learned from, so that its confidence is the share of answers that hold.

use crate::features::{BUCKETS, Counted, counted, counted_alone, mark, of_pair, of_word};
use kapell_triage_tickets::{QUEUES, Reading, is_joint, is_telling, read};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// As `cargo run -p kapell-triage-train` writes it.
const COMMITTED: &[u8] = include_bytes!("model.bin");

/// How many queues there are.
pub const CLASSES: usize = QUEUES.len();

/// The most that is answered for a text that is hardly one of ours, whatever its words add up to.
pub const DOUBTFUL: f64 = 0.3;
/// The most that is answered for any text: some hundred tickets can't prove more.
pub const MOST: f64 = 0.99;
/// The most that is answered where the words that say what a text is about speak for another queue.
pub const BY_FORM: f64 = 0.6;
/// By how much of a score another queue is likelier by far.
const FAR: f64 = 1.0;
/// Words of the longest tickets that were learned from. A longer text is answered less surely, as by the root of its
/// length: how often it is right was never measured.
const LONGEST_WORDS: usize = 20;
/// Words a ticket has at least.
const FEWEST_WORDS: usize = 3;
/// Of those that say what it is about, words that must have been seen at least.
const FEWEST_KNOWN: usize = 2;
/// The share of them that must have been seen, and of all words.
const KNOWN_TELLING: f64 = 0.34;
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
        let (class, confidence) = self.likeliest(&self.scores(&counted(&reading.words)), reading.words.len());
        let rounded = |share: f64| libm::round(share * 10_000.0) / 10_000.0;
        let (most, because) = match self.doubt(&reading) {
            Some(why) => (DOUBTFUL, why),
            None if !self.is_told(&reading.words, class) => {
                (BY_FORM, "how it is put speaks for it, what it is about for another".to_owned())
            }
            None => (MOST, self.strongest(&reading.words, class)),
        };
        Answer { class, confidence: rounded(confidence.min(most)), because }
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

    /// The likeliest queue and its share, for a text of so many words.
    #[must_use]
    pub fn likeliest(&self, scores: &[f64; CLASSES], words: usize) -> (usize, f64) {
        let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let long = libm::sqrt(share(words, LONGEST_WORDS)).max(1.0);
        let shares = scores.map(|score| libm::exp((score - top) / f64::from(self.temperature) / long));
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
        let is_seen = |word: &&String| self.seen.binary_search(&mark(word)).is_ok();
        let words = || reading.words.iter().filter(|word| word.chars().any(char::is_alphabetic));
        let telling = || words().filter(|word| is_telling(word));
        let (all, known) = (words().count(), words().filter(is_seen).count());
        if all < FEWEST_WORDS {
            return Some(format!("{all} words are too few"));
        }
        if share(known, all) < KNOWN {
            return Some(format!("only {known} of its {all} words are known"));
        }
        let (all, known) = (telling().count(), telling().filter(is_seen).count());
        (known < FEWEST_KNOWN || share(known, all) < KNOWN_TELLING)
            .then(|| format!("only {known} of its {all} telling words are known"))
    }

    /// Whether the words that say what a text is about speak for a queue, or not by far for another.
    fn is_told(&self, words: &[String], class: usize) -> bool {
        let telling: Vec<String> = words.iter().filter(|word| is_telling(word)).cloned().collect();
        let scores = self.scores(&counted_alone(&telling));
        let own = scores.get(class).copied().unwrap_or_default();
        scores.iter().all(|other| other - own <= FAR)
    }

    /// The words and pairs of words that weighed most for a queue.
    fn strongest(&self, words: &[String], class: usize) -> String {
        let words = words.get(..words.len().min(200)).unwrap_or_default();
        let counted: BTreeMap<usize, f64> = counted(words).into_iter().collect();
        let weigh = |bucket: usize| {
            let mut steps =
                self.weights.iter().skip(bucket * CLASSES).take(CLASSES).map(|step| f64::from(*step));
            let others = steps.clone().sum::<f64>() / share(CLASSES, 1);
            let own = steps.nth(class).unwrap_or_default();
            counted.get(&bucket).copied().unwrap_or_default() * (own - others)
        };
        let mut spoke: Vec<(f64, String)> = Vec::new();
        for word in words.iter().filter(|word| !is_joint(word)) {
            let mut weight = 0.0;
            of_word(word, |bucket| weight += weigh(bucket));
            spoke.push((weight, word.clone()));
        }
        spoke.extend(words.windows(2).map(|pair| (weigh(of_pair(pair)), pair.join(" "))));
        spoke.retain(|(weight, _)| *weight > 0.0);
        spoke.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        spoke.dedup_by(|one, other| one.1 == other.1);
        let named = spoke.into_iter().take(3).map(|(_, said)| said.chars().take(40).collect::<String>());
        named.collect::<Vec<_>>().join(", ")
    }
}

/// Counts of words are small enough to be exact.
#[allow(clippy::cast_precision_loss, reason = "a text has at most 20,000 words")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
