//! What a model may settle: a clause in other words, where neither a number nor a negation was touched.
//!
//! A contract is written by somebody who would like a certain answer, and a model can be talked round by what it reads.
//! So the clauses that matter most are no model's to lower, whatever it would say.

use crate::{Departure, Kind, Terms, Verdict, Weight};

/// Words that turn a sentence round.
const NEGATIONS: [&str; 15] = [
    "not", "no", "non", "never", "none", "neither", "nor", "without", "unless", "except", "only", "cannot",
    "waive", "waives", "exclude",
];

/// Numbers that are written out.
const NUMBERS: [&str; 16] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "twenty",
    "thirty", "sixty", "ninety", "hundred",
];

/// The places of the clauses a model is to read; none where there is nothing to read, or a person is needed whatever it
/// said.
pub(crate) fn in_doubt(terms: &Terms) -> Option<Vec<usize>> {
    if terms.verdict != Verdict::Changed || terms.departing.len() != terms.departing_total as usize {
        return None;
    }
    let heavy = terms.departing.iter().enumerate().filter(|(_, departure)| departure.weight != Weight::Minor);
    let places: Option<Vec<usize>> =
        heavy.map(|(place, departure)| may_settle(departure).then_some(place)).collect();
    places.filter(|places| !places.is_empty())
}

fn may_settle(departure: &Departure) -> bool {
    departure.weight == Weight::Major && departure.kind == Kind::Changed && {
        let touched = touched(&departure.diff);
        !touched.is_empty() && !touched.iter().any(|word| turns(word))
    }
}

fn turns(word: &str) -> bool {
    let word = word.to_lowercase();
    word.chars().any(char::is_numeric)
        || !word.is_ascii()
        || NEGATIONS.contains(&word.as_str())
        || NUMBERS.contains(&word.as_str())
        || word.ends_with("n't")
}

/// The words inside `[-…-]` and `{+…+}`. A diff that was cut inside of one has words nobody sees, and so has none.
fn touched(diff: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), diff);
    while let Some(start) = rest.find(['[', '{']) {
        rest = &rest[start..];
        let end = match () {
            () if rest.starts_with("[-") => "-]",
            () if rest.starts_with("{+") => "+}",
            () => {
                rest = &rest[1..];
                continue;
            }
        };
        let Some(length) = rest.find(end).filter(|length| *length >= 2) else { return Vec::new() };
        words.extend(rest[2..length].split(|letter: char| !letter.is_alphanumeric() && letter != '\''));
        rest = &rest[length + 2..];
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::tests::{changed, terms};

    #[test]
    fn what_a_model_may_settle() {
        let may = |weight, kind, diff: &str| {
            let departure = Departure { weight, kind, ..changed("Fees", diff) };
            in_doubt(&terms(vec![departure])).is_some()
        };
        let reworded = "Fees are [-invoiced-] {+billed+} in advance.";
        assert!(may(Weight::Major, Kind::Changed, reworded));
        assert!(!may(Weight::Critical, Kind::Changed, reworded));
        assert!(!may(Weight::Minor, Kind::Changed, reworded));
        assert!(!may(Weight::Major, Kind::Missing, reworded));
        assert!(!may(Weight::Major, Kind::Added, reworded));
        for turned in [
            "within [-30-] {+60+} days",
            "within [-thirty-] {+Sixty+} days",
            "Fees are {+not+} refundable",
            "Fees are [-non-refundable-] {+refundable+}",
            "Fees {+aren't+} due",
            "Fees are due [-without-] {+after+} notice",
            "Fees are d<U+200B>ue",
            "Fees {+are dúe+}",
            "[-Fees are … and 2 more words",
            "",
        ] {
            assert!(!may(Weight::Major, Kind::Changed, turned), "{turned}");
        }
    }

    #[test]
    fn one_clause_for_a_person_makes_all_of_them_a_persons() {
        let reworded = || changed("Taxes", "[-Fees-] {+Prices+} do");
        assert_eq!(in_doubt(&terms(vec![reworded(), reworded()])), Some(vec![0, 1]));
        let minor = Departure { weight: Weight::Minor, ..reworded() };
        assert_eq!(in_doubt(&terms(vec![minor.clone(), reworded()])), Some(vec![1]));
        assert_eq!(in_doubt(&terms(vec![minor])), None);
        assert_eq!(in_doubt(&terms(vec![reworded(), changed("Term", "[-12-] {+24+} months")])), None);
    }

    #[test]
    fn of_a_list_that_was_cut_or_another_paper_nothing_is_settled() {
        let whole = || terms(vec![changed("Taxes", "[-Fees-] {+Prices+} do")]);
        assert!(in_doubt(&whole()).is_some());
        assert_eq!(in_doubt(&Terms { departing_total: 2, ..whole() }), None);
        assert_eq!(in_doubt(&Terms { verdict: Verdict::OtherPaper, ..whole() }), None);
        assert_eq!(in_doubt(&Terms { verdict: Verdict::Standard, ..whole() }), None);
    }
}
