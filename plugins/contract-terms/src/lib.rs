//! Compares the clauses of a contract with those of a standard, by content and never by number.
//!
//! It never says `standard` unless every word is the same, never leaves a departure ungraded, and never answers
//! for clauses it could not read.

mod align;
mod clause;
mod difference;
mod gate;
mod grade;
mod judge;
mod rules;
mod tokens;

pub use bindings::exports::kapell::contract_terms::comparing::{
    Clause, ComparingError, Counts, Departure, Guest, Kind, RulesError, Terms, Verdict, Weight,
};

kapell_sdk::skill!(Comparer);

struct Comparer;

impl Guest for Comparer {
    fn compare(clauses: Vec<Clause>, standard: Vec<Clause>, rules: String) -> Result<Terms, ComparingError> {
        compare(&clauses, &standard, &rules)
    }
}

/// Compares a contract with the standard and grades every departing clause by the rules.
///
/// # Errors
///
/// [`ComparingError`], as the interface documents it; no case means that the terms are standard.
pub fn compare(clauses: &[Clause], standard: &[Clause], rules: &str) -> Result<Terms, ComparingError> {
    let rules = rules::Rules::read(rules).map_err(ComparingError::BadRules)?;
    gate::require(clauses, ComparingError::NoContract)?;
    gate::require(standard, ComparingError::NoStandard)?;
    let mut vocabulary = tokens::Vocabulary::default();
    let ours = clause::prepare(standard, &mut vocabulary);
    let theirs = clause::prepare(clauses, &mut vocabulary);
    let alignment = align::align(&theirs, &ours, &vocabulary);
    Ok(judge::judge(&alignment, &rules, &vocabulary))
}
