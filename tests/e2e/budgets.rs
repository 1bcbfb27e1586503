//! A budget that would be passed asks, through the real program: a yes lets the attempt begin, a no ends the run.

use crate::stage::Stage;

const FLOW: &str = "\
flow: dear
version: '1'
budget: { money: 0.00001 EUR, over: ask lead }
inputs: { name: string }
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
outputs: { greeting: greeting }
";

/// A run that waits because its first attempt may cost more than there is.
fn asked() -> Stage {
    let stage = Stage::empty();
    stage.add(&["hello"]);
    stage.write("policy.toml", "version = 1\n[role.lead]\npeople = [\"user:ada\"]\n");
    stage.write("dear.yaml", FLOW);
    let said = stage.kapell(&["run", "dear.yaml", "-i", "name=Bo", "--no-wait"]).ends(5);
    assert!(said.err.contains("A budget would be passed: the next step may cost"), "{}", said.err);
    stage
}

#[test]
fn a_yes_lets_the_attempt_begin_and_another_s_yes_does_not() {
    let stage = asked();
    stage.kapell(&["gates", "approve", "last", "--as", "user:bob"]).ends(4);
    let said = stage.kapell(&["gates", "approve", "last", "--as", "user:ada", "--minutes", "1"]).ends(0);
    assert!(said.out.contains("Hello, Bo!"), "{}", said.out);
    let log = stage.kapell(&["runs", "show", "last"]).ends(0).out;
    assert!(log.contains("question 1 past the run's budget to lead"), "{log}");
}

#[test]
fn a_no_ends_the_run_over_budget() {
    let stage = asked();
    let no = ["gates", "reject", "last", "--as", "user:ada", "--reason", "too dear"];
    let said = stage.kapell(&no).ends(7);
    assert!(said.err.contains("user:ada said no: too dear"), "{}", said.err);
    assert!(!stage.kapell(&["runs", "show", "last"]).ends(0).out.contains("try 1"));
}
