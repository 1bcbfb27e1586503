//! A condition changed by the cases it was seen over, by as little as covers them.
//!
//! Two shapes of change can be read and judged by a person: a number that a value is compared with is moved to the
//! farthest value that was seen, and otherwise the very values are taken out, or let in, by a clause of their own. What
//! comes out is held against the condition it came from before anybody sees it: it is surely at least as strict, or at
//! most, and decides every case the other way. Where that can't be shown there is no such condition.

use super::implies::{Bound, Compared, implies, tree};
use super::{Expression, SOURCE_MAX};
use cel::common::ast::{Expr, IdedExpr};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most values a clause lists; more are no pattern anybody would see in them.
const LISTED_MAX: usize = 8;

/// The longest text a clause holds.
const TEXT_MAX: usize = 64;

/// The values a condition read, by path, as an entry of its decision holds them.
pub type Seen = Map<String, Value>;

/// The narrowest change of a condition by which it holds over none of the cases any more; the result holds nowhere
/// where the condition does not. None where there is none that is sure.
#[must_use]
pub fn without(condition: &str, cases: &[Seen]) -> Option<String> {
    let moved = moved(condition, cases, false);
    let taken_out = covering(cases).map(|cases| format!("{} && !({cases})", joined(condition)));
    let sound = |changed: &String| implies(changed, condition) && decides(changed, cases, false);
    moved.into_iter().chain(taken_out).find(sound).filter(|_| decides(condition, cases, true))
}

/// The narrowest change of a condition by which it holds over all of the cases too; the result holds everywhere where
/// the condition does. None where there is none that is sure.
#[must_use]
pub fn with(condition: &str, cases: &[Seen]) -> Option<String> {
    let moved = moved(condition, cases, true);
    let let_in = covering(cases).map(|cases| format!("{} || ({cases})", joined(condition)));
    let sound = |changed: &String| implies(condition, changed) && decides(changed, cases, true);
    moved.into_iter().chain(let_in).find(sound).filter(|_| decides(condition, cases, false))
}

/// Whether a condition holds over the values that one like it read.
///
/// # Errors
/// When it reads what is not among them, or can't be compiled or evaluated.
pub fn holds_over(condition: &str, seen: &Seen) -> Result<bool, super::ExpressionError> {
    let names = names(seen);
    Expression::compile(condition)?.holds(&|name| names.get(name).cloned())
}

/// The whole values that the paths lead into.
fn names(seen: &Seen) -> BTreeMap<String, Arc<Value>> {
    let mut whole = Map::new();
    for (path, value) in seen {
        let mut here = &mut whole;
        let mut words = path.split('.').peekable();
        while let Some(word) = words.next() {
            if words.peek().is_none() {
                here.insert(word.into(), value.clone());
                break;
            }
            let inside = here.entry(word).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(fields) = inside else { break };
            here = fields;
        }
    }
    whole.into_iter().map(|(name, value)| (name, Arc::new(value))).collect()
}

fn decides(condition: &str, cases: &[Seen], held: bool) -> bool {
    condition.len() <= SOURCE_MAX
        && !cases.is_empty()
        && cases.iter().all(|seen| holds_over(condition, seen).ok() == Some(held))
}

/// A condition as one part of another.
fn joined(condition: &str) -> String {
    match condition.contains("||") || condition.contains('?') {
        true => format!("({condition})"),
        false => condition.to_owned(),
    }
}

/// The number that one value is compared with, moved past the farthest that was seen: between it and the old bound lies
/// what is decided the same way on both sides.
fn moved(condition: &str, cases: &[Seen], wider: bool) -> Option<String> {
    let tree = tree(condition)?;
    let bound = Bound::of(&tree).filter(|bound| is_path(bound.value))?;
    let compiled = Expression::compile(condition).ok()?;
    let [read] = compiled.reads() else { return None };
    let path = read.to_string();
    let numbers = cases.iter().map(|seen| seen.get(&path)?.as_number().cloned());
    let (least, most) = span(&numbers.collect::<Option<Vec<_>>>()?)?;
    let (operator, number) = match (bound.how, wider) {
        (Compared::More | Compared::AtLeast, false) => (">", most),
        (Compared::Less | Compared::AtMost, false) => ("<", least),
        (Compared::More | Compared::AtLeast, true) => (">=", least),
        (Compared::Less | Compared::AtMost, true) => ("<=", most),
        _ => return None,
    };
    Some(format!("{path} {operator} {number}"))
}

fn is_path(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Ident(_) => true,
        Expr::Select(select) => !select.test && is_path(&select.operand),
        _ => false,
    }
}

fn span(numbers: &[Number]) -> Option<(Number, Number)> {
    let order = |one: &&Number, other: &&Number| {
        one.as_f64()
            .zip(other.as_f64())
            .and_then(|(one, other)| one.partial_cmp(&other))
            .unwrap_or(Ordering::Equal)
    };
    Some((numbers.iter().min_by(order)?.clone(), numbers.iter().max_by(order)?.clone()))
}

/// A clause that holds over the cases: what never differed as it was, and the one value that did between its least and
/// most, or listed. Two that differ would cover pairs nobody has seen.
fn covering(cases: &[Seen]) -> Option<String> {
    let first = cases.first()?;
    if first.is_empty() || cases.iter().any(|case| !case.keys().eq(first.keys())) {
        return None;
    }
    let mut differing = 0;
    let clauses = first.keys().map(|path| {
        let values: Vec<&Value> = cases.iter().filter_map(|case| case.get(path)).collect();
        let distinct: BTreeSet<String> = values.iter().map(|value| literal(value)).collect::<Option<_>>()?;
        differing += usize::from(distinct.len() > 1);
        clause(path, &values, &distinct)
    });
    let clauses: Vec<String> = clauses.collect::<Option<_>>()?;
    (differing <= 1).then(|| clauses.join(" && "))
}

fn clause(path: &str, values: &[&Value], distinct: &BTreeSet<String>) -> Option<String> {
    let numbers: Option<Vec<Number>> = values.iter().map(|value| value.as_number().cloned()).collect();
    match (distinct.len(), numbers) {
        (1, _) => Some(format!("{path} == {}", distinct.first()?)),
        (_, Some(numbers)) => {
            let (least, most) = span(&numbers)?;
            Some(format!("{path} >= {least} && {path} <= {most}"))
        }
        (2..=LISTED_MAX, None) => {
            let listed: Vec<&str> = distinct.iter().map(String::as_str).collect();
            Some(format!("{path} in [{}]", listed.join(", ")))
        }
        _ => None,
    }
}

/// A value as CEL writes it; none for what is not plain to read.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) => {
            let plain = text.chars().all(|it| it.is_alphanumeric() || it == ' ' || it.is_ascii_graphic());
            (plain && text.chars().count() <= TEXT_MAX).then(|| value.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cases(cases: Value) -> Vec<Seen> {
        let cases = cases.as_array().into_iter().flatten();
        cases.filter_map(|case| case.as_object().cloned()).collect()
    }

    fn words(numbers: &[f64]) -> Vec<Seen> {
        let case = |number: &f64| match number.fract() == 0.0 {
            #[allow(clippy::cast_possible_truncation, reason = "a whole number of a test")]
            true => json!({ "draft.words": *number as i64 }),
            false => json!({ "draft.words": number }),
        };
        cases(numbers.iter().map(case).collect())
    }

    #[test]
    fn a_bound_moves_past_the_farthest_value_that_was_seen_and_no_farther() {
        let seen = words(&[101.0, 140.0, 120.0]);
        assert_eq!(without("draft.words > 100", &seen).as_deref(), Some("draft.words > 140"));
        assert_eq!(without("draft.words >= 101", &seen).as_deref(), Some("draft.words > 140"));
        assert_eq!(without("200 > draft.words", &seen).as_deref(), Some("draft.words < 101"));
        assert_eq!(with("draft.words <= 100", &seen).as_deref(), Some("draft.words <= 140"));
        assert_eq!(with("draft.words > 200", &seen).as_deref(), Some("draft.words >= 101"));
        let half = words(&[0.5, 0.75]);
        assert_eq!(with("draft.words >= 0.8", &half).as_deref(), Some("draft.words >= 0.5"));
    }

    #[test]
    fn what_can_t_be_moved_is_taken_out_or_let_in_as_it_was_seen() {
        let seen = cases(json!([
            { "inputs.country": "NL", "inputs.amount": 120 },
            { "inputs.country": "NL", "inputs.amount": 150 },
        ]));
        assert_eq!(
            without("inputs.amount > 100 && inputs.country != 'DE'", &seen).as_deref(),
            Some(
                "inputs.amount > 100 && inputs.country != 'DE' && !(inputs.amount >= 120 && inputs.amount <= 150 && inputs.country == \"NL\")"
            )
        );
        let kinds = cases(json!([{ "inputs.kind": "memo" }, { "inputs.kind": "note" }]));
        assert_eq!(
            without("inputs.kind != 'letter' || inputs.kind == 'x'", &kinds).as_deref(),
            Some("(inputs.kind != 'letter' || inputs.kind == 'x') && !(inputs.kind in [\"memo\", \"note\"])")
        );
        assert_eq!(
            with("inputs.kind == 'letter'", &kinds).as_deref(),
            Some("inputs.kind == 'letter' || (inputs.kind in [\"memo\", \"note\"])")
        );
    }

    #[test]
    fn what_is_not_surely_covered_by_what_was_seen_stays_as_it_is() {
        let pairs = cases(json!([{ "inputs.a": 1, "inputs.b": 7 }, { "inputs.a": 2, "inputs.b": 8 }]));
        assert_eq!(without("inputs.a + inputs.b > 5", &pairs), None, "two values differ");
        let list = cases(json!([{ "terms.departing": [{ "weight": "major" }] }]));
        assert_eq!(without("terms.departing.exists(d, d.weight != 'minor')", &list), None, "a list");
        let absent = cases(json!([{ "inputs.note": null }]));
        assert_eq!(without("!has(inputs.note)", &absent), None, "nothing");
        let large = cases(json!([{ "inputs.text": { "digest": "sha256:00", "bytes": 9000 } }]));
        assert_eq!(without("inputs.text != ''", &large), None, "too large to stand there");
        let odd = cases(json!([{ "inputs.text": "\u{1b}[2J" }]));
        assert_eq!(without("inputs.text != ''", &odd), None, "not plain to read");
        assert_eq!(without("draft.words > 100", &[]), None, "nothing was seen");
        assert_eq!(without("draft.words > 100", &words(&[90.0])), None, "it did not hold there");
        let listed: Vec<Seen> =
            (0..=LISTED_MAX).flat_map(|it| cases(json!([{ "inputs.kind": format!("kind {it}") }]))).collect();
        assert_eq!(without("inputs.kind != 'letter'", &listed), None, "too many");
    }

    #[test]
    fn a_condition_is_held_against_the_values_it_read() {
        let seen = cases(json!([{ "facts.the_name": "Acme", "facts.size": 3 }]));
        let over = |condition: &str| seen.first().map(|seen| holds_over(condition, seen));
        assert_eq!(over("facts.size > 2 && facts.the_name == 'Acme'"), Some(Ok(true)));
        assert_eq!(over("facts.size > 3"), Some(Ok(false)));
        assert!(matches!(over("facts.other > 3"), Some(Err(_))));
    }
}
