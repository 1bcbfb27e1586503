//! Answers in, lessons out.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed assumption must fail the test"
)]

use super::*;
use crate::answered::{Answer, Condition};
use kapell_model::flow::read;
use kapell_model::quantity::Timestamp;
use kapell_model::source::Source;
use serde_json::json;

const FLOW: &str = "\
flow: letters
version: '1'
inputs: { words: integer, kinds: json }
steps:
  - id: agreed
    when: inputs.words > 100
    ask: editor
    question: Say it?
  - id: listed
    when: inputs.kinds.exists(k, k != 'memo')
    ask: editor
    question: Say that?
  - id: label
    use: acme:label#label
    expect: label.sure >= 0.8
    otherwise:
      - ask: lead
        question: Which?
      - use: acme:deep#label
      - ask: lead
        question: Which then?
  - { id: always, ask: editor, question: 'Sure?' }
";

fn asking(step: &str, rung: u32, condition: Option<(&str, Value)>, verdict: Option<Verdict>) -> Asking {
    let role = if step == "label" { "lead" } else { "editor" };
    let said = verdict.map(|verdict| Said {
        answer: Answer { verdict, part: None },
        value: None,
        minutes: None,
        by: "user:ada".into(),
        role: role.parse().unwrap(),
        reason: Some("as ever\u{1b}[2J".into()),
        at: Timestamp(0),
        run: "letters-1".parse().unwrap(),
        unchanged: verdict == Verdict::Approved,
    });
    let condition = condition.map(|(text, seen)| Condition { text: text.into(), held: rung == 0, seen });
    let reason = if rung == 0 { AskReason::Flow } else { AskReason::Ladder };
    let (step, role, at) = (step.parse().unwrap(), role.parse().unwrap(), Timestamp(0));
    Asking { step, rung, reason, role, at, condition, broke: None, until: None, said }
}

fn long(words: u32, verdict: Verdict) -> Asking {
    asking("agreed", 0, Some(("inputs.words > 100", json!({ "inputs.words": words }))), Some(verdict))
}

/// What was learned about the first question that was answered.
fn learned(askings: &[Asking]) -> Lesson {
    let flow = read(Source { file: "flow.yaml", text: FLOW }).unwrap();
    let mut learner = Learner::new(flow.asked(), ENOUGH);
    askings.iter().for_each(|asking| learner.take(asking));
    let mut lessons = learner.finish();
    let first = lessons.iter().position(|it| !it.answers.is_empty() || it.unanswered > 0).unwrap_or_default();
    lessons.remove(first)
}

#[test]
fn after_enough_yeses_the_condition_asks_no_more_where_it_was_always_yes() {
    let yes: Vec<Asking> = [101, 140, 120, 101, 130].map(|words| long(words, Verdict::Approved)).into();
    let lesson = learned(&yes);
    assert_eq!(lesson.follows, Follows::Condition("inputs.words > 140".into()));
    assert_eq!(
        lesson.words(),
        "agreed (editor): yes 5, by 1 person; `inputs.words > 140` is proposed: the next case may still be decided otherwise, up to 46 % of the time (95 % confidence)"
    );
    assert_eq!(learned(&yes[..4]).follows, Follows::Missing(1));
    assert_eq!(learned(&[]).follows, Follows::Missing(5));
}

#[test]
fn one_answer_that_differs_and_nothing_is_proposed() {
    let mut answers: Vec<Asking> = (101..111).map(|words| long(words, Verdict::Approved)).collect();
    answers.push(long(200, Verdict::Rejected));
    let lesson = learned(&answers);
    assert_eq!(lesson.follows, Follows::Mixed(Judged::TooFew));
    assert_eq!(
        lesson.words(),
        "agreed (editor): yes 10, no 1, by 1 person; mixed, but 11 of 20 answers are too few to say whether it is needed"
    );
    answers.pop();
    answers.push(long(200, Verdict::Overridden));
    assert_eq!(learned(&answers).follows, Follows::Mixed(Judged::TooFew));
    answers.pop();
    answers.push(Asking { said: None, ..long(200, Verdict::Approved) });
    let lesson = learned(&answers);
    assert_eq!((lesson.unanswered, lesson.follows), (1, Follows::Condition("inputs.words > 110".into())));
}

/// What a report calls noise is never called needed here: both judge by the same.
#[test]
fn different_answers_are_judged_as_a_report_judges_them() {
    let of = |yes: u32, no: u32| {
        let yes = (0..yes).map(|words| long(101 + words, Verdict::Approved));
        let all: Vec<Asking> = yes.chain((0..no).map(|_| long(300, Verdict::Rejected))).collect();
        learned(&all).words()
    };
    insta::assert_snapshot!([of(19, 1), of(96, 4), of(95, 5)].join("\n"), @r#"
    agreed (editor): yes 19, no 1, by 1 person; mixed, so the question is needed
    agreed (editor): yes 96, no 4, by 1 person; noise: 96 of 100 the same way; nothing is proposed before somebody has looked at the 4 that went another, because a rule would overrule them
    agreed (editor): yes 95, no 5, by 1 person; mixed, so the question is needed
    "#);
}

#[test]
fn only_answers_to_the_question_as_it_stands_count() {
    let mut other = long(120, Verdict::Approved);
    other.condition = Some(Condition {
        text: "inputs.words > 10".into(),
        held: true,
        seen: json!({ "inputs.words": 120 }),
    });
    let role = Asking { role: "lead".parse().unwrap(), ..long(120, Verdict::Approved) };
    let budget = Asking { reason: AskReason::RunBudget, ..long(120, Verdict::Approved) };
    for wrong in [other, role, budget] {
        assert_eq!(learned(&vec![wrong; 9]).follows, Follows::Missing(5));
    }
}

#[test]
fn a_no_becomes_cases_that_hold_the_flow_to_asking() {
    let lesson = learned(&vec![long(120, Verdict::Rejected); 5]);
    let Follows::Cases(cases, _) = lesson.follows else { panic!("{lesson:?}") };
    insta::assert_snapshot!(cases[0].written(), @r#"
    - step: agreed
      seen: {"inputs.words":120}
      asks: true
      because: "editor was always answered no, 5 times, last by user:ada: as ever\\u{1b}[2J"
    "#);
    assert_eq!(cases.len(), 1);
}

#[test]
fn what_no_condition_covers_becomes_cases_that_fail_until_one_does() {
    let seen = |kind: &str| json!({ "inputs.kinds": [kind] });
    let condition = "inputs.kinds.exists(k, k != 'memo')";
    let listed = |kind: &str| asking("listed", 0, Some((condition, seen(kind))), Some(Verdict::Approved));
    let lesson = learned(&["note", "note", "note", "list", "note"].map(listed));
    let Follows::Cases(cases, why) = lesson.follows else { panic!("{lesson:?}") };
    assert!(why.contains("fail until"), "{why}");
    assert_eq!(
        cases.iter().map(|case| (case.asks, case.seen.len())).collect::<Vec<_>>(),
        [(false, 1), (false, 1)]
    );
    let large = json!({ "inputs.kinds": { "digest": "sha256:00", "bytes": 9000 } });
    let large = asking("listed", 0, Some((condition, large)), Some(Verdict::Approved));
    assert!(matches!(learned(&vec![large; 5]).follows, Follows::Nothing(why) if why.contains("too large")));
}

#[test]
fn an_expectation_is_loosened_only_where_it_judged_nothing_but_what_people_saw() {
    let seen = |sure: f64| Some(("label.sure >= 0.8", json!({ "label.sure": sure })));
    let label = |rung: u32| move |sure: f64| asking("label", rung, seen(sure), Some(Verdict::Approved));
    let first = learned(&[0.7, 0.62, 0.79, 0.7, 0.7].map(label(1)));
    assert_eq!(first.follows, Follows::Condition("label.sure >= 0.62".into()));
    let later = learned(&[0.7, 0.62, 0.79, 0.7, 0.7].map(label(3)));
    assert!(matches!(later.follows, Follows::Nothing(why) if why.contains("earlier rungs")), "{later:?}");
}

#[test]
fn what_is_always_asked_and_what_is_no_answer_change_nothing() {
    let always = asking("always", 0, None, Some(Verdict::Approved));
    assert!(
        matches!(learned(&vec![always; 5]).follows, Follows::Nothing(why) if why.contains("always asked"))
    );
    assert!(matches!(learned(&vec![long(120, Verdict::Overridden); 5]).follows, Follows::Nothing(_)));
    let mut given = long(120, Verdict::Answered);
    let part = Part { digest: kapell_model::digest::Digest::of(b""), words: "billing".into() };
    given.said.as_mut().unwrap().answer.part = Some(part);
    assert!(matches!(learned(&vec![given; 5]).follows, Follows::Nothing(why) if why.contains("the skill")));
}

#[test]
fn a_diff_is_of_the_lines_that_change() {
    insta::assert_snapshot!(diff("flow.yaml", Some("a\nb # x\nc"), "a\nB # x\nc").unwrap(), @r#"
    --- a/flow.yaml
    +++ b/flow.yaml
    @@ -1,3 +1,3 @@
     a
    -b # x
    +B # x
     c
    \ No newline at end of file
    "#);
    insta::assert_snapshot!(diff("t.yaml", None, "a\n").unwrap(), @r#"
    --- /dev/null
    +++ b/t.yaml
    @@ -0,0 +1 @@
    +a
    "#);
    assert_eq!(diff("flow.yaml", Some("a\n"), "a\n"), None);
}
