//! What makes runs move, inside one transaction: ids, claims and commits.

use crate::content::ContentDir;
use crate::sqlite::blobs::{self, RunNumber};
use crate::sqlite::erasable::{self, Kept};
use crate::sqlite::stored::{bytes32, number, whole};
use crate::sqlite::writer::Done;
use crate::sqlite::{read, spending};
use kapell_journal::chain;
use kapell_journal::seam::{Commit, Head, JournalError, Owner};
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, RunId};
use kapell_model::writes::{HeldWrites, KeySeen};
use rusqlite::{Connection, OptionalExtension, params};

/// The bytes of a commit as they go into the database.
#[derive(Default)]
pub(crate) struct Staged {
    /// What the run keeps for itself.
    pub(crate) own: Vec<Kept>,
    /// What all runs share.
    pub(crate) shared: Vec<Kept>,
    /// Where those are that are files by now, if there are any.
    pub(crate) files_in: Option<ContentDir>,
    /// Under which name the content of each written file is kept; none for one that is removed.
    pub(crate) files: Vec<Option<Digest>>,
}

/// The next number of a flow.
pub(crate) fn next_number(connection: &Connection, flow: &FlowName) -> Done<u64> {
    let mut next = connection.prepare_cached(
        "INSERT INTO counters (name, value) VALUES (?1, 1)
         ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
    )?;
    next.query_row([format!("run:{flow}")], |row| row.get(0)).map(|value| Ok(whole(value)))
}

/// Makes `owner` the owner unless another one lives.
pub(crate) fn claim(
    connection: &Connection,
    run: &RunId,
    owner: &Owner,
    lives: impl Fn(&str) -> Result<bool, JournalError>,
) -> Done<Head> {
    let Some((head, before)) = standing(connection, run)? else {
        begin(connection, run, owner)?;
        return Ok(Ok(chain::genesis(1)));
    };
    if let Some(other) = before.filter(|before| *before != owner.id) {
        match lives(&other) {
            Ok(false) => {}
            Ok(true) => return Ok(Err(JournalError::Owned(run.clone()))),
            Err(unknown) => return Ok(Err(unknown)),
        }
    }
    let head = Head { epoch: head.epoch + 1, ..head };
    let mut take = connection.prepare_cached("UPDATE runs SET owner = ?2, epoch = ?3 WHERE run = ?1")?;
    take.execute(params![run.as_str(), owner.id, number(head.epoch)])?;
    Ok(Ok(head))
}

fn standing(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<(Head, Option<String>)>> {
    let mut find =
        connection.prepare_cached("SELECT head_seq, head_hash, epoch, owner FROM runs WHERE run = ?1")?;
    find.query_row([run.as_str()], |row| {
        let hash = Digest::from_bytes(bytes32(row, 1)?);
        Ok((Head { seq: whole(row.get(0)?), hash, epoch: whole(row.get(2)?) }, row.get(3)?))
    })
    .optional()
}

/// Its other columns are written by its first commit; until then no listing shows it.
fn begin(connection: &Connection, run: &RunId, owner: &Owner) -> rusqlite::Result<()> {
    let mut begin = connection.prepare_cached(
        "INSERT INTO runs (run, flow, state, over, started, changed, head_seq, head_hash, epoch, owner, kept)
         VALUES (?1, '', 'claimed', 0, 0, 0, 0, ?2, 1, ?3, 1)",
    )?;
    begin.execute(params![run.as_str(), chain::GENESIS.as_bytes(), owner.id]).map(drop)
}

/// Gives a run up.
pub(crate) fn release(connection: &Connection, run: &RunId, epoch: u64) -> Done<()> {
    let mut give_up =
        connection.prepare_cached("UPDATE runs SET owner = NULL WHERE run = ?1 AND epoch = ?2")?;
    give_up.execute(params![run.as_str(), number(epoch)]).map(|_| Ok(()))
}

/// Makes a commit real: all of it or, with an error, nothing.
pub(crate) fn append(connection: &Connection, commit: &Commit, staged: &Staged) -> Done<()> {
    let Some(run) = move_head(connection, commit)? else {
        return Ok(Err(JournalError::Fenced(commit.run.clone())));
    };
    if let Some(other) = begin_for_line(connection, commit)? {
        return Ok(Err(JournalError::Begun(other)));
    }
    if let Some(moved) = first_moved(connection, &commit.writes)? {
        let (namespace, key) = (moved.namespace.clone(), moved.key.clone());
        return Ok(Err(JournalError::Conflict { namespace, key }));
    }
    if let Err(over) = spending::charge(connection, commit)? {
        return Ok(Err(over));
    }
    insert_entries(connection, commit)?;
    if let Err(failed) = blobs::bring(connection, run, staged)? {
        return Ok(Err(failed));
    }
    erasable::insert(connection, &commit.run, &staged.own)?;
    erasable::delete(connection, commit)?;
    blobs::let_go(connection, run, &commit.dropped)?;
    write_keys(connection, &commit.writes)?;
    note_files(connection, commit, &staged.files)?;
    Ok(Ok(()))
}

/// Moves the run from the expected head under the expected epoch, and says which number it has; nothing is moved when
/// either is another.
fn move_head(connection: &Connection, commit: &Commit) -> rusqlite::Result<Option<RunNumber>> {
    let Some(last) = commit.entries.last() else { return Ok(None) };
    let (row, expected) = (&commit.row, &commit.expected);
    let mut advance = connection.prepare_cached(
        "UPDATE runs SET state = ?2, changed = ?3, due = ?4, head_seq = ?5, head_hash = ?6
         WHERE run = ?1 AND head_seq = ?7 AND head_hash = ?8 AND epoch = ?9 RETURNING number",
    )?;
    let parameters = params![
        commit.run.as_str(),
        &*row.state,
        number(row.changed.0),
        row.due.map(|due| number(due.0)),
        number(last.entry().seq),
        last.hash().as_bytes(),
        number(expected.seq),
        expected.hash.as_bytes(),
        number(expected.epoch),
    ];
    let moved = advance.query_row(parameters, |row| row.get(0)).optional()?;
    if moved.is_some() && (expected.seq == 0 || row.over) {
        describe(connection, commit)?;
    }
    Ok(moved)
}

/// Writes what of a run's row changes only when it begins and when it is over, so that no other step has an index
/// to bring up to date.
fn describe(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let (run, row) = (commit.run.as_str(), &commit.row);
    let mut describe = connection
        .prepare_cached("UPDATE runs SET flow = ?2, over = ?3, started = ?4, kept = ?5 WHERE run = ?1")?;
    describe.execute(params![run, row.flow.as_str(), row.over, number(row.started.0), row.kept]).map(drop)
}

/// Notes with a run's first commit the line of a batch it does; the run that does it already, if there is one.
fn begin_for_line(connection: &Connection, commit: &Commit) -> rusqlite::Result<Option<RunId>> {
    let Some(line) = commit.row.line.filter(|_| commit.expected.seq == 0) else { return Ok(None) };
    if let Some(other) = read::run_of_line(connection, &line)? {
        return Ok(Some(other.run));
    }
    let mut note = connection.prepare_cached("UPDATE runs SET line = ?2 WHERE run = ?1")?;
    note.execute(params![commit.run.as_str(), line.as_bytes()]).map(|_| None)
}

/// The first key that was read at another version than it has now. What was read binds only what is written from it.
fn first_moved<'a>(connection: &Connection, writes: &'a HeldWrites) -> rusqlite::Result<Option<&'a KeySeen>> {
    if writes.keys.is_empty() {
        return Ok(None);
    }
    let mut find = connection.prepare_cached(
        "SELECT version FROM keyvalue WHERE namespace = ?1 AND key = ?2 AND value IS NOT NULL",
    )?;
    for seen in &writes.seen {
        let now: Option<i64> = find.query_row([&seen.namespace, &seen.key], |row| row.get(0)).optional()?;
        if now.map_or(0, whole) != seen.version {
            return Ok(Some(seen));
        }
    }
    Ok(None)
}

fn insert_entries(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO entries (run, seq, bytes) VALUES (?1, ?2, ?3)")?;
    for sealed in &commit.entries {
        insert.execute(params![commit.run.as_str(), number(sealed.entry().seq), &sealed.bytes()[..]])?;
    }
    Ok(())
}

fn write_keys(connection: &Connection, writes: &HeldWrites) -> rusqlite::Result<()> {
    let mut write = connection.prepare_cached(
        "INSERT INTO keyvalue (namespace, key, value, version, digest) VALUES (?1, ?2, ?3, 1, ?4)
         ON CONFLICT (namespace, key)
         DO UPDATE SET value = excluded.value, version = version + 1, digest = excluded.digest",
    )?;
    for key in &writes.keys {
        let digest = key.value.as_deref().map(|value| read::key_digest(&key.namespace, &key.key, value));
        let digest = digest.as_ref().map(Digest::as_bytes);
        write.execute(params![key.namespace, key.key, key.value, digest])?;
    }
    Ok(())
}

/// Notes the files that must still be put in their place; a newer write of the same path replaces an older one.
fn note_files(connection: &Connection, commit: &Commit, contents: &[Option<Digest>]) -> rusqlite::Result<()> {
    let mut note = connection.prepare_cached(
        "INSERT OR REPLACE INTO pending_files (run, root, path, digest) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (file, content) in commit.writes.files.iter().zip(contents) {
        let name = content.as_ref().map(Digest::as_bytes);
        note.execute(params![commit.run.as_str(), file.root, file.path, name])?;
    }
    Ok(())
}
