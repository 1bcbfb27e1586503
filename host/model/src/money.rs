//! Money as exact decimals, and the tariff that turns work into it.

mod model_price;

pub use model_price::{ModelPrice, Unpriced};

use crate::digest::Digest;
use crate::ending::Meters;
use crate::quantity::Bytes;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An amount of money: an exact decimal and an ISO 4217 code, written `0.50 EUR`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Money {
    /// The amount.
    pub amount: Decimal,
    /// Three upper-case letters.
    pub currency: Currency,
}

/// An ISO 4217 code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// A text that is not an amount of money, or two currencies where one was needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text has another form.
    #[error("`{0}` is not an amount of money: expected a decimal and a currency, such as `0.50 EUR`")]
    Form(String),
    /// There is no exchange rate here, so two currencies never meet.
    #[error("cannot add {0} to {1}: a tariff and its budgets use one currency")]
    Currencies(Currency, Currency),
    /// The amount left the range of 28 decimal digits.
    #[error("the amount is too large")]
    Overflow,
}

impl Currency {
    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| MoneyError::Form(text.into()))?;
        match letters.iter().all(u8::is_ascii_uppercase) {
            true => Ok(Self(letters)),
            false => Err(MoneyError::Form(text.into())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Money {
    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// The sum.
    ///
    /// # Errors
    /// When the currencies differ or the sum leaves the range of a decimal.
    pub fn plus(&self, other: &Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies(self.currency, other.currency));
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::Overflow)?;
        Ok(Self { amount, currency: self.currency })
    }
}

impl Money {
    /// What is left when `other` is taken away; below zero where that is more.
    ///
    /// # Errors
    /// As [`Money::plus`].
    pub fn minus(&self, other: &Self) -> Result<Self, MoneyError> {
        self.plus(&Self { amount: -other.amount, currency: other.currency })
    }
}

impl FromStr for Money {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (amount, currency) = text.trim().split_once(' ').ok_or_else(|| MoneyError::Form(text.into()))?;
        let amount: Decimal = amount.parse().map_err(|_| MoneyError::Form(text.into()))?;
        let currency = currency.trim().parse().map_err(|_| MoneyError::Form(text.into()))?;
        match amount.is_sign_negative() {
            true => Err(MoneyError::Form(text.into())),
            false => Ok(Self { amount, currency }),
        }
    }
}

impl TryFrom<String> for Money {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Room for every amount: 29 digits, sign, point and a zero before it, currency.
const LONGEST: usize = 36;

impl Money {
    /// At least two decimals, and as many more as the exact amount has. Put together by hand, since every step's receipt
    /// has one.
    fn text(&self) -> String {
        let mut amount = self.amount.normalize();
        if amount.scale() < 2 {
            amount.rescale(2);
        }
        let (mut number, decimals) = (itoa::Buffer::new(), amount.scale() as usize);
        let digits = number.format(amount.mantissa().unsigned_abs());
        let (whole, rest) = digits.split_at(digits.len().saturating_sub(decimals));
        let mut text = String::with_capacity(LONGEST);
        text.push_str(if amount.is_sign_negative() { "-" } else { "" });
        text.push_str(if whole.is_empty() { "0" } else { whole });
        if decimals > 0 {
            text.push('.');
            text.extend(std::iter::repeat_n('0', decimals.saturating_sub(rest.len())));
            text.push_str(rest);
        }
        text.push(' ');
        text.push_str(self.currency.as_str());
        text
    }
}

/// Prices of work. Versioned; its digest stands in every run, because a cost without its tariff can't be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tariff {
    /// The version of this tariff, in the operator's own counting.
    pub version: String,
    /// Whether these prices are examples; said wherever money is printed.
    pub example: bool,
    /// The one currency of all prices, an ISO 4217 code.
    pub currency: String,
    /// For 10^9 units of fuel.
    pub fuel_per_billion: Decimal,
    /// For one GiB of peak memory, an attempt.
    pub memory_per_gib: Decimal,
    /// For 1,000 calls from guest to host.
    pub host_calls_per_thousand: Decimal,
    /// For one MiB that crossed the boundary in either direction.
    pub bytes_per_mib: Decimal,
    /// For an attempt as such: starting, recording and keeping it. Counted as overhead.
    pub per_attempt: Decimal,
    /// For one minute of a person's time.
    pub person_per_minute: Decimal,
    /// Minutes a decision is taken to cost a person who does not say; such a cost is marked estimated.
    pub minutes_per_decision: Decimal,
    /// What models cost, each named once: `[[model]]`.
    #[serde(default, rename = "model", skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelPrice>,
}

/// The tariff a fresh home starts with: round example prices, said to be examples.
pub const EXAMPLE_TARIFF: &str = include_str!("tariff.example.toml");

impl Tariff {
    /// The currency of all prices.
    ///
    /// # Errors
    /// When the code is not three upper-case letters.
    pub fn currency(&self) -> Result<Currency, MoneyError> {
        self.currency.parse()
    }

    /// What the metered work of one attempt costs, overhead not included.
    ///
    /// # Errors
    /// When the tariff's currency is no currency or the amount leaves the range of a decimal.
    pub fn work(&self, meters: &Meters) -> Result<Money, MoneyError> {
        let calls: u64 = meters.crossings.values().sum();
        let bytes = meters.bytes_in + meters.bytes_out + meters.bytes_read + meters.bytes_written;
        let parts = [
            (self.fuel_per_billion, meters.fuel, 1_000_000_000),
            (self.memory_per_gib, meters.memory_peak, 1 << 30),
            (self.host_calls_per_thousand, calls, 1_000),
            (self.bytes_per_mib, bytes, 1 << 20),
        ];
        let mut amount = Decimal::ZERO;
        for (price, number, unit) in parts.into_iter().filter(|(_, number, _)| *number > 0) {
            amount = price_of(price, number, unit)
                .and_then(|part| amount.checked_add(part))
                .ok_or(MoneyError::Overflow)?;
        }
        let work = Money { amount: amount.round_dp(PRICE_DIGITS), currency: self.currency()? };
        // Completions are priced where they are made, by the same tariff.
        meters.inference.as_ref().map_or(Ok(work.clone()), |inference| work.plus(inference))
    }

    /// The price of one attempt before it starts: what it costs if it uses its fuel and memory up.
    ///
    /// # Errors
    /// As [`Tariff::work`].
    pub fn reserve(&self, fuel: u64, memory: Bytes) -> Result<Money, MoneyError> {
        let work = self.work(&Meters { fuel, memory_peak: memory.0, ..Meters::default() })?;
        Ok(Money { amount: work.amount + self.per_attempt, currency: work.currency })
    }

    /// What a decision by a person costs: the minutes stated, else the tariff's own.
    ///
    /// # Errors
    /// As [`Tariff::work`].
    pub fn person(&self, minutes: Option<Decimal>) -> Result<Money, MoneyError> {
        let minutes = minutes.unwrap_or(self.minutes_per_decision);
        let amount = self.person_per_minute.checked_mul(minutes).ok_or(MoneyError::Overflow)?;
        Ok(Money { amount: amount.round_dp(PRICE_DIGITS), currency: self.currency()? })
    }
}

/// Amounts are rounded once, to this many decimals (a millionth of a millionth), half to even.
pub const PRICE_DIGITS: u32 = 12;

fn price_of(price: Decimal, number: u64, unit: u64) -> Option<Decimal> {
    price.checked_mul(Decimal::from(number))?.checked_div(Decimal::from(unit))
}

/// A tariff with the digest of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedTariff {
    /// The prices.
    pub tariff: Tariff,
    /// The digest of the text they were read from.
    pub digest: Digest,
}

impl PinnedTariff {
    /// Reads a tariff.
    ///
    /// # Errors
    /// When the text is no tariff: unknown or missing key, a price that is no decimal, no currency.
    pub fn parse(text: &str) -> Result<Self, TariffError> {
        let tariff: Tariff = toml::from_str(text).map_err(|cause| TariffError(cause.to_string()))?;
        tariff.currency().map_err(|cause| TariffError(cause.to_string()))?;
        tariff.check_models().map_err(TariffError)?;
        Ok(Self { tariff, digest: Digest::of(text.as_bytes()) })
    }
}

/// A text that is no tariff.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tariff cannot be read: {0}")]
pub struct TariffError(String);

#[cfg(test)]
#[allow(clippy::expect_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn money_reads_and_prints_exactly() {
        let money: Money = "0.50 EUR".parse().expect("money");
        assert_eq!(money.to_string(), "0.50 EUR");
        assert_eq!(
            Money { amount: "0.000125".parse().expect("decimal"), currency: money.currency }.to_string(),
            "0.000125 EUR"
        );
        for bad in ["", "0.50", "EUR", "0.50 eur", "-1 EUR", "1,5 EUR", "NaN EUR"] {
            assert!(bad.parse::<Money>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn money_prints_as_its_decimal(mantissa in any::<i64>(), shift in 0..30_u32, scale in 0..=28_u32) {
            let amount = Decimal::from_i128_with_scale(i128::from(mantissa) << shift, scale);
            let mut shown = amount.normalize();
            shown.rescale(shown.scale().max(2));
            let printed = Money { amount, currency: "EUR".parse().expect("currency") }.to_string();
            prop_assert_eq!(printed, format!("{shown} EUR"));
        }
    }

    #[test]
    fn ten_tenths_are_one_and_currencies_never_meet() {
        let tenth: Money = "0.10 EUR".parse().expect("money");
        let sum =
            (0..10).try_fold(Money::zero(tenth.currency), |sum, _| sum.plus(&tenth)).expect("one currency");
        assert_eq!(sum.to_string(), "1.00 EUR");
        let dollar: Money = "1 USD".parse().expect("money");
        assert!(matches!(sum.plus(&dollar), Err(MoneyError::Currencies(..))));
    }

    #[test]
    fn the_example_tariff_prices_an_attempt() {
        let tariff: Tariff = toml::from_str(EXAMPLE_TARIFF).expect("tariff");
        assert!(tariff.example);
        let meters = Meters { fuel: 1_000_000_000, ..Meters::default() };
        assert_eq!(tariff.work(&meters).expect("price").amount, tariff.fuel_per_billion);
        assert_eq!(
            tariff.person(Some(Decimal::from(2))).expect("price").amount,
            tariff.person_per_minute * Decimal::from(2)
        );
    }
}
