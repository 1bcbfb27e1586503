//! Which clause of a contract answers to which of the standard: by what they say, never by number or place.
//!
//! Clauses that are word for word the same are paired first. The others are compared by the words and pairs of
//! words they share, each weighing more the rarer it is among all clauses, and paired from the most alike downward.
//! All arithmetic is in whole numbers and ties are broken by content, so the pairs depend on nothing but the texts.
//!
//! Cost: words that stand in more than [`COMMONEST`] clauses tell nothing and are left out, and each clause keeps
//! its [`MOST_CANDIDATES`] best candidates, so work and memory grow with the length of the texts.

use std::cmp::Reverse;

use crate::clause::Prepared;
use crate::tokens::{Table, Vocabulary};

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
        let mut places: Table<Vec<u32>, Vec<usize>> = Table::default();
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
    let (open_theirs, open_ours) = (open(theirs, &partners.of_theirs), open(ours, &partners.of_ours));
    if open_theirs.is_empty() || open_ours.is_empty() {
        return Vec::new();
    }
    let index = Index::of(theirs, ours, &open_ours);
    let mut all = Vec::new();
    for (place, clause) in open_theirs {
        let mut found = index.alike(place, clause);
        sort(&mut found, theirs, ours, vocabulary);
        found.truncate(MOST_CANDIDATES);
        all.extend(found);
    }
    sort(&mut all, theirs, ours, vocabulary);
    all
}

/// The clauses without partner and their places.
fn open<'a>(clauses: &'a [Prepared<'a>], partners: &[Option<usize>]) -> Vec<(usize, &'a Prepared<'a>)> {
    clauses
        .iter()
        .enumerate()
        .zip(partners)
        .filter(|(_, partner)| partner.is_none())
        .map(|(open, _)| open)
        .collect()
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

/// What every feature tells, and which clauses of the standard hold it.
struct Index {
    clauses: usize,
    features: Table<u64, Held>,
    /// The weight of all features of each clause of the standard that has no partner; 0 for the others.
    totals: Vec<u64>,
}

/// Who holds a feature.
#[derive(Default)]
struct Held {
    /// How many clauses of both sides do.
    count: usize,
    /// The places of those of the standard that have no partner.
    places: Vec<usize>,
}

impl Index {
    fn of(theirs: &[Prepared<'_>], ours: &[Prepared<'_>], open_ours: &[(usize, &Prepared<'_>)]) -> Self {
        let mut features: Table<u64, Held> = Table::default();
        for feature in theirs.iter().chain(ours).flat_map(|clause| &clause.features) {
            features.entry(*feature).or_default().count += 1;
        }
        let mut index = Self { clauses: theirs.len() + ours.len(), features, totals: vec![0; ours.len()] };
        for (place, clause) in open_ours {
            let total = index.total(clause);
            if let Some(of_clause) = index.totals.get_mut(*place) {
                *of_clause = total;
            }
            for feature in &clause.features {
                index.features.entry(*feature).or_default().places.push(*place);
            }
        }
        index
    }

    /// From the logarithm of how rare it is; 0 for a word of the trade.
    fn weight(&self, held: &Held) -> u64 {
        match held.count > COMMONEST {
            true => 0,
            false => u64::from((8 * self.clauses / held.count.max(1)).max(1).ilog2()),
        }
    }

    fn total(&self, clause: &Prepared<'_>) -> u64 {
        clause
            .features
            .iter()
            .filter_map(|feature| self.features.get(feature))
            .map(|held| self.weight(held))
            .sum()
    }

    /// The clauses of the standard that are alike enough to one of the contract: twice the shared weight by the
    /// weight of both.
    fn alike(&self, theirs: usize, clause: &Prepared<'_>) -> Vec<Candidate> {
        let mut shared = vec![0_u64; self.totals.len()];
        let mut own = 0;
        for held in clause.features.iter().filter_map(|feature| self.features.get(feature)) {
            let weight = self.weight(held);
            own += weight;
            for place in held.places.iter().filter(|_| weight > 0) {
                if let Some(sum) = shared.get_mut(*place) {
                    *sum += weight;
                }
            }
        }
        let candidate = |(ours, (shared, total)): (usize, (&u64, &u64))| {
            let likeness = 2_000 * shared / (own + total).max(1);
            (likeness >= ALIKE).then_some(Candidate { theirs, ours, likeness })
        };
        shared.iter().zip(&self.totals).enumerate().filter_map(candidate).collect()
    }
}
