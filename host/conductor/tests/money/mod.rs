//! What reports over many runs make of journals that a scripted skill left.

mod budgets;
mod flow_budgets;
mod lost;
mod outcomes;
mod remarks;

use crate::stage::{Act, Stage, ask, call, flow};
use kapell_conductor::answer::Said;
use kapell_conductor::drive::Standing;
use kapell_journal::entry::BlobRef;
use kapell_journal::seam::Journals as _;
use kapell_model::plan::Plan;
use kapell_model::quantity::Timestamp;
use kapell_report::cost::{By, Outcomes, Rows, outcomes_table, table};
use kapell_report::tally::{Declared, Tally};
use serde_json::json;
use std::sync::Arc;

const DAY: u64 = 86_400_000;

/// The tally of a run, as a home makes it: the plan's text is read, not made ready.
pub(crate) fn tally(stage: &Stage, standing: &Standing) -> Tally {
    let entries = stage.store.entries(&standing.state.run).unwrap();
    let plan = stage.store.blob(&standing.state.run, standing.state.started.plan.digest()).unwrap().unwrap();
    let declared = Declared::of(&serde_json::from_slice(&plan).unwrap());
    let tariff = &standing.program.tariff.tariff;
    let values = |named: &BlobRef| {
        let bytes = stage.store.blob(&standing.state.run, named.digest()).unwrap()?;
        serde_json::from_slice(&bytes).ok()
    };
    Tally::of(&standing.state.run, &entries, tariff, Arc::new(declared), &values).unwrap()
}

/// One step of work, then a question.
fn asked() -> Plan {
    let mut plan = flow([
        ("work", call("work", json!({ "kind": "literal", "value": 1 }))),
        ("legal_view", json!({ "kind": "ask", "question": ask("legal", "Accept?", &[]) })),
    ]);
    plan.budget.money = Some("1 EUR".parse().unwrap());
    plan.outcome = Some(kapell_model::plan::Outcome {
        name: "customer onboarded".into(),
        when: None,
        worth: Some("180 EUR".parse().unwrap()),
        by_hand: Some("3h".parse().unwrap()),
    });
    plan
}

/// Three runs on two days: one done without a retry, one done after a trap, one rejected.
async fn three_runs() -> Vec<Tally> {
    let stage = Stage::new([("work", Act::traps_then(1, json!(1)))]);
    let mut tallies = Vec::new();
    for (day, said) in [(0, Said::Approve), (0, Said::Reject), (1, Said::Approve)] {
        stage.set_clock(1_795_255_200_000 + day * DAY);
        let mut plan = asked();
        if let kapell_model::plan::Work::Call { retry, .. } = &mut plan.steps[0].work {
            *retry = 1;
        }
        let waiting = stage.run(plan).await.unwrap();
        let over = stage.say(&waiting, said).await.unwrap();
        tallies.push(tally(&stage, &over));
    }
    tallies.reverse();
    tallies
}

fn told(tallies: &[Tally], by: By) -> String {
    let mut rows = Rows::by(by);
    for tally in tallies {
        rows.add(&tally.lines).unwrap();
        rows.used(&tally.run, tally.budget().unwrap());
    }
    table(&rows.finish(), "name")
}

#[tokio::test]
async fn many_runs_are_summed_by_flow_day_and_run_and_all_sums_are_one() {
    let tallies = three_runs().await;
    insta::assert_snapshot!(told(&tallies, By::Flow), @r#"
    name        work       waste  people  overhead                       total   fuel
    flow  0.00000006  0.00000002     8.1   0.00004  8.10004008 EUR (estimated)  4,000
    "#);
    insta::assert_snapshot!(told(&tallies, By::Day), @r#"
    name              work       waste  people  overhead                       total   fuel
    2026-11-21  0.00000004  0.00000002     5.4   0.00003  5.40003006 EUR (estimated)  3,000
    2026-11-22  0.00000002           -     2.7   0.00001  2.70001002 EUR (estimated)  1,000
    total                                                             8.10004008 EUR  4,000
    "#);
    insta::assert_snapshot!(told(&tallies, By::Run), @r#"
    name          work       waste  people  overhead                       total   fuel                     used of its budget
    flow-1  0.00000002  0.00000002     2.7   0.00002  2.70002004 EUR (estimated)  2,000  under 0.01 % of 1.00 EUR for machines
    flow-2  0.00000002           -     2.7   0.00001  2.70001002 EUR (estimated)  1,000  under 0.01 % of 1.00 EUR for machines
    flow-3  0.00000002           -     2.7   0.00001  2.70001002 EUR (estimated)  1,000  under 0.01 % of 1.00 EUR for machines
    total                                                         8.10004008 EUR  4,000
    "#);
}

#[tokio::test]
async fn an_outcome_costs_what_all_runs_cost_and_a_rejected_one_is_none() {
    let mut outcomes = Outcomes::default();
    three_runs().await.iter().for_each(|tally| outcomes.add(tally).unwrap());
    let outcomes = outcomes.finish();
    assert_eq!((outcomes[0].runs, outcomes[0].outcomes), (3, 2));
    insta::assert_snapshot!(outcomes_table(&outcomes), @r#"
    flow  runs  outcomes       each cost  declared worth  by hand             outcome
    flow     3         2  4.05002004 EUR      180.00 EUR      3 h  customer onboarded
    "#);
}

#[tokio::test]
async fn a_period_holds_what_was_charged_in_it() {
    let mut tallies = three_runs().await;
    let all = tallies[0].lines.len();
    let answered = tallies[0].over.as_ref().unwrap().at;
    tallies[0].since(answered);
    assert_eq!(tallies[0].lines.len(), all, "the instant itself is in it");
    tallies[0].since(Timestamp(answered.0 + 1));
    assert!(tallies[0].lines.is_empty());
}
