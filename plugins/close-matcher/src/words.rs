//! What the words of a line have in common with those of another: references, and words.
//!
//! A reference is a run of letters and digits with three digits at least, whatever marks and capitals it is written
//! with. It is known by its hash; two lines also have to agree on their amounts, so a chance hit does no harm.

use std::num::NonZeroU32;

/// Letters and digits of a reference; more is a token of some program.
const LONGEST: usize = 40;
/// The same at least, and of these so many digits.
const SHORTEST: usize = 4;
const DIGITS: usize = 3;
/// Letters of a word that says something.
const SHORTEST_WORD: usize = 4;

/// A reference of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) hash: u64,
    /// The letters in front, where there are two or more: what kind of number it is. A line can have eight, and there
    /// can be a million lines: half a hash is enough.
    pub(crate) kind: Option<NonZeroU32>,
}

/// The references of a line, at most so many.
const REFERENCES_MAX: usize = 8;

/// Puts the references in two texts behind what is there already.
pub(crate) fn references(words: (&str, &str), into: &mut Vec<Reference>) {
    let begin = into.len();
    for text in [words.0, words.1] {
        for run in text.split(|letter: char| !is_part(letter)).filter(|run| run.len() >= SHORTEST) {
            // A slash stands within a number, and between two.
            let pieces = run.split('/').filter(|piece| piece.len() < run.len());
            let read = std::iter::once(run).chain(pieces).flat_map(|run| [reference(run), bare_number(run)]);
            for reference in read.flatten() {
                let found = into.get(begin..).unwrap_or_default();
                if found.len() < REFERENCES_MAX && found.iter().all(|known| known.hash != reference.hash) {
                    into.push(reference);
                }
            }
        }
    }
}

/// What stands within a reference.
fn is_part(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '/' | '.' | '_' | '#')
}

fn reference(run: &str) -> Option<Reference> {
    let letters = || run.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase());
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    if digits < DIGITS {
        return None;
    }
    let length = letters().count();
    if !(SHORTEST..=LONGEST).contains(&length) || is_date(run, length, digits) {
        return None;
    }
    let in_front = letters().take_while(u8::is_ascii_alphabetic);
    let kind = (in_front.clone().count() >= 2).then(|| half(hash(in_front))).flatten();
    Some(Reference { hash: hash(letters()), kind })
}

/// The digits of `INV-2041` alone: the other side may have left the letters away.
fn bare_number(run: &str) -> Option<Reference> {
    let number = run.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let is_number =
        number.len() < run.len() && number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    reference(number).filter(|_| is_number)
}

/// A year or a day, which lines share for no reason.
fn is_date(run: &str, length: usize, digits: usize) -> bool {
    if digits != length {
        return false;
    }
    let number = |from: usize, to: usize| run.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let is_year = |year: Option<u32>| year.is_some_and(|year| (1990..=2035).contains(&year));
    match (run.len(), length) {
        (4, 4) => is_year(number(0, 4)),
        (8, 8) => is_year(number(0, 4)) || is_year(number(4, 8)),
        // With two marks between.
        (10, 8) => is_year(number(0, 4)) || is_year(number(6, 10)),
        _ => false,
    }
}

/// Whether two lines each name a number of the same kind and none of them is the same: two invoices.
pub(crate) fn contradict(ours: &[Reference], theirs: &[Reference]) -> bool {
    let same_kind = |one: &Reference, other: &Reference| one.kind.is_some() && one.kind == other.kind;
    ours.iter().any(|our| {
        let mut alike = theirs.iter().filter(|their| same_kind(our, their)).peekable();
        alike.peek().is_some() && alike.all(|their| ours.iter().all(|our| our.hash != their.hash))
    })
}

/// The words of a line that say something.
pub(crate) fn telling((reference, text): (&str, &str)) -> Vec<u64> {
    let words =
        [reference, text].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_alphabetic()));
    let words = words.filter(|word| word.chars().count() >= SHORTEST_WORD);
    words.map(|word| hash(word.to_lowercase().bytes())).collect()
}

/// Whether a line has one of these words.
pub(crate) fn shares(words: &[u64], other: (&str, &str)) -> bool {
    !words.is_empty() && telling(other).iter().any(|word| words.contains(word))
}

fn half(hash: u64) -> Option<NonZeroU32> {
    u32::try_from(hash >> 32).ok().and_then(NonZeroU32::new)
}

/// 64-bit FNV-1a.
pub(crate) fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: (&str, &str)) -> Vec<Reference> {
        let mut found = Vec::new();
        references(words, &mut found);
        found
    }

    #[track_caller]
    fn share(one: &str, other: &str, expected: bool) {
        let (ours, theirs) = (of((one, "")), of(("", other)));
        let shared = ours.iter().any(|our| theirs.iter().any(|their| their.hash == our.hash));
        assert_eq!(shared, expected, "{one} and {other}");
    }

    #[test]
    fn references_are_the_same_however_they_are_written() {
        share("INV-2041", "Thanks for inv 2041/INV2041", true);
        share("INV-2041", "payment 2041", true);
        share("RE 2026/0412", "re-2026-0412", false);
        share("2026/0412", "2026-0412", true);
        share("INV-2041", "INV-2042", false);
        share("paid 2026-10-03", "on 2026-10-03", false);
        share("October 2026", "year 2026", false);
        share("20261003", "20261003", false);
        share("Rent", "Rent", false);
        share("", "", false);
    }

    #[test]
    fn two_numbers_of_a_kind_contradict_each_other() {
        assert!(contradict(&of(("INV-2041", "")), &of(("", "INV-2042 ACME"))));
        assert!(!contradict(&of(("INV-2041", "")), &of(("", "INV-2041 INV-2042"))));
        assert!(!contradict(&of(("INV-2041", "")), &of(("", "PO-77123"))));
        assert!(!contradict(&of(("INV-2041", "")), &of(("", "ACME"))));
    }

    #[test]
    fn words_are_shared_in_any_case() {
        assert!(shares(&telling(("", "Müller GmbH")), ("MÜLLER", "")));
        assert!(!shares(&telling(("", "the car")), ("the car", "")));
    }
}
