//! Answers as they are typed on a command line: read by what was asked for, and for a question of several cases what each
//! of them means and how it is said.

use crate::session::quoted;
use kapell_home::{HomeError, Kind, json_or_text};
use kapell_model::plan::{AnswerShape, InputShape};
use kapell_model::shape::{Case, Shape};
use kapell_report::plain::{line, short};
use serde_json::{Value, json};

/// Most characters that say how a case's value is written.
const WRITTEN: usize = 400;

/// A text answer is the text, a case without a value its name; anything else is JSON, and what is no JSON is taken as
/// text so that the check can say what was expected.
///
/// # Errors
/// `Argument` for JSON in which a key stands twice, and for a case without the value it needs.
pub(crate) fn parse(shape: &AnswerShape, text: String) -> Result<Value, HomeError> {
    let value = match shape {
        AnswerShape::Input { shape: InputShape::String } | AnswerShape::Choice { .. } => Value::String(text),
        AnswerShape::Shape { shape } if shape.check(&Value::String(text.clone())).is_ok() => {
            Value::String(text)
        }
        _ => json_or_text(&text)
            .map_err(|cause| HomeError::new(Kind::Argument, format!("the answer is no value: {cause}")))?,
    };
    match shape {
        AnswerShape::Shape { shape: Shape::Variant { cases, .. } } => one_of(cases, value),
        _ => Ok(value),
    }
}

/// The case that is said by its name alone, or without the value it needs.
fn one_of(cases: &[Case], said: Value) -> Result<Value, HomeError> {
    let name = match said.get("val") {
        None => said.as_str().or_else(|| said.get("tag").and_then(Value::as_str)),
        Some(_) => None,
    };
    let named = name.and_then(|name| cases.iter().find(|case| case.name == name));
    match named.map(|case| (&case.name, &case.shape)) {
        None => Ok(said),
        Some((name, None)) => Ok(json!({ "tag": name })),
        Some((_, Some(Shape::Option { .. }))) if said.is_object() => Ok(said),
        Some((name, Some(shape))) => {
            let words = format!("`{name}` is not all of the answer: it needs a value");
            let written = short(&shape.written(), WRITTEN);
            Err(HomeError::new(Kind::Argument, words)
                .hint(format!("{} where VALUE is {written}", with_value(name))))
        }
    }
}

/// How a case with a value is written.
fn with_value(name: &str) -> String {
    format!("{{\"tag\":{},\"val\":VALUE}}", Value::from(name))
}

/// What a case means, in words; its name where nobody said it.
pub(crate) fn meaning(case: &Case) -> String {
    case.docs.as_ref().map_or_else(|| line(&case.name), |docs| short(docs, 160))
}

/// A command for each case, below what it means. `answer` is the command without the value.
pub(crate) fn commands(cases: &[Case], answer: &str, shown: &str) -> String {
    let lines = cases.iter().map(|case| {
        let (meaning, value) = match &case.shape {
            None => (meaning(case), quoted(&case.name)),
            Some(shape) => {
                let written = short(&shape.written(), WRITTEN);
                (format!("{}; VALUE is {written}", meaning(case)), quoted(with_value(&case.name)))
            }
        };
        format!("\n  {meaning}\n    {answer} {value} --shown {shown}")
    });
    format!("answer with one of:{}", lines.collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn happened() -> Vec<Case> {
        let case = |name: &str, shape, docs: &str| Case { name: name.into(), shape, docs: Some(docs.into()) };
        vec![
            case("again", None, "It did not happen: do it"),
            case("done", Some(Shape::String), "It happened, with this output"),
            case("maybe", Some(Shape::Option { of: Box::new(Shape::Bool) }), "Who knows"),
        ]
    }

    fn said(text: &str) -> Result<Value, HomeError> {
        parse(&AnswerShape::Shape { shape: Shape::Variant { name: None, cases: happened() } }, text.into())
    }

    #[test]
    fn a_case_is_said_by_its_name_or_with_its_value() {
        assert_eq!(said("again").unwrap(), json!({ "tag": "again" }));
        assert_eq!(said("\"again\"").unwrap(), json!({ "tag": "again" }));
        let done = r#"{"tag": "done", "val": "id-1"}"#;
        assert_eq!(said(done).unwrap(), json!({ "tag": "done", "val": "id-1" }));
        // What may be nothing may be left out.
        assert_eq!(said(r#"{"tag": "maybe"}"#).unwrap(), json!({ "tag": "maybe" }));
        assert_eq!(said("never").unwrap(), json!("never"), "which the check refuses");
    }

    #[test]
    fn a_case_without_the_value_it_needs_is_told_what_that_is() {
        for text in ["done", r#"{"tag": "done"}"#] {
            let error = said(text).unwrap_err();
            assert_eq!(error.message, "`done` is not all of the answer: it needs a value");
            assert_eq!(error.hint.unwrap(), r#"{"tag":"done","val":VALUE} where VALUE is text"#);
        }
    }

    #[test]
    fn each_case_has_a_command_to_paste_below_what_it_means() {
        let commands = commands(&happened(), "kapell gates answer once-1", "3f2a99c01b77");
        insta::assert_snapshot!(commands, @r#"
        answer with one of:
          It did not happen: do it
            kapell gates answer once-1 again --shown 3f2a99c01b77
          It happened, with this output; VALUE is text
            kapell gates answer once-1 '{"tag":"done","val":VALUE}' --shown 3f2a99c01b77
          Who knows; VALUE is true | false | null
            kapell gates answer once-1 '{"tag":"maybe","val":VALUE}' --shown 3f2a99c01b77
        "#);
    }
}
