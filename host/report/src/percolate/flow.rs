//! A sequence as a flow: what was wired stays wired, what was given by hand becomes an input, and what was given the
//! same each time becomes an input with that value as default.
//!
//! The text is checked like any flow before it is shown, so nothing here decides whether it is one.

use super::pattern::{Done, Gap, Wire};
use super::{Called, Sequence};
use crate::log::instant;
use crate::plain::{json_line, line};
use kapell_model::expression::Expression;
use kapell_model::id::{FlowName, StepId};
use kapell_model::plan::InputShape;
use kapell_model::shape::{PathPart, Shape, in_expressions};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Names expressions have for other things than steps.
const TAKEN: [&str; 3] = ["inputs", "files", "verdict"];

/// Words that YAML readers take for something else than a text.
const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// How long a name made of others gets before it is cut.
const NAME_MAX: usize = 40;

/// The flow's name and text.
pub(super) fn write(sequence: &Sequence, taken: &mut BTreeSet<String>) -> (String, String) {
    let name = flow_name(&sequence.pattern.0, taken);
    let steps = step_ids(&sequence.pattern.0);
    let inputs = inputs(sequence, &steps);
    let mut text = head(sequence, &name);
    write_inputs(&mut text, sequence, &inputs);
    write_steps(&mut text, sequence, &steps, &inputs);
    write_outputs(&mut text, sequence, &steps);
    (name, text)
}

fn head(sequence: &Sequence, name: &str) -> String {
    let by: Vec<String> = sequence.by.iter().map(|by| line(by)).collect();
    let runs: Vec<&str> = sequence.runs.iter().map(|run| run.as_str()).collect();
    format!(
        "# Found in the journal: done {} times by hand by {}, last at {} UTC as {}.\nflow: {name}\nversion: \"1\"\npurpose: What was done by hand, call by call\n",
        sequence.times,
        by.join(", "),
        instant(sequence.last),
        runs.join(", ")
    )
}

/// The operations' names, one after the other.
fn flow_name(done: &[Done], taken: &mut BTreeSet<String>) -> String {
    let words = done.iter().map(|done| done.operation.as_str()).collect::<Vec<_>>().join("-");
    let words: String =
        words.to_lowercase().chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let words = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let cut: String = words.chars().take(NAME_MAX).collect();
    let cut = cut.trim_end_matches('-');
    let name = if cut.parse::<FlowName>().is_ok() { cut } else { "repeated-work" };
    free(name, "-", |name| taken.insert(name.into()))
}

/// A name that `takes` takes: as it is, else with a number.
fn free(name: &str, joint: &str, mut takes: impl FnMut(&str) -> bool) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}{joint}{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| takes(name)).unwrap_or_default()
}

fn step_ids(done: &[Done]) -> Vec<String> {
    let mut taken: BTreeSet<String> = TAKEN.map(str::to_owned).into();
    let ids = done.iter().map(|done| {
        let last = done.operation.rsplit('.').next().unwrap_or_default();
        let id = named(&[last]).unwrap_or_else(|| "step".into());
        free(&id, "_", |id| taken.insert(id.into()))
    });
    ids.collect()
}

/// Words as a name in expressions, where they make one.
fn named(words: &[&str]) -> Option<String> {
    let name = words.iter().map(|word| in_expressions(word)).collect::<Vec<_>>().join("_").to_lowercase();
    let name = name.parse::<StepId>().ok().filter(|name| name.as_str().len() <= NAME_MAX)?;
    Expression::compile(name.as_str()).ok()?.as_path()?;
    Some(name.into())
}

/// An input: what fills a gap, and each further one that always held the same.
struct Input {
    name: String,
    shape: InputShape,
    /// The type in the skill's own words, where the input's says less.
    typed: Option<String>,
    of: Gap,
}

/// The input of each gap, as its place among the inputs; gaps that are left out have none.
struct Inputs {
    all: Vec<Input>,
    of: BTreeMap<(usize, Vec<String>), usize>,
}

fn inputs(sequence: &Sequence, steps: &[String]) -> Inputs {
    let mut inputs = Inputs { all: Vec::new(), of: BTreeMap::new() };
    let mut taken = BTreeSet::new();
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, gap) in sequence.gaps.iter().enumerate() {
        let wanted = sequence.called.get(gap.step).and_then(|called| shape(called, &gap.path));
        if gap.is_left_out(wanted.as_ref()) {
            continue;
        }
        let input = input(gap, wanted.as_ref());
        let same = sequence.same.iter().filter(|(_, second)| *second == at && !gap.constant);
        let same = same.filter_map(|(first, _)| places.get(first).copied());
        let same = same.into_iter().find(|place| {
            inputs.all.get(*place).is_some_and(|other| (other.shape, &other.typed) == (input.0, &input.1))
        });
        let place = same.unwrap_or_else(|| {
            let step = steps.get(gap.step).map(String::as_str).unwrap_or_default();
            let name = input_name(step, &gap.path, &mut taken);
            inputs.all.push(Input { name, shape: input.0, typed: input.1, of: gap.clone() });
            inputs.all.len() - 1
        });
        places.insert(at, place);
        inputs.of.insert((gap.step, gap.path.clone()), place);
    }
    inputs
}

impl Gap {
    /// An argument that may be absent and always was stays so.
    fn is_left_out(&self, wanted: Option<&Shape>) -> bool {
        let absent = self.constant && self.value == Some(Value::Null);
        absent && matches!(wanted, Some(Shape::Option { .. }))
    }
}

/// The last word of the path; with the step's id, or a number, where that is taken.
fn input_name(step: &str, path: &[String], taken: &mut BTreeSet<String>) -> String {
    let last = path.last().map(String::as_str).unwrap_or_default();
    let plain = named(&[last]).unwrap_or_else(|| "value".into());
    if taken.insert(plain.clone()) {
        return plain;
    }
    let longer = named(&[step, last]).unwrap_or(plain);
    free(&longer, "_", |name| taken.insert(name.into()))
}

/// The type of a place.
fn shape(called: &Called, path: &[String]) -> Option<Shape> {
    let (param, fields) = path.split_first()?;
    let param = called.operation.params.iter().find(|it| it.name == *param)?;
    let fields: Vec<PathPart> = fields.iter().cloned().map(PathPart::Field).collect();
    param.shape.at(&fields).ok().flatten()
}

/// The type of an input whose every value surely fits; any JSON where there is none, with the type in words.
fn input(gap: &Gap, wanted: Option<&Shape>) -> (InputShape, Option<String>) {
    let fits = |input: &InputShape| {
        let given = input.shape();
        given.is_some_and(|given| wanted.is_some_and(|wanted| wanted.accepts(&given).is_ok()))
    };
    let plain = InputShape::ALL.into_iter().find(fits).filter(|_| !gap.null);
    (plain.unwrap_or(InputShape::Json), plain.is_none().then(|| wanted.map(Shape::to_string)).flatten())
}

fn write_inputs(text: &mut String, sequence: &Sequence, inputs: &Inputs) {
    if !inputs.all.is_empty() {
        text.push_str("inputs:\n");
    }
    for Input { name, shape, typed, of } in &inputs.all {
        let typed = typed.as_ref().map(|typed| format!(" # {}", line(typed))).unwrap_or_default();
        let word = shape.word();
        match (of.constant, of.default_text()) {
            (true, Some(default)) => {
                let _ = writeln!(text, "  # The same all {} times.", sequence.times);
                let _ = writeln!(text, "  {name}: {{ type: {word}, default: {default} }}{typed}");
            }
            (true, None) => {
                let _ =
                    writeln!(text, "  # The same all {} times, and too long to stand here.", sequence.times);
                let _ = writeln!(text, "  {name}: {word}{typed}");
            }
            (false, _) => {
                let _ = writeln!(text, "  {name}: {word}{typed}");
            }
        }
    }
}

impl Gap {
    /// Its value as YAML reads it; none where it was too large to keep, or can't be written so that it is seen.
    fn default_text(&self) -> Option<String> {
        // Two escapes of a half each are one letter in JSON and two in YAML.
        self.value.as_ref().map(json_line).filter(|text| !text.contains("\\ud"))
    }
}

fn write_steps(text: &mut String, sequence: &Sequence, steps: &[String], inputs: &Inputs) {
    text.push_str("steps:\n");
    for (at, (done, id)) in sequence.pattern.0.iter().zip(steps).enumerate() {
        let _ = writeln!(text, "  - id: {id}\n    use: {}#{}", done.skill, done.operation);
        let arguments: Vec<_> =
            done.with.iter().filter(|(name, wire)| inputs.is_given(at, name, wire)).collect();
        if !arguments.is_empty() {
            text.push_str("    with:\n");
        }
        for (name, wire) in arguments {
            let mut path = vec![name.clone()];
            write_wire(text, at, &mut path, wire, &Names { steps, inputs });
        }
    }
}

struct Names<'a> {
    steps: &'a [String],
    inputs: &'a Inputs,
}

impl Inputs {
    fn name(&self, at: usize, path: &[String]) -> Option<&str> {
        let place = self.of.get(&(at, path.to_vec()))?;
        self.all.get(*place).map(|input| input.name.as_str())
    }

    fn is_given(&self, at: usize, param: &str, wire: &Wire) -> bool {
        *wire != Wire::Given || self.name(at, &[param.to_owned()]).is_some()
    }
}

fn write_wire(text: &mut String, at: usize, path: &mut Vec<String>, wire: &Wire, names: &Names<'_>) {
    let pad = "  ".repeat(path.len() + 2);
    let key = path.last().map(|name| key(name)).unwrap_or_default();
    match wire {
        Wire::Given => {
            if let Some(input) = names.inputs.name(at, path) {
                let _ = writeln!(text, "{pad}{key}: \"${{{{ inputs.{input} }}}}\"");
            }
        }
        Wire::From { step, path } => {
            let step = names.steps.get(*step).map(String::as_str).unwrap_or_default();
            let from: Vec<&str> = std::iter::once(step).chain(path.iter().map(String::as_str)).collect();
            let _ = writeln!(text, "{pad}{key}: \"${{{{ {} }}}}\"", from.join("."));
        }
        Wire::Parts(parts) => {
            let _ = writeln!(text, "{pad}{key}:");
            for (name, part) in parts {
                path.push(name.clone());
                write_wire(text, at, path, part, names);
                path.pop();
            }
        }
    }
}

/// A key as YAML reads it as a text.
fn key(name: &str) -> String {
    let plain = name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_');
    let lettered = name.starts_with(|it: char| it.is_ascii_alphabetic());
    match plain && lettered && !WORDS.contains(&name.to_lowercase().as_str()) {
        true => name.to_owned(),
        false => json_line(&Value::String(name.into())),
    }
}

/// Every answer: whoever did it by hand has seen them all.
fn write_outputs(text: &mut String, sequence: &Sequence, steps: &[String]) {
    let answers = |called: &Called| called.operation.output().is_some();
    let called = sequence.called.iter().map(|called| answers(called));
    let outputs: Vec<&String> =
        steps.iter().zip(called).filter(|(_, answers)| *answers).map(|(id, _)| id).collect();
    if !outputs.is_empty() {
        text.push_str("outputs:\n");
    }
    for id in outputs {
        let _ = writeln!(text, "  {}: {id}", key(id));
    }
}
