//! Puts a finished text into the outbox as a file.
//!
//! It never sends anything, never reads a file, never changes a text, and writes only the one file it names in its
//! answer.

use bindings::exports::kapell::outbox::items::{Guest, Item, ItemError, Kind};

/// Where the granted directory stands: under the capability's name.
const OUT: &str = "/out";

kapell_sdk::skill!(Outbox);

struct Outbox;

impl Guest for Outbox {
    fn put(name: String, kind: Kind, text: String) -> Result<Item, ItemError> {
        let file = file_name(name, kind)?;
        let text = fit(text)?;
        std::fs::write(format!("{OUT}/{file}"), &text)
            .map_err(|error| ItemError::WriteFailed(format!("write `{file}`: {error}")))?;
        Ok(Item { file, bytes: text.len() as u64 })
    }
}

/// A name that can't leave the directory or hide in it.
fn file_name(name: String, kind: Kind) -> Result<String, ItemError> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    // A dot stands between two others, as in a version; so no name hides, and none means the folder above.
    let parts_fit = name.split('.').all(|part| !part.is_empty() && part.bytes().all(fits));
    if name.len() > 64 || !parts_fit {
        return Err(ItemError::BadName(name));
    }
    let ending = match kind {
        Kind::Markdown => "md",
        Kind::Text => "txt",
        Kind::Csv => "csv",
        Kind::Json => "json",
    };
    Ok(format!("{name}.{ending}"))
}

/// A text somebody can open: not empty, and without characters that move a cursor or turn the direction of reading.
fn fit(text: String) -> Result<String, ItemError> {
    if text.trim().is_empty() {
        return Err(ItemError::Empty);
    }
    match text.split('\n').position(|line| line.trim_end_matches('\r').chars().any(does_not_print)) {
        Some(before) => Err(ItemError::UnfitText(u32::try_from(before + 1).unwrap_or(u32::MAX))),
        None => Ok(text),
    }
}

fn does_not_print(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name_in_the_directory() {
        assert_eq!(file_name("notes-1-4".to_owned(), Kind::Markdown), Ok("notes-1-4.md".to_owned()));
        assert_eq!(file_name("close-1.4.0".to_owned(), Kind::Csv), Ok("close-1.4.0.csv".to_owned()));
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a.",
            "../up",
            "/etc/passwd",
            "a/b",
            "Acme",
            "a b",
            "a\0",
            &"x".repeat(65),
        ] {
            assert_eq!(file_name(bad.to_owned(), Kind::Text), Err(ItemError::BadName(bad.to_owned())));
        }
    }

    #[test]
    fn a_text_is_put_down_as_it_is_or_not_at_all() {
        for good in ["a", "# A\n\n- b\r\n\tc\n", "Crème 株式会社"] {
            assert_eq!(fit(good.to_owned()), Ok(good.to_owned()));
        }
        assert_eq!(fit(" \n".to_owned()), Err(ItemError::Empty));
        for (bad, line) in [("a\n\u{1b}[2J", 2), ("a\rb", 1), ("\u{202e}a", 1), ("a\n\nb\0", 3)] {
            assert_eq!(fit(bad.to_owned()), Err(ItemError::UnfitText(line)), "{bad:?}");
        }
    }
}
