//! What is asked for, read from text into dates and checked, so that nothing behind it can fail on its form.

use std::fmt::Display;

use jiff::civil::{Date, Time};
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::bindings::exports::kapell::kickoff_slot::slots::{Busy, Hours, Meeting, SlotError};

/// A stretch of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// A request whose every field is what it says.
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) attendees: Vec<String>,
    pub(crate) length: SignedDuration,
    pub(crate) first_day: Date,
    pub(crate) opens: Time,
    pub(crate) closes: Time,
    pub(crate) offset: Offset,
    /// What is taken, earliest start first.
    pub(crate) busy: Vec<Span>,
    pub(crate) written: Timestamp,
}

impl Request {
    /// Reads a request; the error names the input as the caller wrote it.
    pub(crate) fn read(
        meeting: Meeting,
        first_day: &str,
        hours: &Hours,
        busy: &[Busy],
        written: &str,
    ) -> Result<Self, SlotError> {
        check_meeting(&meeting)?;
        let (opens, closes) = (time("hours.opens", &hours.opens)?, time("hours.closes", &hours.closes)?);
        if closes <= opens {
            return Err(invalid("hours.closes", &hours.closes, "is not after hours.opens"));
        }
        Ok(Self {
            length: SignedDuration::from_mins(i64::from(meeting.minutes)),
            first_day: first_day.parse().map_err(|error| invalid("first-day", first_day, error))?,
            opens,
            closes,
            offset: offset(&hours.offset)?,
            busy: spans(busy)?,
            written: moment("written", written)?,
            name: meeting.name,
            title: meeting.title,
            description: meeting.description,
            attendees: meeting.attendees,
        })
    }

    /// A moment as people on these hours write it.
    pub(crate) fn local(&self, moment: Timestamp) -> String {
        moment.display_with_offset(self.offset).to_string()
    }
}

fn invalid(input: &str, value: &str, reason: impl Display) -> SlotError {
    SlotError::InvalidInput(format!("{input} `{}`: {reason}", value.escape_debug()))
}

fn check_meeting(meeting: &Meeting) -> Result<(), SlotError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=64).contains(&meeting.name.len()) || !meeting.name.bytes().all(plain) {
        return Err(invalid("meeting.name", &meeting.name, "is not 1 to 64 of a-z, 0-9 and -"));
    }
    if meeting.title.is_empty() || meeting.title.chars().any(char::is_control) {
        return Err(invalid("meeting.title", &meeting.title, "is not one line of text"));
    }
    if meeting.description.chars().any(|c| c.is_control() && c != '\n') {
        return Err(invalid("meeting.description", &meeting.description, "has characters that don't print"));
    }
    if let Some(attendee) = meeting.attendees.iter().find(|attendee| !is_address(attendee)) {
        return Err(invalid("meeting.attendees", attendee, "is not of the form name@host"));
    }
    if !(1..=1440).contains(&meeting.minutes) {
        return Err(invalid("meeting.minutes", &meeting.minutes.to_string(), "is not 1 to 1440"));
    }
    Ok(())
}

/// Addresses stand in the file as URIs, so only characters that need no quoting there are taken.
fn is_address(text: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
    };
    text.split_once('@').is_some_and(|(name, host)| fits(name) && fits(host))
}

fn time(input: &str, text: &str) -> Result<Time, SlotError> {
    let is_clock_time = text.len() == 5 && text.as_bytes().get(2) == Some(&b':');
    let parsed = text.parse().map_err(|error| invalid(input, text, error))?;
    if is_clock_time { Ok(parsed) } else { Err(invalid(input, text, "is not of the form HH:MM")) }
}

fn moment(input: &str, text: &str) -> Result<Timestamp, SlotError> {
    text.parse().map_err(|error| invalid(input, text, error))
}

fn offset(text: &str) -> Result<Offset, SlotError> {
    let zone =
        DateTimeParser::new().parse_time_zone(text).map_err(|error| invalid("hours.offset", text, error))?;
    zone.to_fixed_offset().map_err(|error| invalid("hours.offset", text, error))
}

fn spans(busy: &[Busy]) -> Result<Vec<Span>, SlotError> {
    let mut spans = Vec::new();
    for taken in busy {
        let (start, end) = (moment("busy.start", &taken.start)?, moment("busy.end", &taken.end)?);
        if end < start {
            return Err(invalid("busy.end", &taken.end, "is before its start"));
        }
        spans.push(Span { start, end });
    }
    spans.sort_by_key(|span| span.start);
    Ok(spans)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a failing test is meant to end")]

    use super::*;

    /// A kickoff of one hour on or after Tuesday, the first of December 2026.
    pub(crate) fn meeting() -> Meeting {
        Meeting {
            name: "kickoff-acme-ltd".to_owned(),
            title: "Kickoff with Acme Ltd".to_owned(),
            description: String::new(),
            attendees: vec!["ops@acme.example".to_owned()],
            minutes: 60,
        }
    }

    pub(crate) fn hours() -> Hours {
        Hours { opens: "09:00".to_owned(), closes: "17:00".to_owned(), offset: "+01:00".to_owned() }
    }

    /// `busy` are `START/END`, one a line.
    pub(crate) fn request(meeting: Meeting, first_day: &str, busy: &str) -> Request {
        let taken = |line: &str| {
            let (start, end) = line.trim().split_once('/').unwrap();
            Busy { start: start.to_owned(), end: end.to_owned() }
        };
        let busy: Vec<Busy> = busy.lines().map(taken).collect();
        Request::read(meeting, first_day, &hours(), &busy, "2026-11-20T08:00:00Z").unwrap()
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Meeting, &mut Hours, &mut Busy, &mut String), expected: &str) {
        let (mut meeting, mut hours, mut day) = (meeting(), hours(), "2026-12-01".to_owned());
        let mut busy =
            Busy { start: "2026-12-01T09:00:00Z".to_owned(), end: "2026-12-01T10:00:00Z".to_owned() };
        change(&mut meeting, &mut hours, &mut busy, &mut day);
        match Request::read(meeting, &day, &hours, &[busy], "2026-11-20T08:00:00Z") {
            Ok(_) => panic!("not refused: {expected}"),
            Err(SlotError::InvalidInput(text)) => assert!(text.starts_with(expected), "{text}"),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_input_that_is_not_what_it_says_is_refused_by_name() {
        refused(|m, _, _, _| m.name = "../kickoff".to_owned(), "meeting.name `../kickoff`");
        refused(|m, _, _, _| m.title = "A\r\nATTENDEE:x".to_owned(), "meeting.title `A\\r\\nATTENDEE:x`");
        refused(|m, _, _, _| m.description = "\u{7}".to_owned(), "meeting.description");
        refused(|m, _, _, _| m.attendees = vec!["a@b:c".to_owned()], "meeting.attendees `a@b:c`");
        refused(|m, _, _, _| m.minutes = 0, "meeting.minutes `0`");
        refused(|m, _, _, _| m.minutes = 1441, "meeting.minutes `1441`");
        refused(|_, h, _, _| h.opens = "9:00".to_owned(), "hours.opens `9:00`");
        refused(|_, h, _, _| h.opens = "24:00".to_owned(), "hours.opens `24:00`");
        refused(|_, h, _, _| h.closes = "09:00".to_owned(), "hours.closes `09:00`: is not after");
        refused(|_, h, _, _| h.offset = "Europe/Berlin".to_owned(), "hours.offset `Europe/Berlin`");
        refused(|_, _, b, _| b.start = "2026-12-01T09:00:00".to_owned(), "busy.start");
        refused(|_, _, b, _| b.end = "2026-12-01T08:00:00Z".to_owned(), "busy.end");
        refused(|_, _, _, day| *day = "2026-02-30".to_owned(), "first-day `2026-02-30`");
        refused(|_, _, _, day| day.clear(), "first-day ``");
    }
}
