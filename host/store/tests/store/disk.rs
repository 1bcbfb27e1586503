//! What only the store on the disk can get wrong: damage, foreign files, rights.

use crate::scene::{Driven, blob, file, said};
use kapell_journal::seam::{JournalError, Journals};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_store::{Components, Durability, Options, PendingFile, ROW_BLOB_MAX, SqliteStore, StoreError};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A closed store with one run of three entries, a small and a large blob.
fn written() -> (tempfile::TempDir, Driven) {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    let mut commit = driven.commit_of(&["first words", "second words", "third words"]);
    commit.blobs = vec![blob(b"small bytes"), blob(&large())];
    crate::scene::wait(driven.commit(&store, commit)).unwrap();
    (home, driven)
}

fn large() -> Vec<u8> {
    vec![7; ROW_BLOB_MAX + 1]
}

fn database(home: &Path) -> PathBuf {
    home.join("journal.sqlite")
}

/// Flips one bit of the last byte of `needle`, wherever it stands in a file.
fn flip(path: &Path, needle: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(needle)).collect();
    assert_eq!(places.len(), 1, "the bytes stand there once");
    bytes[places[0] + needle.len() - 1] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_any_entry_is_damage() {
    for needle in ["first words", "second words", "third words"] {
        let (home, driven) = written();
        flip(&database(home.path()), needle.as_bytes());
        let store = SqliteStore::open(home.path()).unwrap();
        let read = store.entries(&driven.run);
        assert!(matches!(read, Err(JournalError::Damaged(_))), "{needle}: {read:?}");
    }
}

#[test]
fn a_missing_entry_is_damage_even_at_the_end() {
    for (sql, what) in [
        ("DELETE FROM entries WHERE seq = 3", "the tail"),
        ("DELETE FROM entries WHERE seq = 1", "the beginning"),
        ("DELETE FROM entries", "all"),
        ("UPDATE entries SET seq = 4 WHERE seq = 2", "the order"),
    ] {
        let (home, driven) = written();
        Connection::open(database(home.path())).unwrap().execute(sql, []).unwrap();
        let store = SqliteStore::open(home.path()).unwrap();
        assert!(matches!(store.entries(&driven.run), Err(JournalError::Damaged(_))), "{what}");
    }
}

#[test]
fn a_flipped_bit_in_a_blob_or_a_component_is_damage() {
    let (home, driven) = written();
    let component = {
        let store = SqliteStore::open(home.path()).unwrap();
        let component = store.put_component(b"component bytes").unwrap();
        assert_eq!(store.component(&component).unwrap()[..], *b"component bytes");
        flip(&store.component_path(&component), b"component bytes");
        component
    };
    let (small, big) = (*blob(b"small bytes").digest(), *blob(&large()).digest());
    flip(&database(home.path()), b"small bytes");
    flip(&home.path().join("blobs").join(big.hex()), &large());
    let store = SqliteStore::open(home.path()).unwrap();
    for digest in [small, big] {
        assert!(matches!(store.blob(&driven.run, &digest), Err(JournalError::Damaged(_))), "{digest}");
    }
    let read = store.component(&component);
    assert!(matches!(read, Err(StoreError::Journal(JournalError::Damaged(_)))), "{read:?}");
}

#[test]
fn bytes_that_have_rotted_are_mended_when_they_are_brought_again() {
    let (home, driven) = written();
    let component = {
        let store = SqliteStore::open(home.path()).unwrap();
        let component = store.put_component(b"component bytes").unwrap();
        flip(&store.component_path(&component), b"component bytes");
        component
    };
    let again = [blob(b"small bytes"), blob(&large())];
    flip(&database(home.path()), b"small bytes");
    flip(&home.path().join("blobs").join(again[1].digest().hex()), &large());

    let store = SqliteStore::open(home.path()).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, driven.run.as_str(), &owner).unwrap();
    let mut commit = driven.next("again");
    commit.blobs = again.to_vec();
    crate::scene::wait(driven.commit(&store, commit)).unwrap();
    for blob in again {
        assert_eq!(
            store.blob(&driven.run, blob.digest()).unwrap().as_ref(),
            Some(blob.bytes()),
            "{}",
            blob.digest()
        );
    }
    assert_eq!(store.put_component(b"component bytes").unwrap(), component);
    assert_eq!(store.component(&component).unwrap()[..], *b"component bytes");
}

#[test]
fn a_newer_store_and_a_foreign_file_are_refused_untouched() {
    let home = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(home.path()).unwrap());
    Connection::open(database(home.path())).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let refused = SqliteStore::open(home.path()).err().unwrap();
    assert_eq!(refused, StoreError::Newer { path: database(home.path()), found: 7, known: 6 });

    let home = tempfile::tempdir().unwrap();
    Connection::open(database(home.path())).unwrap().execute("CREATE TABLE recipes (name TEXT)", []).unwrap();
    let before = fs::read(database(home.path())).unwrap();
    let refused = SqliteStore::open(home.path()).err().unwrap();
    assert_eq!(refused, StoreError::Foreign { path: database(home.path()) });
    assert_eq!(fs::read(database(home.path())).unwrap(), before);

    let home = tempfile::tempdir().unwrap();
    fs::write(
        database(home.path()),
        "not a database, but longer than a header of one hundred bytes ".repeat(3),
    )
    .unwrap();
    assert!(matches!(SqliteStore::open(home.path()), Err(StoreError::Open { .. })));
}

#[test]
fn only_the_owner_of_the_home_can_read_it() {
    let (home, _) = written();
    fs::set_permissions(database(home.path()), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    let owner = store.new_owner().unwrap();
    Driven::claim(&store, "demo-2", &owner).unwrap().say(&store, "a").unwrap();
    store.put_component(b"component").unwrap();
    assert_eq!(loose(home.path()), Vec::<PathBuf>::new());
}

/// Everything at or below a path that others than its owner have rights to.
fn loose(path: &Path) -> Vec<PathBuf> {
    let data = fs::symlink_metadata(path).unwrap();
    let mine = (data.permissions().mode() & 0o077 != 0).then(|| path.to_owned());
    let below = data.is_dir().then(|| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
    mine.into_iter().chain(below.into_iter().flatten().flat_map(|path| loose(&path))).collect()
}

#[test]
fn a_file_that_is_not_in_its_place_is_named_until_it_is() {
    let (home, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(out.path().join("taken")).unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    let mut commit = driven.next("write");
    commit.writes.files = vec![file(out.path(), "taken", Some("new"))];
    crate::scene::wait(driven.commit(&store, commit)).unwrap_err();
    let path = out.path().join("taken").to_str().unwrap().to_owned();
    assert_eq!(store.pending_files().unwrap(), [PendingFile { run: driven.run, path }]);

    fs::remove_dir(out.path().join("taken")).unwrap();
    drop(store);
    let store = SqliteStore::open(home.path()).unwrap();
    assert_eq!(store.pending_files().unwrap(), []);
    assert_eq!(fs::read(out.path().join("taken")).unwrap(), b"new");
}

#[test]
fn two_stores_of_one_directory_see_and_fence_each_other() {
    let home = tempfile::tempdir().unwrap();
    let [one, other] = [(); 2].map(|()| SqliteStore::open(home.path()).unwrap());
    let first = one.new_owner().unwrap();
    let mut before = Driven::claim(&one, "demo-1", &first).unwrap();
    before.say(&one, "a").unwrap();
    assert_eq!(said(&other, &before.run), ["a"]);
    let second = other.new_owner().unwrap();
    assert_eq!(Driven::claim(&other, "demo-1", &second).err(), Some(JournalError::Owned(before.run.clone())));
    drop(first);
    let mut after = Driven::claim(&other, "demo-1", &second).unwrap();
    assert_eq!(before.say(&one, "late"), Err(JournalError::Fenced(before.run.clone())));
    after.say(&other, "b").unwrap();
    assert_eq!(said(&one, &after.run), ["a", "b"]);
}

#[test]
fn an_unsynced_store_keeps_everything_but_the_sync() {
    let home = tempfile::tempdir().unwrap();
    let options = Options { durability: Durability::Unsynced };
    let store = SqliteStore::open_with(home.path(), options).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    // More than one checkpoint's worth.
    for n in 0..450 {
        driven.say(&store, &n.to_string()).unwrap();
    }
    drop(store);
    let store = SqliteStore::open(home.path()).unwrap();
    assert_eq!(store.entries(&driven.run).unwrap().len(), 450);
}

#[test]
fn a_run_that_commits_again_and_again_lets_others_have_their_turn() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    // From here on it is known to be alone.
    driven.say(&store, "a").unwrap();
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = turns.clone();
    crate::scene::wait(async move {
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        for said in ["b", "c", "d"] {
            let commit = driven.next(said);
            driven.commit(&store, commit).await.unwrap();
        }
        other.abort();
    });
    assert!(turns.load(Ordering::Relaxed) >= 3, "one turn a commit");
}

/// A store with a written file pending below each of two directories, the first of which stalls when it is to be placed.
#[test]
fn a_directory_that_stalls_holds_up_neither_the_opening_nor_the_others() {
    let home = tempfile::tempdir().unwrap();
    let outs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let store = SqliteStore::open(home.path()).unwrap();
    let owner = store.new_owner().unwrap();
    for (out, run) in outs.iter().zip(["demo-1", "demo-2"]) {
        fs::create_dir(out.path().join("taken")).unwrap();
        let mut driven = Driven::claim(&store, run, &owner).unwrap();
        let mut commit = driven.next("write");
        commit.writes.files = vec![file(out.path(), "taken", Some("new"))];
        crate::scene::wait(driven.commit(&store, commit)).unwrap_err();
        fs::remove_dir(out.path().join("taken")).unwrap();
    }
    drop((store, owner));

    // The turn of the first directory is somebody's who never gives it back: its work is held up just as by a mount.
    let turn = home.path().join("turns").join(Digest::of(outs[0].path().to_str().unwrap().as_bytes()).hex());
    let turn = fs::File::open(turn).unwrap();
    turn.lock().unwrap();
    let store = SqliteStore::open(home.path()).unwrap();
    let path = outs[0].path().join("taken").to_str().unwrap().to_owned();
    let run: RunId = "demo-1".parse().unwrap();
    assert_eq!(store.pending_files().unwrap(), [PendingFile { run: run.clone(), path: path.clone() }]);
    assert_eq!(fs::read(outs[1].path().join("taken")).unwrap(), b"new");
    assert_eq!(store.entries(&run).unwrap().len(), 1);
    let told = store.place_pending(&run).unwrap_err().to_string();
    let root = outs[0].path().display();
    let silent = format!(
        "{path}, written by run demo-1, is recorded but not in its place: the directory {root} does not answer"
    );
    assert_eq!(told, silent);

    // Once it answers, what was begun at the opening is done by whoever began it.
    turn.unlock().unwrap();
    while store.place_pending(&run).is_err() {
        std::thread::yield_now();
    }
    assert_eq!((store.pending_files().unwrap(), fs::read(&path).unwrap()), (vec![], b"new".to_vec()));
}
