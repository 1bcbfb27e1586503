//! Days as numbers, so that the days between two of them are a difference.

use jiff::civil::{Date, date};
use jiff::{Span, ToSpan as _};
use std::fmt;

const FIRST: Date = date(1970, 1, 1);

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// The day of a date.
    #[must_use]
    pub fn of(date: Date) -> Self {
        // Any two dates can be told apart in days, and days alone are what is asked for here.
        Self(FIRST.until(date).map_or(0, |span| span.get_days()))
    }

    /// Reads `2026-10-03` and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        text.parse().ok().filter(|_| is_plain).map(Self::of)
    }

    /// The date.
    #[must_use]
    pub fn date(self) -> Date {
        let since: Span = self.0.days();
        FIRST.checked_add(since).unwrap_or(FIRST)
    }

    /// Days from one to the other, whichever is first.
    #[must_use]
    pub const fn apart(self, other: Self) -> u32 {
        self.0.abs_diff(other.0)
    }

    /// Its place in a round of so many days.
    pub(crate) fn within(self, round: usize) -> usize {
        usize::try_from(self.0.unsigned_abs()).unwrap_or_default() % round.max(1)
    }

    /// The day so many days on, or back.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_and_told_again() {
        for text in ["1970-01-01", "2026-10-03", "2024-02-29", "1969-12-31", "0001-01-01", "9999-12-31"] {
            assert_eq!(Day::parse(text).map(|day| day.to_string()).as_deref(), Some(text));
        }
        for text in ["2026-02-30", "2026-1-1", "20261003", "2026-10-03T10:00", "", "-02026-10-03"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        let apart = |one, other| Day::parse(one).zip(Day::parse(other)).map(|(one, other)| one.apart(other));
        assert_eq!(apart("2026-03-01", "2026-02-27"), Some(2));
        assert_eq!(Day::parse("2026-02-27").map(|day| day.plus(2)), Day::parse("2026-03-01"));
    }
}
