//! The proof: from what the two sides say to what is not explained, each step a number that can be added up by hand.

use crate::books::Books;
use crate::exceptions::Open;
use crate::{Account, ClosingError, Side, Step, Totals};
use kapell_cells::Amount;

/// A side, added up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    lines: usize,
    moved: Amount,
    /// Opening and closing balance, where both are known.
    balances: Option<(Amount, Amount)>,
}

impl Sum {
    /// Fails when a balance is no amount.
    pub(crate) fn of(books: &Books, side: Side, account: &Account) -> Result<Self, ClosingError> {
        let balance = |text: &Option<String>| match text.as_deref().map(Amount::parse) {
            None => Ok(None),
            Some(Ok(amount)) => Ok(Some(amount)),
            Some(Err(_)) => Err(ClosingError::BadLines("a balance is no amount".to_owned())),
        };
        let (opening, closing) = (balance(&account.opening)?, balance(&account.closing)?);
        let lines = books.side(side).lines();
        let moved = lines.iter().map(|line| line.amount).sum();
        Ok(Self { lines: lines.len(), moved, balances: opening.zip(closing) })
    }

    pub(crate) fn told(&self, account: &Account) -> Totals {
        Totals {
            lines: u32::try_from(self.lines).unwrap_or(u32::MAX),
            sum: self.moved.to_string(),
            opening: account.opening.clone(),
            closing: account.closing.clone(),
        }
    }
}

/// What is proved.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) compared: &'static str,
    pub(crate) off_by: Amount,
    pub(crate) steps: Vec<Step>,
}

/// Adds up what the exceptions and the small differences explain, and names where the rest comes from: opening
/// balances that differ, and lines of a side that do not add up to how its balance moved.
pub(crate) fn prove(ledger: Sum, bank: Sum, open: &[Open], small: Amount) -> Proof {
    let of = |side: Side| open.iter().filter(|it| it.side == side).map(|it| it.line.amount).sum::<Amount>();
    let (only_bank, only_ledger) = (of(Side::Bank), of(Side::Ledger));
    let balances = bank.balances.zip(ledger.balances);
    let (compared, ours, theirs) = match balances {
        Some((bank, ledger)) => ("balances", ledger.1, bank.1),
        None => ("movements", ledger.moved, bank.moved),
    };
    let explained = only_bank - only_ledger + small;
    let off_by = theirs - ours - explained;
    let what = if compared == "balances" { "closing balance" } else { "movements" };
    let mut steps = vec![
        step(&format!("bank, {what}"), theirs),
        step(&format!("ledger, {what}"), ours),
        step("difference, bank less ledger", theirs - ours),
        step("of it lines the bank has and the ledger has not", only_bank),
        step("of it lines the ledger has and the bank has not", -only_ledger),
        step("of it small differences", small),
        step("not explained", off_by),
    ];
    if let Some((of_bank, of_ledger)) = balances.filter(|_| !off_by.is_zero()) {
        let missing = |sum: Sum, (opening, closing): (Amount, Amount)| closing - opening - sum.moved;
        steps.push(step("of that the opening balances are apart", of_bank.0 - of_ledger.0));
        steps.push(step("of that the bank's lines are short of its balances", missing(bank, of_bank)));
        steps.push(step("of that the ledger's lines are short of its balances", -missing(ledger, of_ledger)));
    }
    Proof { compared, off_by, steps }
}

fn step(what: &str, amount: Amount) -> Step {
    Step { what: what.to_owned(), amount: amount.to_string() }
}
