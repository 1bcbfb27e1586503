//! Rows into lines of an account: each is read whole or named with why it is not.

use crate::decimals::{self, bare};
use crate::findings::{Findings, Kind};
use crate::headings::{Columns, Money};
use crate::{Decimal, Order, Side, dates};
use jiff::civil::Date;
use kapell_cells::{Amount, Day, Row, Table, is_formula};

/// What somebody writes into a line that is no booking but a balance.
const OPENING: [&str; 7] = [
    "opening balance",
    "starting balance",
    "balance brought forward",
    "brought forward",
    "anfangssaldo",
    "saldovortrag",
    "solde initial",
];
const CLOSING: [&str; 7] = [
    "closing balance",
    "ending balance",
    "balance carried forward",
    "carried forward",
    "endsaldo",
    "schlusssaldo",
    "solde final",
];

/// Letters of these words, with a colon and some blanks.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=30;

/// How the cells of an export are read, once that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) columns: &'a Columns,
    pub(crate) side: Side,
    pub(crate) decimal: Decimal,
    pub(crate) dates: Order,
}

/// One line of the account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Its place among the rows.
    pub(crate) row: usize,
    /// Its line in the export.
    pub(crate) line: u32,
    pub(crate) day: Day,
    pub(crate) amount: Amount,
    /// The balance beside it.
    pub(crate) balance: Option<Amount>,
}

/// All of an export.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) entries: Vec<Entry>,
    /// Lines that could not be read.
    pub(crate) unreadable: u32,
    /// Why the first of them could not.
    pub(crate) first_why: Option<String>,
    /// Balances that stand in lines of their own.
    pub(crate) opening: Option<Amount>,
    pub(crate) closing: Option<Amount>,
}

/// Reads every row below the header.
pub(crate) fn read(table: &Table, reading: Reading<'_>, findings: &mut Findings) -> Entries {
    let mut all = Entries::default();
    for broken in &table.broken {
        all.leave_out(broken.line, broken.why, findings);
    }
    let heading = table.row(reading.columns.header).map(|row| row.whole());
    let mut days = Days { order: reading.dates, last: (String::new(), None) };
    for place in reading.columns.header + 1..table.len() {
        let Some(row) = table.row(place) else { break };
        // Long exports repeat their header on every page.
        if heading == Some(row.whole()) || all.take_balance(row, reading) {
            continue;
        }
        match entry(place, row, reading, &mut days) {
            Ok(entry) => {
                note_formulas(row, reading.columns, findings);
                all.entries.push(entry);
            }
            Err(why) => all.leave_out(row.line, &why, findings),
        }
    }
    all
}

impl Entries {
    fn leave_out(&mut self, line: u32, why: &str, findings: &mut Findings) {
        self.unreadable += 1;
        findings.add(line, Kind::Unreadable, || why.to_owned());
        if self.first_why.is_none() {
            self.first_why = Some(format!("line {line}: {why}"));
        }
    }

    /// Takes a row that states a balance and books nothing.
    fn take_balance(&mut self, row: Row<'_>, reading: Reading<'_>) -> bool {
        let place = match row.cells().find_map(balance_word) {
            Some(Stated::Opening) => &mut self.opening,
            Some(Stated::Closing) => &mut self.closing,
            None => return false,
        };
        let columns = reading.columns;
        let stated = columns.balance.map(|column| row.cell(column)).filter(|cell| !cell.trim().is_empty());
        let amount = match stated {
            Some(cell) => bare(cell).and_then(|bare| bare.amount(reading.decimal)),
            None => money(row, reading),
        };
        match amount {
            Ok(amount) => *place = Some(amount),
            Err(_) => return false,
        }
        true
    }
}

/// Which balance a cell says that its row states.
fn balance_word(cell: &str) -> Option<Stated> {
    // Nearly no cell is as long as these words and begins with a letter of theirs; nothing more is looked at then.
    let begins = cell.bytes().next().is_some_and(|first| b"oOsSbBaAcCeE ".contains(&first));
    if !begins || !LENGTHS.contains(&cell.len()) {
        return None;
    }
    let cell = cell.trim().trim_end_matches(':');
    let is_one_of = |words: &[&str]| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    if is_one_of(&OPENING) {
        return Some(Stated::Opening);
    }
    is_one_of(&CLOSING).then_some(Stated::Closing)
}

/// A balance that stands in a row of its own.
enum Stated {
    Opening,
    Closing,
}

fn entry(place: usize, row: Row<'_>, reading: Reading<'_>, days: &mut Days) -> Result<Entry, String> {
    fits(row, reading.columns)?;
    let day = days.day(row.cell(reading.columns.date))?;
    let amount = money(row, reading)?;
    let balance = reading.columns.balance.map(|column| row.cell(column));
    let balance = balance.and_then(|cell| bare(cell).ok()?.amount(reading.decimal).ok());
    Ok(Entry { row: place, line: row.line, day, amount, balance })
}

/// A row that is shorter or longer than the header has its cells in other columns.
fn fits(row: Row<'_>, columns: &Columns) -> Result<(), String> {
    let (has, should) = (row.len(), columns.width);
    let needed = match columns.money {
        Money::One { amount, direction } => amount.max(direction.unwrap_or_default()),
        Money::Two { debit, credit } => debit.max(credit),
    };
    if has <= needed.max(columns.date) {
        return Err(format!("it has {has} cells where the header has {should}"));
    }
    let beyond = (should..has).any(|place| !row.cell(place).trim().is_empty());
    if beyond {
        return Err(format!(
            "it has {has} cells where the header has {should}: is a text with a separator not quoted?"
        ));
    }
    Ok(())
}

/// What came in, or went out as a negative amount.
fn money(row: Row<'_>, reading: Reading<'_>) -> Result<Amount, String> {
    let amount = |cell: &str| bare(cell)?.amount(reading.decimal);
    let (debited, credited) = match reading.columns.money {
        Money::One { amount: column, direction: None } => return amount(row.cell(column)),
        Money::One { amount: column, direction: Some(direction) } => {
            let amount = amount(row.cell(column))?;
            if is_debit(row.cell(direction))? { (amount, Amount::ZERO) } else { (Amount::ZERO, amount) }
        }
        Money::Two { debit, credit } => {
            let (debit, credit) = (row.cell(debit).trim(), row.cell(credit).trim());
            if debit.is_empty() && credit.is_empty() {
                return Err("it has neither debit nor credit".to_owned());
            }
            let of = |cell: &str| if cell.is_empty() { Ok(Amount::ZERO) } else { amount(cell) };
            (of(debit)?, of(credit)?)
        }
    };
    // A debit is money into an account of the own books, and out of one at a bank.
    Ok(match reading.side {
        Side::Ledger => debited - credited,
        Side::Bank => credited - debited,
    })
}

fn is_debit(cell: &str) -> Result<bool, String> {
    match cell.trim().to_lowercase().as_str() {
        "d" | "dr" | "debit" | "s" | "soll" | "-" => Ok(true),
        "c" | "cr" | "credit" | "h" | "haben" | "+" => Ok(false),
        _ => Err(format!("`{}` says neither debit nor credit", decimals::short(cell))),
    }
}

/// Days by their text: lines of one day mostly stand together.
struct Days {
    order: Order,
    last: (String, Option<Day>),
}

impl Days {
    fn day(&mut self, cell: &str) -> Result<Day, String> {
        if let (text, Some(day)) = &self.last
            && text == cell
        {
            return Ok(*day);
        }
        let order = self.order;
        let date: Option<Date> = dates::read(cell)?.day(order);
        let day = Day::of(date.ok_or_else(|| {
            format!(
                "`{}` is no day of the calendar, read {}",
                decimals::short(cell),
                crate::order_word(order)
            )
        })?);
        self.last = (cell.to_owned(), Some(day));
        Ok(day)
    }
}

fn note_formulas(row: Row<'_>, columns: &Columns, findings: &mut Findings) {
    for column in columns.references.iter().chain(&columns.texts) {
        let cell = row.cell(*column);
        if is_formula(cell) {
            findings.add(row.line, Kind::Formula, || {
                format!("`{}` could be run by a spreadsheet; it is kept as text", decimals::short(cell))
            });
        }
    }
}
