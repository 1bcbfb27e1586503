//! Which clause of a contract answers to which of the standard: by what they say, never by number or place.
//!
//! Clauses that are word for word the same are paired first. The others are compared by the words and pairs of
//! words they share, each weighing more the rarer it is among all clauses, and paired from the most alike downward.
//! All arithmetic is in whole numbers and ties are broken by content, so the pairs depend on nothing but the texts.
//!
//! Cost: words that stand in more than [`COMMONEST`] clauses tell nothing and are left out, and each clause keeps
//! its [`MOST_CANDIDATES`] best candidates, so work and memory grow with the length of the texts.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::clause::Prepared;
use crate::tokens::Vocabulary;

/// In thousandths: less alike than this, two clauses say different things. Rewritten clauses of one subject measure
/// 400 and more, clauses of different subjects in one contract stay below 150.
const ALIKE: u64 = 300;

/// A word in more clauses than this is a word of the trade.
const COMMONEST: usize = 256;

const MOST_CANDIDATES: usize = 8;

/// How the clauses of a contract answer to those of the standard.
pub(crate) struct Alignment<'a> {
    /// The clauses of the contract.
    pub(crate) theirs: &'a [Prepared<'a>],
    /// The clauses of the standard.
    pub(crate) ours: &'a [Prepared<'a>],
    /// Clauses of the contract that are in the standard word for word.
    pub(crate) same: Vec<&'a Prepared<'a>>,
    /// Pairs with other words: contract, standard.
    pub(crate) changed: Vec<(&'a Prepared<'a>, &'a Prepared<'a>)>,
    /// In the standard only.
    pub(crate) missing: Vec<&'a Prepared<'a>>,
    /// In the contract only.
    pub(crate) added: Vec<&'a Prepared<'a>>,
}

/// Pairs the clauses of a contract with those of the standard.
pub(crate) fn align<'a>(
    theirs: &'a [Prepared<'a>],
    ours: &'a [Prepared<'a>],
    vocabulary: &Vocabulary,
) -> Alignment<'a> {
    let mut partners = Partners { of_theirs: vec![None; theirs.len()], of_ours: vec![None; ours.len()] };
    partners.pair_equal(theirs, ours);
    for candidate in candidates(theirs, ours, &partners, vocabulary) {
        partners.pair(candidate.theirs, candidate.ours);
    }
    let equal = |(one, other): &(&Prepared<'_>, &Prepared<'_>)| one.numbers() == other.numbers();
    let paired = theirs.iter().zip(&partners.of_theirs);
    let pairs = paired.filter_map(|(clause, partner)| Some((clause, ours.get((*partner)?)?)));
    let (same, changed): (Vec<_>, Vec<_>) = pairs.partition(equal);
    Alignment {
        theirs,
        ours,
        same: same.into_iter().map(|(clause, _)| clause).collect(),
        changed,
        missing: alone(ours, &partners.of_ours),
        added: alone(theirs, &partners.of_theirs),
    }
}

fn alone<'a>(clauses: &'a [Prepared<'a>], partners: &[Option<usize>]) -> Vec<&'a Prepared<'a>> {
    clauses.iter().zip(partners).filter(|(_, partner)| partner.is_none()).map(|(clause, _)| clause).collect()
}

/// Who is paired with whom, by place in the two lists.
struct Partners {
    of_theirs: Vec<Option<usize>>,
    of_ours: Vec<Option<usize>>,
}

impl Partners {
    /// Pairs two clauses unless one of them is taken.
    fn pair(&mut self, theirs: usize, ours: usize) {
        if let (Some(their_partner @ None), Some(our_partner @ None)) =
            (self.of_theirs.get_mut(theirs), self.of_ours.get_mut(ours))
        {
            (*their_partner, *our_partner) = (Some(ours), Some(theirs));
        }
    }

    fn pair_equal(&mut self, theirs: &[Prepared<'_>], ours: &[Prepared<'_>]) {
        let mut places: HashMap<Vec<u32>, Vec<usize>> = HashMap::new();
        for (place, clause) in ours.iter().enumerate().rev() {
            places.entry(clause.numbers()).or_default().push(place);
        }
        for (place, clause) in theirs.iter().enumerate() {
            if let Some(ours) = places.get_mut(&clause.numbers()).and_then(Vec::pop) {
                self.pair(place, ours);
            }
        }
    }
}

/// Two clauses that may answer to each other.
struct Candidate {
    theirs: usize,
    ours: usize,
    likeness: u64,
}

/// Candidates among the clauses without partner, the most alike first.
fn candidates(
    theirs: &[Prepared<'_>],
    ours: &[Prepared<'_>],
    partners: &Partners,
    vocabulary: &Vocabulary,
) -> Vec<Candidate> {
    let weights = Weights::of(theirs, ours);
    let mut holders: HashMap<u64, Vec<usize>> = HashMap::new();
    for (place, clause) in
        ours.iter().enumerate().filter(|(place, _)| partners.of_ours.get(*place) == Some(&None))
    {
        for feature in clause.features.iter().filter(|feature| weights.weight(**feature) > 0) {
            holders.entry(*feature).or_default().push(place);
        }
    }
    let totals: Vec<u64> = ours.iter().map(|clause| weights.total(clause)).collect();
    let mut all = Vec::new();
    for (place, clause) in
        theirs.iter().enumerate().filter(|(place, _)| partners.of_theirs.get(*place) == Some(&None))
    {
        let mut found = alike(clause, &weights, &holders, &totals);
        for candidate in &mut found {
            candidate.theirs = place;
        }
        sort(&mut found, theirs, ours, vocabulary);
        found.truncate(MOST_CANDIDATES);
        all.extend(found);
    }
    sort(&mut all, theirs, ours, vocabulary);
    all
}

/// The standard's clauses that are alike enough to one clause: twice the shared weight by the weight of both.
fn alike(
    clause: &Prepared<'_>,
    weights: &Weights,
    holders: &HashMap<u64, Vec<usize>>,
    totals: &[u64],
) -> Vec<Candidate> {
    let mut shared = vec![0_u64; totals.len()];
    for feature in &clause.features {
        for place in holders.get(feature).into_iter().flatten() {
            if let Some(sum) = shared.get_mut(*place) {
                *sum += weights.weight(*feature);
            }
        }
    }
    let own = weights.total(clause);
    let likeness = |(ours, (shared, total)): (usize, (&u64, &u64))| {
        let likeness = 2_000 * shared / (own + total).max(1);
        (likeness >= ALIKE).then_some(Candidate { theirs: 0, ours, likeness })
    };
    shared.iter().zip(totals).enumerate().filter_map(likeness).collect()
}

/// The most alike first; of equals, the one whose text comes first in the alphabet.
fn sort(
    candidates: &mut [Candidate],
    theirs: &[Prepared<'_>],
    ours: &[Prepared<'_>],
    vocabulary: &Vocabulary,
) {
    let by_text = |clauses: &[Prepared<'_>], one: usize, other: usize| {
        let text = |place: usize| {
            let tokens = clauses.get(place).map(|clause| clause.tokens.as_slice()).unwrap_or_default();
            tokens.iter().map(|token| vocabulary.text(token.number))
        };
        text(one).cmp(text(other))
    };
    candidates.sort_by(|one, other| {
        Reverse(one.likeness)
            .cmp(&Reverse(other.likeness))
            .then_with(|| by_text(theirs, one.theirs, other.theirs))
            .then_with(|| by_text(ours, one.ours, other.ours))
    });
}

/// How much it tells that two clauses share a feature.
struct Weights {
    clauses: usize,
    holders: HashMap<u64, usize>,
}

impl Weights {
    fn of(theirs: &[Prepared<'_>], ours: &[Prepared<'_>]) -> Self {
        let mut holders = HashMap::new();
        for feature in theirs.iter().chain(ours).flat_map(|clause| &clause.features) {
            *holders.entry(*feature).or_insert(0) += 1;
        }
        Self { clauses: theirs.len() + ours.len(), holders }
    }

    /// From the logarithm of how rare it is; 0 for what nearly every clause holds.
    fn weight(&self, feature: u64) -> u64 {
        let holders = self.holders.get(&feature).copied().unwrap_or(1).max(1);
        match holders > COMMONEST {
            true => 0,
            false => u64::from((8 * self.clauses / holders).max(1).ilog2()),
        }
    }

    fn total(&self, clause: &Prepared<'_>) -> u64 {
        clause.features.iter().map(|feature| self.weight(*feature)).sum()
    }
}
