//! Content: bytes under their digest.
//!
//! Only hashing makes one, so whoever is handed one need not hash it again: a store takes it as it is, and hashes
//! what it reads back.

use crate::canonical;
use crate::seam::JournalError;
use kapell_model::digest::Digest;
use serde::Serialize;
use std::sync::Arc;

/// Bytes and what they are named by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    digest: Digest,
    bytes: Arc<[u8]>,
}

impl Content {
    /// These bytes.
    pub fn of(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(&bytes), bytes }
    }

    /// The canonical JSON (RFC 8785) of a value.
    ///
    /// # Errors
    /// When the value has no JSON form: a map whose keys are no texts; nothing of ours is one.
    pub fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<Self, JournalError> {
        canonical::written(value, |bytes| Self::of(bytes))
            .map_err(|cause| JournalError::Damaged(format!("no canonical form: {cause}")))
    }

    /// The SHA-256 of the bytes.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Both, for keeping.
    #[must_use]
    pub fn into_parts(self) -> (Digest, Arc<[u8]>) {
        (self.digest, self.bytes)
    }
}
