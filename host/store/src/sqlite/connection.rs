//! Connections to the database file, and its format.

use crate::error::{StoreError, asked_of_disk, reach};
use crate::private;
use crate::sqlite::Durability;
use crate::sqlite::writer::Wait;
use kapell_model::fault::FaultPoint;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// `kapl`: what makes the file recognisable as ours.
const APPLICATION: i32 = 0x6b61_706c;
/// The newest format this program knows.
pub(crate) const FORMAT: u32 = 6;
/// How long a transaction waits for one of another process.
const BUSY: Duration = Duration::from_secs(10);

/// Makes the database if it is not there and checks that it is one of ours that this program knows.
///
/// The caller holds the store's opening lock: switching to the write-ahead log does not wait for others.
pub(crate) fn prepare(path: &Path) -> Result<(), StoreError> {
    let refused = |cause: String| StoreError::Open { path: path.into(), cause };
    let failed = |error: rusqlite::Error| refused(asked_of_disk(path, &error));
    // Made first, so that the write-ahead log beside it takes over its mode.
    private::untouched(path).map_err(|cause| refused(cause.to_string()))?;
    let mut connection = open(path).map_err(failed)?;
    let state = identify(&connection).map_err(failed)?;
    match state {
        (0, 0, 0) => create(&mut connection).map_err(failed)?,
        (APPLICATION, FORMAT, _) => {}
        (APPLICATION, found, _) => {
            return Err(StoreError::Newer { path: path.into(), found, known: FORMAT });
        }
        _ => return Err(StoreError::Foreign { path: path.into() }),
    }
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode == "wal" { Ok(()) } else { Err(refused(format!("no write-ahead log here, only `{mode}`"))) }
}

/// Application, format and number of tables.
fn identify(connection: &Connection) -> rusqlite::Result<(i32, u32, u32)> {
    let one = |sql| connection.query_row(sql, [], |row| row.get(0));
    Ok((
        connection.query_row("PRAGMA application_id", [], |row| row.get(0))?,
        one("PRAGMA user_version")?,
        one("SELECT count(*) FROM sqlite_schema")?,
    ))
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(include_str!("schema.sql"))?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    reach(FaultPoint::DatabaseMade)?;
    transaction.commit()
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Without the mutex: a connection is only ever used by one thread at a time.
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that writes. Checkpoints are not its own to begin, so that they stay off the way of a commit.
pub(crate) fn writer(path: &Path, durability: Durability) -> rusqlite::Result<Connection> {
    let connection = open(path)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // What is deleted is written over: what is erased, and the names of files that were put in their place.
    connection.pragma_update(None, "secure_delete", true)?;
    // What a savepoint needs to go back is kept in memory, not in a file of its own.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    sync(&connection, durability, Wait::Durable)?;
    Ok(connection)
}

/// Sets how the next transactions are synced.
pub(crate) fn sync(connection: &Connection, durability: Durability, wait: Wait) -> rusqlite::Result<()> {
    connection.execute_batch(match (durability, wait) {
        (Durability::Full, Wait::Durable) => "PRAGMA synchronous = FULL",
        // Not off: a log that is started again must still have its header synced before its frames.
        (Durability::Full, Wait::Visible) => "PRAGMA synchronous = NORMAL",
        (Durability::Unsynced, _) => "PRAGMA synchronous = OFF",
    })
}
