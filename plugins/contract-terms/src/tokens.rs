//! Text as a row of words and marks, and how they are shown to people.
//!
//! Two texts are the same when their tokens are: white space, typographic quotes and dashes are layout, everything
//! else counts. Invisible characters are part of their word, so that a number with one inside is another number.

use std::collections::HashMap;

use foldhash::fast::FixedState;

/// A table whose cost depends on nothing but what is put in; its order is never used. Texts made to collide in it
/// cost more, and end at the fuel limit.
pub(crate) type Table<K, V> = HashMap<K, V, FixedState>;

/// Tokens by number, for both sides of a comparison.
#[derive(Default)]
pub(crate) struct Vocabulary {
    numbers: Table<String, u32>,
    words: Vec<Word>,
}

/// What is known of one token, found out once.
struct Word {
    text: String,
    /// The number of its form in lower case.
    lower: u32,
    is_word: bool,
}

/// One token where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its number in the vocabulary.
    pub(crate) number: u32,
    /// White space stands before it.
    pub(crate) spaced: bool,
}

impl Vocabulary {
    /// The tokens of a text.
    pub(crate) fn tokens(&mut self, text: &str) -> Vec<Token> {
        let mut found = Vec::new();
        let mut word = String::new();
        let folded: Vec<char> = text.chars().map(fold).collect();
        let (mut at, mut spaced) = (0, false);
        while let Some(rest) = folded.get(at..).filter(|rest| !rest.is_empty()) {
            let length = token_length(rest);
            let token = rest.get(..length).unwrap_or_default();
            if token.iter().all(|character| character.is_whitespace()) {
                spaced = true;
            } else {
                word.clear();
                word.extend(token);
                found.push(Token { number: self.number(&word), spaced });
                spaced = false;
            }
            at += length;
        }
        found
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let lower = text.to_lowercase();
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let is_word = text.chars().any(char::is_alphanumeric);
        self.numbers.insert(text.to_owned(), number);
        self.words.push(Word { lower: number, is_word, text: text.to_owned() });
        if lower != text {
            let lower = self.number(&lower);
            if let Some(word) = self.words.get_mut(number as usize) {
                word.lower = lower;
            }
        }
        number
    }

    /// How many tokens there are.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.words.len()).unwrap_or(u32::MAX)
    }

    /// The text of a token.
    pub(crate) fn text(&self, number: u32) -> &str {
        self.words.get(number as usize).map_or("", |word| word.text.as_str())
    }

    /// The text of a token in lower case.
    pub(crate) fn lower(&self, number: u32) -> &str {
        self.text(self.lower_number(number))
    }

    /// The number of a token's form in lower case.
    pub(crate) fn lower_number(&self, number: u32) -> u32 {
        self.words.get(number as usize).map_or(number, |word| word.lower)
    }

    /// Whether a token is a word or a number, and not a mark.
    pub(crate) fn is_word(&self, number: u32) -> bool {
        self.words.get(number as usize).is_some_and(|word| word.is_word)
    }
}

/// Quotes and dashes that typesetting chooses become plain ones.
fn fold(character: char) -> char {
    match character {
        '\u{2018}'..='\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    }
}

/// How many characters the first token has; at least 1.
fn token_length(rest: &[char]) -> usize {
    let Some(first) = rest.first() else { return 1 };
    if !belongs_to_word(*first) {
        return 1;
    }
    let mut length = 1;
    while let Some(character) = rest.get(length) {
        let joins = belongs_to_word(*character) || joins_neighbours(rest, length);
        if !joins {
            break;
        }
        length += 1;
    }
    length
}

fn belongs_to_word(character: char) -> bool {
    character.is_alphanumeric() || is_unseen(character)
}

/// The apostrophe in `don't`, the marks in `1,000.50`.
fn joins_neighbours(rest: &[char], at: usize) -> bool {
    let (Some(mark), Some(before), Some(after)) =
        (rest.get(at), rest.get(at.wrapping_sub(1)), rest.get(at + 1))
    else {
        return false;
    };
    match mark {
        '\'' => before.is_alphabetic() && after.is_alphabetic(),
        '.' | ',' => before.is_numeric() && after.is_numeric(),
        _ => false,
    }
}

/// Whether a character can't be seen, or changes how its neighbours are seen.
///
/// After Unicode's default ignorable code points and bidirectional controls.
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether people can tell a character from every other by eye: Latin letters, plain figures, common marks.
fn is_plain(character: char) -> bool {
    character.is_ascii_graphic()
        || (matches!(character, '\u{a1}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{20a0}'..='\u{20c0}' | '\u{2022}' | '\u{2026}' | '\u{2122}')
            && !is_unseen(character))
}

/// Whether a token holds a character that can't be told by eye: invisible, or of another alphabet.
pub(crate) fn deceives(token: &str) -> bool {
    !token.chars().all(is_plain)
}

/// A text as it may be shown: what can't be told by eye is written by its code point, white space is one space.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if character.is_whitespace() {
            shown.push(' ');
        } else if is_plain(fold(character)) {
            shown.push(fold(character));
        } else {
            shown.push_str(&format!("<U+{:04X}>", u32::from(character)));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut vocabulary = Vocabulary::default();
        let tokens = vocabulary.tokens(text);
        let told: Vec<String> = tokens.iter().map(|token| shown(vocabulary.text(token.number))).collect();
        assert_eq!(told.join("|"), expected);
    }

    #[test]
    fn words_numbers_and_marks_stand_apart() {
        check("Provider\u{2019}s fee: $1,000.50 (net 30).", "Provider's|fee|:|$|1,000.50|(|net|30|)|.");
        check("“AS IS” – as\u{a0}is", "\"|AS|IS|\"|-|as|is");
    }

    #[test]
    fn what_cannot_be_seen_stays_in_its_word() {
        check("3\u{200b}0 days", "3<U+200B>0|days");
        check("\u{202e}03 days", "<U+202E>03|days");
        check("l\u{456}able", "l<U+0456>able");
    }
}
