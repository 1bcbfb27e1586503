//! The balance beside each line: it says in which direction the lines run, and where one of them is missing.

use crate::entries::{Entries, Entry};
use crate::findings::{Findings, Kind};
use kapell_cells::Amount;

/// What the balances say.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Balances {
    pub(crate) opening: Option<Amount>,
    pub(crate) closing: Option<Amount>,
    /// What was made of them, and why.
    pub(crate) told: Option<(String, String)>,
}

/// Reads the balances and names each place where they don't follow from the lines.
pub(crate) fn read(entries: &Entries, findings: &mut Findings) -> Balances {
    let running: Vec<(&Entry, Amount)> =
        entries.entries.iter().filter_map(|entry| Some((entry, entry.balance?))).collect();
    let stated = Balances { opening: entries.opening, closing: entries.closing, told: None };
    let (Some((first, first_balance)), Some((last, last_balance))) = (running.first(), running.last()) else {
        return stated;
    };
    let pairs = || running.windows(2).filter_map(|pair| Some((pair.first()?, pair.get(1)?)));
    let downwards = pairs().filter(|(one, next)| one.1 + next.0.amount == next.1).count();
    let upwards = pairs().filter(|(one, next)| next.1 + one.0.amount == one.1).count();
    let (all, most) = (running.len() - 1, downwards.max(upwards));
    if most * 2 < all {
        let why = format!("only {most} of {all} follow from the line before");
        return Balances { told: Some(("left aside".to_owned(), why)), ..stated };
    }
    let oldest_first = downwards >= upwards;
    for (above, below) in pairs() {
        let (before, after) = if oldest_first { (above, below) } else { (below, above) };
        jump(*before, *after, findings);
    }
    let (opening, closing) = match oldest_first {
        true => (*first_balance - first.amount, *last_balance),
        false => (*last_balance - last.amount, *first_balance),
    };
    let order = if oldest_first { "oldest line first" } else { "newest line first" };
    Balances {
        opening: stated.opening.or(Some(opening)),
        closing: stated.closing.or(Some(closing)),
        told: Some((order.to_owned(), format!("{most} of {all} balances follow from the line before"))),
    }
}

fn jump(before: (&Entry, Amount), after: (&Entry, Amount), findings: &mut Findings) {
    let (moved, booked) = (after.1 - before.1, after.0.amount);
    if moved != booked {
        findings.add(after.0.line, Kind::BalanceJump, || {
            let (from, apart) = (before.0.line, moved - booked);
            format!(
                "from line {from} to here the balance moves by {moved}, the line by {booked}: {apart} apart"
            )
        });
    }
}
