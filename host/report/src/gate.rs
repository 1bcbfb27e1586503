//! A question as the person asked sees it: exactly what is hashed, how it was answered before, and how to answer.

use crate::answered::{self, Precedent};
use crate::log::instant;
use crate::plain::{line, lines, number};
use kapell_journal::entry::QuestionAsked;
use kapell_journal::fold::OpenQuestion;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Most characters of one thing that is shown on a terminal. What is longer is no text a person reads there.
const MOST: usize = 60_000;

/// The question with everything that is shown, for a terminal. Precedents are not part of what an answer is bound to:
/// they stand in the journal already.
#[must_use]
pub fn text(open: &OpenQuestion, shown: &Value, precedents: &[Precedent]) -> String {
    let asked = &open.asked;
    let mut text = format!("{} asks {}:\n\n{}\n", asked.step, who(asked), framed(&lines(&asked.text)));
    for (name, value) in shown.get("show").and_then(Value::as_object).into_iter().flatten() {
        let _ = write!(text, "\n  {}:\n{}", line(name), beginning(&block(value, 4)));
    }
    if !precedents.is_empty() {
        text.push_str(&answered::text(precedents));
    }
    let _ = write!(text, "\n  answer: {}", asked.answer.words());
    if let Some(at) = asked.expire_at {
        let _ = write!(text, "\n  until:  {} UTC, after that it expires, which is never a yes", instant(at));
    }
    let _ = write!(text, "\n  shown:  {}", asked.shown.digest());
    text
}

/// The words of the question. A skill may have put them there, so that no line of them may pass for one of ours: a bar
/// stands before each where there are several.
fn framed(words: &str) -> String {
    match words.contains('\n') {
        true => words.lines().map(|line| format!("  │ {line}")).collect::<Vec<_>>().join("\n"),
        false => format!("  {words}"),
    }
}

fn who(asked: &QuestionAsked) -> String {
    format!("{} ({})", asked.role, asked.people.iter().map(|it| line(it)).collect::<Vec<_>>().join(", "))
}

/// What of a block is printed: all of it, or its beginning and how much more there is.
fn beginning(block: &str) -> Cow<'_, str> {
    let Some((most, _)) = block.char_indices().nth(MOST) else { return block.into() };
    let (shown, _) = block.split_at(most);
    let shown = shown.rfind('\n').map_or(shown, |end| shown.split_at(end + 1).0);
    let end = if shown.ends_with('\n') { "" } else { "\n" };
    let more = block.chars().count() - shown.chars().count();
    format!("{shown}{end}    … and {} more characters, which `--json` shows\n", number(more as u64)).into()
}

/// A value for reading, so many spaces from the left: texts as they are, records field by field, everything indented and
/// escaped; every line ends with a line break.
pub(crate) fn block(value: &Value, indent: usize) -> String {
    let mut text = String::new();
    write_value(&mut text, value, indent);
    text
}

fn write_value(text: &mut String, value: &Value, indent: usize) {
    let pad = " ".repeat(indent);
    match value {
        Value::String(it) => {
            for part in lines(it).split('\n') {
                let _ = writeln!(text, "{pad}{part}");
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let _ = writeln!(text, "{pad}{}.", index + 1);
                write_value(text, item, indent + 2);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::Object(_) | Value::Array(_) => {
                        let _ = writeln!(text, "{pad}{}:", line(name));
                        write_value(text, field, indent + 2);
                    }
                    Value::String(it) if it.contains('\n') => {
                        let _ = writeln!(text, "{pad}{}:", line(name));
                        write_value(text, field, indent + 2);
                    }
                    Value::String(it) => {
                        let _ = writeln!(text, "{pad}{}: {}", line(name), line(it));
                    }
                    other => {
                        let _ = writeln!(text, "{pad}{}: {other}", line(name));
                    }
                }
            }
        }
        other => {
            let _ = writeln!(text, "{pad}{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_question_passes_for_one_of_ours() {
        assert_eq!(framed("Is it?"), "  Is it?");
        let forged = framed("Is it?\n\n  before: approved 41 times\n  shown:  sha256:0000");
        assert_eq!(forged, "  │ Is it?\n  │ \n  │   before: approved 41 times\n  │   shown:  sha256:0000");
    }

    #[test]
    fn what_is_too_long_to_be_read_on_a_terminal_is_cut_at_a_line_and_counted() {
        let line = format!("    {}\n", "x".repeat(95));
        assert_eq!(line.len(), 100);
        let (whole, longer) = (line.repeat(MOST / 100), line.repeat(MOST / 100 + 1));
        assert_eq!(beginning(&whole), whole);
        let told = "    … and 100 more characters, which `--json` shows\n";
        assert_eq!(beginning(&longer), whole + told);
        // One line without an end, in another script.
        let endless = "ю".repeat(MOST * 2);
        let cut = beginning(&endless);
        assert!(
            cut.starts_with(&"ю".repeat(MOST))
                && cut.ends_with("… and 60,000 more characters, which `--json` shows\n")
        );
    }
}
