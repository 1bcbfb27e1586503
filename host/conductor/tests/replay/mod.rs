//! Attempts done again: what is recorded held against what came out, and what can't be done again.

use super::stage::{Act, Stage, call, flow};
use kapell_conductor::replay::Recollection;
use kapell_journal::replay::Verdict;
use kapell_model::capability::Kind;
use kapell_model::crossing::{Asked, Departure, Note};
use kapell_model::ending::{Attempt, Ending};
use kapell_model::id::RunId;
use serde_json::json;

/// A stage on which one skill ran once.
async fn ran(act: Act) -> (Stage, RunId) {
    let stage = Stage::new([("read", act)]);
    let read = call("read", json!({ "kind": "literal", "value": "text" }));
    let run = stage.run(flow([("facts", read)])).await.unwrap().state.run;
    (stage, run)
}

/// What is told when what comes out is changed like this.
fn told(
    recorded: &Recollection,
    attempt: &Attempt,
    departure: Option<Departure>,
    same_bytes: bool,
    change: impl FnOnce(&mut Attempt),
) -> String {
    let [remembered] = recorded.attempts.as_slice() else { panic!("one attempt") };
    let mut attempt = attempt.clone();
    change(&mut attempt);
    let ready = remembered.ready.as_ref().unwrap();
    let verdict = ready.verdict(&remembered.started, attempt, departure, same_bytes);
    match verdict.unwrap() {
        Verdict::Same { fuel: (then, now) } => format!("same {then} {now}"),
        Verdict::NotReplayable(why) => why,
        Verdict::Differs { departure, differences } => {
            let or_nothing =
                |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
            let differences = differences
                .iter()
                .map(|it| format!("{}: {} -> {}", it.what, or_nothing(&it.recorded), or_nothing(&it.again)));
            let departed = departure.map(|it| format!("departs at {}", it.crossing));
            departed.into_iter().chain(differences).collect::<Vec<_>>().join("; ")
        }
    }
}

fn asking_for_more() -> Option<Departure> {
    let (kind, call, object) = (Kind::Clock, "now".into(), String::new());
    let asked = Some(Asked { kind, call, object, sends: None, refused: None });
    Some(Departure { crossing: 1, recorded: None, asked })
}

#[tokio::test]
async fn whatever_is_not_as_it_was_is_told() {
    let (stage, run) = ran(Act::answers(json!("x")).writing("key", b"1")).await;
    let recorded = stage.recollect(&run);
    let attempt = stage.perform(recorded.attempts[0].ready.as_ref().unwrap().job.clone()).await;
    let changed = |change: fn(&mut Attempt)| told(&recorded, &attempt, None, true, change);
    let told_of = [
        changed(|_| ()),
        changed(|it| it.ending = Ending::Output(json!("y"))),
        changed(|it| it.ending = Ending::SkillError(json!("x"))),
        changed(|it| it.meters.fuel += 1),
        changed(|it| it.meters.memory_peak += 1),
        changed(|it| it.meters.crossings.extend([("io".into(), 2)])),
        changed(|it| it.writes.keys.clear()),
        changed(|it| it.notes.push(Note { topic: "a".into(), text: "b".into() })),
        changed(|it| it.log.push("a line".into())),
        changed(|it| it.meters.wall_micros += 1),
        told(&recorded, &attempt, asking_for_more(), true, |_| ()),
        told(&recorded, &attempt, None, false, |it| it.meters.fuel += 1),
        told(&recorded, &attempt, None, false, |it| it.ending = Ending::Output(json!("y"))),
    ];
    insta::assert_snapshot!(told_of.join("\n"), @r#"
    same 1000 1000
    ending: output "x" -> output "y"
    ending: output "x" -> skill error "x"; writes: {"bytes":1,"digest":"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","key":"key","kind":"key","namespace":"ns"} -> nothing
    fuel: 1000 -> 1001
    memory: 0 -> 1
    calls: {} -> {"io":2}
    writes: {"bytes":1,"digest":"sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b","key":"key","kind":"key","namespace":"ns"} -> nothing
    notes: nothing -> {"text":"b","topic":"a"}
    log: nothing -> "a line"
    same 1000 1000
    departs at 1
    same 1000 1001
    ending: output "x" -> output "y"
    "#);
}

#[tokio::test]
async fn an_attempt_that_broke_while_it_asked_is_not_told_to_be_another() {
    let (stage, run) = ran(Act::traps_then(9, json!("x"))).await;
    let recorded = stage.recollect(&run);
    let attempt = stage.perform(recorded.attempts[0].ready.as_ref().unwrap().job.clone()).await;
    assert_eq!(told(&recorded, &attempt, None, true, |_| ()), "same 1000 1000");
    let stopped = told(&recorded, &attempt, asking_for_more(), true, |_| ());
    assert_eq!(stopped, "it was stopped while it asked for clock now");
}

#[tokio::test]
async fn what_the_world_ended_can_not_be_done_again() {
    let (stage, run) = ran(Act::answers(json!("x")).cancelled_meanwhile()).await;
    let why = stage.recollect(&run).attempts.swap_remove(0).ready.err();
    assert_eq!(why.as_deref(), Some("somebody stopped it, at a moment that is not on record"));
}

#[tokio::test]
async fn what_is_not_kept_is_said_and_never_guessed() {
    let (stage, run) = ran(Act::answers(json!("x"))).await;
    stage.forget(stage.recollect(&run).attempts[0].started.input.digest());
    let why = stage.recollect(&run).attempts.swap_remove(0).ready.err();
    assert_eq!(why.as_deref(), Some("its input is not kept"));
}
