//! The tree over all entries, worked out behind the commits: the roots of whole subtrees are kept, everything else is a
//! few hashes away. What is acknowledged is a leaf from that moment on, because the entries themselves are the leaves.

use crate::error::damaged;
use crate::sqlite::SqliteStore;
use crate::sqlite::remembered::remember_signed;
use crate::sqlite::stored::{bytes32, number, whole};
use crate::sqlite::writer::Wait;
use kapell_journal::seam::JournalError;
use kapell_journal::tree::{self, Nodes, TILE};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// Subtrees that are kept in one transaction, so that a journal without any does not hold up its writers.
const KEPT_AT_ONCE: u64 = 256;

/// The tree at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many entries the journal has.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// A signed head that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// How many entries it is over.
    pub size: u64,
    /// When it was signed.
    pub at: Timestamp,
    /// The signed note.
    pub note: String,
}

impl Noted {
    /// A row of `size`, `at` and `note`.
    pub(crate) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { size: whole(row.get(0)?), at: Timestamp(whole(row.get(1)?)), note: row.get(2)? })
    }
}

/// A read of the database whose answer may itself be that something is wrong.
pub(crate) type Looked<T> = rusqlite::Result<Result<T, JournalError>>;

impl SqliteStore {
    /// The tree over all entries there are.
    ///
    /// # Errors
    /// `Damaged` when an entry is missing; when the store cannot be read or written.
    pub fn tree_head(&self) -> Result<TreeHead, JournalError> {
        self.keep_subtrees()?;
        self.look(|connection| {
            let size = size(connection)?;
            Ok(tree::root(&Kept(connection), size).map(|root| TreeHead { size, root }))
        })
    }

    /// The root over the first entries; none when there are not so many.
    ///
    /// # Errors
    /// As [`tree_head`](Self::tree_head).
    pub fn tree_root(&self, size: u64) -> Result<Option<Digest>, JournalError> {
        let head = self.tree_head()?;
        if size > head.size {
            return Ok(None);
        }
        self.look(|connection| Ok(tree::root(&Kept(connection), size).map(Some)))
    }

    /// The leaf of an entry, from 0, with its bytes; none when there is no such entry.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn leaf(&self, run: &RunId, seq: u64) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        self.0.readers.read(|connection| {
            let mut find = connection
                .prepare_cached("SELECT place - 1, bytes FROM entries WHERE run = ?1 AND seq = ?2")?;
            let found = |row: &rusqlite::Row<'_>| Ok((whole(row.get(0)?), row.get(1)?));
            find.query_row(params![run.as_str(), number(seq)], found).optional()
        })
    }

    /// The hashes that show leaf `index` in the tree over the first `size` entries.
    ///
    /// # Errors
    /// As [`tree_head`](Self::tree_head).
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Digest>, JournalError> {
        self.keep_subtrees()?;
        self.look(|connection| Ok(tree::inclusion(&Kept(connection), index, size)))
    }

    /// The hashes that show that the tree over `size` entries only adds to the one over `old`.
    ///
    /// # Errors
    /// As [`tree_head`](Self::tree_head).
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Digest>, JournalError> {
        self.keep_subtrees()?;
        self.look(|connection| Ok(tree::consistency(&Kept(connection), old, size)))
    }

    /// The newest signed head over at most so many entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn checkpoint(&self, most: u64) -> Result<Option<Noted>, JournalError> {
        self.0.readers.read(|connection| {
            let mut find = connection.prepare_cached(
                "SELECT size, at, note FROM checkpoints WHERE size <= ?1 ORDER BY size DESC LIMIT 1",
            )?;
            find.query_row([number(most)], Noted::of).optional()
        })
    }

    /// Keeps a signed head, and over how many entries one was signed. The first one over so many stays. Both go to the disk
    /// with the next commit: a head that a power failure takes can be signed again over the same entries.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_checkpoint(&self, noted: Noted) -> Result<(), JournalError> {
        self.0.writer.run(Wait::Visible, move |connection| {
            let mut keep = connection
                .prepare_cached("INSERT OR IGNORE INTO checkpoints (size, at, note) VALUES (?1, ?2, ?3)")?;
            keep.execute(params![number(noted.size), number(noted.at.0), noted.note])?;
            remember_signed(connection, noted.size)?;
            Ok(Ok(()))
        })
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Connection) -> Looked<T>) -> Result<T, JournalError> {
        self.0.readers.read(look)?
    }

    /// Keeps every whole subtree that is not kept yet. They are worked out on a reader's connection: entries never
    /// change, so two processes that do it at once keep the same.
    pub(crate) fn keep_subtrees(&self) -> Result<(), JournalError> {
        loop {
            let missing = self.look(missing)?;
            if missing.is_empty() {
                return Ok(());
            }
            self.0.writer.run(Wait::Visible, move |connection| {
                let mut keep = connection
                    .prepare_cached("INSERT OR IGNORE INTO tree (level, place, hash) VALUES (?1, ?2, ?3)")?;
                for (level, place, hash) in &missing {
                    keep.execute(params![level, number(*place), hash.as_bytes()])?;
                }
                Ok(Ok(()))
            })?;
        }
    }
}

/// How many entries there are; one that was deleted is still counted, and then missing.
pub(crate) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let mut count = connection.prepare_cached("SELECT coalesce(max(place), 0) FROM entries")?;
    count.query_row([], |row| row.get(0)).map(whole)
}

/// Whole subtrees that are not kept yet, those of the lowest level that lacks any.
fn missing(connection: &Connection) -> Looked<Vec<(u32, u64, Digest)>> {
    let moment = connection.unchecked_transaction()?;
    let size = size(&moment)?;
    for (level, leaves) in levels().take_while(|(_, leaves)| *leaves <= size) {
        let (have, all) = (kept_in_a_row(&moment, level)?, size / leaves);
        let next: Result<Vec<_>, JournalError> = (have..all.min(have + KEPT_AT_ONCE))
            .map(|place| Ok((level, place, tree::root_of(&below(&moment, level, place * TILE, TILE)?))))
            .collect();
        match next {
            Ok(next) if next.is_empty() => {}
            other => return Ok(other),
        }
    }
    Ok(Ok(Vec::new()))
}

/// How many subtrees of a level are kept before the first that is not. Somebody may have taken one out of their midst.
fn kept_in_a_row(connection: &Connection, level: u32) -> rusqlite::Result<u64> {
    let mut all = connection.prepare_cached(
        "SELECT count(*), coalesce(max(place) + 1, 0) FROM tree WHERE level = ?1 AND place >= 0",
    )?;
    let (count, end): (u64, u64) =
        all.query_row([level], |row| Ok((whole(row.get(0)?), whole(row.get(1)?))))?;
    if count == end {
        return Ok(count);
    }
    let mut places =
        connection.prepare_cached("SELECT place FROM tree WHERE level = ?1 AND place >= 0 ORDER BY place")?;
    let (mut rows, mut next) = (places.query([level])?, 0);
    while let Some(row) = rows.next()? {
        if whole(row.get(0)?) != next {
            break;
        }
        next += 1;
    }
    Ok(next)
}

/// The levels of kept subtrees, each with how many leaves one has.
fn levels() -> impl Iterator<Item = (u32, u64)> {
    (1..=7).map(|level| (level, TILE.pow(level)))
}

/// So many hashes in a row of the level below `level`.
fn below(connection: &Connection, level: u32, first: u64, count: u64) -> Result<Vec<Digest>, JournalError> {
    let read =
        if level == 1 { leaves(connection, first, count) } else { kept(connection, level - 1, first, count) };
    let hashes = read.map_err(|cause| damaged(cause.to_string()))?;
    match hashes.len() as u64 == count {
        true => Ok(hashes),
        false => Err(damaged(format!("of entries {} to {} some are missing", first + 1, first + count))),
    }
}

/// Hashes of entries, up to the first that is missing.
fn leaves(connection: &Connection, first: u64, count: u64) -> rusqlite::Result<Vec<Digest>> {
    let mut all = connection
        .prepare_cached("SELECT place, bytes FROM entries WHERE place > ?1 AND place <= ?2 ORDER BY place")?;
    let mut rows = all.query([number(first), number(first + count)])?;
    let mut hashes = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
    while let Some(row) = rows.next()? {
        if whole(row.get(0)?) != first + hashes.len() as u64 + 1 {
            break;
        }
        hashes.push(tree::leaf(row.get_ref(1)?.as_blob()?));
    }
    Ok(hashes)
}

fn kept(connection: &Connection, level: u32, first: u64, count: u64) -> rusqlite::Result<Vec<Digest>> {
    let mut all = connection.prepare_cached(
        "SELECT hash FROM tree WHERE level = ?1 AND place >= ?2 AND place < ?3 ORDER BY place",
    )?;
    let hash = |row: &rusqlite::Row<'_>| bytes32(row, 0).map(Digest::from_bytes);
    all.query_map(params![level, number(first), number(first + count)], hash)?.collect()
}

/// The subtrees of a database, kept ones and those below them.
pub(crate) struct Kept<'c>(pub(crate) &'c Connection);

impl Nodes for Kept<'_> {
    type Error = JournalError;

    fn subtree(&self, begin: u64, end: u64) -> Result<Digest, JournalError> {
        let leaves = end - begin;
        let (level, unit) = levels().take_while(|(_, unit)| *unit <= leaves).last().unwrap_or((0, 1));
        below(self.0, level + 1, begin / unit, leaves / unit).map(|hashes| tree::root_of(&hashes))
    }
}
