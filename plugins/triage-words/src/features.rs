//! What is counted in a text: its words and their parts, and its pairs of words.
//!
//! Words that hold a sentence together are counted in pairs only: `how do` says something, `do` does not.
//! Each is hashed into one of a fixed number of buckets, so that no list of words is carried along and a word never
//! seen still shares its parts with words that were.

use kapell_triage_tickets::is_joint;
use std::collections::BTreeMap;

/// How many buckets there are.
pub const BUCKETS: usize = 1 << 14;
/// Letters of the parts of words, with a mark where a word begins and ends.
const PARTS: std::ops::RangeInclusive<usize> = 3..=5;

/// Buckets and their weights, the square root of whose squares' sum is one; in the order of the buckets.
pub type Counted = Vec<(usize, f64)>;

/// What is counted in words.
#[must_use]
pub fn counted(words: &[String]) -> Counted {
    weighed(words, words.windows(2))
}

/// The same of each word for itself.
#[must_use]
pub fn counted_alone(words: &[String]) -> Counted {
    weighed(words, std::iter::empty())
}

fn weighed<'a>(words: &[String], pairs: impl Iterator<Item = &'a [String]>) -> Counted {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    let mut count = |bucket: usize| *counts.entry(bucket).or_default() += 1.0;
    for word in words.iter().filter(|word| !is_joint(word)) {
        of_word(word, &mut count);
    }
    for pair in pairs {
        count(of_pair(pair));
    }
    let weights = counts.into_iter().map(|(bucket, count)| (bucket, 1.0 + libm::log(count)));
    let mut weights: Counted = weights.collect();
    let length = libm::sqrt(weights.iter().map(|(_, weight)| weight * weight).sum());
    weights.iter_mut().for_each(|(_, weight)| *weight /= length);
    weights
}

/// The buckets of a word and its parts.
pub fn of_word(word: &str, mut each: impl FnMut(usize)) {
    each(bucket(b'w', word));
    parts(word, |part| each(bucket(b'p', part)));
}

/// The bucket of words that follow each other.
#[must_use]
pub fn of_pair(pair: &[String]) -> usize {
    bucket(b'2', &pair.join(" "))
}

fn parts(word: &str, mut each: impl FnMut(&str)) {
    let marked = format!("<{word}>");
    let mut ends: Vec<usize> = marked.char_indices().map(|(at, _)| at).collect();
    ends.push(marked.len());
    for length in PARTS {
        for window in ends.windows(length + 1) {
            if let [first, .., last] = window {
                each(marked.get(*first..*last).unwrap_or_default());
            }
        }
    }
}

/// The bucket of a text, by its 64-bit FNV-1a hash.
fn bucket(kind: u8, text: &str) -> usize {
    let bytes = std::iter::once(kind).chain(text.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    usize::try_from(hash >> 40).unwrap_or_default() % BUCKETS
}

/// What a word is remembered by, to tell whether it was ever seen.
#[must_use]
pub fn mark(word: &str) -> u32 {
    let hash =
        word.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ (hash >> 15)
}
