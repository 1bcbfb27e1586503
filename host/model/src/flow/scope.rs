//! What expressions of a flow may read at one place, and the types of what they read.

use super::page::{Problems, Written};
use crate::expression::{Expression, ExpressionError, Read, Segment};
use crate::plan::{AnswerShape, InputShape, Plan, Work};
use crate::shape::{Field, Label, PathPart, Shape};
use crate::source::nearest;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The names known at one place.
#[derive(Clone, Default)]
pub(super) struct Scope {
    names: BTreeMap<String, Known>,
    /// Steps that run later, or the step itself before it has run; for an error that says so.
    later: BTreeSet<String>,
    /// Names that have a value here although their step may be skipped, because a condition asked.
    certain: BTreeSet<String>,
}

#[derive(Clone)]
enum Known {
    /// `inputs` or `files`: names with a type each.
    Space(BTreeMap<String, Option<Shape>>),
    /// A value; without a shape anything is possible.
    Value { shape: Option<Shape>, skippable: bool },
}

/// Where an expression stands: the text it is part of, with the bytes that text stands on.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) text: &'a str,
    pub(super) at: &'a Range<usize>,
    /// Where in `text` the expression begins.
    pub(super) offset: usize,
}

impl<'a> Standing<'a> {
    pub(super) fn whole(written: &'a Written<String>) -> Self {
        Self { text: &written.value, at: &written.at, offset: 0 }
    }

    /// The bytes of a part of the expression. Quotes, folding and indentation change what is written: then its line
    /// is looked for, then the part itself, and the whole text is named where neither stands as it is read.
    fn range(&self, problems: &Problems<'_>, offset: usize, length: usize) -> Range<usize> {
        let raw = problems.source.text.get(self.at.clone()).unwrap_or_default();
        let here = self.offset + offset;
        let line = self.text.get(..here).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let spelled = |from: usize, to: Option<usize>| {
            let spelled = self.text.get(from..to.unwrap_or(self.text.len()))?;
            let start = raw.find(spelled.trim_end()).filter(|_| spelled.len() > 1)?;
            Some(self.at.start + start + (here - from))
        };
        let line_end = self.text.get(line..).and_then(|rest| rest.find('\n')).map(|end| line + end);
        let found = spelled(0, None)
            .or_else(|| spelled(line, line_end))
            .or_else(|| spelled(here, Some(here + length)));
        found.map_or_else(|| self.at.clone(), |start| start..start + length)
    }
}

impl Scope {
    pub(super) fn add_space(&mut self, name: &str, fields: BTreeMap<String, Option<Shape>>) {
        self.names.insert(name.into(), Known::Space(fields));
    }

    pub(super) fn add_value(&mut self, name: &str, shape: Option<Shape>, skippable: bool) {
        self.later.remove(name);
        self.names.insert(name.into(), Known::Value { shape, skippable });
    }

    pub(super) fn add_later(&mut self, name: &str) {
        self.later.insert(name.into());
    }

    /// The scope where a condition holds.
    pub(super) fn where_holds(&self, condition: &str) -> Self {
        let mut scope = self.clone();
        if let Ok(expression) = Expression::compile(condition) {
            scope.certain.extend(expression.certain_names().iter().cloned());
        }
        scope
    }

    /// Compiles an expression and tells everything wrong with what it reads.
    pub(super) fn check(
        &self,
        problems: &Problems<'_>,
        standing: Standing<'_>,
        source: &str,
    ) -> Option<Expression> {
        let compiled = Expression::compile(source);
        let expression = compiled.map_err(|error| tell_expression(problems, standing, &error)).ok()?;
        let tested: BTreeSet<&str> =
            expression.reads().iter().filter(|read| read.tested).map(|read| read.name.as_str()).collect();
        let wrong = expression.reads().iter().filter(|read| {
            let asked = read.tested || tested.contains(read.name.as_str());
            !self.check_read(problems, standing, source, read, asked)
        });
        let wrong = wrong.count();
        let never = expression
            .compared()
            .iter()
            .filter(|(read, text)| self.is_never(problems, standing, source, read, text));
        (wrong + never.count() == 0).then_some(expression)
    }

    /// Tells a comparison of an enum with a word that is none of its cases: it would be false for ever.
    fn is_never(
        &self,
        problems: &Problems<'_>,
        standing: Standing<'_>,
        source: &str,
        read: &Read,
        text: &str,
    ) -> bool {
        let shape = match self.walk(read) {
            Ok(Some(Shape::Option { of })) => *of,
            Ok(Some(shape)) => shape,
            _ => return false,
        };
        let Shape::Enum { cases, .. } = shape else { return false };
        let known = cases.iter().map(|case| case.name.as_str());
        if known.clone().any(|case| case == text) {
            return false;
        }
        let at = standing.range(problems, source.find(text).unwrap_or_default(), text.len());
        problems.tell_unknown(&at, format!("`{read}` is never '{text}'"), text, known);
        true
    }

    /// The same for an expression that must be true or false.
    pub(super) fn check_condition(&self, problems: &Problems<'_>, written: &Written<String>) -> Option<()> {
        let expression = self.check(problems, Standing::whole(written), written.value.trim())?;
        let is_condition = expression
            .is_condition()
            .or_else(|| self.shape_of(&expression).map(|shape| shape == Shape::Bool));
        if is_condition == Some(false) {
            problems.tell_with(
                &written.at,
                "a condition is true or false, this is a value",
                "compare it with something",
            );
            return None;
        }
        Some(())
    }

    /// The type of an expression's value, where it is known before anything runs.
    pub(super) fn shape_of(&self, expression: &Expression) -> Option<Shape> {
        if let Some(read) = expression.as_path() {
            return self.walk(read).ok()?;
        }
        (expression.is_condition() == Some(true)).then_some(Shape::Bool)
    }

    fn check_read(
        &self,
        problems: &Problems<'_>,
        standing: Standing<'_>,
        source: &str,
        read: &Read,
        asked: bool,
    ) -> bool {
        let at = standing.range(problems, read.offset, read.name.len());
        let Some(known) = self.names.get(&read.name) else {
            self.tell_unknown(problems, &at, &read.name);
            return false;
        };
        let skippable = matches!(known, Known::Value { skippable: true, .. });
        if skippable && !asked && !self.certain.contains(&read.name) {
            let hint = format!("ask first, here or in the step's `when`: `has({})`", read.name);
            problems.tell_with(
                &at,
                format!("step `{}` may be skipped and then has no value", read.name),
                hint,
            );
            return false;
        }
        let Err(wrong) = self.walk(read) else { return true };
        let start = source.get(read.offset..).and_then(|rest| rest.find(wrong.part.as_str()));
        let start = read.offset + start.unwrap_or_default();
        let at = standing.range(problems, start, wrong.part.len());
        problems.tell_with(&at, wrong.message, wrong.hint);
        false
    }

    fn tell_unknown(&self, problems: &Problems<'_>, at: &Range<usize>, name: &str) {
        let message = format!("`{name}` is not known here");
        if self.later.contains(name) {
            return problems.tell_with(
                at,
                format!("`{name}` has no value yet"),
                "a step reads what ran before it",
            );
        }
        if name == "verdict" {
            let hint = "it is the answer of `expect: { use: …, holds: … }`";
            return problems.tell_with(at, message, hint);
        }
        problems.tell_unknown(at, message, name, self.names.keys().map(String::as_str));
    }

    /// Follows a path through the types; none when it is good but its type depends on values.
    fn walk(&self, read: &Read) -> Result<Option<Shape>, WrongPart> {
        let mut way = read.way.iter();
        let mut walked = read.name.clone();
        let mut here = match self.names.get(&read.name) {
            Some(Known::Value { shape, .. }) => shape.clone(),
            Some(Known::Space(fields)) => match way.next() {
                Some(Segment::Field(name)) => {
                    walked = format!("{walked}.{name}");
                    fields.get(name).ok_or_else(|| WrongPart::new(&read.name, name, fields.keys()))?.clone()
                }
                _ => None,
            },
            None => None,
        };
        for segment in way {
            let Some(shape) = here else { return Ok(None) };
            let part = match segment {
                Segment::Field(name) => PathPart::Field(name.clone()),
                Segment::Item if has_items(&shape) => PathPart::Index(0),
                Segment::Item => return Ok(None),
            };
            here = shape.at(std::slice::from_ref(&part)).map_err(|wrong| {
                WrongPart::new(&walked, wrong.part.trim_start_matches('.'), &wrong.fields)
            })?;
            walked = match segment {
                Segment::Field(name) => format!("{walked}.{name}"),
                Segment::Item => format!("{walked}[]"),
            };
        }
        Ok(here)
    }
}

fn has_items(shape: &Shape) -> bool {
    match shape {
        Shape::Option { of } => has_items(of),
        Shape::List { .. } => !shape.is_bytes(),
        Shape::FixedList { length, .. } => *length > 0,
        _ => false,
    }
}

/// A part of a path that is not there.
struct WrongPart {
    part: String,
    message: String,
    hint: String,
}

impl WrongPart {
    fn new<'a>(walked: &str, name: &str, known: impl IntoIterator<Item = &'a String>) -> Self {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{walked}.{near}`?"),
            None if known.is_empty() => format!("`{walked}` ends here"),
            None => format!("it has {}", known.join(", ")),
        };
        Self { part: name.into(), message: format!("`{walked}` has no `{name}`"), hint }
    }
}

pub(super) fn tell_expression(problems: &Problems<'_>, standing: Standing<'_>, error: &ExpressionError) {
    let at = standing.range(problems, error.offset, error.length);
    match &error.hint {
        Some(hint) => problems.tell_with(&at, error.message.as_str(), hint.as_str()),
        None => problems.tell(&at, error.message.as_str()),
    }
}

/// What a step that asks leaves behind: `{approved, by, answer, reason}`.
pub(super) fn answered(answer: Option<Shape>) -> Shape {
    let field = |name: &str, shape| Field { name: name.into(), shape, docs: None };
    let maybe = |shape| Shape::Option { of: Box::new(shape) };
    let mut fields = vec![field("approved", Shape::Bool), field("by", Shape::String)];
    fields.extend(answer.map(|shape| field("answer", shape)));
    fields.push(field("reason", maybe(Shape::String)));
    Shape::Record { name: None, fields }
}

/// The types of `inputs`.
pub(super) fn inputs(inputs: &[crate::plan::Input]) -> BTreeMap<String, Option<Shape>> {
    inputs.iter().map(|input| (input.name.clone(), InputShape::shape(input.shape))).collect()
}

/// The types of what expressions of a plan read, by name, as far as they are known: `inputs`, and each step. `verdict` is
/// each step's own.
#[must_use]
pub fn shapes(plan: &Plan) -> BTreeMap<String, Shape> {
    let field = |(name, shape): (String, Option<Shape>)| Some(Field { name, shape: shape?, docs: None });
    let fields = inputs(&plan.inputs).into_iter().filter_map(field).collect();
    let steps = plan.steps.iter().filter_map(|step| {
        let shape = match &step.work {
            Work::Call { call, .. } => call.operation.output().cloned(),
            Work::Ask { question } => Some(answered(answer_shape(&question.answer))),
        };
        Some((step.id.to_string(), shape?))
    });
    steps.chain([("inputs".to_owned(), Shape::Record { name: None, fields })]).collect()
}

/// The type of the value an answer gives; none for a yes or a no.
pub(super) fn answer_shape(answer: &AnswerShape) -> Option<Shape> {
    match answer {
        AnswerShape::Approval => None,
        AnswerShape::Input { shape } => shape.shape(),
        AnswerShape::Choice { choices } => {
            let cases = choices.iter().map(|name| Label { name: name.clone(), docs: None }).collect();
            Some(Shape::Enum { name: None, cases })
        }
        AnswerShape::Shape { shape } => Some(shape.clone()),
    }
}
