//! Checking an answer: to the question that is open, by somebody it was put to, bound to exactly what was shown.

use crate::decide::{DecideError, Fact};
use crate::known::Blob;
use crate::program::Program;
use kapell_journal::entry::{AskReason, Body, QuestionAnswered, QuestionOverridden, Verdict};
use kapell_journal::fold::{OpenQuestion, RunState};
use kapell_model::digest::Digest;
use kapell_model::id::{Role, RunId};
use kapell_model::money::Money;
use kapell_model::plan::{AnswerShape, Question, Rung, Work};
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
    /// Neither: the run goes on although the role has not said yes.
    Override,
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
    /// Whoever started the run may not say yes in it.
    #[error("{0} started this run, and nobody approves what they asked for")]
    OwnRun(String),
    /// Nobody may override the question.
    #[error("the question of {0} can't be overridden: the flow names nobody who may")]
    NoOverride(RunId),
    /// The question can only be overridden by others.
    #[error("{by} may not override this question: {people}")]
    NotOverriding {
        /// Who tried.
        by: String,
        /// Who may.
        people: String,
    },
    /// An override without a reason.
    #[error("an override says why")]
    NoReason,
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
    may_approve(program, state, given)?;
    if let Some(minutes) = given.minutes.filter(|it| it.is_sign_negative() || *it > Decimal::from(1440)) {
        return Err(AnswerError::Minutes(minutes));
    }
    let money = program.tariff.tariff.person(given.minutes).map_err(DecideError::from)?;
    let minutes = given.minutes.map(|minutes| minutes.normalize().to_string());
    if given.said == Said::Override {
        return overridden(program, state, open, given, Worked { minutes, money });
    }
    may_answer(program, open, &given.by, now)?;
    answered(open, given, Worked { minutes, money })
}

/// The minutes somebody says an answer took, and what they cost.
struct Worked {
    minutes: Option<String>,
    money: Money,
}

fn overridden(
    program: &Program,
    state: &RunState,
    open: &OpenQuestion,
    given: &Given,
    Worked { minutes, money }: Worked,
) -> Result<Fact, AnswerError> {
    let (role, reason) = overriding(program, state, open, given)?;
    let (step, asking) = (open.asked.step.clone(), open.asked.asking);
    let (by, shown) = (given.by.clone(), given.shown);
    let overridden = QuestionOverridden { step, asking, role, by, reason, minutes, money, shown };
    Ok(Fact { body: Body::QuestionOverridden(overridden), blobs: Vec::new() })
}

fn answered(
    open: &OpenQuestion,
    given: &Given,
    Worked { minutes, money }: Worked,
) -> Result<Fact, AnswerError> {
    let (verdict, value) = said(&open.asked.answer, &given.said)?;
    let blob = value.map(|value| Blob::of(Arc::new(value))).transpose().map_err(DecideError::from)?;
    let body = Body::QuestionAnswered(QuestionAnswered {
        step: open.asked.step.clone(),
        asking: open.asked.asking,
        verdict,
        value: blob.as_ref().map(Blob::named),
        by: given.by.clone(),
        reason: given.reason.clone(),
        minutes,
        money,
        shown: given.shown,
    });
    Ok(Fact { body, blobs: blob.into_iter().collect() })
}

/// A no is anybody's who is asked; a yes, an answer that decides, and doing without one are not for whoever wants the
/// run.
fn may_approve(program: &Program, state: &RunState, given: &Given) -> Result<(), AnswerError> {
    let yes = !matches!(given.said, Said::Reject);
    match yes && program.plan.four_eyes && state.started.by == given.by {
        true => Err(AnswerError::OwnRun(given.by.clone())),
        false => Ok(()),
    }
}

/// The role by which the question is overridden, and why.
fn overriding(
    program: &Program,
    state: &RunState,
    open: &OpenQuestion,
    given: &Given,
) -> Result<(Role, String), AnswerError> {
    let asked = question(program, open).and_then(|question| question.override_by.clone());
    let role = asked.filter(|_| open.asked.answer == AnswerShape::Approval);
    let role = role.ok_or_else(|| AnswerError::NoOverride(state.run.clone()))?;
    let people = program.plan.roles.get(&role).map(Vec::as_slice).unwrap_or_default();
    if !people.iter().any(|person| is_person(person, &given.by)) {
        return Err(AnswerError::NotOverriding { by: given.by.clone(), people: people.join(", ") });
    }
    let reason = given.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    Ok((role, reason.ok_or(AnswerError::NoReason)?.to_owned()))
}

/// The question of the plan that is open; a doubt or a budget is no question of the plan.
#[must_use]
pub fn question<'p>(program: &'p Program, open: &OpenQuestion) -> Option<&'p Question> {
    let step = program.plan.step(&open.asked.step)?;
    match (&step.work, open.asked.reason) {
        (_, AskReason::Doubt) => None,
        (_, reason) if reason.is_budget() => None,
        (Work::Ask { question }, _) => Some(question),
        (Work::Call { otherwise, .. }, _) => {
            let rung = usize::try_from(open.asked.rung).ok()?.checked_sub(1)?;
            otherwise
                .get(rung)
                .and_then(|rung| if let Rung::Ask { question } = rung { Some(question) } else { None })
        }
    }
}

fn is_person(named: &str, by: &str) -> bool {
    named == by || (named == "user:*" && by.starts_with("user:"))
}

fn may_answer(program: &Program, open: &OpenQuestion, by: &str, now: Timestamp) -> Result<(), AnswerError> {
    let escalated = open.asked.escalate_at.as_ref().filter(|(at, _)| open.escalated || *at <= now);
    let others = escalated.and_then(|(_, role)| program.plan.roles.get(role)).into_iter().flatten();
    let people: Vec<&String> = open.asked.people.iter().chain(others).collect();
    match people.iter().any(|person| is_person(person, by)) {
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
        (_, Said::Override) => Err(misfit(&shape.words(), &Value::Null)),
        (AnswerShape::Approval, Said::Value(value)) => Err(misfit("approve or reject", value)),
        (shape, Said::Approve) => {
            Err(AnswerError::Misfit { expected: shape.words(), found: "a bare yes".into() })
        }
        (shape, Said::Value(value)) => fits(shape, value).map(|()| (Verdict::Answered, Some(value.clone()))),
    }
}

/// Whether a value is an answer of that shape.
///
/// # Errors
/// `Misfit` with what was expected and where.
pub fn fits(shape: &AnswerShape, value: &Value) -> Result<(), AnswerError> {
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
