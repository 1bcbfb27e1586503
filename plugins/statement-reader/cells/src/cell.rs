//! A cell of text: one line that prints, and nothing a spreadsheet would run.

use crate::Amount;
use std::borrow::Cow;

/// Whether a spreadsheet may take a cell for a formula: it begins with `=`, `+`, `-` or `@`, as itself or in full width,
/// or with a character that is trimmed away before one of them. A number with a sign is none.
#[must_use]
pub fn is_formula(cell: &str) -> bool {
    let begins =
        |first: char| matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    cell.starts_with(begins) && Amount::parse(cell).is_err()
}

/// The text on one line: what breaks a line or moves a cursor becomes a blank, what turns the direction of reading
/// goes, and so do blanks at both ends.
#[must_use]
pub fn on_one_line(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    if cell.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || cell.chars().all(prints) {
        return Cow::Borrowed(cell);
    }
    let kept = cell.chars().filter(|letter| !turns(*letter));
    let line: String = kept.map(|letter| if prints(letter) { letter } else { ' ' }).collect();
    Cow::Owned(line.trim().to_owned())
}

/// The text as it may stand in a file that somebody opens: on one line, and behind an apostrophe where it could be run.
pub(crate) fn harmless(cell: &str) -> Cow<'_, str> {
    let line = on_one_line(cell);
    if is_formula(&line) { Cow::Owned(format!("'{line}")) } else { line }
}

fn prints(letter: char) -> bool {
    !letter.is_control() && !turns(letter) && !matches!(letter, '\u{2028}' | '\u{2029}')
}

fn turns(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_kept_from_running_and_numbers_stay_numbers() {
        let table = [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+49 30 1234", "'+49 30 1234"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            ("\t=1+1", "'=1+1"),
            ("\r\n=1", "'=1"),
            ("\u{200e}=1", "'=1"),
            ("＝1", "'＝1"),
            ("-120.50", "-120.50"),
            ("--120.50", "'--120.50"),
            ("-1+1", "'-1+1"),
            ("Rent = 5", "Rent = 5"),
            ("'=1", "'=1"),
            ("", ""),
        ];
        for (cell, expected) in table {
            assert_eq!(harmless(cell), expected, "{cell:?}");
            assert_eq!(harmless(&harmless(cell)), expected, "twice is once: {cell:?}");
        }
    }

    #[test]
    fn a_cell_is_one_line_that_prints() {
        assert_eq!(on_one_line(" a\r\nb\u{1b}[2J\0 "), "a  b [2J");
        assert_eq!(on_one_line("\u{202e}txt\u{2028}b"), "txt b");
        assert_eq!(on_one_line("Crème 株式会社"), "Crème 株式会社");
    }
}
