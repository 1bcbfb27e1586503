//! What is private in a run: kept where it can be destroyed and nowhere else, told to nobody who does not ask for it, and
//! gone for good once it is erased, while everything that shows what happened goes on holding.

use crate::guests::stage as guests;
use crate::stage::{Said, Stage};
use kapell_model::digest::Digest;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Stands in the contract, in the clause a person is asked about.
const CLAUSE: &str = "Obsidian-Zebra-77";
/// Stands in what a person says.
const REASON: &str = "Quartz-Heron-12";
const CONTRACT: &str = "contracts/birch-changed.md";
const RUN: &str = "customer-onboarding-1";

/// The onboarding of a customer whose contract is private, or is not.
fn onboarding(is_private: bool) -> Stage {
    let stage = Stage::example("07-onboarding");
    let text = stage.read(CONTRACT);
    let months = "in the 24 months";
    assert!(text.contains(months), "the clause that is changed");
    stage.write(CONTRACT, text.replace(months, &format!("in the 24 {CLAUSE} months")));
    if is_private {
        let flow = stage.read("onboarding.yaml");
        stage.write(
            "onboarding.yaml",
            flow.replace("contract: string", "contract: { type: string, marks: [private] }"),
        );
    }
    stage.add(&["contract-reader", "contract-terms", "crm-account", "letter", "kickoff-slot"]);
    stage
}

/// Runs it to where legal is asked.
fn asked(stage: &Stage) {
    let contract = format!("contract=@{CONTRACT}");
    let received = "received=2026-02-20T09:30:00Z";
    stage.kapell(&["run", "onboarding.yaml", "-i", &contract, "-i", received, "--no-wait"]).ends(5);
}

/// And through.
fn onboarded(stage: &Stage) {
    asked(stage);
    stage.kapell(&["gates", "approve", RUN, "--reason", REASON]).ends(0);
}

fn database(stage: &Stage) -> Connection {
    Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap()
}

/// What is private, as it is kept.
fn kept(stage: &Stage, run: &str) -> Vec<Vec<u8>> {
    let database = database(stage);
    let mut rows = database.prepare("SELECT commitment, bytes FROM private WHERE run = ?1").unwrap();
    let rows =
        rows.query_map([run], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)));
    let bytes = rows.unwrap().map(|row| {
        let (commitment, bytes) = row.unwrap();
        let file = || stage.project().join(".kapell/private").join(hex(&commitment));
        bytes.unwrap_or_else(|| fs::read(file()).unwrap())
    });
    bytes.collect()
}

/// Everything else the home keeps of what happened: every value of every table but the skills' own keys, and the blobs.
fn beside(stage: &Stage) -> Vec<u8> {
    let database = database(stage);
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('private', 'keyvalue')";
    let mut names = database.prepare(names).unwrap();
    let tables: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let mut all = Vec::new();
    for table in tables {
        let mut rows = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get(column).unwrap() {
                    Value::Text(text) => all.extend(text.into_bytes()),
                    Value::Blob(bytes) => all.extend(bytes),
                    _ => {}
                }
                all.push(b'\n');
            }
        }
    }
    for blob in fs::read_dir(stage.project().join(".kapell/blobs")).unwrap() {
        all.extend(fs::read(blob.unwrap().path()).unwrap());
    }
    all
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Words of the contract and of the person that stand in a text.
fn words_in(text: &[u8]) -> BTreeSet<&'static str> {
    let words = [CLAUSE, REASON, "Birch", "birch"];
    words.into_iter().filter(|word| holds(text, word.as_bytes())).collect()
}

/// A hash of something private, wherever a reader could find it: whoever guesses what it is of could be sure.
fn bare_hashes(text: &[u8], private: &[Vec<u8>]) -> usize {
    let hashes = private.iter().map(|bytes| Digest::of(bytes).as_bytes().to_vec());
    hashes.filter(|hash| holds(text, hash) || holds(text, hex(hash).as_bytes())).count()
}

/// Everything that is told of a run to somebody who does not ask for what is private.
fn told(stage: &Stage) -> Vec<(String, Said)> {
    let commands: [&[&str]; 14] = [
        &["runs", "list"],
        &["runs", "show", RUN],
        &["--json", "runs", "show", RUN],
        &["runs", "show", RUN, "--why"],
        &["explain", RUN],
        &["--json", "explain", RUN],
        &["explain", RUN, "legal_view"],
        &["explain", RUN, "--html", "page.html"],
        &["cost", RUN],
        &["report", "customer-onboarding"],
        &["--json", "report", "customer-onboarding"],
        &["dossier", "onboarding.yaml"],
        &["replay", RUN],
        &["--json", "verify", RUN],
    ];
    commands.iter().map(|command| (command.join(" "), stage.kapell(command))).collect()
}

#[test]
fn what_is_private_is_in_nothing_but_what_can_be_erased() {
    let stage = onboarding(true);
    onboarded(&stage);
    let private = kept(&stage, RUN);
    assert!(words_in(&private.concat()).contains(CLAUSE) && private.len() > 20, "{}", private.len());
    assert_eq!(words_in(&beside(&stage)), BTreeSet::new());
    assert_eq!(bare_hashes(&beside(&stage), &private), 0);
    stage.kapell(&["audit", "export", RUN, "-o", "run.kapell"]).ends(0);
    let bundle = fs::read(stage.project().join("run.kapell")).unwrap();
    assert_eq!((words_in(&bundle), bare_hashes(&bundle, &private)), (BTreeSet::new(), 0));
    for (command, said) in told(&stage) {
        let text = [said.out, said.err].concat();
        assert_eq!(words_in(text.as_bytes()), BTreeSet::new(), "{command}: {text}");
        assert_eq!(bare_hashes(text.as_bytes(), &private), 0, "{command}: {text}");
    }
    assert_eq!(words_in(stage.read("page.html").as_bytes()), BTreeSet::new());
    // What does not read it stays as it is: our own terms, beside which the contract was held.
    let explained = stage.kapell(&["explain", RUN]).ends(0).out;
    assert!(
        explained.contains("Lumen Grove Standard Terms") && explained.contains("contract = (private)"),
        "{explained}"
    );
    let unknown =
        "- what is private: the record binds it, and only `--private` tells it, as far as it is kept";
    assert!(explained.contains(unknown), "{explained}");
    // A directory is pinned when a run begins, which makes no other flow of it.
    let known = |said: &str| {
        let dossier = stage.kapell(&["dossier", said, "--json"]).ends(0).json();
        dossier["meaning"].as_str().unwrap().to_owned()
    };
    assert_eq!(known("onboarding.yaml"), known("customer-onboarding"));
}

/// The same run without the mark: each place the test above looks at would hold it.
#[test]
fn what_is_not_private_is_there_to_be_read() {
    let stage = onboarding(false);
    onboarded(&stage);
    assert!(kept(&stage, RUN).is_empty());
    assert_eq!(words_in(&beside(&stage)), BTreeSet::from([CLAUSE, REASON, "Birch", "birch"]));
    stage.kapell(&["audit", "export", RUN, "-o", "run.kapell"]).ends(0);
    let bundle = fs::read(stage.project().join("run.kapell")).unwrap();
    assert!(words_in(&bundle).contains(CLAUSE));
    let telling =
        told(&stage).into_iter().filter(|(_, said)| !words_in(said.out.as_bytes()).is_empty()).count();
    assert!(telling >= 6, "{telling}");
    let refused =
        stage.kapell(&["audit", "erase", RUN, "--reason", "asked to be forgotten", "--yes"]).ends(2).err;
    assert!(refused.contains("nothing in run customer-onboarding-1 is private"), "{refused}");
}

#[test]
fn whoever_is_asked_and_whoever_asks_for_it_sees_what_is_private() {
    let stage = onboarding(true);
    asked(&stage);
    let shown = stage.kapell(&["gates", "show", RUN]).ends(0).out;
    assert!(shown.contains(CLAUSE) && shown.contains("Birch & Sons"), "{shown}");
    stage.kapell(&["gates", "approve", RUN, "--reason", REASON]).ends(0);
    for command in [&["runs", "show", RUN, "--private"][..], &["explain", RUN, "--private"]] {
        let told = stage.kapell(command).ends(0).out;
        assert!(told.contains("Birch") && told.contains(REASON), "{told}");
    }
    let replayed = stage.kapell(&["replay", RUN]).ends(0);
    assert!(replayed.err.contains("6 of 6 the same"), "{}", replayed.err);
}

fn erase(stage: &Stage, run: &str) -> Said {
    stage.kapell(&["audit", "erase", run, "--reason", "the customer asked to be forgotten", "--yes"])
}

/// Every file of a home, whatever it is.
fn home(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { home(&path) } else { fs::read(&path).unwrap_or_default() });
    }
    all
}

#[test]
fn what_is_erased_is_gone_and_everything_else_goes_on_holding() {
    let stage = onboarding(true);
    onboarded(&stage);
    let (private, folder) = (kept(&stage, RUN), stage.project().join(".kapell"));
    assert!(words_in(&home(&folder)).is_superset(&BTreeSet::from([CLAUSE, REASON])));
    stage.kapell(&["audit", "checkpoint"]).ends(0);
    let said = erase(&stage, RUN).ends(0).err;
    assert!(said.contains("private contents are destroyed, as entry 20 says"), "{said}");

    // The customer's own account stays, as skills wrote it; nothing of what was private does, in any file.
    let left = home(&folder);
    assert!(!holds(&left, CLAUSE.as_bytes()) && !holds(&left, REASON.as_bytes()));
    assert_eq!((kept(&stage, RUN).len(), bare_hashes(&left, &private)), (0, 0));

    let verified = stage.kapell(&["verify"]).ends(0).out;
    for words in ["erased", "by user:ada because the customer asked to be forgotten", "it holds"] {
        assert!(verified.contains(words), "{words}: {verified}");
    }
    assert!(!verified.contains("missing"), "{verified}");
    let replayed = stage.kapell(&["replay", RUN]);
    let why = "not replayable: its input was erased by user:ada because the customer asked to be forgotten";
    assert!(replayed.out.contains(why), "{}", replayed.out);
    assert!(replayed.err.contains("1 of 6 the same, 5 not replayable"), "{}", replayed.err);
    for command in [&["runs", "show", RUN][..], &["explain", RUN]] {
        let told = stage.kapell(command).ends(0).out;
        assert!(told.contains("erased") && told.contains("the customer asked to be forgotten"), "{told}");
    }
    let explained = stage.kapell(&["explain", RUN]).ends(0).out;
    assert!(explained.contains("- what was private: user:ada had 26 contents erased on "), "{explained}");

    stage.kapell(&["audit", "export", RUN, "-o", "run.kapell", "--with-private"]).ends(0);
    let key = stage.kapell(&["audit", "key"]).ends(0).out;
    let outside = stage.kapell(&["verify", "run.kapell", "--key", key.trim()]).ends(0).out;
    assert!(outside.contains("what was private in customer-onboarding-1: on 2"), "{outside}");
    assert!(outside.contains("24 private contents: erased; only commitments stand"), "{outside}");

    let again = erase(&stage, RUN).ends(2).err;
    assert!(again.contains("was erased already") && again.contains("by user:ada"), "{again}");
}

/// An exported file is done again from on a machine that never saw the home: all of it where what is private was handed on,
/// and without that what does not need it.
#[test]
fn an_exported_file_is_done_again_as_far_as_what_is_private_was_handed_on() {
    let stage = onboarding(true);
    onboarded(&stage);
    stage.kapell(&["audit", "export", RUN, "-o", "with.kapell", "--with-private"]).ends(0);
    stage.kapell(&["audit", "export", RUN, "-o", "without.kapell"]).ends(0);
    let elsewhere = Stage::empty();
    for file in ["with.kapell", "without.kapell"] {
        elsewhere.write(file, fs::read(stage.project().join(file)).unwrap());
    }
    let whole = elsewhere.kapell(&["replay", "with.kapell"]).ends(0);
    assert!(whole.err.contains("6 of 6 the same"), "{}{}", whole.out, whole.err);
    let part = elsewhere.kapell(&["replay", "without.kapell"]);
    let why = "not replayable: its input is withheld by whoever made this file";
    assert!(part.out.contains(why), "{}{}", part.out, part.err);
    assert!(part.err.contains("1 of 6 the same, 5 not replayable"), "{}", part.err);
}

/// `--private` of what was erased says by whom and why it can't be shown.
#[test]
fn what_was_erased_is_said_to_be_by_whom_and_why_in_its_place() {
    let stage = onboarding(true);
    onboarded(&stage);
    erase(&stage, RUN).ends(0);
    let why = "was erased by user:ada because the customer asked to be forgotten";
    let shown = stage.kapell(&["runs", "show", RUN, "--private"]).ends(0).out;
    assert!(shown.contains(&format!("output (value {why})")), "{shown}");
    let told = stage.kapell(&["explain", RUN, "--private"]).ends(0).out;
    assert!(told.contains(&format!("given: {why}")), "{told}");
}

#[test]
fn what_was_said_to_be_erased_and_is_still_kept_is_found() {
    let stage = onboarding(true);
    onboarded(&stage);
    let all = "SELECT commitment, run, salt, bytes FROM private LIMIT 1";
    let row = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get::<_, Vec<u8>>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, Vec<u8>>(2)?,
            row.get::<_, Vec<u8>>(3)?,
        ))
    };
    let (commitment, run, salt, bytes) = database(&stage).query_row(all, [], row).unwrap();
    erase(&stage, RUN).ends(0);
    let put = "INSERT INTO private (commitment, run, salt, bytes) VALUES (?1, ?2, ?3, ?4)";
    database(&stage).execute(put, (&commitment, run, salt, bytes)).unwrap();
    let found = stage.kapell(&["verify", RUN]).ends(9).out;
    assert!(found.contains(&format!("{} was erased and is still kept", hex(&commitment))), "{found}");
}

#[test]
fn private_content_that_is_changed_or_lost_is_found() {
    for (change, words) in [
        ("UPDATE private SET bytes = x'00' WHERE rowid = 1", "are others"),
        ("DELETE FROM private WHERE rowid = 1", "is missing"),
        ("DELETE FROM private", "is missing"),
    ] {
        let stage = onboarding(true);
        onboarded(&stage);
        stage.kapell(&["verify"]).ends(0);
        database(&stage).execute(change, []).unwrap();
        let found = stage.kapell(&["verify"]).ends(9).out;
        assert!(found.contains(words), "{change}: {found}");
        stage.kapell(&["audit", "export", RUN, "-o", "run.kapell"]).ends(9);
    }
}

#[test]
fn the_same_content_of_another_run_stays() {
    let stage = onboarding(true);
    onboarded(&stage);
    asked(&stage);
    let other = kept(&stage, "customer-onboarding-2");
    erase(&stage, RUN).ends(0);
    assert_eq!(kept(&stage, "customer-onboarding-2"), other);
    stage.kapell(&["gates", "approve", "customer-onboarding-2"]).ends(0);
    stage.kapell(&["verify"]).ends(0);
    let replayed = stage.kapell(&["replay", "customer-onboarding-2"]).ends(0);
    assert!(replayed.err.contains("6 of 6 the same"), "{}", replayed.err);
}

#[test]
fn nothing_is_erased_of_a_run_that_goes_on_without_a_reason_or_unasked() {
    let stage = onboarding(true);
    asked(&stage);
    let before = kept(&stage, RUN);
    let waiting = erase(&stage, RUN).ends(2).err;
    assert!(waiting.contains("run customer-onboarding-1 is not over"), "{waiting}");
    stage.kapell(&["gates", "approve", RUN]).ends(0);
    let unasked = stage.kapell(&["audit", "erase", RUN, "--reason", "why not"]).ends(2).err;
    assert!(unasked.contains("say --yes"), "{unasked}");
    let why = stage.kapell(&["audit", "erase", RUN, "--reason", " ", "--yes"]).ends(2).err;
    assert!(why.contains("an erasure has a reason"), "{why}");
    assert!(kept(&stage, RUN).len() > before.len(), "nothing was erased");
}

#[test]
fn only_whoever_is_of_the_role_erases() {
    let stage = onboarding(true);
    let policy = stage.read("policy.toml");
    let keep = |person: &str| {
        format!("{policy}\n[keep]\nrole = \"privacy\"\n[role.privacy]\npeople = [\"user:{person}\"]\n")
    };
    stage.write("policy.toml", keep("eve"));
    onboarded(&stage);
    let refused = erase(&stage, RUN).ends(4).err;
    assert!(refused.contains("user:ada: is not of the role `privacy`, which erases"), "{refused}");
    assert!(!kept(&stage, RUN).is_empty());
    stage.write("policy.toml", keep("ada"));
    erase(&stage, RUN).ends(0);
}

/// The lines of batches that were run, by the names they have in the journal.
fn lines(stage: &Stage) -> Vec<Vec<u8>> {
    let database = database(stage);
    let mut rows = database.prepare("SELECT line FROM runs ORDER BY run").unwrap();
    let lines = rows.query_map([], |row| row.get(0)).unwrap();
    lines.collect::<Result<_, _>>().unwrap()
}

/// A line is known again by a commitment: nothing beside the private contents tells what is in it, not even to whoever
/// guesses, and what is done is not done twice, also not after it was erased.
#[test]
fn a_batch_names_no_private_input_by_a_digest_of_it() {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    let flow = "flow: greeting\nversion: '1'\ninputs: { name: { type: string, marks: [private] } }\nsteps:\n  - { id: greeted, use: \"kapell:hello#greet\", with: { name: \"${{ inputs.name }}\" } }\n";
    stage.write("greeting.yaml", flow);
    let line = format!("{{\"name\":\"{CLAUSE}\"}}\n");
    stage.write("lines.jsonl", line.repeat(2).as_str());
    let batch = ["run", "greeting.yaml", "--each", "lines.jsonl", "--jobs", "1"];
    stage.kapell(&batch).ends(0);
    assert_eq!(words_in(&beside(&stage)), BTreeSet::new());
    let mut private = kept(&stage, "greeting-1");
    private.push(line.trim_end().as_bytes().to_vec());
    assert_eq!(bare_hashes(&beside(&stage), &private), 0);
    erase(&stage, "greeting-1").ends(0);
    let again = stage.kapell(&batch).ends(0).out;
    assert!(again.contains("2 lines, 2 of them run before"), "{again}");
    assert_eq!(lines(&stage).len(), 2);
    stage.kapell(&["verify"]).ends(0);
    // Another home knows nothing of it: its lines have other names.
    let elsewhere = Stage::empty();
    elsewhere.add(&["hello"]);
    elsewhere.write("greeting.yaml", flow);
    elsewhere.write("lines.jsonl", &line);
    elsewhere.kapell(&batch).ends(0);
    assert_ne!(lines(&stage)[0], lines(&elsewhere)[0]);
}

#[test]
fn a_precondition_that_fails_and_an_error_of_a_skill_tell_nothing() {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    let flow = "flow: greeting\nversion: '1'\ninputs: { name: { type: string, marks: [private] } }\nrequire:\n  - { that: size(inputs.name) < 20, else: \"${{ inputs.name }} is too long\" }\nsteps:\n  - { id: greeted, use: \"kapell:hello#greet\", with: { name: \"${{ inputs.name }}\" } }\n";
    stage.write("greeting.yaml", flow);
    stage.kapell(&["run", "greeting.yaml", "-i", &format!("name={CLAUSE}")]).ends(0);
    // Longer than the precondition lets it be: the words a person is told hold the name.
    stage.kapell(&["run", "greeting.yaml", "-i", &format!("name={CLAUSE}{REASON}")]).ends(4);
    // Nothing to greet is the skill's own error.
    stage.kapell(&["run", "greeting.yaml", "-i", "name="]).ends(1);
    assert_eq!(words_in(&beside(&stage)), BTreeSet::new());
    let private: Vec<Vec<u8>> = (1..=3).flat_map(|nth| kept(&stage, &format!("greeting-{nth}"))).collect();
    assert_eq!(bare_hashes(&beside(&stage), &private), 0);
    for nth in 1..=3 {
        erase(&stage, &format!("greeting-{nth}")).ends(0);
    }
    stage.kapell(&["verify"]).ends(0);
}

/// A flow of one step whose input is private.
const ONE: &str = "\
flow: one
version: '1'
inputs: { it: { type: string, marks: [private] } }
steps:
  - { id: it, use: \"SKILL#run\", with: { input: \"${{ inputs.it }}\" } }
";

/// Each channel of a skill: what it notes and logs, what it breaks over, what it answers as an error, reads and writes.
#[test]
fn whatever_a_skill_does_with_it_is_private_too() {
    let notes = [r#"kind = "notes""#, r#"kind = "logging""#];
    let data = [r#"kind = "files", name = "data", access = "read-write""#];
    let write = format!("write {CLAUSE}.txt {REASON}\nread {CLAUSE}.txt");
    for (guest, asks, input, code) in [
        ("writes_note", &notes[..], CLAUSE, 0),
        ("panics", &[], CLAUSE, 8),
        ("fails", &[], CLAUSE, 1),
        ("files_commands", &data, &write, 0),
        ("files_commands", &data, &format!("read {CLAUSE}.txt\nno such command {REASON}"), 1),
    ] {
        let stage = Stage::empty();
        let rules: Vec<String> = asks
            .iter()
            .map(|ask| ask.replace("name = \"data\"", "name = \"data\", bind = \"./data\""))
            .collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        stage.write("policy.toml", guests::policy(guest, &rules, ""));
        stage.write(&format!("data/{CLAUSE}.txt"), REASON);
        stage.write("it.wasm", guests::asking(guest, asks));
        stage.kapell(&["add", "it.wasm"]).ends(0);
        stage.write("one.yaml", ONE.replace("SKILL", &guests::skill_of(guest)));
        stage.kapell(&["run", "one.yaml", "-i", &format!("it={input}")]).ends(code);
        let private = kept(&stage, "one-1");
        assert!(words_in(&private.concat()).contains(CLAUSE), "{guest}");
        assert_eq!(words_in(&beside(&stage)), BTreeSet::new(), "{guest}");
        assert_eq!(bare_hashes(&beside(&stage), &private), 0, "{guest}");
        if !asks.is_empty() {
            assert!(stage.kapell(&["replay", "last"]).ends(0).out.contains("same"), "{guest}");
        }
        erase(&stage, "one-1").ends(0);
        let left = home(&stage.project().join(".kapell"));
        assert_eq!(words_in(&left), BTreeSet::new(), "{guest}");
        stage.kapell(&["verify"]).ends(0);
    }
}

#[test]
fn a_manifest_makes_its_operation_private() {
    // What is said of the answer alone says nothing of what was given, which this guest answers with.
    for (paths, is_private, is_silent) in
        [("[\"input.input\"]", true, true), ("[\"output\"]", true, false), ("[]", false, false)]
    {
        let stage = Stage::empty();
        stage.write("it.wasm", guests::keeping_private("echo", paths));
        stage.kapell(&["add", "it.wasm"]).ends(0);
        let input = format!("{{\"input\":\"{CLAUSE}\"}}");
        let called = stage.kapell(&["call", "local:echo", "run", &input]).ends(0);
        assert!(called.out.contains(CLAUSE), "whoever calls gets the answer");
        assert_eq!(words_in(&beside(&stage)).is_empty(), is_silent, "{paths}");
        assert_eq!(kept(&stage, "call-1").is_empty(), !is_private, "{paths}");
    }
    let stage = Stage::empty();
    stage.write("it.wasm", guests::keeping_private("echo", "[\"input.letter\"]"));
    let refused = stage.kapell(&["add", "it.wasm"]).ends(3).err;
    assert!(refused.contains("`input.letter` is private in nothing `run` has"), "{refused}");
}
