//! A flow for each line of a file: some at a time, each line once, whatever stands in it and whenever it is killed.

use crate::stage::Stage;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};

const FLOW: &str = "\
flow: hi
version: '1'
inputs: { name: string, times: { type: integer, default: 1 } }
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
  - id: agreed
    when: inputs.name == 'the board'
    ask: editor
    question: Do we greet them?
    expire: 3d
outputs: { greeting: greeting }
";

const POLICY: &str = "version = 1\n\n[role.editor]\npeople = [\"user:*\"]\n";

fn stage() -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", POLICY);
    stage.write("hi.yaml", FLOW);
    stage.add(&["hello"]);
    stage
}

/// Lines with a name each.
fn names(count: usize) -> String {
    (0..count).fold(String::new(), |mut lines, number| {
        let _ = writeln!(lines, "{}", json!({ "name": format!("n{number}") }));
        lines
    })
}

/// What is said of each line, and of all of them.
fn told(said: &str) -> (Vec<Value>, Value) {
    let mut lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let batch = lines.pop().unwrap();
    assert_eq!(batch["schema"], "kapell.batch/1");
    (lines, batch["summary"].clone())
}

fn each(stage: &Stage, more: &[&str]) -> (Vec<Value>, Value) {
    let arguments = [&["run", "hi.yaml", "--each", "lines.jsonl", "--json"], more].concat();
    let said = stage.command(&arguments).output().unwrap();
    told(&String::from_utf8(said.stdout).unwrap())
}

fn runs(stage: &Stage) -> Vec<Value> {
    stage.kapell(&["runs", "list", "--json"]).ends(0).json()["runs"].as_array().unwrap().clone()
}

#[test]
fn a_killed_batch_goes_on_and_no_line_is_run_twice() {
    const LINES: usize = 600;
    let stage = stage();
    stage.write("lines.jsonl", names(LINES));
    for stop_after in [1, 40, 120] {
        let arguments = ["run", "hi.yaml", "--each", "lines.jsonl", "--json", "--jobs", "8"];
        let mut child = stage.command(&arguments).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        assert_eq!(said.lines().take(stop_after).filter(Result::is_ok).count(), stop_after);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it was over before it could be killed");
    }
    let (lines, summary) = each(&stage, &["--jobs", "8"]);
    assert_eq!(summary["done-without-a-person"], LINES);
    assert!(summary["before"].as_u64().unwrap() >= 120, "{summary}");
    let ids: BTreeSet<&str> = lines.iter().map(|line| line["run"].as_str().unwrap()).collect();
    let runs = runs(&stage);
    assert_eq!((ids.len(), runs.len()), (LINES, LINES));
    assert!(runs.iter().all(|run| run["state"] == "done"));
}

#[test]
fn two_processes_share_a_batch_and_no_line_is_run_twice() {
    const LINES: usize = 200;
    let stage = stage();
    stage.write("lines.jsonl", names(LINES));
    let arguments = ["run", "hi.yaml", "--each", "lines.jsonl", "--json"];
    let begun = [(); 2].map(|()| stage.command(&arguments).spawn().unwrap());
    for child in begun {
        let said = child.wait_with_output().unwrap();
        let (lines, summary) = told(&String::from_utf8(said.stdout).unwrap());
        assert_eq!(lines.len(), LINES, "{summary}");
        assert!(said.status.success());
    }
    assert_eq!(runs(&stage).len(), LINES);
}

#[test]
fn a_line_is_what_it_holds_and_not_where_it_stands() {
    let stage = stage();
    stage.write("lines.jsonl", "{\"name\": \"a\"}\n{\"name\": \"b\"}\n{\"name\": \"a\"}\n");
    assert_eq!(each(&stage, &[]).1["before"], 0);
    assert_eq!(runs(&stage).len(), 3, "two lines that hold the same are two");

    stage.write(
        "lines.jsonl",
        "\n{ \"times\": 1, \"name\":\"b\" }\r\n{\"name\":\"a\"}\n\n{\"name\":\"c\"}\n{\"name\":\"a\"}",
    );
    let (lines, summary) = each(&stage, &["--jobs", "1"]);
    assert_eq!(summary["before"], 3, "{lines:?}");
    let new: Vec<&Value> =
        lines.iter().filter(|line| line["before"] == false).map(|line| &line["line"]).collect();
    assert_eq!(new, [5], "lines are counted as they stand");

    stage.write("hi.yaml", FLOW.replace("Do we greet", "Should we greet"));
    assert_eq!(each(&stage, &[]).1["before"], 0, "an edited flow is another one");
    assert_eq!(runs(&stage).len(), 8);
}

#[test]
fn a_bad_line_is_told_by_its_number_and_keeps_no_other_from_running() {
    let stage = stage();
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(17 << 20));
    let mut lines =
        format!("{{\"name\": \"a\"}}\nno json\n[1]\n{{\"name\": 4}}\n{{\"nam\": \"a\"}}\n{long}\n")
            .into_bytes();
    lines.extend(b"{\"name\": \"\xff\"}\n{\"name\": \"b\", \"times\": 2, \"more\": 1}\n{\"name\": \"b\"}\n");
    lines.extend(b"{\"name\": \"b\", \"times\": 2, \"name\": \"the board\"}");
    stage.write("lines.jsonl", lines);
    let said = stage.kapell(&["run", "hi.yaml", "--each", "lines.jsonl", "--jobs", "1"]).ends(2);
    for (line, why) in [
        (2, "no JSON"),
        (3, "no object"),
        (4, "expected string"),
        (5, "missing"),
        (6, "it has more than 16 MiB"),
        (7, "no JSON"),
        (8, "`more`"),
        (10, "the key `name` stands there twice (column 32)"),
    ] {
        let told = said.err.lines().find(|told| told.starts_with(&format!("line {line}: ")));
        assert!(told.is_some_and(|told| told.contains(why)), "{line} {why}: {}", said.err);
    }
    assert!(said.out.contains("10 lines\n2  done without a person\n8  bad lines, not run\n"), "{}", said.out);
    assert_eq!(runs(&stage).len(), 2);
}

#[test]
fn what_waits_is_told_with_its_reason_and_the_exit_code_says_so() {
    let stage = stage();
    stage.write("lines.jsonl", "{\"name\": \"the board\"}\n{\"name\": \"a\"}\n");
    // One after the other: the first line is the first run.
    let arguments = ["run", "hi.yaml", "--each", "lines.jsonl", "--jobs", "1"];
    let said = stage.kapell(&[&arguments[..], &["--no-wait"]].concat()).ends(5);
    let waits = "1  waiting                agreed asks editor: `inputs.name == 'the board'` holds\n";
    assert!(said.out.contains(waits), "{}", said.out);
    stage.kapell(&arguments).ends(0);

    stage.kapell(&["gates", "reject", "hi-1", "--reason", "no"]).ends(6);
    let said = stage.kapell(&arguments).ends(1);
    assert!(said.err.contains("line 1: hi-1 rejected"), "{}", said.err);
}

#[test]
fn a_repeated_batch_spends_what_is_new_and_one_without_lines_says_so() {
    let stage = stage();
    stage.write("lines.jsonl", names(2));
    let arguments = ["run", "hi.yaml", "--each", "lines.jsonl"];
    let spent = |out: &str| out.lines().last().unwrap().to_owned();
    let first = spent(&stage.kapell(&arguments).ends(0).out);
    let (now, more) = first.strip_prefix("spent ").unwrap().split_once(" at example prices, fuel ").unwrap();
    assert!(now.ends_with(" EUR") && more != "0", "{first}");
    let again = spent(&stage.kapell(&arguments).ends(0).out);
    assert_eq!(again, format!("spent nothing now, fuel 0, and {now} before at example prices"));
    stage.write("lines.jsonl", "\n  \n");
    let said = stage.kapell(&arguments).ends(0);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "there is no line to run\n"));
}

#[test]
fn lines_come_from_standard_input_and_share_what_is_given_for_all() {
    let stage = stage();
    let arguments = ["run", "hi.yaml", "--each", "-", "-i", "times=3", "--json"];
    let said = stage.kapell_fed(&arguments, "{\"name\": \"a\"}\n{\"name\": \"b\", \"times\": 2}\n").ends(2);
    let (_, summary) = told(&said.out);
    assert_eq!((&summary["done-without-a-person"], &summary["bad"]), (&json!(1), &json!(1)));
    stage.kapell(&["run", "hi.yaml", "-i", "name=a", "--jobs", "2"]).ends(2);
    stage.kapell(&["run", "hi.yaml", "--each", "lines.jsonl", "--jobs", "0"]).ends(2);
    stage.kapell(&["run", "hi.yaml", "--each", "nowhere.jsonl"]).ends(10);
}
