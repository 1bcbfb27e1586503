//! A commit as an item of the notes: which section it belongs to, and what of its subject is said.

use crate::log::Commit;

/// The sections, in the order of the notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Breaking,
    Added,
    Changed,
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
            Section::Added => "Added",
            Section::Changed => "Changed",
            Section::Fixed => "Fixed",
            Section::Faster => "Faster",
            Section::Removed => "Removed",
            Section::Documentation => "Documentation",
            Section::Behind => "Behind the scenes",
        }
    }
}

/// Types of conventional commits.
const TYPES: [(&str, Section); 16] = [
    ("feat", Section::Added),
    ("feature", Section::Added),
    ("fix", Section::Fixed),
    ("bugfix", Section::Fixed),
    ("hotfix", Section::Fixed),
    ("security", Section::Fixed),
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

/// First words of commits without a type, in any of their usual forms.
const VERBS: [(&str, Section); 8] = [
    (
        "add added adds allow allows enable implement implements introduce introduced introduces lend offer new provide \
      support supports teach",
        Section::Added,
    ),
    (
        "fix fixed fixes fixup bugfix correct corrects corrected mend mends prevent prevents repair resolve resolves avoid \
      avoids handle handles",
        Section::Fixed,
    ),
    ("speed optimise optimize optimised optimized accelerate cache", Section::Faster),
    (
        "remove removed removes delete deletes deleted drop drops dropped deprecate deprecates revert reverts",
        Section::Removed,
    ),
    (
        "document documents documented docs doc readme changelog comment describe explain",
        Section::Documentation,
    ),
    (
        "test tests bench ci lint format fmt reformat clippy bump release refactor refactors typo typos",
        Section::Behind,
    ),
    ("wip", Section::Behind),
    ("breaking", Section::Breaking),
];

/// Where a commit belongs, and what is said of it: plain text, one line.
pub(crate) fn of(commit: &Commit) -> (Section, String) {
    let declared = commit
        .body
        .iter()
        .any(|line| line.starts_with("BREAKING CHANGE: ") || line.starts_with("BREAKING-CHANGE: "));
    let (section, said) = match conventional(&commit.subject) {
        Some((section, scope, is_breaking, said)) => {
            let said = if scope.is_empty() { said.to_owned() } else { format!("{scope}: {said}") };
            (if is_breaking { Section::Breaking } else { section }, said)
        }
        None => (by_first_word(&commit.subject), commit.subject.clone()),
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

fn by_first_word(subject: &str) -> Section {
    let first = subject.split(|letter: char| !letter.is_alphanumeric()).find(|word| !word.is_empty());
    let first = first.unwrap_or_default().to_lowercase();
    let known = VERBS.iter().find(|(words, _)| words.split_ascii_whitespace().any(|word| word == first));
    known.map_or(Section::Changed, |(_, section)| *section)
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
