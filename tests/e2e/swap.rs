//! A newer skill comes in while a run waits: the run keeps its bytes, the next one takes the new ones.

use crate::stage::{Stage, repository};
use serde_json::Value;

const FLOW: &str = "\
flow: named
version: '1'
steps:
  - id: whom
    ask: host
    question: Whom?
    answer: string
    expire: 1d
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ whom.answer }}\" }
outputs: { greeting: greeting }
";

/// The bytes each attempt of a run ran with, by the journal.
fn ran(stage: &Stage, run: &str) -> Vec<String> {
    let journal = stage.kapell(&["runs", "show", run, "--json"]).ends(0).json();
    let entries = journal["entries"].as_array().unwrap().clone();
    let pins = entries.iter().filter_map(|entry| entry.pointer("/body/attempt-started/skill/component"));
    pins.map(|digest| digest.as_str().unwrap().to_owned()).collect()
}

fn greeting(said: &Value) -> &str {
    said["output"]["greeting"].as_str().unwrap()
}

#[test]
fn a_waiting_run_keeps_its_bytes_and_the_next_one_takes_the_newer() {
    let stage = Stage::empty();
    stage.write("policy.toml", "version = 1\n[role.host]\npeople = [\"user:*\"]\n");
    stage.write("named.yaml", FLOW);
    stage.add(&["hello"]);
    stage.kapell(&["run", "named.yaml"]).ends(0);
    let newer = repository().join("examples/06-swap/hello-1.1");
    stage.kapell(&["add", &newer.display().to_string()]).ends(0);
    stage.kapell(&["run", "named.yaml"]).ends(0);
    let answer = |run| stage.kapell(&["gates", "answer", run, "Ada", "--json"]).ends(0).json();
    assert_eq!(greeting(&answer("named-1")), "Hello, Ada!");
    assert_eq!(greeting(&answer("named-2")), "Good day, Ada!");
    let (old, new) = (ran(&stage, "named-1"), ran(&stage, "named-2"));
    assert_eq!((old.len(), new.len()), (1, 1));
    assert_ne!(old, new);

    stage.kapell(&["skills", "use", "kapell:hello", "1.0.0"]).ends(0);
    stage.kapell(&["run", "named.yaml"]).ends(0);
    assert_eq!(greeting(&answer("named-3")), "Hello, Ada!");
    assert_eq!(ran(&stage, "named-3"), old);
    stage.kapell(&["skills", "use", "kapell:hello", "7.0.0"]).ends(10);
}
