//! Lines that found each other, as a file and in numbers.

use crate::books::{Book, Books, How, Match};
use crate::exceptions::spoken;
use crate::{Found, Small};
use kapell_cells::{Amount, Cell, Day, Sheet};

const HEADER: [&str; 11] = [
    "match",
    "how",
    "candidates",
    "ledger_line",
    "ledger_date",
    "ledger_amount",
    "bank_line",
    "bank_date",
    "bank_amount",
    "difference",
    "text",
];

/// Bytes that a row is expected to have.
const ROW_EXPECTED: usize = 112;

/// How many small differences are told to people.
const TOLD: usize = 50;

/// The lines of each match.
pub(crate) struct Members {
    /// Match and place, sorted.
    ledger: Vec<(u32, u32)>,
    bank: Vec<(u32, u32)>,
    /// The matches in the order of their first lines in the ledger.
    order: Vec<u32>,
}

/// One match with its lines.
pub(crate) struct Member<'a> {
    /// Its number in the order of the ledger, from 1.
    number: u32,
    pub(crate) of: &'a Match,
    ledger: &'a [(u32, u32)],
    pub(crate) bank: &'a [(u32, u32)],
}

impl Members {
    pub(crate) fn of(books: &Books) -> Self {
        let by_match = |book: &Book| {
            let taken =
                (0_u32..).zip(book.lines()).filter_map(|(place, _)| Some((book.taken_by(place)?, place)));
            let mut taken: Vec<(u32, u32)> = taken.collect();
            taken.sort_unstable();
            taken
        };
        let (ledger, bank) = (by_match(&books.ledger), by_match(&books.bank));
        let mut firsts: Vec<(u32, u32)> = ledger
            .chunk_by(|one, next| one.0 == next.0)
            .filter_map(|own| own.first())
            .map(|own| (own.1, own.0))
            .collect();
        firsts.sort_unstable();
        Self { ledger, bank, order: firsts.into_iter().map(|(_, id)| id).collect() }
    }

    /// Every match, in the order of the ledger.
    pub(crate) fn each<'a>(&'a self, books: &'a Books) -> impl Iterator<Item = Member<'a>> {
        (1_u32..).zip(&self.order).filter_map(move |(number, id)| {
            let of = books.matches.get(*id as usize)?;
            Some(Member { number, of, ledger: own(&self.ledger, *id), bank: own(&self.bank, *id) })
        })
    }
}

/// The lines of a match.
fn own(sorted: &[(u32, u32)], id: u32) -> &[(u32, u32)] {
    let from = sorted.partition_point(|(known, _)| *known < id);
    let rest = sorted.get(from..).unwrap_or_default();
    rest.get(..rest.iter().take_while(|(known, _)| *known == id).count()).unwrap_or_default()
}

/// All of them, as a file: a row for each pair, and as many as the longer side has lines where one stands for several.
pub(crate) fn sheet(books: &Books, members: &Members) -> String {
    let mut sheet = Sheet::sized(&HEADER, ROW_EXPECTED * members.ledger.len().max(members.bank.len()));
    for member in members.each(books) {
        for row in 0..member.ledger.len().max(member.bank.len()) {
            let (ours, theirs) = (member.ledger.get(row), member.bank.get(row));
            let text = match (ours, theirs) {
                (_, Some((_, place))) => spoken(books.bank.words(*place)),
                (Some((_, place)), None) => spoken(books.ledger.words(*place)),
                (None, None) => String::new(),
            };
            let [our_line, our_day, our_amount] = cells(&books.ledger, ours);
            let [their_line, their_day, their_amount] = cells(&books.bank, theirs);
            sheet.row(&[
                Cell::Number(member.number),
                Cell::Text(member.of.how.word()),
                Cell::Number(member.of.candidates),
                our_line,
                our_day,
                our_amount,
                their_line,
                their_day,
                their_amount,
                if row == 0 { Cell::Amount(member.of.difference) } else { Cell::Empty },
                Cell::Text(&text),
            ]);
        }
    }
    sheet.done()
}

fn cells(book: &Book, place: Option<&(u32, u32)>) -> [Cell<'static>; 3] {
    place.and_then(|(_, place)| book.line(*place)).map_or([Cell::Empty; 3], |line| {
        [Cell::Number(line.number), Cell::Day(line.day), Cell::Amount(line.amount)]
    })
}

/// How often lines found each other, by what.
pub(crate) fn counted(books: &Books, members: &Members) -> Vec<Found> {
    let mut counts = [(0_u32, 0_u32); How::ALL.len()];
    for member in members.each(books) {
        if let Some((matches, lines)) = counts.get_mut(member.of.how as usize) {
            *matches += 1;
            *lines += u32::try_from(member.ledger.len() + member.bank.len()).unwrap_or(u32::MAX);
        }
    }
    let counted = How::ALL.into_iter().zip(counts).filter(|(_, (matches, _))| *matches > 0);
    counted.map(|(how, (matches, lines))| Found { how: how.word().to_owned(), matches, lines }).collect()
}

/// A difference that passes.
pub(crate) struct Passed {
    pub(crate) difference: Amount,
    pub(crate) ledger_line: u32,
    pub(crate) bank_line: u32,
    pub(crate) bank_place: u32,
    pub(crate) day: Day,
}

/// The differences that pass, the largest first.
pub(crate) fn passed(books: &Books, members: &Members) -> Vec<Passed> {
    let differing = members.each(books).filter(|member| !member.of.difference.is_zero());
    let passed = differing.filter_map(|member| {
        let ours = books.ledger.line(member.ledger.first()?.1)?;
        let bank_place = member.bank.first()?.1;
        let theirs = books.bank.line(bank_place)?;
        Some(Passed {
            difference: member.of.difference,
            ledger_line: ours.number,
            bank_line: theirs.number,
            bank_place,
            day: theirs.day,
        })
    });
    let mut passed: Vec<Passed> = passed.collect();
    passed.sort_by_key(|it| (std::cmp::Reverse(it.difference.size()), it.bank_line));
    passed
}

/// The first of them, for people.
pub(crate) fn told(books: &Books, passed: &[Passed]) -> Vec<Small> {
    let told = passed.iter().take(TOLD).map(|it| Small {
        ledger_line: it.ledger_line,
        bank_line: it.bank_line,
        difference: it.difference.to_string(),
        text: spoken(books.bank.words(it.bank_place)),
    });
    told.collect()
}
