//! Deciding over an attempt that began and has no ending: the host went away in the middle of it, or it broke after
//! a request of its own had gone out.
//!
//! What it wrote was held and is gone. Whether it touched the world outside depends on its class of effect: when it
//! may have and must not twice, a person says what happened. Never a silent retry.

use super::{
    Action, DecideError, Fact, Turn,
    ask::{bound, people},
    blob,
    call::ending_words,
    record,
};
use crate::record::lost;
use kapell_journal::entry::{
    AskReason, AttemptEnded, AttemptStarted, BlobRef, Body, QuestionAnswered, QuestionAsked, RecordedEnding,
};
use kapell_model::id::Role;
use kapell_model::plan::AnswerShape;
use kapell_model::shape::{Case, Shape};
use serde_json::{Value, json};

/// The role that is asked about a doubt; when policy binds nobody to it, anyone may say what happened.
const ROLE: &str = "operator";

pub(super) fn unfinished(turn: &Turn<'_>) -> Result<Action, DecideError> {
    let Some(open) = &turn.state.open else { return Ok(Action::Wait(None)) };
    let answered = turn.state.steps.get(&open.step).and_then(|step| step.answered.as_ref());
    match (&turn.state.doubt, &turn.state.question, answered) {
        _ if open.effects.rerunnable() => Ok(record(ended(turn, open, RecordedEnding::Lost)?)),
        (None, ..) => {
            let (step, attempt) = (open.step.clone(), open.attempt);
            Ok(record(Body::DoubtRaised { step, attempt, broke: None }))
        }
        (Some(_), _, None) if turn.state.cancel.is_some() => broke(turn, open),
        (Some(_), Some(_), _) => Ok(Action::Wait(None)),
        (Some(_), None, Some(answered)) => settle(turn, open, answered),
        (Some(_), None, None) => ask(turn, open),
    }
}

/// The ending a person gave, with what the attempt is known to have used and said.
fn ended(turn: &Turn<'_>, open: &AttemptStarted, ending: RecordedEnding) -> Result<Body, DecideError> {
    let left = match &turn.state.broke {
        Some(broke) => AttemptEnded::clone(broke),
        None => lost(open, turn.program)?,
    };
    let case = left.case.clone().filter(|_| matches!(ending, RecordedEnding::SkillError(_)));
    Ok(Body::AttemptEnded(AttemptEnded { ending, case, ..left }.into()))
}

/// The ending of an attempt that nobody will settle any more: how it broke, with what it cost, so that a run that is
/// stopped in doubt has paid for it.
fn broke(turn: &Turn<'_>, open: &AttemptStarted) -> Result<Action, DecideError> {
    let ending = turn.state.broke.as_ref().map_or(RecordedEnding::Lost, |broke| broke.ending.clone());
    Ok(record(ended(turn, open, ending)?))
}

/// What is known of how the attempt came to have no ending.
fn what_happened(turn: &Turn<'_>, open: &AttemptStarted) -> String {
    let called = format!("{} {}#{}", open.skill.name, open.skill.version, open.operation);
    match &turn.state.broke {
        None => format!("The host stopped while {called} was under way."),
        Some(broke) if broke.ending == RecordedEnding::Lost => {
            format!("Another run changed what {called} had read, after its request had gone out.")
        }
        Some(broke) => {
            format!("{called} broke after its request had gone out unanswered ({}).", ending_words(broke))
        }
    }
}

/// Asks exactly that question: did it happen?
fn ask(turn: &Turn<'_>, open: &AttemptStarted) -> Result<Action, DecideError> {
    let text = format!("{} It must not happen twice. Did it happen?", what_happened(turn, open));
    let known = |named: &BlobRef| turn.known.get(named).as_deref().cloned().ok_or(());
    let input = open.arguments(known).unwrap_or(Value::Null);
    let output = turn.program.call_of(open)?.operation.output().cloned();
    let answer = AnswerShape::Shape { shape: choices(output) };
    let asking = turn.state.steps.get(&open.step).map_or(1, |step| step.askings + 1);
    let show = json!({ "arguments": input, "idempotency-key": open.idempotency_key(&turn.state.run) });
    let shown = blob(bound(turn, &open.step, asking, &text, show, &answer))?;
    let role: Option<Role> = ROLE.parse().ok();
    let Some(role) = role else { return Ok(Action::Wait(None)) };
    let asked_people = people(turn, &role);
    let asked = QuestionAsked {
        step: open.step.clone(),
        asking,
        rung: open.rung,
        reason: AskReason::Doubt,
        people: if asked_people.is_empty() { vec!["user:*".into()] } else { asked_people },
        role,
        text,
        shown: shown.named(),
        answer,
        remind_at: None,
        escalate_at: None,
        expire_at: None,
    };
    Ok(Action::Record(Fact { body: Body::QuestionAsked(asked), blobs: vec![shown] }))
}

/// `again`, `stop`, or `done` with the output the effect had.
fn choices(output: Option<Shape>) -> Shape {
    let case = |name: &str, shape, docs: &str| Case { name: name.into(), shape, docs: Some(docs.into()) };
    Shape::Variant {
        name: Some("what-happened".into()),
        cases: vec![
            case("again", None, "It did not happen: do it"),
            case("done", output, "It happened, with this output"),
            case("stop", None, "Stop the run here"),
        ],
    }
}

fn settle(
    turn: &Turn<'_>,
    open: &AttemptStarted,
    answered: &QuestionAnswered,
) -> Result<Action, DecideError> {
    let value = answered.value.as_ref().and_then(|value| turn.known.get(value));
    let value = value.as_deref().unwrap_or(&Value::Null);
    match value.get("tag").and_then(Value::as_str) {
        Some("again") => Ok(record(ended(turn, open, RecordedEnding::Lost)?)),
        Some("done") => {
            let output = blob(value.get("val").cloned().unwrap_or(Value::Null))?;
            let body = ended(turn, open, RecordedEnding::Output(output.named()))?;
            Ok(Action::Record(Fact { body, blobs: vec![output] }))
        }
        // To stop it is to ask for its end like anybody else; the attempt gets its own ending first.
        _ if turn.state.cancel.is_some() => broke(turn, open),
        _ => {
            let (by, reason) = (answered.by.clone(), "it is in doubt what happened".into());
            Ok(record(Body::CancelAsked { by, reason }))
        }
    }
}
