//! The rules of a close, checked.

use crate::{Accounts, ClosingError, Rules};
use kapell_cells::Amount;

/// Days that may lie between two lines at most: a quarter.
const DAYS_MAX: u32 = 92;
/// Letters of the name of an account.
const NAME_MAX: usize = 40;
/// Bookings.
const BOOKINGS_MAX: usize = 200;

/// Decimals of an amount that can be booked.
const DECIMALS: usize = 2;
/// Currencies whose smallest coin is a thousandth.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// Rules that can be followed.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) tolerance: Amount,
    pub(crate) days: u32,
    pub(crate) reference_days: u32,
    pub(crate) accounts: Accounts,
    /// What stands in a line, in lower case, and where the line goes.
    pub(crate) bookings: Vec<(String, String)>,
    /// What the books are kept in, as a code in capitals.
    pub(crate) currency: Option<String>,
}

impl Settings {
    /// Whether an amount can be booked: nobody has ever paid half a cent.
    pub(crate) fn can_book(&self, amount: Amount) -> bool {
        let is_thousandths = self.currency.as_deref().is_some_and(|code| THOUSANDTHS.contains(&code));
        amount.has_decimals(if is_thousandths { DECIMALS + 1 } else { DECIMALS })
    }

    /// Whether a difference is small enough to pass, and one that can be booked.
    pub(crate) fn passes(&self, difference: Amount) -> bool {
        difference.size() <= self.tolerance && self.can_book(difference)
    }

    /// Checks rules.
    pub(crate) fn of(rules: Rules) -> Result<Self, ClosingError> {
        let bad = |why: String| ClosingError::BadRules(why);
        let tolerance = Amount::parse(&rules.tolerance).ok().filter(|amount| !amount.is_negative());
        let tolerance = tolerance
            .ok_or_else(|| bad(format!("tolerance `{}` is no amount from 0.00 on", rules.tolerance)))?;
        if let Some(days) = [rules.days, rules.reference_days].into_iter().find(|days| *days > DAYS_MAX) {
            return Err(bad(format!("{days} days are more than {DAYS_MAX}")));
        }
        if rules.bookings.len() > BOOKINGS_MAX {
            return Err(bad(format!("{} bookings are more than {BOOKINGS_MAX}", rules.bookings.len())));
        }
        let accounts = &rules.accounts;
        let fixed = [&accounts.bank, &accounts.rounding, &accounts.clearing];
        let named = fixed.into_iter().chain(rules.bookings.iter().map(|booking| &booking.account));
        if let Some(name) = named.into_iter().find(|name| !is_name(name)) {
            return Err(bad(format!(
                "`{name}` is no account: 1 to {NAME_MAX} letters, digits, blanks, `-` and `.`"
            )));
        }
        if rules.bookings.iter().any(|booking| booking.contains.trim().is_empty()) {
            return Err(bad("a booking without words would take every line".to_owned()));
        }
        if let Some(code) = rules.currency.as_ref().filter(|code| !is_code(code)) {
            return Err(bad(format!("`{code}` is no currency: three capital letters")));
        }
        let booking = |it: crate::Booking| (it.contains.trim().to_lowercase(), it.account);
        Ok(Self {
            tolerance,
            days: rules.days,
            reference_days: rules.reference_days,
            bookings: rules.bookings.into_iter().map(booking).collect(),
            accounts: rules.accounts,
            currency: rules.currency,
        })
    }
}

fn is_code(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase())
}

fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '.');
    !name.trim().is_empty()
        && name.chars().count() <= NAME_MAX
        && name.starts_with(char::is_alphanumeric)
        && name.chars().all(fits)
}
