//! Which days have lines: those that should and have none, and those that don't belong.

use crate::entries::Entry;
use crate::findings::{Findings, Kind};
use jiff::civil::{Date, Weekday};
use kapell_cells::Day;
use std::collections::BTreeSet;

/// Working days in a row without a line that are worth a word: one alone may be a holiday.
const IN_A_ROW: usize = 2;
/// Days that are looked at, at most: what spans more is no month and no year.
const SPAN_MAX: u32 = 400;

/// Names lines outside of the month, working days without a line in an account that has one on most of them, and more
/// than half of all working days in any account: an export that ends early looks like a quiet one.
pub(crate) fn check(entries: &[Entry], month: Option<Date>, findings: &mut Findings) {
    if let Some(month) = month {
        let (first, last) = (Day::of(month.first_of_month()), Day::of(month.last_of_month()));
        for entry in entries.iter().filter(|entry| !(first..=last).contains(&entry.day)) {
            findings.add(entry.line, Kind::OtherMonth, || format!("it is of {}", entry.day));
        }
    }
    let days: BTreeSet<Day> = entries.iter().map(|entry| entry.day).collect();
    let Some((first, last)) = span(&days, month) else { return };
    let length = last.apart(first).min(SPAN_MAX);
    let all = (0..=length).filter_map(|on| Some(first.plus(i32::try_from(on).ok()?)));
    let working: Vec<Day> = all.filter(|day| is_working(*day)).collect();
    let booked = working.iter().filter(|day| days.contains(day)).count();
    if length == SPAN_MAX {
        return;
    }
    let is_busy = booked * 2 >= working.len();
    for gap in working.chunk_by(|one, next| days.contains(one) == days.contains(next)) {
        if let [begin, .., end] = gap
            && !days.contains(begin)
            && (is_busy && gap.len() >= IN_A_ROW || gap.len() * 2 > working.len())
        {
            findings.add(0, Kind::MissingDays, || {
                format!("no line from {begin} to {end}, {} working days", gap.len())
            });
        }
    }
}

/// From which day to which lines should stand.
fn span(days: &BTreeSet<Day>, month: Option<Date>) -> Option<(Day, Day)> {
    match month {
        Some(month) => Some((Day::of(month.first_of_month()), Day::of(month.last_of_month()))),
        None => Some((*days.first()?, *days.last()?)),
    }
}

fn is_working(day: Day) -> bool {
    !matches!(day.date().weekday(), Weekday::Saturday | Weekday::Sunday)
}
