//! What stands before a subject and is none of it: marks of mailing lists, numbers of trackers, pictures, scopes.

use crate::item::Section;

/// Pictures and their names that say where a commit belongs, as many projects use them.
const MARKS: [(&str, Section); 30] = [
    (":boom:", Section::Breaking),
    ("\u{1f4a5}", Section::Breaking),
    (":lock:", Section::Security),
    ("\u{1f512}", Section::Security),
    (":sparkles:", Section::Added),
    ("\u{2728}", Section::Added),
    (":tada:", Section::Added),
    ("\u{1f389}", Section::Added),
    (":bug:", Section::Fixed),
    ("\u{1f41b}", Section::Fixed),
    (":ambulance:", Section::Fixed),
    ("\u{1f691}", Section::Fixed),
    (":adhesive_bandage:", Section::Fixed),
    ("\u{1fa79}", Section::Fixed),
    (":zap:", Section::Faster),
    ("\u{26a1}", Section::Faster),
    (":fire:", Section::Removed),
    ("\u{1f525}", Section::Removed),
    (":memo:", Section::Documentation),
    ("\u{1f4dd}", Section::Documentation),
    (":recycle:", Section::Behind),
    ("\u{267b}", Section::Behind),
    (":art:", Section::Behind),
    ("\u{1f3a8}", Section::Behind),
    (":white_check_mark:", Section::Behind),
    ("\u{2705}", Section::Behind),
    (":construction_worker:", Section::Behind),
    ("\u{1f477}", Section::Behind),
    (":arrow_up:", Section::Behind),
    ("\u{2b06}", Section::Behind),
];

/// Scopes before a subject at most: `net: ipv4: route: `.
const SCOPES_MAX: usize = 4;

/// A subject without what stands before it, and where the first picture says it belongs. A subject that is nothing
/// else is left as it is.
pub(crate) fn stripped(subject: &str) -> (&str, Option<Section>) {
    let (mut said, mut section) = (subject.trim(), None);
    while let Some(rest) = bracketed(said).or_else(|| number(said)).or_else(|| picture(said)) {
        let mark = said.strip_suffix(rest).unwrap_or_default();
        section = section.or_else(|| MARKS.iter().find(|(known, _)| mark.starts_with(known)).map(|it| it.1));
        said = rest;
    }
    if said.is_empty() { (subject.trim(), section) } else { (said, section) }
}

/// What is said behind `scope: `, where a few of those stand before it.
pub(crate) fn without_scopes(subject: &str) -> &str {
    let mut said = subject;
    for _ in 0..SCOPES_MAX {
        match said.split_once(": ") {
            Some((scope, rest)) if is_scope(scope) => said = rest.trim_start(),
            _ => break,
        }
    }
    said
}

fn is_scope(scope: &str) -> bool {
    let is_part =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '/' | '.' | ',' | '*' | '+');
    !scope.is_empty() && scope.chars().count() <= 40 && scope.chars().all(is_part)
}

/// `[PATCH v2 3/7] `, `[JIRA-12] `, `[parser] `. What is unfinished is left for whoever looks for it.
fn bracketed(said: &str) -> Option<&str> {
    let (inside, rest) = said.strip_prefix('[')?.split_once(']')?;
    let first = inside.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    let is_unfinished = ["wip", "draft", "todo"].iter().any(|word| first.eq_ignore_ascii_case(word));
    let is_short = inside.chars().count() <= 40 && !inside.trim().is_empty() && !rest.starts_with(['(', '[']);
    // What is checked or linked is written in brackets too.
    let is_label = inside.starts_with(|letter: char| letter.is_alphanumeric());
    (is_short && is_label && !is_unfinished).then(|| rest.trim_start_matches([':', ' ']))
}

/// `JIRA-1234 `, `JIRA-1234: `, `#123: `.
fn number(said: &str) -> Option<&str> {
    let end = said.find([' ', ':'])?;
    let (word, rest) = said.split_at_checked(end)?;
    let digits = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = |name: &str| {
        name.len() > 1
            && name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    // Not everything with a number is one of a tracker.
    let is_other =
        |name: &str| matches!(name, "UTF" | "SHA" | "ISO" | "RFC" | "CVE" | "HTTP" | "TLS" | "MD" | "AES");
    let is_number = match word.strip_prefix('#') {
        Some(number) => digits(number) && rest.starts_with(':'),
        None => word
            .split_once('-')
            .is_some_and(|(name, number)| is_name(name) && !is_other(name) && digits(number)),
    };
    is_number.then(|| rest.trim_start_matches([':', ' ']))
}

/// `:bug: `, or a picture.
fn picture(said: &str) -> Option<&str> {
    if let Some((name, rest)) = said.strip_prefix(':').and_then(|said| said.split_once(':')) {
        let is_name =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        return (is_name && !name.is_empty() && rest.starts_with(' ')).then(|| rest.trim_start());
    }
    let is_picture = |letter: char| matches!(letter, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{fe0f}');
    let rest = said.trim_start_matches(is_picture);
    (rest.len() < said.len()).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_none_of_a_subject_is_taken_away() {
        for (subject, said) in [
            ("[PATCH v2 3/7] Fix the door", "Fix the door"),
            ("JIRA-1234 Fix the door", "Fix the door"),
            ("JIRA-1234: fix: the door", "fix: the door"),
            ("[JIRA-12] login: show why", "login: show why"),
            ("#41: Fix the door", "Fix the door"),
            (":bug: Fix the door", "Fix the door"),
            ("\u{1f41b} Fix the door", "Fix the door"),
            ("\u{26a1}\u{fe0f} JIRA-1 Fix the door", "Fix the door"),
        ] {
            assert_eq!(stripped(subject).0, said, "{subject}");
        }
        for whole in [
            "[wip] login",
            "[x](y)",
            "[ ] a",
            "UTF-8 names are read",
            "#41 is fixed",
            "\u{1f525}",
            ":: is read",
            "[JIRA-1]",
        ] {
            assert_eq!(stripped(whole).0, whole);
        }
    }

    #[test]
    fn scopes_are_words_before_a_colon() {
        assert_eq!(without_scopes("net: ipv4/route: fix a race"), "fix a race");
        assert_eq!(without_scopes("Say it: nothing is read"), "Say it: nothing is read");
    }
}
