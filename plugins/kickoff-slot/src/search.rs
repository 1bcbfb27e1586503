//! The first slot that is free.

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::bindings::exports::kapell::kickoff_slot::slots::SlotError;
use crate::request::{Request, Span};

/// How many days are searched, the first one included: four weeks, or people agree by other means.
const DAYS: usize = 28;

/// Meetings begin on a quarter of an hour.
const QUARTER_SECONDS: i64 = 15 * 60;

/// The first free slot on a weekday within working hours.
pub(crate) fn first_free(request: &Request) -> Result<Span, SlotError> {
    let mut last = request.first_day;
    for day in request.first_day.series(1.day()).take(DAYS) {
        last = day;
        if is_weekend(day) {
            continue;
        }
        if let Some(slot) = first_free_on(request, day)? {
            return Ok(slot);
        }
    }
    Err(SlotError::NoFreeSlot(last.to_string()))
}

fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Walks the day from its opening; each taken time that is in the way moves the candidate behind it.
fn first_free_on(request: &Request, day: Date) -> Result<Option<Span>, SlotError> {
    let at = |time| request.offset.to_timestamp(day.to_datetime(time)).map_err(out_of_range);
    let closes = at(request.closes)?;
    let mut start = next_quarter(at(request.opens)?)?;
    for taken in &request.busy {
        let end = start.checked_add(request.length).map_err(out_of_range)?;
        if taken.start < end && start < taken.end {
            start = next_quarter(taken.end)?;
        }
    }
    let end = start.checked_add(request.length).map_err(out_of_range)?;
    Ok((end <= closes).then_some(Span { start, end }))
}

/// The moment itself when it is on a quarter of an hour, else the next one that is.
fn next_quarter(moment: Timestamp) -> Result<Timestamp, SlotError> {
    let over =
        SignedDuration::new(moment.as_second().rem_euclid(QUARTER_SECONDS), moment.subsec_nanosecond());
    if over.is_zero() {
        return Ok(moment);
    }
    moment.checked_add(SignedDuration::from_secs(QUARTER_SECONDS) - over).map_err(out_of_range)
}

fn out_of_range(error: jiff::Error) -> SlotError {
    SlotError::InvalidInput(format!("first-day: the search leaves the calendar: {error}"))
}

#[cfg(test)]
mod tests {
    use super::SlotError;
    use crate::request::tests::{meeting, request};

    #[track_caller]
    fn check(minutes: u16, first_day: &str, busy: &str, expected: &str) {
        let mut meeting = meeting();
        meeting.minutes = minutes;
        let request = request(meeting, first_day, busy);
        let found = match super::first_free(&request) {
            Ok(slot) => format!("{} to {}", request.local(slot.start), request.local(slot.end)),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn an_empty_calendar_gives_the_first_working_hour() {
        check(60, "2026-12-01", "", "2026-12-01T09:00:00+01:00 to 2026-12-01T10:00:00+01:00");
        check(480, "2026-12-01", "", "2026-12-01T09:00:00+01:00 to 2026-12-01T17:00:00+01:00");
    }

    #[test]
    fn weekends_are_passed_over() {
        check(60, "2026-12-05", "", "2026-12-07T09:00:00+01:00 to 2026-12-07T10:00:00+01:00");
    }

    #[test]
    fn taken_times_are_passed_over_also_when_they_overlap_and_come_unsorted() {
        let busy = "2026-12-01T10:30:00+01:00/2026-12-01T11:10:00+01:00
                    2026-12-01T09:00:00+01:00/2026-12-01T10:00:00+01:00
                    2026-12-01T09:30:00+01:00/2026-12-01T09:45:00+01:00";
        check(30, "2026-12-01", busy, "2026-12-01T10:00:00+01:00 to 2026-12-01T10:30:00+01:00");
        check(60, "2026-12-01", busy, "2026-12-01T11:15:00+01:00 to 2026-12-01T12:15:00+01:00");
    }

    #[test]
    fn a_time_in_another_offset_is_the_same_time() {
        let busy = "2026-12-01T08:00:00Z/2026-12-01T03:00:00-06:00";
        check(60, "2026-12-01", busy, "2026-12-01T10:00:00+01:00 to 2026-12-01T11:00:00+01:00");
    }

    #[test]
    fn a_meeting_that_does_not_fit_before_closing_moves_to_the_next_day() {
        let busy = "2026-12-01T09:00:00+01:00/2026-12-01T16:30:00+01:00";
        check(30, "2026-12-01", busy, "2026-12-01T16:30:00+01:00 to 2026-12-01T17:00:00+01:00");
        check(31, "2026-12-01", busy, "2026-12-02T09:00:00+01:00 to 2026-12-02T09:31:00+01:00");
    }

    #[test]
    fn the_last_searched_day_is_named_when_nothing_is_free() {
        let busy = "2026-11-01T00:00:00Z/2027-11-01T00:00:00Z";
        check(60, "2026-12-01", busy, "SlotError::NoFreeSlot(\"2026-12-28\")");
        check(481, "2026-12-01", "", "SlotError::NoFreeSlot(\"2026-12-28\")");
        let until_the_last = "2026-11-01T00:00:00Z/2026-12-28T15:00:00Z";
        check(60, "2026-12-01", until_the_last, "2026-12-28T16:00:00+01:00 to 2026-12-28T17:00:00+01:00");
    }

    #[test]
    fn the_end_of_the_calendar_is_an_answer_and_no_crash() {
        let busy = "2026-12-01T00:00:00Z/9999-12-30T22:00:00Z";
        let found = super::first_free(&request(meeting(), "9999-12-20", busy));
        assert!(matches!(found, Err(SlotError::InvalidInput(_))), "{found:?}");
    }
}
