//! What a run, or one step of it, cost by lane.

use super::Record;
use crate::cost::{BudgetUsed, By, Line, Row, ledger, summed, total};
use crate::tally::TallyError;
use kapell_journal::fold::RunState;
use kapell_model::id::StepId;
use kapell_model::money::Money;
use serde::Serialize;

/// What was spent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spent {
    /// By lane.
    pub lanes: Vec<Row>,
    /// In all; none when nothing was.
    pub total: Option<Money>,
    /// How much of the run's budget of money is used, where it has one; people's time does not count.
    pub budget: Option<BudgetUsed>,
    /// Whether the prices are examples.
    pub example_prices: bool,
}

pub(super) fn spent(
    record: &Record<'_>,
    state: &RunState,
    about: Option<&StepId>,
) -> Result<Spent, TallyError> {
    let money = |cause| TallyError::Money(record.run.clone(), cause);
    let mut lines: Vec<Line> = ledger(record.entries, state, record.tariff).map_err(money)?;
    lines.retain(|line| about.is_none_or(|step| line.step == *step));
    let lanes = summed(&lines, By::Lane).map_err(money)?;
    let most = record.plan.budget.money.clone().filter(|_| about.is_none());
    let budget = most.map(|most| {
        let spent = state.spent_on_attempts.clone().unwrap_or_else(|| Money::zero(most.currency));
        BudgetUsed { per: None, spent, most }
    });
    Ok(Spent { total: total(&lanes), lanes, budget, example_prices: record.tariff.example })
}
