//! Finds what is weak in a list of notes written in Markdown, by rules that can be decided.
//!
//! This file is the border: the types of `wit/world.wit` outside, [`outline`] and [`rules`] inside. It never changes a
//! text, never judges style, and never answers for a text it found no notes in.

mod outline;
mod rules;

pub use bindings::exports::kapell::prose_lint::linting::{Finding, Guest, LintingError, Report};

/// The most that is read, in bytes: notes of some ten thousand items.
pub const LONGEST_BYTES: u32 = 2 << 20;

kapell_sdk::skill!(Linter);

struct Linter;

impl Guest for Linter {
    fn check(markdown: String) -> Result<Report, LintingError> {
        check(&markdown)
    }
}

/// Checks a text by all rules.
///
/// # Errors
///
/// [`LintingError`], as the interface documents it.
pub fn check(markdown: &str) -> Result<Report, LintingError> {
    if markdown.len() > LONGEST_BYTES as usize {
        return Err(LintingError::TooLarge(LONGEST_BYTES));
    }
    let outline = outline::read(markdown);
    if outline.is_empty() {
        return Err(LintingError::NoNotes);
    }
    let items = outline.iter().filter(|part| matches!(part.kind, outline::Kind::Item)).count();
    Ok(Report { items: u32::try_from(items).unwrap_or(u32::MAX), findings: rules::findings(&outline) })
}
