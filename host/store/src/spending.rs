//! Whether what a flow has spent stays within a bound: the same for every store.

use crate::error::unwritten;
use kapell_journal::seam::JournalError;
use kapell_journal::spending::Bound;
use kapell_model::money::Money;

/// Holds the amounts of a period's days against its bound.
pub(crate) fn hold(bound: &Bound, amounts: &[Money]) -> Result<(), JournalError> {
    let none = Money::zero(bound.most.currency);
    let comes_to = amounts.iter().try_fold(none, |sum, money| sum.plus(money)).map_err(unwritten)?;
    if comes_to.amount <= bound.most.amount {
        return Ok(());
    }
    let (per, from, most) = (bound.per, *bound.days.start(), bound.most.clone());
    Err(JournalError::OverBudget { per, from, comes_to, most })
}
