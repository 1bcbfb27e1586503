//! A clause made ready for comparing.

use crate::bindings::exports::kapell::contract_terms::comparing::Clause;
use crate::tokens::{Token, Vocabulary, shown};

/// A clause with its tokens and what tells it from others.
pub(crate) struct Prepared<'a> {
    pub(crate) clause: &'a Clause,
    /// Heading and text; a heading and its text read the same as one sentence after the other.
    pub(crate) tokens: Vec<Token>,
    /// Words and pairs of neighbouring words in lower case, as numbers, in order, each once.
    pub(crate) features: Vec<u64>,
}

impl Prepared<'_> {
    /// The numbers of the tokens alone.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.tokens.iter().map(|token| token.number).collect()
    }

    /// What people call the clause: its heading, else its section's, else its first words.
    pub(crate) fn name(&self) -> String {
        let first_words = || self.clause.text.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
        let name =
            [&self.clause.heading, &self.clause.section].into_iter().find(|name| !name.trim().is_empty());
        let name: String = name.map_or_else(first_words, Clone::clone).chars().take(120).collect();
        shown(&name)
    }
}

/// Makes clauses ready, in their order.
pub(crate) fn prepare<'a>(clauses: &'a [Clause], vocabulary: &mut Vocabulary) -> Vec<Prepared<'a>> {
    let mut prepared = |clause: &'a Clause| {
        let tokens = vocabulary.tokens(&whole_text(clause));
        let features = features(&tokens, vocabulary);
        Prepared { clause, tokens, features }
    };
    clauses.iter().map(&mut prepared).collect()
}

/// `**Fees.** Customer pays` and `Fees. Customer pays` are the same words, wherever a reader drew the line.
pub(crate) fn whole_text(clause: &Clause) -> String {
    match (clause.heading.trim(), clause.text.trim()) {
        ("", text) => text.to_owned(),
        (heading, "") => heading.to_owned(),
        (heading, text) => format!("{heading}. {text}"),
    }
}

fn features(tokens: &[Token], vocabulary: &Vocabulary) -> Vec<u64> {
    let words: Vec<u64> = tokens
        .iter()
        .filter(|token| vocabulary.is_word(token.number))
        .map(|token| u64::from(vocabulary.lower_number(token.number)))
        .collect();
    let singles = words.iter().map(|word| word << 32 | u64::from(u32::MAX));
    let pairs = words.iter().zip(words.iter().skip(1)).map(|(first, second)| first << 32 | second);
    let mut features: Vec<u64> = singles.chain(pairs).collect();
    features.sort_unstable();
    features.dedup();
    features
}
