//! Decide: what a run does next. A pure function of program, folded state and the present instant.
//!
//! Each decision comes out as an entry to record before it is acted on, so that the same state always leads to
//! the same next entry, live, on resume and when a run is explained.

mod ask;
mod budget;
mod call;
mod doubt;
mod past;

use crate::known::{Blob, Known};
use crate::program::{Program, ReadyCall};
use crate::scope::{Scope, step_state};
use kapell_journal::content::Content;
use kapell_journal::entry::{AttemptStarted, Body, OutcomeJudged, RunEnded, RunEnding};
use kapell_journal::fold::{RunState, StepState};
use kapell_journal::seam::JournalError;
use kapell_journal::shared::Shared;
use kapell_model::expression::ExpressionError;
use kapell_model::id::StepId;
use kapell_model::money::MoneyError;
use kapell_model::plan::{PeriodBudget, Step, Work};
use kapell_model::quantity::Timestamp;
use serde_json::Value;
use std::sync::{Arc, LazyLock};

/// What to do next.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "made and taken apart once a decision, never kept")]
pub enum Action {
    /// Write this down and decide again.
    Record(Fact),
    /// Write the intent down and run the attempt.
    Perform(Box<Start>),
    /// Park until that instant, or until somebody answers.
    Wait(Option<Timestamp>),
    /// Nothing: the run is over.
    Over,
}

/// An entry's body with the values it names.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The body.
    pub body: Body,
    /// The values.
    pub blobs: Vec<Blob>,
}

/// An attempt to begin.
#[derive(Clone, Debug)]
pub struct Start {
    /// The intent.
    pub intent: Shared<AttemptStarted>,
    /// The arguments.
    pub arguments: Arc<Value>,
    /// What is kept of them.
    pub kept: Vec<Content>,
    /// The call.
    pub call: ReadyCall,
    /// The flow's budgets that the money set aside for it is held against.
    pub bounds: Vec<PeriodBudget>,
}

/// A decision that can't be written down: an arithmetic or encoding fault of the host, never of a flow.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// A value has no canonical form.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Prices that do not add up.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What the run does next.
///
/// # Errors
/// Only when the host cannot write its decision down.
pub fn decide(
    program: &Program,
    state: &RunState,
    known: &Known,
    now: Timestamp,
) -> Result<Action, DecideError> {
    let turn = Turn { program, state, known, now };
    match () {
        () if state.ended.is_some() => Ok(Action::Over),
        () if state.open.is_some() => doubt::unfinished(&turn),
        () if state.cancel.is_some() => Ok(turn.cancelled()),
        () if state.question.is_some() => Ok(ask::waiting(&turn)),
        () if state.requirement_failed.is_some() => Ok(turn.refused_by_requirement()),
        () if !state.under_way => turn.first_step(),
        () => turn.next_step(),
    }
}

static UNTOUCHED: LazyLock<StepState> = LazyLock::new(StepState::default);

/// Everything one decision looks at.
pub(crate) struct Turn<'a> {
    pub(crate) program: &'a Program,
    pub(crate) state: &'a RunState,
    pub(crate) known: &'a Known,
    pub(crate) now: Timestamp,
}

impl<'a> Turn<'a> {
    pub(crate) fn scope(&self) -> Scope<'a> {
        Scope::new(self.program, self.state, self.known)
    }

    fn first_step(&self) -> Result<Action, DecideError> {
        for requirement in &self.program.plan.require {
            let scope = self.scope();
            let words = || scope.told(&requirement.otherwise);
            let told = match scope.holds(&requirement.that) {
                Ok(true) => continue,
                Ok(false) => words(),
                Err(cause) => format!("{} ({cause})", words()),
            };
            let seen = scope.seen(&requirement.that);
            return Ok(record(Body::RequirementFailed { that: requirement.that.clone(), seen, told }));
        }
        self.next_step()
    }

    /// Steps are taken in the plan's order, so as many as are behind come before the next one.
    fn next_step(&self) -> Result<Action, DecideError> {
        match self.program.plan.steps.get(self.state.behind) {
            Some(step) => self.step(step, step_state(self.state, &step.id, &UNTOUCHED)),
            None => self.outputs(),
        }
    }

    fn step(&self, step: &'a Step, state: &'a StepState) -> Result<Action, DecideError> {
        match (&step.when, &step.work) {
            (Some(condition), _) if !state.chosen => Ok(self.condition(&step.id, condition)),
            (_, Work::Ask { question }) => ask::step(self, &step.id, question, state),
            (_, Work::Call { .. }) => call::step(self, step, state),
        }
    }

    fn condition(&self, step: &StepId, condition: &str) -> Action {
        let (step, scope) = (step.clone(), self.scope());
        let (condition, seen) = (condition.to_owned(), scope.seen(condition));
        match scope.holds(&condition) {
            Ok(true) => record(Body::StepChosen { step, condition, seen }),
            Ok(false) => record(Body::StepSkipped { step, condition, seen }),
            Err(cause) => self.failed_expression(&step, "when", &cause),
        }
    }

    fn outputs(&self) -> Result<Action, DecideError> {
        match self.scope().evaluate_all(&self.program.plan.outputs) {
            Ok(outputs) => {
                let blob = Blob::of(Arc::new(outputs))?;
                let (outputs, outcome) = (Some(blob.named()), self.outcome());
                let ended = RunEnded { state: RunEnding::Done, outputs, step: None, reason: None, outcome };
                Ok(Action::Record(Fact { body: Body::RunEnded(ended), blobs: vec![blob] }))
            }
            Err(cause) => {
                let reason = Some(format!("outputs: {cause}"));
                Ok(record(ended(RunEnding::Failed, None, reason)))
            }
        }
    }

    /// Whether the run came to what its flow is for, where the flow says when that is so. A condition that can't be
    /// evaluated is none that holds.
    fn outcome(&self) -> Option<OutcomeJudged> {
        let when = self.program.plan.outcome.as_ref()?.when.as_ref()?;
        let scope = self.scope();
        let (words, held) = match scope.holds(when) {
            Ok(held) => (when.clone(), held),
            Err(cause) => (format!("{when}: {cause}"), false),
        };
        Some(OutcomeJudged { when: words, seen: scope.seen(when), held })
    }

    fn cancelled(&self) -> Action {
        let reason = self.state.cancel.as_ref().map(|(by, reason)| format!("{by}: {reason}"));
        record(ended(RunEnding::Cancelled, None, reason))
    }

    fn refused_by_requirement(&self) -> Action {
        record(ended(RunEnding::Refused, None, self.state.requirement_failed.clone()))
    }

    /// An expression that cannot be evaluated on these values ends the run: going on would be a guess.
    pub(crate) fn failed_expression(&self, step: &StepId, place: &str, cause: &ExpressionError) -> Action {
        self.end(RunEnding::Failed, step, format!("`{place}` cannot be evaluated: {cause}"))
    }

    pub(crate) fn end(&self, state: RunEnding, step: &StepId, reason: String) -> Action {
        record(ended(state, Some(step.clone()), Some(reason)))
    }
}

pub(crate) fn record(body: Body) -> Action {
    Action::Record(Fact { body, blobs: Vec::new() })
}

/// The end of a run that did not get through.
fn ended(state: RunEnding, step: Option<StepId>, reason: Option<String>) -> Body {
    Body::RunEnded(RunEnded { state, outputs: None, step, reason, outcome: None })
}

/// The blob of a value, for an entry that names it.
pub(crate) fn blob(value: Value) -> Result<Blob, DecideError> {
    Ok(Blob::of(Arc::new(value))?)
}
