//! What is private: kept under commitments, found by its run, and destroyed so that the database does not have it any more.
//!
//! Rows are deleted with `secure_delete`, which writes zeros over them, and the write-ahead log is moved into the database
//! and cut to nothing, since it may still hold them. Files are unlinked. That is as far as a program gets: what a file system,
//! a solid-state disk, a snapshot or a backup keeps of a file that was changed or unlinked is not its own to reach, and
//! writing over a file before unlinking it would only look as if it were.

use crate::error::{damaged, unwritten};
use crate::sqlite::Inner;
use crate::sqlite::connection;
use crate::sqlite::stored::bytes32;
use crate::sqlite::writer::Wait;
use kapell_journal::content::{Content, Salt};
use kapell_journal::seam::{Commit, JournalError};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

/// How long an erasure waits for whoever still reads the log it must cut.
const CUTTING: Duration = Duration::from_secs(10);

/// Keeps private contents with their run; bytes of those among `files` are on the disk already.
pub(crate) fn insert(connection: &Connection, run: &RunId, contents: &[Kept]) -> rusqlite::Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT INTO private (commitment, run, salt, bytes) VALUES (?1, ?2, ?3, ?4)")?;
    for Kept { content, in_file } in contents {
        let Some(salt) = content.salt() else { continue };
        let bytes = (!in_file).then(|| &content.bytes()[..]);
        insert.execute(params![content.digest().as_bytes(), run.as_str(), salt.as_bytes(), bytes])?;
    }
    Ok(())
}

/// Content on its way into the database, whether its bytes become part of a row or are a file by now.
pub(crate) struct Kept {
    pub(crate) content: Content,
    pub(crate) in_file: bool,
}

/// Deletes what a commit destroys, and notes that its files and what the log still holds of it must go too.
pub(crate) fn delete(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    if commit.erased.is_empty() {
        return Ok(());
    }
    let mut note = connection.prepare_cached(
        "INSERT INTO leaving (name, shared)
         SELECT commitment, 0 FROM private WHERE commitment = ?1 AND run = ?2",
    )?;
    let mut delete = connection.prepare_cached("DELETE FROM private WHERE commitment = ?1 AND run = ?2")?;
    for commitment in &commit.erased {
        note.execute(params![commitment.as_bytes(), commit.run.as_str()])?;
        delete.execute(params![commitment.as_bytes(), commit.run.as_str()])?;
    }
    Ok(())
}

pub(crate) fn names(connection: &Connection, sql: &str, of: &[&str]) -> rusqlite::Result<BTreeSet<Digest>> {
    let mut all = connection.prepare_cached(sql)?;
    let names =
        all.query_map(rusqlite::params_from_iter(of), |row| bytes32(row, 0).map(Digest::from_bytes))?;
    names.collect()
}

/// What of a run is private and kept.
pub(crate) fn of_run(connection: &Connection, run: &RunId) -> rusqlite::Result<BTreeSet<Digest>> {
    names(connection, "SELECT commitment FROM private WHERE run = ?1", &[run.as_str()])
}

/// What was erased or let go and may still be on the disk.
pub(crate) struct Leaving {
    pub(crate) id: i64,
    pub(crate) name: Digest,
    pub(crate) shared: bool,
}

pub(crate) fn leaving(connection: &Connection) -> rusqlite::Result<Vec<Leaving>> {
    let mut all = connection.prepare_cached("SELECT id, name, shared FROM leaving ORDER BY id")?;
    let read = |row: &rusqlite::Row<'_>| {
        let name = Digest::from_bytes(bytes32(row, 1)?);
        Ok(Leaving { id: row.get(0)?, name, shared: row.get(2)? })
    };
    all.query_map([], read)?.collect()
}

/// A row as it stands.
type Row = (Salt, Option<Vec<u8>>);

fn row(connection: &Connection, commitment: &Digest) -> rusqlite::Result<Option<Row>> {
    let mut find = connection.prepare_cached("SELECT salt, bytes FROM private WHERE commitment = ?1")?;
    find.query_row([commitment.as_bytes()], |row| Ok((Salt::from_bytes(bytes32(row, 0)?), row.get(1)?)))
        .optional()
}

/// The salt of a commitment that a run has.
pub(crate) fn salt_of(connection: &Connection, commitment: &Digest) -> rusqlite::Result<Option<Salt>> {
    let mut find = connection.prepare_cached("SELECT salt FROM private WHERE commitment = ?1")?;
    find.query_row([commitment.as_bytes()], |row| bytes32(row, 0).map(Salt::from_bytes)).optional()
}

impl Inner {
    /// What a commitment is of, checked.
    pub(crate) fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError> {
        let Some((salt, bytes)) = self.readers.read(|connection| row(connection, commitment))? else {
            return Ok(None);
        };
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => self
                .private
                .raw(commitment)
                .map_err(|cause| damaged(format!("the private content of {commitment}: {cause}")))?,
        };
        let content = Content::committed(bytes, salt);
        match content.digest() == commitment {
            true => Ok(Some(content)),
            false => Err(damaged(format!("the private bytes kept as {commitment} are others"))),
        }
    }

    /// Unlinks the files of what was erased and of what was let go and no run keeps, and cuts the log that still holds the
    /// rows of either; what a crash kept from being done is done when the store is opened next.
    pub(crate) fn finish_erasing(&self) -> Result<(), JournalError> {
        let leaving = self.readers.read(leaving)?;
        let Some(last) = leaving.iter().map(|it| it.id).max() else { return Ok(()) };
        let (shared, private): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|it| it.shared);
        self.unlink_unkept(&shared.iter().map(|it| it.name).collect())?;
        for Leaving { name, .. } in &private {
            self.private.unlink(name).map_err(|cause| unwritten(format!("erase {name}: {cause}")))?;
        }
        self.cut_log()?;
        self.forget_leaving(last)
    }

    /// What left later is still to be seen to.
    pub(crate) fn forget_leaving(&self, last: i64) -> Result<(), JournalError> {
        self.writer.run(Wait::Durable, move |connection| {
            let mut forget = connection.prepare_cached("DELETE FROM leaving WHERE id <= ?1")?;
            forget.execute([last]).map(|_| Ok(()))
        })
    }

    /// Moves the write-ahead log into the database and cuts it, so that nothing that was deleted stands in it.
    fn cut_log(&self) -> Result<(), JournalError> {
        let path = self.dir.join("journal.sqlite");
        let connection = connection::writer(&path, self.options.durability).map_err(unwritten)?;
        let until = Instant::now() + CUTTING;
        loop {
            let busy: bool = connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .map_err(unwritten)?;
            match busy {
                false => return Ok(()),
                true if Instant::now() > until => {
                    let why = "it is erased, but somebody reads the journal, whose log keeps it until the home is opened after that";
                    return Err(unwritten(why));
                }
                true => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}
