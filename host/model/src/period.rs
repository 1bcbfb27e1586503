//! Days, weeks and months in UTC, as the days of reports are: what the budgets of flows are for.

use crate::quantity::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

const DAY_MILLIS: u64 = 86_400_000;
/// 1970-01-01 was a Thursday, so many days after the Monday its week began with.
const AFTER_MONDAY: u32 = 3;

/// A day in UTC: whole days since 1970-01-01. Written `2026-11-21`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub u32);

/// How long a period is; weeks begin on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month of the calendar.
    Month,
}

/// A text that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no day such as 2026-11-21")]
pub struct InvalidDay(String);

impl Day {
    /// The day an instant is in.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.0 / DAY_MILLIS).unwrap_or(u32::MAX))
    }

    fn date(self) -> Option<Date> {
        let instant = jiff::Timestamp::from_second(i64::from(self.0) * 86_400).ok()?;
        Some(instant.to_zoned(TimeZone::UTC).date())
    }

    fn of_date(date: Date) -> Option<Self> {
        let seconds = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        u32::try_from(seconds / 86_400).ok().filter(|_| seconds >= 0).map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{date}"),
            None => write!(f, "{} days after 1970", self.0),
        }
    }
}

impl FromStr for Day {
    type Err = InvalidDay;
    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        text.parse().ok().and_then(Self::of_date).ok_or_else(|| InvalidDay(text.into()))
    }
}

impl TryFrom<String> for Day {
    type Error = InvalidDay;
    fn try_from(text: String) -> Result<Self, InvalidDay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl Per {
    /// Every length, with the word for it.
    pub const WORDS: [(&'static str, Per); 3] =
        [("day", Per::Day), ("week", Per::Week), ("month", Per::Month)];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Per::Day => "day",
            Per::Week => "week",
            Per::Month => "month",
        }
    }

    /// How often such a period comes: `monthly`.
    #[must_use]
    pub const fn each(self) -> &'static str {
        match self {
            Per::Day => "daily",
            Per::Week => "weekly",
            Per::Month => "monthly",
        }
    }

    /// The days of the period that a day is in.
    #[must_use]
    pub fn around(self, day: Day) -> RangeInclusive<Day> {
        let monday = || {
            Day((day.0 + AFTER_MONDAY)
                .saturating_sub((day.0 + AFTER_MONDAY) % 7)
                .saturating_sub(AFTER_MONDAY))
        };
        let month = || {
            let date = day.date()?;
            Some(Day::of_date(date.first_of_month())?..=Day::of_date(date.last_of_month())?)
        };
        match self {
            Per::Day => day..=day,
            Per::Week => monday()..=Day(monday().0.saturating_add(6)),
            Per::Month => month().unwrap_or(day..=day),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn around(per: Per, day: &str) -> String {
        let days = per.around(day.parse().unwrap());
        format!("{}..{}", days.start(), days.end())
    }

    #[test]
    fn a_period_is_a_whole_day_week_or_month_in_utc() {
        assert_eq!(Day::of("2026-11-21T23:59:59.999Z".parse().unwrap()).to_string(), "2026-11-21");
        assert_eq!(Day::of("2026-11-22T00:30:00+01:00".parse().unwrap()).to_string(), "2026-11-21");
        assert_eq!(around(Per::Day, "2026-11-21"), "2026-11-21..2026-11-21");
        assert_eq!(around(Per::Week, "2026-11-22"), "2026-11-16..2026-11-22", "a Sunday ends its week");
        assert_eq!(around(Per::Week, "2026-11-23"), "2026-11-23..2026-11-29");
        assert_eq!(around(Per::Month, "2028-02-10"), "2028-02-01..2028-02-29");
        assert_eq!(around(Per::Month, "2026-12-31"), "2026-12-01..2026-12-31");
        for bad in ["", "2026-11", "2026-13-01", "1969-12-31", "today"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }

    proptest! {
        /// Periods leave no day out and share none: each day of a period has that period.
        #[test]
        fn every_day_is_in_one_period(day in 10_u32..60_000, on in 0_u32..31) {
            for (_, per) in Per::WORDS {
                let days = per.around(Day(day));
                prop_assert!(days.contains(&Day(day)));
                let other = Day(days.start().0 + on % (days.end().0 - days.start().0 + 1));
                prop_assert_eq!(per.around(other), days);
            }
        }
    }
}
