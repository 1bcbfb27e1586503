//! Files named by the digest of their bytes: large blobs and components.

use crate::error::{damaged, unread};
use crate::{placed, private};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// A directory of such files.
pub(crate) struct ContentDir {
    dir: Dir,
    suffix: &'static str,
}

impl ContentDir {
    /// Opens the directory, made if it is not there.
    pub(crate) fn open(path: &Path, suffix: &'static str) -> io::Result<Self> {
        private::directory(path)?;
        Ok(Self { dir: Dir::open_ambient_dir(path, ambient_authority())?, suffix })
    }

    /// Another handle of the same directory.
    pub(crate) fn again(&self) -> io::Result<Self> {
        Ok(Self { dir: self.dir.try_clone()?, suffix: self.suffix })
    }

    /// Keeps bytes under their digest; they are durable when this returns. Keeping them twice is keeping them once.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let name = self.name(digest);
        let regular = self.dir.symlink_metadata(&name).is_ok_and(|there| there.is_file());
        match self.get(digest) {
            // It has its name only since all of it was synced, but perhaps by a process that died before
            // syncing the directory.
            Ok(Some(_)) if regular => placed::sync(&self.dir),
            // Not there, or no longer what it was: this is the moment at which the right bytes are at hand.
            _ => placed::replace(&self.dir, &name, bytes, Some(private::FILE)),
        }
    }

    /// The bytes of a digest, checked.
    pub(crate) fn get(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError> {
        match self.dir.read(self.name(digest)) {
            Ok(bytes) => checked(digest, bytes).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unread(format!("{digest}: {error}"))),
        }
    }

    /// Keeps bytes under a name that is given once; they are durable when this returns.
    pub(crate) fn put_new(&self, name: &Digest, bytes: &[u8]) -> io::Result<()> {
        placed::replace(&self.dir, &self.name(name), bytes, Some(private::FILE))
    }

    /// The bytes of a name, unchecked.
    pub(crate) fn raw(&self, name: &Digest) -> io::Result<Vec<u8>> {
        self.dir.read(self.name(name))
    }

    /// Takes a file away; durable when this returns. One that is gone is what is wanted.
    pub(crate) fn unlink(&self, name: &Digest) -> io::Result<()> {
        match self.dir.remove_file(self.name(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => placed::sync(&self.dir),
        }
    }

    /// Whether a file of that digest is there; [`get`](Self::get) says whether it is what it should be.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.dir.is_file(self.name(digest))
    }

    fn name(&self, digest: &Digest) -> String {
        format!("{}{}", digest.hex(), self.suffix)
    }
}

/// Bytes that have the digest they are stored under.
pub(crate) fn checked(digest: &Digest, bytes: Vec<u8>) -> Result<Arc<[u8]>, JournalError> {
    if Digest::of(&bytes) == *digest {
        Ok(bytes.into())
    } else {
        Err(damaged(format!("the bytes stored as {digest} have another digest")))
    }
}
