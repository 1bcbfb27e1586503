//! The two sides while they are matched: which line is still free, and what took the others.

use crate::words::{self, Reference};
use crate::{Account, ClosingError, Side};
use kapell_cells::{Amount, Line, Lines};

/// How lines found each other, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    Reference,
    ReferenceSmall,
    ReferenceSum,
    Amount,
    AmountSmall,
    Sum,
}

impl How {
    pub(crate) const ALL: [Self; 6] = [
        Self::Reference,
        Self::ReferenceSmall,
        Self::ReferenceSum,
        Self::Amount,
        Self::AmountSmall,
        Self::Sum,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::ReferenceSmall => "reference with a small difference",
            Self::ReferenceSum => "references of a sum",
            Self::Amount => "amount and date",
            Self::AmountSmall => "amount and text with a small difference",
            Self::Sum => "a sum",
        }
    }
}

/// Lines that belong together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Match {
    pub(crate) how: How,
    /// What the bank has more than the ledger.
    pub(crate) difference: Amount,
    /// How many lines it could have been, where nothing but the amount told them apart.
    pub(crate) candidates: u32,
}

/// One side.
#[derive(Debug)]
pub(crate) struct Book {
    lines: Lines,
    /// The references of all lines, and where those of each end.
    references: Vec<Reference>,
    ends: Vec<u32>,
    /// For each line the match that took it.
    taken: Vec<Option<u32>>,
}

impl Book {
    /// Reads an account and lets go of its text: of a million lines there is no room for two.
    fn read(account: &mut Account, name: &str) -> Result<Self, ClosingError> {
        let lines = Lines::read(&std::mem::take(&mut account.lines))
            .map_err(|cause| ClosingError::BadLines(format!("{name}, line {}: {}", cause.line, cause.why)))?;
        let (mut references, mut ends) = (Vec::new(), Vec::with_capacity(lines.all().len()));
        for place in 0..lines.all().len() {
            words::references(lines.words(place), &mut references);
            ends.push(u32::try_from(references.len()).unwrap_or(u32::MAX));
        }
        references.shrink_to_fit();
        Ok(Self { taken: vec![None; lines.all().len()], lines, references, ends })
    }

    pub(crate) fn lines(&self) -> &[Line] {
        self.lines.all()
    }

    pub(crate) fn line(&self, place: u32) -> Option<&Line> {
        self.lines.all().get(place as usize)
    }

    /// Reference and text of a line.
    pub(crate) fn words(&self, place: u32) -> (&str, &str) {
        self.lines.words(place as usize)
    }

    /// How many references all lines have.
    pub(crate) const fn references_count(&self) -> usize {
        self.references.len()
    }

    /// What a line can be known by.
    pub(crate) fn references(&self, place: u32) -> &[Reference] {
        let end = |place: u32| self.ends.get(place as usize).map_or(0, |end| *end as usize);
        let begin = place.checked_sub(1).map_or(0, end);
        self.references.get(begin..end(place)).unwrap_or_default()
    }

    pub(crate) fn taken_by(&self, place: u32) -> Option<u32> {
        self.taken.get(place as usize).copied().flatten()
    }

    pub(crate) fn is_free(&self, place: u32) -> bool {
        self.taken.get(place as usize).is_some_and(Option::is_none)
    }

    /// The places of the lines that are free.
    pub(crate) fn free(&self) -> impl Iterator<Item = u32> {
        let taken = self.taken.iter().zip(0_u32..);
        taken.filter(|(taken, _)| taken.is_none()).map(|(_, place)| place)
    }

    pub(crate) fn sum(&self, places: &[u32]) -> Amount {
        places.iter().filter_map(|place| self.line(*place)).map(|line| line.amount).sum()
    }
}

/// Both sides.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) ledger: Book,
    pub(crate) bank: Book,
    pub(crate) matches: Vec<Match>,
}

impl Books {
    pub(crate) fn read(ledger: &mut Account, bank: &mut Account) -> Result<Self, ClosingError> {
        let (ledger, bank) = (Book::read(ledger, "the ledger")?, Book::read(bank, "the bank")?);
        Ok(Self { ledger, bank, matches: Vec::new() })
    }

    /// Whether two lines name different numbers of one kind.
    pub(crate) fn contradict(&self, ledger: u32, bank: u32) -> bool {
        words::contradict(self.ledger.references(ledger), self.bank.references(bank))
    }

    pub(crate) const fn side(&self, side: Side) -> &Book {
        match side {
            Side::Ledger => &self.ledger,
            Side::Bank => &self.bank,
        }
    }

    /// Puts free lines together. Whoever calls has looked that they are free.
    pub(crate) fn take(&mut self, how: How, ledger: &[u32], bank: &[u32], candidates: u32) {
        let id = u32::try_from(self.matches.len()).unwrap_or(u32::MAX);
        let difference = self.bank.sum(bank) - self.ledger.sum(ledger);
        self.matches.push(Match { how, difference, candidates });
        for (book, places) in [(&mut self.ledger, ledger), (&mut self.bank, bank)] {
            for place in places {
                if let Some(taken) = book.taken.get_mut(*place as usize) {
                    *taken = Some(id);
                }
            }
        }
    }

    /// The same with one side named first.
    pub(crate) fn take_sum(&mut self, how: How, side: Side, one: u32, several: &[u32]) {
        match side {
            Side::Ledger => self.take(how, &[one], several, 1),
            Side::Bank => self.take(how, several, &[one], 1),
        }
    }
}

pub(crate) const fn other(side: Side) -> Side {
    match side {
        Side::Ledger => Side::Bank,
        Side::Bank => Side::Ledger,
    }
}
