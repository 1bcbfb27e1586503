//! Lines that share a reference: the same amount, a small difference, or one line that names several of the other side.

use crate::Side;
use crate::books::{Book, Books, How, other};
use crate::settings::Settings;
use crate::subset::Search;
use kapell_cells::Amount;
use std::cmp::Ordering;
use std::ops::Range;

/// Lines of one side that may have a reference: what more have says nothing about any of them.
const SHARED_MAX: usize = 8;

/// References with the lines that have them, in the order of their hashes.
#[derive(Debug)]
pub(crate) struct Index {
    entries: Vec<(u64, u32)>,
}

impl Index {
    pub(crate) fn of(book: &Book) -> Self {
        let mut entries = Vec::with_capacity(book.references_count());
        for (place, _) in (0_u32..).zip(book.lines()) {
            entries.extend(book.references(place).iter().map(|reference| (reference.hash, place)));
        }
        entries.sort_unstable();
        Self { entries }
    }

    /// The lines with a reference, where they are few.
    pub(crate) fn lines(&self, hash: u64) -> impl Iterator<Item = u32> {
        let from = self.entries.partition_point(|(known, _)| *known < hash);
        let rest = self.entries.get(from..).unwrap_or_default();
        let found = rest.iter().take_while(move |(known, _)| *known == hash);
        let few = found.clone().take(SHARED_MAX + 1).count() <= SHARED_MAX;
        found.take(if few { SHARED_MAX } else { 0 }).map(|(_, place)| *place)
    }

    fn group(&self, from: usize) -> Range<usize> {
        let hash = self.entries.get(from).map(|(hash, _)| *hash);
        let rest = self.entries.get(from..).unwrap_or_default();
        from..from + rest.iter().take_while(|(known, _)| Some(*known) == hash).count()
    }

    fn places(&self, range: &Range<usize>) -> impl Iterator<Item = u32> + Clone {
        self.entries.get(range.clone()).unwrap_or_default().iter().map(|(_, place)| *place)
    }
}

/// A reference that both sides have.
struct Shared {
    ledger: Range<usize>,
    bank: Range<usize>,
}

/// References of both sides.
pub(crate) struct References {
    pub(crate) ledger: Index,
    pub(crate) bank: Index,
    /// What both have, the rarest first: a number that stands once on each side is an invoice, one that stands on five
    /// a customer.
    shared: Vec<Shared>,
}

impl References {
    pub(crate) fn of(books: &Books) -> Self {
        let (ledger, bank) = (Index::of(&books.ledger), Index::of(&books.bank));
        let mut shared = Vec::new();
        let (mut at, mut there) = (0, 0);
        while let (Some(one), Some(two)) = (ledger.entries.get(at), bank.entries.get(there)) {
            match one.0.cmp(&two.0) {
                Ordering::Less => at += 1,
                Ordering::Greater => there += 1,
                Ordering::Equal => {
                    let (own, their) = (ledger.group(at), bank.group(there));
                    (at, there) = (own.end, their.end);
                    if own.len() <= SHARED_MAX && their.len() <= SHARED_MAX {
                        shared.push(Shared { ledger: own, bank: their });
                    }
                }
            }
        }
        // Of equally rare ones the order of the hashes stays. A stable sort would take half as much room again.
        shared.sort_unstable_by_key(|shared| (shared.ledger.len() * shared.bank.len(), shared.ledger.start));
        Self { ledger, bank, shared }
    }

    /// Lets go of what only pairs are found by.
    pub(crate) fn forget_pairs(&mut self) {
        self.shared = Vec::new();
    }

    const fn index(&self, side: Side) -> &Index {
        match side {
            Side::Ledger => &self.ledger,
            Side::Bank => &self.bank,
        }
    }

    /// One line each, with the same amount.
    pub(crate) fn take_equal(&self, books: &mut Books, settings: &Settings) {
        self.take_pairs(books, settings, How::Reference, |difference, _| difference.is_zero());
    }

    /// One line each, with amounts that differ by little.
    pub(crate) fn take_near(&self, books: &mut Books, settings: &Settings) {
        self.take_pairs(books, settings, How::ReferenceSmall, |difference, same_way| {
            same_way && settings.passes(difference)
        });
    }

    fn take_pairs(
        &self,
        books: &mut Books,
        settings: &Settings,
        how: How,
        fits: impl Fn(Amount, bool) -> bool,
    ) {
        let mut pairs: Vec<(u32, u32, u32)> = Vec::new();
        for shared in &self.shared {
            for place in self.ledger.places(&shared.ledger).filter(|place| books.ledger.is_free(*place)) {
                let Some(line) = books.ledger.line(place) else { continue };
                for their in self.bank.places(&shared.bank).filter(|their| books.bank.is_free(*their)) {
                    let Some(other) = books.bank.line(their) else { continue };
                    let (apart, difference) = (line.day.apart(other.day), other.amount - line.amount);
                    let same_way = line.amount.is_negative() == other.amount.is_negative();
                    if apart <= settings.reference_days && fits(difference, same_way) {
                        pairs.push((apart, place, their));
                    }
                }
            }
            pairs.sort_unstable();
            for (_, place, their) in pairs.drain(..) {
                let are_free = books.ledger.is_free(place) && books.bank.is_free(their);
                if are_free && !books.contradict(place, their) {
                    books.take(how, &[place], &[their], 1);
                }
            }
        }
    }

    /// One line that names several of the other side, or whose reference several of them have.
    pub(crate) fn take_sums(&self, books: &mut Books, settings: &Settings, search: &mut Search) {
        for side in [Side::Bank, Side::Ledger] {
            for (one, several) in self.named(books, side, settings) {
                let book = books.side(other(side));
                let free: Vec<u32> = several.into_iter().filter(|place| book.is_free(*place)).collect();
                let Some(line) = books.side(side).line(one).filter(|_| books.side(side).is_free(one)) else {
                    continue;
                };
                let whole = settings.passes(book.sum(&free) - line.amount);
                let found = if whole { Some(free) } else { search.only(line.amount, &free, book) };
                if let Some(found) = found.filter(|found| found.len() > 1) {
                    books.take_sum(How::ReferenceSum, side, one, &found);
                }
            }
        }
    }

    /// For each free line of a side the free lines of the other that have a reference of it, the same way and near.
    fn named(&self, books: &Books, side: Side, settings: &Settings) -> Vec<(u32, Vec<u32>)> {
        let (book, others) = (books.side(side), books.side(other(side)));
        let mut named = Vec::new();
        for one in book.free() {
            let Some(line) = book.line(one) else { continue };
            let near = |place: &u32| {
                others.is_free(*place)
                    && others.line(*place).is_some_and(|other| {
                        other.day.apart(line.day) <= settings.reference_days
                            && other.amount.is_negative() == line.amount.is_negative()
                    })
            };
            let lines = book.references(one).iter().flat_map(|it| self.index(other(side)).lines(it.hash));
            let mut several: Vec<u32> = lines.filter(near).collect();
            several.sort_unstable();
            several.dedup();
            if several.len() > 1 {
                named.push((one, several));
            }
        }
        named
    }
}
