//! What the body of an entry says, by the keys below its kind.

use crate::canonical::Seen;
use crate::digest::{self, Hash};

/// How many keys below the kind tell one place from another.
const KEYS: usize = 3;

/// The values of a body in their order, each with its place. What stands in a list has the place of the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said<'a>(Vec<([&'a [u8]; KEYS], Seen<'a>)>);

impl<'a> Said<'a> {
    /// One more value; those deeper than places go count to the place above them.
    pub(crate) fn put(&mut self, keys: &[&'a [u8]], seen: Seen<'a>) {
        let mut place = [&b""[..]; KEYS];
        place.iter_mut().zip(keys).for_each(|(place, key)| *place = key);
        if self.0.is_empty() {
            self.0.reserve(24);
        }
        self.0.push((place, seen));
    }

    fn at<'s, const N: usize>(&'s self, keys: [&'s [u8]; N]) -> impl Iterator<Item = Seen<'a>> + 's {
        let is = move |place: &[&[u8]; KEYS]| {
            place.iter().zip(keys.iter().chain(std::iter::repeat(&&b""[..]))).all(|(one, other)| one == other)
        };
        self.0.iter().filter(move |(place, _)| is(place)).map(|(_, seen)| *seen)
    }

    /// The text at a place as it is written, escapes and all.
    pub(crate) fn raw<const N: usize>(&self, keys: [&[u8]; N]) -> Option<&'a [u8]> {
        let mut texts = self.at(keys).filter_map(|seen| match seen {
            Seen::Text(text) => Some(text),
            _ => None,
        });
        texts.next()
    }

    /// The text at a place.
    pub(crate) fn text<const N: usize>(&self, keys: [&[u8]; N]) -> Option<String> {
        self.raw(keys).map(plain)
    }

    /// The text at a place, empty where there is none.
    pub(crate) fn word<const N: usize>(&self, keys: [&[u8]; N]) -> String {
        self.text(keys).unwrap_or_default()
    }

    /// The texts of a list.
    pub(crate) fn texts<const N: usize>(&self, keys: [&[u8]; N]) -> Vec<String> {
        let texts = self.at(keys).filter_map(|seen| match seen {
            Seen::Text(text) => Some(plain(text)),
            _ => None,
        });
        texts.collect()
    }

    /// The whole numbers at a place or below it.
    pub(crate) fn numbers<const N: usize>(&self, keys: [&[u8]; N]) -> Vec<u64> {
        let numbers = self.at(keys).filter_map(|seen| match seen {
            Seen::Number(digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
            _ => None,
        });
        numbers.collect()
    }

    pub(crate) fn number<const N: usize>(&self, keys: [&[u8]; N]) -> Option<u64> {
        self.numbers(keys).first().copied()
    }

    /// Whether `true` stands there.
    pub(crate) fn is_true<const N: usize>(&self, keys: [&[u8]; N]) -> bool {
        self.at(keys).any(|seen| seen == Seen::Word(b"true"))
    }

    /// Whether anything stands there.
    pub(crate) fn has<const N: usize>(&self, keys: [&[u8]; N]) -> bool {
        self.at(keys).next().is_some()
    }

    pub(crate) fn hash<const N: usize>(&self, keys: [&[u8]; N]) -> Option<Hash> {
        digest::named(self.raw(keys)?)
    }
}

/// A text without its escapes. What was read is canonical, so there is nothing it can't be read as.
pub(crate) fn plain(raw: &[u8]) -> String {
    if !raw.contains(&b'\\') {
        return String::from_utf8_lossy(raw).into_owned();
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).unwrap_or_else(|_| String::from_utf8_lossy(raw).into_owned())
}
