//! Approving from outside: what is shown, who may say yes, what a script sees when something is not as approved, and a
//! revocation that reaches another process.

use crate::stage::{Said, Stage};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PEOPLE: &str = "version = 1\n[role.security]\npeople = [\"user:eve\"]\n";

/// A locked home into which `ada` has brought `hello`.
fn locked(policy: &str) -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", format!("{PEOPLE}{policy}"));
    stage.kapell(&["init", "--locked"]).ends(0);
    stage.add(&["hello"]);
    stage
}

/// The digest of what is shown of the skill.
fn shown(stage: &Stage) -> String {
    let review = stage.kapell(&["review", "kapell:hello", "--json"]).ends(0).json();
    review["shown"].as_str().unwrap().to_owned()
}

fn approve(stage: &Stage, by: &str, more: &[&str]) -> Said {
    let shown = shown(stage);
    let arguments = ["--as", by, "skills", "approve", "kapell:hello", "--shown", &shown];
    stage.kapell(&[&arguments, more].concat())
}

fn greet(stage: &Stage) -> Said {
    stage.kapell(&["call", "kapell:hello", "greet", r#"{"name": "Ada"}"#])
}

#[test]
fn nothing_runs_in_a_locked_home_until_somebody_else_approved_exactly_what_is_shown() {
    let stage = locked("");
    stage.write("other.wasm", crate::guests::stage::bare("echo"));
    let file = stage.kapell(&["call", "other.wasm", "run", r#"{"input": ""}"#]).ends(4);
    assert!(
        file.err.contains("nobody has approved this skill") && file.err.contains("kapell add FILE"),
        "{}",
        file.err
    );
    let said = greet(&stage).ends(4);
    assert!(said.err.contains("nobody has approved this skill"), "{}", said.err);
    assert!(said.err.contains("kapell review kapell:hello --version 1.0.0"), "{}", said.err);
    let nobody = stage.kapell(&["--as", "eve", "skills", "approve", "kapell:hello"]).ends(2);
    assert!(nobody.err.contains("add --shown"), "{}", nobody.err);
    approve(&stage, "ada", &[]).ends(4);
    let other = ["--as", "eve", "skills", "approve", "kapell:hello", "--shown", "0123456789ab"];
    stage.kapell(&other).ends(4);
    approve(&stage, "eve", &["--expires", "yesterday"]).ends(2);
    approve(&stage, "eve", &["--expires", "2001-01-01"]).ends(2);
    let approved =
        approve(&stage, "eve", &["--expires", "90d", "--reason", "read it", "--json"]).ends(0).json();
    assert_eq!((&approved["put-in-use"], &approved["approval"]["by"]), (&true.into(), &"user:eve".into()));
    greet(&stage).ends(0);
    let lock = stage.read("skills.lock");
    assert!(lock.contains("locked = true") && lock.contains("approved-by = \"user:eve\""), "{lock}");
}

#[test]
fn a_check_of_the_lock_fails_with_a_code_of_its_own_when_anything_is_not_as_approved() {
    let stage = locked("");
    approve(&stage, "eve", &[]).ends(0);
    stage.kapell(&["lock", "--check"]).ends(0);
    stage.write("policy.toml", format!("{PEOPLE}[limits.any]\nmemory = \"1MiB\"\n"));
    let drifted = stage.kapell(&["lock", "--check", "--json"]).ends(9).json();
    assert_eq!((&drifted["schema"], &drifted["sound"]), (&"kapell.lock-check/1".into(), &false.into()));
    assert_eq!(drifted["drifts"].as_array().unwrap().len(), 1);
    stage.write("policy.toml", PEOPLE);
    stage.kapell(&["lock", "--check"]).ends(0);
    let lock = stage.read("skills.lock");
    stage.write("skills.lock", lock.replace("locked = true", "locked = true\nopen = true"));
    let broken = stage.kapell(&["lock", "--check"]).ends(3);
    assert!(
        broken.err.contains("has no key `open`") && broken.err.contains("skills.lock:5:1"),
        "{}",
        broken.err
    );
}

/// A project that was cloned brings a lock and no home.
#[test]
fn a_clone_of_a_locked_project_stays_locked_without_its_lock() {
    let stage = Stage::empty();
    stage.write("policy.toml", PEOPLE);
    stage.write("skills.lock", "version = 1\nlocked = true\n");
    assert!(stage.kapell(&["lock"]).ends(0).err.contains("made a locked home"));
    std::fs::remove_file(stage.project().join("skills.lock")).unwrap();
    let gone = stage.kapell(&["lock", "--check"]).ends(9);
    assert!(gone.out.contains("skills.lock: it is gone"), "{}", gone.out);
    stage.write("skills.lock", "version = 1\nlocked = false\n");
    stage.kapell(&["lock", "--check"]).ends(9);
    stage.add(&["hello"]);
    greet(&stage).ends(4);
    let open = Stage::empty();
    let said = open.kapell(&["lock", "--check"]).ends(0);
    assert!(said.err.contains("this home is not locked"), "{}", said.err);
}

#[test]
fn a_check_tells_of_a_flow_that_it_would_wait_for_approval() {
    let stage = locked("");
    approve(&stage, "eve", &[]).ends(0);
    stage.write(
        "flow.yaml",
        "flow: greets\nversion: '1'\nsteps:\n  - id: greeted\n    use: kapell:hello#greet\n    with: { name: Ada }\n",
    );
    let told = stage.kapell(&["check", "flow.yaml"]).ends(0);
    let waits = "it waits for approval here: nobody has approved this flow";
    assert!(told.err.contains("is sound") && told.err.contains(waits), "{}", told.err);
    let waits = stage.kapell(&["lock", "--check", "flow.yaml"]).ends(9);
    assert_eq!(waits.out, "flow greets: nobody has approved this flow\n");
    stage.kapell(&["add", "flow.yaml"]).ends(0);
    let review = stage.kapell(&["review", "flow.yaml", "--json"]).ends(0).json();
    let shown = review["shown"].as_str().unwrap();
    stage.kapell(&["--as", "eve", "flows", "approve", "flow.yaml", "--shown", shown]).ends(0);
    stage.kapell(&["lock", "--check", "flow.yaml"]).ends(0);
    assert!(!stage.kapell(&["check", "flow.yaml"]).ends(0).err.contains("waits"));
    stage.kapell(&["lock", "flow.yaml"]).ends(2);
}

#[test]
fn what_may_not_run_is_tried_only_by_whoever_says_so() {
    let stage = locked("");
    approve(&stage, "eve", &[]).ends(0);
    greet(&stage).ends(0);
    stage.kapell(&["audit", "export", "call-1", "-o", "run.kapell"]).ends(0);
    let tries: [&[&str]; 3] = [&["test", "kapell:hello"], &["replay", "call-1"], &["replay", "run.kapell"]];
    for tried in tries {
        stage.kapell(tried).ends(0);
    }
    stage.kapell(&["--as", "eve", "skills", "revoke", "kapell:hello", "--reason", "it leaks"]).ends(0);
    for (tried, code) in tries.into_iter().zip([4, 1, 1]) {
        let said = stage.kapell(tried).ends(code);
        let told = format!("{}{}", said.out, said.err);
        assert!(
            told.contains("it was revoked by user:eve: it leaks") && told.contains("--unapproved"),
            "{told}"
        );
        stage.kapell(&[tried, &["--unapproved"]].concat()).ends(0);
    }
}

#[test]
fn what_waits_and_what_was_taken_back_is_listed_as_such() {
    let stage = locked("");
    assert!(stage.kapell(&["skills", "list"]).ends(0).out.contains("pending"));
    approve(&stage, "eve", &[]).ends(0);
    assert!(stage.kapell(&["skills", "list"]).ends(0).out.contains("approved"));
    stage.kapell(&["skills", "revoke", "kapell:hello"]).ends(4);
    stage.kapell(&["--as", "eve", "skills", "revoke", "kapell:hello", "--reason", "no"]).ends(0);
    assert!(stage.kapell(&["skills", "list"]).ends(0).out.contains("revoked"));
    let said = greet(&stage).ends(4);
    assert!(said.err.contains("it was revoked by user:eve: no"), "{}", said.err);
    let told = stage.kapell(&["skills", "show", "kapell:hello"]).ends(0).out;
    for what in ["added", "pending", "approved", "in use", "revoked", "refused"] {
        assert!(told.contains(&format!("  {what:<8}  1.0.0 (")), "{what}: {told}");
    }
}

#[test]
fn a_review_is_one_page_that_stands_alone() {
    let stage = locked("");
    let page = stage.project().join("review.html");
    stage.kapell(&["review", "kapell:hello", "--html", "-o", "review.html"]).ends(0);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains(&shown(&stage)));
    assert!(!page.contains("<script") && !page.contains("://"), "{page}");
    stage.kapell(&["review", "kapell:hello", "--html"]).ends(2);
    stage.kapell(&["review", "kapell:nobody"]).ends(10);
    let nothing = stage.kapell(&["review", "nobody.wasm"]).ends(10);
    assert!(nothing.err.contains("there is no file and no skill `nobody.wasm`"), "{}", nothing.err);
    stage.write("text.wasm", "no component");
    stage.kapell(&["review", "text.wasm"]).ends(3);
}

const ENDLESS: &str = "[limits.any]\nfuel = 9_000_000_000_000\ndeadline = \"1h\"\n";

/// Started in a process of its own, its attempt under way.
fn rehearsing(stage: &Stage) -> Child {
    let long = r#"{"name": "Ada", "times": 4000000000}"#;
    let mut child =
        stage.command(&["call", "kapell:hello", "rehearse", long]).stdin(Stdio::null()).spawn().unwrap();
    loop {
        let log = stage.kapell(&["runs", "show", "call-1"]);
        if log.out.contains("try 1:") {
            return child;
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended before anything was revoked");
    }
}

#[test]
fn a_revocation_reaches_a_run_of_another_process() {
    let stage = locked(ENDLESS);
    approve(&stage, "eve", &[]).ends(0);
    let child = rehearsing(&stage);
    stage.kapell(&["--as", "eve", "skills", "revoke", "kapell:hello", "--reason", "stop it"]).ends(0);
    let began = Instant::now();
    let ended = child.wait_with_output().unwrap();
    // The skill works for many seconds more when nothing stops it; the bound itself is far below this.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    let log = stage.kapell(&["runs", "show", "call-1"]).ends(0).out;
    assert!(log.contains("it was revoked by user:eve: stop it"), "{log}");
}
