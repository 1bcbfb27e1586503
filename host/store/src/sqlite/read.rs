//! Reading, on connections of its own: a reader sees one state and never waits for the writer.

use crate::error::{damaged, damaged_in, unread};
use crate::sqlite::connection;
use crate::sqlite::stored::{bytes32, number, parsed, whole};
use crate::sqlite::tree::Looked;
use kapell_journal::chain;
use kapell_journal::entry::Entry;
use kapell_journal::seam::{About, JournalError, RunRow};
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, RunId};
use kapell_model::quantity::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Statement, params};
use std::ops::RangeInclusive;
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
        let connection = idle.map_or_else(|| connection::reader(&self.path), Ok).map_err(unread)?;
        let result = look(&connection).map_err(|error| failed(&connection, error));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if result.is_ok() && idle.len() < KEPT {
            idle.push(connection);
        }
        result
    }
}

/// What a failed reading means.
fn failed(connection: &Connection, error: rusqlite::Error) -> JournalError {
    match &error {
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
            damaged_in(connection, &error)
        }
        _ => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged_in(connection, &error),
            _ => unread(error),
        },
    }
}

/// All entries of a run, every link of their chain checked and its end compared with the run's head: a chain
/// alone does not show that its tail is missing.
pub(crate) fn entries(readers: &Readers, run: &RunId) -> Result<Vec<Entry>, JournalError> {
    let found = readers.read(|connection| {
        let moment = connection.unchecked_transaction()?;
        let mut find = moment
            .prepare_cached("SELECT run, head_seq, head_hash FROM runs WHERE run = ?1 AND head_seq > 0")?;
        let begun = find.query_row([run.as_str()], Begun::read).optional()?;
        let mut entries = moment.prepare_cached(ENTRIES)?;
        begun.map(|begun| chained(&mut entries, begun)).transpose()
    })?;
    found.unwrap_or_else(|| Err(JournalError::NotFound(run.clone())))
}

/// Of the runs with these numbers those that are asked about, each with all its entries, newest first. The numbers are
/// the table's own key and the entries of a run lie together, so nothing is sorted and little is looked for.
pub(crate) fn stretch(
    readers: &Readers,
    about: &About,
    numbers: &RangeInclusive<u64>,
) -> Result<Vec<Vec<Entry>>, JournalError> {
    let read = readers.read(|connection| {
        let moment = connection.unchecked_transaction()?;
        let mut runs = moment.prepare_cached(
            "SELECT run, head_seq, head_hash FROM runs
             WHERE rowid BETWEEN ?1 AND ?2 AND head_seq > 0
               AND (?3 IS NULL OR run = ?3) AND (?4 IS NULL OR flow = ?4)
               AND (?5 IS NULL OR changed >= ?5) AND (?6 IS NULL OR started >= ?6)
             ORDER BY rowid DESC",
        )?;
        let mut entries = moment.prepare_cached(ENTRIES)?;
        let (first, last) = (number(*numbers.start()), number(*numbers.end()));
        let (run, flow) = (about.run.as_ref().map(RunId::as_str), about.flow.as_ref().map(FlowName::as_str));
        let [since, began] = [about.since, about.began].map(|at| at.map(|at| number(at.0)));
        let begun = runs.query_map(params![first, last, run, flow, since, began], Begun::read)?;
        begun.map(|begun| chained(&mut entries, begun?)).collect::<rusqlite::Result<Vec<Chained>>>()
    });
    read?.into_iter().collect()
}

const ENTRIES: &str = "SELECT bytes FROM entries WHERE run = ?1 ORDER BY seq";

/// A run that has begun, and where its row says its entries end.
struct Begun {
    run: RunId,
    seq: u64,
    hash: Digest,
}

impl Begun {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let hash = Digest::from_bytes(bytes32(row, 2)?);
        Ok(Self { run: parsed(row, 0)?, seq: whole(row.get(1)?), hash })
    }
}

/// Entries whose chain was checked.
type Chained = Result<Vec<Entry>, JournalError>;

fn chained(all: &mut Statement<'_>, begun: Begun) -> rusqlite::Result<Chained> {
    let Begun { run, seq, hash } = begun;
    let mut rows = all.query([run.as_str()])?;
    let (mut end, mut entries) = (chain::genesis(0), Vec::new());
    while let Some(row) = rows.next()? {
        match chain::follow(&run, &mut end, row.get_ref(0)?.as_blob()?) {
            Ok(entry) => entries.push(entry),
            Err(broken) => return Ok(Err(broken)),
        }
    }
    if (end.seq, end.hash) == (seq, hash) {
        Ok(Ok(entries))
    } else {
        Ok(Err(damaged(format!("the entries of {run} do not end where its head says: at entry {seq}"))))
    }
}

/// How many runs were ever claimed: a run is a row from then on, and none is ever taken away.
pub(crate) fn claimed(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT coalesce(max(rowid), 0) FROM runs", [], |row| row.get(0)).map(whole)
}

/// A blob that a run keeps, or that all share: its bytes, none where they are a file.
pub(crate) fn row_blob(
    connection: &Connection,
    run: &RunId,
    digest: &Digest,
) -> rusqlite::Result<Option<Option<Vec<u8>>>> {
    let mut find = connection.prepare_cached(
        "SELECT bytes FROM blobs WHERE digest = ?2 AND run IN (0, (SELECT number FROM runs WHERE run = ?1))",
    )?;
    find.query_row(params![run.as_str(), digest.as_bytes()], |row| row.get(0)).optional()
}

/// Whether a run keeps a blob for itself.
pub(crate) fn keeps(connection: &Connection, run: &RunId, digest: &Digest) -> rusqlite::Result<bool> {
    let mut find = connection.prepare_cached(
        "SELECT 1 FROM blobs WHERE digest = ?2 AND run = (SELECT number FROM runs WHERE run = ?1)",
    )?;
    find.exists(params![run.as_str(), digest.as_bytes()])
}

/// The rows of runs that have begun, newest first.
pub(crate) fn runs(connection: &Connection) -> rusqlite::Result<Vec<RunRow>> {
    let mut all = connection.prepare_cached(
        "SELECT run, flow, state, over, started, changed, due, line, kept FROM runs
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
        "SELECT run, flow, state, over, started, changed, due, line, kept FROM runs
         WHERE rowid IN (SELECT max(rowid) FROM runs WHERE head_seq > 0 GROUP BY flow) ORDER BY flow",
    )?;
    all.query_map([], run_row)?.collect()
}

/// The run that was begun for a line of a batch.
pub(crate) fn run_of_line(connection: &Connection, line: &Digest) -> rusqlite::Result<Option<RunRow>> {
    let mut find = connection.prepare_cached(
        "SELECT run, flow, state, over, started, changed, due, line, kept FROM runs WHERE line = ?1",
    )?;
    find.query_row([line.as_bytes()], run_row).optional()
}

/// A row of a run's columns as they stand in the statements here.
pub(crate) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
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
        kept: row.get(8)?,
    })
}

/// Runs whose due time has come, the longest due first.
pub(crate) fn due(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<RunId>> {
    let mut all = connection.prepare_cached(
        "SELECT run FROM runs WHERE over = 0 AND due IS NOT NULL AND due <= ?1 ORDER BY due, rowid",
    )?;
    all.query_map([number(now.0)], |row| parsed(row, 0))?.collect()
}

/// Runs that were over by then and whose contents are kept.
pub(crate) fn over_by(connection: &Connection, then: Timestamp) -> rusqlite::Result<Vec<RunId>> {
    let mut all = connection.prepare_cached(
        "SELECT run FROM runs WHERE over = 1 AND kept = 1 AND changed <= ?1 ORDER BY changed, rowid",
    )?;
    all.query_map([number(then.0)], |row| parsed(row, 0))?.collect()
}

/// A key's value and version; damage when the value is another one than was written.
pub(crate) fn key(connection: &Connection, namespace: &str, key: &str) -> Looked<Option<(Vec<u8>, u64)>> {
    let mut find = connection.prepare_cached(
        "SELECT value, version, digest FROM keyvalue WHERE namespace = ?1 AND key = ?2 AND value IS NOT NULL",
    )?;
    let found = find.query_row([namespace, key], |row| {
        let value: Vec<u8> = row.get(0)?;
        let sound = key_digest(namespace, key, &value) == Digest::from_bytes(bytes32(row, 2)?);
        Ok((sound, (value, whole(row.get(1)?))))
    });
    Ok(match found.optional()? {
        Some((false, _)) => {
            Err(damaged(format!("the value of key `{key}` in `{namespace}` is not what was written")))
        }
        found => Ok(found.map(|(_, found)| found)),
    })
}

/// What a value is checked by when it is read: the journal names values by the attempts that wrote them, which nobody looks
/// up to read one.
pub(crate) fn key_digest(namespace: &str, key: &str, value: &[u8]) -> Digest {
    let lengths = [namespace.len(), key.len()].map(|length| (length as u64).to_be_bytes());
    Digest::of(&[lengths.as_flattened(), namespace.as_bytes(), key.as_bytes(), value].concat())
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
