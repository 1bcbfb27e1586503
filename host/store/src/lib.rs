//! Bytes survive: the journal's rows, blobs, keys and values, written files, components and the catalog of skills.
//!
//! [`SqliteStore`] keeps them in one directory, [`MemoryStore`] in memory; both pass the same tests. Whatever a
//! commit was answered for is durable, in one transaction, in the order of its run, under the epoch of the run's
//! owner. When the disk refuses, nothing is acknowledged and nothing acknowledged is lost.
//!
//! This crate never decides what happens in a run, never interprets an entry beyond its chain, never opens a
//! connection and never reads a clock: every time it stores was handed to it.
//!
//! Reading order: [`sqlite`](SqliteStore) composes the parts; `admit` says which commits agree with themselves,
//! `append` makes one real, `writer` makes many durable with one sync, `log` keeps a sync short; `placed` puts written
//! files in their place; [`OwnerLock`] tells the living from the dead; [`flaws`] looks
//! at the files of a store that may not open any more.

mod admit;
mod content;
mod error;
mod examined;
mod memory;
mod owner;
mod patience;
mod placed;
mod private;
mod skills;
mod spending;
mod sqlite;

use kapell_journal::content::Salt;
use kapell_journal::seam::JournalError;

pub use error::StoreError;
pub use examined::{Flaw, flaws};
pub use memory::MemoryStore;
pub use owner::OwnerLock;
pub use placed::make_directory;
pub use skills::{CatalogSnapshot, Components, Installed, SkillEvent, Skills, What};
pub use sqlite::{
    Beside, Durability, Noted, Options, PendingFile, SqliteStore, StoredEntry, StoredRun, TreeHead,
};

/// A salt for a commitment, out of the system's random bytes.
fn salt() -> Result<Salt, JournalError> {
    let mut bytes = [0; 32];
    let drawn = getrandom::fill(&mut bytes).map_err(|cause| error::unread(format!("random bytes: {cause}")));
    drawn.map(|()| Salt::from_bytes(bytes))
}

/// The largest blob kept as a row of the transaction that names it, in bytes; larger ones are files of their own,
/// synced before the transaction.
pub const ROW_BLOB_MAX: usize = 64 * 1024;
