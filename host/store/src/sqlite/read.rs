//! Reading, on connections of its own: a reader sees one state and never waits for the writer.

use crate::error::{damaged, unread};
use crate::sqlite::connection;
use crate::sqlite::stored::{bytes32, number, parsed, whole};
use kapell_journal::chain;
use kapell_journal::entry::Entry;
use kapell_journal::seam::{JournalError, RunRow};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The most connections kept for the next reader.
const KEPT: usize = 8;

/// Connections that only read.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of the database at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into(), idle: Mutex::default() }
    }

    /// Reads with a connection nobody else uses meanwhile.
    pub(crate) fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| connection::reader(&self.path), Ok).map_err(failed)?;
        let result = look(&connection).map_err(failed);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if result.is_ok() && idle.len() < KEPT {
            idle.push(connection);
        }
        result
    }
}

/// What a failed reading means.
fn failed(error: rusqlite::Error) -> JournalError {
    match &error {
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
            damaged(error.to_string())
        }
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            _ => unread(error),
        },
    }
}

/// The head and the entries as they stand at one moment.
type Stored = (u64, Digest, Vec<Vec<u8>>);

/// All entries of a run, every link of their chain checked and its end compared with the run's head: a chain
/// alone does not show that its tail is missing.
pub(crate) fn entries(readers: &Readers, run: &RunId) -> Result<Vec<Entry>, JournalError> {
    let stored = readers.read(|connection| stored(connection, run))?;
    let Some((seq, hash, stored)) = stored.filter(|(seq, ..)| *seq > 0) else {
        return Err(JournalError::NotFound(run.clone()));
    };
    let entries = chain::verify(run, &stored)?;
    let last = stored.last().map(|bytes| Digest::of(bytes));
    if stored.len() as u64 == seq && last == Some(hash) {
        Ok(entries)
    } else {
        Err(damaged(format!("the entries of {run} do not end where its head says: at entry {seq}")))
    }
}

fn stored(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<Stored>> {
    let moment = connection.unchecked_transaction()?;
    let mut find = moment.prepare_cached("SELECT head_seq, head_hash FROM runs WHERE run = ?1")?;
    let head = find.query_row([run.as_str()], |row| Ok((whole(row.get(0)?), bytes32(row, 1)?))).optional()?;
    let Some((seq, hash)) = head else { return Ok(None) };
    let mut all = moment.prepare_cached("SELECT bytes FROM entries WHERE run = ?1 ORDER BY seq")?;
    let bytes = all.query_map([run.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some((seq, Digest::from_bytes(hash), bytes)))
}

/// The bytes of a blob that is a row.
pub(crate) fn row_blob(connection: &Connection, digest: &Digest) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut find = connection.prepare_cached("SELECT bytes FROM blobs WHERE digest = ?1")?;
    find.query_row([digest.as_bytes()], |row| row.get(0)).optional()
}

/// The rows of runs that have begun, newest first.
pub(crate) fn runs(connection: &Connection) -> rusqlite::Result<Vec<RunRow>> {
    let mut all = connection.prepare_cached(
        "SELECT run, flow, state, over, started, changed, due, line FROM runs
         WHERE head_seq > 0 ORDER BY started DESC, rowid DESC",
    )?;
    all.query_map([], run_row)?.collect()
}

/// Runs whose ids begin so. No id has a letter beyond those of ASCII.
pub(crate) fn runs_like(
    connection: &Connection,
    beginning: &str,
    most: usize,
) -> rusqlite::Result<Vec<RunId>> {
    let mut some = connection.prepare_cached(
        "SELECT run FROM runs WHERE run >= ?1 AND run < ?2 AND head_seq > 0 ORDER BY run LIMIT ?3",
    )?;
    let beyond = format!("{beginning}\u{7f}");
    some.query_map(params![beginning, beyond, number(most as u64)], |row| parsed(row, 0))?.collect()
}

/// The run that was begun last.
pub(crate) fn last_run(connection: &Connection) -> rusqlite::Result<Option<RunId>> {
    let mut last =
        connection.prepare_cached("SELECT run FROM runs WHERE head_seq > 0 ORDER BY rowid DESC LIMIT 1")?;
    last.query_row([], |row| parsed(row, 0)).optional()
}

/// The newest run of each flow. Runs are looked at all: an index would cost every run what a listing saves.
pub(crate) fn newest_runs(connection: &Connection) -> rusqlite::Result<Vec<RunRow>> {
    let mut all = connection.prepare_cached(
        "SELECT run, flow, state, over, started, changed, due, line FROM runs
         WHERE rowid IN (SELECT max(rowid) FROM runs WHERE head_seq > 0 GROUP BY flow) ORDER BY flow",
    )?;
    all.query_map([], run_row)?.collect()
}

/// The run that was begun for a line of a batch.
pub(crate) fn run_of_line(connection: &Connection, line: &Digest) -> rusqlite::Result<Option<RunRow>> {
    let mut find = connection.prepare_cached(
        "SELECT run, flow, state, over, started, changed, due, line FROM runs WHERE line = ?1",
    )?;
    find.query_row([line.as_bytes()], run_row).optional()
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let time = |column| row.get(column).map(|at| Timestamp(whole(at)));
    Ok(RunRow {
        run: parsed(row, 0)?,
        flow: parsed(row, 1)?,
        state: row.get(2)?,
        over: row.get(3)?,
        started: time(4)?,
        changed: time(5)?,
        due: row.get::<_, Option<i64>>(6)?.map(|at| Timestamp(whole(at))),
        line: match row.get_ref(7)? {
            ValueRef::Null => None,
            _ => Some(Digest::from_bytes(bytes32(row, 7)?)),
        },
    })
}

/// Runs whose due time has come, the longest due first.
pub(crate) fn due(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<RunId>> {
    let mut all = connection.prepare_cached(
        "SELECT run FROM runs WHERE over = 0 AND due IS NOT NULL AND due <= ?1 ORDER BY due, rowid",
    )?;
    all.query_map([number(now.0)], |row| parsed(row, 0))?.collect()
}

/// A key's value and version.
pub(crate) fn key(
    connection: &Connection,
    namespace: &str,
    key: &str,
) -> rusqlite::Result<Option<(Vec<u8>, u64)>> {
    let mut find = connection.prepare_cached(
        "SELECT value, version FROM keyvalue WHERE namespace = ?1 AND key = ?2 AND value IS NOT NULL",
    )?;
    find.query_row([namespace, key], |row| Ok((row.get(0)?, whole(row.get(1)?)))).optional()
}

/// Keys after `cursor` in byte order.
pub(crate) fn keys(
    connection: &Connection,
    namespace: &str,
    cursor: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<String>> {
    let mut all = connection.prepare_cached(
        "SELECT key FROM keyvalue WHERE namespace = ?1 AND (?2 IS NULL OR key > ?2) AND value IS NOT NULL
         ORDER BY key LIMIT ?3",
    )?;
    all.query_map(params![namespace, cursor, number(limit as u64)], |row| row.get(0))?.collect()
}
