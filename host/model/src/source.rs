//! Texts that people wrote, and what is wrong with them: file, line, column, advice.

use std::fmt;
use std::ops::Range;

/// One thing wrong with a text a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the person named it.
    pub file: String,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 when the whole line is meant.
    pub column: u32,
    /// How many characters from there are meant; at least 1 where a column is known.
    pub length: u32,
    /// What is wrong, one clause without a full stop.
    pub message: String,
    /// What to do, if there is something to say.
    pub hint: Option<String>,
    /// Whether nothing is wrong with the text itself: what it asks for is not permitted here.
    pub refused: bool,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}: {}", self.file, self.message),
            (line, 0) => write!(f, "{}:{line}: {}", self.file, self.message),
            (line, column) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
        }
    }
}

/// Everything wrong with what a person wrote; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether the text is sound and only asks for more than is permitted.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.0.iter().all(|problem| problem.refused)
    }
}

/// A text that a person wrote, under the name the person gave it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'t> {
    /// The file as the person named it.
    pub file: &'t str,
    /// The whole text.
    pub text: &'t str,
}

impl Source<'_> {
    /// The line and the column in characters of a byte offset, both from 1; an offset past the end is the end.
    #[must_use]
    pub fn place(&self, offset: usize) -> (u32, u32) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (counted(line), counted(column))
    }

    /// What is wrong at a range of bytes; only its first line is marked.
    #[must_use]
    pub fn problem(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let (line, column) = self.place(range.start);
        let marked = self.text.get(range).and_then(|text| text.lines().next()).unwrap_or_default();
        let length = counted(marked.chars().count()).max(1);
        let (file, message) = (self.file.into(), message.into());
        Diagnostic { file, line, column, length, message, hint: None, refused: false }
    }

    /// What is wrong with the whole file.
    #[must_use]
    pub fn whole(&self, message: impl Into<String>) -> Diagnostic {
        let (file, message) = (self.file.into(), message.into());
        Diagnostic { file, line: 0, column: 0, length: 0, message, hint: None, refused: false }
    }
}

impl Diagnostic {
    /// The same problem with something to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Lines and columns fit `u32` by far: every text read is capped long before.
fn counted(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The name among `known` that `word` was most likely meant to be: at most a third of its letters differ.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = word.chars().count().div_ceil(3);
    let ranked = known.into_iter().map(|name| (distance(word, name), name));
    ranked
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance in characters.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((above_left, above), candidate) in row.iter().zip(row.iter().skip(1)).zip(&other) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above_left + usize::from(letter != *candidate)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_placed_in_characters_and_ends_with_its_line() {
        let source = Source { file: "a.toml", text: "é = 1\nü = \"x\ny\"\n" };
        let at = source.text.find('"').unwrap_or_default();
        let problem = source.problem(at..at + 5, "no");
        assert_eq!((problem.line, problem.column, problem.length), (2, 5, 2));
        assert_eq!(problem.to_string(), "a.toml:2:5: no");
        assert_eq!(source.place(9_999), (4, 1));
        assert_eq!(source.whole("no").to_string(), "a.toml: no");
    }

    #[test]
    fn the_nearest_name_is_suggested_and_a_stranger_is_not() {
        let known = ["files", "keyvalue", "config"];
        assert_eq!(nearest("flies", known), Some("files"));
        assert_eq!(nearest("key-value", known), Some("keyvalue"));
        assert_eq!(nearest("network", known), None);
    }
}
