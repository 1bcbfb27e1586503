//! Who notices whether a step of a flow ran: what reads the value it comes to, and what looks where it writes.
//!
//! A step that something notices can't be used in other cases for less: a check that is passed over is one more thing
//! that was never found, and whoever asks by `has` is told that there was nothing.

use super::meaning::{CallMeaning, Clause, Meaning, QuestionMeaning, RungMeaning, StepMeaning, WorkMeaning};
use super::movement::{Place, reads_from, writes};
use crate::expression::Expression;
use crate::grant::Grant;
use crate::id::StepId;
use crate::lock::read_grants;
use crate::plan::Template;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// An expression as it stands in a flow; none for a text that can't be read, which is taken to read everything.
type Source<'m> = Option<&'m str>;

/// Expressions, and whether they stand in a step or what else it is that has them.
struct Reader<'m> {
    named: String,
    step: Option<&'m StepMeaning>,
    sources: Vec<Source<'m>>,
}

impl Meaning {
    /// What notices whether a step ran, in words; the step itself does not count.
    pub(super) fn notices(&self, id: &StepId) -> Option<String> {
        let step = self.clauses.iter().find_map(|clause| match clause {
            Clause::Step(step) if step.id == *id => Some(step),
            _ => None,
        });
        let others = || self.readers().filter(|reader| reader.step.is_none_or(|other| other.id != *id));
        let by_name = others().find(|reader| reader.sources.iter().any(|source| reads(*source, id)));
        by_name
            .map(|reader| format!("{} reads what it comes to", reader.named))
            .or_else(|| self.looks_where(step?))
    }

    /// What looks where a step writes; the step itself does not count.
    pub(super) fn looks_where(&self, step: &StepMeaning) -> Option<String> {
        let left = places(step);
        let found_by = |other: &StepMeaning| {
            other.work.calls().into_iter().any(|call| match (&left, call.granted()) {
                (Some(left), Some(grants)) => {
                    grants.iter().any(|grant| left.iter().any(|place| reads_from(grant, place)))
                }
                // What can't be read back is taken to reach everything.
                _ => true,
            })
        };
        let mut others = self.readers().filter_map(|reader| reader.step).filter(|other| other.id != step.id);
        let found = others.find(|other| left.as_ref().is_none_or(|left| !left.is_empty()) && found_by(other));
        found.map(|other| format!("`{}` looks where it writes", other.id))
    }

    fn readers(&self) -> impl Iterator<Item = Reader<'_>> {
        self.clauses.iter().filter_map(|clause| match clause {
            Clause::Require(that) => {
                Some(Reader { named: "a precondition".into(), step: None, sources: vec![Some(that)] })
            }
            Clause::Output(name, source) => Some(Reader {
                named: format!("the output `{name}`"),
                step: None,
                sources: vec![Some(source)],
            }),
            Clause::Step(step) => {
                Some(Reader { named: format!("`{}`", step.id), step: Some(step), sources: step.sources() })
            }
            _ => None,
        })
    }
}

fn reads(source: Source<'_>, id: &StepId) -> bool {
    let compiled = source.and_then(|source| Expression::compile(source).ok());
    compiled.is_none_or(|it| it.reads().iter().any(|read| read.name == id.as_str()))
}

/// The places a step writes to; none when its grants can't be read back.
fn places(step: &StepMeaning) -> Option<Vec<Place>> {
    let grants: Option<Vec<Vec<Grant>>> = step.work.calls().into_iter().map(CallMeaning::granted).collect();
    let grants = grants?.into_iter().flatten();
    Some(grants.filter(writes).filter_map(|grant| Place::of(&grant)).collect())
}

impl CallMeaning {
    /// What it may reach; none when its lines can't be read back.
    pub(super) fn granted(&self) -> Option<Vec<Grant>> {
        let lines: Vec<&str> = self.grants.iter().map(String::as_str).collect();
        read_grants(&lines, Path::new("")).ok().map(|set| set.grants)
    }
}

impl StepMeaning {
    /// Every expression of its condition, its arguments, its expectation, its ladder and its questions.
    fn sources(&self) -> Vec<Source<'_>> {
        let mut found: Vec<Source<'_>> = self.when.as_deref().map(Some).into_iter().collect();
        match &self.work {
            WorkMeaning::Ask(question) => in_question(question, &mut found),
            WorkMeaning::Call { call, expect, otherwise, .. } => {
                in_arguments(&call.with, &mut found);
                if let Some(expect) = expect {
                    found.push(Some(&expect.holds));
                    expect.verdict.iter().for_each(|call| in_arguments(&call.with, &mut found));
                }
                otherwise.iter().for_each(|rung| match rung {
                    RungMeaning::Again(with) => in_arguments(with, &mut found),
                    RungMeaning::Use(call) => in_arguments(&call.with, &mut found),
                    RungMeaning::Ask(question) => in_question(question, &mut found),
                });
            }
        }
        found
    }
}

fn in_arguments<'m>(with: &'m BTreeMap<String, Value>, found: &mut Vec<Source<'m>>) {
    for value in with.values() {
        match Template::places_within(value) {
            Ok(placed) => found.extend(placed.into_iter().map(|placed| Some(placed.source))),
            Err(_) => found.push(None),
        }
    }
}

fn in_question<'m>(question: &'m QuestionMeaning, found: &mut Vec<Source<'m>>) {
    match Template::places(&question.text) {
        Ok(placed) => found.extend(placed.into_iter().map(|placed| Some(placed.source))),
        Err(_) => found.push(None),
    }
    found.extend(question.show.values().map(|source| Some(source.as_str())));
}
