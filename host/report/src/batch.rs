//! What a batch came to: done without a person, by which rung, waiting and why, spent.

use crate::cost::listed;
use crate::plain::{number, short};
use kapell_journal::entry::{AskReason, RunEnding};
use kapell_journal::fold::{OpenQuestion, RunState};
use kapell_model::id::StepId;
use kapell_model::money::{Money, MoneyError};
use kapell_model::plan::{Call, Expectation, Plan, Rung, Work};
use serde::Serialize;
use std::collections::BTreeMap;

/// A batch, counted run by run.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Lines that are no inputs of the flow; nothing ran for them.
    pub bad: u64,
    /// Runs that another process is driving.
    pub elsewhere: u64,
    /// Runs that had come to rest before, in this state or another.
    pub before: u64,
    /// Runs that are done and asked nobody.
    pub done_without_a_person: u64,
    /// Runs that are done and asked somebody.
    pub done_with_a_person: u64,
    /// Runs that wait, by what they wait for.
    #[serde(serialize_with = "counted")]
    pub waiting: BTreeMap<Waiting, u64>,
    /// Runs that ended otherwise, by how and where.
    #[serde(serialize_with = "counted")]
    pub ended: BTreeMap<Ended, u64>,
    /// Which rung of which ladder answered.
    #[serde(serialize_with = "counted")]
    pub rungs: BTreeMap<Answered, u64>,
    /// What those cost that were run now.
    pub spent: Option<Money>,
    /// What those had cost that had come to rest before.
    pub spent_before: Option<Money>,
    /// Units of guest work of those that were run now.
    pub fuel: u64,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Waiting {
    /// The step that asks.
    pub step: StepId,
    /// Who is asked.
    pub role: String,
    /// Why.
    pub why: String,
}

/// How a run ended that is not done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ended {
    /// The word of its ending.
    pub state: &'static str,
    /// The step it ended at, where it was one.
    pub step: Option<StepId>,
}

/// The rung that settled a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Answered {
    /// The place of the step in the flow.
    #[serde(skip)]
    pub place: usize,
    /// The step.
    pub step: StepId,
    /// The rung, 0 for the step's own call.
    pub rung: u32,
    /// The skill that answered, or who was asked.
    pub by: String,
}

/// A counted thing in JSON: its own fields and `count`.
fn counted<T: Serialize, S: serde::Serializer>(
    counts: &BTreeMap<T, u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Counted<'a, T> {
        #[serde(flatten)]
        what: &'a T,
        count: &'a u64,
    }
    serializer.collect_seq(counts.iter().map(|(what, count)| Counted { what, count }))
}

impl Summary {
    /// Counts a run in; `before` says that it had come to rest before.
    ///
    /// # Errors
    /// When the runs were not priced in one currency.
    pub fn count(&mut self, plan: &Plan, state: &RunState, before: bool) -> Result<(), MoneyError> {
        self.before += u64::from(before);
        self.count_state(plan, state);
        for (place, step) in plan.steps.iter().enumerate() {
            let rung = state.steps.get(&step.id).filter(|it| it.settled.is_some()).map(|it| it.rung);
            if let Some((rung, by)) = rung.and_then(|rung| Some((rung, rung_of(&step.work, rung)?))) {
                *self.rungs.entry(Answered { place, step: step.id.clone(), rung, by }).or_default() += 1;
            }
        }
        let spent = if before { &mut self.spent_before } else { &mut self.spent };
        if let Some(money) = &state.spent {
            *spent = Some(spent.as_ref().map_or_else(|| Ok(money.clone()), |sum| sum.plus(money))?);
        }
        if !before {
            let attempts = state.steps.values().flat_map(|step| &step.attempts);
            let ended = attempts.filter_map(|it| it.ended.as_ref());
            self.fuel += ended.map(|ended| ended.receipt.meters.fuel).sum::<u64>();
        }
        Ok(())
    }

    fn count_state(&mut self, plan: &Plan, state: &RunState) {
        match (&state.ended, &state.question) {
            (Some(ended), _) if ended.state == RunEnding::Done => {
                let asked = state.steps.values().any(|step| step.askings > 0);
                *(if asked { &mut self.done_with_a_person } else { &mut self.done_without_a_person }) += 1;
            }
            (Some(ended), _) => {
                let ended = Ended { state: ended.state.word(), step: ended.step.clone() };
                *self.ended.entry(ended).or_default() += 1;
            }
            (None, Some(open)) => {
                let (step, role) = (open.asked.step.clone(), open.asked.role.to_string());
                let why = why(plan, open);
                *self.waiting.entry(Waiting { step, role, why }).or_default() += 1;
            }
            (None, None) => self.elsewhere += 1,
        }
    }

    /// How many runs wait.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waiting.values().sum()
    }

    /// How many runs ended otherwise than done.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.ended.values().sum()
    }

    /// How many lines were counted.
    #[must_use]
    pub fn lines(&self) -> u64 {
        let done = self.done_without_a_person + self.done_with_a_person;
        done + self.waits() + self.failed() + self.elsewhere + self.bad
    }

    /// The summary people read.
    #[must_use]
    pub fn text(&self, priced_by_example: bool) -> String {
        let mut rows = vec![
            row(self.done_without_a_person, "done without a person", ""),
            row(self.done_with_a_person, "done after a person was asked", ""),
        ];
        rows.extend(self.waiting.iter().map(|(it, count)| {
            let why = format!("{} asks {}: {}", it.step, it.role, it.why);
            row(*count, "waiting", &short(&why, 90))
        }));
        rows.extend(self.ended.iter().map(|(it, count)| {
            let at = it.step.as_ref().map(|step| format!("at {step}")).unwrap_or_default();
            row(*count, it.state, &at)
        }));
        rows.push(row(self.elsewhere, "under way in another process", ""));
        rows.push(row(self.bad, if self.bad == 1 { "bad line, not run" } else { "bad lines, not run" }, ""));
        rows.retain(|row| row.first().is_some_and(|count| count != "0"));
        rows.extend(
            self.rungs
                .iter()
                .map(|(it, count)| row(*count, &format!("{} answered by", it.step), &short(&it.by, 90))),
        );
        let before = match self.before {
            0 => String::new(),
            before => format!(", {} of them run before", number(before)),
        };
        let (spent, lines) = (self.spent_words(priced_by_example), number(self.lines()));
        let noun = if self.lines() == 1 { "line" } else { "lines" };
        format!("{lines} {noun}{before}\n{}\n{spent}", listed(&rows))
    }

    fn spent_words(&self, priced_by_example: bool) -> String {
        let money = |money: &Option<Money>| money.as_ref().map_or_else(|| "nothing".into(), Money::to_string);
        let example = if priced_by_example { " at example prices" } else { "" };
        let (spent, fuel) = (money(&self.spent), number(self.fuel));
        match self.before {
            0 => format!("spent {spent}{example}, fuel {fuel}"),
            _ => format!("spent {spent} now, fuel {fuel}, and {} before{example}", money(&self.spent_before)),
        }
    }
}

fn row(count: u64, what: &str, more: &str) -> Vec<String> {
    vec![number(count), what.to_owned(), more.to_owned()]
}

/// Why a run asks: the condition that did not hold, or the one that did.
fn why(plan: &Plan, open: &OpenQuestion) -> String {
    let step = plan.steps.iter().find(|step| step.id == open.asked.step);
    match (open.asked.reason, step.map(|step| (&step.when, &step.work))) {
        (AskReason::Doubt, _) => "it is not known whether an effect happened".into(),
        (AskReason::Ladder, Some((_, Work::Call { expect: Some(expect), .. }))) => {
            let (Expectation::Holds { that: expected } | Expectation::Verdict { holds: expected, .. }) =
                expect;
            format!("`{expected}` does not hold")
        }
        (AskReason::Flow, Some((Some(when), _))) => format!("`{when}` holds"),
        (reason, _) if reason.is_budget() => "a budget would be passed".into(),
        _ => "the flow says so".into(),
    }
}

/// Who answers on a rung; none for a step without a ladder.
fn rung_of(work: &Work, rung: u32) -> Option<String> {
    let Work::Call { call, otherwise, .. } = work else { return None };
    if otherwise.is_empty() {
        return None;
    }
    let Some(above) = rung.checked_sub(1) else { return Some(called(call)) };
    Some(match otherwise.get(above as usize)? {
        Rung::Again { .. } => format!("{}, sent back", called(call)),
        Rung::Use { call } => called(call),
        Rung::Ask { question } => question.role.to_string(),
    })
}

fn called(call: &Call) -> String {
    format!("{}#{}", call.skill.name, call.operation.name)
}
