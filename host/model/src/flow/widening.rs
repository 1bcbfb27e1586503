//! What changed between two meanings of a flow, and which of it must wait for approval.
//!
//! Less is approved with more: a question more, a condition that asks sooner, a smaller budget, a narrower grant.
//! Everything else waits, also what can't be compared: whether another question is the stricter one nobody here knows.
//! Where a ladder leads on to another call, less is not less any more: whatever makes an attempt fail sooner, or an
//! answer hold less often, sends more down the ladder.

use super::authored::Authored;
use super::meaning::{
    BudgetMeaning, CallMeaning, Clause, ExpectMeaning, Meaning, MeetingMeaning, QuestionMeaning, RungMeaning,
    StepMeaning, WorkMeaning,
};
use crate::expression::{Expression, implies};
use crate::grant::GrantSet;
use crate::id::{Role, StepId};
use crate::lock::{read_grants, read_limits};
use crate::period::Per;
use crate::plan::{Effects, Input};
use crate::policy::ANYBODY;
use crate::quantity::Span;
use crate::source::{Diagnostic, Source};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowChange {
    /// Where in the flow.
    pub at: Spot,
    /// Whether it waits for approval.
    pub widens: bool,
    /// What changed, one clause.
    pub words: String,
}

/// A place in a flow that people can look up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// The flow as a whole: what it says no more stands nowhere.
    Flow,
    /// `budget.money`.
    Money,
    /// `budget.work`.
    Work,
    /// `budget.over`.
    Over,
    /// The step.
    Step(StepId),
    /// The step's condition.
    When(StepId),
}

/// Everything that changed from what was approved to what is there now.
#[must_use]
pub fn changes(approved: &Meaning, now: &Meaning) -> Vec<FlowChange> {
    let mut told = Told::default();
    let steps = now.steps();
    let led = steps.iter().find_map(|step| step.led_on());
    told.run_budget(approved.budget(), now.budget(), led);
    told.flow_budgets(&approved.flow_budgets(), &now.flow_budgets(), led);
    told.require(&approved.require(), &now.require());
    told.inputs(&approved.inputs(), &now.inputs());
    told.pairs("file", &approved.files(), &now.files());
    told.steps(&approved.steps(), &steps);
    told.outputs(&approved.outputs(), &now.outputs());
    told.meetings(&approved.meetings(), &now.meetings());
    told.0
}

/// What waits for approval, each at its place in the text the flow was read from.
#[must_use]
pub fn waiting(changes: &[FlowChange], authored: &Authored, source: Source<'_>) -> Vec<Diagnostic> {
    let wider = changes.iter().filter(|change| change.widens);
    let placed = wider.map(|change| {
        let problem = match authored.place_of(&change.at) {
            Some(at) => source.problem(at, change.words.clone()),
            None => source.whole(change.words.clone()),
        };
        Diagnostic { refused: true, ..problem }
    });
    placed.collect()
}

/// The step whose ladder leads on to another call, if one does.
type Led<'m> = Option<&'m StepId>;

/// A role that is asked, and its people.
type Asking = (Role, Vec<String>);

#[derive(Default)]
struct Told(Vec<FlowChange>);

impl Told {
    fn wider(&mut self, at: Spot, words: impl Into<String>) {
        self.0.push(FlowChange { at, widens: true, words: words.into() });
    }

    fn narrower(&mut self, at: Spot, words: impl Into<String>) {
        self.0.push(FlowChange { at, widens: false, words: words.into() });
    }

    fn say(&mut self, widens: bool, at: Spot, words: impl Into<String>) {
        self.0.push(FlowChange { at, widens, words: words.into() });
    }

    /// What makes an attempt end sooner, or its answer hold less often: less, unless a ladder leads on from there.
    fn sooner(&mut self, at: Spot, words: String, led: Led<'_>) {
        match led {
            None => self.narrower(at, words),
            Some(step) => self.wider(at, format!("{words}: more goes down the ladder of `{step}`")),
        }
    }

    /// The run's own budget, each bound at its place.
    fn run_budget(&mut self, before: &BudgetMeaning, after: &BudgetMeaning, led: Led<'_>) {
        self.budget(&[Spot::Money, Spot::Work, Spot::Over], "", before, after, led);
    }

    /// What all runs together may spend; the policy says so, so that it stands nowhere in the flow.
    fn flow_budgets(
        &mut self,
        before: &[(Per, &BudgetMeaning)],
        after: &[(Per, &BudgetMeaning)],
        led: Led<'_>,
    ) {
        let none = BudgetMeaning::default();
        for (_, per) in Per::WORDS {
            let of = |budgets: &[(Per, &BudgetMeaning)]| {
                budgets
                    .iter()
                    .find(|(it, _)| *it == per)
                    .map_or_else(|| none.clone(), |(_, it)| (*it).clone())
            };
            let whose = format!("flow's {} ", per.each());
            self.budget(&[Spot::Flow, Spot::Flow, Spot::Flow], &whose, &of(before), &of(after), led);
        }
    }

    /// A bound may only be lower, and nobody more may let it be passed. A rung that would pass one is passed over.
    fn budget(
        &mut self,
        at: &[Spot; 3],
        whose: &str,
        before: &BudgetMeaning,
        after: &BudgetMeaning,
        led: Led<'_>,
    ) {
        let [money, work, over] = at;
        let gone = |at: &Spot| if whose.is_empty() { Spot::Flow } else { at.clone() };
        match (&before.money, &after.money) {
            (before, after) if before == after => {}
            (None, Some(after)) => {
                self.sooner(money.clone(), format!("the {whose}budget is {after} now"), led);
            }
            (Some(before), None) => {
                self.wider(gone(money), format!("the {whose}budget of {before} is gone"));
            }
            (Some(before), Some(after)) => {
                let raised = before.currency != after.currency || after.amount > before.amount;
                let words = format!("the {whose}budget was {before} and is {after}");
                if raised { self.wider(money.clone(), words) } else { self.sooner(money.clone(), words, led) }
            }
            (None, None) => {}
        }
        let who = if whose.is_empty() { "a run" } else { "it" };
        self.work(work, gone(work), who, (before.work, after.work), led);
        self.past(over, gone(over), whose, before.over.as_ref(), after.over.as_ref());
    }

    /// How long may be worked.
    fn work(&mut self, at: &Spot, gone: Spot, who: &str, change: (Option<Span>, Option<Span>), led: Led<'_>) {
        match change {
            (before, after) if before == after => {}
            (None, Some(after)) => {
                self.sooner(at.clone(), format!("{who} may work for {after} now"), led);
            }
            (Some(before), None) => self.wider(gone, format!("the bound of {before} of work is gone")),
            (before, after) => {
                let words = format!(
                    "{who} might work for {} and may for {}",
                    before.unwrap_or_default(),
                    after.unwrap_or_default()
                );
                match after > before {
                    true => self.wider(at.clone(), words),
                    false => self.sooner(at.clone(), words, led),
                }
            }
        }
    }

    /// Who may let a budget be passed. Without anybody a run ends at it, which is less.
    fn past(&mut self, at: &Spot, gone: Spot, whose: &str, before: Option<&Asking>, after: Option<&Asking>) {
        match (before, after) {
            (before, after) if before == after => {}
            (Some((role, _)), None) => {
                self.narrower(gone, format!("{role} can't let the {whose}budget be passed any more"));
            }
            (None, Some((role, _))) => {
                self.wider(at.clone(), format!("{role} may let the {whose}budget be passed"));
            }
            (Some((was, before)), Some((is, people))) => {
                if was != is {
                    self.wider(
                        at.clone(),
                        format!("{is} may let the {whose}budget be passed instead of {was}"),
                    );
                }
                let asked = before.iter().collect();
                self.more_people(at, &asked, people, "may let it be passed");
            }
            (None, None) => {}
        }
    }

    fn require(&mut self, before: &[&str], after: &[&str]) {
        for old in before.iter().filter(|old| !after.iter().any(|new| implies(new, old))) {
            self.wider(Spot::Flow, format!("the precondition `{old}` is gone or looser"));
        }
        for new in after.iter().filter(|new| !before.contains(new)) {
            self.narrower(Spot::Flow, format!("the precondition `{new}` is new"));
        }
    }

    fn inputs(&mut self, before: &[&Input], after: &[&Input]) {
        for new in after {
            let Some(old) = before.iter().find(|old| old.name == new.name) else {
                self.narrower(Spot::Flow, format!("the input `{}` is new", new.name));
                continue;
            };
            if (old.shape, &old.default) != (new.shape, &new.default) {
                self.wider(Spot::Flow, format!("the input `{}` has another type or default", new.name));
            }
            for mark in old.marks.difference(&new.marks) {
                self.wider(Spot::Flow, format!("the input `{}` is not marked {mark} any more", new.name));
            }
        }
    }

    /// Things by name of which another is another, and one less is less.
    fn pairs(&mut self, what: &str, before: &[(&str, String)], after: &[(&str, String)]) {
        for (name, value) in after {
            match before.iter().find(|(other, _)| other == name) {
                Some((_, old)) if old != value => {
                    self.wider(Spot::Flow, format!("the {what} `{name}` is another"));
                }
                None => self.narrower(Spot::Flow, format!("the {what} `{name}` is new")),
                _ => {}
            }
        }
    }

    fn outputs(&mut self, before: &[(&str, String)], after: &[(&str, String)]) {
        for (name, value) in after.iter().filter(|new| !before.contains(new)) {
            self.wider(Spot::Flow, format!("the output `{name}` is `{value}` now"));
        }
    }

    fn meetings(&mut self, before: &[&MeetingMeaning], after: &[&MeetingMeaning]) {
        let known = |old: &MeetingMeaning, new: &MeetingMeaning| {
            let within = |new: &[String], old: &[String]| new.iter().all(|it| old.contains(it));
            old.step == new.step
                && within(&new.private, &old.private)
                && within(&new.untrusted, &old.untrusted)
                && within(&new.outbound, &old.outbound)
        };
        for new in after.iter().filter(|new| !before.iter().any(|old| known(old, new))) {
            let words = format!(
                "private data ({}), untrusted content ({}) and a way out ({}) meet here, and did not before",
                new.private.join(", "),
                new.untrusted.join(", "),
                new.outbound.join(", ")
            );
            self.wider(Spot::Step(new.step.clone()), words);
        }
    }

    fn steps(&mut self, before: &[&StepMeaning], after: &[&StepMeaning]) {
        for old in before {
            match after.iter().find(|new| new.id == old.id) {
                Some(new) => self.step(old, new, after),
                None => self.gone(old),
            }
        }
        let order = |steps: &[&StepMeaning], others: &[&StepMeaning]| -> Vec<StepId> {
            let common = steps.iter().filter(|step| others.iter().any(|other| other.id == step.id));
            common.map(|step| step.id.clone()).collect()
        };
        let (was, is) = (order(before, after), order(after, before));
        if let Some((_, moved)) = was.iter().zip(&is).find(|(was, is)| was != is) {
            self.wider(Spot::Step(moved.clone()), "the steps stand in another order from here on");
        }
        for new in after.iter().filter(|new| !before.iter().any(|old| old.id == new.id)) {
            let at = Spot::Step(new.id.clone());
            match &new.work {
                WorkMeaning::Ask(question) => {
                    self.narrower(at, format!("{} is asked as well", question.role))
                }
                WorkMeaning::Call { call, otherwise, .. } => {
                    let reaches = call.reaches() || otherwise.iter().any(RungMeaning::reaches);
                    self.say(reaches, at, format!("a new step uses {}", call.named()));
                }
            }
        }
    }

    fn gone(&mut self, old: &StepMeaning) {
        let id = &old.id;
        match &old.work {
            WorkMeaning::Ask(question) => {
                self.wider(Spot::Flow, format!("the question `{id}` to {} is gone", question.role));
            }
            WorkMeaning::Call { call, expect, .. } => {
                let stops = call.fails || expect.is_some();
                self.say(stops, Spot::Flow, format!("the step `{id}`, which used {}, is gone", call.named()));
            }
        }
    }

    fn step(&mut self, old: &StepMeaning, new: &StepMeaning, after: &[&StepMeaning]) {
        let at = Spot::Step(new.id.clone());
        let spots = [at.clone(), at.clone(), at.clone()];
        let led = new.led_on();
        self.budget(&spots, "step's ", &old.budget, &new.budget, led);
        for mark in old.marks.difference(&new.marks) {
            self.wider(at.clone(), format!("what it comes to is not marked {mark} any more"));
        }
        match (&old.work, &new.work) {
            (WorkMeaning::Ask(was), WorkMeaning::Ask(is)) => {
                self.asked_when(old, new);
                self.question(&at, was, is);
            }
            (WorkMeaning::Ask(was), WorkMeaning::Call { .. }) => {
                self.wider(at, format!("the question to {} is gone", was.role));
            }
            (WorkMeaning::Call { .. }, WorkMeaning::Ask(is)) => {
                self.wider(at, format!("{} is asked for what a skill answered", is.role));
            }
            (
                WorkMeaning::Call { call: was, expect: expected, otherwise: rungs, retry: tries },
                WorkMeaning::Call { call: is, expect, otherwise, retry },
            ) => {
                self.called_when(old, new, after);
                self.call(&at, was, is, led);
                self.expectation(&at, expected.as_ref(), expect.as_ref(), led);
                self.ladder(&at, rungs, otherwise);
                let words = || format!("it was tried again {tries} times and is {retry} times");
                match retry.cmp(tries) {
                    Ordering::Equal => {}
                    Ordering::Greater => self.wider(at, words()),
                    Ordering::Less => self.sooner(at, words(), led),
                }
            }
        }
    }

    /// A question may only be asked in more cases.
    fn asked_when(&mut self, old: &StepMeaning, new: &StepMeaning) {
        let (was, is) = (condition(old), condition(new));
        if was == is {
            return;
        }
        let at = if new.when.is_some() { Spot::When(new.id.clone()) } else { Spot::Step(new.id.clone()) };
        match implies(was, is) {
            true => {
                self.narrower(at, format!("it was asked when `{was}` and is when `{is}`, which is no less"))
            }
            false => self.wider(at, format!("it was asked when `{was}` and is only when `{is}`")),
        }
    }

    /// A skill may only be used in fewer cases, and only when it can stop nothing and nothing is decided by it.
    fn called_when(&mut self, old: &StepMeaning, new: &StepMeaning, after: &[&StepMeaning]) {
        let (was, is) = (condition(old), condition(new));
        if was == is || (implies(was, is) && implies(is, was)) {
            return;
        }
        let at = if new.when.is_some() { Spot::When(new.id.clone()) } else { Spot::Step(new.id.clone()) };
        let fewer = implies(is, was) && !new.stops() && !after.iter().any(|step| step.decides_by(&new.id));
        self.say(!fewer, at, format!("it ran when `{was}` and does when `{is}`"));
    }

    fn call(&mut self, at: &Spot, was: &CallMeaning, is: &CallMeaning, led: Led<'_>) {
        if was.named() != is.named() {
            self.wider(at.clone(), format!("it uses {} instead of {}", is.named(), was.named()));
        }
        if was.with != is.with {
            self.wider(at.clone(), "it is given other values");
        }
        if was.effects != is.effects {
            let words = format!("its effects were {} and are {}", was.effects.word(), is.effects.word());
            self.say(is.effects.is_more_than(was.effects), at.clone(), words);
        }
        if was.fails && !is.fails {
            self.wider(at.clone(), "it could answer with an error, which ends the run, and can't now");
        }
        self.grants(at, &was.grants, &is.grants, led);
        match (read_limits(&was.limits), read_limits(&is.limits)) {
            (Ok(before), Ok(after)) => {
                if let Some(limit) = before.first_below(&after) {
                    self.wider(at.clone(), format!("an attempt may spend more: {limit}"));
                }
                if let Some(limit) = after.first_below(&before) {
                    self.sooner(at.clone(), format!("an attempt may spend less: {limit}"), led);
                }
            }
            _ => self.wider(at.clone(), "its limits can't be compared"),
        }
    }

    fn grants(&mut self, at: &Spot, was: &[String], is: &[String], led: Led<'_>) {
        let read = |lines: &[String]| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            read_grants(&lines, Path::new(""))
        };
        let (Ok(before), Ok(after)) = (read(was), read(is)) else {
            return self.wider(at.clone(), "its grants can't be compared");
        };
        for grant in &after.grants {
            let alone = GrantSet::of(vec![grant.clone()]);
            if !before.covers(&alone) {
                let words = format!("it may reach more: {} `{}`", grant.authority.kind(), grant.name);
                self.wider(at.clone(), words);
            }
        }
        for interface in after.inert.iter().filter(|name| !before.inert.contains(name)) {
            self.wider(at.clone(), format!("{interface} is answered with nothing"));
        }
        if was != is && before.covers(&after) {
            self.sooner(at.clone(), "it may reach less".into(), led);
        }
    }

    fn expectation(
        &mut self,
        at: &Spot,
        was: Option<&ExpectMeaning>,
        is: Option<&ExpectMeaning>,
        led: Led<'_>,
    ) {
        match (was, is) {
            (None, None) => {}
            (None, Some(is)) => self.sooner(at.clone(), format!("`{}` is expected now", is.holds), led),
            (Some(was), None) => self.wider(at.clone(), format!("`{}` is not expected any more", was.holds)),
            (Some(was), Some(is)) => {
                match (&was.verdict, &is.verdict) {
                    (Some(was), Some(is)) => self.call(at, was, is, led),
                    (None, None) => {}
                    _ => self.wider(at.clone(), "something else is expected"),
                }
                self.holds(at, &was.holds, &is.holds, led);
            }
        }
    }

    fn holds(&mut self, at: &Spot, was: &str, is: &str, led: Led<'_>) {
        let words = format!("`{was}` was expected and `{is}` is");
        match (implies(is, was), implies(was, is)) {
            _ if was == is => {}
            (true, true) => self.narrower(at.clone(), words),
            (true, false) => self.sooner(at.clone(), words, led),
            (false, _) => self.wider(at.clone(), words),
        }
    }

    /// What is left of a ladder from its top is fewer ways through, and so are the people at its end when the calls
    /// before them are gone. Anything else is another way: without a rung more comes to the next one.
    fn ladder(&mut self, at: &Spot, was: &[RungMeaning], is: &[RungMeaning]) {
        let (mut rest, mut skipped) = (was, false);
        let another = is.iter().position(|rung| {
            let Some(index) = rest.iter().position(|old| old == rung) else { return true };
            let (out, kept) = rest.split_at(index);
            rest = kept.get(1..).unwrap_or_default();
            skipped |= !out.is_empty();
            skipped && (rung.calls() || !out.iter().all(RungMeaning::calls))
        });
        match another {
            Some(index) => self.wider(at.clone(), format!("rung {} of its ladder is another way", index + 1)),
            None if is.len() < was.len() => self.narrower(at.clone(), "its ladder is shorter"),
            None => {}
        }
    }

    fn question(&mut self, at: &Spot, was: &QuestionMeaning, is: &QuestionMeaning) {
        let asked: BTreeSet<&String> = was.people.iter().collect();
        self.more_people(at, &asked, &is.people, "may answer");
        if was.text != is.text {
            self.wider(at.clone(), "something else is asked");
        }
        if was.show.iter().any(|(name, source)| is.show.get(name) != Some(source)) {
            self.wider(at.clone(), "something else is shown");
        }
        if was.answer != is.answer {
            self.wider(
                at.clone(),
                format!("the answer was {} and is {}", was.answer.words(), is.answer.words()),
            );
        }
        match (was.expire, is.expire) {
            (before, after) if before == after => {}
            (Some(before), None) => {
                self.wider(at.clone(), format!("it expired after {before} and never does"))
            }
            (before, Some(after)) => {
                let later = before.is_some_and(|before| after > before);
                self.say(later, at.clone(), format!("it expires after {after} now"));
            }
            _ => {}
        }
        if let Some((_, people)) = &is.override_by {
            let before = was.override_by.iter().flat_map(|(_, people)| people).collect();
            self.more_people(at, &before, people, "may override it");
        }
        if let Some((after, _, people)) = &is.escalate {
            let before = was.escalate.as_ref();
            let asked =
                asked.iter().copied().chain(before.iter().flat_map(|(_, _, people)| people)).collect();
            self.more_people(at, &asked, people, "may answer when nobody has");
            if before.is_some_and(|(before, ..)| after < before) {
                self.wider(at.clone(), format!("others may answer after {after} already"));
            }
        }
    }

    fn more_people(&mut self, at: &Spot, asked: &BTreeSet<&String>, people: &[String], words: &str) {
        let anybody = asked.iter().any(|person| *person == ANYBODY);
        for person in people.iter().filter(|person| !anybody && !asked.contains(person)) {
            self.wider(at.clone(), format!("{person} {words}"));
        }
    }
}

fn condition(step: &StepMeaning) -> &str {
    step.when.as_deref().unwrap_or("true")
}

impl CallMeaning {
    fn named(&self) -> String {
        format!("{}#{}", self.skill, self.operation)
    }

    fn reaches(&self) -> bool {
        !self.grants.is_empty() || self.effects != Effects::None
    }
}

impl RungMeaning {
    fn reaches(&self) -> bool {
        matches!(self, RungMeaning::Use(call) if call.reaches())
    }

    /// Whether a skill answers on it, and nobody is asked.
    const fn calls(&self) -> bool {
        !matches!(self, RungMeaning::Ask(_))
    }
}

impl StepMeaning {
    /// Itself, when its ladder leads on to another call. One that only asks people is climbed sooner for less.
    fn led_on(&self) -> Led<'_> {
        let rungs =
            if let WorkMeaning::Call { otherwise, .. } = &self.work { otherwise.as_slice() } else { &[] };
        rungs.iter().any(RungMeaning::calls).then_some(&self.id)
    }

    /// Whether it can end a run.
    fn stops(&self) -> bool {
        match &self.work {
            WorkMeaning::Call { call, expect, .. } => call.fails || expect.is_some(),
            WorkMeaning::Ask(_) => true,
        }
    }

    /// Whether it runs, or holds, by what another step came to.
    fn decides_by(&self, other: &StepId) -> bool {
        let expected = match &self.work {
            WorkMeaning::Call { expect, .. } => expect.as_ref().map(|expect| expect.holds.as_str()),
            WorkMeaning::Ask(_) => None,
        };
        let conditions = [self.when.as_deref(), expected.filter(|_| self.id != *other)];
        conditions.into_iter().flatten().any(|source| {
            let compiled = Expression::compile(source);
            compiled.is_ok_and(|it| it.reads().iter().any(|read| read.name == other.as_str()))
        })
    }
}

/// The clauses by what they speak of.
impl Meaning {
    fn budget(&self) -> &BudgetMeaning {
        const NONE: &BudgetMeaning = &BudgetMeaning { money: None, work: None, over: None };
        let budget = self
            .clauses
            .iter()
            .find_map(|it| if let Clause::Budget(budget) = it { Some(budget) } else { None });
        budget.unwrap_or(NONE)
    }

    fn flow_budgets(&self) -> Vec<(Per, &BudgetMeaning)> {
        self.each(|it| if let Clause::FlowBudget(per, budget) = it { Some((*per, budget)) } else { None })
    }

    fn require(&self) -> Vec<&str> {
        self.each(|it| if let Clause::Require(that) = it { Some(that.as_str()) } else { None })
    }

    fn inputs(&self) -> Vec<&Input> {
        self.each(|it| if let Clause::Input(input) = it { Some(input) } else { None })
    }

    fn files(&self) -> Vec<(&str, String)> {
        self.each(|it| match it {
            Clause::File(name, digest) => Some((name.as_str(), digest.to_string())),
            _ => None,
        })
    }

    fn steps(&self) -> Vec<&StepMeaning> {
        self.each(|it| if let Clause::Step(step) = it { Some(step) } else { None })
    }

    fn outputs(&self) -> Vec<(&str, String)> {
        self.each(|it| match it {
            Clause::Output(name, source) => Some((name.as_str(), source.clone())),
            _ => None,
        })
    }

    fn meetings(&self) -> Vec<&MeetingMeaning> {
        self.each(|it| if let Clause::Meeting(meeting) = it { Some(meeting) } else { None })
    }

    fn each<'m, T>(&'m self, read: impl Fn(&'m Clause) -> Option<T>) -> Vec<T> {
        self.clauses.iter().filter_map(read).collect()
    }
}
