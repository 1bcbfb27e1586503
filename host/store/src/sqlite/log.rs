//! The write-ahead log: when it is moved into the database, and that it begins again instead of growing for ever.
//!
//! A log that begins again is written over in place, and a sync of it need not also record that the file has grown.
//! It does so by itself once all of it is in the database and nobody reads from it.

use crate::error::reach;
use kapell_model::fault::FaultPoint;
use rusqlite::Connection;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, Weak};

/// Pages that gather in the log before they are moved: four megabytes.
const PAGES: i32 = 1_000;
/// Pages from which on whoever reads is waited for, so that the log can begin again: 64 MiB.
const PAGES_MAX: i64 = 16 * 1024;

/// What the writer knows of the log.
pub(crate) struct Log {
    pages: Arc<AtomicI32>,
    /// The length at which a checkpoint was asked for last.
    asked: i32,
    full: SyncSender<()>,
}

impl Log {
    /// Watches the log through the connection that writes it; the receiver hears when it is time for a checkpoint.
    pub(crate) fn watched(writing: &mut Connection) -> rusqlite::Result<(Self, Receiver<()>)> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        writing.wal_hook(Some(move |_: &mut _, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let (full, fills) = mpsc::sync_channel(1);
        Ok((Self { pages, asked: 0, full }, fills))
    }

    /// Asks for a checkpoint when enough has gathered since the last one was asked for.
    pub(crate) fn ask_for_checkpoint(&mut self) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.asked {
            self.asked = 0;
        }
        if pages - self.asked >= PAGES {
            self.asked = pages;
            // Full means one is asked for already; gone means the store is closing.
            let (Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) =
                self.full.try_send(());
        }
    }
}

/// Moves the log into the database whenever it is asked to, first beside whoever writes, then whole.
///
/// One that fails leaves the log as it is, and nothing is lost; `failed` is told, for whoever writes may have to stop.
pub(crate) fn checkpoint_whenever<T>(
    connection: &Connection,
    fills: &Receiver<()>,
    writing: &Weak<Mutex<T>>,
    failed: impl Fn(&mut T, &rusqlite::Error),
) {
    while fills.recv().is_ok() {
        let moved = move_beside(connection);
        let Some(writing) = writing.upgrade() else { return };
        if let Err(cause) = moved.and_then(|pages| move_whole(connection, pages, &writing)) {
            tracing::warn!(%cause, "the write-ahead log was not moved into the database");
            // Where somebody panicked nobody writes any more.
            let Ok(mut writing) = writing.lock() else { return };
            failed(&mut writing, &cause);
        }
    }
}

/// Moves what has gathered; nobody waits for it. The length of the log in pages.
fn move_beside(connection: &Connection) -> rusqlite::Result<i64> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// Moves the little that was written meanwhile, and lets nobody write meanwhile again, so that nothing is left. Waits
/// for nobody who reads, unless the log has grown far too long because somebody always did.
fn move_whole<T>(connection: &Connection, pages: i64, writing: &Mutex<T>) -> rusqlite::Result<()> {
    let Ok(_nobody) = writing.lock() else { return Ok(()) };
    let sql =
        if pages > PAGES_MAX { "PRAGMA wal_checkpoint(RESTART)" } else { "PRAGMA wal_checkpoint(PASSIVE)" };
    checkpoint(connection, sql).map(drop)
}

/// The length of the log in pages.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    reach(FaultPoint::LogMoving)?;
    let pages = connection.query_row(sql, [], |row| row.get(1))?;
    reach(FaultPoint::LogMoved).map(|()| pages)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::sqlite::{Durability, connection};
    use std::fs;
    use std::path::{Path, PathBuf};

    fn store() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("journal.sqlite");
        connection::prepare(&path).unwrap();
        (home, path)
    }

    fn connect(path: &Path) -> Connection {
        connection::writer(path, Durability::Unsynced).unwrap()
    }

    /// About a hundred and twenty pages.
    fn write(connection: &Connection) {
        let long = "x".repeat(500_000);
        connection.execute("INSERT OR REPLACE INTO counters (name, value) VALUES (?1, 1)", [long]).unwrap();
    }

    fn length(path: &Path) -> u64 {
        fs::metadata(path.with_extension("sqlite-wal")).unwrap().len()
    }

    #[test]
    fn a_log_that_was_moved_whole_begins_again_in_place() {
        let (_home, path) = store();
        let (writing, beside) = (connect(&path), connect(&path));
        write(&writing);
        let pages = move_beside(&beside).unwrap();
        write(&writing);
        let before = length(&path);
        move_whole(&beside, pages, &Mutex::new(())).unwrap();
        write(&writing);
        assert_eq!(length(&path), before);
    }

    #[test]
    fn a_checkpoint_is_asked_for_once_for_each_length_of_log() {
        let (_home, path) = store();
        let mut writing = connect(&path);
        let (mut log, fills) = Log::watched(&mut writing).unwrap();
        let mut asked_after = |times: usize| {
            (0..times).for_each(|_| write(&writing));
            log.ask_for_checkpoint();
            fills.try_iter().count()
        };
        assert_eq!(asked_after(1), 0, "too little");
        assert_eq!(asked_after(9), 1, "enough");
        assert_eq!(asked_after(1), 0, "asked for already");
        assert_eq!(asked_after(9), 1, "as much again");
        move_beside(&connect(&path)).unwrap();
        assert_eq!(asked_after(1), 0, "the log has begun again");
        assert_eq!(asked_after(9), 1, "and is full again");
    }
}
