//! What a flow takes of the values its steps come to: what later steps, the outputs and the outcome read of them.
//!
//! Two answers that are alike in it are the same to the flow, whatever else stands in them: a remark that nobody reads
//! on makes no other decision. Where the flow takes a value whole, goes through a list, or never reads on at all, the
//! whole value counts: then nobody but a reader can say what in it matters.

use crate::expression::{Expression, Read, Segment};
use crate::id::StepId;
use crate::plan::{Expectation, Plan, Rung, Step, Work};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is read of each step's value by others than itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken(BTreeMap<StepId, BTreeSet<Read>>);

impl Taken {
    /// Of a plan. An expression that can't be compiled reads nothing; a checked plan has none.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let steps = plan.steps.iter().map(|step| (Some(&step.id), sources(step)));
        let outcome = plan.outcome.iter().filter_map(|outcome| outcome.when.as_deref());
        let ends = [(None, plan.outputs.values().map(String::as_str).chain(outcome).collect())];
        let mut taken: BTreeMap<StepId, BTreeSet<Read>> = BTreeMap::new();
        for (by, sources) in steps.chain(ends) {
            for read in sources.iter().filter_map(|it| Expression::compile(it).ok()).flat_map(reads) {
                let Some(step) = plan.steps.iter().find(|step| step.id.as_str() == read.name) else {
                    continue;
                };
                let read = match &step.work {
                    Work::Call { .. } => Some(read),
                    Work::Ask { .. } => of_answer(read),
                };
                if by != Some(&step.id) {
                    taken.entry(step.id.clone()).or_default().extend(read);
                }
            }
        }
        Self(taken)
    }

    /// The part of a step's value that is read: by path, or the value itself where it is taken whole.
    #[must_use]
    pub fn part(&self, step: &StepId, value: &Value) -> Value {
        let none = BTreeSet::new();
        let reads = self.0.get(step).unwrap_or(&none);
        if reads.is_empty() || reads.iter().any(|read| read.way.is_empty()) {
            return value.clone();
        }
        let parts = reads.iter().filter(|read| !reads.iter().any(|other| other.is_above(read)));
        let parts = parts.map(|read| (read.way_words(), read.within(value)));
        Value::Object(parts.collect::<Map<_, _>>())
    }
}

/// What an expression reads, as values are told apart by it: whether a step ran at all is no part of its value.
fn reads(expression: Expression) -> Vec<Read> {
    let reads = expression.reads().iter().map(Read::fixed);
    let reads = reads.filter(|read| !(read.tested && read.way.is_empty()));
    reads.map(|read| Read { offset: 0, ..read }).collect()
}

/// What is read of the value given, of a step that asks: it lies below `answer` of what the step comes to. Who said
/// it and why is no part of what was said.
fn of_answer(read: Read) -> Option<Read> {
    match read.way.split_first() {
        None => Some(read),
        Some((Segment::Field(field), rest)) if field == "answer" => Some(Read { way: rest.to_vec(), ..read }),
        Some(_) => None,
    }
}

/// Every expression of a step.
fn sources(step: &Step) -> Vec<&str> {
    let mut sources: Vec<&str> = step.when.as_deref().into_iter().collect();
    if let Work::Call { expect, otherwise, .. } = &step.work {
        sources.extend(expect.iter().map(|expect| match expect {
            Expectation::Holds { that } | Expectation::Verdict { holds: that, .. } => that.as_str(),
        }));
        let again = otherwise.iter().filter_map(|rung| match rung {
            Rung::Again { with } => Some(with),
            _ => None,
        });
        let given = step.calls().into_iter().map(|call| &call.with).chain(again);
        sources.extend(given.flat_map(|with| with.values()).flat_map(|template| template.expressions()));
    }
    for question in step.questions() {
        sources.extend(question.text.expressions());
        sources.extend(question.show.values().map(String::as_str));
    }
    sources
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is taken of `label` by expressions of a later step.
    fn taken(sources: &[&str]) -> Taken {
        let reads = sources.iter().map(|it| Expression::compile(it).unwrap()).flat_map(reads);
        Taken([("label".parse().unwrap(), reads.collect())].into())
    }

    fn part(sources: &[&str], value: Value) -> String {
        taken(sources).part(&"label".parse().unwrap(), &value).to_string()
    }

    #[test]
    fn what_is_read_is_the_part_and_a_remark_is_none_of_it() {
        let told =
            json!({ "queue": "billing", "sure-of": 0.9, "remark": "as ever", "why": { "words": ["x"] } });
        assert_eq!(part(&["label.queue"], told.clone()), r#"{"queue":"billing"}"#);
        assert_eq!(
            part(
                &["label.sure_of >= 0.8 && has(label.remark)", "label.why", "label.why.words"],
                told.clone()
            ),
            r#"{"remark?":true,"sure_of":0.9,"why":{"words":["x"]}}"#
        );
        assert_eq!(part(&["label.nothing"], told.clone()), r#"{"nothing":null}"#);
        // A list that is gone through is compared whole: which of its items' fields decide can't be told from outside.
        let lists = json!({ "findings": [{ "kind": "a", "remark": "b" }] });
        assert_eq!(part(&["label.findings.exists(f, f.kind == 'a')"], lists.clone()), lists.to_string());
    }

    #[test]
    fn of_a_step_that_asks_the_answer_is_read_below_its_own_name() {
        let read = |source: &str| of_answer(reads(Expression::compile(source).unwrap()).remove(0));
        let way = |source: &str| read(source).map(|read| read.way_words());
        assert_eq!(way("label.answer.queue"), Some("queue".into()));
        assert_eq!(way("label.answer"), Some(String::new()));
        assert_eq!(way("label"), Some(String::new()));
        assert_eq!(way("label.reason"), None);
    }

    #[test]
    fn what_is_taken_whole_or_by_nobody_is_the_whole_value() {
        let told = json!({ "queue": "billing", "remark": "as ever" });
        for sources in [&["label", "label.queue"][..], &["inputs.label"], &["has(label)"], &[]] {
            let reads = taken(sources)
                .0
                .into_iter()
                .map(|(step, reads)| (step, reads.into_iter().filter(|read| read.name == "label").collect()));
            let taken = Taken(reads.collect());
            assert_eq!(taken.part(&"label".parse().unwrap(), &told), told, "{sources:?}");
        }
    }
}
