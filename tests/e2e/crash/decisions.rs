//! What people decided, interrupted: an answer is neither lost nor used twice, a skill is swapped whole or not at all, what
//! is approved or taken back is so or is not, and a stop that was asked for outlives everybody.

use super::points::settle;
use super::scene::{Scene, Trial};
use crate::stage::{Stage, repository, skill};
use std::process::Command;
use std::sync::OnceLock;

/// Every time each point is reached by a command that ends well.
fn moments(trial: &Trial<'_>, arguments: &[&str]) -> Vec<String> {
    let times = trial.traced(arguments).into_iter();
    times.flat_map(|(point, times)| (1..=times).map(move |time| format!("die {point} {time}"))).collect()
}

const ASKED: &str = "\
flow: asked
version: '1'
steps:
  - id: agreed
    ask: operator
    question: Order it?
    expire: 1d
  - id: ordered
    use: local:order-once#run
    with: { input: \"ORDER\" }
outputs: { ordered: ordered }
";

#[test]
fn an_answer_is_neither_lost_nor_used_twice() {
    let scene = Scene::new();
    let asked = || {
        let trial = scene.trial();
        let order = trial.stage.read("once.yaml");
        let order = order.lines().find_map(|line| line.split("\"POST ").nth(1)).unwrap();
        let order = format!("POST {}", order.split('"').next().unwrap());
        trial.stage.write("asked.yaml", ASKED.replace("ORDER", &order));
        trial.stage.kapell(&["run", "asked.yaml", "--no-wait"]).ends(5);
        trial
    };
    let answer = ["gates", "approve", "asked-1"];
    let (mut kept, mut lost) = (0, 0);
    for moment in moments(&asked(), &answer) {
        let trial = asked();
        let died = trial.armed(&answer, &moment).code.is_none();
        trial.verify();
        let state = trial.runs().swap_remove(0).1;
        match state.as_str() {
            "waiting" => {
                assert_eq!(trial.effects(), [], "{moment}");
                assert!(died, "{moment}: it was acknowledged");
                trial.stage.kapell(&answer).ends(0);
                lost += 1;
            }
            "in-doubt" => settle(&trial, "asked-1", &moment),
            _ => kept += 1,
        }
        let entries = trial.entries("asked-1");
        let answers = entries.iter().filter(|entry| entry["body"]["question-answered"]["step"] == "agreed");
        assert_eq!(answers.count(), 1, "{moment}: {entries:#?}");
        assert_eq!(trial.fold("asked-1").state_word(), "done", "{moment}");
        assert_eq!(trial.effects().len(), 1, "{moment}");
    }
    assert!(kept > 0 && lost > 0, "{kept} {lost}");
}

/// A newer `hello`, which greets otherwise.
fn newer() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = repository().join("examples/06-swap/hello-1.1");
        kapell_workshop::build_many(&[folder], &mut |_| {}).unwrap().swap_remove(0).bytes
    })
}

fn greeting(stage: &Stage) -> Option<String> {
    let said = stage.kapell(&["call", "kapell:hello", "greet", r#"{"name":"Ada"}"#, "--json"]);
    (said.code == Some(0)).then(|| said.json()["output"]["output"].as_str().unwrap().to_owned())
}

/// A project that others are copies of.
struct Made(Stage);

impl Made {
    fn trial(&self) -> Stage {
        let stage = Stage::empty();
        super::scene::copy(self.0.project(), stage.project());
        stage
    }

    /// Every moment of a command.
    fn moments(&self, arguments: &[&str]) -> Vec<String> {
        let stage = self.trial();
        let trace = stage.project().join("trace");
        let traced =
            stage.command(arguments).env("KAPELL_FAULT", format!("trace {}", trace.display())).output();
        assert!(traced.unwrap().status.success());
        let mut reached: Vec<String> = Vec::new();
        for point in std::fs::read_to_string(trace).unwrap().lines() {
            let time = reached.iter().filter(|moment| moment.split(' ').nth(1) == Some(point)).count() + 1;
            reached.push(format!("die {point} {time}"));
        }
        reached
    }
}

fn dies(stage: &Stage, arguments: &[&str], moment: &str) -> bool {
    stage.command(arguments).env("KAPELL_FAULT", moment).output().unwrap().status.code().is_none()
}

#[test]
fn a_skill_is_swapped_whole_or_not_at_all() {
    let made = Made(Stage::empty());
    made.0.add(&["hello"]);
    made.0.write("newer.wasm", newer());
    let (add, mut seen) = (["add", "newer.wasm"], Vec::new());
    for moment in made.moments(&add) {
        let stage = made.trial();
        assert!(dies(&stage, &add, &moment), "{moment}");
        let greeted = greeting(&stage).unwrap();
        assert!(["Hello, Ada!", "Good day, Ada!"].contains(&greeted.as_str()), "{moment}: {greeted}");
        seen.push(greeted);
        stage.kapell(&add).ends(0);
        assert_eq!(greeting(&stage).unwrap(), "Good day, Ada!", "{moment}");
        stage.kapell(&["verify"]).ends(0);
    }
    seen.dedup();
    assert_eq!(seen, ["Hello, Ada!", "Good day, Ada!"], "old until it is new");
}

/// The digest of what is shown of the skill as things stand.
fn shown(stage: &Stage) -> String {
    let review = stage.kapell(&["review", "kapell:hello", "--json"]).ends(0).json();
    review["shown"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_approved_or_taken_back_is_so_or_is_not() {
    let made = Made(Stage::empty());
    made.0.write("policy.toml", "version = 1\n[role.security]\npeople = [\"user:eve\"]\n");
    made.0.kapell(&["init", "--locked"]).ends(0);
    made.0.add(&["hello"]);
    let first = shown(&made.0);
    let approve = ["--as", "eve", "skills", "approve", "kapell:hello", "--shown", &first];
    let revoke = ["--as", "eve", "skills", "revoke", "kapell:hello"];
    let mut seen = Vec::new();
    for moment in made.moments(&approve) {
        let stage = made.trial();
        assert!(dies(&stage, &approve, &moment), "{moment}");
        seen.push(greeting(&stage).is_some());
        let again = shown(&stage);
        stage.kapell(&["--as", "eve", "skills", "approve", "kapell:hello", "--shown", &again]).ends(0);
        assert!(greeting(&stage).is_some(), "{moment}");
    }
    seen.dedup();
    assert_eq!(seen, [false, true], "it does not run until it is approved");
    made.0.kapell(&approve).ends(0);
    seen.clear();
    for moment in made.moments(&revoke) {
        let stage = made.trial();
        assert!(dies(&stage, &revoke, &moment), "{moment}");
        seen.push(greeting(&stage).is_some());
        stage.kapell(&revoke).ends(0);
        assert_eq!(greeting(&stage), None, "{moment}");
    }
    seen.dedup();
    assert_eq!(seen, [true, false], "once it is taken back it stays so");
}

/// What is not surely on the disk is not said to be: after a power failure it may not be.
#[test]
fn a_revocation_whose_name_is_not_synced_is_no_revocation_yet() {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    let revoke = ["skills", "revoke", "kapell:hello"];
    let refused = stage.command(&revoke).env("KAPELL_FAULT", "broken SettingNamed 1").output().unwrap();
    assert_eq!(refused.status.code(), Some(70));
    stage.kapell(&revoke).ends(0);
    assert_eq!(greeting(&stage), None);
}

const PATIENT: &str = "\
flow: patient
version: '1'
steps:
  - id: practice
    use: kapell:hello#rehearse
    with: { name: Ada, times: 4000000000 }
";

/// Whoever drives the run never hears of it, and whoever asked is gone: the next command stops it all the same.
#[test]
fn a_stop_that_was_asked_for_outlives_everybody() {
    let stage = Stage::empty();
    stage.write("policy.toml", "version = 1\n[limits.any]\nfuel = 9_000_000_000_000\ndeadline = \"1h\"\n");
    stage.write("patient.yaml", PATIENT);
    stage.add(&["hello"]);
    let mut driver = stage.command(&["run", "patient.yaml"]).spawn().unwrap();
    while !stage.kapell(&["runs", "show", "patient-1"]).out.contains("try 1:") {
        assert_eq!(driver.try_wait().unwrap(), None);
    }
    let signal = |name: &str| Command::new("kill").args([name, &driver.id().to_string()]).status().unwrap();
    assert!(signal("-STOP").success());
    let cancel = ["runs", "cancel", "patient-1", "--reason", "enough"];
    assert!(dies(&stage, &cancel, "die SettingNamed 1"));
    assert!(signal("-KILL").success());
    driver.wait().unwrap();
    stage.kapell(&["skills", "list"]).ends(0);
    let shown = stage.kapell(&["runs", "show", "patient-1"]).ends(0).out;
    assert!(shown.contains("user:ada asked to stop: enough"), "{shown}");
    assert!(shown.contains("cancelled") && !shown.contains("output"), "{shown}");
    assert!(!stage.project().join(".kapell/stop/patient-1").exists(), "it is over");
}

/// As long as nobody is told that the home is locked it may be either; then it is.
#[test]
fn a_home_is_locked_or_is_not() {
    let made = Made(Stage::empty());
    let init = ["init", "--locked"];
    for moment in made.moments(&init) {
        let stage = made.trial();
        assert!(dies(&stage, &init, &moment), "{moment}");
        stage.kapell(&init).ends(0);
        let file = stage.write("hello.wasm", skill("hello"));
        let _ = stage.kapell(&["add", file.to_str().unwrap()]).ends(0);
        assert_eq!(greeting(&stage), None, "{moment}");
    }
}

/// A crash in between must not make four eyes two.
#[test]
fn who_added_a_skill_is_known_as_soon_as_it_is_there() {
    let made = Made(Stage::empty());
    made.0.write("policy.toml", "version = 1\n[role.security]\npeople = [\"user:ada\"]\n");
    made.0.kapell(&["init", "--locked"]).ends(0);
    made.0.write("hello.wasm", skill("hello"));
    let (add, mut installed) = (["add", "hello.wasm"], 0);
    for moment in made.moments(&add) {
        let stage = made.trial();
        assert!(dies(&stage, &add, &moment), "{moment}");
        let listed = stage.kapell(&["skills", "list", "--json"]).ends(0).out;
        if listed.contains("kapell:hello") {
            installed += 1;
            let (shown, own) =
                (shown(&stage), ["--as", "ada", "skills", "approve", "kapell:hello", "--shown"]);
            let said = stage.kapell(&[&own[..], &[&shown]].concat());
            assert_eq!(said.code, Some(4), "{moment}: {said:?}");
        }
    }
    assert!(installed > 0);
}
