//! How heavy a departure is: the heaviest rule whose conditions all hold.

use crate::bindings::exports::kapell::contract_terms::comparing::{Kind, Weight};
use crate::clause::Prepared;
use crate::difference::Difference;
use crate::rules::{Change, Pattern, Rule, Rules, spaced_words};
use crate::tokens::{Token, Vocabulary, deceives};

/// What turns a sentence around when it comes or goes.
const NEGATIONS: [&str; 16] = [
    "not",
    "no",
    "never",
    "none",
    "neither",
    "nor",
    "without",
    "unless",
    "except",
    "cannot",
    "only",
    "waives",
    "excluding",
    "excludes",
    "notwithstanding",
    "any",
];

/// Numbers that are written out.
const NUMBER_WORDS: [&str; 40] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "billion",
    "half",
    "double",
    "twice",
    "triple",
    "first",
    "second",
    "third",
    "percent",
];

/// A weight and the rule that gave it.
pub(crate) struct Grade {
    pub(crate) weight: Weight,
    pub(crate) why: String,
}

/// Grades one departure; `clauses` are its sides.
pub(crate) fn grade(
    kind: Kind,
    clauses: &[&Prepared<'_>],
    difference: &Difference<'_>,
    rules: &Rules,
    vocabulary: &Vocabulary,
) -> Grade {
    // No rule may make light of what nobody can see.
    if difference.inserted().flatten().any(|token| deceives(vocabulary.text(token.number))) {
        let why = "deceptive: characters that can't be seen or only look like the usual ones".into();
        return Grade { weight: Weight::Critical, why };
    }
    let seen = Seen::of(kind, clauses, difference, vocabulary);
    let mut found: Option<&Rule> = None;
    for rule in rules.rules.iter().filter(|rule| seen.fits(rule)) {
        // The first of equals speaks.
        if found.is_none_or(|heaviest| rank(rule.weight) > rank(heaviest.weight)) {
            found = Some(rule);
        }
    }
    match found {
        Some(rule) => Grade { weight: rule.weight, why: format!("{}: {}", rule.id, rule.why) },
        None => Grade { weight: rules.otherwise, why: "otherwise: no rule names this departure".into() },
    }
}

/// Minor, major, critical as 0, 1, 2.
pub(crate) fn rank(weight: Weight) -> u8 {
    match weight {
        Weight::Minor => 0,
        Weight::Major => 1,
        Weight::Critical => 2,
    }
}

/// What rules can ask about a departure.
struct Seen {
    kind: Kind,
    about: String,
    touched: String,
    changes: Vec<Change>,
}

impl Seen {
    fn of(
        kind: Kind,
        clauses: &[&Prepared<'_>],
        difference: &Difference<'_>,
        vocabulary: &Vocabulary,
    ) -> Self {
        let runs: Vec<&[Token]> = difference.removed().chain(difference.inserted()).collect();
        let has = |test: fn(&str) -> bool| {
            runs.iter().flat_map(|run| run.iter()).any(|token| test(vocabulary.lower(token.number)))
        };
        let changes = [(Change::Number, is_number as fn(&str) -> bool), (Change::Negation, is_negation)];
        Self {
            kind,
            about: subject(clauses),
            touched: touched(&runs, vocabulary),
            changes: changes.into_iter().filter(|(_, test)| has(*test)).map(|(change, _)| change).collect(),
        }
    }

    fn fits(&self, rule: &Rule) -> bool {
        let any = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_in(text))
        };
        let kind_fits = rule.kinds.is_empty() || rule.kinds.contains(&self.kind);
        let changes_fit =
            rule.changes.is_empty() || rule.changes.iter().any(|change| self.changes.contains(change));
        kind_fits && changes_fit && any(&rule.about, &self.about) && any(&rule.touches, &self.touched)
    }
}

/// What a clause is about: its heading and its section's; a clause without either is about all its words.
fn subject(clauses: &[&Prepared<'_>]) -> String {
    let mut text = String::new();
    for prepared in clauses {
        let clause = prepared.clause;
        let headings = format!("{} {}", clause.section, clause.heading);
        text.push_str(if headings.trim().is_empty() { &clause.text } else { &headings });
        text.push_str(" . ");
    }
    spaced_words(text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()))
}

/// The words that were taken out or put in, place by place; a mark between places keeps phrases apart.
fn touched(runs: &[&[Token]], vocabulary: &Vocabulary) -> String {
    let mut text = String::from(" ");
    for run in runs {
        for token in run.iter().filter(|token| vocabulary.is_word(token.number)) {
            text.push_str(vocabulary.lower(token.number));
            text.push(' ');
        }
        text.push_str("| ");
    }
    text
}

fn is_number(word: &str) -> bool {
    word.chars().any(char::is_numeric) || NUMBER_WORDS.contains(&word)
}

fn is_negation(word: &str) -> bool {
    NEGATIONS.contains(&word) || word.ends_with("n't")
}
