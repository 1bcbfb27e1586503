//! Checkpoints: what a journal's tree is at one moment, in C2SP's tlog-checkpoint form.
//!
//! Three lines: the log's name, how many entries the tree has, its root. Signed as a [note](crate::note) it is what
//! somebody outside keeps: without one such copy whoever holds the journal and its key could write another history.

use crate::note::{NoteError, Public, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_model::digest::Digest;

/// The head of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also its key's.
    pub origin: String,
    /// How many entries the tree has.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

impl Checkpoint {
    /// The note of it, by the log's key.
    ///
    /// # Errors
    /// When the name can't be carried.
    pub fn signed(&self, secret: &Secret) -> Result<String, NoteError> {
        let root = STANDARD.encode(self.root.as_bytes());
        secret.sign(&format!("{}\n{}\n{root}\n", self.origin, self.size))
    }

    /// The checkpoint of a note by that key and of its log. Lines after the third are extensions, signed and passed over.
    ///
    /// # Errors
    /// When the key has not signed it, or the text is no checkpoint.
    pub fn verified(note: &str, public: &Public) -> Result<Self, NoteError> {
        let mut lines = public.verified(note)?.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Form("a checkpoint has three lines"));
        };
        if origin != public.name() {
            return Err(NoteError::Form("it is another log's checkpoint"));
        }
        let number: Option<u64> = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let bytes = STANDARD.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        Ok(Self {
            origin: origin.to_owned(),
            size: number.ok_or(NoteError::Form("its size is no number"))?,
            root: Digest::from_bytes(bytes.ok_or(NoteError::Form("its root is no hash"))?),
        })
    }
}

/// The first line of a proof.
const PROOF: &str = "c2sp.org/tlog-proof@v1";

/// A proof that an entry stands in a log, in C2SP's tlog-proof form: its leaf, the hashes beside its way up, the signed
/// checkpoint they lead to.
#[must_use]
pub fn proof(index: u64, beside: &[Digest], note: &str) -> String {
    format!("{PROOF}\nindex {index}\n{}\n{note}", lines(beside))
}

/// Hashes as proofs have them: base64, one a line.
#[must_use]
pub fn lines(hashes: &[Digest]) -> String {
    hashes.iter().map(|hash| format!("{}\n", STANDARD.encode(hash.as_bytes()))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("kapell.example/journal", &[7; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "kapell.example/journal".into(), size: 20, root: Digest::of(b"root") }
    }

    #[test]
    fn a_checkpoint_is_three_lines_and_a_signature() {
        let note = checkpoint().signed(&secret()).unwrap();
        insta::assert_snapshot!(note, @r#"
        kapell.example/journal
        20
        SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=

        — kapell.example/journal dFnk8LYItpPq/Aw4jC6hJ7ZboGQ7axtBkphv9XgvqtS7m+LoQVZlijxVDnO7GBO4XvwiQvrpH5GN3nZktTRwLmlL8QA=
        "#);
        assert_eq!(Checkpoint::verified(&note, &secret().public()).unwrap(), checkpoint());
    }

    #[test]
    fn what_is_signed_but_no_checkpoint_says_why() {
        let told = |text: &str| {
            let note = secret().sign(text).unwrap();
            Checkpoint::verified(&note, &secret().public()).unwrap_err().to_string()
        };
        let root = STANDARD.encode([0; 32]);
        assert_eq!(told("kapell.example/journal\n"), "it is no signed note: a checkpoint has three lines");
        assert_eq!(
            told(&format!("other\n1\n{root}\n")),
            "it is no signed note: it is another log's checkpoint"
        );
        let with = |size: &str, root: &str| told(&format!("kapell.example/journal\n{size}\n{root}\n"));
        assert_eq!(with("01", &root), "it is no signed note: its size is no number");
        assert_eq!(with("1", "AAAA"), "it is no signed note: its root is no hash");
    }

    #[test]
    fn a_proof_is_a_place_hashes_and_a_checkpoint() {
        let zeros = STANDARD.encode([0; 32]);
        let written = proof(7, &[Digest::from_bytes([0; 32])], "a note\n");
        assert_eq!(written, format!("c2sp.org/tlog-proof@v1\nindex 7\n{zeros}\n\na note\n"));
    }

    #[test]
    fn another_key_of_the_same_name_has_not_signed_it() {
        let note = checkpoint().signed(&secret()).unwrap();
        let other = Secret::new("kapell.example/journal", &[8; 32]).unwrap().public();
        let told = Checkpoint::verified(&note, &other).unwrap_err().to_string();
        assert_eq!(told, "it is not signed by kapell.example/journal");
    }
}
