//! A question as the person asked sees it: exactly what is hashed, how it was answered before, and how to answer.

use crate::answered::{self, Precedent};
use crate::log::instant;
use crate::plain::{line, lines};
use kapell_journal::entry::QuestionAsked;
use kapell_journal::fold::OpenQuestion;
use serde_json::Value;
use std::fmt::Write as _;

/// The question with everything that is shown, for a terminal. Precedents are not part of what an answer is bound to:
/// they stand in the journal already.
#[must_use]
pub fn text(open: &OpenQuestion, shown: &Value, precedents: &[Precedent]) -> String {
    let asked = &open.asked;
    let mut text =
        format!("{} asks {}:\n\n  {}\n", asked.step, who(asked), lines(&asked.text).replace('\n', "\n  "));
    for (name, value) in shown.get("show").and_then(Value::as_object).into_iter().flatten() {
        let _ = write!(text, "\n  {}:\n{}", line(name), indented(value));
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

fn who(asked: &QuestionAsked) -> String {
    format!("{} ({})", asked.role, asked.people.iter().map(|it| line(it)).collect::<Vec<_>>().join(", "))
}

/// A value for reading: texts as they are, records field by field, everything indented and escaped.
fn indented(value: &Value) -> String {
    block(value, 4)
}

/// The same, so many spaces from the left; every line ends with a line break.
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
