//! The tree over all entries: the same root whoever works it out, proofs that hold, and a deleted entry that is missed.

use crate::scene::{Driven, wait};
use kapell_journal::seam::Journals;
use kapell_journal::tree::{self, is_consistent, is_included};
use kapell_model::digest::Digest;
use kapell_model::quantity::Timestamp;
use kapell_store::{Noted, SqliteStore};
use rusqlite::Connection;
use std::path::Path;

/// More than a whole subtree that is kept, and some beside it.
const ENTRIES: usize = 600;

/// A store with so many entries more of a run.
fn grow(store: &SqliteStore, run: &str, entries: usize) {
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(store, run, &owner).unwrap();
    let says: Vec<String> = (0..entries).map(|number| format!("{run} {number}")).collect();
    let says: Vec<&str> = says.iter().map(String::as_str).collect();
    let commit = driven.commit_of(&says);
    wait(driven.commit(store, commit)).unwrap();
}

/// The root as anybody works it out who has the entries in their order.
fn by_hand(path: &Path) -> Digest {
    let connection = Connection::open(path.join("journal.sqlite")).unwrap();
    let mut all = connection.prepare("SELECT bytes FROM entries ORDER BY place").unwrap();
    let leaf = |row: &rusqlite::Row<'_>| row.get::<_, Vec<u8>>(0).map(|bytes| tree::leaf(&bytes));
    let leaves: Vec<Digest> = all.query_map([], leaf).unwrap().map(Result::unwrap).collect();
    tree::root_of(&leaves)
}

#[test]
fn the_root_is_the_same_as_by_hand_and_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    let empty = store.tree_head().unwrap();
    assert_eq!((empty.size, empty.root), (0, tree::empty()));
    for (run, entries) in [("demo-1", 3), ("demo-2", ENTRIES), ("demo-3", 1)] {
        grow(&store, run, entries);
        assert_eq!(store.tree_head().unwrap().root, by_hand(home.path()), "{run}");
    }
    let before = store.tree_head().unwrap();
    drop(store);
    assert_eq!(SqliteStore::open(home.path()).unwrap().tree_head().unwrap(), before);
}

#[test]
fn an_entry_is_shown_at_its_place_and_a_larger_tree_to_add_only() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    grow(&store, "demo-1", ENTRIES);
    let old = store.tree_head().unwrap();
    grow(&store, "demo-2", 3);
    let new = store.tree_head().unwrap();
    let (index, bytes) = store.leaf(&"demo-1".parse().unwrap(), 300).unwrap().unwrap();
    assert_eq!(index, 299);
    let beside = store.inclusion(index, new.size).unwrap();
    assert!(is_included(&tree::leaf(&bytes), index, new.size, &beside, &new.root));
    let shown = store.consistency(old.size, new.size).unwrap();
    assert!(is_consistent((old.size, &old.root), (new.size, &new.root), &shown));
    assert_eq!(store.tree_root(old.size).unwrap(), Some(old.root));
    assert_eq!(store.tree_root(new.size + 1).unwrap(), None);
    assert_eq!(store.leaf(&"demo-1".parse().unwrap(), 601).unwrap(), None);
}

#[test]
fn a_deleted_run_is_missed() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    for run in ["demo-1", "demo-2", "demo-3"] {
        grow(&store, run, 5);
    }
    let delete = "DELETE FROM entries WHERE run = 'demo-2'; DELETE FROM runs WHERE run = 'demo-2';";
    Connection::open(home.path().join("journal.sqlite")).unwrap().execute_batch(delete).unwrap();
    assert_eq!(store.entries(&"demo-3".parse().unwrap()).unwrap().len(), 5, "each run alone is whole");
    let told = store.tree_head().unwrap_err().to_string();
    assert_eq!(told, "the journal is damaged: of entries 1 to 8 some are missing");
}

/// What is kept of the tree can be worked out again, so one that was taken out is; nobody waits for it for ever.
#[test]
fn a_subtree_that_was_taken_out_is_kept_again() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    grow(&store, "demo-1", 3 * 256 + 5);
    let before = store.tree_head().unwrap();
    let connection = Connection::open(home.path().join("journal.sqlite")).unwrap();
    for damage in ["DELETE FROM tree WHERE place = 0", "DELETE FROM tree WHERE place = 1"] {
        assert_eq!(connection.execute(damage, []).unwrap(), 1);
        assert_eq!(store.tree_head().unwrap(), before, "{damage}");
        let kept = connection.query_row("SELECT count(*) FROM tree", [], |row| row.get::<_, i64>(0));
        assert_eq!(kept.unwrap(), 3);
    }
}

#[test]
fn the_first_head_that_was_signed_over_so_many_entries_stays() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    let noted = |size, note: &str| Noted { size, at: Timestamp(7), note: note.into() };
    for (size, note) in [(3, "one"), (3, "another"), (9, "two")] {
        store.keep_checkpoint(noted(size, note)).unwrap();
    }
    assert_eq!(store.checkpoint(8).unwrap(), Some(noted(3, "one")));
    assert_eq!(store.checkpoint(u64::MAX).unwrap(), Some(noted(9, "two")));
    assert_eq!(store.checkpoint(2).unwrap(), None);
}
