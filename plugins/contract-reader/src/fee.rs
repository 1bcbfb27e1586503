//! Amounts of money as cover pages print them, into exact decimals.

use crate::bindings::exports::kapell::contract_reader::reading::Money;

/// Signs and what they stand for. A bare `$` is the United States' by the interface; others print their letters.
const SIGNS: [(&str, &str); 8] = [
    ("US$", "USD"),
    ("CA$", "CAD"),
    ("AU$", "AUD"),
    ("A$", "AUD"),
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
];

/// ISO 4217 letters that are read; an unknown word in capitals must not become a currency.
const CODES: [&str; 16] = [
    "EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "JPY", "CAD", "AUD", "NZD", "SGD",
    "INR",
];

/// Words that say what an amount pays for.
const PERIODS: [(&str, &str); 13] = [
    ("month", "month"),
    ("monthly", "month"),
    ("quarter", "quarter"),
    ("quarterly", "quarter"),
    ("year", "year"),
    ("yearly", "year"),
    ("annum", "year"),
    ("annual", "year"),
    ("annually", "year"),
    ("once", "once"),
    ("mo", "month"),
    ("yr", "year"),
    ("one-time", "once"),
];

/// Words that may stand beside an amount without changing it.
const FILLERS: [&str; 6] = ["per", "a", "an", "each", "every", "/"];

/// The amount, or why it can't be told. `per` is what the label says already, or the empty text.
pub(crate) fn fee(printed: &str, per: &str) -> Result<Money, String> {
    let spaced = apart(printed);
    let mut amount = String::new();
    let (mut currencies, mut periods) = (Vec::new(), Vec::from_iter((!per.is_empty()).then_some(per)));
    for word in spaced.split_whitespace() {
        let lower = word.to_lowercase();
        if word.starts_with(|character: char| character.is_ascii_digit()) {
            amount.push_str(word);
        } else if let Some(code) = CODES.iter().find(|code| **code == word) {
            currencies.push(*code);
        } else if let Some((_, period)) = PERIODS.iter().find(|(name, _)| *name == lower) {
            periods.push(*period);
        } else if !FILLERS.contains(&lower.as_str()) {
            return Err(format!(
                "`{}` is more than an amount, a currency and a period",
                crate::words::shown(word)
            ));
        }
    }
    Ok(Money {
        amount: decimal(&amount)?,
        currency: only(currencies, "currency")?,
        per: only_or_none(periods)?,
    })
}

/// Signs become letters, and letters, figures and slashes stand apart.
fn apart(printed: &str) -> String {
    let mut text = printed.to_owned();
    for (sign, code) in SIGNS {
        text = text.replace(sign, &format!(" {code} "));
    }
    let mut spaced = String::new();
    let mut before = ' ';
    for character in text.replace('/', " / ").chars() {
        if before.is_ascii_digit() && character.is_alphabetic()
            || before.is_alphabetic() && character.is_ascii_digit()
        {
            spaced.push(' ');
        }
        spaced.push(character);
        before = character;
    }
    spaced
}

/// `1,200.50`, `1.200,50`, `1 200`, `1'200` as `1200.50` and `1200`.
fn decimal(printed: &str) -> Result<String, String> {
    let unclear =
        || format!("`{}` is not an amount that can be read in one way", crate::words::shown(printed));
    let plain = printed.trim_end_matches([',', '.', ';']).replace(['\'', '’'], "");
    let marks: Vec<char> = plain.chars().filter(|character| !character.is_ascii_digit()).collect();
    let last = plain.rfind([',', '.']);
    if plain.is_empty() || plain.len() > 20 || marks.iter().any(|mark| !",.".contains(*mark)) {
        return Err(unclear());
    }
    let Some((whole, cents)) = last.and_then(|at| Some((plain.get(..at)?, plain.get(at + 1..)?))) else {
        return Ok(plain);
    };
    let groups_only = marks.windows(2).all(|pair| pair.first() == pair.last());
    match cents.len() {
        1 | 2 if marks.len() == 1 || (marks.len() > 1 && last_differs(&marks)) => {
            Ok(format!("{}.{cents}", grouped(whole).ok_or_else(unclear)?))
        }
        3 if groups_only => grouped(&plain).ok_or_else(unclear),
        _ => Err(unclear()),
    }
}

/// `1.200.300,50`: all marks the same but the last.
fn last_differs(marks: &[char]) -> bool {
    let Some((last, groups)) = marks.split_last() else { return false };
    groups.iter().all(|mark| mark != last && Some(mark) == groups.first())
}

/// Figures in groups of three, joined.
fn grouped(text: &str) -> Option<String> {
    let mut groups = text.split([',', '.']);
    let first = groups.next()?;
    let rest_fits = groups.all(|group| group.len() == 3);
    let first_fits = !first.is_empty() && (first.len() <= 3 || first.len() == text.len());
    (rest_fits && first_fits).then(|| text.replace([',', '.'], ""))
}

fn only(mut found: Vec<&str>, what: &str) -> Result<String, String> {
    found.dedup();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(format!("it names no {what} that is known")),
        _ => Err(format!("it names more than one {what}")),
    }
}

fn only_or_none(found: Vec<&str>) -> Result<String, String> {
    if found.is_empty() { Ok(String::new()) } else { only(found, "period") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(printed: &str, expected: &str) {
        let told = match fee(printed, "") {
            Ok(money) => format!("{} {} {}", money.amount, money.currency, money.per),
            Err(reason) => reason,
        };
        assert_eq!(told.trim_end(), expected, "{printed}");
    }

    #[test]
    fn amounts_are_exact() {
        check("EUR 1,200.50 per month", "1200.50 EUR month");
        check("1.200,50 €", "1200.50 EUR");
        check("$12,000/year", "12000 USD year");
        check("12 000 SEK annually", "12000 SEK year");
        check("1'200 CHF", "1200 CHF");
        check("USD1200", "1200 USD");
        check("€ 99,9", "99.9 EUR");
        check("1,234,567.80 GBP", "1234567.80 GBP");
    }

    #[test]
    fn what_could_be_two_amounts_is_none() {
        check("1200", "it names no currency that is known");
        check("EUR 1,20,300", "`1,20,300` is not an amount that can be read in one way");
        check("EUR 1.200,500", "`1.200,500` is not an amount that can be read in one way");
        check("EUR 10 USD", "it names more than one currency");
        check("EUR 10 per month per year", "it names more than one period");
        check("EUR 10 per user", "`user` is more than an amount, a currency and a period");
        check("see Annex B", "`see` is more than an amount, a currency and a period");
        check("EUR", "`` is not an amount that can be read in one way");
    }

    #[test]
    fn the_label_may_name_the_period() {
        assert_eq!(fee("EUR 10", "year").map(|money| money.per), Ok("year".into()));
        assert!(fee("EUR 10 per month", "year").is_err());
    }
}
