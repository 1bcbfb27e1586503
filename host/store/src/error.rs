//! Why the store could not do something that is not the journal's business: opening, components, the catalog.

use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use kapell_model::id::SkillName;
use std::fmt::Display;
use std::path::PathBuf;

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
    /// The store was written by a newer program; this one does not touch it.
    #[error("{} has format {found}; this program knows formats up to {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format this program knows.
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

/// The journal cannot be written, and why.
pub(crate) fn unwritten(cause: impl Display) -> JournalError {
    JournalError::Unavailable { doing: "written", cause: cause.to_string() }
}

/// The journal cannot be read, and why.
pub(crate) fn unread(cause: impl Display) -> JournalError {
    JournalError::Unavailable { doing: "read", cause: cause.to_string() }
}

/// What is stored is not what was written.
pub(crate) fn damaged(what: impl Into<String>) -> JournalError {
    JournalError::Damaged(what.into())
}
