//! Taking secrets out: every value the vault holds, wherever it stands and however it is spelled.
//!
//! A value is found as it is, in base64 (both alphabets, wherever it begins in a group of three bytes), in hex (both
//! cases), and each of these percent-encoded, JSON-escaped, HTML-escaped or broken into lines, two of them one within
//! the other. It is not found where it is spelled in base64 or hex of anything but itself, such as base64 of base64,
//! nor when somebody who knows it spells it in a way of their own: a server that was given a secret may always keep it.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use kapell_model::id::SecretName;
use memchr::memmem;
use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

mod record;
mod unescape;

use unescape::{Escape, Unescaped};

/// How often escapes are undone one within another.
const DEPTH: usize = 2;

/// Finds the secrets of one home and puts their names in their place. Prints nothing of them.
pub struct Redactor {
    secrets: Vec<Secret>,
}

struct Secret {
    /// What stands in its place.
    name: String,
    /// Everything to look for.
    spellings: Vec<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.secrets.iter().map(|secret| &secret.name)).finish()
    }
}

impl Redactor {
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = (&'a SecretName, &'a [u8])>) -> Self {
        let secret = |(name, value): (&SecretName, &[u8])| Secret {
            name: format!("[secret {name}]"),
            spellings: spellings(value),
        };
        Self { secrets: secrets.map(secret).collect() }
    }

    /// Whether a secret stands in these bytes.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        !self.places(bytes, true).is_empty()
    }

    /// The bytes with every secret's name in its place; none when there is no secret in them.
    #[must_use]
    pub fn redacted(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let places = self.places(bytes, false);
        (!places.is_empty()).then(|| replaced(bytes, &places))
    }

    /// The same of a text.
    #[must_use]
    pub fn redacted_text(&self, text: &str) -> Option<String> {
        self.redacted(text.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where secrets stand, in order, none overlapping another; with `first`, the first found is enough.
    fn places(&self, bytes: &[u8], first: bool) -> Vec<(Range<usize>, &str)> {
        merged(self.places_within(bytes, first, DEPTH))
    }

    /// Where they stand as the bytes are, and with escapes undone.
    fn places_within(&self, bytes: &[u8], first: bool, depth: usize) -> Vec<(Range<usize>, &str)> {
        let mut found = self.search(bytes, first);
        for escape in Escape::ALL {
            if depth == 0 || (first && !found.is_empty()) {
                break;
            }
            let Some(plain) = Unescaped::of(bytes, escape) else { continue };
            let within = self.places_within(plain.bytes(), first, depth - 1);
            found.extend(within.into_iter().map(|(place, name)| (plain.origin(&place), name)));
        }
        found
    }

    fn search(&self, bytes: &[u8], first: bool) -> Vec<(Range<usize>, &str)> {
        let mut found = Vec::new();
        for secret in &self.secrets {
            for spelling in &secret.spellings {
                let starts = memmem::find_iter(bytes, spelling.as_slice());
                let most = if first { 1 } else { usize::MAX };
                found.extend(
                    starts.take(most).map(|start| (start..start + spelling.len(), secret.name.as_str())),
                );
            }
        }
        found
    }
}

/// Places that touch or overlap become one, under the name of the first.
fn merged(mut found: Vec<(Range<usize>, &str)>) -> Vec<(Range<usize>, &str)> {
    found.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    let mut merged: Vec<(Range<usize>, &str)> = Vec::new();
    for (place, name) in found {
        match merged.last_mut().filter(|(last, _)| place.start < last.end) {
            Some((last, _)) => last.end = last.end.max(place.end),
            None => merged.push((place, name)),
        }
    }
    merged
}

fn replaced(bytes: &[u8], places: &[(Range<usize>, &str)]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for (place, name) in places {
        clean.extend_from_slice(bytes.get(from..place.start).unwrap_or_default());
        clean.extend_from_slice(name.as_bytes());
        from = place.end;
    }
    clean.extend_from_slice(bytes.get(from..).unwrap_or_default());
    clean
}

/// Everything a value looks like without escapes.
fn spellings(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut all = vec![
        Zeroizing::new(value.to_vec()),
        hex(value, b"0123456789abcdef"),
        hex(value, b"0123456789ABCDEF"),
    ];
    for alignment in 0..3 {
        all.push(base64_at(value, alignment, &STANDARD));
        all.push(base64_at(value, alignment, &URL_SAFE));
    }
    all.sort_by(|one, two| one.as_slice().cmp(two.as_slice()));
    all.dedup();
    all
}

fn hex(value: &[u8], digits: &[u8; 16]) -> Zeroizing<Vec<u8>> {
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or_default();
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    value.iter().for_each(|byte| text.extend([digit(byte >> 4), digit(byte & 15)]));
    text
}

/// The letters of base64 that a value alone decides when `before` bytes of its group of three stand before it. A
/// letter at either end may be shared with a neighbour; it gives away four bits at most and is left.
fn base64_at(value: &[u8], before: usize, alphabet: &impl base64::Engine) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(vec![0; before]);
    padded.extend_from_slice(value);
    let text = Zeroizing::new(alphabet.encode(padded.as_slice()));
    let own = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
    Zeroizing::new(text.as_bytes().get(own).unwrap_or_default().to_vec())
}
