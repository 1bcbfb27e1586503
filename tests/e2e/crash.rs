//! The program is killed with -9 at a chosen moment, and the next command goes on from the journal.

mod damage; // bytes that change or go missing
mod decisions; // answers, approvals, swaps, stops: so, or not so
mod disk; // full, read only, shared by several processes
mod kills; // at moments nobody chose, a thousand times when asked
mod points; // at every fault point, for every class of effect
mod scene; // a flow that does something of each kind, a server that counts what reaches the world

use crate::stage::Stage;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};

/// An account is made, and then a step works long enough to be killed in.
const FLOW: &str = "\
flow: patient
version: '1'
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: Ada }
  - id: account
    use: kapell:crm-account#create
    with: { customer: { name: Acme Ltd, email: ops@acme.example, contact: '' }, accepted: [] }
  - id: practice
    use: kapell:hello#rehearse
    with: { name: Ada, times: 30000000 }
outputs: { account: account, practice: practice }
";

const POLICY: &str = "\
version = 1

[[rule]]
id = \"accounts\"
skill = \"kapell:crm-account\"
kind = \"keyvalue\"
name = \"accounts\"
bind = \"namespace:crm\"
access = \"read-write\"
most = { keys = 10, bytes = \"1MiB\" }

[limits.any]
fuel = 10_000_000_000
deadline = \"60s\"
";

fn patient() -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", POLICY);
    stage.write("patient.yaml", FLOW);
    stage.add(&["hello", "crm-account"]);
    stage
}

/// Runs the flow and kills the program as soon as it says a line that begins so.
fn killed_at(stage: &Stage, begins: &str) {
    let mut child = stage.command(&["run", "patient.yaml"]).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let found = said.lines().any(|line| line.unwrap().trim_start().starts_with(begins));
    child.kill().unwrap();
    assert!(found, "the program never said {begins}");
    assert_eq!(child.wait().unwrap().code(), None, "the program was over before it could be killed");
}

fn entries(stage: &Stage) -> Vec<Value> {
    let journal = stage.kapell(&["runs", "show", "patient-1", "--json"]).ends(0).json();
    journal["entries"].as_array().unwrap().clone()
}

fn outputs_of(entries: &[Value], step: &str) -> usize {
    let body = |entry: &&Value| {
        let ended = &entry["body"]["attempt-ended"];
        ended["step"] == step && ended["ending"].get("output").is_some()
    };
    entries.iter().filter(body).count()
}

#[test]
fn wherever_it_is_killed_it_goes_on_and_the_account_is_made_once() {
    for moment in ["patient-1 ", "greeting ", "account "] {
        let stage = patient();
        killed_at(&stage, moment);
        // Any command that opens the home moves what was cut off.
        stage.kapell(&["runs", "list"]).ends(0);
        let entries = entries(&stage);
        for step in ["greeting", "account", "practice"] {
            assert_eq!(outputs_of(&entries, step), 1, "{step} after {moment}: {entries:#?}");
        }
        let sequence: Vec<u64> = entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
        assert_eq!(sequence, (1..=entries.len() as u64).collect::<Vec<_>>(), "after {moment}");
        let same = r#"{"customer": {"name": "Acme Ltd", "email": "ops@acme.example", "contact": ""}, "accepted": []}"#;
        let found = stage.kapell(&["call", "kapell:crm-account", "create", same, "--json"]).ends(0).json();
        assert_eq!(found["output"]["output"]["created"], false, "after {moment}: {found}");
        assert_eq!(found["output"]["output"]["id"], "acme-ltd", "after {moment}: {found}");
    }
}

#[test]
fn a_run_that_is_still_driven_is_left_to_its_driver() {
    let stage = patient();
    let mut child = stage.command(&["run", "patient.yaml"]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().trim_start().starts_with("account ")));
    stage.kapell(&["runs", "list"]).ends(0);
    let rest: Vec<String> = said.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    let entries = entries(&stage);
    assert!(!entries.iter().any(|entry| entry["body"].get("run-resumed").is_some()), "{entries:#?}");
    assert_eq!(outputs_of(&entries, "practice"), 1);
}
