//! Processes that die at the worst moment, and disks that are full: this binary runs itself again as the child.

use crate::scene::{Driven, file, key, said, wait};
use kapell_journal::content::Content;
use kapell_journal::seam::{JournalError, Journals};
use kapell_model::fault::{self, FaultPoint};
use kapell_model::id::RunId;
use kapell_model::seam::KeyvalueReads;
use kapell_store::{ROW_BLOB_MAX, SqliteStore};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::{env, fs};

const HOME: &str = "KAPELL_STORE_TEST_HOME";
const POINT: &str = "KAPELL_STORE_TEST_POINT";
/// What a child says so that its lines are told from the test harness's own.
const SAYS: &str = "child:";

/// Starts this binary again at one of the children below.
fn child(name: &str, home: &Path, point: &str, prefix: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
    let this = env::current_exe().unwrap();
    let (program, before) = match prefix {
        [] => (this.as_os_str(), Vec::new()),
        [shell, rest @ ..] => {
            (shell.as_ref(), rest.iter().map(|word| (*word).as_ref()).chain([this.as_os_str()]).collect())
        }
    };
    let mut command = Command::new(program);
    command.args(before).args(["--ignored", "--exact", "--nocapture", "--test-threads=1"]);
    command.arg(format!("crash::{name}")).env(HOME, home).env(POINT, point);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// The next thing the child says; none when it has ended.
fn heard(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<String> {
    lines.find_map(|line| Some(line.ok()?.split_once(SAYS)?.1.to_owned()))
}

fn say(what: impl std::fmt::Display) {
    println!("{SAYS}{what}");
    std::io::stdout().flush().unwrap();
}

fn home_of_child() -> PathBuf {
    env::var_os(HOME).expect("only started by another test").into()
}

#[test]
#[ignore = "the child of what_was_acknowledged_survives_a_kill"]
fn commits_for_ever() {
    let home = home_of_child();
    let store = SqliteStore::open(&home.join("store")).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    loop {
        let number = (driven.head.seq + 1).to_string();
        let mut commit = driven.next(&number);
        commit.writes.keys.push(key("last", Some(&number)));
        commit.writes.files.push(file(&home.join("out"), "last", Some(&number)));
        commit.writes.files.push(file(&home.join("out"), &format!("all/{number}"), Some(&number)));
        wait(driven.commit(&store, commit)).unwrap();
        say(number);
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let home = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 1..=4_u64 {
        let (mut child, mut lines) = child("commits_for_ever", home.path(), "", &[]);
        for _ in 0..round * 7 {
            acknowledged = heard(&mut lines).expect("the child lives").parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(more) = heard(&mut lines) {
            acknowledged = more.parse().unwrap();
        }

        let store = SqliteStore::open(&home.path().join("store")).unwrap();
        let run: RunId = "demo-1".parse().unwrap();
        let said = said(&store, &run);
        assert!(said.len() as u64 >= acknowledged, "{} of {acknowledged}", said.len());
        let last = said.last().unwrap().clone();
        let (value, version) = store.get("crm", "last").unwrap().unwrap();
        assert_eq!(
            (value, version),
            (last.clone().into_bytes(), said.len() as u64),
            "keys are of the commit"
        );
        for number in &said {
            let path = home.path().join("out/all").join(number);
            assert_eq!(fs::read_to_string(path).unwrap(), *number, "files are of the commit");
        }
        assert_eq!(fs::read_to_string(home.path().join("out/last")).unwrap(), last);
    }
}

#[test]
#[ignore = "the child of a_crash_at_any_point_is_all_or_nothing"]
fn commits_once_and_dies() {
    let home = home_of_child();
    let point = env::var(POINT).unwrap();
    fault::arm(Box::new(move |reached: FaultPoint| {
        if format!("{reached:?}") == point {
            std::process::abort();
        }
        Ok(())
    }));
    let store = SqliteStore::open(&home.join("store")).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    let mut commit = driven.next("write");
    let large = "x".repeat(ROW_BLOB_MAX + 1);
    commit.writes.files = vec![
        file(&home.join("out"), "small", Some("content")),
        file(&home.join("out"), "large", Some(&large)),
    ];
    drop(wait(driven.commit(&store, commit)));
    say("still alive");
}

#[test]
fn a_crash_at_any_point_is_all_or_nothing() {
    for (point, real) in [
        (FaultPoint::Staged, false),
        (FaultPoint::Committed, true),
        (FaultPoint::Placing, true),
        (FaultPoint::Placed, true),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (mut child, mut lines) = child("commits_once_and_dies", home.path(), &format!("{point:?}"), &[]);
        assert_eq!(heard(&mut lines), None, "it died at {point:?}");
        child.wait().unwrap();
        let out = home.path().join("out");
        assert!(!out.join("large").exists(), "it died before the second file");

        let store = SqliteStore::open(&home.path().join("store")).unwrap();
        assert_eq!(store.entries(&"demo-1".parse().unwrap()).is_ok(), real, "{point:?}");
        let placed = fs::read_to_string(out.join("small")).ok();
        assert_eq!(placed.as_deref(), real.then_some("content"), "{point:?}");
        assert_eq!(out.join("large").exists(), real, "{point:?}");

        // Once it is in its place it is the people's; opening the store again does not bring it back.
        drop(store);
        drop(fs::remove_dir_all(&out));
        SqliteStore::open(&home.path().join("store")).unwrap();
        assert!(!out.exists(), "{point:?}");
    }
}

const PRIVATE: &[u8] = b"Obsidian-Zebra-77";

/// Private bytes of two sizes, the larger of which become a file.
fn private_contents(store: &SqliteStore) -> Vec<Content> {
    let sizes = [1, 1 + ROW_BLOB_MAX / PRIVATE.len()];
    sizes.map(|times| Content::committed(PRIVATE.repeat(times), store.salt().unwrap())).into()
}

#[test]
#[ignore = "the child of what_a_crash_left_of_what_was_erased_goes_when_the_store_is_opened"]
fn erases_and_dies() {
    let home = home_of_child();
    let (point, commits) = (env::var(POINT).unwrap(), std::sync::atomic::AtomicUsize::new(0));
    fault::arm(Box::new(move |reached: FaultPoint| {
        let is_there = format!("{reached:?}") == point;
        if is_there && commits.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            std::process::abort();
        }
        Ok(())
    }));
    let store = SqliteStore::open(&home.join("store")).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    let mut commit = driven.next("private");
    commit.blobs = private_contents(&store);
    wait(driven.commit(&store, commit)).unwrap();
    let mut commit = driven.next("erased");
    commit.erased = store.private_of(&driven.run).unwrap();
    drop(wait(driven.commit(&store, commit)));
    say("still alive");
}

/// Whether any file below a folder has the private bytes, whole rows and what stands between them.
fn has_private(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        let within = |bytes: Vec<u8>| bytes.windows(PRIVATE.len()).any(|window| window == PRIVATE);
        if path.is_dir() { has_private(&path) } else { fs::read(&path).is_ok_and(within) }
    })
}

#[test]
fn what_a_crash_left_of_what_was_erased_goes_when_the_store_is_opened() {
    for (point, erased) in [(FaultPoint::Staged, false), (FaultPoint::Committed, true)] {
        let home = tempfile::tempdir().unwrap();
        let (mut child, mut lines) = child("erases_and_dies", home.path(), &format!("{point:?}"), &[]);
        assert_eq!(heard(&mut lines), None, "it died at {point:?}");
        child.wait().unwrap();
        let folder = home.path().join("store");
        assert!(has_private(&folder), "{point:?}: it died before the file was unlinked");
        let store = SqliteStore::open(&folder).unwrap();
        let kept = store.private_of(&"demo-1".parse().unwrap()).unwrap();
        assert_eq!((kept.is_empty(), has_private(&folder)), (erased, !erased), "{point:?}");
    }
}

#[test]
fn what_is_erased_is_in_no_file_of_the_store() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("store");
    let store = SqliteStore::open(&folder).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    let mut commit = driven.next("private");
    commit.blobs = private_contents(&store);
    wait(driven.commit(&store, commit)).unwrap();
    assert!(has_private(&folder));
    let mut commit = driven.next("erased");
    commit.erased = store.private_of(&driven.run).unwrap();
    wait(driven.commit(&store, commit)).unwrap();
    assert!(!has_private(&folder), "while the store is open and its log in use");
}

/// What is private is looked over as everything else: it is damaged, no run has it, it is no file of the store.
#[test]
fn damaged_and_foreign_files_of_what_is_private_are_told() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("store");
    let store = SqliteStore::open(&folder).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    let mut commit = driven.next("private");
    commit.blobs = private_contents(&store);
    let file = folder.join("private").join(commit.blobs[1].digest().hex());
    wait(driven.commit(&store, commit)).unwrap();
    let told = || {
        let flaws = kapell_store::flaws(&folder);
        flaws.into_iter().map(|flaw| (flaw.file, flaw.words, flaw.is_damage)).collect::<Vec<_>>()
    };
    assert_eq!(told(), []);
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, [&b"x"[..], &bytes[1..]].concat()).unwrap();
    let words = format!("its {} bytes are not what its name is a commitment to", bytes.len());
    assert_eq!(told(), [(file.clone(), words, true)]);
    fs::write(&file, &bytes).unwrap();
    let (nobody, stranger) = (folder.join("private").join("00".repeat(32)), folder.join("private/zebra"));
    fs::write(&nobody, "x").unwrap();
    fs::write(&stranger, "x").unwrap();
    let expected = [(nobody, "is private content that no run has"), (stranger, "is no file of the store")];
    assert_eq!(told(), expected.map(|(file, words)| (file, words.to_owned(), false)));
}

#[test]
fn what_is_let_go_is_in_no_file_of_the_store() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("store");
    let store = SqliteStore::open(&folder).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    let contents = [1, 1 + ROW_BLOB_MAX / PRIVATE.len()].map(|times| Content::of(PRIVATE.repeat(times)));
    let mut commit = driven.next("brings");
    commit.blobs = contents.to_vec();
    wait(driven.commit(&store, commit)).unwrap();
    let mut commit = driven.next("lets go");
    commit.dropped = contents.iter().map(|it| *it.digest()).collect();
    wait(driven.commit(&store, commit)).unwrap();
    // As a crash right after the commit would leave it.
    assert!(has_private(&folder));
    drop((store, owner));
    let store = SqliteStore::open(&folder).unwrap();
    assert!(!has_private(&folder), "it is removed when the store is opened");
    assert_eq!(store.blob(&driven.run, contents[0].digest()), Ok(None));
}

#[test]
#[ignore = "the child of a_run_is_its_owners_while_the_process_lives"]
fn claims_and_waits() {
    let store = SqliteStore::open(&home_of_child().join("store")).unwrap();
    let owner = store.new_owner().unwrap();
    Driven::claim(&store, "demo-1", &owner).unwrap().say(&store, "claimed").unwrap();
    say("claimed");
    drop(std::io::stdin().read_line(&mut String::new()));
}

#[test]
fn a_run_is_its_owners_while_the_process_lives() {
    let home = tempfile::tempdir().unwrap();
    let (mut child, mut lines) = child("claims_and_waits", home.path(), "", &[]);
    assert_eq!(heard(&mut lines).as_deref(), Some("claimed"));
    let store = SqliteStore::open(&home.path().join("store")).unwrap();
    let owner = store.new_owner().unwrap();
    let refused = Driven::claim(&store, "demo-1", &owner).err();
    assert_eq!(refused, Some(JournalError::Owned("demo-1".parse().unwrap())));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(Driven::claim(&store, "demo-1", &owner).unwrap().head.epoch, 2);
}

#[test]
#[ignore = "the child of a_full_disk_is_told_and_loses_nothing"]
fn commits_until_refused() {
    let store = SqliteStore::open(&home_of_child().join("store")).unwrap();
    let owner = store.new_owner().unwrap();
    let mut driven = Driven::claim(&store, "demo-1", &owner).unwrap();
    loop {
        let filler = "x".repeat(20_000);
        match driven.say(&store, &filler) {
            Ok(()) => say(driven.head.seq),
            Err(error) => {
                say(format!("refused: {error}"));
                say(format!("again: {:?}", driven.say(&store, "small").is_err()));
                return;
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    // Files may not grow beyond 1,000 blocks, and the process is told so instead of being killed.
    let limited = ["/bin/sh", "-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\""];
    let (mut child, mut lines) = child("commits_until_refused", home.path(), "", &limited);
    let mut acknowledged = 0;
    let refused = loop {
        let line = heard(&mut lines).expect("the child speaks");
        match line.parse() {
            Ok(number) => acknowledged = number,
            Err(_) => break line,
        }
    };
    assert!(refused.starts_with("refused: the journal cannot be written"), "{refused}");
    assert_eq!(heard(&mut lines).as_deref(), Some("again: true"), "a failed write is not passed over");
    child.wait().unwrap();
    assert!(acknowledged > 3, "it wrote {acknowledged}");

    let store = SqliteStore::open(&home.path().join("store")).unwrap();
    assert_eq!(said(&store, &"demo-1".parse().unwrap()).len(), acknowledged);
    let owner = store.new_owner().unwrap();
    Driven::claim(&store, "demo-1", &owner).unwrap().say(&store, "there is room again").unwrap();
}
