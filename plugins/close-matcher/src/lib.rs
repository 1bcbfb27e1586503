//! Holds the lines of a ledger against those of a bank, and drafts the close of a month from what is left.
//!
//! This file is the border: the types of `wit/world.wit` outside, and the way of a close from the top: the surest
//! matches first ([`by_reference`], [`by_amount`]), then what is left ([`exceptions`]), what that explains ([`proof`])
//! and the entries it asks for ([`journal`]). It never loses a line or counts one twice, never rounds, never takes one
//! of two sums that fit, and never books what may be there twice.

mod alive;
mod books;
mod by_amount;
mod by_reference;
mod currency;
mod exceptions;
mod journal;
mod matched;
mod note;
mod proof;
mod settings;
mod subset;
mod words;

pub use bindings::exports::kapell::close_matcher::closing::{
    Account, Accounts, Booking, Close, ClosingError, Draft, Exception, Finding, Found, Guest, Rules, Side,
    Small, Step, Summary, Totals, Weakness,
};

use books::Books;
use by_reference::References;
use kapell_cells::Amount;
use settings::Settings;
use subset::Search;

kapell_sdk::skill!(Closer);

struct Closer;

impl Guest for Closer {
    fn match_(ledger: Account, bank: Account, rules: Rules) -> Result<Close, ClosingError> {
        close(ledger, bank, rules)
    }

    fn note(
        month: String,
        summary: Summary,
        ledger_findings: Vec<Finding>,
        bank_findings: Vec<Finding>,
        findings: Option<Vec<Weakness>>,
    ) -> String {
        note::write(&month, &summary, &ledger_findings, &bank_findings, &findings.unwrap_or_default())
    }
}

/// Matches two sides and drafts the close.
///
/// # Errors
///
/// [`ClosingError`], as the interface documents it.
pub fn close(mut ledger: Account, mut bank: Account, rules: Rules) -> Result<Close, ClosingError> {
    let settings = Settings::of(rules)?;
    let doubt = currency::doubt(&ledger, &bank, settings.currency.as_deref())?;
    let mut books = Books::read(&mut ledger, &mut bank)?;
    if is_same_twice(&books) {
        return Err(ClosingError::SameTwice);
    }
    let mut references = References::of(&books);
    let mut search = Search::default();
    references.take_equal(&mut books, &settings);
    references.take_near(&mut books, &settings);
    references.forget_pairs();
    references.take_sums(&mut books, &settings, &mut search);
    by_amount::take_equal(&mut books, &settings);
    by_amount::take_near(&mut books, &settings);
    by_amount::take_sums(&mut books, &settings, &mut search);
    is_turned(&books)?;
    let mut close = told(&books, &references, &settings, [&ledger, &bank], search.unsought)?;
    close.summary.currency_doubt = doubt;
    Ok(close)
}

/// Writes the note that goes with a close.
#[must_use]
pub fn note(
    month: &str,
    summary: &Summary,
    ledger: &[Finding],
    bank: &[Finding],
    weak: &[Weakness],
) -> String {
    note::write(month, summary, ledger, bank, weak)
}

fn told(
    books: &Books,
    references: &References,
    settings: &Settings,
    [ledger, bank]: [&Account; 2],
    unsought: u32,
) -> Result<Close, ClosingError> {
    let open = exceptions::of(books);
    let members = matched::Members::of(books);
    let passed = matched::passed(books, &members);
    let small_sum = passed.iter().map(|it| it.difference).sum::<Amount>();
    let sums = [(Side::Ledger, ledger), (Side::Bank, bank)];
    let [ours, theirs] = sums.map(|(side, account)| proof::Sum::of(books, side, account));
    let (ours, theirs) = (ours?, theirs?);
    let proof = proof::prove(ours, theirs, &open, small_sum);
    let nearest = exceptions::Nearest::of(books, references, settings);
    let (journal, draft) = journal::draft(books, &open, &nearest, &passed, settings);
    let summary = Summary {
        balanced: proof.off_by.is_zero(),
        off_by: proof.off_by.to_string(),
        compared: proof.compared.to_owned(),
        ledger: ours.told(ledger),
        bank: theirs.told(bank),
        proof: proof.steps,
        matched: matched::counted(books, &members),
        small: matched::told(books, &passed),
        small_total: count(passed.len()),
        small_sum: small_sum.to_string(),
        open: exceptions::told(&open, &nearest),
        open_total: count(open.len()),
        open_value: open.iter().map(|it| it.line.amount.size()).sum::<Amount>().to_string(),
        journal: draft,
        unsought,
        currency_doubt: None,
    };
    let (matched, exceptions) = (matched::sheet(books, &members), exceptions::sheet(&open, &nearest));
    Ok(Close { summary, matched, exceptions, journal })
}

/// Whether both sides have the same lines under the same numbers, whichever way round their amounts are: then both are
/// one export.
fn is_same_twice(books: &Books) -> bool {
    let (ours, theirs) = (books.ledger.lines(), books.bank.lines());
    let same_line = |place: u32| {
        let (Some(our), Some(their)) = (books.ledger.line(place), books.bank.line(place)) else {
            return false;
        };
        (our.number, our.day, our.amount.size()) == (their.number, their.day, their.amount.size())
            && books.ledger.words(place) == books.bank.words(place)
    };
    !ours.is_empty() && ours.len() == theirs.len() && (0..count(ours.len())).all(same_line)
}

/// Refuses sides of which nothing matches and half would with the other sign: a debit was taken for a credit.
fn is_turned(books: &Books) -> Result<(), ClosingError> {
    let amounts = |book: &books::Book| {
        let mut amounts: Vec<Amount> = book.lines().iter().map(|line| line.amount).collect();
        amounts.sort_unstable();
        amounts
    };
    let (ours, theirs) = (amounts(&books.ledger), amounts(&books.bank));
    let turned = ours.iter().filter(|amount| theirs.binary_search(&-**amount).is_ok()).count();
    if books.matches.is_empty() && ours.len() > 1 && turned * 2 > ours.len() {
        let all = ours.len();
        return Err(ClosingError::Turned(format!(
            "no line matches, and {turned} of {all} would match with the other sign"
        )));
    }
    Ok(())
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
