//! Bytes with their escapes undone, and where each of them stood before.

use std::ops::Range;

/// A way to write a byte as something else.
#[derive(Clone, Copy)]
pub(super) enum Escape {
    /// `%41` (RFC 3986, 2.1).
    Percent,
    /// `\u0041`, `\n`, `\/` (RFC 8259, 7), and `\x41`.
    Backslash,
    /// `&quot;`, `&#34;`, `&#x22;` (HTML, 13.5).
    Html,
    /// A text broken into lines, as base64 often is (RFC 2045, 6.8).
    Folded,
}

impl Escape {
    /// Every way. They are undone apart, since what is an escape in one may be a secret's own letters in another.
    pub(super) const ALL: [Escape; 4] = [Escape::Percent, Escape::Backslash, Escape::Html, Escape::Folded];

    fn sign(self) -> u8 {
        match self {
            Escape::Percent => b'%',
            Escape::Backslash => b'\\',
            Escape::Html => b'&',
            Escape::Folded => b'\n',
        }
    }

    /// The byte that stands escaped at the beginning, and the escape's length.
    fn at(self, bytes: &[u8]) -> Option<(u8, usize)> {
        match self {
            Escape::Percent => percent(bytes),
            Escape::Backslash => backslash(bytes),
            Escape::Html => html(bytes),
            Escape::Folded => folded(bytes),
        }
    }
}

/// What stands there without the escapes of one kind. Every escape becomes one byte, so that it is enough to remember
/// where one ended.
pub(super) struct Unescaped {
    bytes: Vec<u8>,
    /// After each escape: the position here, and the position before.
    ends: Vec<(usize, usize)>,
}

impl Unescaped {
    /// None when there is no escape.
    pub(super) fn of(bytes: &[u8], escape: Escape) -> Option<Self> {
        memchr::memchr(escape.sign(), bytes)?;
        let (mut plain, mut ends) = (Vec::with_capacity(bytes.len()), Vec::new());
        let mut rest = bytes;
        while let [first, ..] = rest {
            let (byte, length) = escape.at(rest).unwrap_or((*first, 1));
            plain.push(byte);
            rest = rest.get(length..).unwrap_or_default();
            if length > 1 {
                ends.push((plain.len(), bytes.len() - rest.len()));
            }
        }
        (!ends.is_empty()).then_some(Self { bytes: plain, ends })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a place stood before.
    pub(super) fn origin(&self, place: &Range<usize>) -> Range<usize> {
        self.before(place.start)..self.before(place.end)
    }

    fn before(&self, position: usize) -> usize {
        let passed = self.ends.partition_point(|(here, _)| *here <= position);
        match passed.checked_sub(1).and_then(|last| self.ends.get(last)) {
            Some((here, before)) => before + (position - here),
            None => position,
        }
    }
}

fn percent(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [b'%', high, low, ..] => Some((u8::try_from(number(&[*high, *low])?).ok()?, 3)),
        _ => None,
    }
}

/// A code beyond ASCII stands for a byte that no secret has.
fn backslash(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [b'\\', b'u', digits @ ..] => {
            let code = number(digits.get(..4)?)?;
            Some((u8::try_from(code).unwrap_or(u8::MAX), 6))
        }
        [b'\\', b'x', high, low, ..] => Some((u8::try_from(number(&[*high, *low])?).ok()?, 4)),
        [b'\\', letter, ..] => Some((short(*letter)?, 2)),
        _ => None,
    }
}

fn html(bytes: &[u8]) -> Option<(u8, usize)> {
    const LONGEST: usize = 9;
    let end = bytes.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let byte = match bytes.get(..end)? {
        b"&quot" => b'"',
        b"&apos" => b'\'',
        b"&amp" => b'&',
        b"&lt" => b'<',
        b"&gt" => b'>',
        [b'&', b'#', b'x' | b'X', digits @ ..] => u8::try_from(number(digits)?).ok()?,
        [b'&', b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok()?,
        _ => return None,
    };
    Some((byte, end + 1))
}

/// A letter on the next line stands where the line broke.
fn folded(bytes: &[u8]) -> Option<(u8, usize)> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b' ' | b'\t')).count();
    let broken =
        bytes.iter().take(blank).any(|byte| *byte == b'\n') && matches!(bytes.first(), Some(b'\r' | b'\n'));
    bytes.get(blank).filter(|_| broken).map(|letter| (*letter, blank + 1))
}

fn short(letter: u8) -> Option<u8> {
    match letter {
        b'"' | b'\\' | b'/' | b'\'' => Some(letter),
        b'b' => Some(8),
        b'f' => Some(12),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}
