//! A tally: what reports over many runs need of one, from its entries alone.
//!
//! Making one folds entries and reads no values but those that people gave; the plan is not made ready, and whoever
//! makes many tallies reads each plan and tariff once.

use crate::answered::{Asking, Part, askings};
use crate::cost::{BudgetUsed, Line, ledger};
use kapell_journal::entry::{BlobRef, Body, Entry, RunEnded, RunEnding, Verdict};
use kapell_journal::fold::{FoldError, RunState, Settled};
use kapell_model::digest::Digest;
use kapell_model::flow::Taken;
use kapell_model::id::{FlowName, Role, RunId, StepId};
use kapell_model::money::{Money, MoneyError, Tariff};
use kapell_model::plan::{Budget, Outcome, Plan};
use kapell_model::quantity::{Span, Timestamp};
use rust_decimal::Decimal;
use serde_json::Value;
use std::sync::Arc;

/// What reports need of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declared {
    /// The business result, as its owner declares it.
    pub outcome: Option<Outcome>,
    /// What a run may spend.
    pub budget: Budget,
    /// What the flow takes of what its steps come to.
    pub taken: Taken,
}

impl Declared {
    /// What reports need of this plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let (outcome, budget) = (plan.outcome.clone(), plan.budget.clone());
        Self { outcome, budget, taken: Taken::of(plan) }
    }
}

/// One run, as far as reports over many need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// The flow.
    pub flow: FlowName,
    /// The run.
    pub run: RunId,
    /// The flow's version when it began.
    pub version: String,
    /// What it runs, pinned: another digest is another flow text, skill, grant or policy.
    pub plan: Digest,
    /// What the flow declared when it began.
    pub declared: Arc<Declared>,
    /// When it began.
    pub started: Timestamp,
    /// How and when it ended, and why, if it has.
    pub over: Option<Over>,
    /// Its charges.
    pub lines: Vec<Line>,
    /// Spent on attempts; what a budget of money is held against.
    pub spent: Option<Money>,
    /// Units of guest work.
    pub fuel: u64,
    /// Wall time of attempts, in microseconds.
    pub worked_micros: u64,
    /// Its inputs, a blob.
    pub inputs: BlobRef,
    /// The questions it asked.
    pub questions: Vec<Asked>,
    /// Which rung answered, for each step whose output was judged.
    pub rungs: Vec<Rung>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Over {
    /// How.
    pub ending: RunEnding,
    /// When.
    pub at: Timestamp,
    /// Why, one line.
    pub reason: Option<String>,
    /// Whether it came to what its flow is for: it is done, and what the flow's outcome is had by holds.
    pub outcome: bool,
}

/// A question a run asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The step.
    pub step: StepId,
    /// The rung of its ladder, 0 for a step that asks.
    pub rung: u32,
    /// Who was asked.
    pub role: Role,
    /// The condition that opened it.
    pub opened_by: String,
    /// When it was asked.
    pub at: Timestamp,
    /// What was answered; none while it waits, and when nobody did in time.
    pub answer: Option<Answer>,
    /// When it was over: answered, expired, or the run ended.
    pub until: Option<Timestamp>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was said.
    pub verdict: Verdict,
    /// What the flow takes of the value given, when the answer has one.
    pub part: Option<Part>,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// Minutes it took, stated or by the tariff.
    pub minutes: Decimal,
    /// Whether nobody stated them.
    pub estimated: bool,
    /// Whether the run came to something else by it than without it: a no, or a value of which the flow takes something
    /// else than of the one shown.
    pub changed: bool,
}

/// The rung that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The step.
    pub step: StepId,
    /// The rung, from 0.
    pub rung: u32,
    /// Who answered: the skill's name, or a person.
    pub by: String,
}

/// A run that can't be tallied.
#[derive(Debug, thiserror::Error)]
pub enum TallyError {
    /// Its entries contradict each other.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Its amounts do not add up.
    #[error("the cost of {0} does not add up: {1}")]
    Money(RunId, MoneyError),
}

impl Tally {
    /// The tally of one run. `values` finds the values that people gave, and those they were shown for them.
    ///
    /// # Errors
    /// When entries contradict each other or amounts do not add up.
    pub fn of(
        run: &RunId,
        entries: &[Entry],
        tariff: &Tariff,
        declared: Arc<Declared>,
        values: &dyn Fn(&BlobRef) -> Option<Value>,
    ) -> Result<Self, TallyError> {
        let state = RunState::fold(run, entries)?;
        let lines = ledger(entries, &state, tariff).map_err(|cause| TallyError::Money(run.clone(), cause))?;
        let over = state.ended.as_ref().map(|ended| Over {
            ending: ended.state,
            at: state.changed_at,
            reason: ended.reason.clone().or_else(|| missed(ended)),
            outcome: ended.has_outcome(),
        });
        let ended_at = over.as_ref().map(|over| over.at);
        let take = |step: &StepId, named: &BlobRef| Part::of(&declared.taken, step, named, values);
        let questions = askings(entries, &take).into_iter().map(|it| asked(it, tariff, ended_at)).collect();
        Ok(Self {
            flow: state.started.flow.clone(),
            version: state.started.version.clone(),
            plan: *state.started.plan.digest(),
            declared,
            started: state.started_at,
            fuel: lines.iter().map(|line| line.fuel).sum(),
            questions,
            rungs: rungs(entries, &state),
            over,
            lines,
            spent: state.spent_on_attempts,
            worked_micros: state.worked_micros,
            inputs: state.started.inputs,
            run: state.run,
        })
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<RunEnding> {
        self.over.as_ref().map(|over| over.ending)
    }

    /// Whether it came to what its flow is for.
    #[must_use]
    pub fn has_outcome(&self) -> bool {
        self.over.as_ref().is_some_and(|over| over.outcome)
    }

    /// Leaves out what was charged before an instant.
    pub fn since(&mut self, since: Timestamp) {
        self.lines.retain(|line| line.at >= since);
    }

    /// How much of its budget of money it has used, where it has one.
    #[must_use]
    pub fn budget(&self) -> Option<BudgetUsed> {
        let most = self.declared.budget.money.clone()?;
        let spent = self.spent.clone().unwrap_or_else(|| Money::zero(most.currency));
        Some(BudgetUsed { per: None, spent, most })
    }

    /// From its beginning to its end.
    #[must_use]
    pub fn cycle(&self) -> Option<Span> {
        self.over.as_ref().map(|over| Span(over.at.0.saturating_sub(self.started.0)))
    }

    /// How long it waited for people.
    #[must_use]
    pub fn waited(&self) -> Span {
        let each = self.questions.iter().filter_map(|it| Some(it.until?.0.saturating_sub(it.at.0)));
        Span(each.sum())
    }
}

/// Why a run that is done did not come to its outcome.
fn missed(ended: &RunEnded) -> Option<String> {
    let judged = ended.outcome.as_ref().filter(|judged| !judged.held)?;
    Some(format!("without its outcome: not ({})", judged.when))
}

/// A question as reports count it; one that is open ends with the run.
fn asked(it: Asking, tariff: &Tariff, over: Option<Timestamp>) -> Asked {
    let opened_by = it.opened_by();
    let answer = it.said.map(|said| {
        let minutes = said.minutes.as_ref().and_then(|minutes| minutes.parse().ok());
        Answer {
            changed: !said.unchanged && said.answer.verdict != Verdict::Overridden,
            verdict: said.answer.verdict,
            part: said.answer.part,
            reason: said.reason,
            estimated: minutes.is_none(),
            minutes: minutes.unwrap_or(tariff.minutes_per_decision),
        }
    });
    let (step, rung, role, at) = (it.step, it.rung, it.role, it.at);
    Asked { step, rung, role, opened_by, at, answer, until: it.until.or(over) }
}

/// Which rung answered, for steps of which an output was judged.
fn rungs(entries: &[Entry], state: &RunState) -> Vec<Rung> {
    let judged = |step: &StepId| {
        entries.iter().any(|entry| match &entry.body {
            Body::ExpectationJudged { step: judged, .. } | Body::LadderMoved { step: judged, .. } => {
                judged == step
            }
            _ => false,
        })
    };
    let settled = state.steps.iter().filter(|(step, _)| judged(step)).filter_map(|(step, state)| {
        let (rung, by) = match state.settled.as_ref()? {
            Settled::Output { attempt, .. } if state.answered.is_none() => {
                let started = &state.attempts.iter().find(|it| it.started.attempt == *attempt)?.started;
                (started.rung, started.skill.name.to_string())
            }
            _ => (state.rung, "a person".into()),
        };
        Some(Rung { step: step.clone(), rung, by })
    });
    settled.collect()
}
