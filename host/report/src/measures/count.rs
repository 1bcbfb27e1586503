//! Runs while they are counted: one after the other, newest first, and nothing of one kept but what is counted.

use super::few::Few;
use super::questions::Questions;
use super::series::Hours;
use super::{
    Cost, Cycle, EndedFor, Exceptions, Figure, Judgment, Measures, PlanUsed, Rate, RungCount, Runs, Share,
    Took, Value, Velocity, percent, rounded,
};
use crate::cost::CostKind;
use crate::tally::{Answer, Over, Tally};
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, StepId};
use kapell_model::money::Money;
use kapell_model::plan::Outcome;
use kapell_model::quantity::{Span, Timestamp};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Plans and reasons of endings that are listed.
const PLANS: usize = 20;
const ENDINGS: usize = 20;

/// Between these a cycle time is told from another; about three to a power of ten, where people count that way.
const SPREAD: [u64; 22] = [
    10,
    30,
    100,
    300,
    1_000,
    3_000,
    10_000,
    30_000,
    60_000,
    180_000,
    600_000,
    1_800_000,
    3_600_000,
    10_800_000,
    28_800_000,
    86_400_000,
    259_200_000,
    604_800_000,
    1_209_600_000,
    2_592_000_000,
    7_776_000_000,
    31_536_000_000,
];

/// The runs of one flow while they are counted.
#[derive(Debug)]
pub struct Count {
    flow: FlowName,
    since: Option<Timestamp>,
    now: Timestamp,
    first: Option<Timestamp>,
    newest: Option<Arc<crate::tally::Declared>>,
    example_prices: bool,
    plans: Vec<PlanUsed>,
    known: BTreeMap<Digest, usize>,
    runs: Runs,
    alone: u64,
    asked: u64,
    exceptions: u64,
    otherwise: u64,
    worth: Sum,
    declared: u64,
    cost: Sum,
    parts: BTreeMap<CostKind, Sum>,
    estimated: bool,
    endings: Few<(&'static str, Option<String>)>,
    cycles: Vec<u64>,
    waited: u64,
    judgment: Judged,
    questions: Questions,
    rungs: BTreeMap<StepId, BTreeMap<(u32, String), u64>>,
    hours: Hours,
}

/// Money while it is added up.
#[derive(Clone, Debug, Default)]
struct Sum {
    sum: Option<Money>,
    mixed: bool,
}

/// Answers while they are counted.
#[derive(Clone, Debug, Default)]
struct Judged {
    answers: u64,
    changed: u64,
    minutes: Decimal,
    estimated: Decimal,
    changed_minutes: Decimal,
}

impl Count {
    /// None yet. `since` is where the period begins, when somebody said so, `now` where it ends.
    #[must_use]
    pub fn of(flow: FlowName, since: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            flow,
            since,
            now,
            first: None,
            newest: None,
            example_prices: false,
            plans: Vec::new(),
            known: BTreeMap::new(),
            runs: Runs::default(),
            alone: 0,
            asked: 0,
            exceptions: 0,
            otherwise: 0,
            worth: Sum::default(),
            declared: 0,
            cost: Sum::default(),
            parts: BTreeMap::new(),
            estimated: false,
            endings: Few::default(),
            cycles: Vec::new(),
            waited: 0,
            judgment: Judged::default(),
            questions: Questions::default(),
            rungs: BTreeMap::new(),
            hours: Hours::default(),
        }
    }

    /// Counts a run. Runs are counted newest first: what the newest declares is what is told. `example` says that its
    /// tariff's prices are examples.
    pub fn add(&mut self, tally: &Tally, example: bool) {
        self.runs.begun += 1;
        self.example_prices |= example;
        self.first = Some(self.first.map_or(tally.started, |first| first.min(tally.started)));
        self.newest.get_or_insert_with(|| tally.declared.clone());
        self.count_plan(tally);
        self.count_cost(tally);
        self.questions.count(&tally.questions);
        tally.questions.iter().filter_map(|it| it.answer.as_ref()).for_each(|it| self.judgment.count(it));
        let done = tally.has_outcome();
        let asked = !tally.questions.is_empty();
        self.asked += u64::from(asked);
        self.exceptions += u64::from(asked || (tally.over.is_some() && !done));
        match &tally.over {
            Some(over) => self.count_over(tally, over, done, asked),
            None if tally.questions.last().is_some_and(|last| last.until.is_none()) => self.runs.waiting += 1,
            None => self.runs.under_way += 1,
        }
        for rung in &tally.rungs {
            let step = self.rungs.entry(rung.step.clone()).or_default();
            *step.entry((rung.rung, rung.by.clone())).or_default() += 1;
        }
    }

    /// Runs come newest first, so the last one of a plan is the first that began.
    fn count_plan(&mut self, tally: &Tally) {
        let nth = *self.known.entry(tally.plan).or_insert_with(|| {
            let (plan, version) = (tally.plan, tally.version.clone());
            self.plans.push(PlanUsed { plan, version, runs: 0, first: tally.started });
            self.plans.len() - 1
        });
        if let Some(plan) = self.plans.get_mut(nth) {
            (plan.runs, plan.first) = (plan.runs + 1, plan.first.min(tally.started));
        }
    }

    fn count_cost(&mut self, tally: &Tally) {
        for line in &tally.lines {
            self.cost.add(&line.money);
            self.parts.entry(line.kind).or_default().add(&line.money);
            self.hours.at(line.at).charge(line.kind, &line.money);
            self.estimated |= line.estimated;
        }
    }

    fn count_over(&mut self, tally: &Tally, over: &Over, done: bool, asked: bool) {
        let word = over.ending.word();
        *self.runs.over.entry(word).or_default() += 1;
        let hour = self.hours.at(over.at);
        match (done, asked) {
            (false, _) => {
                hour.ended_otherwise += 1;
                self.otherwise += 1;
                self.endings.count((word, over.reason.clone()));
                return;
            }
            (true, true) => hour.done_with_a_person += 1,
            (true, false) => {
                (hour.done_without_a_person, self.alone) = (hour.done_without_a_person + 1, self.alone + 1)
            }
        }
        self.cycles.extend(tally.cycle().map(|cycle| cycle.0));
        self.waited = self.waited.saturating_add(tally.waited().0);
        if let Some(worth) = declared(tally.declared.outcome.as_ref(), |it| it.worth.as_ref()) {
            self.declared += 1;
            self.worth.add(worth);
        }
    }

    /// The measures.
    #[must_use]
    pub fn finish(mut self) -> Measures {
        let (exceptions, outcomes) = (self.exceptions(), self.cycles.len() as u64);
        let (from, until) = (self.since.or(self.first), self.now);
        let newest = self.newest.as_ref().and_then(|newest| newest.outcome.as_ref());
        let (cost, worth) = (self.cost.figure("nothing was charged"), self.worth.figure(no_worth(outcomes)));
        let (questions, more_questions) = self.questions.finish();
        Measures {
            outcome: newest.map(|outcome| outcome.name.clone()),
            from,
            until,
            example_prices: self.example_prices,
            plans_in_all: self.plans.len() as u64,
            plans: self.plans.into_iter().take(PLANS).collect(),
            velocity: Velocity {
                outcomes: Share { n: outcomes, of: self.runs.begun },
                without_a_person: Share { n: self.alone, of: outcomes },
                rate: rate(outcomes, from, until),
            },
            exceptions,
            value: value(worth, Share { n: self.declared, of: outcomes }, &cost),
            cycle: cycle(self.cycles, self.waited, newest),
            cost: costs(cost, self.parts, outcomes, self.estimated),
            judgment: self.judgment.finish(),
            questions,
            more_questions,
            rungs: rungs(self.rungs),
            series: self.hours.series(self.first, until),
            runs: self.runs,
            flow: self.flow,
        }
    }
}

impl Count {
    fn exceptions(&mut self) -> Exceptions {
        let (endings, more_endings) = std::mem::take(&mut self.endings).commonest(ENDINGS);
        let ended_for =
            |((state, reason), runs): ((&'static str, Option<String>), u64)| EndedFor { state, reason, runs };
        Exceptions {
            runs: Share { n: self.exceptions, of: self.runs.begun },
            asked: self.asked,
            ended: self.otherwise,
            endings: endings.into_iter().map(ended_for).collect(),
            more_endings,
        }
    }
}

impl Sum {
    fn add(&mut self, money: &Money) {
        match self.sum.as_ref().map_or_else(|| Ok(money.clone()), |sum| sum.plus(money)) {
            Ok(sum) => self.sum = Some(sum),
            Err(_) => self.mixed = true,
        }
    }

    fn figure(self, none: &'static str) -> Figure<Money> {
        match self.mixed {
            true => Figure::Unknown("the amounts do not add up: they are in more than one currency"),
            false => Figure::or(self.sum, none),
        }
    }
}

impl Judged {
    fn count(&mut self, answer: &Answer) {
        let minutes = |sum: Decimal, counts: bool| match counts {
            true => sum.saturating_add(answer.minutes),
            false => sum,
        };
        self.answers += 1;
        self.changed += u64::from(answer.changed);
        self.minutes = minutes(self.minutes, true);
        self.estimated = minutes(self.estimated, answer.estimated);
        self.changed_minutes = minutes(self.changed_minutes, answer.changed);
    }

    fn finish(self) -> Judgment {
        let none = if self.answers == 0 {
            "nobody has answered anything yet"
        } else {
            "the answers took no minutes"
        };
        Judgment {
            answers: Share { n: self.changed, of: self.answers },
            minutes: self.minutes.normalize(),
            estimated_minutes: self.estimated.normalize(),
            changed_minutes: self.changed_minutes.normalize(),
            percent: Figure::or(percent(self.changed_minutes, self.minutes), none),
        }
    }
}

fn declared<T>(outcome: Option<&Outcome>, part: impl FnOnce(&Outcome) -> Option<&T>) -> Option<&T> {
    outcome.and_then(part)
}

const fn no_worth(outcomes: u64) -> &'static str {
    match outcomes {
        0 => "no run has come to its outcome yet",
        _ => "the flow declares no worth of its outcome",
    }
}

/// A period shorter than an hour says nothing of an hour, and one shorter than a day nothing of a day.
fn rate(outcomes: u64, from: Option<Timestamp>, until: Timestamp) -> Figure<Rate> {
    const UNITS: [(u64, &str); 2] = [(86_400_000, "day"), (3_600_000, "hour")];
    let Some(from) = from else { return Figure::Unknown("no run began in the period") };
    let long = until.0.saturating_sub(from.0);
    let unit = UNITS.into_iter().find(|(unit, _)| long >= *unit);
    let Some((unit, each)) = unit else { return Figure::Unknown("the period is shorter than an hour") };
    let exact = Decimal::from(outcomes).checked_mul(unit.into()).and_then(|it| it.checked_div(long.into()));
    let digits = exact.map_or(0, |it| if it < Decimal::ONE { 2 } else { 1 });
    let outcomes = exact.and_then(|it| rounded(it, digits));
    Figure::or(outcomes.map(|outcomes| Rate { outcomes, each }), "the period is too long")
}

fn value(worth: Figure<Money>, declared: Share, cost: &Figure<Money>) -> Value {
    let per_unit_of_cost = match (&worth, cost) {
        (Figure::Unknown(why), _) | (_, Figure::Unknown(why)) => Figure::Unknown(why),
        (Figure::Known(worth), Figure::Known(cost)) if worth.currency != cost.currency => {
            Figure::Unknown("worth and cost are in two currencies")
        }
        (Figure::Known(worth), Figure::Known(cost)) => {
            let exact = worth.amount.checked_div(cost.amount).and_then(|it| rounded(it, 2));
            Figure::or(exact, "nothing was charged")
        }
    };
    Value { worth, declared, per_unit_of_cost }
}

fn costs(total: Figure<Money>, parts: BTreeMap<CostKind, Sum>, outcomes: u64, estimated: bool) -> Cost {
    let parts: BTreeMap<CostKind, Money> =
        parts.into_iter().filter_map(|(kind, sum)| Some((kind, sum.sum.filter(|_| !sum.mixed)?))).collect();
    let (waste_percent, per_outcome) = match &total {
        Figure::Unknown(why) => (Figure::Unknown(why), Figure::Unknown(why)),
        Figure::Known(total) => {
            let waste = parts.get(&CostKind::Waste).map_or(Decimal::ZERO, |waste| waste.amount);
            let each = crate::cost::shared(total, outcomes);
            let none = "no run has come to its outcome yet";
            (Figure::or(percent(waste, total.amount), "nothing was charged"), Figure::or(each, none))
        }
    };
    Cost { total, parts, waste_percent, per_outcome, estimated }
}

fn cycle(mut cycles: Vec<u64>, waited: u64, newest: Option<&Outcome>) -> Cycle {
    let none = "no run has come to its outcome yet";
    cycles.sort_unstable();
    let by_hand = declared(newest, |it| it.by_hand.as_ref()).copied();
    let whole = cycles.iter().fold(0, |sum: u64, it| sum.saturating_add(*it));
    Cycle {
        outcomes: cycles.len() as u64,
        by_hand: Figure::or(by_hand, "the flow declares no time by hand"),
        waited: Share { n: waited.min(whole), of: whole },
        spread: spread(&cycles, by_hand),
        p50: Figure::or(ranked(&cycles, 50).map(Span), none),
        p90: Figure::or(ranked(&cycles, 90).map(Span), none),
    }
}

/// How many took how long, from the shortest to the longest, the time by hand among them, without gaps.
fn spread(sorted: &[u64], by_hand: Option<Span>) -> Vec<Took> {
    let below = |edge: u64| sorted.partition_point(|took| *took < edge) as u64;
    let edges = [0].into_iter().chain(SPREAD);
    let next = SPREAD.into_iter().map(Some).chain([None]);
    let all = edges.zip(next).map(|(from, to)| {
        let runs = to.map_or(sorted.len() as u64, below) - below(from);
        Took { from: Span(from), below: to.map(Span), runs }
    });
    let all: Vec<Took> = all.collect();
    let holds = |took: &Took, at: Span| took.from <= at && took.below.is_none_or(|below| at < below);
    let some =
        |took: &Took| !sorted.is_empty() && (took.runs > 0 || by_hand.is_some_and(|at| holds(took, at)));
    let (first, last) = (all.iter().position(some), all.iter().rposition(some));
    first.zip(last).and_then(|(first, last)| all.get(first..=last)).map(<[_]>::to_vec).unwrap_or_default()
}

/// By nearest rank: so many in a hundred are no larger.
pub(super) fn rank(mut numbers: Vec<u64>, percent: usize) -> Option<u64> {
    numbers.sort_unstable();
    ranked(&numbers, percent)
}

fn ranked(sorted: &[u64], percent: usize) -> Option<u64> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

fn rungs(counted: BTreeMap<StepId, BTreeMap<(u32, String), u64>>) -> Vec<RungCount> {
    let steps = counted.into_iter().flat_map(|(step, rungs)| {
        let of = rungs.values().sum();
        rungs.into_iter().map(move |((rung, by), n)| RungCount {
            step: step.clone(),
            rung,
            by,
            times: Share { n, of },
        })
    });
    steps.collect()
}
