//! What an outsider checks a journal by: one file, or three, and no journal; and what a rewritten journal can't show any
//! more.

use crate::stage::{Said, Stage, repository};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::note::Public;
use kapell_journal::tree::{is_consistent, is_included, leaf};
use kapell_model::digest::Digest;
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

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
    stage.kapell(&["audit", "consistency", &sizes[0], "99"]).ends(2);
}

/// Two auditors with a checkpoint each, and somebody who has the journal.
#[test]
fn two_checkpoints_are_shown_to_be_of_one_log_or_not() {
    let stage = greeted(1);
    let keep = |stage: &Stage, name: &str| {
        stage.write(name, stage.kapell(&["audit", "checkpoint"]).ends(0).out);
    };
    keep(&stage, "june");
    let other = stage.project().join("other");
    fs::create_dir(&other).unwrap();
    let home = stage.project().join(".kapell");
    assert!(Command::new("cp").arg("-a").arg(home).arg(other.join(".kapell")).status().unwrap().success());
    let other = other.display().to_string();
    for name in ["Eve", "Mallory"] {
        let name = format!("{{\"name\":\"{name}\"}}");
        stage.kapell(&["--home", &other, "call", "kapell:hello", "greet", &name]).ends(0);
    }
    stage.write("theirs", stage.kapell(&["--home", &other, "audit", "checkpoint"]).ends(0).out);
    greet(&stage);
    keep(&stage, "july");
    let asked = |old: &str, new: &str| stage.kapell(&["audit", "consistency", old, new]);
    let (by_file, by_size) = (asked("june", "july").ends(0), asked("4", "8").ends(0));
    assert_eq!(by_file.out, by_size.out);
    assert!(by_file.err.contains("the journal of 8 entries only adds to that of 4"), "{}", by_file.err);
    asked("july", "june").ends(2);
    asked("june", "absent").ends(10);

    // A head of the twin that went another way, first longer than this journal, then not.
    let longer = asked("june", "theirs").ends(9).err;
    assert!(longer.contains("theirs is over 12 entries, the log here over 8: either its last"), "{longer}");
    let told = stage.kapell(&["verify", "--checkpoint", "theirs"]).ends(9).out;
    assert!(told.contains("rollback or fork") && told.contains("or it is another history"), "{told}");
    let told = stage.kapell(&["verify", "last", "--checkpoint", "theirs"]).ends(9).out;
    assert!(told.contains("rollback or fork") && told.contains("or it is another history"), "{told}");
    greet(&stage);
    let forked = asked("june", "theirs").ends(9).err;
    assert!(forked.contains("theirs is over other entries than the first 12"), "{forked}");
    let told = stage.kapell(&["verify", "--checkpoint", "theirs"]).ends(9).out;
    assert!(told.contains("fork") && told.contains("the log was shown in two versions"), "{told}");
    let told = stage.kapell(&["verify", "last", "--checkpoint", "theirs"]).ends(9).out;
    assert!(told.contains("the log was shown in two versions"), "{told}");

    let stranger = greeted(1);
    let theirs = stranger.kapell(&["audit", "checkpoint"]).ends(0).out;
    stage.write("stranger", theirs);
    assert!(asked("stranger", "july").ends(2).err.contains("stranger is no head of this journal"));
}

/// What tells of a home makes none.
#[test]
fn a_verb_that_tells_what_was_makes_no_home() {
    let stage = Stage::empty();
    for verb in [
        &["audit", "key"][..],
        &["audit", "checkpoint"],
        &["audit", "consistency", "1", "2"],
        &["replay", "missing.kapell"],
        &["explain", "last"],
        &["dossier", "onboarding"],
        &["runs", "list"],
        &["report", "onboarding"],
        &["cost", "--by", "flow"],
        &["gates", "list"],
        &["verify"],
    ] {
        let said = stage.kapell(verb).ends(10);
        assert!(said.err.contains("there is no home here"), "{verb:?}: {}", said.err);
        assert!(!stage.project().join(".kapell").exists(), "{verb:?}");
        let said = stage.kapell(&[&["--home", "elsewhere"], verb].concat()).ends(10);
        assert!(said.err.contains("there is no home in elsewhere"), "{verb:?}: {}", said.err);
        assert!(!stage.project().join("elsewhere").exists(), "{verb:?}");
    }
}

/// One entry was changed below a head of its run: what stands before it still does.
#[test]
fn a_run_is_told_between_which_heads_it_parts_from_what_was_signed() {
    let stage = greeted(1);
    stage.write("wait.yaml", WAITS);
    stage.write("policy.toml", "version = 1\n\n[role.editor]\npeople = [\"user:*\"]\n");
    stage.kapell(&["run", "wait.yaml", "--no-wait"]).ends(5);
    let before = head(&stage).size;
    stage.kapell(&["gates", "approve", "waiting-1"]).ends(0);
    let after = head(&stage).size;
    assert!(before < after, "{before} {after}");
    greet(&stage);
    let database = Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let forge = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '{\"at\":1', '{\"at\":2') AS BLOB) WHERE place = ?1";
    database.execute(forge, [i64::try_from(after).unwrap()]).unwrap();
    let run: String = database
        .query_row("SELECT run FROM entries WHERE place = ?1", [i64::try_from(after).unwrap()], |row| {
            row.get(0)
        })
        .unwrap();
    let (first, end) = (before - 3, after - 4);
    let told = stage.kapell(&["verify", &run]).ends(9).out;
    let stretch = format!(
        "leaves {before} to {}: the head signed over {after} entries is over other entries than stand here; entries {first} to {end} stand among them",
        after - 1
    );
    assert!(told.contains(&stretch), "{stretch}: {told}");
    let held = format!("entries 1 to {} stand in the log of {before} entries that is signed", first - 1);
    assert!(told.contains(&held), "{held}: {told}");
    assert!(!told.contains("does not stand in the log"), "{told}");
    let doctor = stage.kapell(&["doctor"]).ends(9).out;
    let evidence = doctor.lines().find(|line| line.starts_with("MEND evidence")).unwrap_or_default();
    assert!(evidence.contains(&format!("log: leaves {before} to {}: ", after - 1)), "{doctor}");
}

const WAITS: &str = "flow: waiting
version: \"1.0.0\"
steps:
  - id: sure
    ask: editor
    question: Go on?
  - id: hello
    use: kapell:hello#greet
    with: { name: Ada }
";

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

#[test]
fn a_key_that_is_open_to_others_or_gone_signs_nothing_and_a_person_begins_another() {
    let stage = greeted(1);
    let (key, old) = (stage.project().join(".kapell/log.key"), key(&stage).to_string());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let said = stage.kapell(&["audit", "checkpoint"]).ends(9);
    assert!(
        said.err.contains("is open to others (mode 0644)") && said.err.contains("chmod 600"),
        "{}",
        said.err
    );
    let said = stage.kapell(&["call", "kapell:hello", "greet", r#"{"name":"Ada"}"#]).ends(0);
    assert!(said.err.contains("warning: the journal's head is not signed: "), "{}", said.err);
    assert!(stage.kapell(&["verify"]).ends(9).out.contains("is open to others"));

    let anew = ["audit", "key", "--begin-anew", "--reason", "a backup was left on a train"];
    assert!(stage.kapell(&anew).ends(2).err.contains("is there, and signs"));
    fs::remove_file(&key).unwrap();
    assert!(stage.kapell(&["audit", "key"]).ends(9).err.contains("--begin-anew --reason WHY"));
    let said = stage.kapell(&anew).ends(0);
    assert_ne!(said.out.trim_end(), old);
    let told = format!("{old} signed up to 8 entries; then user:ada began another at ");
    assert!(said.err.contains(&told) && said.err.contains("left on a train"), "{}", said.err);
    greet(&stage);
    let said = stage.kapell(&["verify"]).ends(0).out;
    assert!(
        said.contains("user:ada began") && said.contains("nothing but their word binds the two"),
        "{said}"
    );
    assert!(said.contains("the tree over them is what each of 3 signed heads says"), "{said}");
    assert!(stage.kapell(&["verify", "--key", &old]).ends(9).out.contains("you hold kapell/"));
    assert!(
        said.contains("whether kapell/") && said.contains("which this home names, is the one to trust"),
        "{said}"
    );
    stage.kapell(&["audit", "export", "--all", "-o", "all.kapell"]).ends(0);
    let new = self::key(&stage).to_string();
    let told = stage.kapell(&["verify", "all.kapell", "--key", &new]).ends(0).out;
    let began = format!("user:ada began {new} on ");
    assert!(told.contains(&began) && told.contains(": a backup was left on a train; so says"), "{told}");
    // Whoever holds the old one hears when it ended and why.
    let told = stage.kapell(&["verify", "all.kapell", "--key", &old]).ends(9).out;
    assert!(told.contains(&format!("in the place of {old}, which is the one you hold")), "{told}");
    let told = stage.kapell(&["verify", "all.kapell"]).ends(9).out;
    assert!(told.contains(&format!("{new} was found in this file only")), "{told}");
    assert!(told.ends_with("it holds, as far as it goes: nobody said which key to trust\n"), "{told}");

    // What stood under the old key is held against it still.
    let forge = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '{\"at\":1', '{\"at\":2') AS BLOB) WHERE place = 2";
    Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap().execute_batch(forge).unwrap();
    let said = stage.kapell(&["verify"]).ends(9).out;
    assert!(said.contains("the head signed over 4 entries is over other entries"), "{said}");
}

#[test]
fn a_checkpoint_that_contradicts_the_log_is_not_exported_as_held() {
    let stage = greeted(1);
    let stranger = Stage::empty();
    stranger.kapell(&["init"]).ends(0);
    stage.write("none", stranger.kapell(&["audit", "checkpoint"]).ends(0).out);
    stage.kapell(&["audit", "export", "last", "--held", "none", "-o", "x"]).ends(2);
    // The log as it would be had another been greeted, signed by the same key.
    let home = stage.project().join(".kapell");
    let copied = stage.project().join("other");
    fs::create_dir(&copied).unwrap();
    let copy = Command::new("cp").arg("-a").arg(&home).arg(copied.join(".kapell")).status().unwrap();
    assert!(copy.success());
    greet(&stage);
    let other = copied.display().to_string();
    stage.kapell(&["--home", &other, "call", "kapell:hello", "greet", r#"{"name":"Eve"}"#]).ends(0);
    stage.write("fork", stage.kapell(&["--home", &other, "audit", "checkpoint"]).ends(0).out);
    let said = stage.kapell(&["audit", "export", "last", "--held", "fork", "-o", "x"]).ends(9);
    assert!(said.err.contains("the log was shown in two versions"), "{}", said.err);
}

#[test]
fn a_log_of_no_entries_is_led_on_from() {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    stage.write("none", stage.kapell(&["audit", "checkpoint"]).ends(0).out);
    greet(&stage);
    stage.kapell(&["audit", "export", "--all", "--held", "none", "-o", "all.kapell"]).ends(0);
    stage.kapell(&["audit", "export", "last", "--held", "none", "-o", "run.kapell"]).ends(0);
    let key = key(&stage).to_string();
    for what in ["all.kapell", "run.kapell", "last", "."] {
        let said = stage.kapell(&["verify", what, "--checkpoint", "none", "--key", &key]).ends(0).out;
        assert!(!said.contains("nothing in"), "{said}");
    }
}

/// The outsider's program, built alone as an outsider would: no skill, no engine, no home.
fn outsider() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = repository().join("target/outsider");
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "-p", "kapell-verify", "--target-dir"]).arg(&target);
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").current_dir(repository());
        assert!(cargo.status().unwrap().success());
        target.join("debug/kapell-verify")
    })
}

/// What the outsider's program says of a file in an empty folder, with nothing of this process around it.
fn outside(file: &Path, more: &[&str]) -> Said {
    let empty = TempDir::new().unwrap();
    fs::copy(file, empty.path().join("evidence")).unwrap();
    let said = Command::new(outsider())
        .args(more)
        .arg("evidence")
        .env_clear()
        .current_dir(empty.path())
        .output()
        .unwrap();
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 1, "it writes nothing");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: said.status.code(), out: text(said.stdout), err: text(said.stderr) }
}

#[test]
fn a_run_is_checked_in_an_empty_folder_and_a_changed_byte_is_located() {
    let stage = greeted(2);
    stage.kapell(&["audit", "export", "call-1", "-o", "run.kapell"]).ends(0);
    stage.kapell(&["audit", "export", "call-1", "-o", "again.kapell"]).ends(0);
    let (file, key) = (stage.project().join("run.kapell"), key(&stage).to_string());
    let bytes = fs::read(&file).unwrap();
    assert_eq!(
        bytes,
        fs::read(stage.project().join("again.kapell")).unwrap(),
        "the same journal is the same file"
    );
    let said = outside(&file, &[]).ends(3);
    assert!(
        said.out.ends_with("it holds, as far as it goes: nobody said which key to trust\n"),
        "{}",
        said.out
    );
    let said = outside(&file, &["--key", &key]).ends(0);
    assert!(said.out.contains("is the one you hold") && said.out.contains("1 component"), "{}", said.out);
    // The same as text of the third entry: how much fuel it took.
    let at = bytes.windows(7).position(|window| window == b"\"fuel\":").unwrap() + 7;
    let mut forged = bytes;
    forged[at] = if forged[at] == b'9' { b'8' } else { forged[at] + 1 };
    fs::write(&file, forged).unwrap();
    let said = outside(&file, &["--key", &key]).ends(1);
    assert!(
        said.out.contains("inclusion  entry 3 of call-1 (leaf 2): does not stand in the log"),
        "{}",
        said.out
    );
    assert!(said.out.contains("chain      entry 4 of call-1: links to another entry"), "{}", said.out);
}

#[test]
fn checking_makes_no_home_and_knows_what_it_is_given() {
    let stage = greeted(1);
    stage.kapell(&["audit", "export", "--all", "-o", "all.kapell"]).ends(0);
    let empty = Stage::empty();
    let file = stage.project().join("all.kapell").display().to_string();
    let said = empty.kapell(&["verify", &file, "--key", &key(&stage).to_string()]).ends(0);
    assert!(said.out.starts_with("a whole log: 4 entries, 1 run\n"), "{}", said.out);
    empty.kapell(&["verify"]).ends(10);
    empty.kapell(&["verify", "call-1"]).ends(10);
    empty.kapell(&["verify", "."]).ends(10);
    assert!(!empty.project().join(".kapell").exists());
    let home = stage.project().display().to_string();
    for what in [home.clone(), format!("{home}/.kapell")] {
        assert!(empty.kapell(&["verify", &what]).ends(0).out.contains("4 entries, without a gap"));
    }
    assert!(
        stage.kapell(&["verify", "last"]).ends(0).out.contains("inclusion  4 of them stand in the log of 4")
    );
    assert_eq!(stage.kapell(&["--json", "verify"]).ends(0).json()["sound"], true);
    stage.kapell(&["verify", "nothing-1"]).ends(10);
    empty.write("text", "text");
    empty.kapell(&["verify", "text"]).ends(3);
    stage.kapell(&["audit", "export", "-o", "x"]).ends(2);
    stage.kapell(&["audit", "export", "last", "--all", "-o", "x"]).ends(2);
    stage.kapell(&["audit", "export", "last", "-o", "no/such/folder"]).ends(10);
    assert!(!stage.project().join("x").exists());
}

#[test]
fn what_is_kept_back_is_named_and_said() {
    let stage = greeted(1);
    stage.kapell(&["call", "kapell:hello", "greet", r#"{"name":"Zoe Marlow"}"#]).ends(0);
    let without = ["--without", "blobs", "--without", "components"];
    let arguments = [&["audit", "export", "last", "-o", "run.kapell"], without.as_slice()].concat();
    stage.kapell(&arguments).ends(0);
    let said = stage.kapell(&["verify", "run.kapell", "--key", &key(&stage).to_string()]).ends(0).out;
    assert!(
        said.contains("what is in 1 component: withheld by whoever made this file; only digests stand"),
        "{said}"
    );
    assert!(said.contains("manifests  whether those without their component are its own"), "{said}");
    let bytes = fs::read(stage.project().join("run.kapell")).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(!holds(b"Zoe Marlow") && !holds(b"\0asm") && holds(b"kapell:hello"), "manifest and plan stay");
}

#[test]
fn a_head_somebody_holds_is_led_on_from_when_it_is_asked_for() {
    let stage = greeted(1);
    stage.write("held", stage.kapell(&["audit", "checkpoint"]).ends(0).out);
    greet(&stage);
    stage.kapell(&["audit", "export", "last", "-o", "without.kapell"]).ends(0);
    stage.kapell(&["audit", "export", "last", "--held", "held", "-o", "with.kapell"]).ends(0);
    let key = key(&stage).to_string();
    let said = |file: &str, code| {
        stage.kapell(&["verify", file, "--checkpoint", "held", "--key", &key]).ends(code).out
    };
    assert!(said("without.kapell", 9).contains("nothing in this file leads from there to its head"));
    assert!(
        said("with.kapell", 0).contains("history    the log only adds to the checkpoint you hold (held)")
    );
    stage.write("forged", stage.read("held").replacen("\n4\n", "\n3\n", 1));
    stage.kapell(&["audit", "export", "last", "--held", "forged", "-o", "x"]).ends(2);
}

/// Below a subtree that is kept nobody looks when a head is signed; whoever checks does.
#[test]
fn an_entry_forged_below_a_kept_subtree_is_found() {
    let stage = greeted(1);
    stage.write("flow.yaml", "flow: greeting\nversion: \"1.0.0\"\ninputs:\n  name: string\nsteps:\n  - id: hello\n    use: kapell:hello#greet\n    with: { name: \"${{ inputs.name }}\" }\noutputs:\n  said: hello\n");
    let lines: String = (0..70).map(|number| format!("{{\"name\":\"{number}\"}}\n")).collect();
    stage.write("names.jsonl", lines);
    stage.kapell(&["run", "flow.yaml", "--each", "names.jsonl"]).ends(0);
    let head = head(&stage);
    assert!(head.size > 256, "{}", head.size);
    let database = Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let (run, seq): (String, i64) = database
        .query_row("SELECT run, seq FROM entries WHERE place = 50", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    // The last entry of a run: nothing links to it but the run's row, which is mended.
    let forge =
        "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '{\"at\":1', '{\"at\":2') AS BLOB)
        WHERE run = ?1 AND seq = (SELECT max(seq) FROM entries WHERE run = ?1)";
    database.execute(forge, [&run]).unwrap();
    let last: Vec<u8> = database
        .query_row("SELECT bytes FROM entries WHERE run = ?1 ORDER BY seq DESC LIMIT 1", [&run], |row| {
            row.get(0)
        })
        .unwrap();
    let mend = "UPDATE runs SET head_hash = ?2 WHERE run = ?1";
    database.execute(mend, rusqlite::params![run, Digest::of(&last).as_bytes()]).unwrap();
    assert_eq!(self::head(&stage), head, "{run}/{seq}: a head is signed from what is kept");
    let said = stage.kapell(&["verify"]).ends(9).out;
    assert!(said.contains("is over other entries than stand here"), "{said}");
    let said = stage.kapell(&["doctor"]).ends(9);
    assert!(said.out.contains("MEND evidence"), "{}", said.out);
    // Heads of other runs bound its last entry from both sides.
    let said = stage.kapell(&["verify", &run]).ends(9).out;
    assert!(said.contains("stand here; entr") && said.contains(" among them"), "{said}");
    stage.kapell(&["audit", "export", &run, "-o", "run.kapell"]).ends(0);
    let said = stage.kapell(&["verify", "run.kapell"]).ends(9).out;
    assert!(said.contains(&format!("of {run} (leaf")), "{said}");
    stage.kapell(&["audit", "export", "--all", "-o", "all.kapell"]).ends(0);
    stage.kapell(&["verify", "all.kapell"]).ends(9);
}

/// Puts another text into an entry of a run, and links what follows to it anew.
fn forge(stage: &Stage, run: &str, from: &str, to: &str) {
    let database = Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let mut rows = database
        .prepare("SELECT place, CAST(bytes AS TEXT) FROM entries WHERE run = ?1 ORDER BY seq")
        .unwrap();
    let read = rows.query_map([run], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let entries: Vec<(i64, String)> = read.map(Result::unwrap).collect();
    let (mut was, mut is) = (String::new(), String::new());
    for (place, text) in entries {
        let mut forged = text.replacen(from, to, 1);
        if !was.is_empty() {
            forged = forged.replacen(&was, &is, 1);
        }
        (was, is) = (Digest::of(text.as_bytes()).to_string(), Digest::of(forged.as_bytes()).to_string());
        database
            .execute(
                "UPDATE entries SET bytes = ?2 WHERE place = ?1",
                rusqlite::params![place, forged.as_bytes()],
            )
            .unwrap();
    }
    let head: Digest = is.parse().unwrap();
    database
        .execute("UPDATE runs SET head_hash = ?2 WHERE run = ?1", rusqlite::params![run, head.as_bytes()])
        .unwrap();
}

/// Forgets every head that was signed, and that any was.
fn forget_heads(stage: &Stage) {
    let database = Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    database
        .execute_batch("DELETE FROM checkpoints; DELETE FROM remembered WHERE name = 'log-signed'")
        .unwrap();
    std::fs::remove_file(stage.project().join(".kapell/log.head")).unwrap();
}

/// Nobody has to ask whether what they read is what was signed.
#[test]
fn what_is_explained_is_held_against_the_signed_head() {
    let stage = greeted(1);
    let said = stage.kapell(&["explain", "call-1"]).ends(0).out;
    assert!(said.contains("- they stand in the log whose head is signed"), "{said}");
    assert!(said.contains("each decision was taken again"), "{said}");
    forge(&stage, "call-1", "\"by\":\"user:", "\"by\":\"user:not-");
    let said = stage.kapell(&["explain", "call-1"]).ends(9).out;
    let told = "Its record does not hold: the head signed over 4 entries is over other entries than stand here; entries 1 to 4 stand among them.";
    assert!(said.contains(told), "{said}");
    assert!(!said.contains("they stand in the log"), "{said}");
    stage.kapell(&["explain", "call-1", "--html", "page.html"]).ends(9);
    assert!(stage.read("page.html").contains("Its record does not hold: the head signed over 4 entries"));
}

/// Whoever may write to the home and holds its key can sign anything; what contradicts itself is found all the same, by the
/// home, by the outsider's program and by whoever does the file again.
#[test]
fn what_is_signed_and_contradicts_its_plan_is_found() {
    for (from, to, by_home, by_outsider) in [
        ("\"money\":\"0", "\"money\":\"9", "says receipt.money 9", "says that it cost 9"),
        (
            "\"name\":\"kapell:hello\"",
            "\"name\":\"evil:corp\"",
            "says skill evil:corp 1.0.0",
            "says skill evil:corp, its plan",
        ),
    ] {
        let stage = greeted(1);
        forge(&stage, "call-1", from, to);
        forget_heads(&stage);
        stage.kapell(&["audit", "checkpoint"]).ends(0);
        for said in [vec!["verify"], vec!["verify", "call-1"]] {
            let said = stage.kapell(&said).ends(9).out;
            assert!(said.contains(by_home), "{said}");
        }
        stage.kapell(&["audit", "export", "call-1", "-o", "run.kapell"]).ends(0);
        let said = stage.kapell(&["verify", "run.kapell"]).ends(9).out;
        assert!(said.contains(by_outsider), "{said}");
        for said in ["replay", "explain"] {
            let said = stage.kapell(&[said, "call-1"]).ends(9).out;
            assert!(said.contains(by_home), "{said}");
        }
    }
}
