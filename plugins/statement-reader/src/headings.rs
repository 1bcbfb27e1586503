//! What columns mean, by what stands above them.

use crate::Side;
use foldhash::fast::FixedState;
use kapell_cells::{Form, Row, Table};
use std::collections::HashMap;
use std::sync::LazyLock;

const NAMES: &str = include_str!("headings.txt");
/// Rows among which the header is looked for: banks put a few lines about the account above it.
const ROWS: usize = 30;
/// Bytes of a heading.
const LONGEST: usize = 80;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meaning {
    Date,
    ValueDate,
    Amount,
    Debit,
    Credit,
    Direction,
    Balance,
    Currency,
    Reference,
    Party,
    Text,
    Other,
}

struct Name {
    meaning: Meaning,
    /// Its place among the names of its meaning; the first is the best.
    rank: usize,
    side: Option<Side>,
}

static KNOWN: LazyLock<HashMap<String, Name, FixedState>> = LazyLock::new(|| {
    let lines = NAMES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(':')).flat_map(|(meaning, names)| known(meaning, names)).collect()
});

fn known(meaning: &'static str, names: &'static str) -> Vec<(String, Name)> {
    let Some(meaning) = meaning_of(meaning) else { return Vec::new() };
    let named = names.split(',').enumerate().map(|(rank, name)| {
        let (name, side) = match name.split_once('@') {
            Some((name, "bank")) => (name, Some(Side::Bank)),
            Some((name, _)) => (name, Some(Side::Ledger)),
            None => (name, None),
        };
        (letters(name), Name { meaning, rank, side })
    });
    named.collect()
}

fn meaning_of(word: &str) -> Option<Meaning> {
    Some(match word {
        "date" => Meaning::Date,
        "value-date" => Meaning::ValueDate,
        "amount" => Meaning::Amount,
        "debit" => Meaning::Debit,
        "credit" => Meaning::Credit,
        "direction" => Meaning::Direction,
        "balance" => Meaning::Balance,
        "currency" => Meaning::Currency,
        "reference" => Meaning::Reference,
        "party" => Meaning::Party,
        "text" => Meaning::Text,
        "other" => Meaning::Other,
        _ => return None,
    })
}

/// Letters and digits alone, in lower case, without what stands in brackets.
fn letters(heading: &str) -> String {
    let mut depth = 0_u32;
    let outside = heading.chars().filter(|letter| {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => return depth == 0 && letter.is_alphanumeric(),
        }
        false
    });
    outside.flat_map(char::to_lowercase).collect()
}

/// Where what stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    /// The place of the header among the rows.
    pub(crate) header: usize,
    /// How many cells a row has.
    pub(crate) width: usize,
    pub(crate) date: usize,
    pub(crate) money: Money,
    pub(crate) balance: Option<usize>,
    pub(crate) currency: Option<usize>,
    pub(crate) references: Vec<usize>,
    pub(crate) texts: Vec<usize>,
    /// The currency a heading names in brackets.
    pub(crate) named_currency: Option<String>,
    /// What was taken for what, in words.
    pub(crate) told: String,
}

/// How a table says what came in and what went out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Money {
    /// One column with a sign, or with a second column that says the direction.
    One { amount: usize, direction: Option<usize> },
    /// A column each.
    Two { debit: usize, credit: usize },
}

/// Why there are no columns.
#[derive(Debug, PartialEq)]
pub(crate) enum NoColumns {
    NoHeader(String),
    Ambiguous(String),
    OtherSide(String),
}

/// Finds the header, and with it the form: whatever separates it into a date and an amount separates the rest.
pub(crate) fn find(text: &str, side: Side) -> Result<(Form, Columns), NoColumns> {
    let mut nearest: Option<String> = None;
    for quote in [b'"', b'\''] {
        let mut found: Option<(Form, Columns)> = None;
        for separator in [b',', b';', b'\t', b'|'] {
            let form = Form { separator, quote };
            let table = Table::read_rows(text, form, ROWS);
            match header(&table, form) {
                Ok((place, row)) => {
                    let columns = columns(place, row, side)?;
                    // Of two that fit, the one with more columns: the other takes several of them for one.
                    if found.as_ref().is_none_or(|(_, best)| columns.width > best.width) {
                        found = Some((form, columns));
                    }
                }
                Err(nearly) => nearest = nearest.or(nearly),
            }
        }
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(NoColumns::NoHeader(nearest.unwrap_or_else(|| NOTHING.to_owned())))
}

const NOTHING: &str = "no line of the first 30 names a column for the date and one for the amount";

/// The first row that has a date and an amount; else what the first row lacks that has one of them.
fn header(table: &Table, form: Form) -> Result<(usize, Row<'_>), Option<String>> {
    let mut nearly = None;
    for (place, row) in table.rows().enumerate() {
        let meanings: Vec<Meaning> = row.cells().filter_map(meaning).collect();
        let has = |wanted: Meaning| meanings.contains(&wanted);
        let date = has(Meaning::Date) || has(Meaning::ValueDate);
        let money = has(Meaning::Amount) || (has(Meaning::Debit) && has(Meaning::Credit));
        let lacks = match (date, money) {
            (true, true) if !is_otherwise_quoted(row, form) => return Ok((place, row)),
            (true, false) => "an amount, nor both debit and credit",
            (false, true) => "a date",
            _ => continue,
        };
        nearly = nearly
            .or_else(|| Some(format!("line {} looks like a header and has no column for {lacks}", row.line)));
    }
    Err(nearly)
}

/// Whether names stand in quotes of another kind: then this kind is the wrong one.
fn is_otherwise_quoted(row: Row<'_>, form: Form) -> bool {
    let quote = char::from(form.quote);
    row.cells().any(|cell| cell.starts_with(['"', '\'']) && !cell.contains(quote))
}

fn meaning(heading: &str) -> Option<Meaning> {
    // No heading is as long as that, and the rows around a header may be.
    if heading.len() > LONGEST { None } else { KNOWN.get(&letters(heading)).map(|name| name.meaning) }
}

/// What the columns of a header hold.
fn columns(header: usize, row: Row<'_>, side: Side) -> Result<Columns, NoColumns> {
    other_side(row, side)?;
    let one = |wanted| single(row, wanted);
    let date = best(row, Meaning::Date).or_else(|| best(row, Meaning::ValueDate)).unwrap_or_default();
    let (debit, credit) = (one(Meaning::Debit)?, one(Meaning::Credit)?);
    let money = match (one(Meaning::Amount)?, debit, credit) {
        (Some(amount), None, None) => Money::One { amount, direction: one(Meaning::Direction)? },
        (None, Some(debit), Some(credit)) => Money::Two { debit, credit },
        _ => {
            return Err(NoColumns::Ambiguous("columns: an amount stands beside debit and credit".to_owned()));
        }
    };
    let texts = all(row, Meaning::Party).into_iter().chain(all(row, Meaning::Text)).collect();
    Ok(Columns {
        header,
        width: row.len(),
        date,
        money,
        balance: one(Meaning::Balance)?,
        currency: one(Meaning::Currency)?,
        references: all(row, Meaning::Reference),
        texts,
        named_currency: row.cells().find_map(in_brackets),
        told: told(row, date),
    })
}

fn all(row: Row<'_>, wanted: Meaning) -> Vec<usize> {
    row.cells()
        .enumerate()
        .filter(|(_, cell)| meaning(cell) == Some(wanted))
        .map(|(place, _)| place)
        .collect()
}

/// The column whose name stands first in the table of names.
fn best(row: Row<'_>, wanted: Meaning) -> Option<usize> {
    let rank = |place: &usize| KNOWN.get(&letters(row.cell(*place))).map(|name| name.rank);
    all(row, wanted).into_iter().min_by_key(rank)
}

/// The only column of a meaning; two amounts are two answers.
fn single(row: Row<'_>, wanted: Meaning) -> Result<Option<usize>, NoColumns> {
    match all(row, wanted).as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        [one, other, ..] => {
            let (one, other) = (row.cell(*one), row.cell(*other));
            Err(NoColumns::Ambiguous(format!("columns: `{one}` and `{other}` mean the same; leave one out")))
        }
    }
}

/// Refuses a header of which every column that tells the sides apart is the other's, if there are two of them.
fn other_side(row: Row<'_>, side: Side) -> Result<(), NoColumns> {
    let sides = row.cells().filter_map(|cell| Some((cell, KNOWN.get(&letters(cell))?.side?)));
    let (own, other): (Vec<_>, Vec<_>) = sides.partition(|(_, of)| *of == side);
    if !own.is_empty() || other.len() < 2 {
        return Ok(());
    }
    let names: Vec<String> = other.iter().map(|(name, _)| format!("`{name}`")).collect();
    let (is, given) = match side {
        Side::Bank => ("a ledger", "the bank's statement"),
        Side::Ledger => ("a bank's statement", "the ledger"),
    };
    let names = names.join(" and ");
    Err(NoColumns::OtherSide(format!("it was given as {given}, and {names} are columns of {is}")))
}

/// A currency in brackets: `Amount (EUR)`.
fn in_brackets(heading: &str) -> Option<String> {
    let (_, rest) = heading.split_once(['(', '['])?;
    let inside = rest.split([')', ']']).next()?.trim();
    is_currency(inside).then(|| inside.to_owned())
}

/// Whether a text is the code of a currency by its looks.
pub(crate) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn told(row: Row<'_>, date: usize) -> String {
    let named = row.cells().enumerate().filter_map(|(place, cell)| {
        let word = match meaning(cell)? {
            Meaning::Date | Meaning::ValueDate if place == date => "date",
            Meaning::Date | Meaning::ValueDate | Meaning::Other => return None,
            Meaning::Amount => "amount",
            Meaning::Debit => "debit",
            Meaning::Credit => "credit",
            Meaning::Direction => "direction",
            Meaning::Balance => "balance",
            Meaning::Currency => "currency",
            Meaning::Reference => "reference",
            Meaning::Party | Meaning::Text => "text",
        };
        Some(format!("{word} = {}", cell.trim()))
    });
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn every_name_stands_once() {
        let names = NAMES.lines().filter(|line| !line.starts_with('#'));
        let names =
            names.flat_map(|line| known(line.split(':').next().unwrap(), line.split_once(':').unwrap().1));
        let names: Vec<String> = names.map(|(name, _)| name).collect();
        assert!(!names.is_empty() && names.len() == KNOWN.len(), "{} of {}", KNOWN.len(), names.len());
    }

    fn told(header: &str, side: Side) -> String {
        match find(header, side) {
            Ok((form, columns)) => {
                format!("{}{} {}", char::from(form.separator), char::from(form.quote), columns.told)
            }
            Err(NoColumns::NoHeader(why) | NoColumns::Ambiguous(why) | NoColumns::OtherSide(why)) => why,
        }
    }

    #[test]
    fn a_header_is_found_by_what_it_means() {
        let table = [
            (
                "Date,Reference,Description,Debit,Credit",
                ",\" date = Date, reference = Reference, text = Description, debit = Debit, credit = Credit",
            ),
            (
                "Account;DE12\n\nBuchungstag;Valuta;Betrag (EUR)\n",
                ";\" date = Buchungstag, amount = Betrag (EUR)",
            ),
            ("'Date'|'Amount'\n", "|' date = Date, amount = Amount"),
            ("\"Date\"\t\"Amount\"", "\t\" date = Date, amount = Amount"),
            ("Transaction date,Booking date,Amount", ",\" date = Booking date, amount = Amount"),
            (
                "Date,Name,Balance",
                "line 1 looks like a header and has no column for an amount, nor both debit and credit",
            ),
            ("Posted by,Amount", "line 1 looks like a header and has no column for a date"),
            ("1,2,3", NOTHING),
            ("Date,Amount,Betrag", "columns: `Amount` and `Betrag` mean the same; leave one out"),
            ("Date,Amount,Debit,Credit", "columns: an amount stands beside debit and credit"),
        ];
        for (header, expected) in table {
            assert_eq!(told(header, Side::Bank), expected, "{header}");
        }
    }

    #[test]
    fn an_export_of_the_other_side_is_noticed() {
        let (ledger, bank) = ("Date,Voucher,Contra account,Amount", "Date,Counterparty,IBAN,Amount");
        assert!(told(ledger, Side::Ledger).starts_with(','));
        assert!(told(bank, Side::Bank).starts_with(','));
        let swapped = "it was given as the bank's statement, and `Voucher` and `Contra account` are columns of a ledger";
        assert_eq!(told(ledger, Side::Bank), swapped);
        assert!(told(bank, Side::Ledger).contains("columns of a bank's statement"));
        assert!(told("Date,IBAN,Amount", Side::Ledger).starts_with(','), "one column is no evidence");
    }
}
