//! Amounts of money, exact: whole ten-thousandths. No currency has more than four decimals, and within its bounds no
//! sum that fits in memory can overflow.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

/// Digits before the decimal mark.
pub const DIGITS_MAX: usize = 15;
/// Digits behind it; zeros beyond them are no digits.
pub const DECIMALS_MAX: usize = 4;

/// Decimals that are written even where they are zeros.
const DECIMALS_SHOWN: usize = 2;

const UNIT: u64 = 10_u64.pow(DECIMALS_MAX as u32);

/// An amount in ten-thousandths of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

/// A text that is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAmount {
    /// It is not digits, a decimal point and digits.
    NoNumber,
    /// It has this many digits before the decimal point, more than [`DIGITS_MAX`].
    TooLong(usize),
    /// It has this many decimals, more than [`DECIMALS_MAX`].
    TooFine(usize),
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads `-1234.5`: a minus or nothing, digits, and a decimal point only between digits.
    ///
    /// # Errors
    ///
    /// [`NoAmount`] when it is anything else. Nothing is rounded.
    pub fn parse(plain: &str) -> Result<Self, NoAmount> {
        let (negative, size) = plain.strip_prefix('-').map_or((false, plain), |size| (true, size));
        let (whole, decimals) = size.split_once('.').unwrap_or((size, "0"));
        let amount = Self::of_parts(whole, decimals)?;
        Ok(if negative { -amount } else { amount })
    }

    /// The amount of so many whole units and these decimals, both digits.
    ///
    /// # Errors
    ///
    /// As [`Amount::parse`].
    pub fn of_parts(whole: &str, decimals: &str) -> Result<Self, NoAmount> {
        if whole.is_empty() || decimals.is_empty() {
            return Err(NoAmount::NoNumber);
        }
        // Nineteen digits fit, and 64 bits are what the sandbox counts in; what has more is refused below.
        let (mut value, mut digits) = (0_u64, 0);
        for byte in whole.bytes() {
            let digit = digit(byte)?;
            digits += usize::from(digits > 0 || digit > 0);
            value = value.wrapping_mul(10).wrapping_add(digit);
        }
        let mut fine = 0;
        for (place, byte) in decimals.bytes().enumerate() {
            let digit = digit(byte)?;
            if digit > 0 {
                fine = place + 1;
            }
            if place < DECIMALS_MAX {
                value = value.wrapping_mul(10).wrapping_add(digit);
            }
        }
        match (digits > DIGITS_MAX, fine > DECIMALS_MAX) {
            (true, _) => Err(NoAmount::TooLong(digits)),
            (false, true) => Err(NoAmount::TooFine(fine)),
            (false, false) => {
                let missing = DECIMALS_MAX.saturating_sub(decimals.len());
                Ok(Self(i128::from((0..missing).fold(value, |value, _| value.wrapping_mul(10)))))
            }
        }
    }

    /// Writes it behind a text, as [`fmt::Display`] does.
    pub(crate) fn write_to(self, text: &mut String) {
        if self.is_negative() {
            text.push('-');
        }
        let size = self.0.unsigned_abs();
        // Only sums are larger than 64 bits; 128 are slow in the sandbox.
        let (whole, part) = match u64::try_from(size) {
            Ok(size) => (u128::from(size / UNIT), size % UNIT),
            Err(_) => (size / u128::from(UNIT), u64::try_from(size % u128::from(UNIT)).unwrap_or_default()),
        };
        text.push_str(itoa::Buffer::new().format(whole));
        text.push('.');
        let mut divisor = UNIT / 10;
        let mut rest = part;
        for place in 0..DECIMALS_MAX {
            if place >= DECIMALS_SHOWN && rest == 0 {
                break;
            }
            text.push(char::from(b'0' + u8::try_from(rest / divisor).unwrap_or_default()));
            rest %= divisor;
            divisor = (divisor / 10).max(1);
        }
    }

    /// How much it is, whichever way it goes.
    #[must_use]
    pub const fn size(self) -> Self {
        Self(self.0.abs())
    }

    /// Whether it goes out.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it has no more decimals than these that are not zeros.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "at most four")]
    pub const fn has_decimals(self, most: usize) -> bool {
        let fine = DECIMALS_MAX.saturating_sub(most) as u32;
        self.0 % 10_i128.pow(fine) == 0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// As [`Amount::parse`] reads it, with two decimals at least.
impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_to(&mut text);
        formatter.write_str(&text)
    }
}

fn digit(byte: u8) -> Result<u64, NoAmount> {
    if byte.is_ascii_digit() { Ok(u64::from(byte - b'0')) } else { Err(NoAmount::NoNumber) }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_and_written_exactly() {
        let table = [
            ("0", "0.00"),
            ("-0.00", "0.00"),
            ("12", "12.00"),
            ("-12.5", "-12.50"),
            ("0.1", "0.10"),
            ("00012.3450", "12.345"),
            ("1.0001", "1.0001"),
            ("1.2000000", "1.20"),
            ("999999999999999.9999", "999999999999999.9999"),
        ];
        let most = Amount::parse("999999999999999.9999").unwrap();
        assert_eq!((0..1_000).map(|_| -most).sum::<Amount>().to_string(), "-999999999999999999.90");
        assert_eq!((0..5_000).map(|_| most).sum::<Amount>().to_string(), "4999999999999999999.50");
        for (text, expected) in table {
            assert_eq!(Amount::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_and_never_rounded() {
        for text in ["", "-", "1,5", "+1", "1e3", " 1", "1.", ".5", "1.2.3", "--1", "٣", "1_0"] {
            assert_eq!(Amount::parse(text), Err(NoAmount::NoNumber), "{text}");
        }
        assert_eq!(Amount::parse("1234567890123456"), Err(NoAmount::TooLong(16)));
        assert_eq!(Amount::parse(&"9".repeat(30)), Err(NoAmount::TooLong(30)));
        assert_eq!(Amount::parse("0.00001"), Err(NoAmount::TooFine(5)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in -10_i64.pow(18) + 1..10_i64.pow(18)) {
            let amount = Amount(i128::from(value));
            prop_assert_eq!(Amount::parse(&amount.to_string()), Ok(amount));
        }
    }
}
