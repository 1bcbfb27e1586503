//! What a worker answers: one tag, the length of what follows, and that. The length tells an answer that was cut
//! short, so that a worker's word counts only when it is whole, whatever status it ends with.

use std::io::{self, Read, Write};

/// A worker's whole answer, or none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The compiled form, which has been written where it belongs.
    Compiled,
    /// The engine does not take the bytes, in its words.
    Invalid(String),
    /// A compiled form of more bytes than any may have.
    TooLarge,
    /// It ended before it had answered.
    None,
}

const COMPILED: u8 = b'C';
const INVALID: u8 = b'I';

/// Most bytes of the engine's words that are taken.
const WORDS_MAX: u64 = 4 << 10;

/// Answers with what compiling came to.
pub(super) fn write(to: &mut impl Write, compiled: &Result<Vec<u8>, String>) -> io::Result<()> {
    let (tag, content) = match compiled {
        Ok(form) => (COMPILED, form.as_slice()),
        Err(words) => (INVALID, words.as_bytes()),
    };
    to.write_all(&[tag])?;
    to.write_all(&(content.len() as u64).to_le_bytes())?;
    to.write_all(content)?;
    to.flush()
}

/// Reads an answer; a compiled form of up to `most` bytes goes to `into` piece by piece.
pub(super) fn read(from: &mut impl Read, into: &mut impl Write, most: u64) -> io::Result<Answer> {
    let (mut tag, mut length) = ([0], [0; 8]);
    if !filled(from, &mut tag)? || !filled(from, &mut length)? {
        return Ok(Answer::None);
    }
    let length = u64::from_le_bytes(length);
    match tag {
        [COMPILED] if length > most => Ok(Answer::TooLarge),
        [COMPILED] if io::copy(&mut from.take(length), into)? == length => Ok(Answer::Compiled),
        [INVALID] if length <= WORDS_MAX => {
            let mut words = Vec::new();
            let whole = from.take(length).read_to_end(&mut words)? as u64 == length;
            Ok(if whole {
                Answer::Invalid(String::from_utf8_lossy(&words).into_owned())
            } else {
                Answer::None
            })
        }
        _ => Ok(Answer::None),
    }
}

fn filled(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    fn heard(bytes: &[u8], most: u64) -> (Answer, Vec<u8>) {
        let mut form = Vec::new();
        (read(&mut &*bytes, &mut form, most).unwrap(), form)
    }

    fn said(compiled: Result<&[u8], &str>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &compiled.map(<[u8]>::to_vec).map_err(str::to_owned)).unwrap();
        bytes
    }

    #[test]
    fn an_answer_is_heard_as_it_was_said_when_it_is_whole() {
        let form = said(Ok(b"native"));
        assert_eq!(heard(&form, 6), (Answer::Compiled, b"native".to_vec()));
        assert_eq!(heard(&said(Err("no such type")), 6).0, Answer::Invalid("no such type".into()));
        for length in 0..form.len() {
            assert_eq!(heard(&form[..length], 6).0, Answer::None, "{length} bytes of it");
        }
        assert_eq!(heard(&said(Err("cut"))[..11], 6).0, Answer::None);
        assert_eq!(heard(b"hello, this is no answer", 6).0, Answer::None);
    }

    #[test]
    fn a_form_is_no_larger_than_it_may_be() {
        assert_eq!(heard(&said(Ok(b"native")), 7).0, Answer::Compiled);
        assert_eq!(heard(&said(Ok(b"native")), 6).0, Answer::Compiled);
        assert_eq!(heard(&said(Ok(b"native")), 5), (Answer::TooLarge, Vec::new()));
    }

    #[test]
    fn words_without_end_are_no_answer() {
        let words = |length| said(Err(&"x".repeat(length)));
        assert!(matches!(heard(&words(4 << 10), 6).0, Answer::Invalid(_)));
        assert_eq!(heard(&words((4 << 10) + 1), 6).0, Answer::None);
    }
}
