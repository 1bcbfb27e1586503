//! The words that differ between two clauses, and how they are shown.
//!
//! `within [-30-]{+45+} days`: taken out, put in, and a few words around. What a text prints itself can't be taken
//! for these marks, and nothing in it stays invisible.

use std::ops::Range;

use imara_diff::{Algorithm, Diff};

use crate::clause::Prepared;
use crate::tokens::{Token, Vocabulary, shown};

/// Words shown before and after a difference.
const AROUND: usize = 6;
/// Differences with fewer equal tokens between them are shown as one.
const NEAR: usize = 3;
/// Characters of one word that are shown; a single word can be as long as a text.
const LONGEST_WORD: usize = 40;
/// Characters of what was taken out, or put in, in one place; the rest is counted.
const LONGEST_RUN: usize = 350;
/// Characters after which no further difference is begun.
const LONGEST: usize = 600;
/// Characters in all.
const MOST: usize = 1_500;

/// What was taken out of the standard and put into the contract instead, in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    removed: Range<usize>,
    inserted: Range<usize>,
}

/// The differences between a clause of the standard and one of the contract; one of them may be absent.
pub(crate) struct Difference<'a> {
    ours: &'a [Token],
    theirs: &'a [Token],
    changes: Vec<Change>,
}

impl<'a> Difference<'a> {
    /// The differences of two clauses.
    pub(crate) fn between(ours: &'a Prepared<'a>, theirs: &'a Prepared<'a>, vocabulary: &Vocabulary) -> Self {
        let ids = |clause: &Prepared<'_>| -> Vec<imara_diff::Token> {
            clause.tokens.iter().map(|token| imara_diff::Token(token.number)).collect()
        };
        let mut diff = Diff::default();
        diff.compute_with(Algorithm::Myers, &ids(ours), &ids(theirs), vocabulary.size());
        let changes =
            diff.hunks().map(|hunk| Change { removed: places(&hunk.before), inserted: places(&hunk.after) });
        Self { ours: &ours.tokens, theirs: &theirs.tokens, changes: changes.collect() }
    }

    /// A clause of the standard that the contract has not.
    pub(crate) fn missing(ours: &'a Prepared<'a>) -> Self {
        let whole = Change { removed: 0..ours.tokens.len(), inserted: 0..0 };
        Self { ours: &ours.tokens, theirs: &[], changes: vec![whole] }
    }

    /// A clause of the contract that the standard has not.
    pub(crate) fn added(theirs: &'a Prepared<'a>) -> Self {
        let whole = Change { removed: 0..0, inserted: 0..theirs.tokens.len() };
        Self { ours: &[], theirs: &theirs.tokens, changes: vec![whole] }
    }

    /// The tokens that were taken out, place by place.
    pub(crate) fn removed(&self) -> impl Iterator<Item = &'a [Token]> + '_ {
        self.changes.iter().map(|change| self.ours.get(change.removed.clone()).unwrap_or_default())
    }

    /// The tokens that were put in, place by place.
    pub(crate) fn inserted(&self) -> impl Iterator<Item = &'a [Token]> + '_ {
        self.changes.iter().map(|change| self.theirs.get(change.inserted.clone()).unwrap_or_default())
    }

    /// How many tokens differ.
    pub(crate) fn size(&self) -> usize {
        self.removed().chain(self.inserted()).map(<[Token]>::len).sum()
    }

    /// The differences for people, at most 1,500 characters long.
    pub(crate) fn shown(&self, vocabulary: &Vocabulary) -> String {
        let text = self.written(vocabulary);
        match text.chars().count() > MOST {
            true => text.chars().take(MOST - 1).chain(['…']).collect(),
            false => text,
        }
    }

    fn written(&self, vocabulary: &Vocabulary) -> String {
        let changes = self.joined();
        let mut text = String::new();
        let mut reached = 0;
        for (position, change) in changes.iter().enumerate() {
            if text.chars().count() > LONGEST {
                return format!("{text} … and {} more places", changes.len() - position);
            }
            let from = change.inserted.start.saturating_sub(AROUND).max(reached);
            text.push_str(if from > reached { " …" } else { "" });
            text.push_str(&self.kept(reached.max(from)..change.inserted.start, vocabulary));
            text.push_str(&marked(
                self.ours.get(change.removed.clone()).unwrap_or_default(),
                "[-",
                "-]",
                vocabulary,
            ));
            text.push_str(&marked(
                self.theirs.get(change.inserted.clone()).unwrap_or_default(),
                "{+",
                "+}",
                vocabulary,
            ));
            let next = changes.get(position + 1).map_or(self.theirs.len(), |next| next.inserted.start);
            reached = (change.inserted.end + AROUND).min(next);
            text.push_str(&self.kept(change.inserted.end..reached, vocabulary));
        }
        text.push_str(if reached < self.theirs.len() { " …" } else { "" });
        text.trim().to_owned()
    }

    fn kept(&self, range: Range<usize>, vocabulary: &Vocabulary) -> String {
        written(self.theirs.get(range).unwrap_or_default(), vocabulary)
    }

    /// Differences so near to each other that they read better as one.
    fn joined(&self) -> Vec<Change> {
        let mut joined: Vec<Change> = Vec::new();
        for change in &self.changes {
            match joined.last_mut() {
                Some(last) if change.inserted.start - last.inserted.end < NEAR => {
                    last.removed.end = change.removed.end;
                    last.inserted.end = change.inserted.end;
                }
                _ => joined.push(change.clone()),
            }
        }
        joined
    }
}

fn places(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// A run of tokens in its marks; a long one shows its beginning and says how much follows.
fn marked(run: &[Token], open: &str, close: &str, vocabulary: &Vocabulary) -> String {
    let Some(first) = run.first() else { return String::new() };
    let space = if first.spaced { " " } else { "" };
    let mut length = 0;
    let fits = |token: &&Token| {
        length += vocabulary.text(token.number).chars().take(LONGEST_WORD).count() + 1;
        length <= LONGEST_RUN
    };
    let shown = run.get(..run.iter().take_while(fits).count().max(1)).unwrap_or(run);
    let rest = match run.len() - shown.len() {
        0 => String::new(),
        rest => format!(" … and {rest} more words and marks"),
    };
    format!("{space}{open}{}{rest}{close}", written(shown, vocabulary).trim_start())
}

/// Tokens as text, with a space inside of anything that looks like the marks of a difference.
fn written(tokens: &[Token], vocabulary: &Vocabulary) -> String {
    let mut text = String::new();
    for token in tokens {
        let word = shown(vocabulary.text(token.number));
        let looks_like_mark = [("[", "-"), ("-", "]"), ("{", "+"), ("+", "}")]
            .iter()
            .any(|(first, second)| text.ends_with(first) && word.starts_with(second));
        if token.spaced || looks_like_mark {
            text.push(' ');
        }
        text.extend(word.chars().take(LONGEST_WORD));
        text.push_str(if word.chars().nth(LONGEST_WORD).is_some() { "…" } else { "" });
    }
    text
}
