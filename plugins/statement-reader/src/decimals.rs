//! Amounts as people and programs write them, and which mark their decimals stand behind: found in all of them
//! together, since `1.234` alone can be read in two ways.

use crate::Decimal;
use kapell_cells::{Amount, DECIMALS_MAX, DIGITS_MAX, NoAmount};
use std::borrow::Cow;

/// An amount without what surrounds it: digits, points and commas, and its sign.
#[derive(Debug, PartialEq)]
pub(crate) struct Bare<'a> {
    negative: bool,
    digits: Cow<'a, str>,
}

/// Takes an amount out of a cell: signs in front, behind or as brackets, currencies and blanks between digits.
///
/// Fails with why it is none.
pub(crate) fn bare(cell: &str) -> Result<Bare<'_>, String> {
    let (negative, digits) = cell.strip_prefix('-').map_or((false, cell), |digits| (true, digits));
    // As nearly all of them are written.
    if is_amount(digits) {
        return Ok(Bare { negative, digits: Cow::Borrowed(digits) });
    }
    dressed(cell.trim())
}

fn is_amount(digits: &str) -> bool {
    let mut bytes = digits.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_digit())
        && bytes.all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
}

fn dressed(text: &str) -> Result<Bare<'_>, String> {
    if text.starts_with(['=', '@']) {
        return Err(format!("`{}` is a formula", short(text)));
    }
    let inside = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let (bracketed, mut rest) = inside.map_or((false, text), |inside| (true, inside));
    let mut negative = bracketed;
    // Sign and currency stand in either order: `-€12.00`, `€ -12.00`, `12.00- EUR`.
    for _ in 0..2 {
        rest = without_currency(rest);
        if let Some(unsigned) = rest.strip_prefix(['-', '−']).or_else(|| rest.strip_suffix(['-', '−'])) {
            if negative {
                return Err(format!("`{}` has two signs", short(text)));
            }
            (negative, rest) = (true, unsigned.trim());
        }
        rest = rest.strip_prefix('+').unwrap_or(rest).trim();
    }
    let digits: String = rest.chars().filter(|letter| !is_blank(*letter)).collect();
    // `.50` has no digit in front.
    match is_amount(digits.trim_start_matches(['.', ','])) {
        true => Ok(Bare { negative, digits: Cow::Owned(digits) }),
        false => Err(format!("`{}` is no amount", short(text))),
    }
}

fn without_currency(text: &str) -> &str {
    let text = text.trim().trim_matches(['€', '$', '£', '¥']).trim();
    let is_code = |code: &str| crate::headings::is_currency(code);
    if let Some((rest, code)) = text.len().checked_sub(3).and_then(|at| text.split_at_checked(at))
        && is_code(code)
    {
        return rest.trim();
    }
    match text.split_at_checked(3) {
        Some((code, rest)) if is_code(code) => rest.trim(),
        _ => text,
    }
}

/// What stands between groups of digits and is never a decimal mark.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’')
}

/// What an amount says about the decimal mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It has none, or one that both readings agree on.
    Nothing,
    /// It is an amount either way, and not the same: `1.234`.
    Open,
    /// It can only be read so.
    Only(Decimal),
}

impl Bare<'_> {
    pub(crate) fn evidence(&self) -> Evidence {
        match self.marks() {
            (0, _) => return Evidence::Nothing,
            // What has no three digits behind it, or does not stand where a group could begin, is no group.
            (1, at) if self.digits.len() - at != 4 || !(1..=3).contains(&at) => {
                let is_point = self.digits.as_bytes().get(at) == Some(&b'.');
                let is_bare = at + 1 == self.digits.len();
                return match (is_bare, is_point) {
                    (true, _) => Evidence::Nothing,
                    (false, true) => Evidence::Only(Decimal::Point),
                    (false, false) => Evidence::Only(Decimal::Comma),
                };
            }
            _ => {}
        }
        match (self.parts(Decimal::Point).is_some(), self.parts(Decimal::Comma).is_some()) {
            (true, true) => Evidence::Open,
            (true, false) => Evidence::Only(Decimal::Point),
            (false, true) => Evidence::Only(Decimal::Comma),
            _ => Evidence::Nothing,
        }
    }

    /// How many marks there are, and where the last one stands.
    fn marks(&self) -> (usize, usize) {
        let mut found = (0, 0);
        for (at, byte) in self.digits.bytes().enumerate() {
            if !byte.is_ascii_digit() {
                found = (found.0 + 1, at);
            }
        }
        found
    }

    /// What stands before and behind this decimal mark, where it can be one; and what stands between groups.
    fn parts(&self, decimal: Decimal) -> Option<(&str, &str, char)> {
        let (mark, group) = match decimal {
            Decimal::Point => ('.', ','),
            Decimal::Comma => (',', '.'),
        };
        let (whole, part) = self.digits.split_once(mark).unwrap_or((&self.digits, "0"));
        let fits =
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && in_threes(whole, group);
        fits.then_some((whole, part, group))
    }

    /// The amount, with this decimal mark.
    ///
    /// Fails with why it is none.
    pub(crate) fn amount(&self, decimal: Decimal) -> Result<Amount, String> {
        let mark = if decimal == Decimal::Point { '.' } else { ',' };
        // As nearly all of them are written.
        let (marks, at) = self.marks();
        let split = self.digits.split_at_checked(at).filter(|_| marks == 1 && at > 0);
        let plain = split.and_then(|(whole, part)| Some((whole, part.strip_prefix(mark)?, mark)));
        let Some((whole, part, group)) = plain.or_else(|| self.parts(decimal)) else {
            return Err(format!("`{}` is no amount whose decimal mark is `{mark}`", short(&self.digits)));
        };
        let size = match whole {
            "" => Amount::of_parts("0", part),
            grouped if grouped.contains(group) => Amount::of_parts(&grouped.replace(group, ""), part),
            plain => Amount::of_parts(plain, part),
        };
        let size = size.map_err(|error| self.why(error))?;
        Ok(if self.negative { -size } else { size })
    }

    fn why(&self, error: NoAmount) -> String {
        match error {
            NoAmount::NoNumber => format!("`{}` is no amount", short(&self.digits)),
            NoAmount::TooLong(digits) => format!("it has {digits} digits; amounts have {DIGITS_MAX} at most"),
            NoAmount::TooFine(digits) => {
                format!("it has {digits} decimals; amounts have {DECIMALS_MAX} at most")
            }
        }
    }
}

/// Whether groups stand where groups stand: one to three digits, then threes.
fn in_threes(whole: &str, group: char) -> bool {
    if !whole.contains(group) {
        return true;
    }
    let mut groups = whole.split(group);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && first != "0" && groups.all(|group| group.len() == 3)
}

/// What all amounts of an export say together.
#[derive(Debug, Default)]
pub(crate) struct Votes {
    point: u32,
    comma: u32,
    /// The first amounts that can be read in two ways.
    open: Vec<String>,
}

impl Votes {
    pub(crate) fn count(&mut self, bare: &Bare<'_>) {
        match bare.evidence() {
            Evidence::Nothing => {}
            Evidence::Open if self.open.len() < 3 => self.open.push(short(&bare.digits)),
            Evidence::Open => {}
            Evidence::Only(Decimal::Point) => self.point += 1,
            Evidence::Only(Decimal::Comma) => self.comma += 1,
        }
    }

    /// The mark and why, or why it can't be told.
    pub(crate) fn decide(&self, said: Option<Decimal>) -> Result<(Decimal, String), String> {
        let seen = |count: u32| format!("{count} amounts can only be read so");
        match (said, self.point, self.comma) {
            (Some(said), ..) => Ok((said, "it was said".to_owned())),
            (None, 0, 0) if self.open.is_empty() => Ok((Decimal::Point, "no amount has one".to_owned())),
            (None, point, comma) if point > 0 && point / 10 >= comma => Ok((Decimal::Point, seen(point))),
            (None, point, comma) if comma > 0 && comma / 10 >= point => Ok((Decimal::Comma, seen(comma))),
            (None, 0, 0) => {
                let open = self.open.join("`, `");
                Err(format!(
                    "decimal mark: `{open}` can be read in two ways; say `decimal`: `point` or `comma`"
                ))
            }
            (None, point, comma) => Err(format!(
                "decimal mark: {point} amounts can only be read with a point and {comma} only with a comma; \
                 say `decimal`: `point` or `comma`"
            )),
        }
    }
}

/// The first forty characters.
pub(crate) fn short(text: &str) -> String {
    let line = kapell_cells::on_one_line(text);
    match line.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(&line)),
        None => line.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, point: &str, comma: &str) {
        let told = |decimal| match bare(cell).and_then(|bare| bare.amount(decimal)) {
            Ok(amount) => amount.to_string(),
            Err(why) => why,
        };
        let shorter = |why: String| if why.contains("decimal mark") { "no".to_owned() } else { why };
        assert_eq!(
            (shorter(told(Decimal::Point)), shorter(told(Decimal::Comma))),
            (point.into(), comma.into()),
            "{cell}"
        );
    }

    #[test]
    fn amounts_are_read_as_they_are_written() {
        check("12", "12.00", "12.00");
        check("1.234", "1.234", "1234.00");
        check("1,234", "1234.00", "1.234");
        check("1.234,50", "no", "1234.50");
        check("1,234.50", "1234.50", "no");
        check("1.234.567", "no", "1234567.00");
        check("12.5", "12.50", "no");
        check("0.125", "0.125", "no");
        check("1234.567", "1234.567", "no");
        check("1,23,456.00", "no", "no");
        check("-12.50", "-12.50", "no");
        check("12.50-", "-12.50", "no");
        check("−12.50", "-12.50", "no");
        check("(12.50)", "-12.50", "no");
        check("+12.50", "12.50", "no");
        check("€ -12.50", "-12.50", "no");
        check("-€12.50", "-12.50", "no");
        check("12.50 EUR", "12.50", "no");
        check("EUR 12.50-", "-12.50", "no");
        check("1'234.50", "1234.50", "no");
        check("1 234,50", "no", "1234.50");
        check("1\u{202f}234,50", "no", "1234.50");
    }

    #[test]
    fn what_is_no_amount_says_why() {
        check("=1+1", "`=1+1` is a formula", "`=1+1` is a formula");
        check("12a", "`12a` is no amount", "`12a` is no amount");
        check("12.50 CR", "`12.50 CR` is no amount", "`12.50 CR` is no amount");
        check("-12-", "`-12-` has two signs", "`-12-` has two signs");
        check("", "`` is no amount", "`` is no amount");
        let long = "it has 30 digits; amounts have 15 at most";
        check(&"9".repeat(30), long, long);
        check("0.123456", "it has 6 decimals; amounts have 4 at most", "no");
    }

    #[test]
    fn the_mark_is_found_in_all_amounts_together() {
        let decided = |cells: &[&str]| {
            let mut votes = Votes::default();
            cells.iter().filter_map(|cell| bare(cell).ok()).for_each(|bare| votes.count(&bare));
            votes.decide(None).map(|(decimal, _)| decimal)
        };
        assert_eq!(decided(&["1.234", "12,50"]), Ok(Decimal::Comma));
        assert_eq!(decided(&["1.234", "1,234.50"]), Ok(Decimal::Point));
        assert_eq!(decided(&["12", "13"]), Ok(Decimal::Point));
        assert!(decided(&["1.234", "5.678"]).is_err_and(|why| why.contains("two ways")));
        assert!(decided(&["12.50", "12,50"]).is_err_and(|why| why.contains("1 amounts can only")));
        let mut mostly = vec!["12,50"; 10];
        mostly.push("12.50");
        assert_eq!(decided(&mostly), Ok(Decimal::Comma), "one of ten is the one that is wrong");
    }
}
