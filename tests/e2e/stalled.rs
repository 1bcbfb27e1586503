//! A file system that never answers, below a directory that a skill writes to: no command of the house waits for it.
//!
//! The file system is a real one in user space whose server says nothing, mounted in a namespace of its own. Where the
//! machine gives no such namespace, the tests say so and are skipped.

use crate::guests::stage::{asking, policy};
use crate::stage::Stage;
use kapell_model::digest::Digest;
use rusqlite::Connection;

/// Shows `out` to what follows as a file system whose server, this shell, never speaks.
const STALLED: &str =
    "exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 stalled out";

/// A project with a skill that writes below `out`.
fn writing() -> Stage {
    let stage = Stage::empty();
    let ask = r#"kind = "files", name = "data", access = "write""#;
    stage.write("policy.toml", policy("writes_file", &[&format!(r#"{ask}, bind = "./out""#)], ""));
    stage.write("writes.wasm", asking("writes_file", &[ask]));
    std::fs::create_dir(stage.project().join("out")).unwrap();
    stage
}

/// A project whose last run wrote a file that is recorded and, as after a crash, not in its place yet.
fn pending() -> Stage {
    let stage = writing();
    stage.kapell(&["call", "writes.wasm", "run", r#"{ "input": "letter.txt\nDear Ada" }"#]).ends(0);
    let out = stage.project().join("out");
    std::fs::remove_file(out.join("letter.txt")).unwrap();
    let journal = Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let digest = Digest::of(b"Dear Ada");
    let note = (out.to_str().unwrap(), digest.as_bytes().as_slice());
    journal
        .execute(
            "INSERT INTO pending_files (run, root, path, digest) VALUES ('call-1', ?1, 'letter.txt', ?2)",
            note,
        )
        .unwrap();
    stage
}

/// What a line of shell comes to while the directory stalls; none where no such directory can be had.
fn stalled(stage: &Stage, line: &str) -> Option<String> {
    let within = |line: &str| format!("timeout 120 unshare -Urm bash -c '{STALLED} && {line}'");
    let lacking = stage.shell(&within("true"));
    if lacking.code == Some(0) {
        return Some(stage.as_written(&stage.shell(&within(line)).out));
    }
    assert!(std::env::var("KAPELL_TEST_REQUIRE").as_deref() != Ok("all"), "{}", lacking.out);
    eprintln!("skipped: no stalled mount can be had here: {}", lacking.out.trim());
    None
}

#[test]
fn a_mount_that_stalls_holds_up_no_command() {
    let stage = pending();
    let said =
        "kapell runs list --json >/dev/null && echo listed; kapell doctor; kapell runs resume last; echo $?";
    let Some(said) = stalled(&stage, said) else { return };
    let files = said.lines().find(|line| line.contains("not in their place")).unwrap_or_default();
    assert!(said.starts_with("listed\n") && files.contains("/project/out/letter.txt"), "{said}");
    let why = "is recorded but not in its place: the directory /project/out does not answer";
    assert!(said.contains(why) && said.ends_with("70\n"), "{said}");

    // Without it the file is put there by the next command, whatever that is.
    stage.kapell(&["runs", "list"]).ends(0);
    assert_eq!(stage.read("out/letter.txt"), "Dear Ada");
}

#[test]
fn a_run_whose_directory_stalls_does_not_begin_and_says_so() {
    let stage = writing();
    let call =
        r#"kapell call writes.wasm run "{ \"input\": \"letter.txt\nDear Ada\" }"; echo $?; kapell runs list"#;
    let Some(said) = stalled(&stage, call) else { return };
    assert!(said.contains("\nerror: the directory /project/out does not answer\nhint: "), "{said}");
    assert!(said.contains("\n70\n") && said.trim_end().ends_with("there are no runs yet"), "{said}");
}
