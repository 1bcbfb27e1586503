//! Texts signed for others to check: C2SP's signed note with Ed25519 keys, as transparency logs publish their heads.
//!
//! A note is a text, an empty line, and one line a signature: `— NAME BASE64`, where the bytes are four that name the key
//! and the signature itself. A verifier's key is one line too, `NAME+HASH+BASE64`. Lines by keys nobody asked about are
//! passed over, so that a witness can add its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// What an Ed25519 key is called in a note.
const ED25519: u8 = 1;
/// What the text of a private key begins with.
const PRIVATE: &str = "PRIVATE+KEY+";
const OTHER_HASH: &str = "its hash is another key's";
/// Most bytes of a note that is read; a checkpoint with a hundred witnesses has less.
pub const NOTE_MAX: usize = 64 << 10;

/// Why a note or a key could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is no signed note.
    #[error("it is no signed note: {0}")]
    Form(&'static str),
    /// The text is no key of a note.
    #[error("it is no key of a note: {0}")]
    Key(&'static str),
    /// Nobody who was asked about has signed it.
    #[error("it is not signed by {0}")]
    Unsigned(String),
    /// The signature is another text's.
    #[error("the signature of {0} does not fit the text")]
    Forged(String),
}

/// The name of a log and the key it signs with. Never printed.
pub struct Secret {
    name: String,
    key: SigningKey,
}

/// The name of a log and the key its signatures are checked with: `NAME+HASH+BASE64`.
#[derive(Clone, PartialEq, Eq)]
pub struct Public {
    name: String,
    key: VerifyingKey,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Secret {
    /// The key made from 32 random bytes.
    ///
    /// # Errors
    /// For a name no note can carry: empty, with white space or `+`.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self, NoteError> {
        Ok(Self { name: named(name)?, key: SigningKey::from_bytes(seed) })
    }

    /// The key others check with.
    #[must_use]
    pub fn public(&self) -> Public {
        Public { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The key as its file holds it, in the form of Go's notes: `PRIVATE+KEY+NAME+HASH+BASE64`.
    #[must_use]
    pub fn encoded(&self) -> String {
        let (seed, hash) = ([&[ED25519], self.key.as_bytes().as_slice()].concat(), self.public().hash());
        format!("{PRIVATE}{}+{:08x}+{}", self.name, u32::from_be_bytes(hash), STANDARD.encode(seed))
    }

    /// The note that says `text`, which ends with a line break.
    ///
    /// # Errors
    /// For a text no note can carry.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        carried(text)?;
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let bytes = [self.public().hash().as_slice(), &signature].concat();
        Ok(format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(bytes)))
    }
}

impl FromStr for Secret {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let parts = text.strip_prefix(PRIVATE).ok_or(NoteError::Key("it does not begin as a private key"))?;
        let (name, seed) = key_of(parts)?;
        let secret = Self::new(name, &seed)?;
        if secret.encoded() == text { Ok(secret) } else { Err(NoteError::Key(OTHER_HASH)) }
    }
}

impl Public {
    /// The log's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of a note this key has signed.
    ///
    /// # Errors
    /// When it is no note, or not signed by this key.
    pub fn verified<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, signatures) = parted(note)?;
        let mut own = signatures.lines().filter_map(|line| self.own(line)).peekable();
        if own.peek().is_none() {
            return Err(NoteError::Unsigned(self.name.clone()));
        }
        let fits = |signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok();
        match own.all(fits) {
            true => Ok(text),
            false => Err(NoteError::Forged(self.name.clone())),
        }
    }

    /// The signature of a line that is this key's.
    fn own(&self, line: &str) -> Option<Signature> {
        let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (hash, signature) = bytes.split_at_checked(4)?;
        (name == self.name && hash == self.hash()).then(|| Signature::from_slice(signature).ok())?
    }

    /// Four bytes that tell keys of one name apart.
    fn hash(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ED25519]);
        hasher.update(self.key.as_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, ..] = digest;
        [a, b, c, d]
    }
}

impl fmt::Display for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.hash()), STANDARD.encode(key))
    }
}

impl fmt::Debug for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Public {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, bytes) = key_of(text)?;
        let key =
            VerifyingKey::from_bytes(&bytes).map_err(|_| NoteError::Key("it is no point of the curve"))?;
        let public = Self { name: named(name)?, key };
        match public.to_string() == text {
            true => Ok(public),
            false => Err(NoteError::Key(OTHER_HASH)),
        }
    }
}

/// Name and 32 bytes of a key; its hash is for the caller to compare.
fn key_of(text: &str) -> Result<(&str, [u8; 32]), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key("it has three parts with `+` between them"));
    };
    let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key("its last part is no base64"))?;
    let bytes = bytes.strip_prefix(&[ED25519]).ok_or(NoteError::Key("it is not for Ed25519"))?;
    Ok((name, bytes.try_into().map_err(|_| NoteError::Key("it is not 32 bytes long"))?))
}

/// A name a note can carry.
fn named(name: &str) -> Result<String, NoteError> {
    match name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter == '+') {
        true => Err(NoteError::Key("its name is empty, or has white space or `+` in it")),
        false => Ok(name.to_owned()),
    }
}

/// A text a note can carry: lines without control characters, so that it is seen as it is.
fn carried(text: &str) -> Result<(), NoteError> {
    match () {
        () if !text.ends_with('\n') => Err(NoteError::Form("its text does not end with a line break")),
        () if text.contains(|letter: char| letter.is_control() && letter != '\n') => {
            Err(NoteError::Form("its text has control characters"))
        }
        () => Ok(()),
    }
}

/// Text and signatures.
fn parted(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > NOTE_MAX {
        return Err(NoteError::Form("it is too long"));
    }
    let at = note.rfind("\n\n").ok_or(NoteError::Form("no empty line stands before its signatures"))?;
    let (text, signatures) = note.split_at(at + 1);
    carried(text)?;
    match signatures.strip_prefix('\n').filter(|lines| lines.ends_with('\n')) {
        Some(lines) if lines.lines().all(|line| line.starts_with("\u{2014} ")) => Ok((text, lines)),
        _ => Err(NoteError::Form("what follows its text are no signatures")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    /// The example of Go's `golang.org/x/mod/sumdb/note`, where the format comes from.
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn secret() -> Secret {
        let bytes = STANDARD.decode(SECRET).unwrap();
        Secret::new("PeterNeumann", bytes.strip_prefix(&[ED25519]).unwrap().try_into().unwrap()).unwrap()
    }

    #[test]
    fn a_note_is_signed_and_read_as_go_does() {
        let public: Public = PUBLIC.parse().unwrap();
        let text = public.verified(NOTE).unwrap();
        assert!(text.starts_with("If you") && text.ends_with("is.\n"));
        assert_eq!(secret().sign(text).unwrap(), NOTE);
        assert_eq!(secret().public().to_string(), PUBLIC);
        let encoded = format!("PRIVATE+KEY+PeterNeumann+c74f20a3+{SECRET}");
        assert_eq!(secret().encoded(), encoded);
        assert_eq!(encoded.parse::<Secret>().unwrap().public().to_string(), PUBLIC);
        assert!(encoded.replace("c74f", "c74e").parse::<Secret>().is_err());
        assert!(PUBLIC.parse::<Secret>().is_err());
    }

    #[test]
    fn another_witness_s_line_does_not_disturb() {
        let more = format!("{NOTE}\u{2014} enoch.example/witness x08go/ZJkuBS9UG/Sfcv=\n");
        assert!(PUBLIC.parse::<Public>().unwrap().verified(&more).is_ok());
    }

    #[test]
    fn no_byte_of_a_note_can_be_another() {
        let public: Public = PUBLIC.parse().unwrap();
        for at in 0..NOTE.len() {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(public.verified(&changed).is_err(), "byte {at}: {changed}");
            }
        }
    }

    #[test]
    fn what_is_no_note_or_no_key_says_why() {
        let public: Public = PUBLIC.parse().unwrap();
        let told = |note: &str| public.verified(note).unwrap_err().to_string();
        assert_eq!(told("text\n"), "it is no signed note: no empty line stands before its signatures");
        assert_eq!(told("text\n\nmore\n"), "it is no signed note: what follows its text are no signatures");
        assert_eq!(
            told("te\u{7}xt\n\n\u{2014} a b\n"),
            "it is no signed note: its text has control characters"
        );
        assert_eq!(told("text\n\n\u{2014} a b\n"), "it is not signed by PeterNeumann");
        assert_eq!(told(&"a".repeat(NOTE_MAX + 1)), "it is no signed note: it is too long");
        let key = |text: &str| text.parse::<Public>().unwrap_err().to_string();
        assert_eq!(key("a+b"), "it is no key of a note: it has three parts with `+` between them");
        assert_eq!(key(&PUBLIC.replace("c74f", "c74e")), "it is no key of a note: its hash is another key's");
        assert_eq!(key(&PUBLIC.replace("+AR", "+AQ")), "it is no key of a note: its hash is another key's");
        assert!(Secret::new("a b", &[0; 32]).is_err() && Secret::new("a+b", &[0; 32]).is_err());
        assert!(secret().sign("no break at its end").is_err());
    }
}
