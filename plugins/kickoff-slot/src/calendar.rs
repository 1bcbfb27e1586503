//! A slot in the words of RFC 5545 (iCalendar).

use jiff::Timestamp;
use jiff::tz::Offset;
use sha2::{Digest, Sha256};

use crate::request::{Request, Span};

/// Longest line in bytes, its line end not counted (RFC 5545, 3.1).
const LINE_BYTES: usize = 75;

/// The text of a calendar file with one event.
pub(crate) fn write(request: &Request, slot: &Span) -> String {
    let mut calendar = String::new();
    for line in lines(request, slot) {
        fold(&line, &mut calendar);
    }
    calendar
}

fn lines(request: &Request, slot: &Span) -> Vec<String> {
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Kapell//kickoff-slot//EN".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}", uid(request)),
        format!("DTSTAMP:{}", utc(request.written)),
        format!("DTSTART:{}", utc(slot.start)),
        format!("DTEND:{}", utc(slot.end)),
        format!("SUMMARY:{}", escape(&request.title)),
    ];
    if !request.description.is_empty() {
        lines.push(format!("DESCRIPTION:{}", escape(&request.description)));
    }
    lines.extend(request.attendees.iter().map(|attendee| format!("ATTENDEE:mailto:{attendee}")));
    lines.extend(["END:VEVENT".to_owned(), "END:VCALENDAR".to_owned()]);
    lines
}

/// The same meeting has the same id wherever it is moved to, so that a second file replaces the event in a
/// calendar instead of standing beside it. A hash, because the id travels further than the addresses should.
fn uid(request: &Request) -> String {
    let mut hash = Sha256::new();
    for part in [&request.name, &request.title].into_iter().chain(&request.attendees) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn utc(moment: Timestamp) -> String {
    Offset::UTC.to_datetime(moment).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Text as a value: what would end or divide it is escaped (RFC 5545, 3.3.11).
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Appends a line with its end, broken so that no line is too long and no character is cut.
fn fold(line: &str, calendar: &mut String) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LINE_BYTES {
            calendar.push_str("\r\n ");
            length = 1;
        }
        calendar.push(c);
        length += c.len_utf8();
    }
    calendar.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test is meant to end")]

    use crate::bindings::exports::kapell::kickoff_slot::slots::Meeting;
    use crate::request::tests::{meeting, request};

    fn calendar_of(meeting: Meeting) -> String {
        crate::propose(&request(meeting, "2026-12-01", "")).unwrap().1
    }

    #[test]
    fn the_file_as_people_get_it() {
        let meeting = Meeting { description: "Agenda:\n1. People, plan".to_owned(), ..meeting() };
        let expected = "\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Kapell//kickoff-slot//EN
BEGIN:VEVENT
UID:f6abb471b3e3c899cc98102896e25f76
DTSTAMP:20261120T080000Z
DTSTART:20261201T080000Z
DTEND:20261201T090000Z
SUMMARY:Kickoff with Acme Ltd
DESCRIPTION:Agenda:\\n1. People\\, plan
ATTENDEE:mailto:ops@acme.example
END:VEVENT
END:VCALENDAR
";
        assert_eq!(calendar_of(meeting), expected.replace('\n', "\r\n"));
    }

    #[test]
    fn no_line_is_longer_than_75_bytes_and_unfolding_gives_the_text_back() {
        for title in
            ["x".repeat(500), "é".repeat(200), "a株式会社".repeat(60), "😀".repeat(75), "x".repeat(67)]
        {
            let calendar = calendar_of(Meeting { title: title.clone(), ..meeting() });
            assert!(calendar.ends_with("\r\n"));
            assert!(calendar.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])));
            assert!(calendar.replace("\r\n ", "").contains(&format!("\r\nSUMMARY:{title}\r\n")));
        }
    }

    #[test]
    fn a_text_cannot_end_its_line_or_its_value() {
        let text = "a;b,c\\d\nEND:VEVENT";
        let calendar = calendar_of(Meeting { description: text.to_owned(), ..meeting() });
        assert!(calendar.contains("DESCRIPTION:a\\;b\\,c\\\\d\\nEND:VEVENT\r\n"));
        assert_eq!(calendar.matches("\r\nEND:VEVENT\r\n").count(), 1);
    }

    #[test]
    fn the_id_follows_the_meeting_and_not_the_slot() {
        let uid = |calendar: String| calendar.lines().find(|l| l.starts_with("UID:")).unwrap().to_owned();
        let moved = request(meeting(), "2026-12-08", "");
        let first = uid(calendar_of(meeting()));
        assert_eq!(first, uid(crate::propose(&moved).unwrap().1));
        assert_ne!(first, uid(calendar_of(Meeting { title: "Other".to_owned(), ..meeting() })));
    }
}
