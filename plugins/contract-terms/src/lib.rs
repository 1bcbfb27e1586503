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

#[allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated from wit/world.wit, where everything is documented"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "contract-terms",
        additional_derives: [PartialEq, Eq],
    });
}

pub use bindings::exports::kapell::contract_terms::comparing::{
    Clause, ComparingError, Counts, Departure, Guest, Kind, RulesError, Terms, Verdict, Weight,
};

/// The component's exports. A native linker takes no names such as `kapell:contract-terms/comparing#compare`.
#[cfg(target_family = "wasm")]
#[allow(
    unsafe_code,
    reason = "the generated glue exports functions by fixed names, which the compiler calls unsafe"
)]
mod component {
    use super::{Clause, ComparingError, Guest, Terms, bindings};

    struct Comparer;

    impl Guest for Comparer {
        fn compare(
            clauses: Vec<Clause>,
            standard: Vec<Clause>,
            rules: String,
        ) -> Result<Terms, ComparingError> {
            super::compare(&clauses, &standard, &rules)
        }
    }

    bindings::export!(Comparer with_types_in bindings);
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
