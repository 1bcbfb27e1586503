//! What of a run is private, read off its plan before anything runs.
//!
//! Private is what an input, a step or a skill's manifest is marked as, and whatever could tell it: a step that reads a
//! private input or the value of a private step anywhere, in its condition, its arguments, its expectation, its ladder or
//! a question, or that may read what a private step may write; and an input or a step whose value goes where a manifest
//! says that it is private. A step is private as a whole, since nothing is known of
//! what a skill does inside and what a person retypes. So more is private than need be, and never less.

use super::movement::{Place, calls, reads_from, writes};
use crate::expression::{Expression, Segment};
use crate::id::StepId;
use crate::mark::Mark;
use crate::plan::{Call, Plan, Step};
use crate::shape::in_expressions;
use std::collections::BTreeSet;

/// What of a run is private.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Private {
    inputs: BTreeSet<String>,
    steps: BTreeSet<StepId>,
}

impl Private {
    /// What is private in runs of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let inputs = plan.inputs.iter().filter(|input| input.marks.contains(&Mark::Private));
        let steps = plan.steps.iter().filter(|step| is_marked(step));
        let mut private = Self {
            inputs: inputs.map(|input| input.name.clone()).collect(),
            steps: steps.map(|step| step.id.clone()).collect(),
        };
        plan.steps.iter().for_each(|step| private.take_back(plan, step));
        // Each round goes one step further; there are finitely many, so it comes to rest.
        while private.spread(plan) {}
        private
    }

    /// Whether there is nothing private.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.steps.is_empty()
    }

    /// Whether an input is private.
    #[must_use]
    pub fn has_input(&self, name: &str) -> bool {
        self.inputs.contains(name)
    }

    /// Whether a step is.
    #[must_use]
    pub fn has_step(&self, step: &StepId) -> bool {
        self.steps.contains(step)
    }

    /// The private inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(String::as_str)
    }

    /// The private steps.
    pub fn steps(&self) -> impl Iterator<Item = &StepId> {
        self.steps.iter()
    }

    /// Whether any of these expressions reads what is private. One that can't be read is taken to.
    #[must_use]
    pub fn is_read_by<'s>(&self, expressions: impl IntoIterator<Item = &'s str>) -> bool {
        !self.is_empty() && expressions.into_iter().any(|source| self.reads(source))
    }

    fn reads(&self, source: &str) -> bool {
        let Ok(expression) = Expression::compile(source) else { return true };
        expression.reads().iter().any(|read| match (read.name.as_str(), read.way.first()) {
            ("inputs", Some(Segment::Field(name))) => self.inputs.contains(name),
            // All of them at once.
            ("inputs", _) => !self.inputs.is_empty(),
            (name, _) => self.steps.iter().any(|step| step.as_str() == name),
        })
    }

    /// What goes into an argument that a manifest says is private was private before it came there.
    fn take_back(&mut self, plan: &Plan, step: &Step) {
        for (_, call, arguments) in calls(step) {
            let given = arguments.into_iter().filter(|(name, _)| is_private_argument(call, name));
            let sources = given.flat_map(|(_, template)| template.expressions());
            let compiled = sources.filter_map(|source| Expression::compile(source).ok());
            let inputs = plan.inputs.iter().map(|input| &input.name);
            for read in compiled.flat_map(|it| it.reads().to_vec()) {
                match (read.name.as_str(), read.way.first()) {
                    ("inputs", Some(Segment::Field(name))) => drop(self.inputs.insert(name.clone())),
                    ("inputs", _) => self.inputs.extend(inputs.clone().cloned()),
                    (name, _) => {
                        let step = plan.steps.iter().find(|step| step.id.as_str() == name);
                        self.steps.extend(step.map(|step| step.id.clone()));
                    }
                }
            }
        }
    }

    /// Whether another step is private now.
    fn spread(&mut self, plan: &Plan) -> bool {
        let private = |step: &&Step| self.steps.contains(&step.id);
        let grants =
            plan.steps.iter().filter(private).flat_map(Step::calls).flat_map(|call| &call.grants.grants);
        let places: Vec<Place> = grants.filter(|grant| writes(grant)).filter_map(Place::of).collect();
        let found_there = |call: &Call| {
            call.grants.grants.iter().any(|grant| places.iter().any(|place| reads_from(grant, place)))
        };
        let told = |step: &&Step| {
            !private(step)
                && (self.is_read_by(step.expressions()) || step.calls().into_iter().any(found_there))
        };
        let more: Vec<StepId> = plan.steps.iter().filter(told).map(|step| step.id.clone()).collect();
        let any = !more.is_empty();
        self.steps.extend(more);
        any
    }
}

fn is_private_argument(call: &Call, name: &str) -> bool {
    let within = |path: &String| match path.split('.').collect::<Vec<_>>()[..] {
        ["input"] => true,
        ["input", argument, ..] => in_expressions(argument) == in_expressions(name),
        _ => false,
    };
    call.private.iter().any(within)
}

fn is_marked(step: &Step) -> bool {
    step.marks.contains(&Mark::Private) || step.calls().into_iter().any(|call| !call.private.is_empty())
}
