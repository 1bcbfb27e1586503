//! Files that a commit has made real in the journal and that must still be put in their place.
//!
//! All that is pending is done in the order it was committed, under one lock, so that neither two threads nor two
//! processes can put an older content over a newer one. A crash before the note is gone does it again.

use crate::error::{damaged, unwritten};
use crate::sqlite::stored::{parsed, whole};
use crate::sqlite::writer::Wait;
use crate::sqlite::{FaultPoint, Inner, number};
use crate::{placed, private};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use rusqlite::Connection;

/// A written file that is not in its place yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFile {
    /// The run that wrote it.
    pub run: RunId,
    /// Where it is to be, from the top of the file system.
    pub path: String,
}

struct Pending {
    id: u64,
    run: RunId,
    root: String,
    path: String,
    digest: Option<[u8; 32]>,
}

/// Puts everything pending in its place. A file that can't be leaves its note, and only its own run waits for it.
///
/// # Errors
/// When a file of `run` could not be put in its place, or what is pending cannot be read.
pub(crate) fn place_all(inner: &Inner, run: Option<&RunId>) -> Result<(), JournalError> {
    let lock = inner.dir.join("files.lock");
    let turn = private::file(&lock).and_then(|file| file.lock().map(|()| file));
    let _turn = turn.map_err(|cause| match run {
        // Its entries are durable by now, which is what it must be told.
        Some(run) => placed::unplaced(run, &inner.dir.display().to_string(), "files.lock", cause),
        None => unwritten(cause),
    })?;
    let mut outcome = Ok(());
    let mut placed = Vec::new();
    for pending in inner.readers.read(all)? {
        match place(inner, &pending) {
            Ok(()) => placed.push(pending.id),
            Err(failed) if run == Some(&pending.run) => outcome = Err(failed),
            Err(failed) => tracing::warn!(run = %pending.run, %failed, "a written file is not in its place"),
        }
    }
    forget(inner, placed)?;
    outcome
}

/// Whether a run still has files that are not in their place.
pub(crate) fn waits(inner: &Inner, run: &RunId) -> Result<bool, JournalError> {
    inner.readers.read(|connection| {
        let mut any = connection.prepare_cached("SELECT 1 FROM pending_files WHERE run = ?1 LIMIT 1")?;
        any.exists([run.as_str()])
    })
}

/// All that is pending, for people.
pub(crate) fn files(inner: &Inner) -> Result<Vec<PendingFile>, JournalError> {
    let named = |pending: Pending| {
        let path = placed::whole_path(&pending.root, &pending.path);
        PendingFile { run: pending.run, path }
    };
    Ok(inner.readers.read(all)?.into_iter().map(named).collect())
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<Pending>> {
    let mut all =
        connection.prepare_cached("SELECT id, run, root, path, digest FROM pending_files ORDER BY id")?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Pending {
            id: whole(row.get(0)?),
            run: parsed(row, 1)?,
            root: row.get(2)?,
            path: row.get(3)?,
            digest: row.get(4)?,
        })
    };
    all.query_map([], read)?.collect()
}

fn place(inner: &Inner, pending: &Pending) -> Result<(), JournalError> {
    let content = match pending.digest.map(Digest::from_bytes) {
        Some(digest) => {
            let bytes = inner.blob(&digest)?;
            Some(bytes.ok_or_else(|| damaged(format!("the content {digest} of a written file is missing")))?)
        }
        None => None,
    };
    inner.reach(FaultPoint::BeforePlacing);
    placed::place(&pending.root, &pending.path, content.as_deref())
        .map_err(|cause| placed::unplaced(&pending.run, &pending.root, &pending.path, cause))?;
    inner.reach(FaultPoint::Placed);
    Ok(())
}

/// Not waited for on the disk: a note that comes back puts the same content in the same place.
fn forget(inner: &Inner, placed: Vec<u64>) -> Result<(), JournalError> {
    if placed.is_empty() {
        return Ok(());
    }
    inner.writer.run(Wait::Visible, move |connection| {
        let mut forget = connection.prepare_cached("DELETE FROM pending_files WHERE id = ?1")?;
        for id in placed {
            forget.execute([number(id)])?;
        }
        Ok(Ok(()))
    })
}
