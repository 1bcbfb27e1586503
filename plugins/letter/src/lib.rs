//! Fills a letter's template and writes it as a text file.
//!
//! This file is the border: the types of `wit/world.wit` outside, [`template`] inside, and the granted directory.
//! It never sends anything, never reads a file, and writes only the one file it names in its answer.

mod template;

use bindings::exports::kapell::letter::letters::{Field, Guest, Letter, LetterError};

/// Where the granted directory stands: under the capability's name.
const OUT: &str = "/out";

kapell_sdk::skill!(Writer);

struct Writer;

impl Guest for Writer {
    fn write(name: String, template: String, fields: Vec<Field>) -> Result<Letter, LetterError> {
        let file = file_name(name)?;
        let text = template::fill(&template, &fields)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name_in_the_directory() {
        assert_eq!(file_name("welcome-acme-2".to_owned()), Ok("welcome-acme-2.txt".to_owned()));
        assert!(file_name("x".repeat(64)).is_ok());
        for bad in
            ["", ".", "..", "../up", "/etc/passwd", "a/b", "a.b", "Acme", "a b", "a\0", &"x".repeat(65)]
        {
            assert_eq!(file_name(bad.to_owned()), Err(LetterError::BadName(bad.to_owned())));
        }
    }
}
