//! How data moves through a plan, and where private data, untrusted content and a way out meet.
//!
//! What a step answers carries whatever it was given: nothing is known of what a skill does inside. What a step writes
//! to a place carries the same, and so does whatever reads from there, also when it runs earlier: it reads what an
//! earlier run wrote. A condition decides whether a step runs and puts nothing into it; an answer of a person is the
//! person's own. So what is told here can be more than happens and is never less, but for what people retype.

use crate::expression::{Expression, Segment};
use crate::grant::{Authority, Grant};
use crate::id::StepId;
use crate::mark::Mark;
use crate::plan::{Call, Expectation, Plan, Question, Rung, Step, Template, Work};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One value on its way into a step, to the people a step asks, or out of the run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Move {
    /// Where it comes from: `input contract`, `file standard`, or the id of a step.
    pub from: String,
    /// Where it goes: the id of a step, or `outputs`.
    pub to: String,
    /// As what: the argument, or what is shown to whom.
    pub what: String,
}

/// A step with a way out, which private data and untrusted content both reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Meeting {
    /// The step.
    pub step: StepId,
    /// The private data, and how it gets there.
    pub private: Vec<Trace>,
    /// The untrusted content, and how it gets there.
    pub untrusted: Vec<Trace>,
    /// The ways out.
    pub outbound: Vec<String>,
}

/// Where marked data comes from and how it gets to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// The input or the capability.
    pub from: String,
    /// The steps and places it goes through, the last of them the step itself.
    pub way: Vec<String>,
}

/// The marks of what a grant brings in or takes out.
pub type Marks<'m> = dyn Fn(&Grant) -> BTreeSet<Mark> + 'm;

/// Every value that goes anywhere, in the order of the steps.
#[must_use]
pub fn moves(plan: &Plan) -> Vec<Move> {
    let mut moves = Vec::new();
    for step in &plan.steps {
        let to = step.id.as_str();
        for (_, _, arguments) in calls(step) {
            for (name, template) in arguments {
                let from = reads(plan, &template.expressions(), to);
                moves.extend(from.into_iter().map(|from| moved(from, to, name)));
            }
        }
        for question in step.questions() {
            let shown =
                question.text.expressions().into_iter().chain(question.show.values().map(String::as_str));
            let what = format!("shown to {}", question.role);
            let from = reads(plan, &shown.collect::<Vec<_>>(), to);
            moves.extend(from.into_iter().map(|from| moved(from, to, &what)));
        }
    }
    for (name, source) in &plan.outputs {
        let from = reads(plan, &[source], "outputs");
        moves.extend(from.into_iter().map(|from| moved(from, "outputs", name)));
    }
    let mut seen = BTreeSet::new();
    moves.retain(|one| one.from != one.to && seen.insert(one.clone()));
    moves
}

fn moved(from: String, to: &str, what: &str) -> Move {
    Move { from, to: to.into(), what: what.into() }
}

/// Every step where private data, untrusted content and a way out meet.
#[must_use]
pub fn meetings(plan: &Plan, marks: &Marks<'_>) -> Vec<Meeting> {
    let mut carried = Carrying::of(plan, marks);
    // Each round carries marks one step or place further; there are finitely many, so it comes to rest.
    while carried.carry_on(plan) {}
    plan.steps.iter().filter_map(|step| carried.meeting(plan, step)).collect()
}

/// Marked data by where it comes from, with the way it came; the first way found is kept.
type Load = BTreeMap<(Mark, String), Vec<String>>;

/// What every value and every place carries.
struct Carrying<'m> {
    marks: &'m Marks<'m>,
    values: BTreeMap<String, Load>,
    places: BTreeMap<Place, Load>,
}

/// Something that outlives a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Directory(String),
    Namespace(String),
}

impl<'m> Carrying<'m> {
    fn of(plan: &Plan, marks: &'m Marks<'m>) -> Self {
        let marked = |name: String, marks: &BTreeSet<Mark>| {
            let load = marks.iter().map(|mark| ((*mark, name.clone()), Vec::new())).collect();
            (name, load)
        };
        let inputs = plan.inputs.iter().map(|it| marked(input(&it.name), &it.marks));
        let steps = plan.steps.iter().map(|step| marked(step.id.to_string(), &step.marks));
        Self { marks, values: inputs.chain(steps).collect(), places: BTreeMap::new() }
    }

    /// Whether anything carries more than before.
    fn carry_on(&mut self, plan: &Plan) -> bool {
        let mut more = false;
        for step in &plan.steps {
            for (answers, call, arguments) in calls(step) {
                let load = self.given(plan, &step.id, call, &arguments);
                for grant in call.grants.grants.iter().filter(|grant| writes(grant)) {
                    let Some(place) = Place::of(grant) else { continue };
                    let left = load.iter().map(|(mark, way)| (mark.clone(), went(way, &place.word())));
                    more |= add(self.places.entry(place.clone()).or_default(), left.collect());
                }
                more |= add(self.values.entry(answers).or_default(), load);
            }
        }
        more
    }

    /// What a call holds: what its arguments carry, what its capabilities bring in, what lies where it reads.
    fn given(&self, plan: &Plan, step: &StepId, call: &Call, arguments: &[(&String, &Template)]) -> Load {
        let mut load = Load::new();
        for (_, template) in arguments {
            for from in reads(plan, &template.expressions(), step.as_str()) {
                add(&mut load, self.values.get(&from).cloned().unwrap_or_default());
            }
        }
        for grant in &call.grants.grants {
            let data = (self.marks)(grant).into_iter().filter(|mark| *mark != Mark::Outbound);
            add(&mut load, data.map(|mark| ((mark, named(grant)), Vec::new())).collect());
            let lies = self.places.iter().filter(|(place, _)| reads_from(grant, place));
            for (_, held) in lies {
                add(&mut load, held.clone());
            }
        }
        load.into_iter().map(|(mark, way)| (mark, went(&way, step.as_str()))).collect()
    }

    /// The step's ways out and what reaches them, when both kinds of data do.
    fn meeting(&self, plan: &Plan, step: &Step) -> Option<Meeting> {
        let mut load = Load::new();
        let mut outbound = BTreeSet::new();
        for (_, call, arguments) in calls(step) {
            let out = call.grants.grants.iter().filter(|grant| (self.marks)(grant).contains(&Mark::Outbound));
            let out: Vec<String> = out.map(named).collect();
            if !out.is_empty() {
                add(&mut load, self.given(plan, &step.id, call, &arguments));
                outbound.extend(out);
            }
        }
        let traces = |wanted: Mark| -> Vec<Trace> {
            let of_mark = load.iter().filter(|((mark, _), _)| *mark == wanted);
            of_mark.map(|((_, from), way)| Trace { from: from.clone(), way: way.clone() }).collect()
        };
        let (private, untrusted) = (traces(Mark::Private), traces(Mark::Untrusted));
        let meet = !private.is_empty() && !untrusted.is_empty();
        meet.then(|| Meeting {
            step: step.id.clone(),
            private,
            untrusted,
            outbound: outbound.into_iter().collect(),
        })
    }
}

/// Whether something is added that was not there.
fn add(load: &mut Load, more: Load) -> bool {
    let before = load.len();
    for (mark, way) in more {
        load.entry(mark).or_insert(way);
    }
    load.len() > before
}

/// A way and its next place; one that is there already is not gone to again.
fn went(way: &[String], next: &str) -> Vec<String> {
    let here = way.last().is_some_and(|last| last == next);
    way.iter().cloned().chain((!here).then(|| next.to_owned())).collect()
}

fn named(grant: &Grant) -> String {
    format!("{} `{}`", grant.authority.kind(), grant.name)
}

pub(super) fn writes(grant: &Grant) -> bool {
    grant.authority.access().is_some_and(crate::capability::Access::writes)
}

pub(super) fn reads_from(grant: &Grant, place: &Place) -> bool {
    let reads = grant.authority.access().is_some_and(crate::capability::Access::reads);
    reads
        && match (Place::of(grant), place) {
            (Some(Place::Directory(one)), Place::Directory(other)) => {
                Path::new(&one).starts_with(other) || Path::new(other).starts_with(&one)
            }
            (own, place) => own.as_ref() == Some(place),
        }
}

impl Place {
    pub(super) fn of(grant: &Grant) -> Option<Self> {
        match &grant.authority {
            Authority::Files { root, .. } => Some(Place::Directory(root.clone())),
            Authority::Keyvalue { namespace, .. } => Some(Place::Namespace(namespace.clone())),
            _ => None,
        }
    }

    fn word(&self) -> String {
        match self {
            Place::Directory(root) => format!("directory {root}"),
            Place::Namespace(namespace) => format!("namespace {namespace}"),
        }
    }
}

/// The name an answer has, the call, and every argument any of its tries is given.
pub(super) type Called<'s> = (String, &'s Call, Vec<(&'s String, &'s Template)>);

/// Each call of a step.
pub(super) fn calls(step: &Step) -> Vec<Called<'_>> {
    let Work::Call { call, expect, otherwise, .. } = &step.work else { return Vec::new() };
    let id = step.id.as_str();
    let again = otherwise.iter().filter_map(|rung| match rung {
        Rung::Again { with } => Some(with),
        _ => None,
    });
    let own = call.with.iter().chain(again.flatten()).collect();
    let verdict = match expect {
        Some(Expectation::Verdict { call, .. }) => {
            Some((verdict_of(id), &**call, call.with.iter().collect()))
        }
        _ => None,
    };
    let rungs = otherwise.iter().filter_map(|rung| match rung {
        Rung::Use { call } => Some((id.to_owned(), &**call, call.with.iter().collect())),
        _ => None,
    });
    std::iter::once((id.to_owned(), call, own)).chain(verdict).chain(rungs).collect()
}

fn verdict_of(step: &str) -> String {
    format!("verdict of {step}")
}

/// The values some expressions read, by the names they are carried under. One that is only asked for by `has` is read
/// too: what comes of it tells whether the value was there.
fn reads(plan: &Plan, sources: &[&str], step: &str) -> BTreeSet<String> {
    let compiled = sources.iter().filter_map(|source| Expression::compile(source).ok());
    let mut names = BTreeSet::new();
    for expression in compiled {
        for read in expression.reads() {
            match (read.name.as_str(), read.way.first()) {
                ("inputs", Some(Segment::Field(name))) => drop(names.insert(input(name))),
                ("files", Some(Segment::Field(name))) => drop(names.insert(file(name))),
                // All of them at once: which of them is meant is only known when it runs.
                ("inputs", _) => names.extend(plan.inputs.iter().map(|it| input(&it.name))),
                ("files", _) => names.extend(plan.files.keys().map(|name| file(name))),
                ("verdict", _) => drop(names.insert(verdict_of(step))),
                (name, _) => drop(names.insert(name.to_owned())),
            }
        }
    }
    names
}

fn input(name: &str) -> String {
    format!("input {name}")
}

fn file(name: &str) -> String {
    format!("file {name}")
}

impl Step {
    /// The questions it may put to people: its own, or those of its ladder.
    #[must_use]
    pub fn questions(&self) -> Vec<&Question> {
        match &self.work {
            Work::Ask { question } => vec![question],
            Work::Call { otherwise, .. } => otherwise
                .iter()
                .filter_map(|rung| match rung {
                    Rung::Ask { question } => Some(question),
                    _ => None,
                })
                .collect(),
        }
    }
}
