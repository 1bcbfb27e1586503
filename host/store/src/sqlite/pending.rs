//! Files that a commit has made real in the journal and that must still be put in their place.
//!
//! What is pending below a directory is done in the order it was committed, by one at a time, so that neither two
//! threads nor two processes can put an older content over a newer one. A crash before the note is gone does it again.

use crate::error::{damaged, unwritten};
use crate::patience::{OPENING, WRITING};
use crate::sqlite::stored::{parsed, whole};
use crate::sqlite::writer::Wait;
use crate::sqlite::{Inner, number};
use crate::{placed, private};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::id::RunId;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

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

/// The right to put files below some directories in their place, one holder at a time for each directory.
pub(crate) struct Turn {
    _held: Vec<File>,
}

impl Turn {
    /// Waits for the right. A directory that stalls holds up only those who write to it.
    pub(crate) fn take(inner: &Inner, roots: &BTreeSet<String>) -> io::Result<Self> {
        let turns = inner.dir.join("turns");
        private::directory(&turns)?;
        // In the order of the set, so that no two wait for each other.
        let held = roots.iter().map(|root| {
            let turn = private::file(&turns.join(Digest::of(root.as_bytes()).hex()))?;
            turn.lock()?;
            Ok(turn)
        });
        Ok(Self { _held: held.collect::<io::Result<_>>()? })
    }
}

/// Puts everything that is pending in its place, all directories at once. One that does not answer is not waited for:
/// its files stay pending until it does, and are put in their place then.
///
/// # Errors
/// When what is pending can't be read. A file that can't be placed is told to its own run.
pub(crate) fn recover(inner: &Arc<Inner>) -> Result<(), JournalError> {
    let until = Instant::now() + OPENING;
    let begin = |root: String| {
        let (within, only) = (Arc::clone(inner), BTreeSet::from([root.clone()]));
        inner.silent.begin([root], move || {
            let turn = Turn::take(&within, &only).map_err(unwritten)?;
            place_all(&within, None, &only, &turn)
        })
    };
    let working: Vec<_> = inner.readers.read(|it| roots(it, None))?.into_iter().map(begin).collect();
    for placed in working.into_iter().map(|working| working?.until(until)) {
        match placed {
            Ok(placed) => placed?,
            Err(silent) => tracing::warn!(%silent, "written files are not in their place yet"),
        }
    }
    Ok(())
}

/// Puts what is pending of a run in its place.
///
/// # Errors
/// When a file of it could not be put there, or what is pending can't be read.
pub(crate) fn place_run(inner: &Arc<Inner>, run: &RunId) -> Result<(), JournalError> {
    let roots = inner.readers.read(|connection| roots(connection, Some(run)))?;
    let taken = roots.clone();
    place_within(inner, run, roots, move |inner| Turn::take(inner, &taken))
}

/// Puts everything pending below these directories in its place, once it is their turn, and waits for it no longer than
/// a directory at work takes.
pub(crate) fn place_within(
    inner: &Arc<Inner>,
    run: &RunId,
    roots: BTreeSet<String>,
    turn: impl FnOnce(&Inner) -> io::Result<Turn> + Send + 'static,
) -> Result<(), JournalError> {
    let (within, mine, below) = (Arc::clone(inner), run.clone(), roots.clone());
    let work = move || {
        let turn = turn(&within)?;
        Ok(place_all(&within, Some(&mine), &below, &turn))
    };
    let placed =
        inner.silent.begin(roots, work).and_then(|working| working.until(Instant::now() + WRITING)?);
    // Its entries are durable by now, which is what it must be told.
    placed.unwrap_or_else(|cause| Err(first_unplaced(inner, run, &cause)))
}

/// What a run is told whose files wait for their directory.
fn first_unplaced(inner: &Inner, run: &RunId, cause: &io::Error) -> JournalError {
    match inner.readers.read(all).map(|all| all.into_iter().find(|pending| pending.run == *run)) {
        Ok(Some(first)) => placed::unplaced(run, &first.root, &first.path, cause),
        Ok(None) => placed::unplaced(run, &inner.dir.display().to_string(), "turns", cause),
        Err(failed) => failed,
    }
}

/// Puts everything pending below these directories in its place. A file that can't be leaves its note, and only its
/// own run waits for it.
pub(crate) fn place_all(
    inner: &Inner,
    run: Option<&RunId>,
    roots: &BTreeSet<String>,
    _turn: &Turn,
) -> Result<(), JournalError> {
    let mut outcome = Ok(());
    let mut placed = Vec::new();
    for pending in inner.readers.read(all)?.into_iter().filter(|pending| roots.contains(&pending.root)) {
        match place(inner, &pending) {
            Ok(()) => placed.push(pending.id),
            Err(failed) if run == Some(&pending.run) => outcome = Err(failed),
            Err(failed) => tracing::warn!(run = %pending.run, %failed, "a written file is not in its place"),
        }
    }
    forget(inner, placed)?;
    outcome
}

/// The directories that something is pending below.
fn roots(connection: &Connection, run: Option<&RunId>) -> rusqlite::Result<BTreeSet<String>> {
    let mut roots =
        connection.prepare_cached("SELECT DISTINCT root FROM pending_files WHERE run = ?1 OR ?1 IS NULL")?;
    roots.query_map([run.map(RunId::as_str)], |row| row.get(0))?.collect()
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
            let bytes = match inner.blob(&pending.run, &digest)? {
                Some(bytes) => Some(bytes),
                None => inner.private(&digest)?.map(|content| Arc::clone(content.bytes())),
            };
            Some(bytes.ok_or_else(|| damaged(format!("the content {digest} of a written file is missing")))?)
        }
        None => None,
    };
    fault::reach(FaultPoint::Placing)
        .and_then(|()| placed::place(&pending.root, &pending.path, content.as_deref()))
        .and_then(|()| fault::reach(FaultPoint::Placed))
        .map_err(|cause| placed::unplaced(&pending.run, &pending.root, &pending.path, cause))
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
