//! Signed heads of a log: C2SP's signed note (Ed25519), tlog-checkpoint and tlog-proof.

use crate::digest::{self, Hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};

/// What an Ed25519 key is called in a note.
const ED25519: u8 = 1;
/// Most signatures of one note, as of Go's reader: each takes time to read.
const SIGNATURES_MAX: u32 = 100;
/// The first line of a proof.
const PROOF: &str = "c2sp.org/tlog-proof@v1";

/// A log's name and the key its heads are checked with: `NAME+HASH+BASE64`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

/// What a log is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// How many entries it has.
    pub(crate) size: u64,
    /// The root over them.
    pub(crate) root: Hash,
}

impl Key {
    /// The key of a verifier's line, as transparency logs publish theirs.
    ///
    /// # Errors
    /// What it lacks.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a key is three parts with `+` between them");
        };
        if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err("a key has a name without spaces");
        }
        let bytes = STANDARD.decode(key).map_err(|_| "the last part of a key is base64")?;
        let made = digest::of(&[name.as_bytes(), b"\n", &bytes]);
        let id_of: [u8; 4] = made.first_chunk().copied().unwrap_or_default();
        if format!("{:08x}", u32::from_be_bytes(id_of)) != id {
            return Err("the hash in the key is another key's");
        }
        let Some((&ED25519, key)) = bytes.split_first() else { return Err("the key is not for Ed25519") };
        let key: &[u8; 32] = key.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| "the key is no point of the curve")?;
        Ok(Self { name: name.to_owned(), id: id_of, key })
    }

    /// All of it, safe to print: four bytes of a hash are soon met by another key.
    pub(crate) fn shown(&self) -> String {
        let bytes = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        format!("{}+{:08x}+{}", self.name.escape_debug(), u32::from_be_bytes(self.id), STANDARD.encode(bytes))
    }

    /// The head a checkpoint is of, once its signature is this key's and it is of this key's log.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn head(&self, note: &[u8]) -> Result<Head, &'static str> {
        let text = self.signed(std::str::from_utf8(note).map_err(|_| "a checkpoint is text")?)?;
        let mut lines = text.split_terminator('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err("a checkpoint has three lines");
        };
        if origin != self.name {
            return Err("it is a checkpoint of another log");
        }
        let number = number(size).ok_or("the size of a checkpoint is a number")?;
        Ok(Head { size: number, root: hash(root).ok_or("the root of a checkpoint is 32 bytes in base64")? })
    }

    /// The text of a note that this key has signed: every line that claims to be its signature is one.
    fn signed<'n>(&self, note: &'n str) -> Result<&'n str, &'static str> {
        let at = note.rfind("\n\n").ok_or("no signature follows its text")?;
        let (text, lines) = note.split_at(at + 1);
        let lines = lines.strip_prefix('\n').filter(|lines| lines.ends_with('\n'));
        let lines = lines.ok_or("its last line is cut off")?;
        if text.chars().any(|letter| letter.is_control() && letter != '\n') {
            return Err("its text has control characters");
        }
        let (mut own, mut all) = (0, 0);
        for line in lines.split_terminator('\n') {
            all += 1;
            if all > SIGNATURES_MAX {
                return Err("it has more signatures than a note may have");
            }
            let (name, bytes) = signature(line).ok_or("what follows its text is no signature")?;
            if let Some(bytes) = bytes.strip_prefix(&self.id).filter(|_| name == self.name) {
                own += 1;
                if own > 1 {
                    return Err("it is signed twice by one key");
                }
                let signature = Signature::from_slice(bytes).map_err(|_| "its signature is cut off")?;
                self.key
                    .verify_strict(text.as_bytes(), &signature)
                    .map_err(|_| "its signature does not fit")?;
            }
        }
        if own > 0 { Ok(text) } else { Err("it is not signed by the log's key") }
    }
}

/// Name and bytes of a signature's line.
fn signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    Some((name, STANDARD.decode(encoded).ok()?))
}

/// A proof that an entry stands in a log: its leaf, the hashes beside its way up, and the checkpoint they lead to.
pub(crate) struct Proof<'p> {
    pub(crate) index: u64,
    pub(crate) beside: Vec<Hash>,
    pub(crate) note: &'p str,
}

impl<'p> Proof<'p> {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(bytes: &'p [u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "a proof is text")?;
        let (way, note) = text.split_once("\n\n").ok_or("no checkpoint follows the hashes")?;
        let mut lines = way.split('\n');
        if lines.next() != Some(PROOF) {
            return Err("it does not begin as a proof");
        }
        let index = lines.next().and_then(|line| number(line.strip_prefix("index ")?));
        let index = index.ok_or("it has no index")?;
        let beside = lines.map(hash).collect::<Option<_>>().ok_or("one of its hashes is none")?;
        Ok(Self { index, beside, note })
    }
}

/// Hashes in base64, one a line.
pub(crate) fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.is_empty() && !text.ends_with('\n') {
        return None;
    }
    text.split_terminator('\n').map(hash).collect()
}

fn hash(line: &str) -> Option<Hash> {
    STANDARD.decode(line).ok()?.try_into().ok()
}

/// A number as it is written, in one way only.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer as _, SigningKey};

    /// The example of Go's `golang.org/x/mod/sumdb/note`, where the format comes from.
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signing() -> (SigningKey, Key) {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let bytes = [&[ED25519], signing.verifying_key().as_bytes().as_slice()].concat();
        let id = u32::from_be_bytes(*digest::of(&[b"log\n", &bytes]).first_chunk().unwrap());
        let key = Key::read(&format!("log+{id:08x}+{}", STANDARD.encode(bytes))).unwrap();
        (signing, key)
    }

    fn note(text: &str) -> String {
        let (signing, key) = signing();
        let bytes = [key.id.as_slice(), &signing.sign(text.as_bytes()).to_bytes()].concat();
        format!("{text}\n\u{2014} log {}\n", STANDARD.encode(bytes))
    }

    #[test]
    fn a_note_is_read_as_go_does() {
        let key = Key::read(PUBLIC).unwrap();
        assert!(key.signed(NOTE).unwrap().ends_with("problem is.\n"));
        let another = format!("{NOTE}\u{2014} enoch.example/witness AAAAAA==\n");
        assert!(key.signed(&another).is_ok(), "a witness does not disturb");
        assert_eq!(key.shown(), PUBLIC);
        let witnesses =
            |number: usize| format!("{NOTE}{}", "\u{2014} enoch.example/witness AAAAAA==\n".repeat(number));
        assert!(key.signed(&witnesses(99)).is_ok());
        assert_eq!(key.signed(&witnesses(100)), Err("it has more signatures than a note may have"));
        let twice = format!("{NOTE}{}", NOTE.split_once("\n\n").unwrap().1);
        assert_eq!(key.signed(&twice), Err("it is signed twice by one key"));
    }

    #[test]
    fn no_byte_of_a_note_can_be_another() {
        let key = Key::read(PUBLIC).unwrap();
        for at in 0..NOTE.len() {
            for bit in 0..8 {
                let mut bytes = NOTE.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let text = String::from_utf8(bytes);
                assert!(text.is_err() || key.signed(&text.unwrap()).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_key_says_what_it_lacks() {
        let told = |text: &str| Key::read(text).err();
        assert_eq!(told("a+b"), Some("a key is three parts with `+` between them"));
        assert_eq!(told(&PUBLIC.replace("c74f", "c74e")), Some("the hash in the key is another key's"));
        assert_eq!(told(&PUBLIC.replace("+AR", "+AQ")), Some("the hash in the key is another key's"));
        assert_eq!(told("a b+00000000+AQ=="), Some("a key has a name without spaces"));
    }

    #[test]
    fn a_checkpoint_is_a_size_and_a_root_of_one_log() {
        let (_, key) = signing();
        let root = STANDARD.encode([3; 32]);
        let told = |text: &str| key.head(note(text).as_bytes());
        assert_eq!(told(&format!("log\n7\n{root}\n")), Ok(Head { size: 7, root: [3; 32] }));
        assert_eq!(told(&format!("other\n7\n{root}\n")), Err("it is a checkpoint of another log"));
        assert_eq!(told(&format!("log\n07\n{root}\n")), Err("the size of a checkpoint is a number"));
        assert_eq!(told("log\n7\nAAAA\n"), Err("the root of a checkpoint is 32 bytes in base64"));
        assert_eq!(told("log\n7\n"), Err("a checkpoint has three lines"));
        let forged = note(&format!("log\n7\n{root}\n")).replacen('7', "8", 1);
        assert_eq!(key.head(forged.as_bytes()), Err("its signature does not fit"));
        assert_eq!(key.head(b"log\n7\nAAAA\n"), Err("no signature follows its text"));
    }

    #[test]
    fn a_proof_is_an_index_hashes_and_a_note() {
        let text = format!("{PROOF}\nindex 5\n{0}\n{0}\n\nthe\nnote\n", STANDARD.encode([1; 32]));
        let proof = Proof::read(text.as_bytes()).unwrap();
        assert_eq!((proof.index, proof.beside, proof.note), (5, vec![[1; 32], [1; 32]], "the\nnote\n"));
        let told = |text: &str| Proof::read(text.as_bytes()).err();
        assert_eq!(told(&text.replace("v1", "v2")), Some("it does not begin as a proof"));
        assert_eq!(told(&text.replace("index 5", "index +5")), Some("it has no index"));
        assert_eq!(told(&text.replace("AQEB", "AQ")), Some("one of its hashes is none"));
        assert_eq!(told("x"), Some("no checkpoint follows the hashes"));
    }
}
