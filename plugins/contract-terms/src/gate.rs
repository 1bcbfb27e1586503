//! Whether clauses are a contract at all, before anything is said about them.
//!
//! Two equal recipes are word for word the same, and yet no standard terms. A side that is empty, unreadable or
//! binds nobody is an error, so that it can't pass as `standard`.

use crate::bindings::exports::kapell::contract_terms::comparing::{Clause, ComparingError};
use crate::clause::whole_text;

const MOST_CLAUSES: usize = 2_000;
const MOST_BYTES: usize = 1 << 20;

/// Less than a quarter of a page is no contract.
const FEWEST_WORDS: usize = 80;

/// Beginnings of words that contracts are made of; real ones use nearly all, other texts two or three.
const LEGAL: [&str; 18] = [
    "agree",
    "part",
    "liab",
    "indemn",
    "terminat",
    "confidential",
    "warrant",
    "govern",
    "breach",
    "obligation",
    "assign",
    "remed",
    "damages",
    "notice",
    "law",
    "disclos",
    "provider",
    "customer",
];
const FEWEST_LEGAL_KINDS: usize = 5;

/// Words that oblige or permit somebody.
const BINDING: [&str; 6] = ["shall", "will", "must", "may", "agrees", "agree"];

/// Refuses a side that is too large, unreadable or no contract; `refusal` says which side it is.
pub(crate) fn require(
    clauses: &[Clause],
    refusal: fn(String) -> ComparingError,
) -> Result<(), ComparingError> {
    let bytes: usize = clauses.iter().map(bytes_of).sum();
    if clauses.len() > MOST_CLAUSES || bytes > MOST_BYTES {
        let found = format!("{} clauses with {bytes} bytes", clauses.len());
        return Err(ComparingError::TooLarge(format!(
            "{found}; at most {MOST_CLAUSES} and {MOST_BYTES} are compared"
        )));
    }
    if clauses.is_empty() {
        return Err(refusal("there are no clauses".into()));
    }
    refuse_unreadable(clauses, refusal)?;
    refuse_unbinding(clauses, refusal)
}

fn bytes_of(clause: &Clause) -> usize {
    clause.number.len() + clause.section.len() + clause.heading.len() + clause.text.len()
}

fn refuse_unreadable(
    clauses: &[Clause],
    refusal: fn(String) -> ComparingError,
) -> Result<(), ComparingError> {
    let is_broken = |character: &char| {
        *character == char::REPLACEMENT_CHARACTER || (character.is_control() && !character.is_whitespace())
    };
    let texts =
        clauses.iter().flat_map(|clause| [&clause.number, &clause.section, &clause.heading, &clause.text]);
    match texts.flat_map(|text| text.chars()).find(is_broken) {
        Some(character) => {
            Err(refusal(format!("it holds U+{:04X}: binary data or broken encoding", u32::from(character))))
        }
        None => Ok(()),
    }
}

fn refuse_unbinding(clauses: &[Clause], refusal: fn(String) -> ComparingError) -> Result<(), ComparingError> {
    let mut kinds = [false; LEGAL.len()];
    let (mut words, mut binding) = (0, 0);
    for clause in clauses {
        for word in whole_text(clause).to_lowercase().split(|character: char| !character.is_alphanumeric()) {
            words += usize::from(!word.is_empty());
            binding += usize::from(BINDING.contains(&word));
            if let Some((seen, _)) = kinds.iter_mut().zip(LEGAL).find(|(_, stem)| word.starts_with(stem)) {
                *seen = true;
            }
        }
    }
    let kinds = kinds.iter().filter(|seen| **seen).count();
    if words >= FEWEST_WORDS && kinds >= FEWEST_LEGAL_KINDS && binding > 0 {
        return Ok(());
    }
    Err(refusal(format!(
        "{words} words with {kinds} kinds of English contract words, {binding} of them binding"
    )))
}
