//! Held writes: what an attempt wrote, as plain data, until the commit that records its ending makes it real.
//!
//! An attempt that trapped, was refused or was sent back leaves nothing.

use crate::id::LogicalName;
use crate::quantity::exact;
use serde::{Deserialize, Serialize};

/// How the names of files begin that a store makes for a moment beside a written one; no skill may write such.
pub const RESERVED: &str = ".kapell-";

/// Everything one attempt wrote, and what it read that its writes rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldWrites {
    /// Keyvalue writes, the last one for each key.
    pub keys: Vec<KeyWrite>,
    /// Files, whole content each, the last one for each path.
    pub files: Vec<FileWrite>,
    /// Versions of keys that were read. The commit fails as a conflict when one has moved meanwhile and there are
    /// key writes, so that a counter incremented by two runs at once counts both.
    pub seen: Vec<KeySeen>,
}

impl HeldWrites {
    /// Whether there is nothing to make real.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.files.is_empty()
    }
}

/// One key's new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWrite {
    /// The namespace in the store.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// The value; none deletes the key.
    pub value: Option<Vec<u8>>,
}

/// A key as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySeen {
    /// The namespace in the store.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// The version that was read; 0 for a key that was not there.
    pub version: u64,
}

/// One file's new content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWrite {
    /// The skill's word for the directory.
    pub grant: LogicalName,
    /// The directory on the host, as in the grant.
    pub root: String,
    /// The path below it, `/`-separated, without `.`, `..` or empty parts.
    pub path: String,
    /// What the attempt found at the path. The commit fails as a conflict when something else is there by then, so
    /// that of two runs that change one file at once neither undoes what the other did.
    pub seen: FileSeen,
    /// The content; none removes the file.
    pub content: Option<Vec<u8>>,
}

/// What an attempt found at the path of a file it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSeen {
    /// No file.
    Absent,
    /// This file, as it was when it was read, or looked at where it was not.
    File(FileMark),
}

/// Which file it is and since when it is as it is. Two marks of one file differ once somebody wrote to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// The file system's number on this machine.
    #[serde(with = "exact")]
    pub device: u64,
    /// The file's number in its file system; a file put in another's place has another one.
    #[serde(with = "exact")]
    pub inode: u64,
    /// Its length.
    pub bytes: u64,
    /// When its content was changed last, by its own word, in nanoseconds since 1970.
    #[serde(with = "exact")]
    pub modified: i64,
    /// When anything of it was changed last, by the system's word, in nanoseconds since 1970.
    #[serde(with = "exact")]
    pub changed: i64,
}

/// Most objects named of what one attempt wrote in vain; the others are counted.
pub const UNDONE_MAX: usize = 50;

/// What an attempt that did not end with an output had written: names only, for nothing of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// What it had written to, files before keys; [`UNDONE_MAX`] at most.
    pub objects: Vec<UndoneWrite>,
    /// How many there were beyond those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// One thing that was written in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum UndoneWrite {
    /// A key set or deleted.
    Key {
        /// The namespace in the store.
        namespace: String,
        /// The key.
        key: String,
    },
    /// A file made, changed or removed.
    File {
        /// The skill's word for the directory.
        grant: LogicalName,
        /// The path below it.
        path: String,
    },
}

impl Undone {
    /// The names of held writes that will not become real.
    #[must_use]
    pub fn of(held: &HeldWrites) -> Self {
        let files = held
            .files
            .iter()
            .map(|file| UndoneWrite::File { grant: file.grant.clone(), path: file.path.clone() });
        let keys = held
            .keys
            .iter()
            .map(|write| UndoneWrite::Key { namespace: write.namespace.clone(), key: write.key.clone() });
        let objects: Vec<UndoneWrite> = files.chain(keys).take(UNDONE_MAX).collect();
        let more = (held.files.len() + held.keys.len() - objects.len()) as u64;
        Self { objects, more }
    }

    /// Whether nothing was written in vain; entries leave it out then.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.objects.is_empty()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What of the held writes stands in the entry: names and digests, for people and for checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WriteSummary {
    /// A key set or deleted.
    Key {
        /// The namespace in the store.
        namespace: String,
        /// The key.
        key: String,
        /// Digest of the new value; none for a deletion.
        digest: Option<crate::digest::Digest>,
        /// Length of the new value in bytes.
        bytes: u64,
    },
    /// A file made, changed or removed.
    File {
        /// The skill's word for the directory.
        grant: LogicalName,
        /// The directory on the host, as in the grant.
        root: String,
        /// The path below it.
        path: String,
        /// What the attempt found there.
        seen: FileSeen,
        /// Digest of the new content; none for a removal.
        digest: Option<crate::digest::Digest>,
        /// Length of the new content in bytes.
        bytes: u64,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Entries are canonical JSON, whose numbers are doubles: as numbers these would come back as others.
    #[test]
    fn the_numbers_of_a_file_come_back_exactly() {
        let mark = FileMark {
            device: u64::MAX,
            inode: (1 << 53) + 1,
            bytes: 7,
            modified: 1_763_714_000_123_456_789,
            changed: -1,
        };
        let text = serde_json::to_string(&mark).unwrap();
        assert!(text.contains(r#""modified":"1763714000123456789""#), "{text}");
        assert_eq!(serde_json::from_str::<FileMark>(&text).unwrap(), mark);
    }
}
