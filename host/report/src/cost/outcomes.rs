//! What outcomes cost: each flow's runs that came to what it is for, beside the worth its owner declares.

use super::aligned;
use crate::tally::Tally;
use kapell_model::id::FlowName;
use kapell_model::money::{Money, MoneyError, PRICE_DIGITS};
use kapell_model::plan::Outcome;
use kapell_model::quantity::Span;
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;

/// The outcomes of flows while they are being counted.
#[derive(Debug, Default)]
pub struct Outcomes(BTreeMap<FlowName, FlowOutcomes>);

/// One flow's outcomes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FlowOutcomes {
    /// The flow.
    pub flow: FlowName,
    /// What the outcome is called, by the newest of the runs.
    pub outcome: Option<String>,
    /// Runs that began or cost something.
    pub runs: u64,
    /// Runs that came to their outcome.
    pub outcomes: u64,
    /// What all these runs cost, those without an outcome too.
    pub cost: Option<Money>,
    /// That cost for each outcome; none before the first.
    pub per_outcome: Option<Money>,
    /// What an outcome is worth, as its owner declares it.
    pub worth: Option<Money>,
    /// How long it takes a person by hand, as declared; in milliseconds.
    pub by_hand: Option<Span>,
}

impl Outcomes {
    /// Counts one run. Runs are counted newest first: what the newest declares is what is told.
    ///
    /// # Errors
    /// When amounts do not add up.
    pub fn add(&mut self, tally: &Tally) -> Result<(), MoneyError> {
        let flow = self.0.entry(tally.flow.clone()).or_insert_with(|| FlowOutcomes::of(tally));
        flow.runs += 1;
        flow.outcomes += u64::from(tally.has_outcome());
        for line in &tally.lines {
            flow.cost = Some(match &flow.cost {
                Some(cost) => cost.plus(&line.money)?,
                None => line.money.clone(),
            });
        }
        Ok(())
    }

    /// The flows by name.
    #[must_use]
    pub fn finish(self) -> Vec<FlowOutcomes> {
        let each = self.0.into_values().map(|flow| {
            let per_outcome = flow.cost.as_ref().and_then(|cost| shared(cost, flow.outcomes));
            FlowOutcomes { per_outcome, ..flow }
        });
        each.collect()
    }
}

/// An amount among so many, rounded once; none among nobody.
pub(crate) fn shared(money: &Money, among: u64) -> Option<Money> {
    let amount = money.amount.checked_div(Decimal::from(among))?.round_dp(PRICE_DIGITS);
    Some(Money { amount, currency: money.currency })
}

impl FlowOutcomes {
    fn of(tally: &Tally) -> Self {
        let declared: Option<&Outcome> = tally.declared.outcome.as_ref();
        Self {
            flow: tally.flow.clone(),
            outcome: declared.map(|it| it.name.clone()),
            runs: 0,
            outcomes: 0,
            cost: None,
            per_outcome: None,
            worth: declared.and_then(|it| it.worth.clone()),
            by_hand: declared.and_then(|it| it.by_hand),
        }
    }
}

/// A table of flows, what an outcome of each cost beside what it is declared to be worth.
#[must_use]
pub fn table(flows: &[FlowOutcomes]) -> String {
    let head = ["flow", "runs", "outcomes", "each cost", "declared worth", "by hand", "outcome"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    let money = |money: &Option<Money>| money.as_ref().map_or_else(|| "-".into(), Money::to_string);
    cells.extend(flows.iter().map(|flow| {
        vec![
            flow.flow.to_string(),
            crate::plain::number(flow.runs),
            crate::plain::number(flow.outcomes),
            money(&flow.per_outcome),
            money(&flow.worth),
            flow.by_hand.map_or_else(|| "-".into(), |span| span.to_string()),
            flow.outcome.as_deref().map_or_else(|| "-".into(), |name| crate::plain::short(name, 40)),
        ]
    }));
    aligned(&cells)
}
