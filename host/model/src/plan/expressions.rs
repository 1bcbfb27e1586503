//! Every expression of a plan: what it reads is read by nothing else.

use super::{Expectation, Plan, Question, Rung, Step, Template, Work};
use std::collections::BTreeMap;

impl Plan {
    /// Every expression, of preconditions, steps and outputs.
    #[must_use]
    pub fn expressions(&self) -> Vec<&str> {
        let required = self.require.iter().map(|requirement| requirement.that.as_str());
        let steps = self.steps.iter().flat_map(Step::expressions);
        let outcome = self.outcome.iter().filter_map(|outcome| outcome.when.as_deref());
        required.chain(self.outputs.values().map(String::as_str)).chain(outcome).chain(steps).collect()
    }
}

impl Step {
    /// Every expression of its condition, its arguments, its expectation and its ladder.
    #[must_use]
    pub fn expressions(&self) -> Vec<&str> {
        let mut found: Vec<&str> = self.when.as_deref().into_iter().collect();
        match &self.work {
            Work::Ask { question } => in_question(question, &mut found),
            Work::Call { call, expect, otherwise, .. } => {
                in_fields(&call.with, &mut found);
                in_expectation(expect.as_ref(), &mut found);
                otherwise.iter().for_each(|rung| in_rung(rung, &mut found));
            }
        }
        found
    }
}

fn in_expectation<'a>(expect: Option<&'a Expectation>, found: &mut Vec<&'a str>) {
    match expect {
        Some(Expectation::Holds { that }) => found.push(that),
        Some(Expectation::Verdict { call, holds }) => {
            in_fields(&call.with, found);
            found.push(holds);
        }
        None => {}
    }
}

fn in_rung<'a>(rung: &'a Rung, found: &mut Vec<&'a str>) {
    match rung {
        Rung::Again { with } => in_fields(with, found),
        Rung::Use { call } => in_fields(&call.with, found),
        Rung::Ask { question } => in_question(question, found),
    }
}

fn in_question<'a>(question: &'a Question, found: &mut Vec<&'a str>) {
    found.extend(question.text.expressions());
    found.extend(question.show.values().map(String::as_str));
}

fn in_fields<'a>(fields: &'a BTreeMap<String, Template>, found: &mut Vec<&'a str>) {
    fields.values().for_each(|template| found.extend(template.expressions()));
}
