//! The rules. Each can be decided from the text alone, and says what it saw; what needs an opinion is left to people.

use crate::Finding;
use crate::outline::{Kind, Part};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The most characters an item may have: two lines on most screens.
const LONGEST: usize = 120;
/// Characters of a text that are quoted in a finding.
const QUOTED: usize = 80;

/// Words that say that something was done and not what. An item made of these alone says nothing.
const FILLERS: &str = "\
    a again all also an and are as asdf at be bit bits bug bugfix bugfixes bugs bump bumped bumps change \
    changed changes clean cleaned cleaning cleanup code commit commits couple dependencies dependency deps done \
    edit edited edits error errors etc few file files final fix fixed fixes fixing foo for forgot from general \
    hotfix hotfixes improve improved improvement improvements in initial internal is issue issues it its last \
    little lots maintenance many mend mended mends merge merged merges message minor misc miscellaneous mods \
    more my new no of oh on one oops other others out patch polish polishing problem problems progress quick \
    qwerty refactor refactored refactoring refactors release reread rereading review rework save saved several \
    small some stuff task temp temporary test that the them these thing things this those ticket tidy tiny to \
    try tweak tweaked tweaks up update updated updates updating various version with work works";

/// The same word by word, in order.
static LISTED: LazyLock<Vec<&str>> = LazyLock::new(|| FILLERS.split_ascii_whitespace().collect());

/// How an item begins that somebody meant to come back to.
const UNFINISHED: [&str; 8] =
    ["wip", "fixup!", "squash!", "amend!", "draft:", "todo", "do not merge", "donotmerge"];

/// All findings, in the order of the text.
pub(crate) fn findings(parts: &[Part]) -> Vec<Finding> {
    let mut found = empty_sections(parts);
    let mut seen: HashMap<String, u32> = HashMap::new();
    for item in parts.iter().filter(|part| part.kind == Kind::Item) {
        found.extend(weaknesses(item));
        let first = *seen.entry(told(&item.text)).or_insert(item.line);
        if first != item.line {
            found.push(finding(item, "repeated", format!("line {first} says the same")));
        }
    }
    found.sort_by_key(|finding| finding.line);
    found
}

fn weaknesses(item: &Part) -> Vec<Finding> {
    let text = without_marks(&item.text);
    let length = text.chars().count();
    let mut found = Vec::new();
    if let Some(begin) = UNFINISHED.iter().find(|begin| begins(&text, begin)) {
        found.push(finding(item, "work-in-progress", format!("it begins with `{begin}`")));
    } else if says_nothing(&text) {
        found.push(finding(item, "says-nothing", "it says that something was done and not what".into()));
    } else if is_trailer(&text) {
        found.push(finding(item, "says-nothing", "it says who took part and not what was done".into()));
    }
    if plays_a_header(&text) {
        found.push(finding(
            item,
            "like-a-header",
            "it reads as if it were a heading or a line of a log".into(),
        ));
    }
    if length > LONGEST {
        found.push(finding(item, "too-long", format!("{length} characters; at most {LONGEST} are read")));
    }
    found
}

/// A heading is empty when nothing stands between it and the next one that is no part of it.
fn empty_sections(parts: &[Part]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let Kind::Heading(level) = part.kind else { continue };
        let next = parts.get(place + 1).map(|next| next.kind);
        let is_empty = match next {
            None => true,
            Some(Kind::Heading(other)) => other <= level,
            Some(_) => false,
        };
        if is_empty {
            found.push(finding(part, "empty-section", "nothing stands under this heading".into()));
        }
    }
    found
}

/// The text in lower case without the references at its end: `(1a2b3c4, #12)`.
fn without_marks(text: &str) -> String {
    let mut rest = text.trim();
    while let Some((before, inside)) = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
        if !inside.split([',', ' ']).filter(|word| !word.is_empty()).all(is_reference) {
            break;
        }
        rest = before.trim_end();
    }
    rest.to_lowercase()
}

fn is_reference(word: &str) -> bool {
    let number = word.trim_start_matches(['#', '!', '+']);
    let is_number = number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_commit = (7..=64).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number || is_commit
}

/// Whether the text begins so and a word ends there.
fn begins(text: &str, begin: &str) -> bool {
    let text = text.trim_start_matches(['[', '(']);
    text.strip_prefix(begin).is_some_and(|rest| {
        !begin.ends_with(char::is_alphanumeric) || !rest.starts_with(|next: char| next.is_alphanumeric())
    })
}

/// `Co-authored-by: somebody`.
fn is_trailer(text: &str) -> bool {
    let token = text.split_once(": ").map(|(token, _)| token);
    token.is_some_and(|token| {
        token.ends_with("-by") && token.bytes().all(|it| it.is_ascii_alphabetic() || it == b'-')
    })
}

/// Whether an item begins like a heading, or names a commit with its whole digest or an author with an address.
fn plays_a_header(text: &str) -> bool {
    let is_digest = |word: &str| word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let names = |name: &str| {
        text.find(name).and_then(|at| text.get(at + name.len()..)).is_some_and(|rest| rest.contains('@'))
    };
    let mut words = text.split(|letter: char| !letter.is_alphanumeric());
    let names_commit = words.any(|word| word == "commit") && words.any(is_digest);
    text.starts_with('#') || names_commit || names("author: ") || names("committer: ")
}

/// Whether no word is left once the fillers are taken out. Numbers and single letters are no words, and one word alone
/// says nothing either, in a script that parts words.
fn says_nothing(text: &str) -> bool {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    if text.is_ascii() && words.clone().count() == 1 {
        return true;
    }
    let mut telling = words.filter(|word| {
        let is_word = word.chars().any(char::is_alphabetic) && (word.len() > 1 || !word.is_ascii());
        is_word && LISTED.binary_search(word).is_err()
    });
    telling.next().is_none()
}

/// What makes two items the same: their words, whatever stands between and after them.
fn told(text: &str) -> String {
    let text = without_marks(text);
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn finding(part: &Part, rule: &str, why: String) -> Finding {
    let text = part.text.trim();
    let quoted = match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    };
    Finding { line: part.line, rule: rule.to_owned(), text: quoted, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_stand_in_order_and_once() {
        assert!(LISTED.is_sorted_by(|one, next| one < next), "{:?}", *LISTED);
    }

    #[test]
    fn references_at_the_end_are_no_part_of_what_is_said() {
        assert_eq!(without_marks("Fix it (1a2b3c4, #12)"), "fix it");
        assert_eq!(without_marks("Fix it (#7) (1a2b3c4)"), "fix it");
        assert_eq!(without_marks("Fix it (1a2b3c4, 5d6e7f8, +12)"), "fix it");
        assert_eq!(without_marks("Fix it (again)"), "fix it (again)");
    }
}
