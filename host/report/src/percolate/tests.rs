//! Calls in, sequences and flows out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]

use super::*;
use kapell_journal::content::Content;
use kapell_journal::entry::BlobRef;
use kapell_model::shape::{Field, Shape};
use serde_json::json;

const MINUTE: u64 = 60_000;

fn fields(values: &Map<String, Value>) -> Vec<Field> {
    let field =
        |(name, value): (&String, &Value)| Field { name: name.clone(), shape: shape(value), docs: None };
    values.iter().map(field).collect()
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::String(_) => Shape::String,
        Value::Number(_) => Shape::U32,
        Value::Object(values) => Shape::Record { name: None, fields: fields(values) },
        _ => Shape::Option { of: Box::new(Shape::String) },
    }
}

/// A person at work: calls a minute apart.
#[derive(Default)]
struct Desk {
    percolator: Percolator,
    now: u64,
    calls: u64,
}

impl Desk {
    fn call_as(&mut self, by: &str, what: &str, arguments: Value, answer: Value) {
        let (skill, operation) = what.split_once('#').unwrap();
        let arguments = arguments.as_object().unwrap().clone();
        let operation = Operation {
            name: operation.into(),
            interface: None,
            function: operation.into(),
            docs: None,
            params: fields(&arguments),
            result: Some(Shape::String),
        };
        self.calls += 1;
        self.now += MINUTE;
        let named = BlobRef::of(&answer, &Content::value(&answer).unwrap());
        self.percolator.take(Performed {
            run: format!("call-{}", self.calls).parse().unwrap(),
            by: by.into(),
            began: Timestamp(self.now),
            ended: Timestamp(self.now + 1),
            called: Arc::new(Called { skill: skill.parse().unwrap(), operation }),
            arguments,
            answered: Some(Answered { named, value: Some(answer) }),
        });
    }

    fn call(&mut self, what: &str, arguments: Value, answer: Value) {
        self.call_as("user:ada", what, arguments, answer);
    }

    /// Notes are drafted, then what they say is checked.
    fn draft_and_check(&mut self, version: &str) {
        let markdown = format!("# Version {version}");
        let draft = json!({ "markdown": markdown, "items": 3 });
        self.call("acme:notes#draft", json!({ "version": version, "log": "the log", "most": 9 }), draft);
        self.call(
            "acme:lint#check",
            json!({ "markdown": markdown, "strict": null }),
            json!({ "findings": [] }),
        );
    }

    fn found(self) -> Found {
        self.percolator.finish()
    }
}

fn told(sequences: &[Sequence]) -> Vec<String> {
    sequences.iter().map(|it| format!("{} {}", it.times, it.calls().join(" "))).collect()
}

/// Two exports are read and matched; both began with the same amount, as they should.
#[test]
fn what_two_calls_answered_alike_is_taken_from_where_the_parts_beside_it_are_from() {
    let mut desk = Desk::default();
    for number in 1..=5 {
        let side = |side: &str| json!({ "opening": "12480.66", "lines": format!("{side} {number}") });
        for name in ["ledger", "bank"] {
            desk.call("acme:reader#read", json!({ "text": format!("{name} export {number}") }), side(name));
        }
        let sides = json!({ "ledger": side("ledger"), "bank": side("bank") });
        // Taken apart by hand and put together again with what is said by hand.
        let mut arguments = sides.as_object().unwrap().clone();
        arguments.values_mut().for_each(|side| side["currency"] = json!("EUR"));
        desk.call("acme:matcher#match", Value::Object(arguments), json!({ "balanced": true }));
    }
    let (_, text) = desk.found().repeated[0].flow(&mut BTreeSet::new());
    for (side, step) in [("bank", "read_2"), ("ledger", "read")] {
        let wired = format!(
            "        lines: \"${{{{ {step}.lines }}}}\"\n        opening: \"${{{{ {step}.opening }}}}\"\n"
        );
        let (_, below) = text.split_once(&format!("      {side}:\n")).unwrap();
        let (_, parts) = below.split_once('\n').unwrap();
        assert!(parts.starts_with(&wired), "{wired}\n{text}");
    }
}

#[test]
fn what_was_done_five_times_is_a_flow() {
    let mut desk = Desk::default();
    (1..=5).for_each(|number| desk.draft_and_check(&format!("1.{number}.0")));
    let found = desk.found();
    assert!(found.missing.is_empty() && !found.more);
    assert_eq!(told(&found.repeated), ["5 acme:notes#draft acme:lint#check"]);
    insta::assert_snapshot!(found.repeated[0].flow(&mut BTreeSet::new()).1, @r#"
    # Found in the journal: done 5 times by hand by user:ada, last at 1970-01-01 00:10:00.000 UTC as call-9, call-10.
    flow: draft-check
    version: "1"
    purpose: What was done by hand, call by call
    inputs:
      # The same all 5 times.
      log: { type: string, default: "the log" }
      # The same all 5 times.
      most: { type: json, default: 9 } # u32
      version: string
    steps:
      - id: draft
        use: acme:notes#draft
        with:
          log: "${{ inputs.log }}"
          most: "${{ inputs.most }}"
          version: "${{ inputs.version }}"
      - id: check
        use: acme:lint#check
        with:
          markdown: "${{ draft.markdown }}"
    outputs:
      draft: draft
      check: check
    "#);
}

#[test]
fn below_five_it_says_how_many_are_missing() {
    let mut desk = Desk::default();
    (1..=4).for_each(|number| desk.draft_and_check(&format!("1.{number}.0")));
    let found = desk.found();
    assert!(found.repeated.is_empty());
    assert_eq!(told(&found.missing), ["4 acme:notes#draft acme:lint#check"]);
    assert_eq!(found.missing[0].is_missing(), 1);
}

#[test]
fn only_what_was_handed_on_by_the_same_person_in_time_is_a_sequence() {
    let mut desk = Desk::default();
    for number in 0..5 {
        let text = format!("text {number}");
        // Another person's, a later day's, and one that agrees by chance.
        desk.call_as("user:ada", "acme:a#make", json!({}), json!(text));
        desk.call_as("user:bob", "acme:b#take", json!({ "text": text }), json!("taken by bob"));
        desk.now += LIES.0 + MINUTE;
        desk.call_as("user:ada", "acme:b#take", json!({ "text": text }), json!(true));
        desk.call_as("user:ada", "acme:c#count", json!({ "flag": true }), json!(0));
    }
    let found = desk.found();
    assert!(found.repeated.is_empty() && found.missing.is_empty(), "{found:?}");
}

#[test]
fn a_call_that_began_before_the_answer_was_there_did_not_get_it() {
    let mut desk = Desk::default();
    for number in 0..5 {
        let text = format!("text {number}");
        desk.call("acme:a#make", json!({}), json!(text));
        // Begun in the same instant, before the other was over.
        desk.now -= MINUTE;
        desk.call("acme:b#take", json!({ "text": text }), json!(0));
        desk.now += MINUTE;
    }
    assert!(desk.found().repeated.is_empty());
}

#[test]
fn a_longer_sequence_stands_for_its_parts_unless_they_are_often_done_alone() {
    let chain = |desk: &mut Desk, number: u32, length: usize| {
        let mut text = format!("begun with {number}");
        for (at, what) in ["acme:a#one", "acme:b#two", "acme:c#three"].into_iter().enumerate().take(length) {
            let answer = format!("{number} after {at}");
            desk.call(what, json!({ "text": text }), json!(answer));
            text = answer;
        }
    };
    let (mut whole, mut short, mut both) = (Desk::default(), Desk::default(), Desk::default());
    (0..5).for_each(|number| chain(&mut whole, number, 3));
    assert_eq!(told(&whole.found().repeated), ["5 acme:a#one acme:b#two acme:c#three"]);
    (0..5).for_each(|number| chain(&mut short, number, if number < 4 { 3 } else { 2 }));
    let found = short.found();
    assert_eq!(told(&found.repeated), ["5 acme:a#one acme:b#two"]);
    assert_eq!(told(&found.missing), ["4 acme:a#one acme:b#two acme:c#three"]);
    (0..10).for_each(|number| chain(&mut both, number, if number < 5 { 3 } else { 2 }));
    let repeated = told(&both.found().repeated);
    assert_eq!(repeated, ["10 acme:a#one acme:b#two", "5 acme:a#one acme:b#two acme:c#three"]);
}

#[test]
fn parts_of_an_argument_are_wired_and_what_is_always_the_same_is_asked_for_once() {
    let mut desk = Desk::default();
    for number in 0..5 {
        let name = format!("Customer {number}");
        let note = format!("note {number}");
        desk.call("acme:crm#find", json!({ "name": name }), json!({ "the-id": format!("id-{number}") }));
        let letter = json!({ "to": { "id": format!("id-{number}"), "name": name }, "note": note });
        desk.call("acme:post#send", json!({ "letter": letter }), json!("sent"));
    }
    let found = desk.found();
    insta::assert_snapshot!(found.repeated[0].flow(&mut BTreeSet::new()).1, @r#"
    # Found in the journal: done 5 times by hand by user:ada, last at 1970-01-01 00:10:00.000 UTC as call-9, call-10.
    flow: find-send
    version: "1"
    purpose: What was done by hand, call by call
    inputs:
      name: string
      note: string
    steps:
      - id: find
        use: acme:crm#find
        with:
          name: "${{ inputs.name }}"
      - id: send
        use: acme:post#send
        with:
          letter:
            note: "${{ inputs.note }}"
            to:
              id: "${{ find.the_id }}"
              name: "${{ inputs.name }}"
    outputs:
      find: find
      send: send
    "#);
}

#[test]
fn names_that_are_taken_or_no_names_get_others() {
    let mut desk = Desk::default();
    for number in 0..5 {
        let text = format!("text {number}");
        desk.call("acme:a#inputs", json!({ "in": format!("first {number}") }), json!(text));
        desk.call("acme:b#interface.inputs", json!({ "in": text, "null": "\u{1b}[2J\u{202e}" }), json!(0));
    }
    let found = desk.found();
    let mut taken = BTreeSet::from(["inputs-interface-inputs".to_owned()]);
    insta::assert_snapshot!(found.repeated[0].flow(&mut taken).1, @r#"
    # Found in the journal: done 5 times by hand by user:ada, last at 1970-01-01 00:10:00.000 UTC as call-9, call-10.
    flow: inputs-interface-inputs-2
    version: "1"
    purpose: What was done by hand, call by call
    inputs:
      value: string
      # The same all 5 times.
      inputs_3_null: { type: string, default: "\u001b[2J\u202e" }
    steps:
      - id: inputs_2
        use: acme:a#inputs
        with:
          in: "${{ inputs.value }}"
      - id: inputs_3
        use: acme:b#interface.inputs
        with:
          in: "${{ inputs_2 }}"
          "null": "${{ inputs.inputs_3_null }}"
    outputs:
      inputs_2: inputs_2
      inputs_3: inputs_3
    "#);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut desk = Desk::default();
    for number in 0..5 {
        let text = format!("text {number}");
        desk.call("acme:a#make", json!({}), json!(text));
        (0..REMEMBERED).for_each(|other| desk.call("acme:c#other", json!({ "other": other }), json!(other)));
        desk.call("acme:b#take", json!({ "text": text }), json!(0));
    }
    assert!(desk.percolator.people.values().all(|person| person.recent.len() <= REMEMBERED));
    assert!(desk.percolator.people.values().all(|person| person.known.len() <= REMEMBERED));
    assert!(desk.found().repeated.is_empty());
    let mut many = Desk::default();
    for number in 0..2 * TIDIED {
        many.call_as(&format!("user:{number}"), "acme:a#make", json!({}), json!("text"));
        many.now += LIES.0;
    }
    assert!(many.percolator.people.len() as u64 <= TIDIED);
}
