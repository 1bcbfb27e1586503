//! What runs cost: every attempt and every person's minute, by run, step, skill and lane, in exact decimals.
//!
//! Five kinds of cost, which add up to the whole: *work* (attempts whose output was used, verdicts included), *models*
//! (what completions cost those attempts), *waste* (attempts whose output was not used, completions included),
//! *people*, and *overhead* (the price of an attempt as such).

use kapell_journal::entry::{AttemptEnded, AttemptStarted, Body, Entry, Purpose};
use kapell_journal::fold::{RunState, Settled};
use kapell_model::id::{RunId, StepId};
use kapell_model::money::{Money, MoneyError, Tariff};
use kapell_model::plan::{Lane, SkillPin};
use serde::Serialize;
use std::collections::BTreeMap;

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// The skill that ran; none for a person.
    pub skill: Option<SkillPin>,
    /// The lane.
    pub lane: Lane,
    /// What kind of cost.
    pub kind: CostKind,
    /// Whether the amount rests on an estimate: minutes nobody stated, a model's answer that did not come and is charged
    /// at its most.
    pub estimated: bool,
    /// Units of guest work; 0 for a person.
    pub fuel: u64,
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

/// The ledger of one run.
///
/// # Errors
/// When amounts do not add up: two currencies, or an attempt cheaper than the price of an attempt.
pub fn ledger(entries: &[Entry], state: &RunState, tariff: &Tariff) -> Result<Vec<Line>, MoneyError> {
    let mut lines = Vec::new();
    let mut begun: BTreeMap<(StepId, u32), &AttemptStarted> = BTreeMap::new();
    for entry in entries {
        match &entry.body {
            Body::AttemptStarted(it) => {
                begun.insert((it.step.clone(), it.attempt), it);
            }
            Body::AttemptEnded(it) => {
                let started = begun.get(&(it.step.clone(), it.attempt));
                lines.extend(
                    started
                        .map(|started| attempt(state, tariff, started, it))
                        .transpose()?
                        .into_iter()
                        .flatten(),
                );
            }
            Body::QuestionAnswered(it) => lines.push(person(state, &it.step, it.minutes.as_ref(), &it.money)),
            Body::QuestionOverridden(it) => {
                lines.push(person(state, &it.step, it.minutes.as_ref(), &it.money))
            }
            _ => {}
        }
    }
    Ok(lines)
}

/// The line of somebody's time.
fn person(state: &RunState, step: &StepId, minutes: Option<&String>, money: &Money) -> Line {
    Line {
        run: state.run.clone(),
        step: step.clone(),
        skill: None,
        lane: Lane::Judgment,
        kind: CostKind::People,
        estimated: minutes.is_none(),
        fuel: 0,
        money: money.clone(),
    }
}

/// The lines of an attempt: what its work cost, what it cost as such, and what models cost it, if it asked any. One the
/// host lost is charged nothing and has none.
fn attempt(
    state: &RunState,
    tariff: &Tariff,
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
        run: state.run.clone(),
        step: ended.step.clone(),
        skill: Some(started.skill.clone()),
        lane: started.lane,
        kind,
        estimated: false,
        fuel,
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
}

/// Sums a ledger.
///
/// # Errors
/// When amounts do not add up.
pub fn summed(lines: &[Line], by: By) -> Result<Vec<Row>, MoneyError> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for line in lines {
        let name = name(line, by);
        let zero = Money::zero(line.money.currency);
        let row = rows.entry(name.clone()).or_insert_with(|| Row {
            name,
            parts: BTreeMap::new(),
            total: zero.clone(),
            fuel: 0,
            estimated: false,
        });
        let part = row.parts.entry(line.kind).or_insert(zero);
        *part = part.plus(&line.money)?;
        row.total = row.total.plus(&line.money)?;
        row.fuel += line.fuel;
        row.estimated |= line.estimated;
    }
    Ok(rows.into_values().collect())
}

fn name(line: &Line, by: By) -> String {
    match (by, &line.skill) {
        (By::Run, _) => line.run.to_string(),
        (By::Step, _) => format!("{} {}", line.run, line.step),
        (By::Skill, Some(pin)) => format!("{} {}", pin.name, pin.version),
        (By::Skill, None) => "a person".into(),
        (By::Lane, _) => line.lane.word().into(),
    }
}

/// The sum of all rows; none when they are not of one currency.
#[must_use]
pub fn total(rows: &[Row]) -> Option<Money> {
    let (first, rest) = rows.split_first()?;
    rest.iter().try_fold(first.total.clone(), |sum, row| sum.plus(&row.total)).ok()
}

/// A table of rows with a total line, columns aligned on the right; what models cost has one where any was asked.
#[must_use]
pub fn table(rows: &[Row], heading: &str) -> String {
    let mut kinds = vec![CostKind::Work, CostKind::Waste, CostKind::People, CostKind::Overhead];
    if rows.iter().any(|row| row.parts.contains_key(&CostKind::Models)) {
        kinds.insert(1, CostKind::Models);
    }
    let mut cells = vec![vec![heading.to_owned()]];
    cells.iter_mut().for_each(|head| {
        head.extend(kinds.iter().map(|kind| kind.word().to_owned()));
        head.extend(["total".to_owned(), "fuel".to_owned()]);
    });
    for row in rows {
        let mut line = vec![crate::plain::short(&row.name, 60)];
        line.extend(kinds.iter().map(|kind| {
            row.parts.get(kind).map_or_else(|| "-".into(), |it| it.amount.normalize().to_string())
        }));
        line.push(format!("{}{}", row.total, if row.estimated { " (estimated)" } else { "" }));
        line.push(crate::plain::number(row.fuel));
        cells.push(line);
    }
    if let (Some(total), true) = (total(rows), rows.len() > 1) {
        let mut line = vec!["total".to_owned()];
        line.extend(kinds.iter().map(|_| String::new()));
        line.extend([total.to_string(), crate::plain::number(rows.iter().map(|row| row.fuel).sum())]);
        cells.push(line);
    }
    aligned(&cells)
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
