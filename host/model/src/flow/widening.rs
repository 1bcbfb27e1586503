//! What changed between two meanings of a flow, and which of it must wait for approval.
//!
//! Less is approved with more: a question more, a condition that asks sooner, a smaller budget, a narrower grant.
//! Everything else waits, also what can't be compared: whether another question is the stricter one nobody here knows.
//! Whatever a person is shown decides with them, so that no word of it changes unseen; and what is noticed elsewhere in
//! the flow is not used in other cases unseen either, or a check could be passed over and be told as one that passed.
//! Where a ladder leads on to another call, less is not less any more: whatever makes an attempt fail sooner, or an
//! answer hold less often, sends more down the ladder.

use super::authored::Authored;
use super::meaning::{
    BudgetMeaning, CallMeaning, Clause, ExpectMeaning, Meaning, MeetingMeaning, QuestionMeaning, RungMeaning,
    StepMeaning, WorkMeaning,
};
use crate::expression::implies;
use crate::grant::GrantSet;
use crate::id::{Role, StepId};
use crate::lock::{read_grants, read_limits};
use crate::period::Per;
use crate::plan::{Effects, Input, Template};
use crate::policy::ANYBODY;
use crate::quantity::Span;
use crate::source::{Diagnostic, Source};
use serde::Serialize;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
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
    /// How it was written, where the clause does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// How it is written, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
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
    told.files(&approved.files(), &now.files());
    told.steps(&approved.steps(), now);
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
        self.say(true, at, words);
    }

    fn narrower(&mut self, at: Spot, words: impl Into<String>) {
        self.say(false, at, words);
    }

    fn say(&mut self, widens: bool, at: Spot, words: impl Into<String>) {
        self.0.push(FlowChange { at, widens, words: words.into(), was: None, is: None });
    }

    /// Something that waits, with how it was written and how it is.
    fn another(&mut self, at: &Spot, words: impl Into<String>, was: Option<String>, is: Option<String>) {
        self.0.push(FlowChange { at: at.clone(), widens: true, words: words.into(), was, is });
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
                let words = format!("the input `{}` has another type or default", new.name);
                self.another(&Spot::Flow, words, Some(typed(old)), Some(typed(new)));
            }
            for mark in old.marks.difference(&new.marks) {
                self.wider(Spot::Flow, format!("the input `{}` is not marked {mark} any more", new.name));
            }
        }
    }

    fn files(&mut self, before: &[(&str, String)], after: &[(&str, String)]) {
        for (name, digest) in after {
            match before.iter().find(|(other, _)| other == name) {
                Some((_, old)) if old != digest => {
                    let words = format!("the file `{name}` is another");
                    self.another(&Spot::Flow, words, Some(old.clone()), Some(digest.clone()));
                }
                None => self.narrower(Spot::Flow, format!("the file `{name}` is new")),
                _ => {}
            }
        }
    }

    fn outputs(&mut self, before: &[(&str, String)], after: &[(&str, String)]) {
        for (name, source) in after.iter().filter(|new| !before.contains(new)) {
            let was = before.iter().find(|(other, _)| other == name).map(|(_, source)| source.clone());
            let words = if was.is_some() { "is another" } else { "is new" };
            self.another(&Spot::Flow, format!("the output `{name}` {words}"), was, Some(source.clone()));
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

    fn steps(&mut self, before: &[&StepMeaning], now: &Meaning) {
        let after = &now.steps()[..];
        for old in before {
            match after.iter().find(|new| new.id == old.id) {
                Some(new) => self.step(old, new, now),
                None => self.gone(old, now),
            }
        }
        self.order(before, after);
        for new in after.iter().filter(|new| !before.iter().any(|old| old.id == new.id)) {
            self.new_step(new);
        }
    }

    fn order(&mut self, before: &[&StepMeaning], after: &[&StepMeaning]) {
        let order = |steps: &[&StepMeaning], others: &[&StepMeaning]| -> Vec<StepId> {
            let common = steps.iter().filter(|step| others.iter().any(|other| other.id == step.id));
            common.map(|step| step.id.clone()).collect()
        };
        let (was, is) = (order(before, after), order(after, before));
        if let Some((_, moved)) = was.iter().zip(&is).find(|(was, is)| was != is) {
            self.wider(Spot::Step(moved.clone()), "the steps stand in another order from here on");
        }
    }

    /// Another question is less, unless its people are shown what the flow knows: nobody said that they may see it.
    fn new_step(&mut self, new: &StepMeaning) {
        let at = Spot::Step(new.id.clone());
        match &new.work {
            WorkMeaning::Ask(question) if question.shows_nothing() => {
                self.narrower(at, format!("{} is asked as well", question.role));
            }
            WorkMeaning::Ask(question) => {
                let words = format!("{} is asked as well, and shown what the flow knows", question.role);
                self.another(&at, words, None, Some(question.written()));
            }
            WorkMeaning::Call { call, otherwise, .. } => {
                let reaches = call.reaches() || otherwise.iter().any(RungMeaning::reaches);
                self.say(reaches, at, format!("a new step uses {}", call.named()));
            }
        }
    }

    fn gone(&mut self, old: &StepMeaning, now: &Meaning) {
        let id = &old.id;
        match &old.work {
            WorkMeaning::Ask(question) => {
                self.wider(Spot::Flow, format!("the question `{id}` to {} is gone", question.role));
            }
            WorkMeaning::Call { call, expect, .. } => {
                let words = format!("the step `{id}`, which used {}, is gone", call.named());
                let stops = call.fails || expect.is_some();
                match now.looks_where(old) {
                    Some(noticed) => self.wider(Spot::Flow, format!("{words}, and {noticed}")),
                    None => self.say(stops, Spot::Flow, words),
                }
            }
        }
    }

    fn step(&mut self, old: &StepMeaning, new: &StepMeaning, now: &Meaning) {
        let at = Spot::Step(new.id.clone());
        let spots = [at.clone(), at.clone(), at.clone()];
        let led = new.led_on();
        self.budget(&spots, "step's ", &old.budget, &new.budget, led);
        for mark in old.marks.difference(&new.marks) {
            self.wider(at.clone(), format!("what it comes to is not marked {mark} any more"));
        }
        match (&old.work, &new.work) {
            (WorkMeaning::Ask(was), WorkMeaning::Ask(is)) => {
                self.asked_when(old, new, now);
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
                self.called_when(old, new, now);
                self.blinded(&at, (old, was), is, now);
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

    /// A question may only be asked in more cases, and only when nothing goes by whether it was asked.
    fn asked_when(&mut self, old: &StepMeaning, new: &StepMeaning, now: &Meaning) {
        let (was, is) = (condition(old), condition(new));
        if was == is {
            return;
        }
        let words = |how: &str| format!("it was asked when `{was}` and is {how} `{is}`");
        let noticed = if implies(is, was) { None } else { now.notices(&new.id) };
        match (implies(was, is), noticed) {
            (false, _) => self.wider(when(new), words("only when")),
            (true, None) => self.narrower(when(new), format!("{}, which is no less", words("when"))),
            (true, Some(noticed)) => self.wider(when(new), format!("{}: {noticed}", words("when"))),
        }
    }

    /// A skill may only be used in fewer cases, and only when it can stop nothing and nothing goes by what came of it.
    fn called_when(&mut self, old: &StepMeaning, new: &StepMeaning, now: &Meaning) {
        let (was, is) = (condition(old), condition(new));
        if was == is || (implies(was, is) && implies(is, was)) {
            return;
        }
        let words = format!("it ran when `{was}` and does when `{is}`");
        match (implies(is, was) && !new.stops(), now.notices(&new.id)) {
            (true, Some(noticed)) => self.wider(when(new), format!("{words}: {noticed}")),
            (fewer, _) => self.say(!fewer, when(new), words),
        }
    }

    /// A step that goes on without what it asked for finds nothing there, which waits where somebody goes by it.
    fn blinded(&mut self, at: &Spot, before: (&StepMeaning, &CallMeaning), is: &CallMeaning, now: &Meaning) {
        let (old, was) = before;
        self.lost(at, was, is, || {
            let noticed = now.notices(&old.id).or_else(|| now.looks_where(old));
            noticed.or_else(|| old.stops().then(|| "it could end the run".into()))
        });
    }

    /// What a call may not reach at all any more; told only where it is noticed, and less like any narrower grant
    /// elsewhere.
    fn lost(&mut self, at: &Spot, was: &CallMeaning, is: &CallMeaning, noticed: impl Fn() -> Option<String>) {
        let named =
            |call: &CallMeaning| call.granted().map(|all| all.into_iter().map(|it| it.name).collect());
        let (Some(before), Some(after)) = (named(was), named(is)) else { return };
        let (before, after): (BTreeSet<_>, BTreeSet<_>) = (before, after);
        for name in before.difference(&after) {
            if let Some(noticed) = noticed() {
                self.wider(at.clone(), format!("it may not reach `{name}` any more: {noticed}"));
            }
        }
    }

    fn call(&mut self, at: &Spot, was: &CallMeaning, is: &CallMeaning, led: Led<'_>) {
        if was.named() != is.named() {
            self.wider(at.clone(), format!("it uses {} instead of {}", is.named(), was.named()));
        }
        self.given(at, &was.with, &is.with);
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

    fn given(&mut self, at: &Spot, was: &BTreeMap<String, Value>, is: &BTreeMap<String, Value>) {
        self.parts(at, was, is, |name, change| match change {
            Part::Another => format!("it is given another `{name}`"),
            Part::New => format!("it is given `{name}` as well"),
            Part::Gone => format!("it is not given `{name}` any more"),
        });
    }

    /// Parts of a whole by name; any change of them waits.
    fn parts<T: PartialEq + Written>(
        &mut self,
        at: &Spot,
        was: &BTreeMap<String, T>,
        is: &BTreeMap<String, T>,
        words: impl Fn(&str, Part) -> String,
    ) {
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let (old, new) = (was.get(name), is.get(name));
            let change = match (old, new) {
                (old, new) if old == new => continue,
                (None, _) => Part::New,
                (_, None) => Part::Gone,
                _ => Part::Another,
            };
            self.another(at, words(name, change), old.map(T::written), new.map(T::written));
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
                    (Some(was), Some(is)) => {
                        self.lost(at, was, is, || Some("its verdict is expected".into()));
                        self.call(at, was, is, led);
                    }
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
            Some(index) => {
                let words = format!("rung {} of its ladder is another way", index + 1);
                let written = |rungs: &[RungMeaning]| rungs.get(index).map(RungMeaning::written);
                self.another(at, words, written(was), written(is));
            }
            None if is.len() < was.len() => self.narrower(at.clone(), "its ladder is shorter"),
            None => {}
        }
    }

    fn question(&mut self, at: &Spot, was: &QuestionMeaning, is: &QuestionMeaning) {
        let asked: BTreeSet<&String> = was.people.iter().collect();
        self.more_people(at, &asked, &is.people, "may answer");
        if was.text != is.text {
            self.another(at, "something else is asked", Some(was.text.clone()), Some(is.text.clone()));
        }
        self.parts(at, &was.show, &is.show, |name, change| match change {
            Part::Another => format!("another `{name}` is shown"),
            Part::New => format!("`{name}` is shown as well"),
            Part::Gone => format!("`{name}` is not shown any more"),
        });
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

/// How a part of a whole changed.
enum Part {
    New,
    Another,
    Gone,
}

/// What people read as it is written.
trait Written {
    fn written(&self) -> String;
}

impl Written for Value {
    fn written(&self) -> String {
        as_text(self)
    }
}

impl Written for String {
    fn written(&self) -> String {
        self.clone()
    }
}

/// A value as people read it: a text as it is, unless it would read as another value, and anything else as JSON. No
/// two values read alike.
#[must_use]
pub fn as_text(value: &Value) -> String {
    let text = value.as_str().filter(|text| serde_json::from_str::<Value>(text).is_err());
    text.map_or_else(|| value.to_string(), str::to_owned)
}

fn typed(input: &Input) -> String {
    let default = input.default.as_ref().map(|value| format!(", {value} when not given")).unwrap_or_default();
    format!("{}{default}", input.shape.word())
}

/// The place of a step's condition; of the step where it has none any more.
fn when(step: &StepMeaning) -> Spot {
    if step.when.is_some() { Spot::When(step.id.clone()) } else { Spot::Step(step.id.clone()) }
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

    fn written(&self) -> String {
        match self {
            RungMeaning::Again(with) => format!("again with {}", json!(with)),
            RungMeaning::Use(call) => format!("uses {} with {}", call.named(), json!(call.with)),
            RungMeaning::Ask(question) => format!("asks {}: {}", question.role, question.written()),
        }
    }

    /// Whether a skill answers on it, and nobody is asked.
    const fn calls(&self) -> bool {
        !matches!(self, RungMeaning::Ask(_))
    }
}

impl QuestionMeaning {
    /// Whether its people are told nothing but a text that is always the same.
    fn shows_nothing(&self) -> bool {
        self.show.is_empty() && Template::places(&self.text).is_ok_and(|placed| placed.is_empty())
    }

    /// What its people see, as written.
    fn written(&self) -> String {
        let shown = self.show.iter().map(|(name, source)| format!("; {name}: {source}"));
        format!("{}{}", self.text, shown.collect::<String>())
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
