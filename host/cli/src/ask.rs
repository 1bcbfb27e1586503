//! Asking the person at the terminal.

use crate::output;
use inquire::{Confirm, Select, Text};
use kapell_home::{Gate, Home, HomeError, Kind, Reply, Said, json_or_text};
use kapell_model::plan::{AnswerShape, InputShape};
use serde_json::Value;

/// Shows a question and takes an answer; none when the person would rather answer later.
pub(crate) fn person(home: &Home, gate: &Gate, by: &str) -> anyhow::Result<Option<Reply>> {
    let precedents = home.precedents(&gate.run)?;
    output::talk(&format!("\n{}\n", kapell_report::gate::text(&gate.open, &gate.shown, &precedents)));
    let said = match &gate.open.asked.answer {
        AnswerShape::Approval => approval()?,
        shape => value(shape)?,
    };
    let Some(said) = said else { return Ok(None) };
    let reason =
        Text::new("Why? (stands in the journal)").prompt_skippable()?.filter(|why| !why.trim().is_empty());
    let shown = Some(gate.open.asked.shown.digest().hex());
    Ok(Some(Reply { said, shown, by: by.into(), reason, minutes: None }))
}

fn approval() -> anyhow::Result<Option<Said>> {
    let choices = vec!["approve", "reject", "later"];
    Ok(match Select::new("Your answer", choices).prompt_skippable()? {
        Some("approve") => Some(Said::Approve),
        Some("reject") => Some(Said::Reject),
        _ => None,
    })
}

fn value(shape: &AnswerShape) -> anyhow::Result<Option<Said>> {
    let given = match shape {
        AnswerShape::Choice { choices } => {
            Select::new("Your answer", choices.clone()).prompt_skippable()?.map(Value::String)
        }
        AnswerShape::Input { shape: InputShape::Boolean } => {
            Confirm::new("Your answer (y/n)").prompt_skippable()?.map(Value::Bool)
        }
        shape => {
            let prompt = format!("Your answer ({}; empty for later)", shape.words());
            let text = Text::new(&prompt).prompt_skippable()?.filter(|text| !text.trim().is_empty());
            text.map(|text| parse(shape, text)).transpose()?
        }
    };
    Ok(given.map(Said::Value))
}

/// A text answer is the text; anything else is JSON, and what is no JSON is taken as text so that the check can say
/// what was expected.
///
/// # Errors
/// `Argument` for JSON in which a key stands twice.
pub(crate) fn parse(shape: &AnswerShape, text: String) -> Result<Value, HomeError> {
    Ok(match shape {
        AnswerShape::Input { shape: InputShape::String } | AnswerShape::Choice { .. } => Value::String(text),
        AnswerShape::Shape { shape } if shape.check(&Value::String(text.clone())).is_ok() => {
            Value::String(text)
        }
        _ => json_or_text(&text)
            .map_err(|cause| HomeError::new(Kind::Argument, format!("the answer is no value: {cause}")))?,
    })
}
