//! The ledger of one run: its entries as charges, each of one kind.

use super::{CostKind, Line};
use kapell_journal::entry::{AttemptEnded, AttemptStarted, Body, Entry, Purpose, QuestionAnswered};
use kapell_journal::fold::{RunState, Settled};
use kapell_model::id::StepId;
use kapell_model::money::{Money, MoneyError, Tariff};
use kapell_model::plan::Lane;
use kapell_model::quantity::Timestamp;
use std::collections::BTreeMap;

/// The ledger of one run.
///
/// # Errors
/// When amounts do not add up: two currencies, or an attempt cheaper than the price of an attempt.
pub fn ledger(entries: &[Entry], state: &RunState, tariff: &Tariff) -> Result<Vec<Line>, MoneyError> {
    let mut lines = Vec::new();
    let mut begun: BTreeMap<(StepId, u32), (Timestamp, &AttemptStarted)> = BTreeMap::new();
    for entry in entries {
        match &entry.body {
            Body::AttemptStarted(it) => {
                begun.insert((it.step.clone(), it.attempt), (entry.at, it));
            }
            Body::AttemptEnded(it) => {
                if let Some((from, started)) = begun.get(&(it.step.clone(), it.attempt)) {
                    lines.extend(attempt(state, tariff, (*from, entry.at), started, it)?);
                }
            }
            Body::QuestionAnswered(it) => lines.push(person(state, tariff, entry.at, it)),
            Body::QuestionOverridden(it) => lines.push(person(state, tariff, entry.at, &it.as_answer())),
            _ => {}
        }
    }
    Ok(lines)
}

/// The line of somebody's time.
fn person(state: &RunState, tariff: &Tariff, at: Timestamp, answered: &QuestionAnswered) -> Line {
    let estimate = || tariff.minutes_per_decision.normalize().to_string();
    Line {
        flow: state.started.flow.clone(),
        run: state.run.clone(),
        step: answered.step.clone(),
        from: at,
        at,
        skill: None,
        operation: None,
        lane: Lane::Judgment,
        kind: CostKind::People,
        estimated: answered.minutes.is_none(),
        fuel: 0,
        minutes: Some(answered.minutes.clone().unwrap_or_else(estimate)),
        money: answered.money.clone(),
    }
}

/// The lines of an attempt: what its work cost, what it cost as such, and what models cost it, if it asked any. One the
/// host lost is charged nothing and has none.
fn attempt(
    state: &RunState,
    tariff: &Tariff,
    (from, at): (Timestamp, Timestamp),
    started: &AttemptStarted,
    ended: &AttemptEnded,
) -> Result<Vec<Line>, MoneyError> {
    if ended.receipt.money.amount.is_zero() {
        return Ok(Vec::new());
    }
    let meters = &ended.receipt.meters;
    let all = tariff.work(meters)?;
    let overhead = Money { amount: ended.receipt.money.amount - all.amount, currency: all.currency };
    let models = meters.inference.clone();
    let own = all.amount - models.as_ref().map_or_else(Default::default, |models| models.amount);
    let work = Money { amount: own, currency: all.currency };
    let (kind, asked) = match used(state, started) {
        true => (CostKind::Work, CostKind::Models),
        false => (CostKind::Waste, CostKind::Waste),
    };
    let line = |kind, fuel, money| Line {
        flow: state.started.flow.clone(),
        run: state.run.clone(),
        step: ended.step.clone(),
        from,
        at,
        skill: Some(started.skill.clone()),
        operation: Some(started.operation.clone()),
        lane: started.lane,
        kind,
        estimated: false,
        fuel,
        minutes: None,
        money,
    };
    let mut lines = vec![line(kind, meters.fuel, work), line(CostKind::Overhead, 0, overhead)];
    let estimated = meters.inference_at_most.is_some();
    lines.extend(models.map(|models| Line { estimated, ..line(asked, 0, models) }));
    Ok(lines)
}

/// Whether an attempt's output went into what the run came to.
fn used(state: &RunState, started: &AttemptStarted) -> bool {
    let Some(step) = state.steps.get(&started.step) else { return false };
    let settled_by = match &step.settled {
        Some(Settled::Output { attempt, .. }) => Some(*attempt),
        _ => None,
    };
    match started.purpose {
        Purpose::Work => settled_by == Some(started.attempt),
        // A verdict is used when it was given, whichever way it went.
        Purpose::Verdict => {
            step.attempts.iter().any(|it| it.started.attempt == started.attempt && it.output().is_some())
        }
    }
}
