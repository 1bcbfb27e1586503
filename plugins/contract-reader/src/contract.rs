//! Whether a text that reads well is a contract.
//!
//! Four measures, each of which an ordinary text fails and none of which a contract does; the real ones measured
//! stand far above every bound. The test may be generous: a text that passes wrongly is compared with the standard
//! and found to be another paper, which asks a person. A text that fails wrongly stops with what it lacks.

use crate::bindings::exports::kapell::contract_reader::reading::{Clause, ReadingError};
use crate::words::words;

/// Words of agreements, by their beginnings, so that one entry covers `terminate` and `termination`.
const LEGAL: [&str; 40] = [
    "agreement",
    "contract",
    "part",
    "liab",
    "indemn",
    "terminat",
    "confidential",
    "warrant",
    "govern",
    "jurisdiction",
    "breach",
    "herein",
    "hereby",
    "pursuant",
    "notwithstanding",
    "obligation",
    "provision",
    "waive",
    "assign",
    "remed",
    "damages",
    "invoice",
    "fee",
    "payment",
    "notice",
    "law",
    "court",
    "dispute",
    "sever",
    "supersede",
    "consent",
    "disclos",
    "license",
    "licence",
    "intellectual",
    "perform",
    "provider",
    "customer",
    "effective",
    "force",
];

/// Words that oblige or permit somebody.
const BINDING: [&str; 6] = ["shall", "will", "must", "may", "agrees", "agree"];

/// A page has 400 words; less than a quarter of one binds nobody to anything worth comparing.
const FEWEST_WORDS: usize = 80;
/// Real ones use 25 and more of the list.
const FEWEST_LEGAL_KINDS: usize = 8;
/// Of 100 words; real ones have 6 to 10.
const FEWEST_LEGAL_SHARE: usize = 2;
/// Real ones have 9 and more.
const FEWEST_BINDING_CLAUSES: usize = 3;

/// Refuses what is no contract, and says what it lacks.
pub(crate) fn require_contract(clauses: &[Clause]) -> Result<(), ReadingError> {
    let found = Measure::of(clauses);
    let lacks = if found.words < FEWEST_WORDS {
        format!(
            "only {} words stand outside of the cover page; at least {FEWEST_WORDS} are expected",
            found.words
        )
    } else if found.legal_kinds < FEWEST_LEGAL_KINDS || found.legal * 100 < found.words * FEWEST_LEGAL_SHARE {
        format!("only {} kinds of English contract words in {} words", found.legal_kinds, found.words)
    } else if found.binding_clauses < FEWEST_BINDING_CLAUSES {
        format!("only {} clauses oblige or permit anything", found.binding_clauses)
    } else {
        return Ok(());
    };
    Err(ReadingError::NotAContract(lacks))
}

#[derive(Debug, Default)]
struct Measure {
    words: usize,
    legal: usize,
    legal_kinds: usize,
    binding_clauses: usize,
}

impl Measure {
    fn of(clauses: &[Clause]) -> Self {
        let mut measure = Self::default();
        let mut kinds = [false; LEGAL.len()];
        for clause in clauses {
            let mut binds = false;
            for word in words(&clause.heading).chain(words(&clause.text)) {
                measure.words += 1;
                binds |= BINDING.contains(&word.as_str());
                let kind = kinds.iter_mut().zip(LEGAL).find(|(_, stem)| word.starts_with(stem));
                if let Some((seen, _)) = kind {
                    *seen = true;
                    measure.legal += 1;
                }
            }
            measure.binding_clauses += usize::from(binds);
        }
        measure.legal_kinds = kinds.iter().filter(|seen| **seen).count();
        measure
    }
}
