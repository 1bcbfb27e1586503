//! Budgets of run, step and flow: money is reserved before the act, time is what attempts have used; what does not fit
//! does not start unless a person lets exactly that attempt pass.

use super::{DecideError, Turn};
use crate::program::ReadyCall;
use kapell_journal::entry::AskReason;
use kapell_journal::fold::StepState;
use kapell_model::id::Role;
use kapell_model::money::{Money, MoneyError};
use kapell_model::plan::{Budget, PeriodBudget, Step};
use kapell_model::quantity::Span;

/// What an attempt may spend, or why a budget does not allow it.
pub(crate) enum Allowance {
    /// It may begin: with so much money set aside and this deadline, each where a budget says something of it.
    Granted {
        /// What it costs at its worst.
        reserved: Option<Money>,
        /// What is left of the working time, when that is shorter than the call's own deadline.
        deadline: Option<Span>,
    },
    /// It may not.
    Exhausted(Past),
}

/// A budget that an attempt would pass.
pub(crate) struct Past {
    /// Whose.
    pub(crate) of: AskReason,
    /// Who may let it.
    pub(crate) over: Option<Role>,
    /// In words.
    pub(crate) why: String,
}

/// One budget, with what was spent of it.
struct Bound<'a> {
    of: AskReason,
    budget: &'a Budget,
    spent: Money,
    worked_micros: u64,
}

/// Whether the budgets of run and step cover one more attempt at its worst, and the flow's has not refused it already.
pub(crate) fn allowance(
    turn: &Turn<'_>,
    step: &Step,
    state: &StepState,
    call: &ReadyCall,
) -> Result<Allowance, DecideError> {
    let (mut reserved, mut deadline) = (None, None);
    for bound in bounds(turn, step, state)? {
        if !state.allowed.contains(&bound.of) {
            if let Some(why) = bound.passed_by(call)? {
                return Ok(Allowance::Exhausted(Past { of: bound.of, over: bound.budget.over.clone(), why }));
            }
            deadline = bound.left().into_iter().chain(deadline).min();
        }
        reserved = reserved.or_else(|| bound.budget.money.as_ref().map(|_| call.dearest.clone()));
    }
    if let Some(past) = flow_passed(turn, state, call) {
        return Ok(Allowance::Exhausted(past));
    }
    if !turn.program.plan.flow_budgets.is_empty() {
        reserved = Some(call.dearest.clone());
    }
    let deadline = deadline.filter(|left| *left < call.call.limits.limits.deadline);
    Ok(Allowance::Granted { reserved, deadline })
}

/// What all runs of the flow have spent is not known here: the journal holds the money set aside against it as it
/// takes the intent in, and what it answered stands in the run.
fn flow_passed(turn: &Turn<'_>, state: &StepState, call: &ReadyCall) -> Option<Past> {
    let passed = state.passed.as_ref()?;
    let of = AskReason::flow_budget(passed.per);
    let over = turn.program.plan.flow_budgets.iter().find(|budget| budget.per == passed.per);
    let (dearest, most, per) = (&call.dearest, &passed.most, passed.per.word());
    let comes_to = &passed.comes_to;
    let why = format!(
        "the next step may cost {dearest} and would bring all runs of the flow to {comes_to} this {per}, {most} at most"
    );
    (!state.allowed.contains(&of)).then(|| Past {
        of,
        over: over.and_then(|budget| budget.over.clone()),
        why,
    })
}

/// The flow's budgets that nobody has let the next attempt pass.
pub(crate) fn binding(turn: &Turn<'_>, state: &StepState) -> Vec<PeriodBudget> {
    let let_pass = |budget: &PeriodBudget| state.allowed.contains(&AskReason::flow_budget(budget.per));
    turn.program.plan.flow_budgets.iter().filter(|budget| !let_pass(budget)).cloned().collect()
}

fn bounds<'a>(turn: &'a Turn<'_>, step: &'a Step, state: &StepState) -> Result<Vec<Bound<'a>>, MoneyError> {
    let (mut bounds, budget) = (Vec::new(), &turn.program.plan.budget);
    let nothing = || turn.program.nothing();
    if !budget.is_empty() {
        let spent = turn.state.spent_on_attempts.clone().unwrap_or_else(nothing);
        let worked_micros = turn.state.worked_micros;
        bounds.push(Bound { of: AskReason::RunBudget, budget, spent, worked_micros });
    }
    if !step.budget.is_empty() {
        let receipts = || state.attempts.iter().filter_map(|it| Some(&it.ended.as_ref()?.receipt));
        let spent = receipts().try_fold(nothing(), |sum, receipt| sum.plus(&receipt.money))?;
        let worked_micros = receipts().map(|receipt| receipt.meters.wall_micros).sum();
        bounds.push(Bound { of: AskReason::StepBudget, budget: &step.budget, spent, worked_micros });
    }
    Ok(bounds)
}

impl Bound<'_> {
    /// Why the attempt would pass it, if it would.
    fn passed_by(&self, call: &ReadyCall) -> Result<Option<String>, MoneyError> {
        if let Some(most) = &self.budget.money {
            let (dearest, spent) = (&call.dearest, &self.spent);
            if spent.plus(dearest)?.amount > most.amount {
                return Ok(Some(format!("the next step may cost {dearest}, {spent} of {most} is spent")));
            }
        }
        let used_up = self.left().is_some_and(|left| left.0 == 0);
        let most = self.budget.work.filter(|_| used_up);
        Ok(most.map(|most| format!("the working time of {most} is used up")))
    }

    fn left(&self) -> Option<Span> {
        self.budget.work.map(|most| Span(most.0.saturating_sub(self.worked_micros / 1_000)))
    }
}
