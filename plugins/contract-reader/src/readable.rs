//! Whether a text can be read at all, before anything is made of it.
//!
//! A text that lost characters on its way here says something else than the parties signed, so one broken
//! character is enough to stop.

use crate::bindings::exports::kapell::contract_reader::reading::ReadingError;

/// 1 MiB: twenty times a long contract.
const LONGEST_BYTES: usize = 1 << 20;

/// Openings of files that people send instead of their text.
const OTHER_FORMATS: [(&str, &str); 6] = [
    ("%PDF-", "a PDF file"),
    ("PK\u{3}\u{4}", "a ZIP or Word file"),
    ("{\\rtf", "an RTF file"),
    ("<!doctype", "an HTML page"),
    ("<html", "an HTML page"),
    ("<?xml", "an XML file"),
];

/// The text without a byte order mark, when it can be read.
pub(crate) fn readable(markdown: &str) -> Result<&str, ReadingError> {
    if markdown.len() > LONGEST_BYTES {
        return Err(ReadingError::TooLarge(format!(
            "{} bytes; at most {LONGEST_BYTES} are read",
            markdown.len()
        )));
    }
    let text = markdown.strip_prefix('\u{feff}').unwrap_or(markdown);
    if text.trim().is_empty() {
        return Err(ReadingError::Empty);
    }
    refuse_other_formats(text)?;
    refuse_broken_characters(text)?;
    refuse_wordless(text)?;
    Ok(text)
}

fn refuse_other_formats(text: &str) -> Result<(), ReadingError> {
    let opening: String = text.trim_start().chars().take(9).collect::<String>().to_ascii_lowercase();
    let found = OTHER_FORMATS.iter().find(|(magic, _)| opening.starts_with(&magic.to_ascii_lowercase()));
    match found {
        Some((_, name)) => Err(ReadingError::Unreadable(format!("this is {name}, not Markdown"))),
        None => Ok(()),
    }
}

fn refuse_broken_characters(text: &str) -> Result<(), ReadingError> {
    let broken = text.char_indices().find(|(_, character)| {
        *character == char::REPLACEMENT_CHARACTER
            || (character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}'))
    });
    match broken {
        Some((position, character)) => Err(ReadingError::Unreadable(format!(
            "U+{:04X} at byte {position}: binary data or broken encoding",
            u32::from(character)
        ))),
        None => Ok(()),
    }
}

/// Encoded data is letters without spaces; tables of figures are words without letters. Contracts are neither:
/// measured ones have 80 to 85 letters in 100 visible characters and 6 visible characters a word.
fn refuse_wordless(text: &str) -> Result<(), ReadingError> {
    let visible = text.chars().filter(|character| !character.is_whitespace()).count();
    let letters = text.chars().filter(|character| character.is_alphabetic()).count();
    let words = text.split_whitespace().count();
    if letters == 0 {
        return Err(ReadingError::Empty);
    }
    if letters * 2 < visible || visible > words * 30 {
        return Err(ReadingError::Unreadable("it is not made of words".into()));
    }
    Ok(())
}
