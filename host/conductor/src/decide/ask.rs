//! Deciding over questions: what is shown, what moves while nobody answers, what an answer leads to.

use super::call::{ending_words, run_ending};
use super::{Action, DecideError, Fact, Turn, blob, record};
use kapell_journal::entry::{AskReason, Body, Purpose, QuestionAsked, RecordedEnding, RunEnding, Verdict};
use kapell_journal::fold::StepState;
use kapell_model::expression::ExpressionError;
use kapell_model::id::{Role, StepId};
use kapell_model::plan::{AnswerShape, Question};
use kapell_model::shape::Shape;
use serde_json::{Value, json};

/// A step that asks.
pub(super) fn step(
    turn: &Turn<'_>,
    id: &StepId,
    question: &Question,
    state: &StepState,
) -> Result<Action, DecideError> {
    ask_or_end(turn, id, state, || ask(turn, id, question, state, AskReason::Flow, question.answer.clone()))
}

/// A ladder that has come to a person. Without an output there is nothing to approve: then the value is asked for.
pub(super) fn rung(
    turn: &Turn<'_>,
    id: &StepId,
    question: &Question,
    state: &StepState,
    output: Option<&Shape>,
) -> Result<Action, DecideError> {
    let answer = match (&question.answer, state.last_output(), output) {
        (AnswerShape::Approval, None, Some(shape)) => AnswerShape::Shape { shape: shape.clone() },
        (asked, ..) => asked.clone(),
    };
    ask_or_end(turn, id, state, || ask(turn, id, question, state, AskReason::Ladder, answer))
}

fn ask_or_end(
    turn: &Turn<'_>,
    id: &StepId,
    state: &StepState,
    ask: impl FnOnce() -> Result<Action, DecideError>,
) -> Result<Action, DecideError> {
    match &state.answered {
        _ if state.expired => {
            let words = "nobody answered in time, which is never a yes";
            Ok(turn.end(RunEnding::Expired, id, words.into()))
        }
        Some(answered) if answered.verdict == Verdict::Rejected => {
            let why = answered.reason.as_deref().unwrap_or("no reason given");
            Ok(turn.end(RunEnding::Rejected, id, format!("{} said no: {why}", answered.by)))
        }
        _ => ask(),
    }
}

fn ask(
    turn: &Turn<'_>,
    id: &StepId,
    question: &Question,
    state: &StepState,
    reason: AskReason,
    answer: AnswerShape,
) -> Result<Action, DecideError> {
    let (text, show) = match shown(turn, id, question) {
        Ok(shown) => shown,
        Err(cause) => return Ok(unasked(turn, id, state, &cause)),
    };
    let shown = blob(bound(turn, id, state.askings + 1, &text, show, &answer))?;
    let asked = QuestionAsked {
        step: id.clone(),
        asking: state.askings + 1,
        rung: state.rung,
        reason,
        role: question.role.clone(),
        people: people(turn, &question.role),
        text,
        shown: shown.named(),
        answer,
        remind_at: question.remind.map(|span| turn.now.after(span)),
        escalate_at: question.escalate.as_ref().map(|it| (turn.now.after(it.after), it.to.clone())),
        expire_at: question.expire.map(|span| turn.now.after(span)),
    };
    Ok(Action::Record(Fact { body: Body::QuestionAsked(asked), blobs: vec![shown] }))
}

/// A question that can't be put into words ends the run. What the step's own skill ended with is then why nobody could be
/// asked, and must not be hidden by that.
fn unasked(turn: &Turn<'_>, id: &StepId, state: &StepState, cause: &ExpressionError) -> Action {
    let mut own = state.attempts.iter().rev().filter(|attempt| attempt.started.purpose == Purpose::Work);
    let last = own.next().and_then(|attempt| attempt.ended.as_ref());
    match last.filter(|ended| !matches!(ended.ending, RecordedEnding::Output(_))) {
        Some(ended) => {
            let words = format!("{}; nobody could be asked: `question`: {cause}", ending_words(ended));
            turn.end(run_ending(&ended.ending), id, words)
        }
        None => turn.failed_expression(id, "question", cause),
    }
}

/// Exactly what an answer is bound to: the text and the values, and which asking of which run they belong to, so that
/// an answer to one question is never an answer to the next one that reads the same.
pub(super) fn bound(
    turn: &Turn<'_>,
    step: &StepId,
    asking: u32,
    text: &str,
    show: Value,
    answer: &AnswerShape,
) -> Value {
    json!({
        "run": turn.state.run, "step": step, "asking": asking, "question": text, "show": show, "answer": answer,
    })
}

pub(super) fn people(turn: &Turn<'_>, role: &Role) -> Vec<String> {
    turn.program.plan.roles.get(role).cloned().unwrap_or_default()
}

fn shown(turn: &Turn<'_>, id: &StepId, question: &Question) -> Result<(String, Value), ExpressionError> {
    let scope = turn.scope().within(id);
    let text = match scope.render(&question.text)? {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok((text, scope.evaluate_all(&question.show)?))
}

/// What moves by itself while a question waits, what was due first first. But expiry before all: a question whose time is over
/// is not reminded of.
pub(super) fn waiting(turn: &Turn<'_>) -> Action {
    let Some(open) = &turn.state.question else { return Action::Wait(None) };
    let (step, asking) = (open.asked.step.clone(), open.asked.asking);
    if open.asked.expire_at.is_some_and(|at| at <= turn.now) {
        return record(Body::QuestionExpired { step, asking });
    }
    let remind = open.asked.remind_at.filter(|at| !open.reminded && *at <= turn.now);
    let escalate = open.asked.escalate_at.as_ref().filter(|(at, _)| !open.escalated && *at <= turn.now);
    match (remind, escalate) {
        (Some(remind), Some((at, to))) if *at < remind => {
            record(Body::QuestionEscalated { step, asking, to: to.clone() })
        }
        (Some(_), _) => record(Body::QuestionReminded { step, asking }),
        (None, Some((_, to))) => record(Body::QuestionEscalated { step, asking, to: to.clone() }),
        (None, None) => Action::Wait(open.due()),
    }
}
