//! A draft of entries: what the bank has and the ledger has not, and small differences. Each is a debit and a credit
//! of the same amount; what was written is added up again, never what was meant.

use crate::books::Books;
use crate::exceptions::{Near, Nearest, Open, spoken};
use crate::matched::Passed;
use crate::settings::Settings;
use crate::{Draft, Side};
use kapell_cells::{Amount, Cell, Day, Sheet};

/// Entries on their way into a file.
struct Journal {
    sheet: Sheet,
    entries: u32,
    debits: Amount,
    credits: Amount,
}

/// Drafts entries. A bank line that repeats another, or that the ledger may have under another amount or day, is left
/// to a person: booked twice is harder to find than missing. So is one with parts of a cent, which no account can hold.
pub(crate) fn draft(
    books: &Books,
    open: &[Open],
    nearest: &Nearest<'_>,
    passed: &[Passed],
    settings: &Settings,
) -> (String, Draft) {
    let header = ["entry", "date", "account", "debit", "credit", "text", "because"];
    let mut journal =
        Journal { sheet: Sheet::new(&header), entries: 0, debits: Amount::ZERO, credits: Amount::ZERO };
    let is_alone = |it: &&Open| it.side == Side::Bank && matches!(nearest.near(it), Near::Nothing);
    let can_book = |it: &&Open| settings.can_book(it.line.amount);
    let mut only_bank: Vec<&Open> = open.iter().filter(is_alone).filter(can_book).collect();
    only_bank.sort_by_key(|it| (it.line.day, it.place));
    for it in only_bank {
        let text = spoken(books.bank.words(it.place));
        let (account, why) = account(&text, settings);
        let because = format!("bank line {} is not in the ledger; {why}", it.line.number);
        journal.enter(it.line.day, it.line.amount, [&settings.accounts.bank, account], &text, &because);
    }
    for it in passed {
        let because = format!("bank line {} differs by little from the ledger", it.bank_line);
        let accounts = [settings.accounts.bank.as_str(), settings.accounts.rounding.as_str()];
        let text = spoken(books.bank.words(it.bank_place));
        journal.enter(it.day, it.difference, accounts, &text, &because);
    }
    journal.done()
}

/// Where a bank line goes, and why there.
fn account<'a>(text: &str, settings: &'a Settings) -> (&'a str, String) {
    let lower = text.to_lowercase();
    let fits = settings.bookings.iter().find(|(words, _)| lower.contains(words));
    match fits {
        Some((words, account)) => (account, format!("it says `{words}`")),
        None => (&settings.accounts.clearing, "no booking fits".to_owned()),
    }
}

impl Journal {
    /// Money into the first account comes from the second; a negative amount goes the other way.
    fn enter(&mut self, day: Day, amount: Amount, [into, from]: [&str; 2], text: &str, because: &str) {
        self.entries += 1;
        let (debited, credited) = if amount.is_negative() { (from, into) } else { (into, from) };
        let size = amount.size();
        for (account, debit, credit) in [(debited, Some(size), None), (credited, None, Some(size))] {
            self.debits = self.debits + debit.unwrap_or_default();
            self.credits = self.credits + credit.unwrap_or_default();
            let cell = |amount: Option<Amount>| amount.map_or(Cell::Empty, Cell::Amount);
            self.sheet.row(&[
                Cell::Number(self.entries),
                Cell::Day(day),
                Cell::Text(account),
                cell(debit),
                cell(credit),
                Cell::Text(text),
                Cell::Text(because),
            ]);
        }
    }

    fn done(self) -> (String, Draft) {
        let draft = Draft {
            entries: self.entries,
            debits: self.debits.to_string(),
            credits: self.credits.to_string(),
            off_by: (self.debits - self.credits).to_string(),
        };
        (self.sheet.done(), draft)
    }
}
