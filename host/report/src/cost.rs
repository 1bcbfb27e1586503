//! What runs cost: every attempt and every person's minute, by run, step, skill, lane, flow and day, in exact decimals.
//!
//! Five kinds of cost, which add up to the whole: *work* (attempts whose output was used, verdicts included), *models*
//! (what completions cost those attempts), *waste* (attempts whose output was not used, completions included),
//! *people*, and *overhead* (the price of an attempt as such).

pub mod focus;
mod ledger;
mod outcomes;

pub use ledger::ledger;
pub(crate) use outcomes::shared;
pub use outcomes::{FlowOutcomes, Outcomes, table as outcomes_table};

use kapell_model::id::{FlowName, RunId, StepId};
use kapell_model::money::{Money, MoneyError};
use kapell_model::period::Per;
use kapell_model::plan::{Lane, SkillPin};
use kapell_model::quantity::Timestamp;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use std::collections::BTreeMap;

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The flow.
    pub flow: FlowName,
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// When the attempt began; for a person, as `at`.
    pub from: Timestamp,
    /// When it was charged: the attempt ended, the person answered.
    pub at: Timestamp,
    /// The skill that ran; none for a person.
    pub skill: Option<SkillPin>,
    /// Its operation; none for a person.
    pub operation: Option<String>,
    /// The lane.
    pub lane: Lane,
    /// What kind of cost.
    pub kind: CostKind,
    /// Whether the amount rests on an estimate: minutes nobody stated, a model's answer that did not come and is charged
    /// at its most.
    pub estimated: bool,
    /// Units of guest work; 0 for a person.
    pub fuel: u64,
    /// Minutes of a person's time, stated or by the tariff; none for an attempt.
    pub minutes: Option<String>,
    /// The amount.
    pub money: Money,
}

/// What kind of cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostKind {
    /// An attempt whose output was used.
    Work,
    /// Completions of models for an attempt whose output was used.
    Models,
    /// An attempt whose output was not used.
    Waste,
    /// A person's time.
    People,
    /// The price of an attempt as such.
    Overhead,
}

impl CostKind {
    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            CostKind::Work => "work",
            CostKind::Models => "models",
            CostKind::Waste => "waste",
            CostKind::People => "people",
            CostKind::Overhead => "overhead",
        }
    }
}

/// What a ledger is summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The run.
    Run,
    /// Run and step.
    Step,
    /// The skill's name and version.
    Skill,
    /// The lane.
    Lane,
    /// The flow.
    Flow,
    /// The day in UTC, as `2026-11-21`.
    Day,
}

/// One row of a summed ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What it is summed by.
    pub name: String,
    /// The parts by kind.
    pub parts: BTreeMap<CostKind, Money>,
    /// The sum of the parts.
    pub total: Money,
    /// Units of guest work.
    pub fuel: u64,
    /// Whether any part is estimated.
    pub estimated: bool,
    /// How much of its budgets a run or flow has used, where it has any and those are what is summed by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetUsed>,
}

/// How much of a budget is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BudgetUsed {
    /// The period it is for, the one that is now; none for a run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// Spent on attempts, or set aside for those under way; people's time is not capped.
    pub spent: Money,
    /// The most that may be.
    pub most: Money,
}

impl BudgetUsed {
    /// `13 % of 0.50 EUR for machines`, for a flow `0.06 % of 25.00 EUR a month for machines`.
    #[must_use]
    pub fn words(&self) -> String {
        let share = self.spent.amount.checked_mul(Decimal::ONE_HUNDRED);
        let share = share.and_then(|it| it.checked_div(self.most.amount));
        let per = self.per.map(|per| format!(" a {}", per.word())).unwrap_or_default();
        let used = share.map_or_else(|| "all".into(), percent_used);
        format!("{used} of {}{per} for machines", self.most)
    }
}

/// A share of a budget, rounded up to one digit behind the point, of less than one percent to two, so that it never
/// reads as more room than there is; what is too small for that says so.
fn percent_used(share: Decimal) -> String {
    let up = |digits| share.round_dp_with_strategy(digits, RoundingStrategy::ToPositiveInfinity).normalize();
    match share {
        _ if share > Decimal::ZERO && share < Decimal::new(1, 2) => "under 0.01 %".into(),
        _ if share < Decimal::ONE => format!("{} %", up(2)),
        _ => format!("{} %", up(1)),
    }
}

/// Sums a ledger.
///
/// # Errors
/// When amounts do not add up.
pub fn summed(lines: &[Line], by: By) -> Result<Vec<Row>, MoneyError> {
    let mut rows = Rows::by(by);
    rows.add(lines)?;
    Ok(rows.finish())
}

/// Rows while they are being summed, so that many runs need no ledger of them all.
#[derive(Debug)]
pub struct Rows {
    by: By,
    rows: BTreeMap<String, Row>,
}

impl Rows {
    /// None yet.
    #[must_use]
    pub const fn by(by: By) -> Self {
        Self { by, rows: BTreeMap::new() }
    }

    /// Adds lines.
    ///
    /// # Errors
    /// When amounts do not add up: lines of runs by tariffs in two currencies.
    pub fn add(&mut self, lines: &[Line]) -> Result<(), MoneyError> {
        lines.iter().try_for_each(|line| self.row(name(line, self.by), line.money.currency).add(line))
    }

    /// Says what a run has used of its budget; only rows of runs have a place for it.
    pub fn used(&mut self, run: &RunId, used: BudgetUsed) {
        if let (By::Run, Some(row)) = (self.by, self.rows.get_mut(run.as_str())) {
            row.budgets.push(used);
        }
    }

    /// Says what all runs of a flow have used of one of its budgets; only rows of flows have a place for it.
    pub fn used_together(&mut self, flow: &FlowName, used: BudgetUsed) {
        if let (By::Flow, Some(row)) = (self.by, self.rows.get_mut(flow.as_str())) {
            row.budgets.push(used);
        }
    }

    /// The rows by name, numbered ones by their number: `triage-2` before `triage-10`.
    #[must_use]
    pub fn finish(self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.rows.into_values().collect();
        rows.sort_by(|one, other| numbered(&one.name).cmp(&numbered(&other.name)));
        rows
    }

    fn row(&mut self, name: String, currency: kapell_model::money::Currency) -> &mut Row {
        self.rows.entry(name.clone()).or_insert_with(|| Row {
            name,
            parts: BTreeMap::new(),
            total: Money::zero(currency),
            fuel: 0,
            estimated: false,
            budgets: Vec::new(),
        })
    }
}

impl Row {
    fn add(&mut self, line: &Line) -> Result<(), MoneyError> {
        let part = self.parts.entry(line.kind).or_insert_with(|| Money::zero(line.money.currency));
        *part = part.plus(&line.money)?;
        self.total = self.total.plus(&line.money)?;
        self.fuel += line.fuel;
        self.estimated |= line.estimated;
        Ok(())
    }
}

/// A name and the number it ends with.
fn numbered(name: &str) -> (&str, Option<u64>) {
    let front = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    (front, name.strip_prefix(front).and_then(|digits| digits.parse().ok()))
}

fn name(line: &Line, by: By) -> String {
    match (by, &line.skill) {
        (By::Run, _) => line.run.to_string(),
        (By::Step, _) => format!("{} {}", line.flow, line.step),
        (By::Skill, Some(pin)) => format!("{} {}", pin.name, pin.version),
        (By::Skill, None) => "a person".into(),
        (By::Lane, _) => line.lane.word().into(),
        (By::Flow, _) => line.flow.to_string(),
        (By::Day, _) => crate::log::day(line.at),
    }
}

/// The sum of all rows; none when they are not of one currency.
#[must_use]
pub fn total(rows: &[Row]) -> Option<Money> {
    let (first, rest) = rows.split_first()?;
    rest.iter().try_fold(first.total.clone(), |sum, row| sum.plus(&row.total)).ok()
}

/// A table of rows with a total line, columns aligned on the right; what models cost and what is used of budgets has a
/// column where there is any.
#[must_use]
pub fn table(rows: &[Row], heading: &str) -> String {
    let mut kinds = vec![CostKind::Work, CostKind::Waste, CostKind::People, CostKind::Overhead];
    if rows.iter().any(|row| row.parts.contains_key(&CostKind::Models)) {
        kinds.insert(1, CostKind::Models);
    }
    let budgets = rows.iter().any(|row| !row.budgets.is_empty());
    let mut head = vec![heading.to_owned()];
    head.extend(kinds.iter().map(|kind| kind.word().to_owned()));
    head.extend(["total".to_owned(), "fuel".to_owned()]);
    head.extend(budgets.then(|| "used of its budget".to_owned()));
    let mut cells = vec![head];
    cells.extend(rows.iter().map(|row| cells_of(row, &kinds, budgets)));
    if let (Some(total), true) = (total(rows), rows.len() > 1) {
        let mut line = vec!["total".to_owned()];
        line.extend(kinds.iter().map(|_| String::new()));
        line.extend([total.to_string(), crate::plain::number(rows.iter().map(|row| row.fuel).sum())]);
        cells.push(line);
    }
    aligned(&cells)
}

fn cells_of(row: &Row, kinds: &[CostKind], budgets: bool) -> Vec<String> {
    let mut line = vec![crate::plain::short(&row.name, 60)];
    line.extend(
        kinds.iter().map(|kind| {
            row.parts.get(kind).map_or_else(|| "-".into(), |it| it.amount.normalize().to_string())
        }),
    );
    line.push(format!("{}{}", row.total, if row.estimated { " (estimated)" } else { "" }));
    line.push(crate::plain::number(row.fuel));
    let used = || match row.budgets.as_slice() {
        [] => "-".into(),
        budgets => budgets.iter().map(BudgetUsed::words).collect::<Vec<_>>().join(", "),
    };
    line.extend(budgets.then(used));
    line
}

/// Columns of one width each, for numbers: the first on the left, the others on the right.
#[must_use]
pub fn aligned(cells: &[Vec<String>]) -> String {
    columns(cells, |column| column > 0)
}

/// Columns of one width each, for words: all on the left.
#[must_use]
pub fn listed(cells: &[Vec<String>]) -> String {
    columns(cells, |_| false)
}

fn columns(cells: &[Vec<String>], on_the_right: impl Fn(usize) -> bool) -> String {
    let columns = cells.iter().map(Vec::len).max().unwrap_or_default();
    let width =
        |column: usize| cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let parts =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match on_the_right(column) {
                false => format!("{cell:<width$}"),
                true => format!("{cell:>width$}"),
            });
        parts.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    #[test]
    fn numbered_rows_stand_in_the_order_of_their_numbers() {
        let mut names = ["triage-10", "triage-2", "close-3", "triage", "2026-11-09", "2026-11-10", "a1b-1"];
        names.sort_by_key(|name| numbered(name));
        assert_eq!(
            names,
            ["2026-11-09", "2026-11-10", "a1b-1", "close-3", "triage", "triage-2", "triage-10"]
        );
    }

    #[test]
    fn what_is_used_of_a_budget_is_told_as_it_is_and_never_as_less() {
        let used = |spent: &str, most: &str, per| {
            BudgetUsed { per, spent: spent.parse().unwrap(), most: most.parse().unwrap() }.words()
        };
        assert_eq!(used("0.0003 EUR", "0.50 EUR", None), "0.06 % of 0.50 EUR for machines");
        assert_eq!(used("0.000301 EUR", "0.50 EUR", None), "0.07 % of 0.50 EUR for machines");
        assert_eq!(used("0.00000002 EUR", "1 EUR", None), "under 0.01 % of 1.00 EUR for machines");
        assert_eq!(used("0 EUR", "1 EUR", None), "0 % of 1.00 EUR for machines");
        assert_eq!(
            used("0.0996 EUR", "0.10 EUR", Some(Per::Month)),
            "99.6 % of 0.10 EUR a month for machines"
        );
        assert_eq!(used("0.09999 EUR", "0.10 EUR", None), "100 % of 0.10 EUR for machines");
        assert_eq!(used("0.10 EUR", "0 EUR", None), "all of 0.00 EUR for machines");
    }
}
