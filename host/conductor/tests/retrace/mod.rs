//! Recorded runs held against their plans: each entry that says what does not follow is found, and what it should say.

use super::stage::{Act, Stage, ask, call, expecting, flow};
use kapell_conductor::answer::Said;
use kapell_conductor::history::History;
use kapell_conductor::known::Known;
use kapell_conductor::programs::Programs;
use kapell_conductor::retrace::{Retraced, retrace};
use kapell_journal::entry::{BlobRef, Body, Entry, RunEnding, Verdict};
use kapell_journal::seam::Journals as _;
use kapell_model::digest::Digest;
use kapell_model::mark::Mark;
use kapell_model::quantity::Timestamp;
use serde_json::json;

/// A run past a condition, an expectation and a question, with its entries.
async fn past_a_question() -> (Stage, Vec<Entry>) {
    let stage = Stage::new([("read", Act::answers(json!("text"))), ("post", Act::answers(json!("ok")))]);
    let literal = || json!({ "kind": "literal", "value": "text" });
    let mut question = ask("legal", "Good?", &[("facts", "facts")]);
    question["expire"] = json!(1000);
    let mut flow = flow([
        ("facts", expecting(call("read", literal()), "facts != ''")),
        ("view", json!({ "kind": "ask", "question": question })),
        ("posted", call("post", literal())),
    ]);
    flow.steps[1].when = Some("facts == 'text'".into());
    flow.outputs.insert("facts".into(), "facts".into());
    stage.set_clock(100);
    let waiting = stage.run(flow).await.unwrap();
    stage.set_clock(500);
    let done = stage.say(&waiting, Said::Approve).await.unwrap();
    let entries = stage.store.entries(&done.state.run).unwrap();
    (stage, entries)
}

fn retraced(stage: &Stage, entries: Vec<Entry>) -> Retraced {
    retrace(&History::of(&stage.store, entries).unwrap(), &Programs::default()).unwrap()
}

/// What is told when the first entry that `change` takes is changed by it.
fn told(stage: &Stage, entries: &[Entry], change: impl Fn(&mut Entry) -> Option<()>) -> String {
    let mut entries = entries.to_vec();
    entries.iter_mut().find_map(change).unwrap();
    let retraced = retraced(stage, entries);
    let faults = retraced.faults.iter().map(|(seq, words)| format!("{seq} {words}"));
    faults.collect::<Vec<_>>().join("\n")
}

macro_rules! of {
    ($pattern:pat => $change:expr) => {
        |entry: &mut Entry| match &mut entry.body {
            $pattern => {
                $change;
                Some(())
            }
            _ => None,
        }
    };
}

#[tokio::test]
async fn what_does_not_follow_from_the_plan_is_told_with_what_does() {
    let (stage, entries) = past_a_question().await;
    let retraced = retraced(&stage, entries.clone());
    assert_eq!((retraced.faults, retraced.sound, retraced.hidden), (vec![], entries.len() as u64, 0));
    let other = Digest::from_bytes([7; 32]);
    let ended = |change: fn(&mut kapell_journal::entry::AttemptEnded)| {
        move |entry: &mut Entry| {
            let Body::AttemptEnded(ended) = &mut entry.body else { return None };
            let mut own = (**ended).clone();
            change(&mut own);
            *ended = own.into();
            Some(())
        }
    };
    let started = |change: fn(&mut kapell_journal::entry::AttemptStarted)| {
        move |entry: &mut Entry| {
            let Body::AttemptStarted(started) = &mut entry.body else { return None };
            let mut own = (**started).clone();
            change(&mut own);
            *started = own.into();
            Some(())
        }
    };
    let tell = |change: &dyn Fn(&mut Entry) -> Option<()>| told(&stage, &entries, change);
    let faults = [
        tell(&of!(Body::RunStarted(it) => it.engine = "another".into())),
        tell(&started(|it| it.skill.name = "evil:corp".parse().unwrap())),
        tell(&started(|it| it.skill.component = Digest::from_bytes([7; 32]))),
        tell(&started(|it| it.operation = "launch".into())),
        tell(&started(|it| it.settles = true)),
        tell(&ended(|it| it.receipt.money = "999 EUR".parse().unwrap())),
        tell(&ended(|it| it.receipt.meters.fuel = 1)),
        tell(&ended(|it| it.receipt.component = Digest::from_bytes([7; 32]))),
        tell(&ended(|it| it.receipt.grant = Digest::from_bytes([7; 32]))),
        tell(&ended(|it| it.receipt.tariff = Digest::from_bytes([7; 32]))),
        tell(&of!(Body::ExpectationJudged { by, .. } => *by = "true".into())),
        tell(&of!(Body::ExpectationJudged { seen, .. } => seen["facts"] = json!(""))),
        tell(&of!(Body::StepChosen { condition, .. } => *condition = "1 == 1".into())),
        tell(&of!(Body::QuestionAsked(it) => it.people = vec!["user:mallory".into()])),
        tell(&of!(Body::QuestionAsked(it) => it.expire_at = Some(Timestamp(9000)))),
        tell(&of!(Body::QuestionAnswered(it) => it.by = "user:mallory".into())),
        tell(&of!(Body::QuestionAnswered(it) => it.verdict = Verdict::Rejected)),
        tell(&of!(Body::QuestionAnswered(it) => it.minutes = Some("500".into()))),
        tell(&|entry| matches!(entry.body, Body::QuestionAnswered(_)).then(|| entry.at = Timestamp(9000))),
        tell(&|entry| matches!(entry.body, Body::QuestionAnswered(_)).then(|| entry.at = Timestamp(50))),
        tell(&of!(Body::RunEnded(it) => it.outputs = Some(BlobRef::Digest(other)))),
        tell(&of!(Body::RunEnded(it) => it.state = RunEnding::Rejected)),
    ];
    insta::assert_snapshot!(faults.join("\n"), @r#"
    1 says engine another, where its plan has scripted
    2 says skill evil:corp 1.0.0, where its plan has test:read 1.0.0
    2 says bytes sha256:0707070707070707070707070707070707070707070707070707070707070707, where its plan has sha256:3316348dbadfb7b11c7c2ea235949419e23f9fa898ad2c198f999617912a9925
    3 says receipt.component sha256:3316348dbadfb7b11c7c2ea235949419e23f9fa898ad2c198f999617912a9925; by its plan, its tariff and its meters it is sha256:0707070707070707070707070707070707070707070707070707070707070707
    2 says operation launch, where its plan has read
    2 says settles true; by its plan and what was before it it is false
    4 says expectation-judged, where its plan and what was before it lead to step-chosen
    3 says receipt.money 999.00 EUR; by its plan, its tariff and its meters it is 0.00001002 EUR
    3 says receipt.money 0.00001002 EUR; by its plan, its tariff and its meters it is 0.00001000002 EUR
    3 says receipt.component sha256:0707070707070707070707070707070707070707070707070707070707070707; by its plan, its tariff and its meters it is sha256:3316348dbadfb7b11c7c2ea235949419e23f9fa898ad2c198f999617912a9925
    3 says receipt.grant sha256:0707070707070707070707070707070707070707070707070707070707070707; by its plan, its tariff and its meters it is sha256:2288a5b40b8984d648f981ce5bce325cb274908ed11e816becfce86f861439c2
    3 says receipt.tariff sha256:0707070707070707070707070707070707070707070707070707070707070707; by its plan, its tariff and its meters it is sha256:115a38054c831956d5637d28be8252d79d281829d4a380b78860447d180b2819
    4 says by true; by its plan and what was before it it is facts != ''
    4 says seen.facts ""; by its plan and what was before it it is text
    5 says condition 1 == 1; by its plan and what was before it it is facts == 'text'
    6 says people ["user:mallory"]; by its plan and what was before it it is ["user:anna"]
    7 is no answer that could be given: user:anna is not among the people asked: user:mallory
    6 says expire_at 9000; by its plan and what was before it it is 1100
    7 is no answer that could be given: user:mallory is not among the people asked: user:anna
    8 says attempt-started, where its plan and what was before it lead to run-ended
    7 says money 2.70 EUR; by its plan and what was before it it is 450.00 EUR
    7 is no answer that could be given: the question of flow-1 has expired, which is never a yes
    8 was written at 1970-01-01T00:00:00.5Z, before the entry before it, at 1970-01-01T00:00:09Z
    7 was written at 1970-01-01T00:00:00.05Z, before the entry before it, at 1970-01-01T00:00:00.1Z
    10 says outputs.digest sha256:0707070707070707070707070707070707070707070707070707070707070707; by its plan and what was before it it is sha256:ccb2b287739ccc4462ec45b2d7fc269326be5834ebf06ccb1ca06fc41f030814
    10 says state rejected; by its plan and what was before it it is done
    "#);
}

/// The entries are in order all the same, and what follows is held against them when the stage is taken down.
#[tokio::test]
async fn a_clock_that_goes_back_moves_no_entry_before_another() {
    let stage = Stage::new([("post", Act::answers(json!("ok")))]);
    let posted = call("post", json!({ "kind": "literal", "value": "text" }));
    let view = json!({ "kind": "ask", "question": ask("legal", "Good?", &[]) });
    stage.set_clock(500);
    let waiting = stage.run(flow([("view", view), ("posted", posted)])).await.unwrap();
    stage.set_clock(100);
    let done = stage.say(&waiting, Said::Approve).await.unwrap();
    let entries = stage.store.entries(&done.state.run).unwrap();
    assert!(entries.iter().all(|entry| entry.at == Timestamp(500)), "{entries:#?}");
}

/// A commitment is to JSON whatever the value is, and what is given and decided again is a text.
#[tokio::test]
async fn what_is_private_is_named_by_commitments_to_what_was_given() {
    let stage = Stage::new([("read", Act::answers(json!("Obsidian")))]);
    let mut question = ask("legal", "Which?", &[("facts", "facts")]);
    question["answer"] = json!({ "kind": "choice", "choices": ["send", "hold"] });
    let mut flow = flow([
        ("facts", call("read", json!({ "kind": "literal", "value": "long".repeat(100) }))),
        ("chosen", json!({ "kind": "ask", "question": question })),
    ]);
    flow.steps.iter_mut().for_each(|step| step.marks = [Mark::Private].into());
    let waiting = stage.run(flow).await.unwrap();
    let done = stage.say(&waiting, Said::Value(json!("send"))).await.unwrap();
    let entries = stage.store.entries(&done.state.run).unwrap();
    let names = entries.iter().flat_map(|entry| match &entry.body {
        Body::AttemptStarted(it) => it.given().collect(),
        Body::RunStarted(_) => Vec::new(),
        body => Known::names(body),
    });
    let is_private = |named: &BlobRef| matches!(named, BlobRef::Commitment(_));
    assert_eq!(names.map(is_private).collect::<Vec<_>>(), [true; 3], "{entries:#?}");
    let retraced = retraced(&stage, entries.clone());
    assert_eq!((retraced.faults, retraced.sound, retraced.hidden), (vec![], entries.len() as u64, 0));
}
