//! Lines that found none, the largest first, each with what comes nearest.

use crate::books::{Book, Books, other};
use crate::by_reference::References;
use crate::settings::Settings;
use crate::{Exception, Side};
use foldhash::fast::FixedState;
use kapell_cells::{Amount, Cell, Line, Sheet};
use std::collections::HashMap;

/// How many are told to people.
const TOLD: usize = 50;

/// A line that found none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) side: Side,
    pub(crate) place: u32,
    pub(crate) line: Line,
    /// The line of the same export that it repeats.
    pub(crate) repeats: Option<u32>,
}

/// All of them, by the size of their amounts; of equal ones the ledger's first, then by line.
pub(crate) fn of(books: &Books) -> Vec<Open> {
    let mut all: Vec<Open> = [Side::Ledger, Side::Bank]
        .into_iter()
        .flat_map(|side| {
            let book = books.side(side);
            let repeated = repeated(book);
            book.free().filter_map(move |place| {
                let line = *book.line(place)?;
                Some(Open { side, place, line, repeats: repeated.get(&place).copied() })
            })
        })
        .collect();
    all.sort_by_key(|open| std::cmp::Reverse(open.line.amount.size()));
    all
}

/// Free lines that say the same as a line before them.
fn repeated(book: &Book) -> HashMap<u32, u32, FixedState> {
    let mut repeated = HashMap::with_hasher(FixedState::default());
    if book.free().next().is_none() {
        return repeated;
    }
    let mut first = HashMap::with_capacity_and_hasher(book.lines().len(), FixedState::default());
    for (place, line) in (0_u32..).zip(book.lines()) {
        let (reference, text) = book.words(place);
        let before = *first.entry((line.day, line.amount, reference, text)).or_insert(line.number);
        if before != line.number && book.is_free(place) {
            repeated.insert(place, before);
        }
    }
    repeated
}

/// What comes nearest to a line, the nearest kind first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Near {
    /// A line of its own export says the same.
    Repeats(u32),
    /// A line of the other side has its reference and another amount.
    Reference(Line),
    /// A line of the other side has its amount.
    Amount(Line),
    /// A line of the other side has its amount with the other sign.
    Turned(Line),
    /// Nothing.
    Nothing,
}

/// What comes nearest to lines, by the amounts and references of the other side.
pub(crate) struct Nearest<'a> {
    books: &'a Books,
    found: &'a References,
    settings: &'a Settings,
    /// Free lines of each side by amount, day and place.
    ledger: Vec<(Amount, u32)>,
    bank: Vec<(Amount, u32)>,
}

impl<'a> Nearest<'a> {
    pub(crate) fn of(books: &'a Books, found: &'a References, settings: &'a Settings) -> Self {
        let by_amount = |book: &Book| {
            let free = book.free().filter_map(|place| Some((book.line(place)?.amount, place)));
            let mut sorted: Vec<(Amount, u32)> = free.collect();
            sorted.sort_unstable();
            sorted
        };
        Self { books, found, settings, ledger: by_amount(&books.ledger), bank: by_amount(&books.bank) }
    }

    /// What comes nearest to a line.
    pub(crate) fn near(&self, open: &Open) -> Near {
        let amount = open.line.amount;
        let found = |near: fn(Line) -> Near, line: Option<Line>| line.map(near);
        open.repeats
            .map(Near::Repeats)
            .or_else(|| found(Near::Reference, self.with_its_reference(open)))
            .or_else(|| found(Near::Amount, self.with_amount(open, amount)))
            .or_else(|| found(Near::Turned, self.with_amount(open, -amount)))
            .unwrap_or(Near::Nothing)
    }

    /// The same in words.
    fn why(&self, open: &Open) -> String {
        let near = self.near_in_words(open);
        if self.settings.can_book(open.line.amount) {
            return near;
        }
        format!("{near}; parts of a cent can't be booked")
    }

    fn near_in_words(&self, open: &Open) -> String {
        let there = match open.side {
            Side::Ledger => "bank",
            Side::Bank => "ledger",
        };
        match self.near(open) {
            Near::Repeats(line) => format!("repeats line {line} of its own export"),
            Near::Reference(line) => {
                let difference = line.amount - open.line.amount;
                let more = if difference.is_negative() { "less" } else { "more" };
                let size = difference.size();
                format!("line {} of the {there} has its reference and {size} {more}", line.number)
            }
            Near::Amount(line) => {
                let apart = match line.day.apart(open.line.day) {
                    0 => "on the same day".to_owned(),
                    1 => "a day apart".to_owned(),
                    days => format!("{days} days apart"),
                };
                format!("line {} of the {there} has its amount, {apart}", line.number)
            }
            Near::Turned(line) => {
                format!("line {} of the {there} has its amount the other way round", line.number)
            }
            Near::Nothing => format!("nothing like it in the {there}"),
        }
    }

    fn with_its_reference(&self, open: &Open) -> Option<Line> {
        let (own, others) = (self.books.side(open.side), self.books.side(other(open.side)));
        let index = match open.side {
            Side::Ledger => &self.found.bank,
            Side::Bank => &self.found.ledger,
        };
        let mut references = own.references(open.place).iter();
        let place = references.find_map(|it| index.lines(it.hash).find(|place| others.is_free(*place)))?;
        others.line(place).copied().filter(|line| line.amount != open.line.amount)
    }

    /// The free line of the other side with this amount whose day is nearest, among the first few.
    fn with_amount(&self, open: &Open, amount: Amount) -> Option<Line> {
        let (sorted, others) = match open.side {
            Side::Ledger => (&self.bank, &self.books.bank),
            Side::Bank => (&self.ledger, &self.books.ledger),
        };
        let from = sorted.partition_point(|(known, _)| *known < amount);
        let same = sorted.get(from..)?.iter().take_while(|(known, _)| *known == amount).take(8);
        let lines = same.filter_map(|(_, place)| others.line(*place).copied());
        lines.min_by_key(|line| (line.day.apart(open.line.day), line.number))
    }
}

/// The first of them, for people.
pub(crate) fn told(all: &[Open], nearest: &Nearest<'_>) -> Vec<Exception> {
    let first = all.iter().take(TOLD).map(|open| Exception {
        side: open.side,
        line: open.line.number,
        date: open.line.day.to_string(),
        amount: open.line.amount.to_string(),
        text: spoken(nearest.books.side(open.side).words(open.place)),
        why: nearest.why(open),
    });
    first.collect()
}

/// All of them, as a file.
pub(crate) fn sheet(all: &[Open], nearest: &Nearest<'_>) -> String {
    let mut sheet = Sheet::new(&["side", "line", "date", "amount", "reference", "text", "why"]);
    for open in all {
        let (reference, text) = nearest.books.side(open.side).words(open.place);
        sheet.row(&[
            Cell::Text(side_word(open.side)),
            Cell::Number(open.line.number),
            Cell::Day(open.line.day),
            Cell::Amount(open.line.amount),
            Cell::Text(reference),
            Cell::Text(text),
            Cell::Text(&nearest.why(open)),
        ]);
    }
    sheet.done()
}

/// Reference and text in one.
pub(crate) fn spoken((reference, text): (&str, &str)) -> String {
    match (reference.is_empty(), text.is_empty()) {
        (_, true) => reference.to_owned(),
        (true, _) => text.to_owned(),
        _ => format!("{reference} {text}"),
    }
}

pub(crate) const fn side_word(side: Side) -> &'static str {
    match side {
        Side::Ledger => "ledger",
        Side::Bank => "bank",
    }
}
