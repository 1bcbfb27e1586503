//! What work and people cost by a tariff, exactly: amounts are whole numbers of the smallest part there is, and what can't
//! be told so is not told.

use std::borrow::Cow;
use std::collections::HashMap;

/// Decimals that prices are rounded to, half to even.
const DIGITS: u32 = 12;
/// Decimals that amounts are added with; whoever writes more of them is not followed.
const EXACT: u32 = 18;
/// The least number that all units divide: 10^9 units of work, GiB, MiB, thousands.
const COMMON: u128 = (1 << 30) * 1_953_125;

/// A decimal: so many parts of 10^scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    parts: u128,
    scale: u32,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let rest = rest.trim_end_matches('0');
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !whole.is_empty() && digits(whole) && digits(rest) && whole.len() + rest.len() <= 28;
        let parts = format!("{whole}{rest}").parse().ok().filter(|_| fits)?;
        Some(Self { parts, scale: u32::try_from(rest.len()).ok()? })
    }

    /// So many parts of 10^`scale`, where it has no more.
    fn at(self, scale: u32) -> Option<u128> {
        self.parts.checked_mul(10_u128.checked_pow(scale.checked_sub(self.scale)?)?)
    }
}

/// The nearest whole number, half to even.
fn nearest(above: u128, below: u128) -> Option<u128> {
    let (whole, rest) = (above.checked_div(below)?, above.checked_rem(below)?);
    let up = match rest.checked_mul(2)?.cmp(&below) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => whole % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    Some(whole + u128::from(up))
}

/// An amount in a currency, in parts of 10^18.
fn money(text: &str) -> Option<(u128, &str)> {
    let (amount, currency) = text.split_once(' ')?;
    Some((Decimal::read(amount)?.at(EXACT)?, currency))
}

/// What one attempt used, and what it is said to have cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Work<'a> {
    pub(crate) fuel: u64,
    pub(crate) memory: u64,
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
    pub(crate) inference: Option<Cow<'a, str>>,
    pub(crate) lost: bool,
    pub(crate) money: Cow<'a, str>,
}

impl Work<'_> {
    /// The same, to be kept.
    pub(crate) fn kept(self) -> Work<'static> {
        let Self { fuel, memory, calls, bytes, inference, lost, money } = self;
        let inference = inference.map(|money| money.into_owned().into());
        Work { fuel, memory, calls, bytes, inference, lost, money: money.into_owned().into() }
    }
}

/// The prices of a tariff.
#[derive(Debug)]
pub(crate) struct Tariff {
    currency: String,
    fuel: Decimal,
    memory: Decimal,
    calls: Decimal,
    bytes: Decimal,
    attempt: Decimal,
    minute: Decimal,
    minutes: Decimal,
}

impl Tariff {
    /// Reads the prices of a tariff that is written plainly: one key and one quoted text or word a line.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with('['));
        let said = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let (key, rest) = line.split_once('=')?;
            let rest = rest.trim_start();
            let (value, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => rest.split_once([' ', '#']).unwrap_or((rest, "")),
            };
            let after = after.trim_start();
            let fits = (after.is_empty() || after.starts_with('#')) && !value.contains('\\');
            fits.then_some((key.trim(), value))
        });
        let said: HashMap<&str, &str> = said.collect::<Option<_>>()?;
        let price = |key| Decimal::read(said.get(key)?);
        Some(Self {
            currency: (*said.get("currency")?).to_owned(),
            fuel: price("fuel-per-billion")?,
            memory: price("memory-per-gib")?,
            calls: price("host-calls-per-thousand")?,
            bytes: price("bytes-per-mib")?,
            attempt: price("per-attempt")?,
            minute: price("person-per-minute")?,
            minutes: price("minutes-per-decision")?,
        })
    }

    /// What an attempt costs, in parts of 10^18; none where that is more than can be told.
    fn work(&self, work: &Work<'_>) -> Option<u128> {
        let parts = [
            (self.fuel, work.fuel, 1_000_000_000),
            (self.memory, work.memory, 1 << 30),
            (self.calls, work.calls, 1_000),
            (self.bytes, work.bytes, 1 << 20),
        ];
        let mut sum = 0_u128;
        for (price, number, unit) in parts {
            let part =
                price.at(DIGITS)?.checked_mul(u128::from(number))?.checked_mul(COMMON.checked_div(unit)?)?;
            sum = sum.checked_add(part)?;
        }
        let rounded = nearest(sum, COMMON)?.checked_mul(10_u128.pow(EXACT - DIGITS))?;
        rounded.checked_add(self.inference(work)?)?.checked_add(self.attempt.at(EXACT)?)
    }

    fn inference(&self, work: &Work<'_>) -> Option<u128> {
        let Some(text) = &work.inference else { return Some(0) };
        money(text).filter(|(_, currency)| *currency == self.currency).map(|(amount, _)| amount)
    }

    /// What a decision of a person costs.
    fn person(&self, minutes: Option<&str>) -> Option<u128> {
        let minutes = minutes.map_or(Some(self.minutes), Decimal::read)?;
        let (parts, scale) =
            (self.minute.parts.checked_mul(minutes.parts)?, self.minute.scale + minutes.scale);
        let rounded = match scale.checked_sub(DIGITS) {
            Some(more) => nearest(parts, 10_u128.checked_pow(more)?)?,
            None => Decimal { parts, scale }.at(DIGITS)?,
        };
        rounded.checked_mul(10_u128.pow(EXACT - DIGITS))
    }

    /// What an attempt's price should be where it is another; an error where that can't be told.
    pub(crate) fn misprices(&self, work: &Work<'_>) -> Result<Option<String>, ()> {
        let (Some(due), Some((said, currency))) = (self.work(work), money(&work.money)) else {
            return Err(());
        };
        let is = |due: u128| said == due && currency == self.currency;
        // Of an attempt the host lost nothing is known but what its models may have cost.
        let idle = work.lost && (work.fuel, work.memory, work.calls, work.bytes) == (0, 0, 0, 0);
        if is(due) || (idle && self.inference(work).is_some_and(is)) {
            return Ok(None);
        }
        Ok(Some(self.words(due)))
    }

    /// The same for a person's time.
    pub(crate) fn misprices_person(&self, minutes: Option<&str>, stated: &str) -> Result<Option<String>, ()> {
        let (Some(due), Some((said, currency))) = (self.person(minutes), money(stated)) else {
            return Err(());
        };
        let is = said == due && currency == self.currency;
        Ok((!is).then(|| self.words(due)))
    }

    fn words(&self, amount: u128) -> String {
        let one = 10_u128.pow(EXACT);
        let (whole, rest) = (amount / one, format!("{:018}", amount % one));
        let rest = rest.trim_end_matches('0');
        format!("{whole}.{rest:0<2} {}", self.currency)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    const TARIFF: &str = include_str!("../../model/src/tariff.example.toml");

    #[test]
    fn work_costs_what_the_tariff_says_to_the_last_digit() {
        let tariff = Tariff::read(TARIFF.as_bytes()).unwrap();
        let work = Work {
            fuel: 1823,
            memory: 1_180_112,
            bytes: 15,
            money: "0.000010477516 EUR".into(),
            ..Work::default()
        };
        assert_eq!(tariff.misprices(&work), Ok(None));
        let told = |work: Work<'_>| tariff.misprices(&work).unwrap().unwrap();
        assert_eq!(told(Work { money: "999.00 EUR".into(), ..work.clone() }), "0.000010477516 EUR");
        assert_eq!(told(Work { money: "0.000010477516 USD".into(), ..work.clone() }), "0.000010477516 EUR");
        assert_eq!(told(Work { fuel: 1, ..work.clone() }), "0.000010441076 EUR");
        assert_eq!(told(Work { calls: 1000, ..work.clone() }), "0.000110477516 EUR");
        assert_eq!(told(Work { bytes: 1 << 20, ..work.clone() }), "0.000110476086 EUR");
        assert_eq!(told(Work { inference: Some("1.5 EUR".into()), ..work.clone() }), "1.500010477516 EUR");
        assert_eq!(tariff.misprices(&Work { money: "much".into(), ..work.clone() }), Err(()));
        assert_eq!(tariff.misprices(&Work { inference: Some("1 USD".into()), ..work }), Err(()));
        let lost =
            |money: &'static str, fuel| Work { lost: true, fuel, money: money.into(), ..Work::default() };
        assert_eq!(tariff.misprices(&lost("0.00 EUR", 0)), Ok(None));
        assert!(tariff.misprices(&lost("0.00 EUR", 1)).unwrap().is_some());
    }

    #[test]
    fn people_cost_their_minutes() {
        let tariff = Tariff::read(TARIFF.as_bytes()).unwrap();
        assert_eq!(tariff.misprices_person(None, "2.70 EUR"), Ok(None));
        assert_eq!(tariff.misprices_person(Some("2.5"), "2.25 EUR"), Ok(None));
        assert_eq!(tariff.misprices_person(Some("500"), "0.00 EUR"), Ok(Some("450.00 EUR".into())));
    }

    #[test]
    fn half_a_part_is_rounded_to_the_even_one() {
        assert_eq!(
            [(1, 2), (3, 2), (5, 2), (7, 4)].map(|(above, below)| nearest(above, below).unwrap()),
            [0, 2, 2, 2]
        );
    }

    #[test]
    fn a_tariff_that_is_not_written_plainly_is_not_read() {
        assert!(Tariff::read(TARIFF.replace("\"0.90\"", "'''0.90'''").as_bytes()).is_none());
        assert!(Tariff::read(TARIFF.replace("person-per-minute", "person-per-hour").as_bytes()).is_none());
        assert!(Tariff::read(b"\xff").is_none());
    }
}
