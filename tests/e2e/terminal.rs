//! The program at a terminal: a terminal of its own (made by `script`), a person who reads and types.
//!
//! What is shown there and what a yes to it comes to; and that whoever says no, or leaves, has approved nothing.

use crate::stage::Stage;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a program may say nothing before a person gives it up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program at a terminal, and what it has said there so far.
struct Terminal {
    program: Child,
    hears: Receiver<Vec<u8>>,
    said: String,
}

impl Terminal {
    /// The program at a terminal that `script` makes for it; none where there is no such tool.
    fn of(stage: &Stage, arguments: &[&str]) -> Option<Self> {
        let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let mut command = Command::new("script");
        command.args(["-qefc", &format!("kapell {}", quoted.join(" ")), "/dev/null"]);
        stage.settle(&mut command);
        let started = command.env("TERM", "xterm").stdin(Stdio::piped()).spawn();
        let Ok(mut program) = started else {
            assert!(std::env::var("KAPELL_TEST_REQUIRE").as_deref() != Ok("all"), "there is no `script`");
            eprintln!("skipped: there is no `script`, which makes a terminal");
            return None;
        };
        let mut out = program.stdout.take().unwrap();
        let (tell, hears) = channel();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut some) {
                // Nobody listens to a test that has ended.
                let _ = tell.send(some[..length].to_vec());
            }
        });
        Some(Self { program, hears, said: String::new() })
    }

    /// Reads until that is said.
    fn reads(&mut self, words: &str) {
        while !self.said.contains(words) {
            let Ok(more) = self.hears.recv_timeout(PATIENCE) else {
                panic!("no `{words}` in\n{}", self.said)
            };
            self.said.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// Presses keys.
    fn types(&mut self, keys: &str) {
        self.program.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Reads to the end. What was said, and the exit code.
    fn ends(mut self) -> (String, Option<i32>) {
        while let Ok(more) = self.hears.recv_timeout(PATIENCE) {
            self.said.push_str(&String::from_utf8_lossy(&more));
        }
        let said = std::mem::take(&mut self.said);
        (said, self.program.wait().unwrap().code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// The program asks one thing after the other and is answered; what it said, and how it ended. None where there is no
/// terminal.
fn answered(stage: &Stage, arguments: &[&str], answers: &[(&str, &str)]) -> Option<(String, Option<i32>)> {
    let mut terminal = Terminal::of(stage, arguments)?;
    for (asked, keys) in answers {
        terminal.reads(asked);
        terminal.types(keys);
    }
    Some(terminal.ends())
}

/// A locked home into which `ada` has brought `hello`.
fn locked() -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", "version = 1\n[role.security]\npeople = [\"user:eve\"]\n");
    stage.kapell(&["init", "--locked"]).ends(0);
    stage.add(&["hello"]);
    stage
}

/// The words of a text, wherever its lines break.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const APPROVE: [&str; 5] = ["--as", "eve", "skills", "approve", "kapell:hello"];
const EXACTLY: &str = "exactly as shown?";
const ESCAPE: &str = "\u{1b}";
const CONTROL_C: &str = "\u{3}";

#[test]
fn a_yes_approves_exactly_what_is_on_the_screen() {
    let stage = locked();
    let reviewed = stage.kapell(&["review", "kapell:hello"]).ends(0).out;
    let Some((shown, code)) = answered(&stage, &APPROVE, &[(EXACTLY, "y\r")]) else { return };
    assert_eq!(code, Some(0), "{shown}");
    // Before it was approved the review said so; afterwards it says who did.
    assert!(words(&shown).contains(&words(&reviewed)), "{shown}");
    let lock = stage.read("skills.lock");
    let (_, digest) = reviewed.trim_end().rsplit_once("sha256:").unwrap();
    assert!(lock.contains(&format!("sha256:{digest}")), "{lock}");
    stage.kapell(&["call", "kapell:hello", "greet", r#"{"name": "Ada"}"#]).ends(0);
}

#[test]
fn whoever_says_no_or_leaves_has_approved_nothing() {
    for keys in ["n\r", "\r", ESCAPE, CONTROL_C] {
        let stage = locked();
        let before = stage.read("skills.lock");
        if answered(&stage, &APPROVE, &[(EXACTLY, keys)]).is_none() {
            return;
        }
        assert_eq!(stage.read("skills.lock"), before, "{keys:?}");
        stage.kapell(&["call", "kapell:hello", "greet", r#"{"name": "Ada"}"#]).ends(4);
    }
}

#[test]
fn what_nobody_may_approve_is_not_approved_by_a_yes() {
    let stage = locked();
    let own = ["--as", "ada", "skills", "approve", "kapell:hello"];
    let Some((_, code)) = answered(&stage, &own, &[(EXACTLY, "y\r")]) else { return };
    assert_eq!(code, Some(4));
    stage.kapell(&["call", "kapell:hello", "greet", r#"{"name": "Ada"}"#]).ends(4);
}

/// A flow that asks before it is done.
const ASKS: &str = "\
flow: asks
version: '1'
steps:
  - id: sure
    ask: ops
    question: Is this the one?
    show: { one: \"'this'\" }
    expire: 3d
outputs: { said: sure }
";

/// A flow whose ladder comes to a person who has to say the whole value.
const SAYS: &str = "\
flow: says
version: '1'
inputs: { text: string }
steps:
  - id: label
    use: kapell:triage-words#classify
    with: { text: \"${{ inputs.text }}\" }
    expect: label.confidence > 2.0
    otherwise: [{ ask: ops, question: Which queue?, answer: label, expire: 3d }]
outputs: { label: label }
";

#[test]
fn a_value_is_picked_and_typed_field_by_field_and_asked_for_again_until_it_fits() {
    let stage = Stage::empty();
    stage.add(&["triage-words"]);
    stage.write("policy.toml", "version = 1\n[role.ops]\npeople = [\"user:*\"]\n");
    stage.write("says.yaml", SAYS);
    let down = "\u{1b}[B\r";
    let answers = [
        ("Your answer", "\r"),
        (" queue  ", down),
        ("confidence (number)", "much\r"),
        ("expected", "1\r"),
        ("because (text)", "\r"),
        ("Why?", "\r"),
    ];
    let arguments = ["--as", "eve", "run", "says.yaml", "-i", "text=x"];
    let Some((shown, ended)) = answered(&stage, &arguments, &answers) else { return };
    assert_eq!(ended, Some(0), "{shown}");
    assert!(shown.contains("answer: {\"queue\": \"access\" | \"billing\""), "{shown}");
    let log = stage.kapell(&["runs", "show", "last"]).ends(0).out;
    assert!(log.contains("\"queue\":\"billing\""), "{log}");
}

#[test]
fn a_run_asks_the_person_at_the_terminal_and_goes_on_with_the_answer() {
    let (asked, why) = ("Your answer", "Why?");
    let down = "\u{1b}[B\r";
    for (answers, code, state) in [
        (&[(asked, "\r"), (why, "\r")][..], 0, "done"),
        (&[(asked, down), (why, "not that\r")], 6, "rejected"),
        (&[(asked, ESCAPE)], 0, "waiting"),
        // Whoever leaves in the middle has not answered either.
        (&[(asked, CONTROL_C)], 0, "waiting"),
        (&[(asked, "\r"), (why, CONTROL_C)], 0, "waiting"),
    ] {
        let stage = Stage::empty();
        stage.write("policy.toml", "version = 1\n[role.ops]\npeople = [\"user:*\"]\n");
        stage.write("asks.yaml", ASKS);
        let arguments = ["--as", "eve", "run", "asks.yaml"];
        let Some((shown, ended)) = answered(&stage, &arguments, answers) else { return };
        assert!(shown.contains("Is this the one?"), "{shown}");
        let runs = stage.kapell(&["runs", "list"]).ends(0).out;
        assert!(ended == Some(code) && runs.contains(state), "{answers:?} {ended:?} {runs}");
    }
}
