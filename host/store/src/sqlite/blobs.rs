//! Blobs: each run keeps its own, and what all runs rest on is kept once, as if by a run of its own that is never over.
//!
//! Small ones are rows, which only their run keeps. Large ones are files under their digest, which runs share: one is
//! unlinked when no row stands for it any more, in a transaction that no other shares, so that a commit that brings it
//! again comes before, and it stays, or after, and it is there again.

use crate::content::ContentDir;
use crate::error::unwritten;
use crate::sqlite::Inner;
use crate::sqlite::append::Staged;
use crate::sqlite::connection;
use crate::sqlite::erasable::Kept;
use crate::sqlite::writer::Done;
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::BTreeSet;

/// The number of a run, from 1.
pub(crate) type RunNumber = i64;

/// Stands for all runs.
const SHARED: RunNumber = 0;

/// Keeps what a commit brings. A file of it that somebody removed since it was staged is put there again.
pub(crate) fn bring(connection: &Connection, run: RunNumber, staged: &Staged) -> Done<()> {
    let open = |kept: &&Kept| kept.content.salt().is_none();
    for (run, contents) in [(run, &staged.own), (SHARED, &staged.shared)] {
        for kept in contents.iter().filter(open) {
            if let Err(failed) = put_again(kept, staged.files_in.as_ref()) {
                return Ok(Err(failed));
            }
            insert(connection, run, kept)?;
        }
    }
    Ok(Ok(()))
}

fn put_again(kept: &Kept, files: Option<&ContentDir>) -> Result<(), JournalError> {
    let (name, bytes) = (kept.content.digest(), kept.content.bytes());
    match files.filter(|files| kept.in_file && !files.has(name)) {
        Some(files) => files.put(name, bytes).map_err(|cause| unwritten(format!("{name}: {cause}"))),
        None => Ok(()),
    }
}

/// What is there is looked at, not trusted: bytes that have rotted are mended by whoever brings them again.
fn insert(connection: &Connection, run: RunNumber, kept: &Kept) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO blobs (run, digest, bytes) VALUES (?1, ?2, ?3)
         ON CONFLICT (run, digest) DO UPDATE SET bytes = excluded.bytes WHERE bytes IS NOT excluded.bytes",
    )?;
    let bytes = (!kept.in_file).then(|| &kept.content.bytes()[..]);
    insert.execute(params![run, kept.content.digest().as_bytes(), bytes]).map(drop)
}

/// Deletes what a run lets go, and notes that its files and what the log still holds of it must go too.
pub(crate) fn let_go(
    connection: &Connection,
    run: RunNumber,
    dropped: &BTreeSet<Digest>,
) -> rusqlite::Result<()> {
    if dropped.is_empty() {
        return Ok(());
    }
    let mut note = connection.prepare_cached(
        "INSERT INTO leaving (name, shared)
         SELECT digest, 1 FROM blobs WHERE run = ?1 AND digest = ?2",
    )?;
    let mut delete = connection.prepare_cached("DELETE FROM blobs WHERE run = ?1 AND digest = ?2")?;
    for name in dropped {
        note.execute(params![run, name.as_bytes()])?;
        delete.execute(params![run, name.as_bytes()])?;
    }
    Ok(())
}

fn has_file_row(connection: &Connection, name: &Digest) -> rusqlite::Result<bool> {
    let mut any =
        connection.prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1 AND bytes IS NULL LIMIT 1")?;
    any.exists([name.as_bytes()])
}

impl Inner {
    /// Unlinks the files of these that no run keeps. On a connection of its own: a transaction with tasks of others in it
    /// may be rolled back, and a row that is there again then would stand for a file that is gone.
    pub(crate) fn unlink_unkept(&self, leaving: &BTreeSet<Digest>) -> Result<(), JournalError> {
        let there: Vec<&Digest> = leaving.iter().filter(|name| self.blobs.has(name)).collect();
        if there.is_empty() {
            return Ok(());
        }
        let path = self.dir.join("journal.sqlite");
        let mut connection = connection::writer(&path, self.options.durability).map_err(unwritten)?;
        let alone =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unwritten)?;
        for name in there {
            if !has_file_row(&alone, name).map_err(unwritten)? {
                self.blobs.unlink(name).map_err(|cause| unwritten(format!("remove {name}: {cause}")))?;
            }
        }
        Ok(())
    }

    /// Whether a file is there that no run keeps.
    pub(crate) fn is_left_over(&self, name: &Digest) -> Result<bool, JournalError> {
        Ok(self.blobs.has(name) && !self.readers.read(|connection| has_file_row(connection, name))?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::sqlite::writer::Wait;
    use crate::{ROW_BLOB_MAX, SqliteStore};
    use kapell_journal::chain::seal;
    use kapell_journal::content::Content;
    use kapell_journal::entry::Body;
    use kapell_journal::seam::{Commit, Journals as _, RunRow};
    use kapell_model::quantity::Timestamp;
    use kapell_model::writes::HeldWrites;

    /// While one process sees to what left before, another run lets the same go.
    #[test]
    fn what_leaves_while_others_are_seen_to_is_seen_to_next() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        let name = Digest::of(b"large");
        store.0.blobs.put(&name, b"large").unwrap();
        let leaves = || {
            let note = move |connection: &Connection| {
                let insert = "INSERT INTO leaving (name, shared) VALUES (?1, 1)";
                connection.execute(insert, [name.as_bytes()]).map(|_| Ok(()))
            };
            store.0.writer.run(Wait::Durable, note).unwrap();
        };
        leaves();
        let seen = store.0.readers.read(crate::sqlite::erasable::leaving).unwrap();
        leaves();
        store.0.forget_leaving(seen.iter().map(|it| it.id).max().unwrap()).unwrap();
        assert!(store.is_left_over(&name).unwrap(), "nobody unlinked it yet");
        store.let_go().unwrap();
        assert!(!store.is_left_over(&name).unwrap());
        assert!(store.0.readers.read(crate::sqlite::erasable::leaving).unwrap().is_empty());
    }

    /// Between the staging of a commit and the commit itself whoever kept the same bytes lets them go.
    #[test]
    fn a_file_that_went_after_it_was_staged_is_there_again() {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        let owner = store.new_owner().unwrap();
        let run: kapell_model::id::RunId = "demo-1".parse().unwrap();
        let (content, expected) =
            (Content::of(vec![7; ROW_BLOB_MAX + 1]), store.claim(&run, owner.owner()).unwrap());
        let mut head = expected;
        let entry = seal(&run, &mut head, Timestamp(5), Body::RunResumed { by: "x".into() }).unwrap();
        let row = RunRow {
            run: run.clone(),
            flow: "demo".parse().unwrap(),
            state: "running".into(),
            over: false,
            started: Timestamp(3),
            changed: Timestamp(5),
            due: None,
            line: None,
            kept: true,
        };
        let commit = Commit {
            run: run.clone(),
            expected,
            entries: vec![entry],
            blobs: vec![content.clone()],
            shared: Vec::new(),
            writes: HeldWrites::default(),
            writes_private: false,
            erased: BTreeSet::new(),
            dropped: BTreeSet::new(),
            charges: Vec::new(),
            bounds: Vec::new(),
            row,
        };
        let staged = store.0.stage(&commit).unwrap();
        store.0.blobs.unlink(content.digest()).unwrap();
        let append =
            move |connection: &Connection| crate::sqlite::append::append(connection, &commit, &staged);
        store.0.writer.run(Wait::Durable, append).unwrap();
        assert_eq!(store.blob(&run, content.digest()).unwrap().as_ref(), Some(content.bytes()));
    }
}
