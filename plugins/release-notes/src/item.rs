//! A commit as an item of the notes: which section it belongs to, and what of its subject is said.

use crate::log::Commit;
use crate::prefix;

/// The sections, in the order of the notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Breaking,
    Security,
    Added,
    Changed,
    Deprecated,
    Fixed,
    Faster,
    Removed,
    Documentation,
    Behind,
}

impl Section {
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Section::Breaking => "Breaking changes",
            Section::Security => "Security",
            Section::Added => "Added",
            Section::Changed => "Changed",
            Section::Deprecated => "Deprecated",
            Section::Fixed => "Fixed",
            Section::Faster => "Faster",
            Section::Removed => "Removed",
            Section::Documentation => "Documentation",
            Section::Behind => "Behind the scenes",
        }
    }
}

/// Types of conventional commits.
const TYPES: [(&str, Section); 17] = [
    ("feat", Section::Added),
    ("feature", Section::Added),
    ("fix", Section::Fixed),
    ("bugfix", Section::Fixed),
    ("hotfix", Section::Fixed),
    ("security", Section::Security),
    ("deprecate", Section::Deprecated),
    ("perf", Section::Faster),
    ("revert", Section::Removed),
    ("docs", Section::Documentation),
    ("doc", Section::Documentation),
    ("refactor", Section::Behind),
    ("style", Section::Behind),
    ("test", Section::Behind),
    ("build", Section::Behind),
    ("ci", Section::Behind),
    ("chore", Section::Behind),
];

/// First words of commits without a type, as they are when somebody is told to do it; other forms are known by these.
const VERBS: [(&str, Section); 9] = [
    ("secure harden sanitise sanitize escape redact security", Section::Security),
    (
        "accept add allow ask create draft enable expose gave give hand implement introduce learn lend let list new offer \
      permit print propose prove provide report said say ship show shown sign support teach tell told",
        Section::Added,
    ),
    (
        "avoid bound bugfix catch correct fix fixup guard handle hotfix keep kept mend never patch prevent recover refuse \
      reject repair resolve restore stop stopped survive tolerate",
        Section::Fixed,
    ),
    ("accelerate cache halve optimise optimize speed sped", Section::Faster),
    ("delete discard drop dropped eliminate remove retire revert strip", Section::Removed),
    ("deprecate", Section::Deprecated),
    ("changelog comment describe doc document explain readme", Section::Documentation),
    (
        "attack bench benchmark bump ci clippy cleanup fmt format gather lint measure merge mutate play refactor reformat \
      release reorder restructure rework rustfmt simplify split test tidy typo upgrade vendor wip wrap",
        Section::Behind,
    ),
    ("breaking", Section::Breaking),
];

/// Words that tell of work on the work itself, wherever they stand, and of what is written about it.
const OF_THE_WORK: &str = "ci clippy flake flaky fmt linter lints mutation mutations nit nits refactor rereading rustfmt test tests";
const OF_WHAT_IS_WRITTEN: &str = "changelog documentation manual readme readmes";

/// Where a commit belongs, and what is said of it: plain text, one line.
pub(crate) fn of(commit: &Commit) -> (Section, String) {
    let declared = commit
        .body
        .iter()
        .any(|line| line.starts_with("BREAKING CHANGE: ") || line.starts_with("BREAKING-CHANGE: "));
    let (subject, by_mark) = prefix::stripped(&commit.subject);
    let (section, said) = match conventional(subject) {
        Some((section, scope, is_breaking, said)) => {
            let said = if scope.is_empty() { said.to_owned() } else { format!("{scope}: {said}") };
            (if is_breaking { Section::Breaking } else { section }, said)
        }
        None => (by_mark.unwrap_or_else(|| by_words(subject)), subject.to_owned()),
    };
    (if declared { Section::Breaking } else { section }, sentence(&said))
}

/// `type(scope)!: what`, where the type is one of the known ones.
fn conventional(subject: &str) -> Option<(Section, &str, bool, &str)> {
    let (head, said) = subject.split_once(": ")?;
    let (head, is_breaking) = head.strip_suffix('!').map_or((head, false), |head| (head, true));
    let (kind, scope) = match head.strip_suffix(')').and_then(|head| head.split_once('(')) {
        Some((kind, scope)) => (kind, scope),
        None => (head, ""),
    };
    let kind = kind.to_ascii_lowercase();
    let section = TYPES.iter().find(|(known, _)| *known == kind).map(|(_, section)| *section)?;
    Some((section, scope, is_breaking, said))
}

/// By the words of a subject: what it is about where that is the work itself, else what it does.
fn by_words(subject: &str) -> Section {
    let said = prefix::without_scopes(subject);
    if is_vulnerability(said) {
        return Section::Security;
    }
    // What stands in backquotes is a name of something, and no word.
    let plain: Vec<String> = subject.split('`').step_by(2).flat_map(words).map(str::to_lowercase).collect();
    let says_any = |list: &str| plain.iter().any(|word| is_listed(list, word));
    if says_any(OF_THE_WORK) {
        return Section::Behind;
    }
    if says_any(OF_WHAT_IS_WRITTEN) {
        return Section::Documentation;
    }
    let first = by_first_word(said).or_else(|| by_first_word(subject));
    first.unwrap_or(Section::Changed)
}

fn by_first_word(said: &str) -> Option<Section> {
    let first = words(said).next()?.to_lowercase();
    let section =
        |word: &str| VERBS.iter().find(|(list, _)| is_listed(list, word)).map(|(_, section)| *section);
    forms(&first).iter().find_map(|form| section(form))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '\'' | '\u{2019}');
    text.split(move |letter| !is_part(letter)).filter(|word| !word.is_empty())
}

fn is_listed(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// A word, and what it may be a form of: `fixes`, `introduced`, `adding`.
fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    for ending in ["s", "es", "d", "ed", "ing"] {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        forms.push(stem.to_owned());
        if ending == "ing" {
            forms.push(format!("{stem}e"));
        }
    }
    forms
}

/// Whether a subject names an entry of the list of known vulnerabilities: `CVE-2026-1234`.
fn is_vulnerability(said: &str) -> bool {
    let mut rest = words(said);
    while let Some(word) = rest.next() {
        let is_year = |year: &str| year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
        if word.eq_ignore_ascii_case("cve") && rest.next().is_some_and(is_year) {
            return true;
        }
    }
    false
}

/// As the beginning of a sentence, without a full stop. A first word that is a name is left as it is.
pub(crate) fn sentence(said: &str) -> String {
    let said = said.trim();
    let said = if said.ends_with("..") { said } else { said.trim_end_matches('.') };
    let first = said.split(' ').next().unwrap_or_default();
    let is_word = first.chars().all(|letter| letter.is_lowercase());
    let mut letters = said.chars();
    match (is_word, letters.next()) {
        (_, None) => "(no message)".to_owned(),
        (true, Some(first)) => first.to_uppercase().chain(letters).collect(),
        (false, Some(_)) => said.to_owned(),
    }
}
