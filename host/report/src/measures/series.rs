//! Period by period: what is counted by the hour while runs are read becomes hours, days, weeks or months, whichever
//! people can see at a glance.

use crate::cost::CostKind;
use crate::log::format;
use jiff::civil::Weekday;
use jiff::{ToSpan as _, Zoned, tz::TimeZone};
use kapell_model::money::Money;
use kapell_model::quantity::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

const HOUR: u64 = 3_600_000;

/// The most points people can tell apart.
const POINTS: u64 = 62;

/// Points of one length without gaps.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Series {
    /// How long a point is.
    pub unit: Unit,
    /// The points in order.
    pub points: Vec<Point>,
}

/// How long a point is, in UTC; weeks begin on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
}

/// What happened in an hour, day, week or month.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Point {
    /// Where it begins.
    pub from: Timestamp,
    /// Runs that ended done in it and asked nobody.
    pub done_without_a_person: u64,
    /// Runs that ended done in it and asked somebody.
    pub done_with_a_person: u64,
    /// Runs that ended otherwise in it.
    pub ended_otherwise: u64,
    /// What was charged in it, by kind.
    pub cost: BTreeMap<CostKind, Money>,
}

/// What is known hour by hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Hours(BTreeMap<u64, Point>);

impl Hours {
    /// The hour of an instant.
    pub(super) fn at(&mut self, at: Timestamp) -> &mut Point {
        self.0.entry(at.0 / HOUR).or_default()
    }

    /// The series over a period.
    pub(super) fn series(self, from: Option<Timestamp>, until: Timestamp) -> Series {
        let from = from.unwrap_or(until);
        let unit = Unit::over(until.0.saturating_sub(from.0));
        let mut points = BTreeMap::new();
        let (mut at, mut room) = (unit.begin(from), 2 * POINTS);
        while let Some(begin) = at.filter(|begin| *begin <= until && room > 0) {
            points.insert(begin, Point { from: begin, ..Point::default() });
            (at, room) = (unit.next(begin), room - 1);
        }
        for (hour, counted) in self.0 {
            let begin = unit.begin(Timestamp(hour * HOUR)).unwrap_or_default();
            // What happened after the report was asked for belongs to its last point.
            let point = points.range_mut(..=begin).next_back().map(|(_, point)| point);
            if let Some(point) = point {
                point.add(counted);
            }
        }
        Series { unit, points: points.into_values().collect() }
    }
}

impl Point {
    /// Whether nothing happened in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.done_without_a_person + self.done_with_a_person + self.ended_otherwise == 0
            && self.cost.is_empty()
    }

    fn add(&mut self, more: Point) {
        self.done_without_a_person += more.done_without_a_person;
        self.done_with_a_person += more.done_with_a_person;
        self.ended_otherwise += more.ended_otherwise;
        more.cost.into_iter().for_each(|(kind, money)| self.charge(kind, &money));
    }

    /// Adds a charge. What can't be added, in another currency, is left out; the figure of the whole says so.
    pub(super) fn charge(&mut self, kind: CostKind, money: &Money) {
        let sum = self.cost.entry(kind).or_insert_with(|| Money::zero(money.currency));
        if let Ok(more) = sum.plus(money) {
            *sum = more;
        }
    }
}

impl Unit {
    /// The longest unit of which the period has a good few.
    const fn over(millis: u64) -> Self {
        match millis / HOUR {
            0..=48 => Unit::Hour,
            hours if hours <= 24 * POINTS => Unit::Day,
            hours if hours <= 7 * 24 * POINTS => Unit::Week,
            _ => Unit::Month,
        }
    }

    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
        }
    }

    /// A point's whole name.
    #[must_use]
    pub fn name(self, from: Timestamp) -> String {
        match self {
            Unit::Hour => format(from, "%Y-%m-%d %H:%M"),
            Unit::Day | Unit::Week => format(from, "%Y-%m-%d"),
            Unit::Month => format(from, "%Y-%m"),
        }
    }

    /// A point's name beside those of its neighbours.
    #[must_use]
    pub fn label(self, from: Timestamp) -> String {
        match self {
            Unit::Hour if from.0.is_multiple_of(24 * HOUR) => format(from, "%b %-d"),
            Unit::Hour => format(from, "%H:%M"),
            Unit::Day | Unit::Week => format(from, "%b %-d"),
            Unit::Month => format(from, "%b %Y"),
        }
    }

    fn begin(self, at: Timestamp) -> Option<Timestamp> {
        let date = zoned(at)?.date();
        let date = match self {
            Unit::Hour => return Some(Timestamp(at.0 / HOUR * HOUR)),
            Unit::Day => date,
            Unit::Week if date.weekday() == Weekday::Monday => date,
            Unit::Week => date.nth_weekday(-1, Weekday::Monday).ok()?,
            Unit::Month => date.first_of_month(),
        };
        instant(&date.to_zoned(TimeZone::UTC).ok()?)
    }

    fn next(self, from: Timestamp) -> Option<Timestamp> {
        let length = match self {
            Unit::Hour => 1.hour(),
            Unit::Day => 1.day(),
            Unit::Week => 1.week(),
            Unit::Month => 1.month(),
        };
        instant(&zoned(from)?.checked_add(length).ok()?)
    }
}

fn zoned(at: Timestamp) -> Option<Zoned> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
    Some(at.to_zoned(TimeZone::UTC))
}

fn instant(at: &Zoned) -> Option<Timestamp> {
    u64::try_from(at.timestamp().as_millisecond()).ok().map(Timestamp)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn points(from: &str, until: &str, ended: &[&str]) -> (Unit, Vec<String>) {
        let mut hours = Hours::default();
        ended.iter().for_each(|it| hours.at(at(it)).ended_otherwise += 1);
        let series = hours.series(Some(at(from)), at(until));
        let told = |point: &Point| format!("{} {}", series.unit.label(point.from), point.ended_otherwise);
        (series.unit, series.points.iter().map(told).collect())
    }

    #[test]
    fn points_are_as_long_as_the_period_asks_for_and_without_gaps() {
        let ended = ["2026-11-02T10:59:59Z", "2026-11-02T11:00:00Z", "2026-11-04T00:00:00Z"];
        let (unit, hours) = points("2026-11-02T10:30:00Z", "2026-11-02T12:10:00Z", &ended[..2]);
        assert_eq!(
            (unit, hours),
            (Unit::Hour, ["10:00 1", "11:00 1", "12:00 0"].map(str::to_owned).to_vec())
        );
        let (unit, days) = points("2026-11-02", "2026-11-05T01:00:00Z", &ended);
        assert_eq!(
            (unit, days),
            (Unit::Day, ["Nov 2 2", "Nov 3 0", "Nov 4 1", "Nov 5 0"].map(str::to_owned).to_vec())
        );
        let (unit, weeks) = points("2026-09-01", "2026-11-05", &ended);
        assert_eq!(
            (unit, weeks.len(), weeks[0].as_str()),
            (Unit::Week, 10, "Aug 31 0"),
            "weeks begin on Monday"
        );
        assert_eq!(weeks[9], "Nov 2 3");
        let (unit, months) = points("2024-11-20", "2026-11-05", &ended);
        assert_eq!((unit, months.len(), months[24].as_str()), (Unit::Month, 25, "Nov 2026 3"));
    }

    #[test]
    fn a_period_without_end_is_no_endless_series() {
        let series = Hours::default().series(Some(Timestamp(0)), Timestamp(u64::MAX));
        assert!(series.points.len() <= 124);
        let now = Timestamp(5);
        assert_eq!(Hours::default().series(None, now).points.len(), 1);
    }

    #[test]
    fn what_ended_after_the_report_was_asked_for_is_in_its_last_point() {
        let (_, points) = points("2026-11-02T10:00:00Z", "2026-11-02T10:10:00Z", &["2026-11-02T11:00:00Z"]);
        assert_eq!(points, ["10:00 1"]);
    }
}
