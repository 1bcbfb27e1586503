//! What an outsider checks a journal by: three files and no journal; and what a rewritten journal can't show any more.

use crate::stage::Stage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::note::Public;
use kapell_journal::tree::{is_consistent, is_included, leaf};
use kapell_model::digest::Digest;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A project in which somebody was greeted so many times.
fn greeted(times: usize) -> Stage {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    for _ in 0..times {
        greet(&stage);
    }
    stage
}

fn greet(stage: &Stage) {
    stage.kapell(&["call", "kapell:hello", "greet", r#"{"name":"Ada"}"#]).ends(0);
}

fn hash(line: &str) -> Digest {
    Digest::from_bytes(STANDARD.decode(line).unwrap().try_into().unwrap())
}

fn key(stage: &Stage) -> Public {
    stage.kapell(&["audit", "key"]).ends(0).out.trim_end().parse().unwrap()
}

fn head(stage: &Stage) -> Checkpoint {
    let note = stage.kapell(&["audit", "checkpoint"]).ends(0).out;
    Checkpoint::verified(&note, &key(stage)).unwrap()
}

/// Checks the three files as somebody who never saw the home, and gives the head they lead to.
fn checked(folder: &Path, stem: &str) -> Option<Checkpoint> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let key: Public = read("log.pub").trim_end().parse().unwrap();
    let proof = read(&format!("{stem}.tlog-proof"));
    let (way, note) = proof.split_once("\n\n").unwrap();
    let head = Checkpoint::verified(note, &key).unwrap();
    let mut lines = way.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    let index = lines.next().unwrap().strip_prefix("index ").unwrap().parse().unwrap();
    let beside: Vec<Digest> = lines.map(hash).collect();
    let entry = leaf(read(&format!("{stem}.json")).as_bytes());
    is_included(&entry, index, head.size, &beside, &head.root).then_some(head)
}

#[test]
fn an_entry_is_proved_to_somebody_who_never_saw_the_home() {
    let stage = greeted(2);
    let run = stage.kapell(&["runs", "list", "--json"]).ends(0).out;
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    let run = run["runs"][1]["run"].as_str().unwrap().to_owned();
    stage.kapell(&["audit", "prove", &format!("{run}/2"), "--into", "evidence"]).ends(0);
    let (folder, stem) = (stage.project().join("evidence"), format!("{run}-2"));
    assert_eq!(checked(&folder, &stem).unwrap().origin, key(&stage).name());
    let entry = folder.join(format!("{stem}.json"));
    let forged = fs::read_to_string(&entry).unwrap().replacen("sha256:", "sha256;", 1);
    fs::write(&entry, forged).unwrap();
    assert_eq!(checked(&folder, &stem), None);
}

#[test]
fn the_head_is_signed_when_a_run_ends_and_the_next_only_adds_to_it() {
    let stage = greeted(1);
    let database = || Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let signed: i64 =
        database().query_row("SELECT max(size) FROM checkpoints", [], |row| row.get(0)).unwrap();
    let old = head(&stage);
    assert_eq!(u64::try_from(signed).unwrap(), old.size, "nobody had to ask");
    greet(&stage);
    let new = head(&stage);
    let sizes = [old.size, new.size].map(|size| size.to_string());
    let shown = stage.kapell(&["audit", "consistency", &sizes[0], &sizes[1]]).ends(0).out;
    let shown: Vec<Digest> = shown.lines().map(hash).collect();
    assert!(is_consistent((old.size, &old.root), (new.size, &new.root), &shown));
    stage.kapell(&["audit", "consistency", &sizes[1], &sizes[0]]).ends(2);
}

#[test]
fn a_journal_without_a_run_it_had_signs_nothing_more() {
    let stage = greeted(3);
    let delete = "DELETE FROM entries WHERE run = (SELECT run FROM entries WHERE place = 1);
        DELETE FROM runs WHERE run NOT IN (SELECT run FROM entries);";
    Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap().execute_batch(delete).unwrap();
    let said = stage.kapell(&["audit", "checkpoint"]).ends(9);
    assert!(said.err.contains("some are missing"), "{}", said.err);
}

#[test]
fn the_key_is_its_owner_s_alone_and_what_names_no_entry_is_told() {
    let stage = greeted(1);
    let mode = fs::metadata(stage.project().join(".kapell/log.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let told = stage.kapell(&["audit", "prove", "last"]).ends(2).err;
    assert!(told.contains("`last` names no entry"), "{told}");
    stage.kapell(&["audit", "prove", "last/999"]).ends(10);
    stage.kapell(&["audit", "prove", "nothing-1/1"]).ends(10);
    stage.write(".kapell/log.key", "PRIVATE+KEY+other+00000000+AQ==\n");
    stage.kapell(&["audit", "key"]).ends(9);
}
