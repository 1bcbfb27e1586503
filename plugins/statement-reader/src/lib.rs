//! Reads an export of an account, whatever its dialect, into lines with exact amounts.
//!
//! This file is the border: the types of `wit/world.wit` outside, and the way of an export from the top: [`headings`]
//! finds what separates and what columns mean, [`decimals`] and [`dates`] what all cells together say about how they
//! are written, [`entries`] reads the lines, [`balances`] and [`calendar`] say what is odd about them. It never takes
//! one reading where two are possible, never leaves a line out without naming it, and never rounds.

mod balances;
mod calendar;
mod dates;
mod decimals;
mod entries;
mod findings;
mod headings;

pub use bindings::exports::kapell::statement_reader::statements::{
    Choice, Decimal, Finding, Guest, Order, ReadingError, Said, Side, Statement,
};
pub use kapell_cells::LONGEST_BYTES;

use entries::{Entries, Reading};
use findings::{Findings, Kind};
use foldhash::fast::FixedState;
use headings::{Columns, Money, NoColumns};
use jiff::civil::Date;
use kapell_cells::{Cell, Form, HEADER, Row, Sheet, Table};
use std::borrow::Cow;
use std::collections::HashMap;

kapell_sdk::skill!(Reader);

struct Reader;

impl Guest for Reader {
    fn read(
        text: String,
        side: Side,
        month: Option<String>,
        said: Option<Said>,
    ) -> Result<Statement, ReadingError> {
        read(&text, side, month.as_deref(), said)
    }
}

/// Reads an export.
///
/// # Errors
///
/// [`ReadingError`], as the interface documents it.
pub fn read(
    text: &str,
    side: Side,
    month: Option<&str>,
    said: Option<Said>,
) -> Result<Statement, ReadingError> {
    let month = month.map(month_of).transpose()?;
    is_text(text)?;
    let (form, columns) = headings::find(text, side)?;
    let table = Table::read(text, form);
    let currency = currency(&table, &columns)?;
    let (mut choices, decimal, dates) = settle(&table, form, &columns, month, said)?;
    let mut findings = Findings::default();
    let reading = Reading { columns: &columns, side, decimal, dates };
    let entries = entries::read(&table, reading, &mut findings);
    if entries.entries.is_empty() {
        let why = entries.first_why.unwrap_or_else(|| "nothing stands below the header".to_owned());
        return Err(ReadingError::NoLines(why));
    }
    let balances = balances::read(&entries, &mut findings);
    calendar::check(&entries.entries, month, &mut findings);
    name_repeated(&table, &entries, &mut findings);
    if let Some((taken, because)) = balances.told {
        choices.push(Choice { what: "balance".to_owned(), taken, because });
    }
    let (findings, findings_total) = findings.told();
    Ok(Statement {
        lines: written(&table, &columns, &entries),
        count: count(entries.entries.len()),
        unreadable: entries.unreadable,
        sum: entries.entries.iter().map(|entry| entry.amount).sum::<kapell_cells::Amount>().to_string(),
        currency,
        opening: balances.opening.map(|amount| amount.to_string()),
        closing: balances.closing.map(|amount| amount.to_string()),
        read_as: choices,
        findings,
        findings_total,
    })
}

fn month_of(month: &str) -> Result<Date, ReadingError> {
    let is_plain = month.len() == 7 && month.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date = format!("{month}-01").parse().ok().filter(|_| is_plain);
    date.ok_or_else(|| ReadingError::BadMonth(decimals::short(month)))
}

/// Refuses what can't be a table before anything is looked for in it.
fn is_text(text: &str) -> Result<(), ReadingError> {
    if text.len() > LONGEST_BYTES as usize {
        return Err(ReadingError::TooLarge(LONGEST_BYTES));
    }
    if text.trim().is_empty() {
        return Err(ReadingError::NoTable("it is empty".to_owned()));
    }
    let line = text.split('\n').position(|line| line.contains('\0')).map(|before| before + 1);
    match line {
        Some(line) => Err(ReadingError::NoTable(format!("it is binary: line {line} has a zero byte"))),
        None => Ok(()),
    }
}

/// How amounts and dates are written, by all of them together.
fn settle(
    table: &Table,
    form: Form,
    columns: &Columns,
    month: Option<Date>,
    said: Option<Said>,
) -> Result<(Vec<Choice>, Decimal, Order), ReadingError> {
    let (amounts, dates) = votes(table, columns, month);
    let (decimal, decimal_why) =
        amounts.decide(said.and_then(|said| said.decimal)).map_err(ReadingError::Ambiguous)?;
    let (order, order_why) =
        dates.decide(said.and_then(|said| said.dates)).map_err(ReadingError::Ambiguous)?;
    let mark = if decimal == Decimal::Point { "." } else { "," };
    let choices = [
        ("separator", separator_word(form.separator), "with it a header has a date and an amount"),
        ("columns", &columns.told, "by the words of the header"),
        ("decimal mark", mark, &decimal_why),
        ("dates", order_word(order), &order_why),
    ];
    let choices = choices.map(|(what, taken, because)| Choice {
        what: what.to_owned(),
        taken: taken.to_owned(),
        because: because.to_owned(),
    });
    Ok((choices.into(), decimal, order))
}

fn votes(table: &Table, columns: &Columns, month: Option<Date>) -> (decimals::Votes, dates::Votes) {
    let (mut amounts, mut dates) = (decimals::Votes::default(), dates::Votes::default());
    let [one, other] = match columns.money {
        Money::One { amount, .. } => [amount, amount],
        Money::Two { debit, credit } => [debit, credit],
    };
    let mut last = "";
    for row in table.rows().skip(columns.header + 1) {
        let both = [Some(one), (other != one).then_some(other), columns.balance];
        let cells = both.into_iter().flatten().filter_map(|column| decimals::bare(row.cell(column)).ok());
        cells.for_each(|bare| amounts.count(&bare));
        let date = row.cell(columns.date);
        if date != last {
            dates.count(date, month);
            last = date;
        }
    }
    (amounts, dates)
}

const fn separator_word(separator: u8) -> &'static str {
    match separator {
        b'\t' => "tab",
        b';' => ";",
        b'|' => "|",
        _ => ",",
    }
}

pub(crate) const fn order_word(order: Order) -> &'static str {
    match order {
        Order::DayFirst => "day first",
        Order::MonthFirst => "month first",
    }
}

/// The one currency of all lines.
fn currency(table: &Table, columns: &Columns) -> Result<Option<String>, ReadingError> {
    let Some(column) = columns.currency else { return Ok(columns.named_currency.clone()) };
    let mut seen: Option<(&str, u32)> = None;
    for row in table.rows().skip(columns.header + 1) {
        let code = row.cell(column).trim();
        match seen {
            _ if !headings::is_currency(code) => {}
            None => seen = Some((code, row.line)),
            Some((first, _)) if first == code => {}
            Some((first, line)) => {
                let both = format!("{first} in line {line} and {code} in line {}", row.line);
                return Err(ReadingError::SeveralCurrencies(both));
            }
        }
    }
    Ok(seen.map(|(code, _)| code.to_owned()))
}

/// Names rows that stand there twice to the last letter. They stay lines: a bank books the same fee twice, and an
/// export repeats a page, and only the account itself tells which.
fn name_repeated(table: &Table, entries: &Entries, findings: &mut Findings) {
    let mut seen: HashMap<&str, u32, FixedState> =
        HashMap::with_capacity_and_hasher(entries.entries.len(), FixedState::default());
    for entry in &entries.entries {
        let Some(row) = table.row(entry.row) else { continue };
        let first = *seen.entry(row.whole()).or_insert(entry.line);
        if first != entry.line {
            findings
                .add(entry.line, Kind::Repeated, || format!("it repeats line {first} to the last letter"));
        }
    }
}

fn written(table: &Table, columns: &Columns, entries: &Entries) -> String {
    let mut sheet = Sheet::new(&HEADER);
    for entry in &entries.entries {
        let Some(row) = table.row(entry.row) else { continue };
        let (reference, text) = (joined(row, &columns.references), joined(row, &columns.texts));
        sheet.row(&[
            Cell::Number(entry.line),
            Cell::Day(entry.day),
            Cell::Amount(entry.amount),
            Cell::Text(&reference),
            Cell::Text(&text),
        ]);
    }
    sheet.done()
}

/// The cells of several columns in one.
fn joined<'a>(row: Row<'a>, places: &[usize]) -> Cow<'a, str> {
    match places {
        [] => Cow::Borrowed(""),
        [only] => Cow::Borrowed(row.cell(*only)),
        several => {
            let cells = several.iter().map(|place| row.cell(*place).trim()).filter(|cell| !cell.is_empty());
            Cow::Owned(cells.collect::<Vec<_>>().join(" "))
        }
    }
}

impl From<NoColumns> for ReadingError {
    fn from(cause: NoColumns) -> Self {
        match cause {
            NoColumns::NoHeader(why) => Self::NoHeader(why),
            NoColumns::Ambiguous(why) => Self::Ambiguous(why),
            NoColumns::OtherSide(why) => Self::OtherSide(why),
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
