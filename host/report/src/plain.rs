//! Text from guests and strangers made safe and short for people.
//!
//! Control characters can move a terminal's cursor and rewrite what stands above; bidirectional and zero-width
//! characters make a text read as something it is not. All of them are shown as escapes.

use kapell_model::digest::Digest;
use kapell_model::quantity::{Bytes, Span};
use serde_json::Value;

/// One line: everything that is not plainly visible is shown as an escape.
#[must_use]
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            letter if is_deceptive(letter) => shown.extend(letter.escape_unicode()),
            letter => shown.push(letter),
        }
    }
    shown
}

/// Several lines: as [`line`], but line breaks stay.
#[must_use]
pub fn lines(text: &str) -> String {
    text.split('\n').map(|part| line(part.trim_end_matches('\r'))).collect::<Vec<_>>().join("\n")
}

/// One line of `width` characters at most.
#[must_use]
pub fn short(text: &str, width: usize) -> String {
    let shown = line(text);
    match shown.chars().count() > width {
        true => shown.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => shown,
    }
}

/// A JSON value on one line of `width` characters at most.
#[must_use]
pub fn value(value: &Value, width: usize) -> String {
    match value {
        Value::String(text) => short(&format!("{text:?}"), width),
        other => short(&other.to_string(), width),
    }
}

/// A JSON value over several lines that is still JSON: what can't be seen is written as a `\u` escape.
#[must_use]
pub fn json(value: &Value) -> String {
    visible(&format!("{value:#}"))
}

/// The same on one line.
#[must_use]
pub fn json_line(value: &Value) -> String {
    visible(&value.to_string())
}

/// JSON in which what can't be seen is an escape; it stands in texts only.
fn visible(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '\n' => shown.push('\n'),
            letter if is_deceptive(letter) => {
                let mut units = [0; 2];
                letter
                    .encode_utf16(&mut units)
                    .iter()
                    .for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
            }
            letter => shown.push(letter),
        }
    }
    shown
}

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn number(number: u64) -> String {
    kapell_model::quantity::thousands(number)
}

/// A value that a decision saw, on a line; one that was too large to be kept there is told by its size and digest.
#[must_use]
pub fn seen(seen: &Value, width: usize) -> String {
    let large = seen.as_object().filter(|fields| fields.len() == 2);
    let parts =
        large.and_then(|fields| Some((fields.get("bytes")?.as_u64()?, fields.get("digest")?.as_str()?)));
    let parts = parts.and_then(|(bytes, digest)| Some((bytes, digest.parse::<Digest>().ok()?)));
    match parts {
        Some((bytes, digest)) => format!("({}, {})", Bytes(bytes), digest.short()),
        None => value(seen, width),
    }
}

/// Microseconds for people: `12 ms`, `1.4 s`.
#[must_use]
pub fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// A span for people, its two largest units: `302 ms`, `4.5 s`, `2 h 13 min`, `3 d`.
#[must_use]
pub fn duration(span: Span) -> String {
    let pair = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {part}"),
    };
    let (seconds, minutes, hours) = (span.0 / 1_000, span.0 / 60_000, span.0 / 3_600_000);
    match span.0 {
        0..1_000 => format!("{} ms", span.0),
        1_000..60_000 => format!("{seconds}.{} s", span.0 % 1_000 / 100),
        60_000..3_600_000 => pair(minutes, "min", seconds % 60, "s"),
        3_600_000..86_400_000 => pair(hours, "h", minutes % 60, "min"),
        _ => pair(hours / 24, "d", hours % 24, "h"),
    }
}

/// Control characters, bidirectional controls, zero-width characters and the like.
fn is_deceptive(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_too_large_to_be_kept_with_a_decision_is_told_by_size_and_digest() {
        let digest = Digest::of(b"x");
        let large = serde_json::json!({ "bytes": 702, "digest": digest });
        assert_eq!(seen(&large, 40), format!("(702 B, {})", digest.short()));
        // What only looks so is a value like any other.
        let other = serde_json::json!({ "bytes": 702, "digest": "none" });
        assert_eq!(seen(&other, 40), r#"{"bytes":702,"digest":"none"}"#);
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(line("pay\u{202e}01"), "pay\\u{202e}01");
        assert_eq!(lines("a\r\nb\u{7}"), "a\nb\\u{7}");
        assert_eq!(short("abcdef", 4), "abc…");
        let value = Value::String("\u{9b}2J\u{202e}\u{e0001}é".into());
        assert_eq!(json(&value), "\"\\u009b2J\\u202e\\udb40\\udc01é\"");
        assert_eq!(serde_json::from_str::<Value>(&json(&value)).ok(), Some(value));
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(100), "100");
        assert_eq!(micros(12_345), "12.3 ms");
        let told = [302, 4_500, 240_000, 245_000, 7_980_000, 259_200_000, 273_600_000];
        let told = told.map(|ms| duration(Span(ms))).join(", ");
        assert_eq!(told, "302 ms, 4.5 s, 4 min, 4 min 5 s, 2 h 13 min, 3 d, 3 d 4 h");
    }
}
