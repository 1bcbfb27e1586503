//! What all runs of a flow together may cost in a period: held when the intent becomes durable, settled with the
//! ending, and always what the journal adds up to.

use super::budgets::dearest;
use crate::stage::{Act, Stage, call, flow};
use kapell_conductor::answer::Said;
use kapell_conductor::drive::Standing;
use kapell_journal::entry::RunEnding;
use kapell_journal::seam::Journals as _;
use kapell_journal::spending::{Spending, add_run};
use kapell_model::id::RunId;
use kapell_model::money::Money;
use kapell_model::plan::{PeriodBudget, Plan};
use kapell_model::seam::KeyvalueReads as _;
use serde_json::json;

/// 2026-11-30, the last day of its month and the first of its week.
const MONDAY: u64 = 1_796_000_400_000;
const DAY: u64 = 86_400_000;

fn budget(per: &str, most: &Money, over: Option<&str>) -> PeriodBudget {
    serde_json::from_value(json!({ "per": per, "most": most, "over": over })).unwrap()
}

/// One step, in a flow with these budgets.
fn plan(budgets: &[PeriodBudget]) -> Plan {
    let mut plan = flow([("a", call("work", json!({ "kind": "literal", "value": 1 })))]);
    plan.flow_budgets = budgets.to_vec();
    plan
}

fn stage() -> Stage {
    let stage = Stage::new([("work", Act::answers(json!(1)).writing("k", b"written"))]);
    stage.set_clock(MONDAY);
    stage
}

/// What is kept of spending, after a look whether the journal adds up to the same.
fn spent(stage: &Stage) -> Vec<String> {
    let mut counted = Spending::new();
    for row in stage.store.runs().unwrap() {
        add_run(&mut counted, &row.run, &stage.store.entries(&row.run).unwrap()).unwrap();
    }
    let kept = stage.store.spending().unwrap();
    let counted: Vec<_> = counted.into_iter().map(|((_, day, _), money)| (day, money)).collect();
    assert_eq!(kept.iter().map(|it| (it.day, it.money.clone())).collect::<Vec<_>>(), counted);
    kept.iter().map(|it| format!("{} {}", it.day, it.money)).collect()
}

fn why(standing: &Standing) -> (RunEnding, &str) {
    let ended = standing.state.ended.as_ref().unwrap();
    (ended.state, ended.reason.as_deref().unwrap_or_default())
}

#[tokio::test]
async fn a_run_that_would_pass_what_all_may_cost_ends_and_the_next_period_begins_anew() {
    let stage = stage();
    let plan = plan(&[budget("month", &dearest().await, None)]);
    assert_eq!(stage.run(plan.clone()).await.unwrap().state.word(), "done", "the first one has room");
    let over = stage.run(plan.clone()).await.unwrap();
    assert_eq!(stage.performed(), 1);
    insta::assert_snapshot!(why(&over).1, @r#"
    the next step may cost 0.0020225 EUR and would bring all runs of the flow to 0.00203252 EUR this month, 0.0020225 EUR at most
    "#);
    insta::assert_snapshot!(stage.log(&over), @r#"
       2026-11-30 (UTC)
    1  01:00:00.000  run           began: flow 1 by user:anna; plan 558e39bbba61, policy e3b0c44298fc, tariff 115a38054c83
    2  01:00:00.000  a             does not begin: all runs would come to 0.00203252 EUR in the month from 2026-11-01, 0.0020225 EUR at most
    3  01:00:00.000  run           over-budget at a: the next step may cost 0.0020225 EUR and would bring all runs of the flow to 0.00203252 EUR this month, 0.0020225 EUR at most
    "#);
    assert_eq!(why(&over).0, RunEnding::OverBudget);
    stage.set_clock(MONDAY + DAY);
    assert_eq!(stage.run(plan).await.unwrap().state.word(), "done", "it is December");
    insta::assert_snapshot!(spent(&stage).join("\n"), @r#"
    2026-11-30 0.00001002 EUR
    2026-12-01 0.00001002 EUR
    "#);
}

#[tokio::test]
async fn what_runs_without_a_budget_spend_counts_as_soon_as_there_is_one() {
    let stage = stage();
    stage.run(plan(&[])).await.unwrap();
    let over = stage.run(plan(&[budget("day", &dearest().await, None)])).await.unwrap();
    assert_eq!((over.state.word(), stage.performed()), ("over-budget", 1));
    let mut other = plan(&[budget("day", &dearest().await, None)]);
    other.flow = "other".parse().unwrap();
    assert_eq!(stage.run(other).await.unwrap().state.word(), "done", "another flow's spending is its own");
}

#[tokio::test]
async fn what_was_done_before_the_budget_was_passed_stays_done() {
    let stage = stage();
    let most = dearest().await;
    let mut plan = plan(&[budget("week", &most, None)]);
    let again = flow([("b", call("work", json!({ "kind": "literal", "value": 1 })))]);
    plan.steps.extend(again.steps);
    let over = stage.run(plan).await.unwrap();
    assert_eq!((over.state.word(), stage.performed()), ("over-budget", 1));
    assert_eq!(
        stage.store.get("ns", "k").unwrap(),
        Some((b"written".to_vec(), 1)),
        "what the first step wrote"
    );
    assert_eq!(over.state.steps["a"].attempts.len(), 1);
    assert_eq!(spent(&stage), ["2026-11-30 0.00001002 EUR"]);
}

#[tokio::test]
async fn a_yes_lets_exactly_one_attempt_pass_and_a_no_ends_the_run() {
    let stage = stage();
    let plan = plan(&[budget("month", &"0.001 EUR".parse().unwrap(), Some("legal"))]);
    let waiting = stage.run(plan.clone()).await.unwrap();
    assert_eq!((waiting.state.word(), stage.performed()), ("waiting", 0));
    assert_eq!(spent(&stage), [""; 0], "what waits sets nothing aside");
    let done = stage.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!((done.state.word(), stage.performed()), ("done", 1));
    insta::assert_snapshot!(stage.log(&done), @r#"
       2026-11-30 (UTC)
    1  01:00:00.000  run           began: flow 1 by user:anna; plan c0534ceeb097, policy e3b0c44298fc, tariff 115a38054c83
    2  01:00:00.000  a             does not begin: all runs would come to 0.0020225 EUR in the month from 2026-11-01, 0.001 EUR at most
    3  01:00:00.000  a             question 1 past the flow's monthly budget to legal: A budget would be passed: the next step may cost 0.0020225 EUR and would bring all runs of the flow to 0.0020225 EUR this month, 0.001 EUR at most. Let test:wo… (shown 38a48ab3a09f)
    4  01:00:00.000  a             question 1: approved by user:anna; 2.70 EUR estimated
    5  01:00:00.000  a             try 1: test:work 1.0.0 (00e13ed7af55) work, effects none
    6  01:00:00.000  a             try 1: output 1; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
       wrote key k in ns, 7 B
    7  01:00:00.000  run           done, outputs {}
    "#);
    let waiting = stage.run(plan).await.unwrap();
    let over = stage.say(&waiting, Said::Reject).await.unwrap();
    assert_eq!((why(&over).0, stage.performed()), (RunEnding::OverBudget, 1));
    assert!(why(&over).1.ends_with("user:anna said no: no reason given"), "{}", why(&over).1);
    assert_eq!(spent(&stage), ["2026-11-30 0.00001002 EUR"]);
}

#[tokio::test]
async fn each_period_is_asked_about_by_itself() {
    let stage = stage();
    let little: Money = "0.001 EUR".parse().unwrap();
    let plan = plan(&[budget("day", &little, Some("support")), budget("month", &little, Some("legal"))]);
    let first = stage.run(plan).await.unwrap();
    let asks = |standing: &Standing| standing.state.question.as_ref().map(|open| open.asked.role.to_string());
    assert_eq!(asks(&first).as_deref(), Some("support"));
    let second = stage.say(&first, Said::Approve).await.unwrap();
    assert_eq!((asks(&second).as_deref(), stage.performed()), (Some("legal"), 0));
    let done = stage.say(&second, Said::Approve).await.unwrap();
    assert_eq!((done.state.word(), stage.performed()), ("done", 1));
}

/// What is set aside for an attempt that was cut off is nobody else's until its run goes on; then it is free again,
/// and what comes after counts to its own day.
#[tokio::test]
async fn what_a_crash_leaves_set_aside_is_free_again_once_the_run_goes_on() {
    let stage = stage();
    let most = dearest().await.plus(&"0.001 EUR".parse().unwrap()).unwrap();
    let plan = plan(&[budget("week", &most, None)]);
    stage.cut_after(1);
    assert!(stage.run(plan.clone()).await.is_err());
    stage.cut_after(i64::MAX);
    assert_eq!(spent(&stage), ["2026-11-30 0.0020225 EUR"]);
    assert_eq!(why(&stage.run(plan.clone()).await.unwrap()).0, RunEnding::OverBudget);

    let next = stage.restarted();
    next.set_clock(MONDAY + DAY);
    let cut_off: RunId = "flow-1".parse().unwrap();
    assert_eq!(next.conductor.resume(&cut_off).await.unwrap().state.word(), "done");
    assert_eq!(spent(&next), ["2026-11-30 0.00 EUR", "2026-12-01 0.00001002 EUR"]);
    assert_eq!(next.run(plan).await.unwrap().state.word(), "done");
}

#[tokio::test]
async fn a_budget_that_asks_survives_its_process() {
    let stage = stage();
    let plan = plan(&[budget("month", &"0.001 EUR".parse().unwrap(), Some("legal"))]);
    let waiting = stage.run(plan).await.unwrap();
    let next = stage.restarted();
    let done = next.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!((done.state.word(), next.performed()), ("done", 1));
    assert_eq!(spent(&next), ["2026-11-30 0.00001002 EUR"]);
}
