//! Whether the amounts of the two sides are in one currency. Equal figures in two currencies match well and mean nothing.

use crate::{Account, ClosingError};

/// Why they may be in two, where an export leaves it open; `books` is what the books are kept in.
///
/// # Errors
///
/// [`ClosingError::OtherCurrency`] when both name one and it is not the same.
pub(crate) fn doubt(
    ledger: &Account,
    bank: &Account,
    books: Option<&str>,
) -> Result<Option<String>, ClosingError> {
    let (ours, theirs) = (ledger.currency.as_deref(), bank.currency.as_deref());
    let (named, who, silent) = match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            return Err(ClosingError::OtherCurrency(format!(
                "the ledger is in {ours}, the bank in {theirs}"
            )));
        }
        (Some(both), Some(_)) => (both, "both exports are", ""),
        (Some(ours), None) => (ours, "the ledger is", " and the bank names no currency"),
        (None, Some(theirs)) => (theirs, "the bank is", " and the ledger names no currency"),
        (None, None) => return Ok(None),
    };
    Ok(match books {
        Some(books) if books == named => None,
        Some(books) => Some(format!("{who} in {named}{silent}, and the books are kept in {books}")),
        None if silent.is_empty() => None,
        None => Some(format!("{who} in {named}{silent}")),
    })
}
