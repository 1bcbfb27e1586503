//! The measures that matter of one flow, from the journal alone: what came out and how fast, what it was worth beside what
//! it cost, how often the normal case did not run through and why, how long it took beside the time by hand, and what
//! people's minutes went into.
//!
//! The base of every figure is the same: the runs that began in the period. Each figure says how many of how many, and
//! one that can't be known says why instead of being nothing. `host/report/MEASURES.md` says exactly what each one means.

mod count;
mod few;
mod page;
mod questions;
mod series;
#[cfg(test)]
mod tests;
mod text;

pub use crate::noise::{Judged, NOISE_FROM};
pub use count::Count;
pub use page::html;
pub use questions::{Question, Reason, Way};
pub use series::{Point, Series, Unit};
pub use text::text;

use crate::cost::CostKind;
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, StepId};
use kapell_model::money::Money;
use kapell_model::quantity::{Span, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// The measures of one flow over one period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measures {
    /// The flow.
    pub flow: FlowName,
    /// What its outcome is called, as the newest run's plan declares it.
    pub outcome: Option<String>,
    /// Where the period begins: as asked for, else with the first run; none without runs.
    pub from: Option<Timestamp>,
    /// Where it ends: when the report was made.
    pub until: Timestamp,
    /// Whether money is at a tariff's example prices.
    pub example_prices: bool,
    /// What ran, newest first: several, when the flow or what it rests on changed within the period.
    pub plans: Vec<PlanUsed>,
    /// How many of them there were, listed or not.
    pub plans_in_all: u64,
    /// What became of the runs.
    pub runs: Runs,
    /// Outcomes, and how many of them in a unit of time.
    pub velocity: Velocity,
    /// What they were worth for what everything cost.
    pub value: Value,
    /// What everything cost.
    pub cost: Cost,
    /// Runs that did not go straight through.
    pub exceptions: Exceptions,
    /// From a run's beginning to its end.
    pub cycle: Cycle,
    /// What people's minutes went into.
    pub judgment: Judgment,
    /// Each question, by the step and the condition that opened it; the commonest first.
    pub questions: Vec<Question>,
    /// Questions beyond those that are listed.
    pub more_questions: u64,
    /// Which rung answered how often, for steps whose output was judged.
    pub rungs: Vec<RungCount>,
    /// Period by period.
    pub series: Series,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// So many.
    pub n: u64,
    /// Of so many.
    pub of: u64,
}

/// A figure, or why it can't be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure<T> {
    /// It is this.
    Known(T),
    /// It can't be known.
    Unknown(&'static str),
}

/// A plan that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanUsed {
    /// Its digest.
    pub plan: Digest,
    /// The flow's version in it.
    pub version: String,
    /// How many of the runs.
    pub runs: u64,
    /// When the first of these began.
    pub first: Timestamp,
}

/// What became of the runs that began in the period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Runs {
    /// How many there are.
    pub begun: u64,
    /// Those that are over, by the word of their ending.
    pub over: BTreeMap<&'static str, u64>,
    /// Those that wait for an answer.
    pub waiting: u64,
    /// Those that are under way, or were cut off and not resumed yet.
    pub under_way: u64,
}

/// Outcomes and their speed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Velocity {
    /// Runs that ended done, of those begun.
    pub outcomes: Share,
    /// Outcomes for which nobody was asked, of all outcomes.
    pub without_a_person: Share,
    /// Outcomes in a unit of time.
    pub rate: Figure<Rate>,
}

/// Outcomes in a unit of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rate {
    /// How many.
    pub outcomes: Decimal,
    /// In which unit: the day, or the hour in a period shorter than a day.
    pub each: &'static str,
}

/// What outcomes were worth for what everything cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Value {
    /// The worth the plans declare, over all outcomes.
    pub worth: Figure<Money>,
    /// Outcomes whose plan declares one.
    pub declared: Share,
    /// Worth for each unit of cost.
    pub per_unit_of_cost: Figure<Decimal>,
}

/// What all runs cost, those without an outcome too.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
    /// All of it.
    pub total: Figure<Money>,
    /// Its parts.
    pub parts: BTreeMap<CostKind, Money>,
    /// Percent of the total that went into attempts whose output was not used.
    pub waste_percent: Figure<Decimal>,
    /// For each outcome.
    pub per_outcome: Figure<Money>,
    /// Whether any of it rests on an estimate.
    pub estimated: bool,
}

/// Runs that did not go straight through. Why is told by the questions and by these endings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exceptions {
    /// Runs that asked a person or ended without an outcome, of those begun.
    pub runs: Share,
    /// Those of them that asked.
    pub asked: u64,
    /// Those of them that ended without an outcome.
    pub ended: u64,
    /// How these ended and for what reason, the commonest first.
    pub endings: Vec<EndedFor>,
    /// Of these, runs that ended for a reason that is not listed.
    pub more_endings: u64,
}

/// Runs that ended without an outcome, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndedFor {
    /// The word of the ending.
    pub state: &'static str,
    /// The reason that was recorded.
    pub reason: Option<String>,
    /// How many runs.
    pub runs: u64,
}

/// From the beginning to the end of runs that came to their outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cycle {
    /// How many runs it rests on.
    pub outcomes: u64,
    /// Half of them took no longer; in milliseconds.
    pub p50: Figure<Span>,
    /// Nine in ten took no longer.
    pub p90: Figure<Span>,
    /// How long it takes a person by hand, as the newest run's plan declares it.
    pub by_hand: Figure<Span>,
    /// Of all their time, what went by while people were waited for, in milliseconds.
    pub waited: Share,
    /// How many took how long.
    pub spread: Vec<Took>,
}

/// How many runs took from this long to less than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Took {
    /// This long, or longer.
    pub from: Span,
    /// Less than that; none for the last.
    pub below: Option<Span>,
    /// How many runs.
    pub runs: u64,
}

/// What people's minutes went into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judgment {
    /// Answers that changed the result, of all answers.
    pub answers: Share,
    /// All minutes.
    pub minutes: Decimal,
    /// Minutes that nobody stated: by the tariff.
    pub estimated_minutes: Decimal,
    /// Minutes that went into answers that changed the result.
    pub changed_minutes: Decimal,
    /// These, in percent of all.
    pub percent: Figure<Decimal>,
}

/// How often a rung answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RungCount {
    /// The step.
    pub step: StepId,
    /// The rung, from 0.
    pub rung: u32,
    /// Who answered: a skill, or a person.
    pub by: String,
    /// How often, of all answers to the step.
    pub times: Share,
}

impl Share {
    /// In percent with one digit behind the point; none of nothing. Rounded, but only nothing is 0 and only all is 100.
    #[must_use]
    pub fn percent(self) -> Option<Decimal> {
        percent(self.n.into(), self.of.into())
    }

    /// `9 of 12 (75.0 %)`.
    #[must_use]
    pub fn words(self) -> String {
        self.words_of("")
    }

    /// `9 of 12 runs (75.0 %)`; the word comes with its space.
    #[must_use]
    pub fn words_of(self, what: &str) -> String {
        let (n, of) = (crate::plain::number(self.n), crate::plain::number(self.of));
        let percent = self.percent().map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        format!("{n} of {of}{what}{percent}")
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written {
            n: u64,
            of: u64,
            percent: Option<Decimal>,
        }
        Written { n: self.n, of: self.of, percent: self.percent() }.serialize(serializer)
    }
}

impl<T> Figure<T> {
    /// The figure, if it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Figure::Known(figure) => Some(figure),
            Figure::Unknown(_) => None,
        }
    }

    fn or(figure: Option<T>, why: &'static str) -> Self {
        figure.map_or(Figure::Unknown(why), Figure::Known)
    }

    /// The figure in words, or `unknown` and why.
    fn words(&self, words: impl FnOnce(&T) -> String) -> String {
        match self {
            Figure::Known(figure) => words(figure),
            Figure::Unknown(why) => format!("unknown: {why}"),
        }
    }
}

/// One amount in percent of another, with one digit behind the point: rounded, but only nothing is 0 and only all is
/// 100. None of nothing, and none beyond what a decimal holds.
fn percent(part: Decimal, whole: Decimal) -> Option<Decimal> {
    let share = rounded(part.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(whole)?, 1)?;
    let tenth = Decimal::new(1, 1);
    Some(match part {
        part if part.is_zero() || part >= whole => share,
        _ => share.clamp(tenth, Decimal::ONE_HUNDRED - tenth),
    })
}

/// A number with so many digits behind the point, halves away from nothing, and zeros where there are fewer.
fn rounded(number: Decimal, digits: u32) -> Option<Decimal> {
    let mut rounded = number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(digits);
    Some(rounded)
}
