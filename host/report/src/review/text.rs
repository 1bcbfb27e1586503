//! A review in a terminal.

use super::{Note, Row, Sheet, flow, sheet};
use crate::plain::number;
use kapell_model::flow::FlowReview;
use kapell_model::review::Review;
use std::fmt::Write as _;

/// The widest line, in characters.
const WIDTH: usize = 110;

/// Most lines of a quoted text; how much more there is stands below it.
const QUOTED_LINES: usize = 24;

/// The whole review of a skill; its last line names exactly what was shown.
#[must_use]
pub fn text(review: &Review) -> String {
    set(&sheet(review))
}

/// The whole review of a flow; its last line names exactly what was shown.
#[must_use]
pub fn flow_text(review: &FlowReview) -> String {
    set(&flow::sheet(review))
}

fn set(sheet: &Sheet) -> String {
    let first = format!("{} {}  {}", sheet.name, sheet.version, sheet.about);
    let mut text = format!("{}\n", first.trim_end());
    for (name, value) in &sheet.identity {
        let _ = writeln!(text, "{name:<10}  {value}");
    }
    for (_, told) in &sheet.told {
        let _ = writeln!(text, "{:<10}  {told}", "note");
    }
    for section in &sheet.sections {
        let _ = writeln!(text, "\n{}", section.title);
        if section.rows.is_empty() {
            let _ = writeln!(text, "  {}", section.none);
        }
        let marked = section.rows.iter().any(|row| row.mark.is_some());
        section.rows.iter().for_each(|row| write_row(&mut text, row, marked));
    }
    let _ = write!(text, "\nshown       {}", sheet.shown);
    text
}

fn write_row(text: &mut String, row: &Row, marked: bool) {
    let (mark, indent) = match marked {
        true => (format!("{:<8}  ", row.mark.map_or("", |mark| mark.word)), 12),
        false => (String::new(), 2),
    };
    let _ = writeln!(text, "  {mark}{}", wrapped(&row.head, indent).trim_start());
    for note in &row.notes {
        let _ = match note {
            Note::Words(words) => writeln!(text, "{}", wrapped(words, indent + 2)),
            Note::Quoted(quoted) => writeln!(text, "{}", framed(quoted, indent + 4)),
        };
    }
}

/// A stranger's text in a frame that none of its lines can leave; a long one ends with how much is left.
fn framed(quoted: &str, indent: usize) -> String {
    let (indent, width) = (" ".repeat(indent), WIDTH - indent - 2);
    let (mut framed, mut left) = (Vec::new(), quoted);
    while framed.len() < QUOTED_LINES {
        let within = left.char_indices().take_while(|(_, letter)| *letter != '\n').take(width);
        let end = within.last().map_or(0, |(at, letter)| at + letter.len_utf8());
        let (row, rest) = left.split_at(end);
        framed.push(format!("{indent}| {row}").trim_end().to_owned());
        left = rest.strip_prefix('\n').unwrap_or(rest);
        if rest.is_empty() {
            return framed.join("\n");
        }
    }
    let more = number(u64::try_from(left.chars().count()).unwrap_or(u64::MAX));
    framed.push(format!("{indent}… {more} more characters; `--html` and `--json` show them"));
    framed.join("\n")
}

/// Words on lines that are not too wide; a longer word stands alone.
fn wrapped(words: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH - indent => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    let indent = " ".repeat(indent);
    lines.iter().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}
