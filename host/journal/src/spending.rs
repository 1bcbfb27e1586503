//! Spending: what a run's entries change of what its flow has spent on a day.
//!
//! An attempt counts to the day it began, with the money set aside for it while it is under way and with what it cost
//! once it is over. So what a store keeps of a flow's spending is what the entries of its runs add up to, whoever adds
//! them up and whenever; an attempt that was cut off counts with what was set aside until its run goes on and ends it.

use crate::entry::{Body, Entry};
use crate::fold::{FoldError, RunState};
use kapell_model::id::{FlowName, RunId};
use kapell_model::money::{Currency, Money, MoneyError};
use kapell_model::period::{Day, Per};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What an entry changes of what its flow has spent on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The day the attempt began.
    pub day: Day,
    /// What is more by it; below zero where less was used than had been set aside.
    pub money: Money,
}

/// A bound that a commit is held against, its own charges included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// How long the period is.
    pub per: Per,
    /// Its days.
    pub days: RangeInclusive<Day>,
    /// The most they may come to.
    pub most: Money,
}

/// What a flow has spent on a day, or set aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spent {
    /// The flow.
    pub flow: FlowName,
    /// The day.
    pub day: Day,
    /// The amount.
    pub money: Money,
}

/// Amounts by flow, day and currency: two currencies never meet.
pub type Spending = BTreeMap<(FlowName, Day, Currency), Money>;

/// Entries that do not add up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpendingError {
    /// They contradict each other.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Their amounts do not add up.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What an entry changes; `state` is the run's with the entry folded in.
///
/// # Errors
/// When the attempt was priced in another currency than was set aside for it.
pub fn charge(state: &RunState, entry: &Entry) -> Result<Option<Charge>, MoneyError> {
    let charge = match &entry.body {
        Body::AttemptStarted(started) => {
            started.reserved.clone().map(|money| Charge { day: Day::of(entry.at), money })
        }
        Body::AttemptEnded(ended) => {
            let attempts = state.steps.get(&ended.step).map(|step| &step.attempts);
            let attempt = attempts.into_iter().flatten().find(|it| it.started.attempt == ended.attempt);
            let Some(attempt) = attempt else { return Ok(None) };
            let cost = &ended.receipt.money;
            let money =
                attempt.started.reserved.as_ref().map_or_else(|| Ok(cost.clone()), |it| cost.minus(it))?;
            Some(Charge { day: Day::of(attempt.began), money })
        }
        _ => None,
    };
    Ok(charge.filter(|charge| !charge.money.amount.is_zero()))
}

/// Adds a whole run to what flows have spent.
///
/// # Errors
/// When its entries contradict each other or do not add up.
pub fn add_run(spending: &mut Spending, run: &RunId, entries: &[Entry]) -> Result<(), SpendingError> {
    let Some((first, rest)) = entries.split_first() else { return Ok(()) };
    let Some(mut state) = RunState::begin(first) else { return Ok(RunState::fold(run, entries).map(drop)?) };
    for entry in rest {
        state.apply(entry)?;
        if let Some(charge) = charge(&state, entry)? {
            add(spending, &state.started.flow, &charge)?;
        }
    }
    Ok(())
}

/// Adds one charge of a flow.
///
/// # Errors
/// When the sum leaves the range of a decimal.
pub fn add(spending: &mut Spending, flow: &FlowName, charge: &Charge) -> Result<(), MoneyError> {
    let currency = charge.money.currency;
    let sum = spending.entry((flow.clone(), charge.day, currency)).or_insert_with(|| Money::zero(currency));
    *sum = sum.plus(&charge.money)?;
    Ok(())
}
