//! Whole runs against a scripted skill, a journal in memory and a clock that is moved by hand. The run log is the
//! expected text.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod money;
mod replay;
mod retrace;
mod stage;

use kapell_conductor::answer::{AnswerError, Said};
use kapell_conductor::drive::DriveError;
use kapell_journal::entry::RunEnding;
use kapell_journal::seam::{JournalError, Journals as _};
use kapell_model::ending::Left;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::KeyvalueReads as _;
use serde_json::json;
use stage::{Act, Stage, ask, call, expecting, flow, with_ladder};

#[tokio::test]
async fn steps_run_in_order_and_a_step_whose_condition_fails_is_skipped() {
    let stage =
        Stage::new([("read", Act::answers(json!({ "fee": 120 }))), ("post", Act::answers(json!("ok")))]);
    let mut flow = flow([
        ("facts", call("read", json!({ "kind": "literal", "value": "text" }))),
        ("check", call("audit", json!({ "kind": "expression", "source": "facts.fee" }))),
        ("posted", call("post", json!({ "kind": "expression", "source": "facts.fee" }))),
    ]);
    flow.steps[1].when = Some("facts.fee > 1000".into());
    flow.outputs.insert("fee".into(), "facts.fee".into());
    let standing = stage.run(flow).await.unwrap();
    assert_eq!(stage.outputs(&standing), json!({ "fee": 120 }));
    insta::assert_snapshot!(stage.log(&standing), @r#"
       1970-01-01 (UTC)
    1  00:00:00.000  run           began: flow 1 by user:anna; plan d2de58a8894f, policy e3b0c44298fc, tariff 115a38054c83
    2  00:00:00.000  facts         try 1: test:read 1.0.0 (3316348dbadf) read, effects none
    3  00:00:00.000  facts         try 1: output {"fee":120}; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
    4  00:00:00.000  check         skipped: `facts.fee > 1000` does not hold, with facts.fee = 120
    5  00:00:00.000  posted        try 1: test:post 1.0.0 (72231043bc18) post, effects none
    6  00:00:00.000  posted        try 1: output "ok"; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
    7  00:00:00.000  run           done, outputs {"fee":120}
    "#);
}

#[tokio::test]
async fn an_expectation_that_fails_climbs_its_ladder_and_each_rung_stands_in_the_journal() {
    let stage = Stage::new([
        ("words", Act::answers(json!({ "confidence": 0.4 }))),
        ("deep", Act::answers(json!({ "confidence": 0.6 }))),
    ]);
    let step = with_ladder(
        expecting(call("words", json!({ "kind": "literal", "value": "t" })), "label.confidence >= 0.8"),
        json!([
            { "kind": "use", "call": stage::callee("deep", json!({ "kind": "literal", "value": "t" })) },
            { "kind": "ask", "question": ask("support", "Which?", &[("guess", "label")]) },
        ]),
    );
    let standing = stage.run(flow([("label", step)])).await.unwrap();
    assert_eq!(standing.state.word(), "waiting");
    let standing = stage.say(&standing, Said::Approve).await.unwrap();
    assert_eq!(standing.state.word(), "done");
    insta::assert_snapshot!(stage.log(&standing), @r#"
        1970-01-01 (UTC)
     1  00:00:00.000  run           began: flow 1 by user:anna; plan 498d956e6e77, policy e3b0c44298fc, tariff 115a38054c83
     2  00:00:00.000  label         try 1: test:words 1.0.0 (dba36bffa5ca) words, effects none
     3  00:00:00.000  label         try 1: output {"confidence":0.4}; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
     4  00:00:00.000  label         rung 0: `label.confidence >= 0.8` does not hold, with label.confidence = 0.4
     5  00:00:00.000  label         ladder: rung 0 is not good enough, on to rung 1 (rung 0 test:words#words: its output does not meet the expectation)
     6  00:00:00.000  label         try 2 on rung 1: test:deep 1.0.0 (74611c1d6455) deep, effects none
     7  00:00:00.000  label         try 2: output {"confidence":0.6}; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
     8  00:00:00.000  label         rung 1: `label.confidence >= 0.8` does not hold, with label.confidence = 0.6
     9  00:00:00.000  label         ladder: rung 1 is not good enough, on to rung 2 (rung 1 test:deep#deep: its output does not meet the expectation)
    10  00:00:00.000  label         question 1 by the ladder to support: Which? (shown 7741c367a14a)
    11  00:00:00.000  label         question 1: approved by user:anna; 2.70 EUR estimated
    12  00:00:00.000  run           done, outputs {}
    "#);
}

#[tokio::test]
async fn a_second_pass_gets_new_inputs_from_the_verdict() {
    let stage = Stage::new([
        ("draft", Act::echoes()),
        ("lint", Act::answers_in_turn([json!({ "findings": ["too long"] }), json!({ "findings": [] })])),
    ]);
    let mut step = call("draft", json!({ "kind": "literal", "value": ["first"] }));
    step["expect"] = json!({
        "kind": "verdict",
        "call": stage::callee("lint", json!({ "kind": "expression", "source": "draft" })),
        "holds": "size(verdict.findings) == 0",
    });
    let step = with_ladder(
        step,
        json!([{ "kind": "again", "with": { "input": { "kind": "expression", "source": "verdict.findings" } } }]),
    );
    let mut flow = flow([("draft", step)]);
    flow.outputs.insert("draft".into(), "draft".into());
    let standing = stage.run(flow).await.unwrap();
    assert_eq!(stage.outputs(&standing), json!({ "draft": ["too long"] }));
}

#[tokio::test]
async fn a_ladder_that_ends_stops_the_run_as_escalated_with_its_runbook() {
    let stage = Stage::new([("words", Act::answers(json!({ "confidence": 0.4 })))]);
    let step =
        expecting(call("words", json!({ "kind": "literal", "value": "t" })), "label.confidence >= 0.8");
    let mut flow = flow([("label", step)]);
    flow.runbook = Some("docs/queues.md".into());
    let standing = stage.run(flow).await.unwrap();
    let ended = standing.state.ended.unwrap();
    assert_eq!(ended.state, RunEnding::Escalated);
    assert_eq!(ended.reason.unwrap(), "its output does not meet the expectation; go on by docs/queues.md");
}

#[tokio::test]
async fn a_retry_is_for_traps_and_never_for_a_skill_that_said_no() {
    let trapping = |retry: u32| {
        let stage = Stage::new([("work", Act::traps_then(2, json!("done")))]);
        let mut step = call("work", json!({ "kind": "literal", "value": 1 }));
        step["retry"] = json!(retry);
        async move { stage.run(flow([("w", step)])).await.unwrap().state.word() }
    };
    assert_eq!(trapping(2).await, "done");
    assert_eq!(trapping(1).await, "trapped");
    let stage = Stage::new([("work", Act::says_no(json!("no")))]);
    let mut step = call("work", json!({ "kind": "literal", "value": 1 }));
    step["retry"] = json!(5);
    let standing = stage.run(flow([("w", step)])).await.unwrap();
    assert_eq!((standing.state.word(), stage.performed()), ("failed", 1));
}

#[tokio::test]
async fn a_trap_is_taken_up_by_the_ladder() {
    let stage =
        Stage::new([("poisoned", Act::traps_then(9, json!(0))), ("sound", Act::answers(json!("fine")))]);
    let step = with_ladder(
        call("poisoned", json!({ "kind": "literal", "value": 1 })),
        json!([{ "kind": "use", "call": stage::callee("sound", json!({ "kind": "literal", "value": 1 })) }]),
    );
    assert_eq!(stage.run(flow([("w", step)])).await.unwrap().state.word(), "done");
}

#[tokio::test]
async fn a_question_after_a_trap_shows_that_there_is_nothing_and_takes_a_value() {
    let stage = Stage::new([("work", Act::traps_then(9, json!("never")))]);
    let step = with_ladder(
        call("work", json!({ "kind": "literal", "value": 1 })),
        json!([
            { "kind": "again", "with": { "input": { "kind": "expression", "source": "verdict.findings" } } },
            { "kind": "ask", "question": ask("support", "Then what?", &[("w", "w")]) },
        ]),
    );
    let mut flow = flow([("w", step)]);
    flow.outputs.insert("w".into(), "w".into());
    let waiting = stage.run(flow).await.unwrap();
    assert_eq!(waiting.state.word(), "waiting");
    let done = stage.say(&waiting, Said::Value(json!("mine"))).await.unwrap();
    assert_eq!(stage.outputs(&done), json!({ "w": "mine" }));
}

/// A question that rests on an output there is none of must not hide why there is none.
#[tokio::test]
async fn a_question_that_cannot_be_put_ends_the_run_with_what_the_skill_ended_with() {
    let question = ask("support", "Is it right?", &[("name", "label.name")]);
    for (act, state, words) in [
        (
            Act::says_no(json!("too-large")),
            RunEnding::Failed,
            "the skill answered with its own error; nobody could be asked: `question`: ",
        ),
        (Act::traps_then(9, json!("never")), RunEnding::Trapped, "stopped by "),
        (Act::answers(json!({})), RunEnding::Failed, "`question` cannot be evaluated: "),
    ] {
        let stage = Stage::new([("words", act)]);
        let step = with_ladder(
            expecting(call("words", json!({ "kind": "literal", "value": "t" })), "label.confidence >= 0.8"),
            json!([{ "kind": "ask", "question": question.clone() }]),
        );
        let ended = stage.run(flow([("label", step)])).await.unwrap().state.ended.unwrap();
        assert_eq!(ended.state, state);
        let reason = ended.reason.unwrap();
        assert!(reason.starts_with(words), "{reason}");
    }
}

#[tokio::test]
async fn the_same_question_asked_twice_needs_two_answers() {
    let stage = Stage::new([]);
    let twice = || json!({ "kind": "ask", "question": ask("legal", "Accept?", &[]) });
    let first = stage.run(flow([("one", twice()), ("two", twice())])).await.unwrap();
    let given = stage.given(&first, Said::Approve);
    let second = stage.conductor.answer(&first.state.run, &given).await.unwrap();
    assert_eq!(second.state.word(), "waiting");
    let error = stage.conductor.answer(&first.state.run, &given).await.err().unwrap();
    assert!(matches!(error, DriveError::Answer(AnswerError::OtherQuestion(_))), "{error}");
}

#[tokio::test]
async fn what_was_accepted_late_over_a_key_that_moved_stays_on_record_and_is_not_made_real() {
    let stage = Stage::new([("count", Act::counts("counter"))]);
    let step = with_ladder(
        expecting(call("count", json!({ "kind": "literal", "value": 1 })), "a == 2"),
        json!([{ "kind": "ask", "question": ask("legal", "All the same?", &[]) }]),
    );
    let waiting = stage.run(flow([("a", step)])).await.unwrap();
    stage::write_from_outside(&stage.store, "counter");
    let ended = stage.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!(ended.state.word(), "failed");
    assert!(stage.log(&ended).contains("approved by user:anna"), "{}", stage.log(&ended));
    assert_eq!(stage.store.get("ns", "counter").unwrap().unwrap().0, b"1");
}

#[tokio::test]
async fn what_was_only_read_binds_what_was_written_from_it_even_in_another_process() {
    for (moved, word, written) in [("rate", "failed", None), ("other", "done", Some(&b"value"[..]))] {
        let stage = Stage::new([("work", Act::answers(json!(1)).reading("rate").writing("price", b"value"))]);
        stage::write_from_outside(&stage.store, "rate");
        let step = with_ladder(
            expecting(call("work", json!({ "kind": "literal", "value": 1 })), "w == 2"),
            json!([{ "kind": "ask", "question": ask("legal", "All the same?", &[("w", "w")]) }]),
        );
        let waiting = stage.run(flow([("w", step)])).await.unwrap();
        stage::write_from_outside(&stage.store, moved);
        let stage = stage.restarted();
        let ended = stage.say(&waiting, Said::Approve).await.unwrap();
        assert_eq!(ended.state.word(), word, "{moved}");
        let price = stage.store.get("ns", "price").unwrap().map(|(value, _)| value);
        assert_eq!(price.as_deref(), written, "{moved}");
    }
}

#[tokio::test]
async fn a_run_whose_file_cannot_be_put_in_its_place_waits_for_it_and_can_still_be_stopped() {
    let out = tempfile::tempdir().unwrap();
    let taken = out.path().join("taken");
    let stuck = || async {
        std::fs::create_dir(&taken).unwrap();
        let first = Act::answers(json!(1)).writing_file(out.path(), "taken");
        let stage = Stage::new([("first", first), ("second", Act::answers(json!(2)))]);
        let mut second = call("second", json!({ "kind": "literal", "value": 1 }));
        second["call"]["effects"] = json!("idempotent");
        let first = call("first", json!({ "kind": "literal", "value": 1 }));
        let error = stage.run(flow([("one", first), ("two", second)])).await.err().unwrap();
        assert!(matches!(error, DriveError::Journal(JournalError::Unplaced { .. })), "{error}");
        let error = stage.conductor.resume(&"flow-1".parse().unwrap()).await.err().unwrap();
        assert!(matches!(error, DriveError::Journal(JournalError::Unplaced { .. })), "{error}");
        assert_eq!(stage.performed(), 1, "it does not go on");
        stage
    };
    let stage = stuck().await;
    let ended = stage.conductor.cancel(&"flow-1".parse().unwrap(), "user:anna", "enough").await.unwrap();
    assert_eq!(ended.state.word(), "cancelled");

    std::fs::remove_dir(&taken).unwrap();
    let stage = stuck().await;
    std::fs::remove_dir(&taken).unwrap();
    let ended = stage.conductor.resume(&"flow-1".parse().unwrap()).await.unwrap();
    assert_eq!((ended.state.word(), stage.performed()), ("done", 2));
    assert_eq!(std::fs::read(&taken).unwrap(), b"content");
}

#[tokio::test]
async fn what_is_sent_back_or_broken_writes_nothing_and_what_is_accepted_does() {
    let run = |act: Act, holds: &'static str| async move {
        let stage = Stage::new([("work", act)]);
        let step = expecting(call("work", json!({ "kind": "literal", "value": 1 })), holds);
        stage.run(flow([("w", step)])).await.unwrap();
        stage.store.get("ns", "key").unwrap().map(|(value, _)| value)
    };
    let writes = || Act::answers(json!(1)).writing("key", b"value");
    assert_eq!(run(writes(), "w == 1").await.as_deref(), Some(&b"value"[..]));
    assert_eq!(run(writes(), "w == 2").await, None);
    assert_eq!(run(Act::traps_then(9, json!(1)).writing("key", b"value"), "w == 1").await, None);
    assert_eq!(run(Act::says_no(json!(1)).writing("key", b"value"), "w == 1").await, None);
}

#[tokio::test]
async fn what_an_accepted_output_wrote_becomes_real_with_the_approval_even_in_another_process() {
    let stage = Stage::new([("work", Act::answers(json!(1)).writing("key", b"value"))]);
    let step = with_ladder(
        expecting(call("work", json!({ "kind": "literal", "value": 1 })), "w == 2"),
        json!([{ "kind": "ask", "question": ask("legal", "All the same?", &[("w", "w")]) }]),
    );
    let standing = stage.run(flow([("w", step)])).await.unwrap();
    assert_eq!(stage.store.get("ns", "key").unwrap(), None);
    let stage = stage.restarted();
    let standing = stage.say(&standing, Said::Approve).await.unwrap();
    assert_eq!(standing.state.word(), "done");
    assert_eq!(stage.store.get("ns", "key").unwrap().unwrap().0, b"value");
}

fn asking(question: serde_json::Value) -> kapell_model::plan::Plan {
    flow([
        ("view", json!({ "kind": "ask", "question": question })),
        ("after", call("work", json!({ "kind": "literal", "value": 1 }))),
    ])
}

#[tokio::test]
async fn an_answer_is_taken_once_from_somebody_asked_to_exactly_what_was_shown() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let waiting = stage.run(asking(ask("legal", "Accept?", &[]))).await.unwrap();
    let refused = |error: DriveError| match error {
        DriveError::Answer(error) => error.to_string(),
        other => panic!("{other}"),
    };
    let mut other = stage.given(&waiting, Said::Approve);
    other.shown = kapell_model::digest::Digest::of(b"something else");
    let error = stage.conductor.answer(&waiting.state.run, &other).await.err().unwrap();
    assert_eq!(refused(error), "what flow-1 asks now is not what was shown: look again, then answer");
    let mut stranger = stage.given(&waiting, Said::Approve);
    stranger.by = "user:mallory".into();
    let error = stage.conductor.answer(&waiting.state.run, &stranger).await.err().unwrap();
    assert_eq!(refused(error), "user:mallory is not among the people asked: user:anna");
    let error = stage.say(&waiting, Said::Value(json!("yes"))).await.err().unwrap();
    assert_eq!(refused(error), "the answer does not fit: expected approve or reject, found the text \"yes\"");
    let done = stage.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!(done.state.word(), "done");
    let error = stage.say(&waiting, Said::Approve).await.err().unwrap();
    assert_eq!(refused(error), "run flow-1 asks nothing now: it is done");
}

#[tokio::test]
async fn an_override_is_its_own_entry_by_its_own_role_and_says_why() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut question = ask("legal", "Accept?", &[]);
    question["override"] = json!("general-counsel");
    let waiting = stage.run(asking(question)).await.unwrap();
    let over = |by: &str, reason: Option<&str>| {
        let mut given = stage.given(&waiting, Said::Override);
        (given.by, given.reason) = (by.into(), reason.map(str::to_owned));
        given
    };
    let refused = async |given| match stage.conductor.answer(&waiting.state.run, &given).await.err().unwrap()
    {
        DriveError::Answer(error) => error.to_string(),
        other => panic!("{other}"),
    };
    assert_eq!(
        refused(over("user:anna", Some("late"))).await,
        "user:anna may not override this question: user:gina"
    );
    assert_eq!(refused(over("user:gina", None)).await, "an override says why");
    assert_eq!(refused(over("user:gina", Some("  "))).await, "an override says why");
    // Who may override is not asked: a yes of theirs is none.
    let mut yes = stage.given(&waiting, Said::Approve);
    yes.by = "user:gina".into();
    assert_eq!(refused(yes).await, "user:gina is not among the people asked: user:anna");
    let given = over("user:gina", Some("Anna is away"));
    let done = stage.conductor.answer(&waiting.state.run, &given).await.unwrap();
    assert_eq!(done.state.word(), "done");
    let log = stage.log(&done);
    let line = log.lines().nth(3).unwrap_or_default();
    assert!(line.contains("question 1: overridden as general-counsel by user:gina: Anna is away; "), "{log}");
    // Written as an answer it would be a yes nobody of the role gave.
    use kapell_journal::entry::Body;
    let mut entries = stage.store.entries(&done.state.run).unwrap();
    for entry in &mut entries {
        if let Body::QuestionOverridden(overridden) = &entry.body {
            entry.body = Body::QuestionAnswered(overridden.as_answer());
        }
    }
    let error = kapell_journal::fold::RunState::fold(&done.state.run, &entries).err().unwrap();
    assert_eq!(error.why, "an override is no answer");
}

#[tokio::test]
async fn a_question_is_overridden_by_nobody_the_flow_does_not_name() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let waiting = stage.run(asking(ask("legal", "Accept?", &[]))).await.unwrap();
    let mut given = stage.given(&waiting, Said::Override);
    given.reason = Some("because".into());
    let error = stage.conductor.answer(&waiting.state.run, &given).await.err().unwrap();
    assert!(matches!(error, DriveError::Answer(AnswerError::NoOverride(_))), "{error}");
}

#[tokio::test]
async fn an_override_takes_what_a_ladder_has_come_to() {
    let stage = Stage::new([("work", Act::answers(json!("draft")))]);
    let step = expecting(call("work", json!({ "kind": "literal", "value": 1 })), "w == 'good'");
    let mut question = ask("legal", "Publish?", &[]);
    question["override"] = json!("general-counsel");
    let step = with_ladder(step, json!([{ "kind": "ask", "question": question }]));
    let waiting = stage.run(flow([("w", step)])).await.unwrap();
    let mut given = stage.given(&waiting, Said::Override);
    (given.by, given.reason) = ("user:gina".into(), Some("good enough".into()));
    let done = stage.conductor.answer(&waiting.state.run, &given).await.unwrap();
    assert_eq!(done.state.word(), "done");
}

#[tokio::test]
async fn nobody_approves_in_a_run_they_started_where_four_eyes_must_look() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut question = ask("legal", "Accept?", &[]);
    question["override"] = json!("legal");
    let four = kapell_model::plan::Plan { four_eyes: true, ..asking(question.clone()) };
    let waiting = stage.run(four.clone()).await.unwrap();
    for said in [Said::Approve, Said::Override] {
        let mut own = stage.given(&waiting, said);
        (own.by, own.reason) = (waiting.state.started.by.clone(), Some("mine".into()));
        let error = stage.conductor.answer(&waiting.state.run, &own).await.err().unwrap();
        assert!(matches!(error, DriveError::Answer(AnswerError::OwnRun(_))), "{error}");
    }
    // What is typed decides as much as a yes.
    let typed = json!({ "kind": "choice", "choices": ["send", "hold"] });
    let mut choosing = question.clone();
    choosing["answer"] = typed;
    let asks = kapell_model::plan::Plan { four_eyes: true, ..asking(choosing.clone()) };
    let chosen = stage.run(asks).await.unwrap();
    let mut own = stage.given(&chosen, Said::Value(json!("send")));
    own.by = chosen.state.started.by.clone();
    let error = stage.conductor.answer(&chosen.state.run, &own).await.err().unwrap();
    assert!(matches!(error, DriveError::Answer(AnswerError::OwnRun(_))), "{error}");
    let chosen = stage.run(asking(choosing)).await.unwrap();
    assert_eq!(stage.say(&chosen, Said::Value(json!("send"))).await.unwrap().state.word(), "done");
    // A no is always theirs to say; and where two eyes are enough, so is a yes.
    assert_eq!(stage.say(&waiting, Said::Reject).await.unwrap().state.word(), "rejected");
    let waiting = stage.run(asking(question)).await.unwrap();
    assert_eq!(stage.say(&waiting, Said::Approve).await.unwrap().state.word(), "done");
}

#[tokio::test]
async fn a_no_ends_the_run_as_rejected_and_nothing_after_it_runs() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let waiting = stage.run(asking(ask("legal", "Accept?", &[]))).await.unwrap();
    let ended = stage.say(&waiting, Said::Reject).await.unwrap();
    assert_eq!((ended.state.word(), stage.performed()), ("rejected", 0));
}

#[tokio::test]
async fn time_reminds_escalates_and_expires_and_expiry_is_never_a_yes() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut question = ask("legal", "Accept?", &[]);
    question["remind"] = json!(1_000);
    question["escalate"] = json!({ "after": 2_000, "to": "general-counsel" });
    question["expire"] = json!(3_000);
    let waiting = stage.run(asking(question)).await.unwrap();
    let run = waiting.state.run.clone();
    for (now, due) in [(0, Some(1_000)), (1_000, Some(2_000)), (2_000, Some(3_000))] {
        stage.set_clock(now);
        let standing = stage.conductor.resume(&run).await.unwrap();
        assert_eq!(standing.state.due().map(|at| at.0), due);
    }
    // Asked as well once it was escalated, and too late all the same.
    let mut given = stage.given(&waiting, Said::Approve);
    given.by = "user:gina".into();
    stage.set_clock(3_000);
    let error = stage.conductor.answer(&run, &given).await.err().unwrap();
    assert!(matches!(error, DriveError::Answer(AnswerError::Expired(_))), "{error}");
    let ended = stage.conductor.resume(&run).await.unwrap();
    assert_eq!((ended.state.word(), stage.performed()), ("expired", 0));
    insta::assert_snapshot!(stage.log(&ended), @r#"
       1970-01-01 (UTC)
    1  00:00:00.000  run           began: flow 1 by user:anna; plan d62d681285d2, policy e3b0c44298fc, tariff 115a38054c83
    2  00:00:00.000  view          question 1 to legal: Accept? (shown aea7c206a68d, until 1970-01-01 00:00:03.000)
    3  00:00:01.000  view          question 1: reminded
    4  00:00:02.000  view          question 1: general-counsel is asked as well
    5  00:00:03.000  view          question 1: expired unanswered, which is never a yes
    6  00:00:03.000  run           expired at view: nobody answered in time, which is never a yes
    "#);
}

#[tokio::test]
async fn what_was_due_first_while_nobody_looked_happens_first() {
    for (remind, escalate) in [(1_000, 2_000), (2_000, 2_000), (2_000, 1_000)] {
        let stage = Stage::new([("work", Act::answers(json!(1)))]);
        let mut question = ask("legal", "Accept?", &[]);
        question["remind"] = json!(remind);
        question["escalate"] = json!({ "after": escalate, "to": "general-counsel" });
        let waiting = stage.run(asking(question)).await.unwrap();
        stage.set_clock(9_000);
        let standing = stage.conductor.resume(&waiting.state.run).await.unwrap();
        let log = stage.log(&standing);
        let (reminded, escalated) = (log.find("reminded").unwrap(), log.find("is asked as well").unwrap());
        assert_eq!(reminded < escalated, remind <= escalate, "{log}");
    }
}

#[tokio::test]
async fn a_question_nobody_escalated_is_not_answered_by_the_other_role() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut question = ask("legal", "Accept?", &[]);
    question["escalate"] = json!({ "after": 2_000, "to": "general-counsel" });
    let waiting = stage.run(asking(question)).await.unwrap();
    let mut given = stage.given(&waiting, Said::Approve);
    given.by = "user:gina".into();
    let error = stage.conductor.answer(&waiting.state.run, &given).await.err().unwrap();
    assert!(matches!(error, DriveError::Answer(AnswerError::NotAsked { .. })), "{error}");
    stage.set_clock(2_000);
    assert_eq!(stage.conductor.answer(&waiting.state.run, &given).await.unwrap().state.word(), "done");
}

#[tokio::test]
async fn a_run_cut_off_at_any_commit_comes_to_the_same_end_and_writes_once() {
    for commits in 1..=8 {
        let stage = Stage::new([
            ("first", Act::answers(json!(1)).writing("a", b"1")),
            ("second", Act::answers(json!(2)).writing("b", b"2")),
        ]);
        let step = |name: &str, effects: &str| {
            let mut step = call(name, json!({ "kind": "literal", "value": 1 }));
            step["call"]["effects"] = json!(effects);
            step
        };
        let mut flow = flow([("one", step("first", "idempotent")), ("two", step("second", "none"))]);
        flow.outputs.insert("sum".into(), "one + two".into());
        stage.cut_after(commits);
        let standing = match stage.run(flow).await {
            Ok(standing) => standing,
            Err(DriveError::Journal(JournalError::Unavailable { .. })) => {
                let stage = stage.restarted();
                match stage.conductor.resume(&"flow-1".parse().unwrap()).await {
                    Ok(standing) => standing,
                    // Cut off before the first commit: nothing was acknowledged, so there is no run.
                    Err(DriveError::Journal(JournalError::NotFound(_))) if commits == 1 => continue,
                    Err(error) => panic!("cut after {commits}: {error}"),
                }
            }
            Err(error) => panic!("cut after {commits}: {error}"),
        };
        assert_eq!(stage.outputs(&standing), json!({ "sum": 3 }), "cut after {commits}");
        assert_eq!(stage.store.get("ns", "a").unwrap().unwrap(), (b"1".to_vec(), 1), "cut after {commits}");
        assert_eq!(stage.store.get("ns", "b").unwrap().unwrap(), (b"2".to_vec(), 1), "cut after {commits}");
    }
}

async fn in_doubt() -> (Stage, kapell_conductor::drive::Standing) {
    let stage = Stage::new([("pay", Act::answers(json!("paid")))]);
    let mut step = call("pay", json!({ "kind": "literal", "value": 1 }));
    step["call"]["effects"] = json!("once");
    let mut flow = flow([("paid", step)]);
    flow.outputs.insert("paid".into(), "paid".into());
    // The intent is the first commit; the ending never becomes durable.
    stage.cut_after(1);
    stage.run(flow).await.err().unwrap();
    let stage = stage.restarted();
    let standing = stage.conductor.resume(&"flow-1".parse().unwrap()).await.unwrap();
    (stage, standing)
}

#[tokio::test]
async fn an_effect_that_must_not_happen_twice_is_never_silently_run_again() {
    let (stage, standing) = in_doubt().await;
    assert_eq!((standing.state.word(), stage.performed()), ("in-doubt", 0));
    let open = standing.state.question.as_ref().unwrap();
    let shown = stage.store.blob(&standing.state.run, open.asked.shown.digest()).unwrap().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(shown["show"]["arguments"], json!({ "input": 1 }));
    let done = stage.say(&standing, Said::Value(json!({ "tag": "done", "val": "paid" }))).await.unwrap();
    assert_eq!((stage.outputs(&done), stage.performed()), (json!({ "paid": "paid" }), 0));
    insta::assert_snapshot!(stage.log(&done), @r#"
       1970-01-01 (UTC)
    1  00:00:00.000  run           began: flow 1 by user:anna; plan eaafb53ee829, policy e3b0c44298fc, tariff 115a38054c83
    2  00:00:00.000  paid          try 1: test:pay 1.0.0 (9350872d712a) pay, effects once
    3  00:00:00.000  run           resumed by another process
    4  00:00:00.000  paid          in doubt: try 1 may have happened and must not happen twice
    5  00:00:00.000  paid          question 1 in doubt to operator: The host stopped while test:pay 1.0.0#pay was under way. It must not happen twice. Did it happen? (shown 55435001bae6)
    6  00:00:00.000  paid          question 1: answered {"tag":"done","val":"paid"} by user:anyone; 2.70 EUR estimated
    7  00:00:00.000  paid          try 1: output "paid"; fuel 0, 0 B, 0 µs, 0 crossings, 0.00 EUR
    8  00:00:00.000  run           done, outputs {"paid":"paid"}
    "#);
    let (stage, standing) = in_doubt().await;
    let done = stage.say(&standing, Said::Value(json!({ "tag": "again" }))).await.unwrap();
    assert_eq!((done.state.word(), stage.performed()), ("done", 1));
    let (stage, standing) = in_doubt().await;
    let done = stage.say(&standing, Said::Value(json!({ "tag": "stop" }))).await.unwrap();
    assert_eq!((done.state.word(), stage.performed()), ("cancelled", 0));
}

/// A step of that class of effect that breaks the first time, after it has sent something, and may be tried again.
async fn breaks_after_sending(effects: &str, left: Left) -> (Stage, kapell_conductor::drive::Standing) {
    let stage = Stage::new([("pay", Act::traps_then(1, json!("paid")).leaving(left))]);
    let mut step = call("pay", json!({ "kind": "literal", "value": 1 }));
    step["call"]["effects"] = json!(effects);
    step["retry"] = json!(2);
    let mut flow = flow([("paid", step)]);
    flow.outputs.insert("paid".into(), "paid".into());
    let standing = stage.run(flow).await.unwrap();
    (stage, standing)
}

#[tokio::test]
async fn what_was_sent_once_is_never_sent_again_by_a_retry() {
    for (effects, left, word, performed) in [
        ("once", Left::Unanswered, "in-doubt", 1),
        ("once", Left::Answered, "trapped", 1),
        ("once", Left::Nothing, "done", 2),
        ("idempotent", Left::Unanswered, "done", 2),
    ] {
        let (stage, standing) = breaks_after_sending(effects, left).await;
        assert_eq!((standing.state.word(), stage.performed()), (word, performed), "{effects} {left:?}");
    }
}

#[tokio::test]
async fn an_attempt_that_broke_unanswered_is_settled_by_a_person_and_charged() {
    let (stage, standing) = breaks_after_sending("once", Left::Unanswered).await;
    let done = stage.say(&standing, Said::Value(json!({ "tag": "done", "val": "paid" }))).await.unwrap();
    assert_eq!((stage.outputs(&done), stage.performed()), (json!({ "paid": "paid" }), 1));
    insta::assert_snapshot!(stage.log(&done), @r#"
       1970-01-01 (UTC)
    1  00:00:00.000  run           began: flow 1 by user:anna; plan ce60c9cefd02, policy e3b0c44298fc, tariff 115a38054c83
    2  00:00:00.000  paid          try 1: test:pay 1.0.0 (9350872d712a) pay, effects once
    3  00:00:00.000  paid          in doubt: try 1 may have happened and must not happen twice
    4  00:00:00.000  paid          question 1 in doubt to operator: test:pay 1.0.0#pay broke after its request had gone out unanswered (stopped by crash: scripted). It must not happen twice. Did it happen? (shown fd5f2ae4813c)
    5  00:00:00.000  paid          question 1: answered {"tag":"done","val":"paid"} by user:anyone; 2.70 EUR estimated
    6  00:00:00.000  paid          try 1: output "paid"; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
    7  00:00:00.000  run           done, outputs {"paid":"paid"}
    "#);
    let (stage, standing) = breaks_after_sending("once", Left::Unanswered).await;
    let done = stage.say(&standing, Said::Value(json!({ "tag": "again" }))).await.unwrap();
    assert_eq!((done.state.word(), stage.performed()), ("done", 2));
    let (stage, _) = breaks_after_sending("once", Left::Unanswered).await;
    let over = stage.conductor.cancel(&"flow-1".parse().unwrap(), "user:anna", "enough").await.unwrap();
    assert_eq!((over.state.word(), stage.performed()), ("cancelled", 1));
}

/// Nobody settles what broke, and it is paid for all the same: as waste, for nothing came of it.
#[tokio::test]
async fn a_run_that_is_stopped_in_doubt_has_paid_for_what_broke() {
    let (stage, standing) = breaks_after_sending("once", Left::Unanswered).await;
    let stopped = stage.say(&standing, Said::Value(json!({ "tag": "stop" }))).await.unwrap();
    assert_waste(&stage, &stopped);
    insta::assert_snapshot!(stage.log(&stopped).lines().skip(5).collect::<Vec<_>>().join("\n"), @r#"
    5  00:00:00.000  paid          question 1: answered {"tag":"stop"} by user:anyone; 2.70 EUR estimated
    6  00:00:00.000  run           user:anyone asked to stop: it is in doubt what happened
    7  00:00:00.000  paid          try 1: stopped by crash: scripted; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
    8  00:00:00.000  run           cancelled: user:anyone: it is in doubt what happened
    "#);
    let (stage, _) = breaks_after_sending("once", Left::Unanswered).await;
    let cancelled = stage.conductor.cancel(&"flow-1".parse().unwrap(), "user:anna", "enough").await.unwrap();
    assert_waste(&stage, &cancelled);
    insta::assert_snapshot!(stage.log(&cancelled).lines().skip(5).collect::<Vec<_>>().join("\n"), @r#"
    5  00:00:00.000  run           user:anna asked to stop: enough
    6  00:00:00.000  paid          try 1: stopped by crash: scripted; fuel 1,000, 0 B, 0 µs, 0 crossings, 0.00001002 EUR
    7  00:00:00.000  run           cancelled: user:anna: enough
    "#);
    // Of an attempt that the host lost nothing is known, and nothing is charged.
    let (stage, _) = in_doubt().await;
    let cancelled = stage.conductor.cancel(&"flow-1".parse().unwrap(), "user:anna", "enough").await.unwrap();
    assert_eq!(cancelled.state.word(), "cancelled");
    assert_eq!(cancelled.state.spent_on_attempts.unwrap().to_string(), "0.00 EUR");
}

fn assert_waste(stage: &Stage, standing: &kapell_conductor::drive::Standing) {
    assert_eq!((standing.state.word(), stage.performed()), ("cancelled", 1));
    assert_eq!(standing.state.spent_on_attempts.as_ref().unwrap().to_string(), "0.00001002 EUR");
    let entries = stage.store.entries(&standing.state.run).unwrap();
    let tariff = &standing.program.tariff.tariff;
    let lines = kapell_report::cost::ledger(&entries, &standing.state, tariff).unwrap();
    let rows = kapell_report::cost::summed(&lines, kapell_report::cost::By::Run).unwrap();
    assert_eq!(Some(&rows[0].total), standing.state.spent.as_ref());
    let waste = rows[0].parts[&kapell_report::cost::CostKind::Waste].to_string();
    assert_eq!(waste, "0.00000002 EUR");
}

#[tokio::test]
async fn an_effect_whose_keys_have_moved_is_not_sent_again() {
    for (left, word, performed) in [(Left::Answered, "in-doubt", 1), (Left::Nothing, "done", 2)] {
        let stage = Stage::new([("pay", Act::counts("n").leaving(left))]);
        let mut step = call("pay", json!({ "kind": "literal", "value": 1 }));
        step["call"]["effects"] = json!("once");
        stage.interfere_with("n");
        let standing = stage.run(flow([("paid", step)])).await.unwrap();
        assert_eq!((standing.state.word(), stage.performed()), (word, performed), "{left:?}");
    }
}

#[tokio::test]
async fn money_is_reserved_before_the_act() {
    let run = |most: &'static str| async move {
        let stage = Stage::new([("work", Act::answers(json!(1)))]);
        let mut flow = flow([("w", call("work", json!({ "kind": "literal", "value": 1 })))]);
        flow.budget.money = Some(most.parse().unwrap());
        let standing = stage.run(flow).await.unwrap();
        (standing.state.word(), stage.performed())
    };
    // The stage's limits are worth 0.002022500 EUR at the example tariff.
    assert_eq!(run("0.01 EUR").await, ("done", 1));
    assert_eq!(run("0.0001 EUR").await, ("over-budget", 0));
}

/// What models may cost is set aside before the act; what they did cost stands on the receipt and in the ledger.
#[tokio::test]
async fn what_models_cost_is_reserved_charged_and_told_apart() {
    let run = |most: &'static str| async move {
        let stage = Stage::new([("work", Act::answers(json!("ok")).paying("0.02 EUR"))]);
        let mut step = call("work", json!({ "kind": "literal", "value": 1 }));
        let grant = json!({ "kind": "inference", "tier": "cheap", "calls_max": 1, "tokens_max": 9, "money_max": "0.10 EUR" });
        step["call"]["grants"] =
            json!({ "grants": [{ "name": "cheap", "rule": "models", "authority": grant }] });
        let mut flow = flow([("w", step)]);
        flow.budget.money = Some(most.parse().unwrap());
        let standing = stage.run(flow).await.unwrap();
        (stage, standing)
    };
    let (stage, standing) = run("0.09 EUR").await;
    assert_eq!((standing.state.word(), stage.performed()), ("over-budget", 0));
    let (stage, standing) = run("0.11 EUR").await;
    assert_eq!((standing.state.word(), stage.performed()), ("done", 1));
    assert!(
        stage.log(&standing).contains("0.02001002 EUR of which models 0.02 EUR"),
        "{}",
        stage.log(&standing)
    );
    let entries = stage.store.entries(&standing.state.run).unwrap();
    let lines =
        kapell_report::cost::ledger(&entries, &standing.state, &standing.program.tariff.tariff).unwrap();
    let rows = kapell_report::cost::summed(&lines, kapell_report::cost::By::Run).unwrap();
    assert_eq!(Some(&rows[0].total), standing.state.spent.as_ref());
    insta::assert_snapshot!(kapell_report::cost::table(&rows, "run"), @r#"
    run           work  models  waste  people  overhead           total   fuel
    flow-1  0.00000002    0.02      -       -   0.00001  0.02001002 EUR  1,000
    "#);
}

#[tokio::test]
async fn a_persons_time_is_told_and_never_breaks_the_budget() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut flow = asking(ask("legal", "Accept?", &[]));
    flow.budget.money = Some("0.01 EUR".parse().unwrap());
    let waiting = stage.run(flow).await.unwrap();
    let done = stage.say(&waiting, Said::Approve).await.unwrap();
    assert_eq!(done.state.word(), "done");
    assert_eq!(done.state.spent.unwrap().to_string(), "2.70001002 EUR");
}

#[tokio::test]
async fn working_time_is_a_budget_and_caps_the_next_deadline() {
    let stage = Stage::new([("work", Act::answers(json!(1)).taking_micros(30_000))]);
    let step = || call("work", json!({ "kind": "literal", "value": 1 }));
    let mut flow = flow([("a", step()), ("b", step()), ("c", step())]);
    flow.budget.work = Some("50ms".parse().unwrap());
    let standing = stage.run(flow).await.unwrap();
    assert_eq!((standing.state.word(), stage.performed()), ("over-budget", 2));
    let deadline = |step: &str| standing.state.steps[step].attempts[0].started.deadline.map(|span| span.0);
    assert_eq!((deadline("a"), deadline("b")), (Some(50), Some(20)));
    assert_eq!(stage.deadlines(), [50, 20], "the attempts had it too");
}

/// Nobody set that deadline for the skill.
#[tokio::test]
async fn an_attempt_stopped_where_the_working_time_ends_has_used_it_up() {
    for (work, state) in [(Some("50ms"), "over-budget"), (None, "trapped")] {
        let stage = Stage::new([("work", Act::traps_then(9, json!(1)).for_the_deadline())]);
        let mut flow = flow([("a", call("work", json!({ "kind": "literal", "value": 1 })))]);
        flow.budget.work = work.map(|work| work.parse().unwrap());
        let standing = stage.run(flow).await.unwrap();
        assert_eq!((standing.state.word(), stage.performed()), (state, 1));
        let log = stage.log(&standing);
        let told = "the working time is used up: the budget left 50 ms of it for this attempt";
        assert_eq!(log.contains(told), work.is_some(), "{log}");
    }
}

/// JSON writes a large integer as a text, and a double that is whole like an integer.
#[tokio::test]
async fn a_condition_reads_numbers_as_their_types_say() {
    for (kind, answer, that, state) in [
        ("s64", json!("9007199254740993"), "a == 9007199254740993 && a > 5", "done"),
        ("s64", json!("9007199254740993"), "a == 9007199254740992", "escalated"),
        ("f64", json!(5), "a / 2 > 2.2", "done"),
        ("u32", json!(5), "a / 2 > 2.2", "escalated"),
    ] {
        let stage = Stage::new([("work", Act::answers(answer))]);
        let mut step = call("work", json!({ "kind": "literal", "value": 1 }));
        step["call"]["operation"]["result"] = json!({ "kind": kind });
        let standing = stage.run(flow([("a", expecting(step, that))])).await.unwrap();
        assert_eq!(standing.state.word(), state, "{kind} {that}\n{}", stage.log(&standing));
    }
}

/// What another rung is given may fit.
#[tokio::test]
async fn a_rung_whose_argument_does_not_fit_is_passed_over() {
    let stage = Stage::new([("work", Act::traps_then(9, json!("never")))]);
    let step = with_ladder(
        call("work", json!({ "kind": "literal", "value": 1 })),
        json!([
            { "kind": "again", "with": { "wrong": { "kind": "literal", "value": 1 } } },
            { "kind": "ask", "question": ask("support", "Then what?", &[]) },
        ]),
    );
    let waiting = stage.run(flow([("w", step)])).await.unwrap();
    assert_eq!(waiting.state.word(), "waiting");
    assert!(stage.log(&waiting).contains("does not fit"), "{}", stage.log(&waiting));
}

#[tokio::test]
async fn a_key_that_moved_sends_the_attempt_back_and_both_count() {
    let stage = Stage::new([("count", Act::counts("counter"))]);
    let step = || call("count", json!({ "kind": "literal", "value": 1 }));
    stage.interfere_with("counter");
    let standing = stage.run(flow([("a", step())])).await.unwrap();
    assert_eq!(standing.state.word(), "done");
    assert_eq!(stage.store.get("ns", "counter").unwrap().unwrap().0, b"2");
    assert_eq!(stage.performed(), 2);
    // What the attempt that was sent back used is paid for, as waste: the ledger adds up to what was spent.
    let entries = stage.store.entries(&standing.state.run).unwrap();
    let tariff = &standing.program.tariff.tariff;
    let lines = kapell_report::cost::ledger(&entries, &standing.state, tariff).unwrap();
    let rows = kapell_report::cost::summed(&lines, kapell_report::cost::By::Run).unwrap();
    assert_eq!(Some(&rows[0].total), standing.state.spent.as_ref());
    assert!(rows[0].parts.contains_key(&kapell_report::cost::CostKind::Waste));
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_sends_the_attempt_back_and_is_not_written_over() {
    let out = tempfile::tempdir().unwrap();
    let letter = out.path().join("letter");
    let writes = Act::answers(json!(1)).writing_file(out.path(), "letter").while_appears(letter.clone());
    let stage = Stage::new([("write", writes)]);
    let step = call("write", json!({ "kind": "literal", "value": 1 }));
    let standing = stage.run(flow([("a", step)])).await.unwrap();
    assert_eq!((standing.state.word(), stage.performed()), ("done", 2));
    assert_eq!(std::fs::read(&letter).unwrap(), b"content");
    let log = stage.log(&standing);
    assert!(log.contains("lost"), "{log}");
}

#[tokio::test]
async fn a_run_is_cancelled_in_the_middle_of_an_attempt() {
    let stage = Stage::new([("work", Act::answers(json!(1)).cancelled_meanwhile())]);
    let step = || call("work", json!({ "kind": "literal", "value": 1 }));
    let standing = stage.run(flow([("a", step()), ("b", step())])).await.unwrap();
    let ended = standing.state.ended.unwrap();
    assert_eq!((ended.state, ended.reason.as_deref()), (RunEnding::Cancelled, Some("user:anna: enough")));
    assert_eq!(stage.performed(), 1);
}

#[tokio::test]
async fn a_precondition_that_fails_refuses_before_any_step() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut flow = flow([("a", call("work", json!({ "kind": "literal", "value": 1 })))]);
    flow.require.push(kapell_model::plan::Requirement {
        that: "size(inputs.text) > 0".into(),
        otherwise: "There is no text".into(),
    });
    let standing = stage.run(flow).await.unwrap();
    assert_eq!((standing.state.word(), stage.performed()), ("refused", 0));
    assert_eq!(standing.state.ended.unwrap().reason.unwrap(), "There is no text");
}

#[tokio::test]
async fn two_owners_never_both_append() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let waiting = stage.run(asking(ask("legal", "Accept?", &[]))).await.unwrap();
    let other = stage.restarted();
    other.say(&waiting, Said::Approve).await.unwrap();
    let error = stage.say(&waiting, Said::Approve).await.err().unwrap();
    assert!(matches!(error, DriveError::Answer(AnswerError::NothingAsked { .. })), "{error}");
}

#[tokio::test]
async fn a_log_says_the_day_where_it_changes() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let done =
        stage.run(flow([("work", call("work", json!({ "kind": "literal", "value": "t" })))])).await.unwrap();
    let mut entries = stage.store.entries(&done.state.run).unwrap();
    assert_eq!(entries.len(), 4);
    entries[2].at = Timestamp(86_399_999);
    entries[3].at = Timestamp(86_400_000);
    let log = kapell_report::log::run(&entries, &|_| None);
    let starts: Vec<&str> = log.lines().map(|line| line[..20].trim()).collect();
    let expected = [
        "1970-01-01 (UT",
        "1  00:00:00.000",
        "2  00:00:00.000",
        "3  23:59:59.999",
        "1970-01-02 (UT",
        "4  00:00:00.000",
    ];
    assert_eq!(starts, expected);
}
