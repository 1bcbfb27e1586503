//! Asking the person at the terminal.

use crate::cases::{self, parse};
use crate::output;
use inquire::{Confirm, InquireError, Select, Text};
use kapell_home::{Gate, Home, Reply, Said, fits};
use kapell_model::plan::AnswerShape;
use kapell_model::shape::{Case, Field, Shape};
use serde_json::{Map, Value, json};

/// Shows a question and takes an answer; none when the person would rather answer later, or presses Ctrl-C anywhere in it.
pub(crate) fn person(home: &Home, gate: &Gate, by: &str) -> anyhow::Result<Option<Reply>> {
    let precedents = home.precedents(&gate.run)?;
    output::talk(&format!("\n{}\n", kapell_report::gate::text(&gate.open, &gate.shown, &precedents)));
    unless_left(reply(gate, by))
}

/// Whether the person says yes or no to it; none when they leave.
pub(crate) fn agreed(question: &str) -> anyhow::Result<Option<bool>> {
    unless_left(Confirm::new(question).with_default(false).prompt_skippable().map_err(Into::into))
}

/// Whoever leaves with Ctrl-C has said nothing, in whichever prompt they were.
fn unless_left<T>(said: anyhow::Result<Option<T>>) -> anyhow::Result<Option<T>> {
    match said {
        Err(error) if matches!(error.downcast_ref(), Some(InquireError::OperationInterrupted)) => Ok(None),
        said => said,
    }
}

fn reply(gate: &Gate, by: &str) -> anyhow::Result<Option<Reply>> {
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

/// An answer that fits, asked for until it does; a plain no is one too.
fn value(shape: &AnswerShape) -> anyhow::Result<Option<Said>> {
    match Select::new("Your answer", vec!["answer", "reject", "later"]).prompt_skippable()? {
        Some("answer") => {}
        Some("reject") => return Ok(Some(Said::Reject)),
        _ => return Ok(None),
    }
    Ok(match shape {
        AnswerShape::Choice { choices } => {
            Select::new("Which one?", choices.clone()).prompt_skippable()?.map(Value::String)
        }
        AnswerShape::Shape { shape: Shape::Record { fields, .. } } => form(fields)?,
        AnswerShape::Shape { shape } => field("It is", shape)?,
        shape => typed(&format!("It is ({})", shape.words()), shape)?,
    }
    .map(Said::Value))
}

/// A record, field by field; what may be left out is left out by an empty line.
fn form(fields: &[Field]) -> anyhow::Result<Option<Value>> {
    let mut record = Map::new();
    for it in fields {
        let (shape, may_lack) = match &it.shape {
            Shape::Option { of } => (&**of, true),
            shape => (shape, false),
        };
        match field(&it.name, shape)? {
            Some(value) => drop(record.insert(it.name.clone(), value)),
            None if may_lack => {}
            None => return Ok(None),
        }
    }
    Ok(Some(Value::Object(record)))
}

/// One value: picked where there is a list to pick from, typed elsewhere.
fn field(name: &str, shape: &Shape) -> anyhow::Result<Option<Value>> {
    Ok(match shape {
        Shape::Enum { cases, .. } => {
            let names = cases.iter().map(|case| case.name.clone()).collect();
            Select::new(name, names).prompt_skippable()?.map(Value::String)
        }
        Shape::Variant { cases, .. } => case(cases)?,
        Shape::Bool => Confirm::new(&format!("{name} (y/n)")).prompt_skippable()?.map(Value::Bool),
        shape => {
            typed(&format!("{name} ({})", shape.written()), &AnswerShape::Shape { shape: shape.clone() })?
        }
    })
}

/// One of several cases, picked by what it means, with its value where it has one.
fn case(cases: &[Case]) -> anyhow::Result<Option<Value>> {
    let meanings = cases.iter().map(cases::meaning).collect();
    let Some(picked) = Select::new("Which one?", meanings).raw_prompt_skippable()? else { return Ok(None) };
    let Some(case) = cases.get(picked.index) else { return Ok(None) };
    Ok(match &case.shape {
        None => Some(json!({ "tag": case.name })),
        Some(shape) => {
            let value = match shape {
                Shape::Record { fields, .. } => form(fields)?,
                shape => field(&case.name, shape)?,
            };
            value.map(|value| json!({ "tag": case.name, "val": value }))
        }
    })
}

/// A line that is read and fits; asked for again where it is not, with what is expected. None for an empty line.
fn typed(prompt: &str, shape: &AnswerShape) -> anyhow::Result<Option<Value>> {
    loop {
        let text = Text::new(prompt).prompt_skippable()?.filter(|text| !text.trim().is_empty());
        let Some(text) = text else { return Ok(None) };
        match parse(shape, text).map(|value| (fits(shape, &value), value)) {
            Ok((Ok(()), value)) => return Ok(Some(value)),
            Ok((Err(misfit), _)) => output::talk(&misfit.to_string()),
            Err(malformed) => output::talk(&malformed.message),
        }
    }
}
