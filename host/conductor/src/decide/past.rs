//! Deciding over a budget that the next attempt would pass: the run ends there, or a person is asked. Their yes is for
//! exactly that attempt.

use super::ask::{bound, people};
use super::budget::Past;
use super::{Action, DecideError, Fact, Turn, blob};
use crate::program::ReadyCall;
use kapell_journal::entry::{Body, QuestionAsked, RunEnding};
use kapell_journal::fold::StepState;
use kapell_model::id::{Role, StepId};
use kapell_model::plan::AnswerShape;
use serde_json::json;

pub(super) fn next(
    turn: &Turn<'_>,
    id: &StepId,
    state: &StepState,
    call: &ReadyCall,
    past: &Past,
) -> Result<Action, DecideError> {
    match (&past.over, &state.denied) {
        (Some(role), None) => ask(turn, id, state, call, past, role),
        _ => Ok(turn.end(RunEnding::OverBudget, id, why(state, past))),
    }
}

/// Why the attempt does not begin, with the no of whoever was asked.
pub(super) fn why(state: &StepState, past: &Past) -> String {
    match &state.denied {
        Some(denied) => {
            let reason = denied.reason.as_deref().unwrap_or("no reason given");
            format!("{}; {} said no: {reason}", past.why, denied.by)
        }
        None => past.why.clone(),
    }
}

fn ask(
    turn: &Turn<'_>,
    id: &StepId,
    state: &StepState,
    call: &ReadyCall,
    past: &Past,
    role: &Role,
) -> Result<Action, DecideError> {
    let (asking, answer) = (state.askings + 1, AnswerShape::Approval);
    let called = format!("{} {}#{}", call.call.skill.name, call.call.skill.version, call.operation.name);
    let text = format!("A budget would be passed: {}. Let {called} begin all the same?", past.why);
    let show = json!({
        "attempt": state.attempts.len() + 1, "may-cost": call.dearest, "budget": past.of,
        "deadline": call.call.limits.limits.deadline.to_string(),
    });
    let shown = blob(bound(turn, id, asking, &text, show, &answer))?;
    let asked = QuestionAsked {
        step: id.clone(),
        asking,
        rung: state.rung,
        reason: past.of,
        role: role.clone(),
        people: people(turn, role),
        text,
        shown: shown.named(),
        answer,
        remind_at: None,
        escalate_at: None,
        expire_at: None,
    };
    Ok(Action::Record(Fact { body: Body::QuestionAsked(asked), blobs: vec![shown] }))
}
