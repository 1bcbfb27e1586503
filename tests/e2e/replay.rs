//! Doing runs again from their record through the real program: what every example and the demo recorded, with other
//! bytes on the same record, and what can't be done again.

use crate::stage::{Stage, repository};
use kapell_home::{Home, Place, ReplayWish};
use serde_json::Value;

/// Why an attempt may be impossible to do again: the world ended it.
const STOPPED: [&str; 4] =
    ["its ending was lost", "its time ran out", "somebody stopped it", "it was refused before"];

/// Every run of a stage's home comes out as it is recorded, whatever its lock says by now.
pub(crate) fn comes_out_again(stage: &Stage) {
    let said = stage.kapell(&["replay", "--unapproved", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    if said.out.is_empty() {
        assert!(said.err.contains("there are no runs"), "{said:?}");
        return;
    }
    let told: Value = serde_json::from_str(&said.out).unwrap();
    for run in told["runs"].as_array().unwrap() {
        for attempt in run["attempts"].as_array().unwrap() {
            let verdict = &attempt["verdict"];
            let why = verdict["not-replayable"].as_str();
            let stopped = why.is_some_and(|why| STOPPED.iter().any(|word| why.starts_with(word)));
            assert!(verdict["same"].is_object() || stopped, "{}: {attempt:#}", run["run"]);
        }
    }
}

const FLOW: &str = "\
flow: greeted
version: '1'
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: Ada }
outputs: { greeting: greeting }
";

fn greeted() -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", "version = 1\n");
    stage.write("greeted.yaml", FLOW);
    stage.add(&["hello"]);
    stage.kapell(&["run", "greeted.yaml"]).ends(0);
    stage
}

#[test]
fn a_run_is_done_again_and_journals_nothing() {
    let stage = greeted();
    let before = stage.kapell(&["audit", "checkpoint", "--json"]).ends(0).json();
    let said = stage.kapell(&["replay", "last"]).ends(0);
    assert!(said.out.starts_with("greeted-1\n  greeting  1  kapell:hello 1.0.0 ("), "{}", said.out);
    assert!(said.out.contains("  same, "), "{}", said.out);
    assert_eq!(said.err.trim(), "attempt done again: 1 of 1 the same");
    let after = stage.kapell(&["audit", "checkpoint", "--json"]).ends(0).json();
    assert_eq!(before["size"], after["size"]);
}

#[test]
fn other_bytes_are_run_on_the_record_and_what_they_do_otherwise_is_shown() {
    let stage = greeted();
    let newer = stage.write("newer.wasm", next_hello());
    let said = stage.kapell(&["replay", "last", "--with", &newer.display().to_string()]).ends(1);
    let told: Vec<&str> = said.out.lines().skip(2).map(str::trim).collect();
    assert_eq!(
        told,
        ["ending", "was  output \"Hello, Ada!\"", "is   output \"Good day, Ada!\""],
        "{}",
        said.out
    );
    let listed = stage.kapell(&["skills", "list"]).ends(0);
    assert!(!listed.out.contains("1.1.0"), "it is installed by that: {}", listed.out);

    let same = stage.write("same.wasm", crate::stage::skill("hello"));
    stage.kapell(&["replay", "last", "--with", &same.display().to_string()]).ends(0);
}

#[test]
fn what_is_not_there_is_said() {
    let stage = greeted();
    stage.write("no.wasm", b"no component");
    let letter = stage.write("letter.wasm", crate::stage::skill("letter")).display().to_string();
    let table: [(&[&str], i32, &str); 6] = [
        (&["replay", "greeted-7"], 10, "greeted-7"),
        (&["replay", "last", "--step", "other"], 10, "run greeted-1 has no attempt of step other"),
        (&["replay", "last", "--with", "no.wasm"], 3, "no.wasm"),
        (&["replay", "last", "--with", "gone.wasm"], 10, "gone.wasm"),
        (&["replay", "last", "--with", &letter], 10, "run greeted-1 has no attempt of kapell:letter"),
        (&["replay", "last", "--since", "1d"], 2, "--since"),
    ];
    for (arguments, code, words) in table {
        let said = stage.kapell(arguments).ends(code);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
    let said = stage.kapell(&["replay", "last", "--step", "greeting", "--with", &letter]).ends(1);
    assert!(said.out.contains("not replayable: kapell:letter has no operation greet"), "{}", said.out);
    let empty = Stage::empty();
    empty.kapell(&["init"]).ends(0);
    assert!(empty.kapell(&["replay"]).ends(0).err.contains("there are no runs to do again"));
}

/// As many runs at once as there are cores, and whoever waits hears after each how many are done.
#[test]
fn many_runs_are_done_again_at_once_and_say_how_far_they_are() {
    let stage = greeted();
    let runs = 3 + std::thread::available_parallelism().unwrap().get();
    (1..runs).for_each(|_| drop(stage.kapell(&["run", "greeted.yaml"]).ends(0)));
    let home = Home::open(Place::at(stage.project()).unwrap(), crate::stage::options()).unwrap();
    let all: Vec<_> = home.runs().unwrap().into_iter().map(|row| row.run).collect();
    let (cores, mut told) = (runs - 3, Vec::new());
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let replayed = tokio.block_on(home.replay(&all, &ReplayWish::default(), |done| told.push(done))).unwrap();
    assert!(
        replayed
            .iter()
            .zip(&all)
            .all(|(replayed, run)| replayed.run == *run && replayed.counts() == [1, 0, 0])
    );
    assert_eq!(
        told[..cores],
        vec![0; cores],
        "none was waited for before there were as many as cores: {told:?}"
    );
    assert!(told.is_sorted() && told.last() == Some(&runs), "{told:?}");
}

/// A file of everything in a home, as somebody else has it who has no home.
fn exported(stage: &Stage, more: &[&str]) -> (Stage, String) {
    let empty = Stage::empty();
    let file = empty.project().join("all.kapell").display().to_string();
    stage.kapell(&[&["audit", "export", "--all", "-o", &file], more].concat()).ends(0);
    (empty, file)
}

#[test]
fn a_run_is_done_again_from_a_file_by_somebody_who_never_saw_its_home() {
    let stage = greeted();
    let (empty, file) = exported(&stage, &[]);
    let said = empty.kapell(&["replay", &file]).ends(0);
    assert_eq!(said.out, stage.kapell(&["replay", "last"]).ends(0).out);
    for named in ["greeted-1", "last"] {
        empty.kapell(&["replay", &file, named, "--step", "greeting"]).ends(0);
    }
    let newer = empty.write("newer.wasm", next_hello()).display().to_string();
    let said = empty.kapell(&["replay", &file, "--with", &newer]).ends(1);
    assert!(said.out.contains("is   output \"Good day, Ada!\""), "{}", said.out);
    empty.kapell(&["replay", &file, "greeted-2"]).ends(10);
    assert!(!empty.project().join(".kapell").exists(), "a home was made");

    // Another home, with another version of the skill in use, is not asked.
    empty.kapell(&["add", &newer]).ends(0);
    let told = empty.kapell(&["replay", &file, "--json"]).ends(0).json();
    assert!(told["runs"][0]["attempts"][0]["verdict"]["same"].is_object(), "{told}");
    assert_eq!(empty.kapell(&["runs", "list", "--json"]).ends(0).json()["runs"], serde_json::json!([]));
}

#[test]
fn a_file_in_which_a_byte_is_another_is_not_done_again() {
    let (empty, file) = exported(&greeted(), &[]);
    let whole = std::fs::read(&file).unwrap();
    let places = [
        (&b"with: { name: Ada"[..], "blobs/"),
        (b"Hello, Ada!", "manifests/"),
        (b"\0asm\x0d", "components/"),
        (b"\"fuel\":", "leaf "),
    ];
    for (needle, place) in places {
        let mut forged = whole.clone();
        let at = whole.windows(needle.len()).position(|window| window == needle).unwrap();
        forged[at + needle.len()] ^= 1;
        let forged = empty.write("forged.kapell", forged).display().to_string();
        let said = empty.kapell(&["replay", &forged]).ends(9);
        assert!(
            said.err.contains("forged.kapell does not hold: ") && said.err.contains(place),
            "{}",
            said.err
        );
        assert_eq!(said.out, "");
    }
    let half = empty.write("half.kapell", &whole[..whole.len() / 2]).display().to_string();
    assert!(empty.kapell(&["replay", &half]).ends(9).err.contains("it ends here, before its end"));
    let text = empty.write("text", "text").display().to_string();
    empty.kapell(&["replay", &text]).ends(3);
    let pipe = empty.project().join("pipe").display().to_string();
    empty.shell("mkfifo pipe").ends(0);
    for verb in ["replay", "verify"] {
        assert!(empty.kapell(&[verb, &pipe]).ends(2).err.contains("is no regular file"));
    }
}

#[test]
fn what_is_not_in_a_file_is_said_and_never_guessed() {
    let stage = greeted();
    for (without, why) in [("components", "its component"), ("blobs", "its input")] {
        let (empty, file) = exported(&stage, &["--without", without]);
        let said = empty.kapell(&["replay", &file]).ends(1);
        let why = format!("not replayable: {why} is withheld by whoever made this file");
        assert!(said.out.contains(&why), "{}", said.out);
    }
}

#[test]
fn what_runs_again_in_a_home_has_the_digest_it_is_named_by() {
    let stage = greeted();
    let folder = stage.project().join(".kapell/components");
    let component = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&component).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&component, &bytes).unwrap();
    assert!(stage.kapell(&["replay", "last"]).ends(9).err.contains("have another digest"));
    std::fs::remove_file(&component).unwrap();
    let said = stage.kapell(&["replay", "last"]).ends(1);
    assert!(said.out.contains("not replayable: its component is not kept"), "{}", said.out);
}

/// A newer version of the skill, that greets otherwise.
fn next_hello() -> Vec<u8> {
    let stage = Stage::empty();
    let newer = repository().join("examples/06-swap/hello-1.1").display().to_string();
    stage.kapell(&["build", &newer, "-o", "built"]).ends(0);
    let built = std::fs::read_dir(stage.project().join("built")).unwrap().next().unwrap().unwrap();
    std::fs::read(built.path()).unwrap()
}
