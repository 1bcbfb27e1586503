//! The next version of the letter skill: as the one before, and long lines are broken at spaces.
//!
//! Templates are filled by the same code as in the version before; only [`wrap`] is new.

#[path = "../../../../../plugins/letter/src/template.rs"]
mod template;
mod wrap;

use bindings::exports::kapell::letter::letters::{Field, Guest, Letter, LetterError};

/// Where the granted directory stands: under the capability's name.
const OUT: &str = "/out";
/// Most characters of a line, where it can be broken at all.
const WIDTH: usize = 72;

kapell_sdk::skill!(Writer, world: "kapell:letter/letter", wit: ["../../../../plugins/letter/wit"]);

struct Writer;

impl Guest for Writer {
    fn write(name: String, template: String, fields: Vec<Field>) -> Result<Letter, LetterError> {
        let file = file_name(name)?;
        let text = wrap::wrap(&template::fill(&template, &fields)?, WIDTH);
        std::fs::write(format!("{OUT}/{file}"), &text)
            .map_err(|error| LetterError::WriteFailed(format!("write `{file}`: {error}")))?;
        Ok(Letter { file, bytes: text.len() as u64 })
    }
}

/// The file of a letter: a name that can't leave the directory or hide in it.
fn file_name(name: String) -> Result<String, LetterError> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
        Ok(format!("{name}.txt"))
    } else {
        Err(LetterError::BadName(name))
    }
}
