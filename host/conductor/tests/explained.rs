//! Runs in every state, explained to somebody who was not there. The account is the expected text.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "tests stop at the first surprise; the stage is shared"
)]

mod stage;

use kapell_conductor::answer::Said;
use kapell_conductor::drive::Standing;
use kapell_journal::entry::BlobRef;
use kapell_journal::seam::Journals as _;
use kapell_model::plan::Plan;
use kapell_report::explain::{Account, Record, Vouched, html, text};
use serde_json::{Value, json};
use stage::{Act, Stage, ask, call, expecting, flow, with_ladder};
use std::path::Path;

/// The account of a run, of one step where it is named.
fn account(stage: &Stage, standing: &Standing, step: Option<&str>, held: Option<&str>) -> Account {
    let entries = stage.store.entries(&standing.state.run).unwrap();
    let values = |named: &BlobRef| {
        let bytes = stage.store.blob(&standing.state.run, named.digest()).unwrap()?;
        named.read(&bytes).ok()
    };
    let record = Record {
        run: &standing.state.run,
        entries: &entries,
        plan: &standing.program.plan,
        tariff: &standing.program.tariff.tariff,
        folder: Path::new("/project"),
        held: held.map(str::to_owned),
        checked: Vouched::default(),
        values: &values,
    };
    let step = step.map(|step| step.parse().unwrap());
    Account::of(&record, step.as_ref()).unwrap()
}

/// Only what happened: the parts that differ from run to run.
fn told(stage: &Stage, standing: &Standing) -> String {
    let whole = text(&account(stage, standing, None, None));
    let told = whole.split("\nWhat it cost").next().unwrap();
    // The name of a process is another one each time.
    told.lines().filter(|line| !line.contains("process: ")).collect::<Vec<_>>().join("\n")
}

fn owned(mut flow: Plan) -> Plan {
    flow.owner = Some("ops-lead".into());
    flow.purpose = Some("Tickets reach the right queue".into());
    flow
}

#[tokio::test]
async fn a_run_that_climbed_its_ladder_to_a_person() {
    let stage = Stage::new([
        ("words", Act::answers(json!({ "confidence": 0.4 }))),
        ("deep", Act::answers(json!({ "confidence": 0.6 })).taking_micros(2_500)),
    ]);
    let mut question = ask("support", "Which queue?", &[("guess", "label")]);
    question["expire"] = json!(14_400_000);
    let mut step = with_ladder(
        expecting(call("words", json!({ "kind": "literal", "value": "t" })), "label.confidence >= 0.8"),
        json!([
            { "kind": "use", "call": stage::callee("deep", json!({ "kind": "literal", "value": "t" })) },
            { "kind": "ask", "question": question },
        ]),
    );
    step["call"]["owner"] = json!("support-team");
    let mut plan = owned(flow([("label", step)]));
    plan.outputs.insert("label".into(), "label".into());
    let waiting = stage.run(plan).await.unwrap();
    stage.set_clock(7_980_000);
    let mut given = stage.given(&waiting, Said::Approve);
    (given.reason, given.minutes) = (Some("It reads like billing".into()), Some("2.5".parse().unwrap()));
    let done = stage.conductor.answer(&waiting.state.run, &given).await.unwrap();
    insta::assert_snapshot!(text(&account(&stage, &done, None, None)), @r#"
    flow-1, a run of flow 1

    It was done on 1970-01-01 02:13:00.000 UTC.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      2 h 13 min, 2 h 13 min of it waiting for people
      cost      2.25002004 EUR at example prices
      given     text = ""
      came to   {"label":{"confidence":0.6}}

    Step by step

      1. label: the answer of try 2, which user:anna let stand
         calls test:words 1.0.0 (dba36bffa5ca), operation words (logic, effects none); support-team answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
         its answer is good enough when `label.confidence >= 0.8` holds
         otherwise, rung 1: test:deep 1.0.0 (74611c1d6455), operation deep
         otherwise, rung 2: support (user:anna) is asked
      1970-01-01 00:00:00.000  #2  Try 1 began: test:words 1.0.0 (dba36bffa5ca), operation words.
                                   given = {"input":"t"}
      1970-01-01 00:00:00.000  #3  Try 1 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = {"confidence":0.4}
      1970-01-01 00:00:00.000  #4  Not good enough: `label.confidence >= 0.8` does not hold.
                                   label.confidence = 0.4
      1970-01-01 00:00:00.000  #5  Not taken: rung 0 test:words#words: its output does not meet the expectation. Next is rung 1: test:deep 1.0.0 (74611c1d6455), operation deep.
      1970-01-01 00:00:00.000  #6  Try 2 began on rung 1: test:deep 1.0.0 (74611c1d6455), operation deep.
                                   given = {"input":"t"}
      1970-01-01 00:00:00.000  #7  Try 2 answered. It used 1,000 fuel in 2.5 ms and cost 0.00001002 EUR.
                                   answer = {"confidence":0.6}
      1970-01-01 00:00:00.000  #8  Not good enough: `label.confidence >= 0.8` does not hold.
                                   label.confidence = 0.6
      1970-01-01 00:00:00.000  #9  Not taken: rung 1 test:deep#deep: its output does not meet the expectation. Next is rung 2: support (user:anna) is asked.
      1970-01-01 00:00:00.000  #10 support (user:anna) was asked, because no rung before gave an answer that holds: Which queue?
                                   │ guess:
                                   │   confidence: 0.6
                                   answer: approve or reject
                                   expires, which is never a yes: 1970-01-01 04:00:00.000 UTC
                                   an answer is bound to: sha256:b59dd372f6494f6d79e01aa40304a0c1b60c5a0dea6efe94b7660c94041fbd8e
      1970-01-01 02:13:00.000  #11 user:anna approved: It reads like billing. It took them 2.5 min, 2.25 EUR.

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 02:13:00.000  #12 It ended as done.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  support-team: owns test:words, while try 1 of `label` ran
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:deep, while try 2 of `label` ran
      1970-01-01 00:00:00.000 – 1970-01-01 02:13:00.000  ops-lead: owns the flow, while support was asked at `label`
      1970-01-01 02:13:00.000 – on                       user:anna: approved at `label`, theirs to answer for from then on

    What it cost
      lane            work       waste  people  overhead           total   fuel
      judgment           -           -    2.25         -        2.25 EUR      0
      logic     0.00000002  0.00000002       -   0.00002  0.00002004 EUR  2,000
      total                                               2.25002004 EUR  2,000

    What happens when it goes wrong
      A run that stops as escalated is left to people; the flow names no runbook.
      Anybody may stop it; tries under way end then, and nothing they wrote is kept.
      label
        When its answer does not hold, or there is none, 2 more rungs are tried in order, a person at the end: support (user:anna).
        A try that traps is not tried again on its own.
        When the host goes away in the middle, the try is run again: it changes nothing.
        A no of support ends the run as rejected.
        While support does not answer: it expires after 4 h, which ends the run and is never a yes.

    What exactly it rests on
      engine     scripted
      flow text  sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      plan       sha256:2a88a8b8ba954a697c0869dbaa61584c556af4776c7446e25b9ff917a577f05d
      policy     sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      tariff     sha256:115a38054c831956d5637d28be8252d79d281829d4a380b78860447d180b2819

    What this can't tell
      - who is accountable for test:deep: no owner is named
      - what it really cost: the tariff's prices are examples
    "#);
}

fn asking(question: Value) -> Plan {
    owned(flow([
        ("view", json!({ "kind": "ask", "question": question })),
        ("after", call("work", json!({ "kind": "literal", "value": 1 }))),
    ]))
}

#[tokio::test]
async fn a_run_that_waits_says_for_whom_until_when_and_who_holds_it() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut question = ask("legal", "Accept?", &[("fee", "120"), ("terms", "['a', 'b']")]);
    question["remind"] = json!(3_600_000);
    question["escalate"] = json!({ "after": 14_400_000, "to": "general-counsel" });
    question["expire"] = json!(259_200_000);
    let waiting = stage.run(asking(question)).await.unwrap();
    stage.set_clock(14_400_000);
    stage.conductor.resume(&waiting.state.run).await.unwrap();
    let waiting = stage.conductor.resume(&waiting.state.run).await.unwrap();
    insta::assert_snapshot!(told(&stage, &waiting), @r#"
    flow-1, a run of flow 1

    It waits for legal (user:anna), asked at `view` on 1970-01-01 00:00:00.000 UTC: Accept?
    They were reminded.
    general-counsel (user:gina) is asked as well.
    It expires on 1970-01-04 00:00:00.000 UTC, which is never a yes.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      4 h so far, 4 h of it waiting for people
      cost      nothing
      given     text = ""

    Step by step

      1. view: waits for a person
         asks legal (user:anna): Accept?
         shows fee (`120`), terms (`['a', 'b']`)
         takes approve or reject
      1970-01-01 00:00:00.000  #2  legal (user:anna) was asked: Accept?
                                   │ fee:
                                   │   120
                                   │ terms:
                                   │   1.
                                   │     a
                                   │   2.
                                   │     b
                                   answer: approve or reject
                                   reminder: 1970-01-01 01:00:00.000 UTC
                                   general-counsel is asked as well: 1970-01-01 04:00:00.000 UTC
                                   expires, which is never a yes: 1970-01-04 00:00:00.000 UTC
                                   an answer is bound to: sha256:aff550a10d7e2c0cc38da7420f6a303b6246acb11dacbab8d90510c2be263fa8
      1970-01-01 04:00:00.000  #3  Nobody had answered: a reminder went out.
      1970-01-01 04:00:00.000  #4  Still nobody had answered: general-counsel (user:gina) was asked as well.

      2. after: not come to yet
         calls test:work 1.0.0 (00e13ed7af55), operation work (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
      1970-01-01 00:00:00.000 – on                       ops-lead: owns the flow, while legal was asked at `view`
    "#);
}

#[tokio::test]
async fn a_run_that_failed_says_what_the_skill_said() {
    let stage = Stage::new([
        ("first", Act::answers(json!("fine"))),
        ("work", Act::says_no(json!({ "tag": "not-a-contract" })).writing("key", b"value")),
    ]);
    let literal = || json!({ "kind": "literal", "value": 1 });
    let failed = stage
        .run(flow([
            ("one", call("first", literal())),
            ("two", call("work", literal())),
            ("three", call("first", literal())),
        ]))
        .await
        .unwrap();
    insta::assert_snapshot!(told(&stage, &failed), @r#"
    flow-1, a run of flow 1

    It failed on 1970-01-01 00:00:00.000 UTC at `two`: the skill answered with its own error.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   not declared
      owner     nobody is named
      outcome   not declared
      took      0 ms; nobody was waited for
      cost      0.00002004 EUR at example prices
      given     text = ""

    Step by step

      1. one: the answer of try 1
         calls test:first 1.0.0 (a7937b64b8ca), operation first (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
      1970-01-01 00:00:00.000  #2  Try 1 began: test:first 1.0.0 (a7937b64b8ca), operation first.
                                   given = {"input":1}
      1970-01-01 00:00:00.000  #3  Try 1 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = "fine"

      2. two: the run ended here as failed
         calls test:work 1.0.0 (00e13ed7af55), operation work (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
      1970-01-01 00:00:00.000  #4  Try 1 began: test:work 1.0.0 (00e13ed7af55), operation work.
                                   given = {"input":1}
      1970-01-01 00:00:00.000  #5  Try 1 said no, with an error of the skill's own. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   error = {"tag":"not-a-contract"}

      3. three: never come to
         calls test:first 1.0.0 (a7937b64b8ca), operation first (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:00:00.000  #6  It ended as failed at `two`: the skill answered with its own error.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns the flow
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:first, while try 1 of `one` ran
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:work, while try 1 of `two` ran
    "#);
    insta::assert_snapshot!(text(&account(&stage, &failed, Some("two"), None)), @r#"
    Step two of flow-1, a run of flow 1

    It failed on 1970-01-01 00:00:00.000 UTC at `two`: the skill answered with its own error.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   not declared
      owner     nobody is named
      outcome   not declared
      took      0 ms; nobody was waited for
      cost      0.00001002 EUR at example prices
      given     text = ""

    Step by step

      2. two: the run ended here as failed
         calls test:work 1.0.0 (00e13ed7af55), operation work (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
      1970-01-01 00:00:00.000  #4  Try 1 began: test:work 1.0.0 (00e13ed7af55), operation work.
                                   given = {"input":1}
      1970-01-01 00:00:00.000  #5  Try 1 said no, with an error of the skill's own. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   error = {"tag":"not-a-contract"}

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:00:00.000  #6  It ended as failed at `two`: the skill answered with its own error.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:work, while try 1 of `two` ran

    What it cost
      lane   work       waste  people  overhead           total   fuel
      logic     -  0.00000002       -   0.00001  0.00001002 EUR  1,000

    What happens when it goes wrong
      two
        The skill's own error ends the run as failed, a refusal as refused, a trap as trapped; nothing the try wrote is kept.
        A try that traps is not tried again on its own.
        When the host goes away in the middle, the try is run again: it changes nothing.

    What exactly it rests on
      engine     scripted
      flow text  sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      plan       sha256:2b7a0add397a2075608ef1797306449bd7a3827555585091aed583879f618727
      policy     sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      tariff     sha256:115a38054c831956d5637d28be8252d79d281829d4a380b78860447d180b2819

    What this can't tell
      - who is accountable for the flow: it names no owner
      - who is accountable for test:first, test:work: no owner is named
      - what it really cost: the tariff's prices are examples
    "#);
}

#[tokio::test]
async fn a_run_in_doubt_says_that_nobody_knows_and_who_is_asked() {
    let stage = Stage::new([("pay", Act::answers(json!("paid")))]);
    let mut step = call("pay", json!({ "kind": "literal", "value": 1 }));
    step["call"]["effects"] = json!("once");
    stage.cut_after(1);
    stage.run(owned(flow([("paid", step)]))).await.err().unwrap();
    let stage = stage.restarted();
    stage.set_clock(60_000);
    let standing = stage.conductor.resume(&"flow-1".parse().unwrap()).await.unwrap();
    insta::assert_snapshot!(told(&stage, &standing), @r#"
    flow-1, a run of flow 1

    It is in doubt and waits for operator (anybody), asked at `paid` on 1970-01-01 00:01:00.000 UTC: The host stopped while test:pay 1.0.0#pay was under way. It must not happen twice. Did it happen?
    It waits without an end.
    It was cut off once and gone on with from the journal.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      1 min so far
      cost      nothing
      given     text = ""

    Step by step

      1. paid: in doubt
         calls test:pay 1.0.0 (9350872d712a), operation pay (logic, effects once); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
      1970-01-01 00:00:00.000  #2  Try 1 began: test:pay 1.0.0 (9350872d712a), operation pay.
                                   given = {"input":1}
      1970-01-01 00:01:00.000  #4  The host went away while try 1 was under way. It is not known whether it happened, and it must not happen twice: nothing goes on before somebody says.
      1970-01-01 00:01:00.000  #5  operator (anybody) was asked, because nobody knows whether it happened: The host stopped while test:pay 1.0.0#pay was under way. It must not happen twice. Did it happen?
                                   │ arguments:
                                   │   input: 1
                                   │ idempotency-key:
                                   │   sha256:31da107c30bce7a26b63bb5e34c1a134cdb4cc11e82f3cc8755f57af73db83f6
                                   answer: {"tag": "again" | "done" | "stop", "val": …}
                                   an answer is bound to: sha256:55435001bae69ca0f70ec879817e73a571ddc880758f64a75918583d34ea8337

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:01:00.000  #3  The process that drove it had gone away. Another went on from the journal.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
      1970-01-01 00:00:00.000 – 1970-01-01 00:01:00.000  nobody is named: owns test:pay, while try 1 of `paid` ran
      1970-01-01 00:01:00.000 – on                       ops-lead: owns the flow, while operator was asked at `paid`
    "#);
}

#[tokio::test]
async fn a_run_that_was_cut_off_says_what_was_lost_and_that_it_went_on() {
    let stage = Stage::new([("work", Act::answers(json!(1)).writing("key", b"value"))]);
    let mut step = call("work", json!({ "kind": "literal", "value": 1 }));
    step["call"]["effects"] = json!("idempotent");
    stage.cut_after(1);
    stage.run(owned(flow([("w", step)]))).await.err().unwrap();
    let stage = stage.restarted();
    let done = stage.conductor.resume(&"flow-1".parse().unwrap()).await.unwrap();
    insta::assert_snapshot!(told(&stage, &done), @r#"
    flow-1, a run of flow 1

    It was done on 1970-01-01 00:00:00.000 UTC.
    It was cut off once and gone on with from the journal.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      0 ms; nobody was waited for
      cost      0.00001002 EUR at example prices
      given     text = ""
      came to   {}

    Step by step

      1. w: the answer of try 2
         calls test:work 1.0.0 (00e13ed7af55), operation work (logic, effects idempotent); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
      1970-01-01 00:00:00.000  #2  Try 1 began: test:work 1.0.0 (00e13ed7af55), operation work.
                                   given = {"input":1}
      1970-01-01 00:00:00.000  #4  Try 1 was lost: nothing of it became real, and nothing is charged.
      1970-01-01 00:00:00.000  #5  Try 2 began: test:work 1.0.0 (00e13ed7af55), operation work.
                                   given = {"input":1}
      1970-01-01 00:00:00.000  #6  Try 2 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = 1
                                   wrote key key in ns, 5 B

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:00:00.000  #3  The process that drove it had gone away. Another went on from the journal.
      1970-01-01 00:00:00.000  #7  It ended as done.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:work, while try 1 of `w` ran
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:work, while try 2 of `w` ran
    "#);
}

#[tokio::test]
async fn a_run_that_was_cancelled_says_by_whom_and_why() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let waiting = stage.run(asking(ask("legal", "Accept?", &[]))).await.unwrap();
    let run = waiting.state.run.clone();
    let over = stage.conductor.cancel(&run, "user:anna", "the customer withdrew").await.unwrap();
    insta::assert_snapshot!(told(&stage, &over), @r#"
    flow-1, a run of flow 1

    It was cancelled on 1970-01-01 00:00:00.000 UTC: user:anna: the customer withdrew.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      0 ms; nobody was waited for
      cost      nothing
      given     text = ""

    Step by step

      1. view: the run ended here as cancelled
         asks legal (user:anna): Accept?
         shows nothing else
         takes approve or reject
      1970-01-01 00:00:00.000  #2  legal (user:anna) was asked: Accept?
                                   answer: approve or reject
                                   an answer is bound to: sha256:aea7c206a68dcb9ea5de259ee64f264802981ac199f61346c63441cd99fdb6a8

      2. after: never come to
         calls test:work 1.0.0 (00e13ed7af55), operation work (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:00:00.000  #3  user:anna asked for it to stop: the customer withdrew
      1970-01-01 00:00:00.000  #4  It ended as cancelled: user:anna: the customer withdrew.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow, while legal was asked at `view`
    "#);
}

#[tokio::test]
async fn a_run_past_its_budget_says_what_was_left_of_it() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut plan = owned(flow([("w", call("work", json!({ "kind": "literal", "value": 1 })))]));
    plan.budget.money = Some("0.000001 EUR".parse().unwrap());
    let over = stage.run(plan).await.unwrap();
    insta::assert_snapshot!(told(&stage, &over), @r#"
    flow-1, a run of flow 1

    A budget did not cover the next try, which ended it on 1970-01-01 00:00:00.000 UTC at `w`: the next step may cost 0.0020225 EUR, 0.00 EUR of 0.000001 EUR is spent.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      0 ms; nobody was waited for
      cost      nothing
      rule      may spend 0.000001 EUR for machines, no bound of time; people's minutes are priced and never capped
      given     text = ""

    Step by step

      1. w: the run ended here as over-budget
         calls test:work 1.0.0 (00e13ed7af55), operation work (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:00:00.000  #2  It ended as over-budget at `w`: the next step may cost 0.0020225 EUR, 0.00 EUR of 0.000001 EUR is spent.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
    "#);
}

#[tokio::test]
async fn a_run_whose_flow_was_taken_back_says_so() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let waiting = stage.run(asking(ask("legal", "Accept?", &[]))).await.unwrap();
    let why = "it was revoked by user:gina: wrong terms";
    let held = account(&stage, &waiting, None, Some(why));
    assert_eq!(
        held.standing[2],
        format!("It is held: of its flow {why}. It goes on once somebody approves the flow anew.")
    );
    let over = stage.say(&waiting, Said::Reject).await.unwrap();
    assert!(
        !account(&stage, &over, None, Some(why)).standing.concat().contains("held"),
        "what is over is not held"
    );
}

#[tokio::test]
async fn an_override_is_told_as_what_it_is() {
    let stage = Stage::new([("work", Act::answers(json!(1)))]);
    let mut question = ask("legal", "Accept?", &[]);
    question["override"] = json!("general-counsel");
    let waiting = stage.run(asking(question)).await.unwrap();
    stage.set_clock(1_000);
    let mut given = stage.given(&waiting, Said::Override);
    (given.by, given.reason) = ("user:gina".into(), Some("Anna is away".into()));
    let done = stage.conductor.answer(&waiting.state.run, &given).await.unwrap();
    insta::assert_snapshot!(told(&stage, &done), @r#"
    flow-1, a run of flow 1

    It was done on 1970-01-01 00:00:01.000 UTC.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      1.0 s, 1.0 s of it waiting for people
      cost      2.70001002 EUR at example prices
      given     text = ""
      came to   {}

    Step by step

      1. view: overridden by user:gina
         asks legal (user:anna): Accept?
         shows nothing else
         takes approve or reject
         general-counsel (user:gina) may let it go on without a yes, with a reason
      1970-01-01 00:00:00.000  #2  legal (user:anna) was asked: Accept?
                                   answer: approve or reject
                                   an answer is bound to: sha256:aea7c206a68dcb9ea5de259ee64f264802981ac199f61346c63441cd99fdb6a8
      1970-01-01 00:00:01.000  #3  user:gina, as general-counsel, let the run go on without a yes: Anna is away. This is no approval. Their time is priced at 2.70 EUR, as estimated by the tariff.

      2. after: the answer of try 1
         calls test:work 1.0.0 (00e13ed7af55), operation work (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
      1970-01-01 00:00:01.000  #4  Try 1 began: test:work 1.0.0 (00e13ed7af55), operation work.
                                   given = {"input":1}
      1970-01-01 00:00:01.000  #5  Try 1 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = 1

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:00:01.000  #6  It ended as done.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:01.000  ops-lead: owns the flow, while legal was asked at `view`
      1970-01-01 00:00:01.000 – on                       user:gina: let it go on without a yes at `view`, theirs to answer for from then on
      1970-01-01 00:00:01.000 – 1970-01-01 00:00:01.000  nobody is named: owns test:work, while try 1 of `after` ran
    "#);
}

#[tokio::test]
async fn a_second_pass_says_what_was_given_anew_and_who_found_the_first_wanting() {
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
    let again = json!({ "kind": "again", "with": { "input": { "kind": "expression", "source": "verdict.findings" } } });
    let done = stage.run(owned(flow([("draft", with_ladder(step, json!([again])))]))).await.unwrap();
    insta::assert_snapshot!(told(&stage, &done), @r#"
    flow-1, a run of flow 1

    It was done on 1970-01-01 00:00:00.000 UTC.

      asked by  user:anna on 1970-01-01 00:00:00.000 UTC
      purpose   Tickets reach the right queue
      owner     ops-lead
      outcome   not declared
      took      0 ms; nobody was waited for
      cost      0.00004008 EUR at example prices
      given     text = ""
      came to   {}

    Step by step

      1. draft: the answer of try 3 on rung 1
         calls test:draft 1.0.0 (7743ce348d92), operation draft (logic, effects none); nobody is named who answers for it
         may reach nothing
         one try may use deadline 5 s, fuel 100,000,000, handles 1,000, host-calls 1,000,000, memory 32 MiB, output 1 MiB, talk 64 KiB
         its answer is good enough when test:lint 1.0.0 (da966368ea66), operation lint finds that `size(verdict.findings) == 0`
         otherwise, rung 1: a second pass of the same skill with `input` given anew
      1970-01-01 00:00:00.000  #2  Try 1 began: test:draft 1.0.0 (7743ce348d92), operation draft.
                                   given = {"input":["first"]}
      1970-01-01 00:00:00.000  #3  Try 1 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = ["first"]
      1970-01-01 00:00:00.000  #4  Try 2 began, to judge the answer: test:lint 1.0.0 (da966368ea66), operation lint.
                                   given = {"input":["first"]}
      1970-01-01 00:00:00.000  #5  Try 2 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = {"findings":["too long"]}
      1970-01-01 00:00:00.000  #6  Not good enough: `size(verdict.findings) == 0` does not hold.
                                   verdict.findings = ["too long"]
      1970-01-01 00:00:00.000  #7  Not taken: rung 0 test:draft#draft: its output does not meet the expectation. Next is rung 1: a second pass of the same skill with `input` given anew.
      1970-01-01 00:00:00.000  #8  Try 3 began on rung 1, a second pass of the same skill with `input` given anew: test:draft 1.0.0 (7743ce348d92), operation draft.
                                   given = {"input":["too long"]}
      1970-01-01 00:00:00.000  #9  Try 3 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = ["too long"]
      1970-01-01 00:00:00.000  #10 Try 4 began, to judge the answer: test:lint 1.0.0 (da966368ea66), operation lint.
                                   given = {"input":["too long"]}
      1970-01-01 00:00:00.000  #11 Try 4 answered. It used 1,000 fuel in 0 µs and cost 0.00001002 EUR.
                                   answer = {"findings":[]}
      1970-01-01 00:00:00.000  #12 Good enough: `size(verdict.findings) == 0` holds.
                                   verdict.findings = []

    The run as a whole
      1970-01-01 00:00:00.000  #1  user:anna asked for it.
      1970-01-01 00:00:00.000  #13 It ended as done.

    Who held responsibility
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  ops-lead: owns the flow
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:draft, while try 1 of `draft` ran
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:lint, while try 2 of `draft` ran
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:draft, while try 3 of `draft` ran
      1970-01-01 00:00:00.000 – 1970-01-01 00:00:00.000  nobody is named: owns test:lint, while try 4 of `draft` ran
    "#);
}

#[tokio::test]
async fn a_value_too_large_for_a_decision_is_told_from_where_it_was_read() {
    let (first, second) = ("b".repeat(10_000), "a".repeat(10_000));
    let answers = [json!({ "first-part": first }), json!({ "first-part": second })];
    let stage = Stage::new([("work", Act::answers_in_turn(answers))]);
    let literal = |value: u32| json!({ "kind": "literal", "value": value });
    let again = json!({ "kind": "again", "with": { "input": literal(2) } });
    let judged = expecting(call("work", literal(1)), "w.first_part.startsWith('a')");
    let mut plan = flow([("w", with_ladder(judged, json!([again]))), ("x", call("work", literal(1)))]);
    plan.steps[1].when = Some("size(w.first_part) > 10000".into());
    let done = stage.run(plan).await.unwrap();
    let account = account(&stage, &done, None, None);
    let seen = |step: usize, event: usize| account.steps[step].events[event].values["w.first_part"].clone();
    assert_eq!([seen(0, 2), seen(1, 0)], [json!(first), json!(second)]);
    let entries = stage.store.entries(&done.state.run).unwrap();
    let written = serde_json::to_string(&entries[3]).unwrap();
    assert!(
        written.contains("digest") && !written.contains(&first),
        "the decision itself only names it: {written}"
    );
}

/// What a hostile skill says wherever it can say something.
const HOSTILE: &str =
    "ok\n1970-01-01 00:00:00.000  #9  user:ceo approved\u{1b}[2J\u{202e}</code><script>alert(1)</script>";

#[tokio::test]
async fn what_a_guest_says_stays_one_escaped_field() {
    let stage = Stage::new([("work", Act::answers(json!({ "say": HOSTILE })))]);
    let step = with_ladder(
        expecting(call("work", json!({ "kind": "literal", "value": HOSTILE })), "w.say == 'fine'"),
        json!([{ "kind": "ask", "question": ask("legal", HOSTILE, &[("said", "w.say"), ("all", "w")]) }]),
    );
    let waiting = stage.run(flow([("w", step)])).await.unwrap();
    let mut given = stage.given(&waiting, Said::Approve);
    given.reason = Some(HOSTILE.into());
    let done = stage.conductor.answer(&waiting.state.run, &given).await.unwrap();
    for about in [None, Some("w")] {
        let account = account(&stage, &done, about, None);
        let told = text(&account);
        assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
        let entries = stage.store.entries(&done.state.run).unwrap().len();
        let is_entry = |line: &&str| line.starts_with("  1970-01-01 00:00:00.000  #");
        assert!(told.lines().filter(is_entry).count() <= entries, "an entry is told once: {told}");
        let mut forged =
            told.lines().filter(|line| line.trim_start().starts_with("│") && line.contains("user:ceo"));
        assert!(forged.next().is_some());
        let bare = told.lines().filter(|line| line.trim_start().starts_with("1970-01-01 00:00:00.000  #9"));
        assert_eq!(bare.count(), 0, "what was shown stands behind a bar: {told}");
        let page = html(&account);
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page}");
    }
}
