//! Blobs, which runs share: who keeps which, and removing what nobody keeps any more.
//!
//! Each commit notes which blobs it brought. A run that lets one go takes it off its own list and notes that it may be
//! leaving; what stands on nobody's list then is removed in one transaction, which no other shares, so that a commit that
//! brings it again comes before, and it stays, or after, and it is there again.

use crate::content::ContentDir;
use crate::error::unwritten;
use crate::sqlite::Inner;
use crate::sqlite::append::Staged;
use crate::sqlite::stored::number;
use crate::sqlite::writer::{Done, Wait};
use kapell_journal::seam::{Commit, JournalError};
use kapell_model::digest::Digest;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;

const OF_RUN: &str = "(SELECT rowid FROM runs WHERE run = ?1)";

/// Notes what a commit brings. A file of it that somebody removed since it was staged is put there again.
pub(crate) fn bring(connection: &Connection, commit: &Commit, staged: &Staged) -> Done<()> {
    for (dir, content) in staged.blobs.iter().flat_map(|dir| staged.large.iter().map(move |it| (dir, it))) {
        if !dir.has(content.digest())
            && let Err(cause) = dir.put(content.digest(), content.bytes())
        {
            return Ok(Err(unwritten(format!("{}: {cause}", content.digest()))));
        }
    }
    let names = staged.rows.iter().chain(&staged.large).map(|content| *content.digest());
    note(connection, commit, names).map(Ok)
}

fn note(
    connection: &Connection,
    commit: &Commit,
    names: impl Iterator<Item = Digest>,
) -> rusqlite::Result<()> {
    let names: Vec<u8> = names.flat_map(|name| *name.as_bytes()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut note = connection
        .prepare_cached(&format!("INSERT INTO brought (run, seq, names) VALUES ({OF_RUN}, ?2, ?3)"))?;
    let last = commit.entries.last().map_or(0, |last| last.entry().seq);
    note.execute(params![commit.run.as_str(), number(last), names]).map(drop)
}

/// Takes what a commit lets go off its run's list, and notes that it may be leaving.
pub(crate) fn drop_from(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    if commit.dropped.is_empty() {
        return Ok(());
    }
    let run = commit.run.as_str();
    let mut brought = BTreeSet::new();
    each_brought(connection, &format!("SELECT names FROM brought WHERE run = {OF_RUN}"), &[run], |name| {
        brought.insert(name);
    })?;
    connection.execute(&format!("DELETE FROM brought WHERE run = {OF_RUN}"), [run])?;
    note(connection, commit, brought.difference(&commit.dropped).copied())?;
    let mut leaving =
        connection.prepare_cached("INSERT OR IGNORE INTO leaving (name, shared) VALUES (?1, 1)")?;
    for name in &commit.dropped {
        leaving.execute([name.as_bytes()])?;
    }
    Ok(())
}

/// Tells each blob on some lists.
fn each_brought(
    connection: &Connection,
    sql: &str,
    of: &[&str],
    mut each: impl FnMut(Digest),
) -> rusqlite::Result<()> {
    let mut lists = connection.prepare_cached(sql)?;
    let mut rows = lists.query(rusqlite::params_from_iter(of))?;
    while let Some(row) = rows.next()? {
        let names = row.get_ref(0)?.as_blob()?;
        names.as_chunks().0.iter().for_each(|name| each(Digest::from_bytes(*name)));
    }
    Ok(())
}

impl Inner {
    /// Removes what of these stands on no run's list.
    pub(crate) fn remove_unkept(&self, mut leaving: BTreeSet<Digest>) -> Result<(), JournalError> {
        if leaving.is_empty() {
            return Ok(());
        }
        let files = self.blobs.again().map_err(unwritten)?;
        self.writer.run(Wait::Durable, move |connection| {
            let all = leaving.clone();
            each_brought(connection, "SELECT names FROM brought", &[], |name| {
                leaving.remove(&name);
            })?;
            remove(connection, &files, &all, &leaving)
        })
    }
}

/// Removes blobs, and forgets that all these were leaving.
fn remove(
    connection: &Connection,
    files: &ContentDir,
    all: &BTreeSet<Digest>,
    unkept: &BTreeSet<Digest>,
) -> Done<()> {
    let mut delete = connection.prepare_cached("DELETE FROM blobs WHERE digest = ?1")?;
    for name in unkept {
        delete.execute([name.as_bytes()])?;
        if files.has(name)
            && let Err(cause) = files.unlink(name)
        {
            return Ok(Err(unwritten(format!("remove {name}: {cause}"))));
        }
    }
    let mut forget = connection.prepare_cached("DELETE FROM leaving WHERE name = ?1")?;
    for name in all {
        forget.execute([name.as_bytes()])?;
    }
    Ok(Ok(()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::{ROW_BLOB_MAX, SqliteStore};
    use kapell_journal::chain::seal;
    use kapell_journal::content::Content;
    use kapell_journal::entry::Body;
    use kapell_journal::seam::{Journals as _, RunRow};
    use kapell_model::quantity::Timestamp;
    use kapell_model::writes::HeldWrites;

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
            run,
            expected,
            entries: vec![entry],
            blobs: vec![content.clone()],
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
        assert_eq!(store.blob(content.digest()).unwrap().as_ref(), Some(content.bytes()));
    }
}
