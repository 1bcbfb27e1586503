//! What counts as an outcome, and by which error runs end.

use super::tally;
use crate::stage::{Act, Stage, ask, call, flow, with_ladder};
use kapell_journal::entry::{Body, RunEnding};
use kapell_journal::seam::Journals as _;
use kapell_model::plan::{Outcome, Plan, Work};
use kapell_report::measures::{Count, text};
use kapell_report::tally::Tally;
use serde_json::{Value, json};

/// One step of work, in a flow whose outcome is had when `when` holds.
fn counted(when: Option<&str>) -> Plan {
    let mut plan = flow([("work", call("work", json!({ "kind": "literal", "value": 1 })))]);
    let (name, worth) = ("month closed".into(), Some("240 EUR".parse().unwrap()));
    plan.outcome = Some(Outcome { name, when: when.map(str::to_owned), worth, by_hand: None });
    plan
}

fn told(tallies: &[Tally]) -> String {
    let mut count = Count::of("flow".parse().unwrap(), None, tallies[0].started);
    tallies.iter().for_each(|tally| count.add(tally, false));
    text(&count.finish())
}

#[tokio::test]
async fn a_run_that_is_done_earns_its_worth_only_where_the_flow_says_so() {
    let stage = Stage::new([("work", Act::answers(json!({ "balanced": false })))]);
    let mut all = Vec::new();
    for when in [None, Some("!work.balanced"), Some("work.balanced"), Some("work.missing")] {
        let over = stage.run(counted(when)).await.unwrap();
        assert_eq!(over.state.ended.as_ref().unwrap().state, RunEnding::Done);
        all.push(tally(&stage, &over));
    }
    assert_eq!(all.iter().map(Tally::has_outcome).collect::<Vec<_>>(), [true, true, false, false]);
    let told = told(&all);
    assert!(told.contains("2 of 4 runs (50.0 %)") && told.contains("480.00 EUR in all"), "{told}");
    assert!(told.contains("done    1     without its outcome: not (work.balanced)\n"), "{told}");
    assert!(told.contains("2 ended without an outcome"), "{told}");
}

/// The condition is judged once, over the values the run came to, and stands in its last entry.
#[tokio::test]
async fn whether_a_run_came_to_its_outcome_is_recorded_with_what_was_seen() {
    let stage = Stage::new([("work", Act::answers(json!({ "balanced": false })))]);
    let over = stage.run(counted(Some("work.balanced"))).await.unwrap();
    let last = stage.store.entries(&over.state.run).unwrap().pop().unwrap();
    let Body::RunEnded(ended) = last.body else { panic!("{last:?}") };
    let judged = ended.outcome.unwrap();
    assert_eq!((judged.held, judged.seen), (false, json!({ "work.balanced": false })));
    let log = stage.log(&over);
    assert!(log.contains("done, without its outcome: `work.balanced` does not hold"), "{log}");
}

/// A step whose skill answers with an error of a variant, and the next rung of its ladder, if any.
fn failing(otherwise: Value) -> Plan {
    let step = with_ladder(call("work", json!({ "kind": "literal", "value": 1 })), otherwise);
    let mut plan = flow([("work", step)]);
    let Work::Call { call, .. } = &mut plan.steps[0].work else { panic!("it calls") };
    let cases = ["no-log", "too-long"].map(|name| json!({ "name": name, "shape": { "kind": "string" } }));
    let err = json!({ "kind": "variant", "name": "error", "cases": cases });
    let result = json!({ "kind": "result", "ok": { "kind": "string" }, "err": err });
    call.operation.result = Some(serde_json::from_value(result).unwrap());
    plan
}

#[tokio::test]
async fn exceptions_are_told_by_which_error_they_opened() {
    let mut all = Vec::new();
    for (case, asks) in [("no-log", false), ("too-long", false), ("too-long", true), ("undeclared", false)] {
        let stage = Stage::new([("work", Act::says_no(json!({ "tag": case, "val": "x" })))]);
        let rungs = match asks {
            true => json!([{ "kind": "ask", "question": ask("support", "What now?", &[]) }]),
            false => json!([]),
        };
        let standing = stage.run(failing(rungs)).await.unwrap();
        all.push(tally(&stage, &standing));
    }
    let told = told(&all);
    for row in [
        "failed  1     the skill answered with its own error `no-log`\n",
        "failed  1     the skill answered with its own error `too-long`\n",
        "failed  1     the skill answered with its own error\n",
        "work  1     1      1     support  the skill answered with its own error `too-long`\n",
    ] {
        assert!(told.contains(row), "{row}{told}");
    }
}
