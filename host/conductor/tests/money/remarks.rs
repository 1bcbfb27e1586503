//! Typed answers that differ in what nobody reads on.

use super::tally;
use crate::stage::{Act, Stage, ask, call, expecting, flow, with_ladder};
use kapell_conductor::answer::Said;
use kapell_model::plan::Plan;
use kapell_report::measures::{Count, Judged};
use kapell_report::tally::Tally;
use serde_json::{Value, json};

/// A label that is never sure enough, and then a person's; `outputs` read on what of it they name.
fn labelled(outputs: &str) -> Plan {
    let text = json!({ "kind": "string" });
    let fields = [json!({ "name": "queue", "shape": text }), json!({ "name": "remark", "shape": text })];
    let mut question = ask("support", "Which queue?", &[]);
    question["answer"] =
        json!({ "kind": "shape", "shape": { "kind": "record", "name": null, "fields": fields } });
    let work = call("label", json!({ "kind": "literal", "value": 1 }));
    let work = expecting(work, "label.queue == 'none'");
    let mut plan = flow([("label", with_ladder(work, json!([{ "kind": "ask", "question": question }])))]);
    plan.outputs.insert("told".into(), outputs.into());
    plan
}

async fn answered(outputs: &str, said: &[Value]) -> Vec<Tally> {
    let stage = Stage::new([("label", Act::answers(json!({ "queue": "billing", "remark": "a guess" })))]);
    let mut tallies = Vec::new();
    for value in said {
        let waiting = stage.run(labelled(outputs)).await.unwrap();
        let over = stage.say(&waiting, Said::Value(value.clone())).await.unwrap();
        tallies.push(tally(&stage, &over));
    }
    tallies
}

/// What a report makes of them: the judgement, how many answers changed the result, and the ways they went.
fn told(tallies: &[Tally]) -> (Judged, u64, Vec<String>) {
    let mut count = Count::of("flow".parse().unwrap(), None, tallies[0].started);
    tallies.iter().for_each(|tally| count.add(tally, false));
    let measures = count.finish();
    let question = &measures.questions[0];
    let ways = question.ways.iter().map(|way| format!("{} {}", way.times, way.words()));
    (question.judged, measures.judgment.answers.n, ways.collect())
}

#[tokio::test]
async fn a_remark_that_nobody_reads_on_makes_no_other_answer() {
    let said: Vec<Value> =
        (0..20).map(|nth| json!({ "queue": "billing", "remark": format!("as ever, {nth}") })).collect();
    let (judged, changed, ways) = told(&answered("label.queue", &said).await);
    assert_eq!((judged, changed), (Judged::Noise, 0));
    assert_eq!(ways, ["20 as the skill had answered"]);
    // Where the flow hands the whole value on, every remark is another answer.
    let (judged, changed, ways) = told(&answered("label", &said).await);
    assert_eq!((judged, changed, ways.len()), (Judged::Varied, 20, 12));
}

#[tokio::test]
async fn what_the_flow_reads_on_tells_answers_apart() {
    let said = ["sales", "sales", "billing"].map(|queue| json!({ "queue": queue, "remark": queue }));
    let (judged, changed, ways) = told(&answered("label.queue", &said).await);
    assert_eq!((judged, changed), (Judged::TooFew, 2));
    assert_eq!(ways, [r#"2 {"queue":"sales"}"#, "1 as the skill had answered"]);
}
