//! Amounts with units as people write them: `16MiB`, `1.5h`, `3d`, and instants in milliseconds.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The largest integer every JSON reader holds exactly (2^53 - 1); no counter of ours may exceed it,
/// because entries are canonical JSON (RFC 8785), whose numbers are doubles.
pub const COUNT_MAX: u64 = (1 << 53) - 1;

/// A text that is not an amount with a known unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidQuantity {
    text: String,
    expected: &'static str,
}

/// A number of bytes; reads `512`, `64KiB`, `16MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "u64")]
pub struct Bytes(pub u64);

/// A span of time in milliseconds; reads `250ms`, `5s`, `2m`, `4h`, `3d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "u64")]
pub struct Span(pub u64);

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Only ever made by a clock seam.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The instant `span` later; stays at the largest representable instant rather than wrapping.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// RFC 3339 in UTC: `2026-11-21T08:44:24Z`, with milliseconds where they are not zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = i64::try_from(self.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
        match instant {
            Some(instant) => write!(f, "{instant}"),
            None => write!(f, "{} ms after 1970", self.0),
        }
    }
}

/// Reads RFC 3339 with any offset, or a date alone, which is its first instant in UTC.
impl FromStr for Timestamp {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let date = || {
            // A time of day without an offset could be anybody's, so only a date stands alone.
            let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(date);
        let at = instant.and_then(|instant| u64::try_from(instant.as_millisecond()).ok());
        at.map(Self).ok_or_else(|| InvalidQuantity { text: text.into(), expected: INSTANT })
    }
}

/// Both written forms: a bare number is bytes or milliseconds, a text carries its unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

const BYTES: &str = "a size: a number with B, KiB, MiB or GiB, such as \"16MiB\"";
const INSTANT: &str = "an instant since 1970, such as \"2026-11-21T10:00:00Z\" or \"2026-11-21\"";
const SPAN: &str = "a span of time: a number with ms, s, m, h or d, such as \"5s\"";

impl TryFrom<Written> for Bytes {
    type Error = InvalidQuantity;
    fn try_from(written: Written) -> Result<Self, InvalidQuantity> {
        match written {
            Written::Number(number) => Ok(Self(number.min(COUNT_MAX))),
            Written::Text(text) => text.parse(),
        }
    }
}

impl TryFrom<Written> for Span {
    type Error = InvalidQuantity;
    fn try_from(written: Written) -> Result<Self, InvalidQuantity> {
        match written {
            Written::Number(number) => Ok(Self(number.min(COUNT_MAX))),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Bytes> for u64 {
    fn from(bytes: Bytes) -> u64 {
        bytes.0
    }
}

impl From<Span> for u64 {
    fn from(span: Span) -> u64 {
        span.0
    }
}

impl FromStr for Bytes {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        const UNITS: [(&str, u64); 5] =
            [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1), ("", 1)];
        amount(text, &UNITS).map(Self).ok_or_else(|| InvalidQuantity { text: text.into(), expected: BYTES })
    }
}

impl FromStr for Span {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        const UNITS: [(&str, u64); 5] =
            [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        amount(text, &UNITS).map(Self).ok_or_else(|| InvalidQuantity { text: text.into(), expected: SPAN })
    }
}

/// Whole numbers only: `1.5h` would need a rounding rule nobody remembers; `90m` says the same.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|digit: char| !digit.is_ascii_digit() && digit != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    let number: u64 = digits.replace('_', "").parse().ok()?;
    number.checked_mul(factor).filter(|total| *total <= COUNT_MAX)
}

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (factor, unit) = match self.0 {
            0..0x400 => return write!(f, "{} B", self.0),
            0x400..0x10_0000 => (0x400, "KiB"),
            0x10_0000..0x4000_0000 => (0x10_0000, "MiB"),
            _ => (0x4000_0000, "GiB"),
        };
        match (self.0 / factor, self.0 % factor * 10 / factor) {
            (whole, 0) => write!(f, "{whole} {unit}"),
            (whole, tenths) => write!(f, "{whole}.{tenths} {unit}"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0 s"),
            ms if ms % 86_400_000 == 0 => write!(f, "{} d", ms / 86_400_000),
            ms if ms % 3_600_000 == 0 => write!(f, "{} h", ms / 3_600_000),
            ms if ms % 60_000 == 0 => write!(f, "{} min", ms / 60_000),
            ms if ms % 1_000 == 0 => write!(f, "{} s", ms / 1_000),
            ms => write!(f, "{ms} ms"),
        }
    }
}

/// Whole numbers as decimal text, for those that may pass [`COUNT_MAX`]: numbers of files, nanoseconds. For
/// `#[serde(with = "exact")]`.
pub(crate) mod exact {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(crate) fn serialize<N: Display, S: Serializer>(number: &N, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(crate) fn deserialize<'de, N, D>(deserializer: D) -> Result<N, D::Error>
    where
        N: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_with_their_units() {
        assert_eq!("16MiB".parse(), Ok(Bytes(16 << 20)));
        assert_eq!("64".parse(), Ok(Bytes(64)));
        assert_eq!("1_000".parse(), Ok(Bytes(1000)));
        assert_eq!("4h".parse(), Ok(Span(14_400_000)));
        for bad in ["", "MiB", "16 MB", "-1", "1.5MiB", "99999999999GiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
        for bad in ["5", "1.5h", "h", "-5s"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn instants_read_back_and_a_date_is_its_first_moment() {
        for at in [Timestamp(0), Timestamp(1_795_250_664_000), Timestamp(1_795_250_664_120)] {
            assert_eq!(at.to_string().parse(), Ok(at));
        }
        assert_eq!("1970-01-02".parse(), Ok(Timestamp(86_400_000)));
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), Ok(Timestamp(0)));
        for bad in ["", "tomorrow", "1969-12-31", "2026-13-01", "2026-11-21T10:00:00"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_print_for_people() {
        assert_eq!(Bytes(16 << 20).to_string(), "16 MiB");
        assert_eq!(Bytes(1536).to_string(), "1.5 KiB");
        assert_eq!(Span(14_400_000).to_string(), "4 h");
        assert_eq!(Span(1_500).to_string(), "1500 ms");
    }
}
