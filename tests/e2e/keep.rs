//! Contents that the policy keeps for a time: kept to the last day of it, gone after that, and said to be so by everything
//! that would show them; while a run waits, or another run keeps the same, they stay.

use crate::stage::{Said, Stage, options};
use kapell_home::{Home, LetGo, Options, Place};
use kapell_model::quantity::Timestamp;
use kapell_model::seam::Clock;
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400_000;
/// Stands in what a run is given, and so in what it answers.
const NAME: &str = "Obsidian-Zebra-77";
const KEPT: &str = "version = 1\n[keep]\ncontents = \"90d\"\n";
const FLOW: &str = "\
flow: greeted
version: '1'
inputs: { name: string }
steps:
  - { id: greeting, use: \"kapell:hello#greet\", with: { name: \"${{ inputs.name }}\" } }
outputs: { greeting: greeting }
";
/// The same for a name that is private, past a question.
const ASKED: &str = "\
flow: asked
version: '1'
inputs: { name: { type: string, marks: [private] }, other: string }
steps:
  - { id: greeting, use: \"kapell:hello#greet\", with: { name: \"${{ inputs.name }}\" } }
  - { id: other, use: \"kapell:hello#greet\", with: { name: \"${{ inputs.other }}\" } }
  - { id: may, ask: legal, question: \"May they be greeted?\", show: { other: inputs.other } }
outputs: { other: other }
";
const CRM: &str = "\
[[rule]]
id = \"crm\"
skill = \"kapell:crm-account\"
kind = \"keyvalue\"
name = \"accounts\"
bind = \"namespace:crm\"
access = \"read-write\"
most = { keys = 100, bytes = \"1MiB\" }
";
const LEGAL: &str = "[role.legal]\npeople = [\"user:ada\"]\n";

struct Then(Timestamp);

impl Clock for Then {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn stage(policy: &str) -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", policy);
    stage.write("greeted.yaml", FLOW);
    stage.write("asked.yaml", ASKED);
    stage.add(&["hello"]);
    stage
}

fn greet(stage: &Stage, name: &str) {
    stage.kapell(&["run", "greeted.yaml", "-i", &format!("name={name}")]).ends(0);
}

fn ask(stage: &Stage) {
    let inputs = ["-i", "name=Quartz-Heron-12", "-i", &format!("other={NAME}")];
    stage.kapell(&[&["run", "asked.yaml", "--no-wait"], &inputs[..]].concat()).ends(5);
}

/// When a run ended.
fn ended(stage: &Stage, run: &str) -> u64 {
    let database = Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let ended = "SELECT changed FROM runs WHERE run = ?1";
    database.query_row(ended, [run], |row| row.get::<_, i64>(0)).unwrap().try_into().unwrap()
}

/// What any command does that opens the home to write, at that time.
fn move_on(stage: &Stage, now: u64) -> LetGo {
    let place = Place::at(stage.project()).unwrap();
    let clock = Arc::new(Then(Timestamp(now)));
    let home = Home::open(place, Options { clock, ..options() }).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(home.let_go_due()).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// Everything a home keeps of what happened.
fn home(stage: &Stage) -> Vec<u8> {
    let folder = stage.project().join(".kapell");
    let files = ["journal.sqlite", "journal.sqlite-wal"].map(|file| std::fs::read(folder.join(file)));
    files.into_iter().flatten().flatten().collect()
}

fn holds(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

fn runs(told: &LetGo) -> Vec<String> {
    assert!(told.failed.is_empty(), "{told:?}");
    told.runs.iter().map(ToString::to_string).collect()
}

/// A day before: kept. The day: gone, and everything says so.
#[test]
fn contents_are_kept_to_the_last_day_and_then_no_more() {
    let stage = stage(KEPT);
    greet(&stage, NAME);
    stage.kapell(&["audit", "checkpoint"]).ends(0);
    let due = ended(&stage, "greeted-1") + 90 * DAY;
    assert_eq!(runs(&move_on(&stage, due - 1)), [""; 0]);
    assert!(holds(&home(&stage), NAME));
    stage.kapell(&["replay", "greeted-1"]).ends(0);

    assert_eq!(runs(&move_on(&stage, due)), ["greeted-1"]);
    assert!(!holds(&home(&stage), NAME), "in no file of the journal");
    assert_eq!(runs(&move_on(&stage, due + DAY)), [""; 0], "once");

    let why = "is not kept since 20";
    for command in [&["runs", "show", "last"][..], &["explain", "last"], &["replay", "last"]] {
        let told = stage.kapell(command);
        let all = [told.out, told.err].concat();
        assert!(all.contains(why) && all.contains("by policy, which keeps contents for 90 d"), "{all}");
        assert!(!all.contains(NAME), "{all}");
    }
    assert!(stage.kapell(&["replay", "last"]).out.contains("not replayable: its input is not kept since"));
    let shown = stage.kapell(&["runs", "show", "last"]).ends(0).out;
    assert!(shown.contains("let go: 3 contents, by policy, which keeps contents for 90 d"), "{shown}");
    let verified = stage.kapell(&["verify"]).ends(0).out;
    assert!(
        verified.contains("dropped") && verified.contains("the contents of greeted-1 (3): not kept since"),
        "{verified}"
    );
    stage.kapell(&["verify", "last"]).ends(0);
    stage.kapell(&["runs", "list"]).ends(0);
    stage.kapell(&["doctor"]).ends(0);
    stage.kapell(&["report", "greeted"]).ends(0);
    stage.kapell(&["percolate"]).ends(0);
}

/// What it rests on stays, so that it can still be told what ran by whose rules; and an outsider is shown what is gone.
#[test]
fn an_exported_file_says_what_is_not_kept_any_longer() {
    let stage = stage(KEPT);
    greet(&stage, NAME);
    greet(&stage, "Ada");
    let due = ended(&stage, "greeted-1") + 90 * DAY;
    move_on(&stage, due);
    for scope in ["greeted-1", "--all"] {
        stage.kapell(&["audit", "export", scope, "-o", "it.kapell"]).ends(0);
        let key = stage.kapell(&["audit", "key"]).ends(0).out;
        let told = stage.kapell(&["verify", "it.kapell", "--key", key.trim()]).ends(0).out;
        for words in [
            "the contents of greeted-1: not kept since 20",
            "which keeps contents for 90 d",
            "3 blobs: not kept any longer, by policy; only digests stand",
            "it holds",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        std::fs::remove_file(stage.project().join("it.kapell")).unwrap();
    }
    // The plan, the flow's text, prices and the policy are there.
    assert!(stage.kapell(&["explain", "greeted-1"]).ends(0).out.contains("kapell:hello"));
}

#[test]
fn a_run_that_waits_keeps_everything_and_what_it_shares_stays() {
    let stage = stage(&format!("{KEPT}{LEGAL}"));
    greet(&stage, NAME);
    ask(&stage);
    let due = ended(&stage, "greeted-1") + 90 * DAY;
    assert_eq!(runs(&move_on(&stage, due + 9 * DAY)), ["greeted-1"]);
    // The same greeting of the same name is the waiting run's too.
    assert!(holds(&home(&stage), NAME));
    stage.kapell(&["verify"]).ends(0);
    let alone = stage.kapell(&["replay", "greeted-1"]);
    assert!(alone.out.contains("not replayable: its input is not kept"), "{}", alone.out);
    stage.kapell(&["gates", "approve", "asked-1"]).ends(0);
    assert!(stage.kapell(&["replay", "asked-1"]).ends(0).err.contains("2 of 2 the same"));
    // And then its own time begins; what is private in it goes with the rest.
    let due = ended(&stage, "asked-1") + 90 * DAY;
    assert_eq!(runs(&move_on(&stage, due - 1)), [""; 0]);
    assert_eq!(runs(&move_on(&stage, due)), ["asked-1"]);
    assert!(!holds(&home(&stage), NAME) && !holds(&home(&stage), "Quartz-Heron-12"));
    let shown = stage.kapell(&["runs", "show", "asked-1", "--private"]).ends(0).out;
    assert!(shown.contains("(value is not kept since"), "{shown}");
    let verified = stage.kapell(&["verify"]).ends(0).out;
    assert!(verified.contains("the contents of asked-1"), "{verified}");
    let erase = stage.kapell(&["audit", "erase", "asked-1", "--reason", "asked", "--yes"]).ends(2).err;
    assert!(erase.contains("its contents were let go on") && erase.contains("by policy"), "{erase}");
}

/// Any command that opens the home to write lets go of what is due, and says so.
#[test]
fn a_command_that_writes_lets_go_and_one_that_reads_does_not() {
    let stage = stage("version = 1\n");
    greet(&stage, NAME);
    stage.write("policy.toml", "version = 1\n[keep]\ncontents = \"1ms\"\n");
    let read = stage.kapell(&["verify"]).ends(0).err;
    assert!(!read.contains("let go") && read.contains("keeping changes contents for 1 ms"), "{read}");
    assert!(holds(&home(&stage), NAME) && now() > ended(&stage, "greeted-1"));
    let said = stage.kapell(&["run", "greeted.yaml", "-i", "name=Ada"]).ends(0).err;
    assert!(said.contains("let go of the contents of greeted-1: policy.toml keeps them for 1 ms"), "{said}");
    assert!(!holds(&home(&stage), NAME));
}

#[test]
fn without_a_time_contents_are_kept() {
    let stage = stage("version = 1\n");
    greet(&stage, NAME);
    assert_eq!(runs(&move_on(&stage, now() + 36_500 * DAY)), [""; 0]);
    assert!(holds(&home(&stage), NAME));
}

/// A policy that is made shorter keeps nobody waiting long: the rest goes with the next commands.
#[test]
fn many_runs_that_are_due_at_once_go_by_and_by() {
    let stage = stage(KEPT);
    let lines: String = (0..257).map(|nth| format!("{{\"name\":\"{NAME}-{nth}\"}}\n")).collect();
    stage.write("lines.jsonl", lines);
    stage.kapell(&["run", "greeted.yaml", "--each", "lines.jsonl"]).ends(0);
    let due = now() + 91 * DAY;
    let first = move_on(&stage, due);
    assert_eq!((runs(&first).len(), first.left), (256, 1));
    let second = move_on(&stage, due);
    assert_eq!((runs(&second).len(), second.left), (1, 0));
    assert!(!holds(&home(&stage), NAME));
}

/// The policy of each kind of bad time is refused with its place.
#[test]
fn a_time_that_is_none_is_refused_with_its_place() {
    let stage = stage("version = 1\n");
    for (bad, words) in [
        ("\"0d\"", "between 1"),
        ("\"-1d\"", "is not a span of time"),
        ("\"90y\"", "is not a span of time"),
        ("90", "takes a span of time"),
        ("\"9999999999999999999d\"", "is not a span of time"),
        ("\"90d\"\ncontents = \"1d\"", "duplicate key"),
    ] {
        stage.write("policy.toml", format!("version = 1\n[keep]\ncontents = {bad}\n"));
        let Said { err, .. } = stage.kapell(&["run", "greeted.yaml", "-i", "name=Ada"]).ends(3);
        assert!(err.contains("policy.toml:") && err.contains(words), "{bad}: {err}");
    }
}

/// What one run was given and let go another may only have written: that one never had to keep it.
#[test]
fn what_only_another_run_had_to_keep_is_not_missed() {
    let stage = stage(&format!("{KEPT}{CRM}"));
    stage.add(&["crm-account"]);
    let contact = "Jane ".repeat(60);
    let customer = format!(
        r#"{{"customer": {{"name": "Acme", "email": "ops@acme.example", "contact": "{contact}"}}, "accepted": []}}"#
    );
    let write = || stage.kapell(&["call", "kapell:crm-account", "create", &customer]).ends(0);
    write();
    let database = Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let written = "SELECT CAST(value AS TEXT) FROM keyvalue WHERE namespace = 'crm'";
    let written: String = database.query_row(written, [], |row| row.get(0)).unwrap();
    greet(&stage, &written);
    // Once more, by a run that is over later and keeps its contents longer.
    database.execute("DELETE FROM keyvalue", []).unwrap();
    write();
    let named = "SELECT count(*) FROM blobs WHERE bytes = CAST(?1 AS BLOB)";
    let kept = || database.query_row(named, [&written], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(kept(), 1, "by the run that was given it");
    let LetGo { failed, .. } = move_on(&stage, ended(&stage, "greeted-1") + 90 * DAY);
    assert_eq!((kept(), failed.len()), (0, 0));
    stage.kapell(&["verify"]).ends(0);
    stage.kapell(&["audit", "export", "--all", "-o", "log.kapell"]).ends(0);
}

/// What a run let go and what is there all the same, or is not there although a run keeps it, is found.
#[test]
fn what_was_let_go_and_is_kept_and_what_is_kept_and_gone_are_found() {
    let stage = stage(KEPT);
    greet(&stage, NAME);
    greet(&stage, NAME);
    let database = || Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let find = "SELECT digest, bytes FROM blobs WHERE instr(bytes, CAST(?1 AS BLOB)) LIMIT 1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
    let (digest, bytes) = database().query_row(find, [NAME], row).unwrap();
    let put_back = |run: u32| {
        let insert = "INSERT INTO blobs (run, digest, bytes) VALUES (?1, ?2, ?3)";
        database().execute(insert, (run, &digest, &bytes)).unwrap();
    };
    let due = ended(&stage, "greeted-2") + 90 * DAY;
    assert_eq!(runs(&move_on(&stage, ended(&stage, "greeted-1") + 90 * DAY)).len(), 1);
    stage.kapell(&["verify"]).ends(0);
    database().execute("DELETE FROM blobs WHERE digest = ?1", [&digest]).unwrap();
    let missing = stage.kapell(&["verify"]).ends(9).out;
    assert!(missing.contains("is missing"), "{missing}");
    put_back(2);
    stage.kapell(&["verify"]).ends(0);
    // One run keeps it, and the other does not any more.
    put_back(1);
    let found = stage.kapell(&["verify"]).ends(9).out;
    assert!(found.contains("was dropped and is still kept"), "{found}");
    database().execute("DELETE FROM blobs WHERE run = 1 AND digest = ?1", [&digest]).unwrap();

    assert_eq!(runs(&move_on(&stage, due)), ["greeted-2"]);
    stage.kapell(&["verify"]).ends(0);
    put_back(2);
    let found = stage.kapell(&["verify"]).ends(9).out;
    assert!(found.contains("was dropped and is still kept"), "{found}");
    database().execute("UPDATE runs SET kept = 1 WHERE run = 'greeted-1'", []).unwrap();
    let row = stage.kapell(&["verify", "greeted-1"]).ends(9).out;
    assert!(row.contains("its row has another word on its contents"), "{row}");
}
