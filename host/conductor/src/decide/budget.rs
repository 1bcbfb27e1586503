//! Budgets: money is reserved before the act, time is what attempts have used; what does not fit does not start.

use super::{DecideError, Turn};
use crate::program::ReadyCall;
use kapell_model::money::Money;
use kapell_model::quantity::Span;

/// What an attempt may spend, or why the budget does not allow it.
pub(crate) enum Allowance {
    /// It may begin: with so much money set aside and this deadline, each where the budget says something of it.
    Granted {
        /// What it costs at its worst.
        reserved: Option<Money>,
        /// What is left of the working time, when that is shorter than the call's own deadline.
        deadline: Option<Span>,
    },
    /// It may not.
    Exhausted(String),
}

/// Whether the budget covers one more attempt at its worst.
pub(crate) fn allowance(turn: &Turn<'_>, call: &ReadyCall) -> Result<Allowance, DecideError> {
    let (budget, mut reserved, mut deadline) = (&turn.program.plan.budget, None, None);
    if let Some(most) = &budget.money {
        let (dearest, spent) = (&call.dearest, turn.state.spent_on_attempts.clone());
        let spent = spent.unwrap_or_else(|| turn.program.nothing());
        if spent.plus(dearest)?.amount > most.amount {
            let words = format!("the next step may cost {dearest}, {spent} of {most} is spent");
            return Ok(Allowance::Exhausted(words));
        }
        reserved = Some(dearest.clone());
    }
    if let Some(most) = budget.work {
        let left = most.0.saturating_sub(turn.state.worked_micros / 1_000);
        if left == 0 {
            return Ok(Allowance::Exhausted(format!("the working time of {most} is used up")));
        }
        deadline = (left < call.call.limits.limits.deadline.0).then_some(Span(left));
    }
    Ok(Allowance::Granted { reserved, deadline })
}
