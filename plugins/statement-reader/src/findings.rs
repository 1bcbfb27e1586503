//! What somebody should know, bounded: a broken export says the same thing a million times.

use crate::Finding;
use std::collections::BTreeMap;

/// How many are told, in all and of each kind.
const TOLD: usize = 100;

/// What kinds there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Unreadable,
    Repeated,
    MissingDays,
    OtherMonth,
    BalanceJump,
    Formula,
}

/// Findings of all kinds; every one is counted, the first of each kind are kept.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: BTreeMap<Kind, Vec<Finding>>,
    total: u32,
}

impl Findings {
    pub(crate) fn add(&mut self, line: u32, kind: Kind, why: impl FnOnce() -> String) {
        self.total = self.total.saturating_add(1);
        let kept = self.kept.entry(kind).or_default();
        if kept.len() < TOLD {
            kept.push(Finding { line, kind: word(kind).to_owned(), why: why() });
        }
    }

    /// The first by line, and how many there are.
    pub(crate) fn told(self) -> (Vec<Finding>, u32) {
        let mut told: Vec<Finding> = self.kept.into_values().flatten().collect();
        told.sort_by_key(|finding| finding.line);
        told.truncate(TOLD);
        (told, self.total)
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Unreadable => "unreadable",
        Kind::Repeated => "repeated",
        Kind::MissingDays => "missing-days",
        Kind::OtherMonth => "other-month",
        Kind::BalanceJump => "balance-jump",
        Kind::Formula => "formula",
    }
}
