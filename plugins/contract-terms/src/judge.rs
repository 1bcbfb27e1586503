//! From an alignment to a verdict that people can read.

use std::cmp::Reverse;

use crate::align::Alignment;
use crate::bindings::exports::kapell::contract_terms::comparing::{
    Counts, Departure, Kind, Terms, Verdict, Weight,
};
use crate::clause::Prepared;
use crate::difference::Difference;
use crate::grade::{grade, rank};
use crate::rules::Rules;
use crate::tokens::{Vocabulary, shown};

/// Of another paper, this many clauses are put before a person first.
const FIRST: usize = 10;

/// A departure before it is written out.
struct Found<'a> {
    kind: Kind,
    /// The clause people will look up: the contract's, or the standard's when the contract has none.
    clause: &'a Prepared<'a>,
    difference: Difference<'a>,
    weight: Weight,
    why: String,
}

/// The verdict on an alignment, with every departure graded and the heaviest first.
pub(crate) fn judge(alignment: &Alignment<'_>, rules: &Rules, vocabulary: &Vocabulary) -> Terms {
    let mut found = departures(alignment, rules, vocabulary);
    found.sort_by_cached_key(|departure| order(departure, vocabulary));
    let read = counts(alignment);
    let verdict = verdict(alignment);
    let summary = summary(verdict, &found, &read);
    let departing_total = count(found.len());
    let listed = if verdict == Verdict::OtherPaper { FIRST } else { found.len() };
    let departing = found.iter().take(listed).map(|departure| written(departure, vocabulary)).collect();
    Terms { verdict, summary, departing, departing_total, read }
}

fn departures<'a>(alignment: &Alignment<'a>, rules: &Rules, vocabulary: &Vocabulary) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    let mut add = |kind, clause, sides: &[&Prepared<'_>], difference| {
        let grade = grade(kind, sides, &difference, rules, vocabulary);
        found.push(Found { kind, clause, difference, weight: grade.weight, why: grade.why });
    };
    for (theirs, ours) in &alignment.changed {
        add(Kind::Changed, *theirs, &[*ours, *theirs], Difference::between(ours, theirs, vocabulary));
    }
    for ours in &alignment.missing {
        add(Kind::Missing, *ours, &[*ours], Difference::missing(ours));
    }
    for theirs in &alignment.added {
        add(Kind::Added, *theirs, &[*theirs], Difference::added(theirs));
    }
    found
}

/// The heaviest first, then the largest, then by what they say: never by number or place.
fn order(departure: &Found<'_>, vocabulary: &Vocabulary) -> (Reverse<u8>, Reverse<usize>, Vec<String>) {
    let opening =
        departure.clause.tokens.iter().take(32).map(|token| vocabulary.text(token.number).to_owned());
    (Reverse(rank(departure.weight)), Reverse(departure.difference.size()), opening.collect())
}

/// A paper is ours as long as half of the clauses on either side are untouched; else a person decides about the
/// paper first, for reading it clause by clause would be reading another contract. Bare headings don't count.
fn verdict(alignment: &Alignment<'_>) -> Verdict {
    let departing = alignment.changed.len() + alignment.missing.len() + alignment.added.len();
    if departing == 0 {
        return Verdict::Standard;
    }
    let with_words = |clause: &&Prepared<'_>| !clause.clause.text.trim().is_empty();
    let all = alignment
        .ours
        .iter()
        .filter(with_words)
        .count()
        .max(alignment.theirs.iter().filter(with_words).count());
    let untouched = alignment.same.iter().copied().filter(with_words).count();
    if 2 * untouched < all { Verdict::OtherPaper } else { Verdict::Changed }
}

fn summary(verdict: Verdict, found: &[Found<'_>], read: &Counts) -> String {
    let of_weight = |weight| found.iter().filter(|departure| departure.weight == weight).count();
    let weights = [(Weight::Critical, "critical"), (Weight::Major, "major"), (Weight::Minor, "minor")];
    let weights: Vec<String> = weights
        .iter()
        .map(|(weight, name)| (of_weight(*weight), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let (total, weights) = (found.len(), weights.join(", "));
    match verdict {
        Verdict::Standard => {
            format!("All {} clauses are those of the standard, word for word", read.contract_clauses)
        }
        Verdict::Changed => {
            let depart = if total == 1 { "clause departs" } else { "clauses depart" };
            format!("{total} {depart} from the standard: {weights}; {} are the same", read.same)
        }
        Verdict::OtherPaper => format!(
            "This is another paper: {} of its {} clauses are the standard's; {total} depart: {weights}",
            read.same, read.contract_clauses
        ),
    }
}

fn counts(alignment: &Alignment<'_>) -> Counts {
    Counts {
        contract_clauses: count(alignment.theirs.len()),
        standard_clauses: count(alignment.ours.len()),
        same: count(alignment.same.len()),
        changed: count(alignment.changed.len()),
        missing: count(alignment.missing.len()),
        added: count(alignment.added.len()),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn written(departure: &Found<'_>, vocabulary: &Vocabulary) -> Departure {
    Departure {
        number: shown(&departure.clause.clause.number).chars().take(40).collect(),
        heading: departure.clause.name(),
        weight: departure.weight,
        kind: departure.kind,
        why: departure.why.clone(),
        diff: departure.difference.shown(vocabulary),
    }
}
