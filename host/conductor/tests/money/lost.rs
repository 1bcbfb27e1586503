//! What an attempt may have cost that the host itself died in, and rungs that are too dear.

use crate::stage::{self, Act, Stage, ask, call, expecting, flow, with_ladder};
use kapell_conductor::answer::Said;
use kapell_journal::seam::Journals as _;
use kapell_model::plan::Plan;
use kapell_report::cost::{By, ledger, summed};
use serde_json::{Value, json};

fn with_model(mut call: Value) -> Value {
    let grant = json!({
        "kind": "inference", "tier": "cheap", "calls_max": 1, "tokens_max": 9, "money_max": "0.10 EUR",
    });
    call["grants"] = json!({ "grants": [{ "name": "cheap", "rule": "models", "authority": grant }] });
    call
}

/// A flow of one step that asks a model.
fn asking_a_model() -> Plan {
    let mut step = call("work", json!({ "kind": "literal", "value": 1 }));
    step["call"] = with_model(step["call"].take());
    flow([("a", step)])
}

/// The host dies in the first attempt, and the run is taken up again.
async fn died(plan: Plan) -> (Stage, kapell_conductor::drive::Standing) {
    let stage = Stage::new([("work", Act::answers(json!(1)).paying("0.02 EUR"))]);
    stage.cut_after(1);
    stage.run(plan).await.err().unwrap();
    let stage = stage.restarted();
    let standing = stage.conductor.resume(&"flow-1".parse().unwrap()).await.unwrap();
    (stage, standing)
}

#[tokio::test]
async fn an_attempt_the_host_died_in_is_charged_the_most_its_models_can_have_cost() {
    let (stage, standing) = died(asking_a_model()).await;
    assert_eq!((standing.state.word(), stage.performed()), ("done", 1));
    let log = stage.log(&standing);
    let told =
        "try 1: lost: nothing of it became real; 0.10 EUR is charged, the most its models can have cost";
    assert!(log.contains(told), "{log}");
    let entries = stage.store.entries(&standing.state.run).unwrap();
    let lines = ledger(&entries, &standing.state, &standing.program.tariff.tariff).unwrap();
    let estimated: Vec<String> =
        lines.iter().filter(|line| line.estimated).map(|line| line.money.to_string()).collect();
    assert_eq!(estimated, ["0.10 EUR"], "it is said to be the most");
    let rows = summed(&lines, By::Run).unwrap();
    assert_eq!(Some(&rows[0].total), standing.state.spent.as_ref());
}

#[tokio::test]
async fn what_a_lost_attempt_may_have_cost_counts_against_the_budget() {
    let with = |most: &str| {
        let mut plan = asking_a_model();
        plan.budget.money = Some(most.parse().unwrap());
        plan
    };
    let (stage, standing) = died(with("0.20 EUR")).await;
    assert_eq!((standing.state.word(), stage.performed()), ("over-budget", 0));
    let (stage, standing) = died(with("0.21 EUR")).await;
    assert_eq!((standing.state.word(), stage.performed()), ("done", 1));
}

#[tokio::test]
async fn nothing_is_charged_for_a_lost_attempt_that_could_ask_no_model() {
    let (_, standing) = died(flow([("a", call("work", json!({ "kind": "literal", "value": 1 })))])).await;
    let first = &standing.state.steps["a"].attempts[0];
    assert_eq!(first.started.models_at_most, None);
    assert_eq!(first.ended.as_ref().unwrap().receipt.money.to_string(), "0.00 EUR");
}

/// A cheap rung that is not good enough, one that asks a dear model, and a person.
fn ladder(rungs: &[Value]) -> Plan {
    let cheap = call("words", json!({ "kind": "literal", "value": "t" }));
    let step = with_ladder(expecting(cheap, "label.confidence >= 0.8"), json!(rungs));
    let mut plan = flow([("label", step)]);
    plan.budget.money = Some("0.05 EUR".parse().unwrap());
    plan
}

fn dear() -> Value {
    let call = stage::callee("work", json!({ "kind": "literal", "value": "t" }));
    json!({ "kind": "use", "call": with_model(call) })
}

fn person() -> Value {
    json!({ "kind": "ask", "question": ask("support", "Which?", &[("guess", "label")]) })
}

fn unsure() -> Stage {
    Stage::new([
        ("words", Act::answers(json!({ "confidence": 0.4 }))),
        ("work", Act::answers(json!({ "confidence": 0.9 }))),
    ])
}

#[tokio::test]
async fn a_rung_that_would_pass_the_budget_is_passed_over_for_the_next() {
    let stage = unsure();
    let waiting = stage.run(ladder(&[dear(), person()])).await.unwrap();
    assert_eq!((waiting.state.word(), stage.performed()), ("waiting", 1));
    let log = stage.log(&waiting);
    let moved: Vec<&str> = log.lines().filter(|line| line.contains("ladder:")).collect();
    assert_eq!(moved.len(), 2, "{log}");
    assert!(moved[1].contains("it would pass the budget: the next step may cost 0.10"), "{}", moved[1]);
    let done = stage.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!(done.state.word(), "done");
}

#[tokio::test]
async fn the_last_rung_that_would_pass_the_budget_ends_the_run_by_it() {
    let stage = unsure();
    let over = stage.run(ladder(&[dear()])).await.unwrap();
    assert_eq!((over.state.word(), stage.performed()), ("over-budget", 1));
}

#[tokio::test]
async fn a_rung_somebody_may_let_pass_is_asked_about_and_passed_over_after_a_no() {
    let stage = unsure();
    let mut plan = ladder(&[dear(), person()]);
    plan.budget.over = Some("legal".parse().unwrap());
    let asked = stage.run(plan).await.unwrap();
    assert!(asked.state.question.as_ref().unwrap().asked.reason.is_budget());
    let next = stage.say(&asked, Said::Reject).await.unwrap();
    let question = &next.state.question.as_ref().unwrap().asked;
    assert_eq!((question.text.as_str(), stage.performed()), ("Which?", 1));
}
