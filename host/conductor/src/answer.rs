//! Checking an answer: to the question that is open, by somebody it was put to, bound to exactly what was shown.

use crate::decide::{DecideError, Fact};
use crate::known::Blob;
use crate::program::Program;
use kapell_journal::entry::{Body, QuestionAnswered, Verdict};
use kapell_journal::fold::{OpenQuestion, RunState};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::plan::AnswerShape;
use kapell_model::quantity::Timestamp;
use kapell_model::shape::describe;
use rust_decimal::Decimal;
use serde_json::Value;
use std::sync::Arc;

/// What somebody says to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Digest of what they were shown.
    pub shown: Digest,
    /// What they say.
    pub said: Said,
    /// Who they are, `user:NAME`.
    pub by: String,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Minutes of their time.
    pub minutes: Option<Decimal>,
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// This value.
    Value(Value),
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Nothing is asked: it was answered, expired, or the run is over.
    #[error("run {run} asks nothing now: it is {state}")]
    NothingAsked {
        /// The run.
        run: RunId,
        /// Where it stands.
        state: String,
    },
    /// The question's time is over.
    #[error("the question of {0} has expired, which is never a yes")]
    Expired(RunId),
    /// The answer is to something else than what is asked now.
    #[error("what {0} asks now is not what was shown: look again, then answer")]
    OtherQuestion(RunId),
    /// The question was put to others.
    #[error("{by} is not among the people asked: {people}")]
    NotAsked {
        /// Who answered.
        by: String,
        /// Who was asked.
        people: String,
    },
    /// The answer does not fit.
    #[error("the answer does not fit: expected {expected}, found {found}")]
    Misfit {
        /// What fits.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The minutes are no amount of time.
    #[error("{0} minutes is no amount of time: expected 0 to 1440")]
    Minutes(Decimal),
    /// The host cannot write the answer down.
    #[error(transparent)]
    Host(#[from] DecideError),
}

/// The entry of an answer.
///
/// # Errors
/// When it is not an answer to what is asked now, by somebody it was put to, of the shape it must have.
pub fn answer(
    program: &Program,
    state: &RunState,
    given: &Given,
    now: Timestamp,
) -> Result<Fact, AnswerError> {
    let nothing = || AnswerError::NothingAsked { run: state.run.clone(), state: state.word().into() };
    let open = state.question.as_ref().filter(|_| state.ended.is_none()).ok_or_else(nothing)?;
    if open.asked.expire_at.is_some_and(|at| at <= now) {
        return Err(AnswerError::Expired(state.run.clone()));
    }
    if *open.asked.shown.digest() != given.shown {
        return Err(AnswerError::OtherQuestion(state.run.clone()));
    }
    may_answer(program, open, &given.by, now)?;
    let (verdict, value) = said(&open.asked.answer, &given.said)?;
    if let Some(minutes) = given.minutes.filter(|it| it.is_sign_negative() || *it > Decimal::from(1440)) {
        return Err(AnswerError::Minutes(minutes));
    }
    let blob = value.map(|value| Blob::of(Arc::new(value))).transpose().map_err(DecideError::from)?;
    let body = Body::QuestionAnswered(QuestionAnswered {
        step: open.asked.step.clone(),
        asking: open.asked.asking,
        verdict,
        value: blob.as_ref().map(Blob::named),
        by: given.by.clone(),
        reason: given.reason.clone(),
        minutes: given.minutes.map(|minutes| minutes.normalize().to_string()),
        money: program.tariff.tariff.person(given.minutes).map_err(DecideError::from)?,
        shown: given.shown,
    });
    Ok(Fact { body, blobs: blob.into_iter().collect() })
}

fn may_answer(program: &Program, open: &OpenQuestion, by: &str, now: Timestamp) -> Result<(), AnswerError> {
    let escalated = open.asked.escalate_at.as_ref().filter(|(at, _)| open.escalated || *at <= now);
    let others = escalated.and_then(|(_, role)| program.plan.roles.get(role)).into_iter().flatten();
    let people: Vec<&String> = open.asked.people.iter().chain(others).collect();
    match people.iter().any(|person| *person == by || (*person == "user:*" && by.starts_with("user:"))) {
        true => Ok(()),
        false => {
            let people = people.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            Err(AnswerError::NotAsked { by: by.into(), people })
        }
    }
}

/// A plain no is always possible; a yes only where a yes is asked for.
fn said(shape: &AnswerShape, said: &Said) -> Result<(Verdict, Option<Value>), AnswerError> {
    match (shape, said) {
        (_, Said::Reject) => Ok((Verdict::Rejected, None)),
        (AnswerShape::Approval, Said::Approve) => Ok((Verdict::Approved, None)),
        (AnswerShape::Approval, Said::Value(value)) => Err(misfit("approve or reject", value)),
        (shape, Said::Approve) => {
            Err(AnswerError::Misfit { expected: shape.words(), found: "a bare yes".into() })
        }
        (shape, Said::Value(value)) => fits(shape, value).map(|()| (Verdict::Answered, Some(value.clone()))),
    }
}

fn fits(shape: &AnswerShape, value: &Value) -> Result<(), AnswerError> {
    let fits = match shape {
        AnswerShape::Approval => false,
        AnswerShape::Choice { choices } => {
            value.as_str().is_some_and(|word| choices.iter().any(|it| it == word))
        }
        AnswerShape::Input { shape } => shape.fits(value),
        AnswerShape::Shape { shape } => {
            return shape.check(value).map_err(|misfit| AnswerError::Misfit {
                expected: format!("{} at {}", misfit.expected, misfit.path),
                found: misfit.found,
            });
        }
    };
    if fits { Ok(()) } else { Err(misfit(&shape.words(), value)) }
}

fn misfit(expected: &str, found: &Value) -> AnswerError {
    AnswerError::Misfit { expected: expected.into(), found: describe(found) }
}
