//! What a flow did in a period: runs and how they ended, what made a person look, who answered, what it cost, what was
//! refused.

use crate::cost::{By, Row, Rows, total};
use crate::explain::told_at_last;
use crate::log::day;
use crate::plain::short;
use crate::tally::Tally;
use crate::usage::Usage;
use kapell_journal::entry::{RunEnding, Verdict};
use kapell_model::id::SkillName;
use kapell_model::money::{Money, MoneyError, Tariff};
use kapell_model::quantity::{Span, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Period {
    /// From when on it is told; none for all there is.
    #[serde(serialize_with = "told_at_last")]
    pub since: Option<Timestamp>,
    /// When the first of these runs began.
    #[serde(serialize_with = "told_at_last")]
    pub first: Option<Timestamp>,
    /// When the last of them began.
    #[serde(serialize_with = "told_at_last")]
    pub last: Option<Timestamp>,
    /// Runs.
    pub runs: u64,
    /// Runs by how they ended; `open` for those that have not.
    pub ended: BTreeMap<String, u64>,
    /// Runs in which nobody was asked and that are done.
    pub without_a_person: u64,
    /// How and why runs ended that are not done, each with how often.
    pub stopped: BTreeMap<String, u64>,
    /// What made somebody look, each with how often.
    pub exceptions: BTreeMap<String, u64>,
    /// What people said, by role and verdict, each with how often.
    pub said: BTreeMap<String, u64>,
    /// How long runs waited for people, together.
    pub waited: Span,
    /// What it cost by lane.
    pub lanes: Vec<Row>,
    /// In all; none when nothing was, or when there were two currencies.
    pub total: Option<Money>,
    /// Whether any of it is an estimate.
    pub estimated: bool,
    /// Whether the prices are examples.
    pub example_prices: bool,
    /// What skills were refused, line by line.
    pub refused: Vec<String>,
}

/// A period while it is being counted.
#[derive(Debug)]
pub struct Counting {
    period: Period,
    rows: Rows,
}

impl Period {
    /// Nothing counted yet.
    #[must_use]
    pub fn since(since: Option<Timestamp>) -> Counting {
        Counting { period: Self { since, ..Self::default() }, rows: Rows::by(By::Lane) }
    }

    /// Which time it is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.since, self.first, self.last) {
            (Some(since), Some(first), Some(last)) => {
                format!("since {}: runs that began from {} to {}", day(since), day(first), day(last))
            }
            (None, Some(first), Some(last)) => {
                format!("all that is recorded, from {} to {}", day(first), day(last))
            }
            (Some(since), ..) => format!("since {}", day(since)),
            _ => "all that is recorded".into(),
        }
    }
}

impl Counting {
    /// Counts one more run.
    ///
    /// # Errors
    /// When amounts do not add up: runs by tariffs in two currencies.
    pub fn add(&mut self, tally: &Tally, tariff: &Tariff) -> Result<(), MoneyError> {
        let period = &mut self.period;
        period.runs += 1;
        period.first = Some(period.first.map_or(tally.started, |first| first.min(tally.started)));
        period.last = period.last.max(Some(tally.started));
        let ending = tally.ending().map_or("open", RunEnding::word);
        *period.ended.entry(ending.into()).or_default() += 1;
        if let Some(over) = tally.over.as_ref().filter(|over| !over.outcome) {
            let why = over.reason.as_deref().map(|why| format!(": {}", short(why, 120))).unwrap_or_default();
            *period.stopped.entry(format!("{ending}{why}")).or_default() += 1;
        }
        period.without_a_person += u64::from(tally.has_outcome() && tally.questions.is_empty());
        for asked in &tally.questions {
            let why = format!("{}: {}", asked.step, short(&asked.opened_by, 120));
            *period.exceptions.entry(why).or_default() += 1;
            let said = match (&asked.answer, asked.until) {
                (Some(answer), _) => said(answer.verdict),
                (None, Some(_)) => "did not answer before it was over",
                (None, None) => "has not answered yet",
            };
            *period.said.entry(format!("{} {said}", asked.role)).or_default() += 1;
        }
        period.waited = Span(period.waited.0.saturating_add(tally.waited().0));
        period.example_prices |= tariff.example;
        self.rows.add(&tally.lines)
    }

    /// The period, with what skills were refused in it.
    #[must_use]
    pub fn finish(self, used: &BTreeMap<SkillName, Usage>) -> Period {
        let lanes = self.rows.finish();
        let estimated = lanes.iter().any(|row| row.estimated);
        Period { total: total(&lanes), lanes, estimated, refused: refused(used), ..self.period }
    }
}

const fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "said yes",
        Verdict::Rejected => "said no",
        Verdict::Answered => "gave a value",
        Verdict::Overridden => "was overridden",
    }
}

fn refused(used: &BTreeMap<SkillName, Usage>) -> Vec<String> {
    let mut lines = Vec::new();
    for (skill, usage) in used {
        for stray in &usage.strays {
            let what = format!("{} {}", stray.kind, short(&stray.object, 100));
            lines.push(format!("{skill}: {what}, {}, {}", stray.why(), super::decides::times(stray.refused)));
        }
        for grant in usage.grants.iter().filter(|grant| grant.refused > 0) {
            let beyond = super::decides::times(grant.refused);
            lines.push(format!("{skill}: beyond its {} `{}`, {beyond}", grant.kind, grant.name));
        }
        if usage.refusals > 0 {
            lines.push(format!(
                "{skill}: tries ended by a refusal, {}",
                super::decides::times(usage.refusals)
            ));
        }
    }
    lines
}
