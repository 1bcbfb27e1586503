//! The grading rules: a readable TOML file, read strictly.
//!
//! A rule that can't be read could be the one that matters, so any mistake refuses the whole file and says where.

use serde::Deserialize;
use toml::Spanned;

use crate::bindings::exports::kapell::contract_terms::comparing::{Kind, RulesError, Weight};

const LONGEST_BYTES: usize = 64 << 10;
/// Keeps the cost of grading in proportion to the text.
const MOST_PATTERNS: usize = 300;

/// What grades departures.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The weight of a departure that no rule names.
    pub(crate) otherwise: Weight,
    pub(crate) rules: Vec<Rule>,
}

/// One rule; every condition it states must hold.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) weight: Weight,
    pub(crate) why: String,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) about: Vec<Pattern>,
    pub(crate) touches: Vec<Pattern>,
    pub(crate) changes: Vec<Change>,
}

/// Words in lower case between single spaces; an open end matches any ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// Whether the words stand in a text that was made with the same spaces, one of them at both ends.
    pub(crate) fn is_in(&self, spaced_words: &str) -> bool {
        spaced_words.contains(&self.0)
    }
}

/// What kind of words were taken out or put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    Number,
    Negation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<u32>,
    otherwise: WeightWord,
    #[serde(default, rename = "rule")]
    rules: Vec<Spanned<RuleTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    id: String,
    weight: WeightWord,
    why: String,
    #[serde(default)]
    kind: Vec<KindWord>,
    #[serde(default)]
    about: Vec<Spanned<String>>,
    #[serde(default)]
    touches: Vec<Spanned<String>>,
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WeightWord {
    Minor,
    Major,
    Critical,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    Changed,
    Missing,
    Added,
}

/// A mistake and where it starts, in bytes.
struct Mistake {
    at: usize,
    problem: String,
}

impl Rules {
    /// Reads rules, or says on which line they can't be read.
    pub(crate) fn read(text: &str) -> Result<Self, RulesError> {
        Self::parse(text).map_err(|mistake| placed(text, mistake))
    }

    fn parse(text: &str) -> Result<Self, Mistake> {
        if text.len() > LONGEST_BYTES {
            return Err(mistake(0, format!("{} bytes; at most {LONGEST_BYTES} are read", text.len())));
        }
        let file: File = toml::from_str(text).map_err(|error| {
            mistake(error.span().map_or(0, |span| span.start), error.message().to_owned())
        })?;
        if *file.version.get_ref() != 1 {
            return Err(mistake(file.version.span().start, "`version` must be 1".into()));
        }
        let rules = file.rules.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        refuse_double_ids(&rules)?;
        refuse_too_many(&rules)?;
        let rules = rules.into_iter().map(|(_, rule)| rule).collect();
        Ok(Self { otherwise: weight(&file.otherwise), rules })
    }
}

fn rule(table: Spanned<RuleTable>) -> Result<(usize, Rule), Mistake> {
    let at = table.span().start;
    let table = table.into_inner();
    let rule = Rule {
        weight: weight(&table.weight),
        kinds: table.kind.iter().map(kind).collect(),
        about: patterns(&table.about)?,
        touches: patterns(&table.touches)?,
        changes: table.changes,
        id: table.id,
        why: table.why,
    };
    let states_nothing =
        rule.kinds.is_empty() && rule.about.is_empty() && rule.touches.is_empty() && rule.changes.is_empty();
    if rule.id.trim().is_empty() || rule.why.trim().is_empty() {
        return Err(mistake(at, "`id` and `why` must not be empty; they are what people read".into()));
    }
    if states_nothing {
        let id = &rule.id;
        return Err(mistake(
            at,
            format!("rule `{id}` needs at least one of `kind`, `about`, `touches`, `changes`"),
        ));
    }
    Ok((at, rule))
}

/// `indemnif*` matches every word that begins so; `governing law` both words in a row.
fn patterns(words: &[Spanned<String>]) -> Result<Vec<Pattern>, Mistake> {
    words.iter().map(pattern).collect()
}

fn pattern(written: &Spanned<String>) -> Result<Pattern, Mistake> {
    let text = written.get_ref().trim();
    let (words, is_open) = text.strip_suffix('*').map_or((text, false), |words| (words, true));
    let normal = spaced_words(words.split_whitespace());
    let is_plain = words.chars().all(|character| character.is_alphanumeric() || character.is_whitespace());
    if !is_plain || normal.trim().is_empty() {
        let problem =
            format!("`{text}` must be words of letters and figures, the last one with `*` for any ending");
        return Err(mistake(written.span().start, problem));
    }
    Ok(Pattern(if is_open { normal.trim_end().into() } else { normal }))
}

/// Words in lower case with single spaces, one of them at both ends.
pub(crate) fn spaced_words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from(" ");
    for word in words {
        text.push_str(&word.to_lowercase());
        text.push(' ');
    }
    text
}

fn refuse_double_ids(rules: &[(usize, Rule)]) -> Result<(), Mistake> {
    let mut seen = std::collections::BTreeSet::new();
    match rules.iter().find(|(_, rule)| !seen.insert(rule.id.as_str())) {
        Some((at, rule)) => Err(mistake(*at, format!("the id `{}` is used twice", rule.id))),
        None => Ok(()),
    }
}

fn refuse_too_many(rules: &[(usize, Rule)]) -> Result<(), Mistake> {
    let patterns: usize = rules.iter().map(|(_, rule)| 1 + rule.about.len() + rule.touches.len()).sum();
    match patterns > MOST_PATTERNS {
        true => Err(mistake(0, format!("{patterns} rules and words; at most {MOST_PATTERNS} are read"))),
        false => Ok(()),
    }
}

fn weight(word: &WeightWord) -> Weight {
    match word {
        WeightWord::Minor => Weight::Minor,
        WeightWord::Major => Weight::Major,
        WeightWord::Critical => Weight::Critical,
    }
}

fn kind(word: &KindWord) -> Kind {
    match word {
        KindWord::Changed => Kind::Changed,
        KindWord::Missing => Kind::Missing,
        KindWord::Added => Kind::Added,
    }
}

fn mistake(at: usize, problem: String) -> Mistake {
    Mistake { at, problem }
}

fn placed(text: &str, mistake: Mistake) -> RulesError {
    let before = text.get(..mistake.at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    RulesError {
        line: count(before.matches('\n').count()),
        column: count(before.get(line_start..).unwrap_or_default().chars().count()),
        problem: mistake.problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, line: u32, column: u32, problem: &str) {
        let found = Rules::read(text).map_err(|error| (error.line, error.column, error.problem));
        let fits = |(at, column_at, told): &(u32, u32, String)| {
            (*at, *column_at) == (line, column) && told.contains(problem)
        };
        assert!(found.as_ref().is_err_and(fits), "{found:?}");
    }

    const HEAD: &str = "version = 1\notherwise = \"major\"\n";

    #[test]
    fn every_mistake_has_its_place() {
        refused("", 1, 1, "missing field `version`");
        refused("version = 2\notherwise = \"major\"\n", 1, 11, "must be 1");
        refused("version = 1\notherwise = \"heavy\"\n", 2, 13, "unknown variant `heavy`");
        refused(&format!("{HEAD}wight = 1\n"), 3, 1, "unknown field `wight`");
        let rule = |rest: &str| format!("{HEAD}[[rule]]\nid = \"a\"\nweight = \"minor\"\n{rest}\n");
        refused(&rule("why = \"\"\nkind = [\"added\"]"), 3, 1, "must not be empty");
        refused(&rule("why = \"b\""), 3, 1, "at least one of");
        refused(&rule("why = \"b\"\ntouches = [\"cap!\"]"), 7, 12, "words of letters");
        refused(&rule("why = \"b\"\ntouches = [\"*\"]"), 7, 12, "words of letters");
        refused(&rule("why = \"b\"\nchanges = [\"colour\"]"), 7, 12, "unknown variant `colour`");
        let twice = format!(
            "{}[[rule]]\nid = \"a\"\nweight = \"minor\"\nwhy = \"c\"\nkind = [\"added\"]\n",
            rule("why = \"b\"\nkind = [\"added\"]")
        );
        refused(&twice, 8, 1, "used twice");
    }

    #[test]
    fn patterns_match_words_and_beginnings() {
        let text = spaced_words(["Governing", "Law", "and", "Indemnification"].into_iter());
        let matches = |written: &str| {
            let spanned = Spanned::new(0..0, written.to_owned());
            pattern(&spanned).is_ok_and(|pattern| pattern.is_in(&text))
        };
        assert!(matches("governing law") && matches("indemnif*") && matches("Law"));
        assert!(!matches("govern") && !matches("aw*") && !matches("law governing"));
    }
}
