//! The program dies at each fault point, for each class of effect, and the next command goes on as if nothing had been: the
//! same outputs, the same files, and nothing done twice that must not be.

use super::scene::{CLASSES, Fold, Scene, Trial};
use crate::stage::{Stage, repository};
use crate::tidy::{rust_files, shown};
use kapell_model::fault::FaultPoint;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

/// What a trial at one point came to.
#[derive(Debug, Default)]
struct Tally {
    died: u32,
    asked: u32,
    began_again: u32,
}

/// Dies there, goes on, and holds what came of it against a run that nobody interrupted.
fn dies(scene: &Scene, class: &str, point: &str, time: u64, whole: &Fold, tally: &mut Tally) {
    let (trial, flow, at) = (scene.trial(), format!("{class}.yaml"), format!("{class}: {point} {time}"));
    let died = trial.run(&flow, &format!("die {point} {time}"));
    // Heads are signed in a thread of their own, as often as it comes to: it may not be reached so often again.
    assert!(
        died.code.is_none() || point == "HeadSigned" || point.starts_with("Transaction"),
        "{at}: {died:?}"
    );
    tally.died += u32::from(died.code.is_none());
    goes_on(&trial, class, &at, whole, tally);
}

/// The next command goes on to what an uninterrupted run comes to.
fn goes_on(trial: &Trial<'_>, class: &str, at: &str, whole: &Fold, tally: &mut Tally) {
    trial.verify();
    if trial.runs().is_empty() {
        // Nothing of it was acknowledged, so nothing of it may have happened.
        assert_eq!(trial.effects(), [], "{at}");
        trial.stage.kapell(&["run", &format!("{class}.yaml")]).ends(0);
        tally.began_again += 1;
    }
    let runs = trial.runs();
    assert_eq!(runs.len(), 1, "{at}");
    let (run, state) = &runs[0];
    if state == "in-doubt" {
        assert_eq!(class, "once", "{at}");
        settle(trial, run, at);
        tally.asked += 1;
    }
    assert_eq!(trial.fold(run), *whole, "{at}: {:#?}", trial.entries(run));
    counted(trial, class, at);
    trial.verify();
}

/// What nobody knows a person is asked, in these words, and says what the server saw.
pub(crate) fn settle(trial: &Trial<'_>, run: &str, at: &str) {
    let entries = trial.entries(run);
    let asked = &entries.last().unwrap()["body"]["question-asked"];
    let words = "The host stopped while local:order-once 1.0.0#run was under way. It must not happen twice. Did it happen?";
    assert_eq!((&asked["text"], &asked["reason"]), (&Value::from(words), &Value::from("doubt")), "{at}");
    let answer = match trial.effects().len() {
        0 => r#"{"tag":"again"}"#,
        1 => r#"{"tag":"done","val":"200 hello"}"#,
        more => panic!("{at}: it happened {more} times"),
    };
    let shown = asked["shown"]["digest"].as_str().unwrap();
    trial.stage.kapell(&["gates", "answer", run, answer, "--shown", shown]).ends(0);
}

/// Once is once; what may be repeated is the same request under the same key.
pub(crate) fn counted(trial: &Trial<'_>, class: &str, at: &str) {
    let effects = trial.effects();
    match class {
        "none" => assert_eq!(effects, [], "{at}"),
        "reads" => {
            assert!(!effects.is_empty() && effects.iter().all(|(line, _)| line.starts_with("GET ")), "{at}")
        }
        "once" => assert_eq!(effects.len(), 1, "{at}: {effects:?}"),
        _ => {
            let keys: BTreeSet<_> = effects.iter().map(|(_, key)| key.clone()).collect();
            assert!(keys.len() == 1 && keys.iter().all(Option::is_some), "{at}: {effects:?}");
        }
    }
}

/// A run nobody interrupts, and how often it reaches each point.
fn uninterrupted(scene: &Scene, class: &str) -> (Fold, BTreeMap<String, u64>) {
    let trial = scene.trial();
    let times = trial.traced(&["run", &format!("{class}.yaml")]);
    let fold = trial.fold("last");
    counted(&trial, class, class);
    (fold, times)
}

/// The moments of a run in which something may go wrong, each point with the times it is reached: all of them with
/// `KAPELL_FAULT_TIMES=all`, else the last, and those of the step that touches the world.
fn moments(times: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let all = std::env::var("KAPELL_FAULT_TIMES").is_ok_and(|times| times == "all");
    let some = |point: &str, times: u64| -> BTreeSet<u64> {
        match point {
            _ if all => (1..=times).collect(),
            // It is the second of three.
            "Intended" | "Performed" => [2].into(),
            "Committed" => [2, 3].into(),
            // The last one keeps a signed head, and nobody waits for it.
            _ if point.starts_with("Transaction") => [times / 2, times].into(),
            _ => [times].into(),
        }
    };
    times
        .into_iter()
        .flat_map(|(point, times)| some(&point, times).into_iter().map(move |time| (point.clone(), time)))
        .collect()
}

#[test]
fn whatever_the_moment_it_dies_at_nothing_is_lost_and_nothing_done_twice() {
    let (scene, mut tally) = (Scene::new(), Tally::default());
    for (class, _) in CLASSES {
        let (whole, times) = uninterrupted(&scene, class);
        for (point, time) in moments(times) {
            dies(&scene, class, &point, time, &whole, &mut tally);
        }
    }
    eprintln!("{tally:?}");
    assert!(tally.asked > 1 && tally.began_again > 0, "{tally:?}");
}

/// From a point on the disk takes nothing more, or answers with an error: the program says so and ends, and once the disk is
/// well again the next command goes on.
#[test]
fn a_disk_that_refuses_stops_the_run_and_loses_nothing() {
    let (scene, mut tally) = (Scene::new(), Tally::default());
    let (whole, times) = uninterrupted(&scene, "once");
    // The network is no disk.
    for (point, time) in moments(times).into_iter().filter(|(point, _)| point != "RequestSent") {
        for fault in ["full", "broken"] {
            refused(&scene, fault, &point, time, &whole, &mut tally);
        }
    }
    eprintln!("{tally:?}");
    assert!(tally.asked > 1 && tally.died > 15, "{tally:?}");
}

fn refused(scene: &Scene, fault: &str, point: &str, time: u64, whole: &Fold, tally: &mut Tally) {
    let (trial, at) = (scene.trial(), format!("{fault} {point} {time}"));
    let said = trial.run("once.yaml", &at);
    // What is only told, signed or moved later keeps no run from its end.
    let behind = point == "HeadSigned" || point.starts_with("Transaction");
    match said.code {
        Some(0) => assert!(behind, "{at}: {said:?}"),
        Some(70) => {
            assert!(said.err.contains("error: ") && said.err.contains("hint: "), "{at}: {}", said.err);
            tally.died += 1;
        }
        other => panic!("{at}: ended with {other:?}: {said:?}"),
    }
    goes_on(&trial, "once", &at, whole, tally);
}

/// A point nobody reaches shows nothing: the commands here reach all of them between them.
#[test]
fn every_point_is_reached() {
    let scene = Scene::new();
    let mut reached: BTreeSet<String> = uninterrupted(&scene, "once").1.into_keys().collect();
    let trial = scene.trial();
    trial.stage.write("each.yaml", EACH);
    let lines: String = (0..60).map(|number| format!("{{\"name\":\"{number}\"}}\n")).collect();
    trial.stage.write("lines.jsonl", lines);
    // Enough for the write-ahead log to be moved.
    reached.extend(trial.traced(&["run", "each.yaml", "--each", "lines.jsonl"]).into_keys());
    let (new, project) = (Stage::empty(), trial.stage.project());
    let trace = new.project().join("trace");
    let skill = project.join("writes-file.wasm");
    for arguments in [&["init", "--locked"][..], &["add", skill.to_str().unwrap()]] {
        let armed = format!("trace {}", trace.display());
        assert!(new.command(arguments).env("KAPELL_FAULT", armed).output().unwrap().status.success());
    }
    reached.extend(fs::read_to_string(trace).unwrap().lines().map(str::to_owned));
    let all: BTreeSet<String> = FaultPoint::ALL.iter().map(|point| format!("{point:?}")).collect();
    assert_eq!(all.difference(&reached).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// A database whose pages can't be brought to the disk is no place for more of them.
#[test]
fn a_write_ahead_log_that_cannot_be_moved_stops_whoever_writes() {
    let scene = Scene::new();
    let trial = scene.trial();
    trial.stage.write("each.yaml", EACH);
    let lines: String = (0..150).map(|number| format!("{{\"name\":\"{number}\"}}\n")).collect();
    trial.stage.write("lines.jsonl", lines);
    let each = ["run", "each.yaml", "--each", "lines.jsonl"];
    let said = trial.armed(&each, "broken LogMoving 1");
    assert_eq!(said.code, Some(70), "{said:?}");
    assert!(said.err.contains("the journal cannot be written"), "{}", said.err);
    trial.verify();
    trial.stage.kapell(&each).ends(0);
    let runs = trial.runs();
    assert_eq!((runs.len(), runs.iter().all(|(_, state)| state == "done")), (150, true));
}

const EACH: &str = "\
flow: each
version: '1'
inputs: { name: string }
steps:
  - id: counted
    use: local:keyvalue-commands#run
    with: { input: \"set orders ${{ inputs.name }}\" }
  - id: named
    use: local:order-none#run
    with: { input: \"${{ inputs.name }}\" }
";

/// Where each point stands, a line each: one more, or one less, is a line in a review.
#[test]
fn a_new_fault_point_is_a_line_in_a_review() {
    let mut lines = BTreeSet::new();
    for path in rust_files("host") {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for found in code.split("reach(FaultPoint::").chain(code.split("reached(FaultPoint::")).skip(1) {
            let point: String = found.chars().take_while(|letter| letter.is_alphanumeric()).collect();
            if FaultPoint::ALL.iter().any(|known| format!("{known:?}") == point) {
                lines.insert(format!("{point:<19} {}", shown(&path)));
            }
        }
    }
    for point in FaultPoint::ALL {
        assert!(
            lines.iter().any(|line| line.starts_with(&format!("{point:?} "))),
            "{point:?} stands nowhere"
        );
    }
    let listed: String = lines.into_iter().map(|line| line + "\n").collect();
    let golden = repository().join("tests/golden/fault-points.txt");
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        expected == listed,
        "the fault points have changed. If that is meant, {} becomes:\n\n{listed}",
        shown(&golden)
    );
}

/// Nothing but tests asks for the feature: what people build has no points, and reads no variable about them.
#[test]
fn no_build_for_people_has_fault_points() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let arguments =
        ["tree", "--offline", "-p", "kapell", "-e", "normal,build,features", "-i", "kapell-model"];
    let said = cargo.args(arguments).current_dir(repository()).output().unwrap();
    let tree = String::from_utf8(said.stdout).unwrap();
    assert!(tree.contains("kapell v") && !tree.contains("fault-points"), "{tree}");
}
