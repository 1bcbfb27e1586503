//! Where values came from: recognised by what the journal would name them by.

use super::Answered;
use kapell_journal::content::Content;
use kapell_journal::entry::BlobRef;
use kapell_model::expression::Expression;
use kapell_model::shape::in_expressions;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How deep values are looked into, and how many parts of one: a value is recognised by what people would name.
const DEPTH_MAX: usize = 6;
const PARTS_MAX: usize = 256;

/// The largest value that is kept to be told of, in bytes of its JSON.
const KEPT_MAX: usize = 512;

/// A value that was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) named: BlobRef,
    /// The value, where it is small.
    pub(super) value: Option<Value>,
    /// The call that answered it.
    pub(super) from: Option<Source>,
    /// Calls that had answered the same before.
    also: Vec<Source>,
    /// Of an object of which some part came from a call: its parts.
    pub(super) parts: BTreeMap<String, Given>,
}

/// A place in what a call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) call: u64,
    /// The fields, from the whole inwards, as expressions write them.
    pub(super) path: Vec<String>,
}

impl Given {
    /// The calls any part of it came from.
    pub(super) fn sources(&self) -> BTreeSet<u64> {
        let inside = self.parts.values().flat_map(Given::sources);
        self.from.iter().map(|source| source.call).chain(inside).collect()
    }
}

/// The arguments of a call, each with where it came from.
pub(super) fn given(arguments: Map<String, Value>, find: &Find<'_>) -> BTreeMap<String, Given> {
    let mut looked = 0;
    let given = arguments.into_iter().map(|(name, value)| {
        let given = look(&value, find, 0, &mut looked);
        given.map(|given| (name, given))
    });
    let mut given = given.collect::<Option<_>>().unwrap_or_default();
    settle(&mut given);
    given
}

/// The places in which a value was answered, the newest last.
pub(super) type Find<'f> = dyn Fn(&BlobRef) -> Vec<Source> + 'f;

/// What several calls have answered alike came from the one that most of the parts beside it may have come from, then
/// from the field of its own name, then from the newest.
fn settle(parts: &mut BTreeMap<String, Given>) {
    let all = parts.values().flat_map(|part| part.also.iter().chain(&part.from));
    let calls: Vec<u64> = all.map(|source| source.call).collect();
    for (name, part) in parts {
        let name = in_expressions(name);
        let fits = |source: &Source| {
            let beside = calls.iter().filter(|call| **call == source.call).count();
            (beside, source.path.last() == Some(&name), source.call)
        };
        let all = part.also.drain(..).chain(part.from.take());
        part.from = all.max_by_key(fits);
    }
}

fn look(value: &Value, find: &Find<'_>, depth: usize, looked: &mut usize) -> Option<Given> {
    *looked += 1;
    let content = Content::value(value).ok()?;
    let named = BlobRef::of(value, &content);
    let small = content.bytes().len() <= KEPT_MAX;
    let mut also = if carries(value) { find(&named) } else { Vec::new() };
    let (from, value_kept) = (also.pop(), small.then(|| value.clone()));
    let mut given = Given { named, value: value_kept, from, also, parts: BTreeMap::new() };
    if let (None, Value::Object(fields)) = (&given.from, value)
        && depth < DEPTH_MAX
        && *looked + fields.len() <= PARTS_MAX
    {
        let parts =
            fields.iter().map(|(name, part)| Some((name.clone(), look(part, find, depth + 1, looked)?)));
        let mut parts: BTreeMap<String, Given> = parts.collect::<Option<_>>()?;
        settle(&mut parts);
        if parts.values().any(|part| !part.sources().is_empty()) {
            given.parts = parts;
        }
    }
    Some(given)
}

/// What can be recognised of an answer, the whole first, then what lies less deep. Items of lists are left out: the
/// first of a list today is another one tomorrow.
pub(super) fn parts(answered: &Answered) -> Vec<(BlobRef, Vec<String>)> {
    let Some(value) = &answered.value else { return vec![(answered.named.clone(), Vec::new())] };
    let (mut parts, mut waiting) = (Vec::new(), VecDeque::from([(value, Vec::new())]));
    let mut known = BTreeSet::new();
    while let Some((value, path)) = waiting.pop_front() {
        if parts.len() >= PARTS_MAX {
            break;
        }
        let named = match path.is_empty() {
            true => Some(answered.named.clone()),
            false => Content::value(value).ok().map(|content| BlobRef::of(value, &content)),
        };
        if let Some(named) = named.filter(|named| carries(value) && known.insert(named.clone())) {
            parts.push((named, path.clone()));
        }
        if let Value::Object(fields) = value
            && path.len() < DEPTH_MAX
        {
            waiting.extend(fields.iter().filter_map(|(name, field)| Some((field, inwards(&path, name)?))));
        }
    }
    parts
}

/// The path to a field; none where expressions can't name it.
fn inwards(path: &[String], field: &str) -> Option<Vec<String>> {
    let name = in_expressions(field);
    Expression::compile(&name).ok()?.as_path().filter(|read| read.way.is_empty())?;
    Some(path.iter().cloned().chain([name]).collect())
}

/// Whether a value says where it came from when it is met again: two calls have the same `true`, `0` or `ok` by chance.
fn carries(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => number.to_string().len() >= 5,
        Value::String(text) => text.trim().chars().count() >= 4,
        Value::Array(items) => items.iter().any(carries),
        Value::Object(fields) => fields.values().any(carries),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_the_same_by_chance_is_not_recognised() {
        for trivial in
            [json!(null), json!(true), json!(0), json!(1234), json!(""), json!("ok "), json!([0, ""])]
        {
            assert!(!carries(&trivial), "{trivial}");
        }
        for telling in [json!(12345), json!(-1.25), json!("acme"), json!({ "a": [0, "acme"] })] {
            assert!(carries(&telling), "{telling}");
        }
    }

    #[test]
    fn an_answer_is_recognised_whole_and_by_the_fields_expressions_can_name() {
        let value = json!({ "the-name": "Acme Ltd", "two words": "lost", "in": "lost", "deep": { "list": ["item one"] } });
        let named = Content::canonical(&value).unwrap().named();
        let paths = parts(&Answered { named: named.clone(), value: Some(value) });
        let paths: Vec<String> = paths.iter().map(|(_, path)| path.join(".")).collect();
        assert_eq!(paths, ["", "deep", "the_name", "deep.list"]);
        let large = parts(&Answered { named: named.clone(), value: None });
        assert_eq!(large, [(named, Vec::new())]);
    }
}
