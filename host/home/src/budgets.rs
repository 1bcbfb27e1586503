//! The budgets the policy gives to flows: whether they can be held, what is used of them, whether what is kept of
//! spending is what the journal says.

use crate::call::ONE_CALL;
use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_journal::seam::Journals as _;
use kapell_journal::spending::{Spending, Spent, add_run};
use kapell_model::id::FlowName;
use kapell_model::money::{Money, Tariff};
use kapell_model::period::Day;
use kapell_model::policy::{FlowBudget, Policy};
use kapell_model::source::nearest;
use kapell_report::cost::BudgetUsed;
use std::collections::BTreeSet;

/// Holds the budgets of flows against the currency of the prices: without an exchange rate no other can be held.
pub(crate) fn check(policy: &Policy, tariff: &Tariff) -> Result<(), HomeError> {
    let own = tariff.currency().map_err(|cause| HomeError::new(Kind::Invalid, cause.to_string()))?;
    let Some(other) = policy.budgets.iter().find(|it| it.budget.most.currency != own) else { return Ok(()) };
    let FlowBudget { flow, budget, line } = other;
    let words = format!(
        "{}:{line}: the budget of {flow} is in {}, the tariff's prices are in {own}",
        policy.file, budget.most.currency
    );
    Err(HomeError::new(Kind::Invalid, words).hint(format!("most = \"25.00 {own}\"")))
}

impl Home {
    /// What is used now of each budget the policy gives to a flow.
    ///
    /// # Errors
    /// When the journal can't be read, or its amounts do not add up.
    pub fn budgets_used(&self) -> Result<Vec<(FlowName, BudgetUsed)>, HomeError> {
        let (spending, today) = (self.store.spending()?, Day::of(self.clock.now()));
        let used = self.policy.budgets.iter().map(|FlowBudget { flow, budget, .. }| {
            let days = budget.per.around(today);
            let within = spending.iter().filter(|it| {
                it.flow == *flow && days.contains(&it.day) && it.money.currency == budget.most.currency
            });
            let spent = within
                .map(|it| &it.money)
                .try_fold(Money::zero(budget.most.currency), |sum, it| sum.plus(it));
            let (per, most) = (Some(budget.per), budget.most.clone());
            Ok((flow.clone(), BudgetUsed { per, spent: spent.map_err(damaged)?, most }))
        });
        used.collect()
    }

    /// Says of each budget whose flow neither ran here nor is approved that it holds nobody.
    ///
    /// # Errors
    /// When journal or lock can't be read.
    pub fn budgets_of_nobody(&self, policy: &Policy) -> Result<Vec<String>, HomeError> {
        let mut known: BTreeSet<String> = BTreeSet::from([ONE_CALL.to_owned()]);
        known.extend(self.store.newest_runs()?.into_iter().map(|row| row.flow.to_string()));
        known.extend(self.locks.now()?.flows.iter().map(|flow| flow.name.to_string()));
        let unknown = policy.budgets.iter().filter(|it| !known.contains(it.flow.as_str()));
        let told = unknown.map(|FlowBudget { flow, line, .. }| {
            let near = nearest(flow.as_str(), known.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("{}:{line}: no flow `{flow}` has run here or is approved{near}", policy.file)
        });
        Ok(told.collect())
    }

    /// Adds all runs up again and says where what is kept of their spending is something else. Days on which runs
    /// were charged meanwhile are passed over: they can be asked about again.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn spending_differences(&self) -> Result<Vec<String>, HomeError> {
        let before = kept(self.store.spending()?);
        let mut counted = Spending::new();
        for row in self.runs()? {
            add_run(&mut counted, &row.run, &self.entries(&row.run)?).map_err(damaged)?;
        }
        let after = kept(self.store.spending()?);
        let places: BTreeSet<_> = before.keys().chain(after.keys()).chain(counted.keys()).collect();
        let told =
            places.into_iter().filter(|place| before.get(place) == after.get(place)).filter_map(|place| {
                let zero = Money::zero(place.2);
                let (kept, sum) = (after.get(place).unwrap_or(&zero), counted.get(place).unwrap_or(&zero));
                let (flow, day, _) = place;
                (kept != sum).then(|| format!("{flow} on {day}: {kept} is kept, its runs come to {sum}"))
            });
        Ok(told.collect())
    }

    /// Writes what is kept of spending anew, from the journal.
    ///
    /// # Errors
    /// When the journal can't be read, is damaged or can't be written.
    pub fn recount_spending(&self) -> Result<(), HomeError> {
        Ok(self.store.recount_spending()?)
    }
}

fn kept(spent: Vec<Spent>) -> Spending {
    spent.into_iter().map(|it| ((it.flow, it.day, it.money.currency), it.money)).collect()
}

fn damaged(cause: impl std::fmt::Display) -> HomeError {
    HomeError::new(Kind::Integrity, cause.to_string())
}
