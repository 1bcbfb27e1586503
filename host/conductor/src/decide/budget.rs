//! Budgets: money is reserved before the act, time is what attempts have used; what does not fit does not start.

use super::{DecideError, Turn};
use crate::program::ReadyCall;
use kapell_model::limits::{EffectiveLimits, LimitOrigin};
use kapell_model::money::Money;
use kapell_model::quantity::Span;

/// What an attempt may spend, or why the budget does not allow it.
pub(crate) enum Allowance {
    /// It may begin: with these limits, and that much money set aside.
    Granted(Box<EffectiveLimits>, Money),
    /// It may not.
    Exhausted(String),
}

/// Whether the budget covers one more attempt at its worst.
pub(crate) fn allowance(turn: &Turn<'_>, call: &ReadyCall) -> Result<Allowance, DecideError> {
    let mut limits = call.call.limits;
    let reserved = turn.program.tariff.tariff.reserve(limits.limits.fuel, limits.limits.memory)?;
    if let Some(most) = &turn.program.plan.budget.money {
        let spent = turn.state.spent_on_attempts.clone().unwrap_or_else(|| turn.program.nothing());
        let total = spent.plus(&reserved)?;
        if total.amount > most.amount {
            let words = format!("the next step may cost {reserved}, {spent} of {most} is spent");
            return Ok(Allowance::Exhausted(words));
        }
    }
    if let Some(most) = turn.program.plan.budget.work {
        let left = most.0.saturating_sub(turn.state.worked_micros / 1_000);
        if left == 0 {
            return Ok(Allowance::Exhausted(format!("the working time of {most} is used up")));
        }
        if left < limits.limits.deadline.0 {
            limits.limits.deadline = Span(left);
            limits.origins.deadline = LimitOrigin::Flow;
        }
    }
    Ok(Allowance::Granted(Box::new(limits), reserved))
}
