//! A review in a terminal.

use super::{Row, Sheet, flow, sheet};
use kapell_model::flow::FlowReview;
use kapell_model::review::Review;
use std::fmt::Write as _;

/// The widest line, in characters.
const WIDTH: usize = 110;

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
        let _ = writeln!(text, "{}", wrapped(note, indent + 2));
    }
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
