//! Content: bytes under the name entries give them.
//!
//! Most are named by their digest, so that a run keeps the same bytes once. Private ones are named by a commitment: a digest
//! of the bytes under a salt of their own (HMAC-SHA256, RFC 2104), which tells nobody what they are who has not the salt,
//! not even whoever guesses, and is another one wherever else the same bytes are kept.
//!
//! Only hashing makes one, so whoever is handed one need not hash it again: a store takes it as it is, and hashes
//! what it reads back.

use crate::canonical;
use crate::entry::BlobRef;
use crate::seam::JournalError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kapell_model::digest::Digest;
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;
use std::sync::Arc;

/// Bytes that nobody can guess, the key of one commitment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// These bytes; whoever makes one takes them from the system.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Never its bytes: with them anybody could try what a commitment is of.
impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt")
    }
}

/// Bytes and what they are named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    digest: Digest,
    salt: Option<Salt>,
    bytes: Arc<[u8]>,
}

impl Content {
    /// These bytes.
    pub fn of(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(&bytes), salt: None, bytes }
    }

    /// These bytes, named by a commitment.
    pub fn committed(bytes: impl Into<Arc<[u8]>>, salt: Salt) -> Self {
        let bytes = bytes.into();
        Self { digest: commitment(&salt, &bytes), salt: Some(salt), bytes }
    }

    /// The canonical JSON (RFC 8785) of a value.
    ///
    /// # Errors
    /// When the value has no JSON form: a map whose keys are no texts; nothing of ours is one.
    pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Self, JournalError> {
        canonical::written(value, |bytes| Self::of(bytes))
            .map_err(|cause| JournalError::Damaged(format!("no canonical form: {cause}")))
    }

    /// A value as it is kept: a text as it is, anything else as its canonical JSON.
    ///
    /// # Errors
    /// As [`canonical`](Self::canonical).
    pub fn value(value: &Value) -> Result<Self, JournalError> {
        match value {
            Value::String(text) => Ok(Self::of(text.as_bytes())),
            other => Self::canonical(other),
        }
    }

    /// What entries name them by.
    #[must_use]
    pub const fn named(&self) -> BlobRef {
        match self.salt {
            None => BlobRef::Digest(self.digest),
            Some(_) => BlobRef::Commitment(self.digest),
        }
    }

    /// Their SHA-256, or their commitment.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The salt, where they are named by a commitment.
    #[must_use]
    pub const fn salt(&self) -> Option<&Salt> {
        self.salt.as_ref()
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Name and bytes, for keeping.
    #[must_use]
    pub fn into_parts(self) -> (Digest, Arc<[u8]>) {
        (self.digest, self.bytes)
    }
}

fn commitment(salt: &Salt, bytes: &[u8]) -> Digest {
    // A key of this length is one; the other ending is never reached.
    let Ok(mut keyed) = Hmac::<Sha256>::new_from_slice(&salt.0) else { return Digest::of(&salt.0) };
    keyed.update(bytes);
    Digest::from_bytes(keyed.finalize().into_bytes().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    /// RFC 4231, test case 6 is of a longer key; case 1 padded to 32 bytes is the same HMAC, since zeros pad a key.
    #[test]
    fn a_commitment_is_the_hmac_others_compute() {
        let mut key = [0; 32];
        key.iter_mut().take(20).for_each(|byte| *byte = 0x0b);
        let committed = Content::committed(*b"Hi There", Salt::from_bytes(key));
        let expected = "sha256:b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(committed.named(), BlobRef::Commitment(expected.parse().unwrap()));
    }

    #[test]
    fn the_same_bytes_under_another_salt_are_named_otherwise() {
        let under = |byte| *Content::committed(*b"ada@example.com", Salt::from_bytes([byte; 32])).digest();
        assert_eq!(under(1), under(1));
        assert_ne!(under(1), under(2));
        assert_ne!(under(1), *Content::of(*b"ada@example.com").digest());
    }

    #[test]
    fn a_salt_is_not_printed() {
        let content = Content::committed(*b"x", Salt::from_bytes([0xab; 32]));
        assert!(!format!("{content:?}").contains("171"), "{content:?}");
    }
}
