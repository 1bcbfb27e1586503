//! Why the store could not do something that is not the journal's business: opening, components, the catalog.

use crate::private;
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::id::SkillName;
use rusqlite::{Connection, ErrorCode, ffi};
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why the store could not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A file or directory of the store cannot be opened or made.
    #[error("open {}: {cause}", path.display())]
    Open {
        /// What was to be opened.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The store was written by another version of the program; this one does not touch it.
    #[error("{} has format {found}; this program knows format {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The format this program knows.
        known: u32,
    },
    /// The file is a database of something else.
    #[error("{} is not a Kapell store", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// There is no such version of the skill.
    #[error("{name} {version} is not installed")]
    NotInstalled {
        /// The skill.
        name: SkillName,
        /// The version asked for.
        version: semver::Version,
    },
    /// The bytes of a component are not there.
    #[error("the component {0} is not in the store")]
    NoComponent(Digest),
    /// The store itself failed, as the journal says it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Reaches a fault point inside the database; what is refused there is refused as the database would say it.
pub(crate) fn reach(point: FaultPoint) -> rusqlite::Result<()> {
    let refused = |cause: std::io::Error| {
        let code = match cause.kind() {
            ErrorKind::StorageFull => ffi::SQLITE_FULL,
            _ => ffi::SQLITE_IOERR_FSYNC,
        };
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(cause.to_string()))
    };
    fault::reach(point).map_err(refused)
}

/// The journal cannot be written, and why.
pub(crate) fn unwritten(cause: impl Display) -> JournalError {
    JournalError::Unavailable { doing: "written", cause: cause.to_string() }
}

/// The journal cannot be read, and why.
pub(crate) fn unread(cause: impl Display) -> JournalError {
    JournalError::Unavailable { doing: "read", cause: cause.to_string() }
}

/// Damage the database noticed itself, with the file it is in.
pub(crate) fn damaged_in(connection: &Connection, error: &rusqlite::Error) -> JournalError {
    damaged(format!("{}: {error}", connection.path().unwrap_or("the database")))
}

/// What the database says of a disk that fails it, and what the disk itself says: only that tells a full one from a broken
/// one.
pub(crate) fn asked_of_disk(path: &Path, error: &rusqlite::Error) -> String {
    let asks = [ErrorCode::SystemIoFailure, ErrorCode::DiskFull, ErrorCode::CannotOpen, ErrorCode::ReadOnly];
    let fails = error.sqlite_error_code().is_some_and(|code| asks.contains(&code));
    match path.parent().filter(|_| fails).map(private::takes_more) {
        Some(Err(disk)) => format!("{error}: {disk}"),
        _ => error.to_string(),
    }
}

/// What is stored is not what was written.
pub(crate) fn damaged(what: impl Into<String>) -> JournalError {
    JournalError::Damaged(what.into())
}
