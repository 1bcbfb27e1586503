//! Numbers that are printed in the text itself: `1.1 Access`, `10.`, `Section 3:`, `§ 4`, `Article IV`.

/// Words that announce a number.
const ANNOUNCING: [&str; 6] = ["section", "article", "clause", "sec.", "art.", "§"];

/// What a number in front of a text may belong to; then it is part of what is agreed and stays in the text.
const MEASURED: [&str; 14] = [
    "percent", "per", "%", "million", "billion", "thousand", "day", "days", "month", "months", "year",
    "years", "hour", "hours",
];

/// The number a text opens with and the rest, when it opens with one.
pub(crate) fn split_number(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let (announced, rest) = after_announcement(text);
    let (number, rest) = if announced { roman_or_digits(rest)? } else { digits(rest)? };
    let rest = if announced {
        rest.trim_start_matches(['.', ')', ':', '-', '–', '—'])
    } else {
        after_mark(&number, rest)?
    };
    let ends_here = rest.is_empty() || rest.starts_with(char::is_whitespace);
    let rest = rest.trim_start().trim_start_matches(['–', '—', ':']).trim_start();
    (ends_here && !opens_with_measure(rest)).then_some((number, rest))
}

/// How many parts a number has: 2 for `8.1`.
pub(crate) fn depth(number: &str) -> usize {
    number.split('.').filter(|part| !part.is_empty()).count()
}

fn after_announcement(text: &str) -> (bool, &str) {
    let first = text.split_whitespace().next().unwrap_or_default();
    let announcement =
        ANNOUNCING.iter().find(|word| first.eq_ignore_ascii_case(word) || (first.starts_with('§')));
    match announcement {
        Some(_) if first.starts_with('§') => (true, text.trim_start_matches('§').trim_start()),
        Some(_) => (true, text.get(first.len()..).unwrap_or_default().trim_start()),
        None => (false, text),
    }
}

fn digits(text: &str) -> Option<(String, &str)> {
    let end =
        text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (run, _) = text.split_at_checked(end)?;
    let number = run.trim_end_matches('.');
    let parts_fit = number.split('.').all(|part| (1..=3).contains(&part.len()));
    parts_fit.then(|| (number.to_owned(), text.get(number.len()..).unwrap_or_default()))
}

fn roman_or_digits(text: &str) -> Option<(String, &str)> {
    digits(text).or_else(|| {
        let end = text.find(|character| !"IVXLC".contains(character)).unwrap_or(text.len());
        let (numeral, rest) = text.split_at_checked(end)?;
        (!numeral.is_empty()).then(|| (numeral.to_owned(), rest))
    })
}

/// A single number needs its own mark, or `30 days` would be clause 30; `8.1` needs none.
fn after_mark<'a>(number: &str, rest: &'a str) -> Option<&'a str> {
    match rest.strip_prefix(['.', ')']) {
        Some(after) => Some(after),
        None if depth(number) > 1 => Some(rest),
        None => None,
    }
}

fn opens_with_measure(rest: &str) -> bool {
    let first = rest.split_whitespace().next().unwrap_or_default().to_lowercase();
    MEASURED.contains(&first.trim_end_matches([',', '.', ';']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let found = split_number(text);
        assert_eq!(found.as_ref().map(|(number, rest)| (number.as_str(), *rest)), expected, "{text}");
    }

    #[test]
    fn numbers_in_front_are_split_off() {
        check("1.1 Access and Use.", Some(("1.1", "Access and Use.")));
        check("10.2. Exclusions", Some(("10.2", "Exclusions")));
        check("3) Fees", Some(("3", "Fees")));
        check("Section 3: Fees", Some(("3", "Fees")));
        check("§ 4 Haftung", Some(("4", "Haftung")));
        check("ARTICLE IV – Fees", Some(("IV", "Fees")));
        check("7.", Some(("7", "")));
    }

    #[test]
    fn what_is_agreed_is_no_number() {
        check("30 days after the invoice", None);
        check("12.5 percent of the fees", None);
        check("2026.", None);
        check("1.5% interest", None);
        check("1,000 users", None);
        check("Clauses survive", None);
        check("Article about cooking", None);
    }
}
