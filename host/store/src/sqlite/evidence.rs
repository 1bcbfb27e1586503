//! The whole journal as it stands, for whoever checks it or hands it on: entries by their leaves, signed heads, kept
//! subtrees and the heads of runs, none of them trusted for what the others say.

use crate::error::damaged;
use crate::sqlite::SqliteStore;
use crate::sqlite::read::run_row;
use crate::sqlite::remembered::signed;
use crate::sqlite::stored::{bytes32, number, parsed, whole};
use crate::sqlite::tree::{Kept, Noted, size};
use kapell_journal::seam::{Head, JournalError, RunRow};
use kapell_journal::tree::{self, Nodes};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::cell::RefCell;
use std::collections::HashMap;

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its leaf, from 0.
    pub leaf: u64,
    /// The run its row says it is of.
    pub run: RunId,
    /// The number its row says it has.
    pub seq: u64,
    /// Its bytes, unchecked.
    pub bytes: Vec<u8>,
}

/// What stands beside the entries at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// How many entries there are; one that was deleted is still counted.
    pub size: u64,
    /// The rows of runs that have begun.
    pub runs: Vec<StoredRun>,
    /// Every signed head that was kept, the smallest first.
    pub checkpoints: Vec<Noted>,
    /// Over how many entries a head was signed at most, as is remembered apart from the heads.
    pub signed: u64,
    /// Every whole subtree that is kept: its level, its place in it and its root, whatever stands there.
    pub subtrees: Vec<(i64, i64, Vec<u8>)>,
}

/// What the row of a run says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// What a listing shows.
    pub row: RunRow,
    /// Where its entries end, and the epoch of its owner.
    pub head: Head,
}

impl Beside {
    /// Whether nothing ever happened: no entry, and nothing that an entry leaves behind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size + self.signed == 0
            && self.runs.is_empty()
            && self.checkpoints.is_empty()
            && self.subtrees.is_empty()
    }
}

impl SqliteStore {
    /// The entries from one leaf up to another, the end not counted, however many of them are there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn entries_between(&self, from: u64, to: u64) -> Result<Vec<StoredEntry>, JournalError> {
        self.0.readers.read(|connection| {
            let mut all = connection.prepare_cached(
                "SELECT place - 1, run, seq, bytes FROM entries WHERE place > ?1 AND place <= ?2 ORDER BY place",
            )?;
            all.query_map(params![number(from), number(to)], entry)?.collect()
        })
    }

    /// The entries of a run among the first `size` of the journal.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn entries_within(&self, run: &RunId, size: u64) -> Result<Vec<StoredEntry>, JournalError> {
        self.0.readers.read(|connection| {
            let mut all = connection.prepare_cached(
                "SELECT place - 1, run, seq, bytes FROM entries WHERE run = ?1 AND place <= ?2 ORDER BY seq",
            )?;
            all.query_map(params![run.as_str(), number(size)], entry)?.collect()
        })
    }

    /// What stands beside the entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn beside(&self) -> Result<Beside, JournalError> {
        self.0.readers.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            let (size, runs) = (size(&moment)?, stored_runs(&moment)?);
            let (checkpoints, signed) = (checkpoints(&moment)?, signed(&moment)?);
            Ok(Beside { size, runs, checkpoints, signed, subtrees: subtrees(&moment)? })
        })
    }

    /// The row of a run, once it has begun.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stored_run(&self, run: &RunId) -> Result<Option<StoredRun>, JournalError> {
        self.0.readers.read(|connection| {
            let mut find = connection.prepare_cached(&format!("{STORED} AND run = ?1"))?;
            find.query_row([run.as_str()], stored_run).optional()
        })
    }

    /// How many entries there are; one that was deleted is still counted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn size(&self) -> Result<u64, JournalError> {
        self.0.readers.read(size)
    }

    /// Every signed head that was kept, the smallest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<Noted>, JournalError> {
        self.0.readers.read(checkpoints)
    }

    /// The first leaf that was written at that time or later; the number of entries when there is none.
    ///
    /// # Errors
    /// `Damaged` when an entry has no time; when the store cannot be read.
    pub fn first_since(&self, since: Timestamp) -> Result<u64, JournalError> {
        self.look(|connection| {
            let mut all = connection
                .prepare_cached("SELECT place - 1, substr(bytes, 1, 32) FROM entries ORDER BY place")?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                let leaf = whole(row.get(0)?);
                match written(row.get_ref(1)?.as_blob()?) {
                    Some(at) if at < since => {}
                    Some(_) => return Ok(Ok(leaf)),
                    None => return Ok(Err(damaged(format!("the entry at leaf {leaf} has no time")))),
                }
            }
            size(connection).map(Ok)
        })
    }

    /// For each of some leaves the hashes that show it in the tree over the first `size` entries.
    ///
    /// # Errors
    /// As [`tree_head`](Self::tree_head).
    pub fn inclusions(&self, leaves: &[u64], size: u64) -> Result<Vec<Vec<Digest>>, JournalError> {
        self.keep_subtrees()?;
        self.look(|connection| {
            let nodes = Remembered { kept: Kept(connection), known: RefCell::default() };
            Ok(leaves.iter().map(|leaf| tree::inclusion(&nodes, *leaf, size)).collect())
        })
    }

    /// The whole subtrees of the first `size` entries, the largest first: what the tree goes on from.
    ///
    /// # Errors
    /// As [`tree_head`](Self::tree_head).
    pub fn whole_subtrees(&self, size: u64) -> Result<Vec<Digest>, JournalError> {
        self.keep_subtrees()?;
        self.look(|connection| Ok(tree::whole(&Kept(connection), size)))
    }
}

/// Nodes that are worked out once, for proofs that share most of their way.
struct Remembered<'c> {
    kept: Kept<'c>,
    known: RefCell<HashMap<(u64, u64), Digest>>,
}

impl Nodes for Remembered<'_> {
    type Error = JournalError;

    fn subtree(&self, begin: u64, end: u64) -> Result<Digest, JournalError> {
        if let Some(known) = self.known.borrow().get(&(begin, end)) {
            return Ok(*known);
        }
        let root = self.kept.subtree(begin, end)?;
        self.known.borrow_mut().insert((begin, end), root);
        Ok(root)
    }
}

/// When an entry was written: the first value of its canonical form.
fn written(beginning: &[u8]) -> Option<Timestamp> {
    let digits = beginning.strip_prefix(b"{\"at\":")?.split(|byte| *byte == b',').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok().map(Timestamp)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
    Ok(StoredEntry {
        leaf: whole(row.get(0)?),
        run: parsed(row, 1)?,
        seq: whole(row.get(2)?),
        bytes: row.get(3)?,
    })
}

const STORED: &str =
    "SELECT run, flow, state, over, started, changed, due, line, kept, head_seq, head_hash, epoch
    FROM runs WHERE head_seq > 0";

fn stored_runs(connection: &Connection) -> rusqlite::Result<Vec<StoredRun>> {
    let mut all = connection.prepare_cached(&format!("{STORED} ORDER BY rowid"))?;
    all.query_map([], stored_run)?.collect()
}

fn stored_run(row: &Row<'_>) -> rusqlite::Result<StoredRun> {
    let hash = Digest::from_bytes(bytes32(row, 10)?);
    let head = Head { seq: whole(row.get(9)?), hash, epoch: whole(row.get(11)?) };
    Ok(StoredRun { row: run_row(row)?, head })
}

fn checkpoints(connection: &Connection) -> rusqlite::Result<Vec<Noted>> {
    let mut all = connection.prepare_cached("SELECT size, at, note FROM checkpoints ORDER BY size")?;
    all.query_map([], Noted::of)?.collect()
}

fn subtrees(connection: &Connection) -> rusqlite::Result<Vec<(i64, i64, Vec<u8>)>> {
    let mut all = connection.prepare_cached("SELECT level, place, hash FROM tree ORDER BY level, place")?;
    all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}
