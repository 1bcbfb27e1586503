//! Entries in, precedents out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]

use super::*;
use kapell_journal::content::Content;
use kapell_model::digest::Digest;
use serde_json::json;

/// A run that asks once, opened by a condition over a number of words.
fn run(number: u64, condition: &str, said: Option<Value>) -> Vec<Entry> {
    let seen = json!({ "draft.words": 100 + number });
    let shown = Digest::of(&number.to_be_bytes());
    let asked = json!({
        "step": "agreed", "asking": 1, "rung": 0, "reason": "flow", "role": "editor", "people": ["user:*"],
        "text": "Say it?", "shown": { "digest": shown }, "answer": { "kind": "approval" },
    });
    let chosen = json!({ "step": "agreed", "condition": condition, "seen": seen });
    let mut bodies = vec![json!({ "step-chosen": chosen }), json!({ "question-asked": asked })];
    bodies.extend(said.map(|mut said| {
        let fields = json!({ "step": "agreed", "asking": 1, "money": "1 EUR", "shown": shown });
        said.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let kind = if said.get("role").is_some() { "question-overridden" } else { "question-answered" };
        json!({ kind: said })
    }));
    let entries = bodies.into_iter().zip(1_u64..).map(|(body, seq)| Entry {
        at: Timestamp(1_795_250_664_000 + number * 60_000 + seq),
        body: serde_json::from_value(body).unwrap(),
        epoch: 1,
        prev: Digest::of(b""),
        private: None,
        run: format!("greet-{number}").parse().unwrap(),
        seq,
        v: 1,
    });
    entries.collect()
}

const LONG: &str = "draft.words > 100";

fn yes(by: &str, reason: Option<&str>) -> Option<Value> {
    Some(json!({ "verdict": "approved", "by": by, "reason": reason }))
}

fn no(by: &str, reason: &str) -> Option<Value> {
    Some(json!({ "verdict": "rejected", "by": by, "reason": reason }))
}

/// The questions of a run of which no value is kept.
fn read(entries: &[Entry]) -> Vec<Asking> {
    askings(entries, &|step, named| Part::of(&Taken::default(), step, named, |_| None))
}

fn told(runs: &[Vec<Entry>]) -> String {
    let open = read(&run(99, LONG, None)).remove(0);
    text(&precedents(&open, runs.iter().flat_map(|run| read(run))))
}

#[test]
fn each_answer_is_told_with_how_often_by_whom_as_whom_when_last_and_why() {
    let overridden = json!({ "by": "user:eve", "role": "ops-lead", "reason": "nobody was there" });
    let runs = [
        run(1, LONG, yes("user:ada", Some("It is short enough"))),
        run(2, LONG, no("user:bob", "Too \u{1b}[2J\u{202e}familiar")),
        run(3, LONG, yes("user:cyd", None)),
        run(4, LONG, Some(overridden)),
        run(5, LONG, None),
    ];
    insta::assert_snapshot!(told(&runs), @r#"
    before: approved 2 times, last 2026-11-21 08:47:24.003 by user:cyd as editor: It is short enough
            overridden once, last 2026-11-21 08:48:24.003 by user:eve as ops-lead: nobody was there
            rejected once, last 2026-11-21 08:46:24.003 by user:bob as editor: Too \u{1b}[2J\u{202e}familiar
    "#);
}

#[test]
fn another_condition_makes_another_question() {
    assert_eq!(told(&[run(1, "draft.words > 10", yes("user:ada", None)), run(2, LONG, None)]), "");
    let open = read(&run(1, LONG, None)).remove(0);
    let mut other = open.clone();
    assert!(open.is_same_as(&other));
    other.rung = 1;
    assert!(!open.is_same_as(&other));
}

#[test]
fn what_is_told_is_the_last_whatever_order_they_come_in() {
    let runs = [
        run(3, LONG, yes("user:cyd", None)),
        run(2, LONG, yes("user:bob", Some("second"))),
        run(1, LONG, yes("user:ada", Some("first"))),
    ];
    let told = told(&runs);
    assert!(told.contains("approved 3 times") && told.contains("by user:cyd as editor: second"), "{told}");
}

/// A ladder that comes to a person: an attempt, a verdict on it, a question, a value.
#[test]
fn a_value_leaves_the_step_as_it_was_when_it_is_what_the_skill_answered() {
    let blob = |value: &Value| json!({ "digest": Content::canonical(value).unwrap().digest() });
    let unchanged = |given: Value| {
        let skill = json!({ "component": Digest::of(b""), "name": "acme:label", "version": "1.0.0" });
        let start = |attempt: u32, purpose: &str| {
            json!({ "attempt-started": {
                "attempt": attempt, "effects": "none", "input": blob(&json!({})), "lane": "logic", "operation": "label",
                "purpose": purpose, "rung": 0, "settles": false, "skill": skill, "step": "label",
            } })
        };
        let end = |attempt: u32, output: Value| {
            json!({ "attempt-ended": {
                "attempt": attempt, "ending": { "output": blob(&output) }, "step": "label",
                "receipt": { "component": Digest::of(b""), "grant": Digest::of(b""), "money": "0 EUR",
                    "meters": kapell_model::ending::Meters::default(), "tariff": Digest::of(b"") },
            } })
        };
        let judged = json!({ "expectation-judged": {
            "step": "label", "rung": 0, "by": "verdict.sure", "seen": { "verdict.sure": false }, "held": false,
        } });
        let asked = json!({ "question-asked": {
            "step": "label", "asking": 1, "rung": 1, "reason": "ladder", "role": "lead", "people": [], "text": "Which?",
            "shown": blob(&json!(1)), "answer": { "kind": "approval" },
        } });
        let said = json!({ "question-answered": {
            "step": "label", "asking": 1, "verdict": "answered", "value": blob(&given), "by": "user:ada",
            "money": "0 EUR", "shown": Content::canonical(&json!(1)).unwrap().digest(),
        } });
        let mut bodies = vec![start(1, "work"), end(1, json!("billing")), start(2, "verdict")];
        bodies.extend([end(2, json!({ "sure": false })), judged, asked, said]);
        let mut entries = run(1, LONG, None);
        let first = entries.remove(0);
        let entries: Vec<Entry> = bodies
            .into_iter()
            .map(|body| Entry { body: serde_json::from_value(body).unwrap(), ..first.clone() })
            .collect();
        let asking = read(&entries).remove(0);
        assert_eq!(asking.condition.unwrap().text, "verdict.sure");
        asking.said.unwrap().unchanged
    };
    assert!(unchanged(json!("billing")));
    assert!(!unchanged(json!("sales")));
}
