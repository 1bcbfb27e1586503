//! Budgets of run and step: reserved before, settled after, and who may let one attempt pass.

use crate::stage::{Act, Stage, call, flow};
use kapell_conductor::answer::{AnswerError, Said};
use kapell_conductor::drive::DriveError;
use kapell_journal::entry::RunEnding;
use kapell_model::money::Money;
use kapell_model::plan::{Budget, Plan, Work};
use serde_json::json;

/// What one attempt may cost at its worst.
pub(super) async fn dearest() -> Money {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut plan = flow([("a", call("work", json!({ "kind": "literal", "value": 1 })))]);
    plan.budget.money = Some("1000 EUR".parse().unwrap());
    let done = stage.run(plan).await.unwrap();
    done.state.steps["a"].attempts[0].started.reserved.clone().unwrap()
}

/// One step that is tried again three times after a trap.
fn trying() -> Plan {
    let mut plan = flow([("a", call("work", json!({ "kind": "literal", "value": 1 })))]);
    if let Work::Call { retry, .. } = &mut plan.steps[0].work {
        *retry = 3;
    }
    plan
}

/// Room for one attempt, and nothing more once it has cost something.
async fn tight(over: Option<&str>) -> Budget {
    Budget { money: Some(dearest().await), work: None, over: over.map(|role| role.parse().unwrap()) }
}

async fn step_budget(traps: usize, over: Option<&str>) -> (Stage, Plan) {
    let mut plan = trying();
    plan.steps[0].budget = tight(over).await;
    (Stage::new([("work", Act::traps_then(traps, json!(1)))]), plan)
}

#[tokio::test]
async fn a_steps_budget_ends_the_run_where_nobody_may_let_it_pass() {
    let (stage, plan) = step_budget(1, None).await;
    let over = stage.run(plan).await.unwrap();
    assert_eq!((over.state.word(), stage.performed()), ("over-budget", 1));
    let (stage, plan) = step_budget(0, None).await;
    assert_eq!(stage.run(plan).await.unwrap().state.word(), "done", "the first attempt had room");
}

#[tokio::test]
async fn a_steps_working_time_is_its_own() {
    let stage = Stage::new([("work", Act::answers(json!(1)).taking_micros(30_000))]);
    let step = || call("work", json!({ "kind": "literal", "value": 1 }));
    let mut plan = flow([("a", step()), ("b", step())]);
    plan.steps[1].budget.work = Some("20ms".parse().unwrap());
    assert_eq!(stage.run(plan).await.unwrap().state.word(), "done", "what other steps used is not its own");
    assert_eq!(stage.deadlines()[1], 20);
}

#[tokio::test]
async fn a_yes_lets_exactly_one_attempt_pass() {
    let (stage, plan) = step_budget(2, Some("legal")).await;
    let waiting = stage.run(plan).await.unwrap();
    assert_eq!((waiting.state.word(), stage.performed()), ("waiting", 1));
    let again = stage.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!((again.state.word(), stage.performed()), ("waiting", 2), "the next one is asked about again");
    let done = stage.say(&again, Said::Approve).await.unwrap();
    assert_eq!((done.state.word(), stage.performed()), ("done", 3));
    let log = stage.log(&done);
    insta::assert_snapshot!(log.lines().filter(|line| line.contains("  a  ")).collect::<Vec<_>>().join("\n"), @r#"
     2  00:00:00.000  a             try 1: test:work 1.0.0 (00e13ed7af55) work, effects none
     3  00:00:00.000  a             try 1: stopped by crash: scripted; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
     4  00:00:00.000  a             question 1 past the step's budget to legal: A budget would be passed: the next step may cost 0.0020225 EUR, 0.00001002 EUR of 0.0020225 EUR is spent. Let test:work 1.0.0#work begin all the same? (shown 7e09780fd6f3)
     5  00:00:00.000  a             question 1: approved by user:anna; 2.70 EUR estimated
     6  00:00:00.000  a             try 2: test:work 1.0.0 (00e13ed7af55) work, effects none
     7  00:00:00.000  a             try 2: stopped by crash: scripted; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
     8  00:00:00.000  a             question 2 past the step's budget to legal: A budget would be passed: the next step may cost 0.0020225 EUR, 0.00002004 EUR of 0.0020225 EUR is spent. Let test:work 1.0.0#work begin all the same? (shown eee7720befa4)
     9  00:00:00.000  a             question 2: approved by user:anna; 2.70 EUR estimated
    10  00:00:00.000  a             try 3: test:work 1.0.0 (00e13ed7af55) work, effects none
    11  00:00:00.000  a             try 3: output 1; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
    "#);
}

#[tokio::test]
async fn a_no_ends_the_run_as_over_budget() {
    let (stage, plan) = step_budget(1, Some("legal")).await;
    let waiting = stage.run(plan).await.unwrap();
    let over = stage.say(&waiting, Said::Reject).await.unwrap();
    let ended = over.state.ended.unwrap();
    assert_eq!((ended.state, stage.performed()), (RunEnding::OverBudget, 1));
    insta::assert_snapshot!(ended.reason.unwrap(), @r#"
    the next step may cost 0.0020225 EUR, 0.00001002 EUR of 0.0020225 EUR is spent; user:anna said no: no reason given
    "#);
}

#[tokio::test]
async fn each_budget_is_asked_about_by_itself() {
    let (stage, mut plan) = step_budget(1, Some("support")).await;
    plan.budget = tight(Some("legal")).await;
    let waiting = stage.run(plan).await.unwrap();
    let asks = |standing: &kapell_conductor::drive::Standing| {
        standing.state.question.as_ref().map(|open| open.asked.role.to_string())
    };
    assert_eq!(asks(&waiting).as_deref(), Some("legal"));
    let next = stage.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!((asks(&next).as_deref(), stage.performed()), (Some("support"), 1));
    let done = stage.say(&next, Said::Approve).await.unwrap();
    assert_eq!((done.state.word(), stage.performed()), ("done", 2));
}

#[tokio::test]
async fn nobody_else_lets_a_budget_pass_and_nobody_overrides_it() {
    let (stage, plan) = step_budget(1, Some("legal")).await;
    let waiting = stage.run(plan).await.unwrap();
    let run = &waiting.state.run;
    let mut given = stage.given(&waiting, Said::Approve);
    given.by = "user:gina".into();
    let refused = stage.conductor.answer(run, &given).await.err().unwrap();
    assert!(matches!(refused, DriveError::Answer(AnswerError::NotAsked { .. })), "{refused}");
    let mut given = stage.given(&waiting, Said::Override);
    given.reason = Some("now".into());
    let refused = stage.conductor.answer(run, &given).await.err().unwrap();
    assert!(matches!(refused, DriveError::Answer(AnswerError::NoOverride(_))), "{refused}");
    assert_eq!(stage.performed(), 1);
}

#[tokio::test]
async fn a_budget_that_asks_survives_its_process() {
    let (stage, plan) = step_budget(1, Some("legal")).await;
    let waiting = stage.run(plan).await.unwrap();
    let next = stage.restarted();
    // The script begins anew with the process, so its next attempt traps as well and is asked about again.
    let again = next.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!((again.state.word(), next.performed()), ("waiting", 1));
    assert_eq!(again.state.steps["a"].attempts.len(), 2);
}
