//! What a plan says of its steps, in words: what each does, by whom, on what condition, what it may reach and ask.

use crate::log::pin;
use crate::plain::{line, number};
use kapell_model::id::{Role, StepId};
use kapell_model::limits::Limits;
use kapell_model::plan::{Call, Expectation, Plan, Question, Rung, Step, Template, Work};
use kapell_model::policy::{authority_words, limit_words};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What no budget bounds.
pub(crate) const UNCAPPED: &str = "; people's minutes are priced and never capped";

/// What holds for every step of a run.
pub(crate) fn rules(plan: &Plan) -> Vec<String> {
    let required = plan
        .require
        .iter()
        .map(|it| format!("begins only when `{}` holds, else: {}", line(&it.that), line(&it.otherwise)));
    let budget = (!plan.budget.is_empty()).then(|| format!("may spend {}{UNCAPPED}", plan.budget.words()));
    let together = plan
        .flow_budgets
        .iter()
        .map(|it| format!("may spend, with all runs of the flow, {}{UNCAPPED}", it.words()));
    let four_eyes = plan.four_eyes.then(|| "nobody may say yes in a run they asked for".to_owned());
    required.chain(budget).chain(together).chain(four_eyes).collect()
}

/// What a step does, line by line; with what it may reach and spend where a folder is given that directories are told
/// from.
pub(crate) fn step(plan: &Plan, step: &Step, folder: Option<&Path>) -> Vec<String> {
    let mut lines: Vec<String> =
        step.when.iter().map(|when| format!("only when `{}` holds", line(when))).collect();
    match &step.work {
        Work::Ask { question: asked } => lines.extend(question(plan, asked)),
        Work::Call { call: own, expect, otherwise, .. } => {
            lines.push(does(own));
            lines.extend(folder.iter().flat_map(|folder| may(own, folder)));
            lines.extend(expect.as_ref().map(expected));
            let rungs = otherwise.iter().enumerate();
            lines.extend(
                rungs.map(|(index, one)| format!("otherwise, rung {}: {}", index + 1, rung_of(plan, one))),
            );
        }
    }
    lines.extend(
        (!step.budget.is_empty()).then(|| format!("may spend {} in all its tries", step.budget.words())),
    );
    lines
}

/// Who does a call.
fn does(call: &Call) -> String {
    let (operation, lane, effects) = (&call.operation.name, call.lane.word(), call.effects.word());
    let owner = match &call.owner {
        Some(owner) => format!("{} answers for it", line(owner)),
        None => "nobody is named who answers for it".into(),
    };
    format!("calls {}, operation {operation} ({lane}, effects {effects}); {owner}", pin(&call.skill))
}

/// What a call may reach and spend.
fn may(call: &Call, folder: &Path) -> Vec<String> {
    let reach = call.grants.grants.iter().map(|grant| {
        let (kind, words) = (grant.authority.kind(), authority_words(&grant.authority, folder));
        format!("may reach {kind} `{}` by rule {}: {}", grant.name, grant.rule, line(&words))
    });
    let nothing = call.grants.grants.is_empty().then(|| "may reach nothing".to_owned());
    reach.chain(nothing).chain([format!("one try may use {}", limits(&call.limits.limits))]).collect()
}

/// What one try may spend, in words.
pub(crate) fn limits(limits: &Limits) -> String {
    let said = limit_words(limits).into_iter().map(|(name, said, _)| match said.parse() {
        Ok(count) => format!("{name} {}", number(count)),
        Err(_) => format!("{name} {said}"),
    });
    said.collect::<Vec<_>>().join(", ")
}

fn expected(expect: &Expectation) -> String {
    match expect {
        Expectation::Holds { that } => format!("its answer is good enough when `{}` holds", line(that)),
        Expectation::Verdict { call, holds } => {
            format!("its answer is good enough when {} finds that `{}`", called(call), line(holds))
        }
    }
}

/// What a second pass gives anew, where a rung is one.
pub(crate) fn again(plan: &Plan, step: &StepId, number: u32) -> Option<String> {
    let Some(Work::Call { otherwise, .. }) = plan.step(step).map(|step| &step.work) else { return None };
    match otherwise.get(usize::try_from(number).ok()?.checked_sub(1)?)? {
        again @ Rung::Again { .. } => Some(rung_of(plan, again)),
        Rung::Use { .. } | Rung::Ask { .. } => None,
    }
}

/// A rung of a step's ladder, 0 for its own call.
pub(crate) fn rung(plan: &Plan, step: &StepId, rung: u32) -> String {
    let Some(Work::Call { call, otherwise, .. }) = plan.step(step).map(|step| &step.work) else {
        return "not in the plan".into();
    };
    let place = usize::try_from(rung).ok().and_then(|rung| rung.checked_sub(1));
    match place.map(|place| otherwise.get(place)) {
        None => called(call),
        Some(Some(one)) => rung_of(plan, one),
        Some(None) => "not in the plan".into(),
    }
}

fn rung_of(plan: &Plan, rung: &Rung) -> String {
    match rung {
        Rung::Again { with } => format!("a second pass of the same skill with {} given anew", names(with)),
        Rung::Use { call } => called(call),
        Rung::Ask { question } => format!("{} is asked", asked(plan, &question.role)),
    }
}

/// `kapell:letter 1.0.0 (3f2a99c01b77)#write`.
fn called(call: &Call) -> String {
    format!("{}, operation {}", pin(&call.skill), call.operation.name)
}

fn names(with: &BTreeMap<String, Template>) -> String {
    with.keys().map(|name| format!("`{}`", line(name))).collect::<Vec<_>>().join(", ")
}

/// Whom a question is put to and what they may say.
fn question(plan: &Plan, question: &Question) -> Vec<String> {
    let shown = question.show.iter().map(|(name, from)| format!("{} (`{}`)", line(name), line(from)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    let mut lines = vec![
        format!("asks {}: {}", asked(plan, &question.role), line(&question.text.written())),
        format!("shows {}", if shown.is_empty() { "nothing else".into() } else { shown }),
        format!("takes {}", line(&question.answer.words())),
    ];
    let over = question.override_by.as_ref();
    lines.extend(
        over.map(|role| format!("{} may let it go on without a yes, with a reason", asked(plan, role))),
    );
    lines
}

/// A role with its people.
pub(crate) fn asked(plan: &Plan, role: &Role) -> String {
    format!("{role} ({})", people(plan, role))
}

/// The people of a role.
pub(crate) fn people(plan: &Plan, role: &Role) -> String {
    let people = plan.roles.get(role).map(Vec::as_slice).unwrap_or_default();
    named(people).unwrap_or_else(|| "nobody is bound to it".into())
}

/// People by their names, or that anybody is meant; none when nobody is.
pub(crate) fn named(people: &[String]) -> Option<String> {
    let word = |it: &String| if it == kapell_model::policy::ANYBODY { "anybody".into() } else { line(it) };
    (!people.is_empty()).then(|| people.iter().map(word).collect::<Vec<_>>().join(", "))
}

/// The skills nobody is named to answer for.
pub(crate) fn unowned(plan: &Plan) -> impl Iterator<Item = String> {
    let unowned = plan.calls().filter(|(_, call)| call.owner.is_none());
    unowned.map(|(_, call)| call.skill.name.to_string()).collect::<BTreeSet<_>>().into_iter()
}
