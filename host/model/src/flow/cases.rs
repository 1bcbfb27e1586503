//! Cases kept beside a flow: over which values a step must ask a person, and over which it must not. Whoever changes a
//! condition sees at once which of them changed with it.

use super::asked::OpensBy;
use super::authored::{Authored, TEXT_MAX};
use super::page::{self, Field, Kind, Problems};
use crate::expression::{Seen, holds_over};
use crate::id::StepId;
use crate::source::{Diagnostics, Source};
use serde_json::Value;

/// What a flow's file name ends with in place of its own ending, for the file of its cases.
pub const CASES_ENDING: &str = "test.yaml";

/// Over these values the step asks, or does not.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowCase {
    /// The step.
    pub step: StepId,
    /// The values its condition reads, by path.
    pub seen: Seen,
    /// Whether a person is asked.
    pub asks: bool,
    /// Why, in words.
    pub because: String,
    /// The line it stands on, from 1.
    pub line: u32,
}

impl FlowCase {
    /// Whether the flow decides as is expected.
    ///
    /// # Errors
    /// What it does instead, one clause.
    pub fn holds(&self, flow: &Authored) -> Result<(), String> {
        let asked = flow.condition_of(&self.step);
        let asked = asked.ok_or_else(|| format!("no step `{}` asks anybody", self.step))?;
        let asks = match &asked.opens {
            None => true,
            Some(opens) => {
                let holds = holds_over(&opens.condition, &self.seen);
                let holds = holds.map_err(|cause| format!("`{}`: {cause}", opens.condition))?;
                holds == matches!(opens.by, OpensBy::Holding)
            }
        };
        let does = if asks { "it asks" } else { "it does not ask" };
        if asks == self.asks { Ok(()) } else { Err(does.into()) }
    }

    /// The case as it stands in the file, with two blanks before it.
    #[must_use]
    pub fn written(&self) -> String {
        let seen = Value::Object(self.seen.clone());
        let because = Value::String(self.because.clone());
        let asks = self.asks;
        let text =
            format!("  - step: {}\n    seen: {seen}\n    asks: {asks}\n    because: {because}\n", self.step);
        visible(&text)
    }
}

/// A text in which everything but letters, digits and plain signs is an escape as YAML reads it; such a sign stands in
/// quotes only.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_alphanumeric() || letter.is_ascii_graphic() || [' ', '\n'].contains(&letter) {
            true => shown.push(letter),
            false => shown.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    shown
}

/// Reads the cases of a flow.
///
/// # Errors
/// Everything wrong with the text, each with its place.
pub fn read_flow_cases(source: Source<'_>) -> Result<Vec<FlowCase>, Diagnostics> {
    let problems = Problems::new(source);
    let node = page::parse(&problems, TEXT_MAX);
    let cases = node.as_ref().and_then(|node| {
        let table = page::whole(&problems, node)?;
        let items = table.required("cases").and_then(|field| field.items());
        table.close();
        Some(items?.into_iter().filter_map(|item| case(item, source)).collect())
    });
    problems.finish(cases)
}

fn case(field: Field<'_, '_>, source: Source<'_>) -> Option<FlowCase> {
    let table = field.item_table("a case")?;
    let step = table.required("step").and_then(|field| field.parsed());
    let seen = table.required("seen").and_then(|field| field.table("`seen`"));
    let asks = table.required("asks").and_then(flag);
    let because = table.required("because").and_then(|field| field.text());
    table.close();
    let step: page::Written<StepId> = step?;
    let (line, _) = source.place(step.at.start);
    let seen = seen?.fields().map(|field| (field.key.value.clone(), field.node.json())).collect();
    Some(FlowCase { step: step.value, seen, asks: asks?, because: because?.value, line })
}

fn flag(field: Field<'_, '_>) -> Option<bool> {
    match field.node.kind {
        Kind::Bool(flag) => Some(flag),
        _ => {
            field.tell(format!("`{}` is true or false, not {}", field.key.value, field.node.describe()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a failed assumption must fail the test"
    )]
    use super::*;
    use serde_json::json;

    const FLOW: &str = "\
flow: letters
version: '1'
inputs: { words: integer }
steps:
  - id: agreed
    when: inputs.words > 100
    ask: editor
    question: Say it?
  - id: label
    use: acme:label#label
    expect: label.sure >= 0.8
    otherwise:
      - ask: lead
        question: Which?
  - { id: always, ask: editor, question: 'Sure?' }
";

    fn flow() -> Authored {
        super::super::read(Source { file: "flow.yaml", text: FLOW }).unwrap()
    }

    fn verdicts(cases: &str) -> Vec<Result<(), String>> {
        let cases = read_flow_cases(Source { file: "flow.test.yaml", text: cases }).unwrap();
        cases.iter().map(|case| case.holds(&flow())).collect()
    }

    #[test]
    fn a_case_holds_when_the_step_asks_as_is_expected() {
        let cases = "\
cases:
  - { step: agreed, seen: { inputs.words: 120 }, asks: true, because: it is long }
  - { step: agreed, seen: { inputs.words: 120 }, asks: false, because: it is long }
  - { step: label, seen: { label.sure: 0.5 }, asks: true, because: it is not sure }
  - { step: label, seen: { label.sure: 0.9 }, asks: true, because: it is sure }
  - { step: label, seen: { label.other: 0.9 }, asks: true, because: it is sure }
  - { step: always, seen: {}, asks: true, because: it always is }
  - { step: gone, seen: {}, asks: true, because: it was there }
";
        let said = |words: &str| Err(words.to_owned());
        let verdicts = verdicts(cases);
        assert_eq!(verdicts[..4], [Ok(()), said("it asks"), Ok(()), said("it does not ask")]);
        assert!(verdicts[4].as_ref().unwrap_err().contains("`label.sure >= 0.8`"), "{:?}", verdicts[4]);
        assert_eq!(verdicts[5..], [Ok(()), said("no step `gone` asks anybody")]);
    }

    #[test]
    fn a_case_reads_back_as_it_is_written_whatever_stands_in_it() {
        let seen =
            json!({ "inputs.note": "a: \u{1b}[2J \u{202e}\u{e0001} 'x' \"y\" # z", "inputs.none": null });
        let seen = seen.as_object().unwrap().clone();
        let because = "said\nno: # \u{9b}".into();
        let case = FlowCase { step: "agreed".parse().unwrap(), seen, asks: false, because, line: 2 };
        let text = format!("cases:\n{}", case.written());
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text}");
        assert_eq!(read_flow_cases(Source { file: "f", text: &text }).unwrap(), [case]);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told_with_its_place() {
        let wrong = "cases:\n  - { step: Agreed, seen: [], asks: maybe, because: x, also: y }\nmore: 1\n";
        let told = read_flow_cases(Source { file: "f", text: wrong }).unwrap_err().to_string();
        for part in [
            "f:2:",
            "`seen` takes keys and values",
            "`asks` is true or false",
            "no key `also`",
            "no key `more`",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }
}
