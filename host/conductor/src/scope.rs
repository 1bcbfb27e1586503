//! What expressions of a run can see: inputs, files, the values of settled steps, the verdict on the present one.

use crate::known::Known;
use crate::program::Program;
use kapell_journal::entry::{Purpose, QuestionAnswered, Verdict};
use kapell_journal::fold::{AttemptState, RunState, Settled, StepState};
use kapell_model::expression::{Expression, ExpressionError};
use kapell_model::id::StepId;
use kapell_model::plan::{Piece, Template};
use kapell_model::shape::Shape;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names expressions see at one point of a run.
pub(crate) struct Scope<'a> {
    program: &'a Program,
    state: &'a RunState,
    known: &'a Known,
    /// The step whose own output and verdict are visible though it is not settled.
    present: Option<&'a StepId>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(program: &'a Program, state: &'a RunState, known: &'a Known) -> Self {
        Self { program, state, known, present: None }
    }

    /// The same, with the step's own last output and verdict visible.
    pub(crate) fn within(self, step: &'a StepId) -> Self {
        Self { present: Some(step), ..self }
    }

    /// The value of a name; none for a step that was skipped or has no value yet.
    pub(crate) fn value(&self, name: &str) -> Option<Arc<Value>> {
        match name {
            "inputs" => self.known.inputs(&self.state.started),
            "files" => Some(self.program.files.clone()),
            "verdict" => self.verdict(),
            step => self.step(step),
        }
    }

    /// The type of a name's value, where it is known.
    fn shape(&self, name: &str) -> Option<&Shape> {
        match name {
            "verdict" => self.program.verdict(self.present?)?.operation.output(),
            name => self.program.shape(name),
        }
    }

    fn step(&self, name: &str) -> Option<Arc<Value>> {
        let state = self.state.steps.get(name)?;
        match &state.settled {
            Some(Settled::Output { value, .. } | Settled::Given(value)) => self.known.get(value),
            Some(Settled::Answer(answered)) => Some(Arc::new(self.answer(answered))),
            // A step that broke has no output: null on its own ladder, so that a question can still show it.
            None if self.present.is_some_and(|present| present.as_str() == name) => {
                let output = state.last_output().and_then(|(value, _)| self.known.get(&value));
                Some(output.unwrap_or_else(|| Arc::new(Value::Null)))
            }
            None => None,
        }
    }

    /// The last verdict on the present step; null when there was none.
    fn verdict(&self) -> Option<Arc<Value>> {
        let state = self.state.steps.get(self.present?.as_str())?;
        let verdicts = |attempt: &&AttemptState| attempt.started.purpose == Purpose::Verdict;
        let last = state.attempts.iter().rev().filter(verdicts).find_map(AttemptState::output);
        Some(last.and_then(|(value, _)| self.known.get(&value)).unwrap_or_else(|| Arc::new(Value::Null)))
    }

    /// What a step that asked is worth to later steps.
    fn answer(&self, answered: &QuestionAnswered) -> Value {
        let value = answered.value.as_ref().and_then(|value| self.known.get(value));
        json!({
            "approved": answered.verdict != Verdict::Rejected,
            "by": answered.by,
            "answer": value.as_deref().cloned().unwrap_or(Value::Null),
            "reason": answered.reason,
        })
    }

    pub(crate) fn evaluate(&self, source: &str) -> Result<Value, ExpressionError> {
        self.with(source, |expression| {
            expression.evaluate_typed(&|name| self.value(name), &|name| self.shape(name))
        })
    }

    /// What is told of an expression's value.
    fn look<T>(&self, source: &str, tell: impl FnOnce(&Value) -> T) -> Result<T, ExpressionError> {
        self.with(source, |expression| {
            expression.look_typed(&|name| self.value(name), &|name| self.shape(name), tell)
        })
    }

    /// Whether a condition holds; anything but true or false is an error, never a guess.
    pub(crate) fn holds(&self, source: &str) -> Result<bool, ExpressionError> {
        self.with(source, |expression| {
            expression.holds_typed(&|name| self.value(name), &|name| self.shape(name))
        })
    }

    /// The values an expression reads, for the entry of its decision.
    pub(crate) fn seen(&self, source: &str) -> Value {
        let seen = self.with(source, |expression| Ok(expression.seen(&|name| self.value(name))));
        seen.map_or(Value::Null, Value::Object)
    }

    /// The program holds every expression of its plan compiled; compiling again is only the way out that can't
    /// be wrong.
    fn with<T>(
        &self,
        source: &str,
        work: impl FnOnce(&Expression) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        match self.program.expression(source) {
            Some(expression) => work(expression),
            None => work(&Expression::compile(source)?),
        }
    }

    pub(crate) fn render(&self, template: &Template) -> Result<Value, ExpressionError> {
        match template {
            Template::Literal { value } => Ok(value.clone()),
            Template::Expression { source } => self.evaluate(source),
            Template::Text { pieces } => self.text(pieces).map(Value::String),
            Template::List { items } => items.iter().map(|item| self.render(item)).collect(),
            Template::Object { fields } => self.render_all(fields),
        }
    }

    pub(crate) fn render_all(&self, fields: &BTreeMap<String, Template>) -> Result<Value, ExpressionError> {
        let mut rendered = Map::new();
        for (name, template) in fields {
            rendered.insert(name.clone(), self.render(template)?);
        }
        Ok(Value::Object(rendered))
    }

    /// A text that may hold `${{ }}`, for a person; one that can't be rendered is told as it was written.
    pub(crate) fn told(&self, text: &str) -> String {
        let rendered = Template::parse(text).and_then(|template| self.render(&template));
        rendered.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_else(|| text.to_owned())
    }

    fn text(&self, pieces: &[Piece]) -> Result<String, ExpressionError> {
        let plain = |piece: &Piece| if let Piece::Plain(plain) = piece { plain.len() } else { 0 };
        let (mut text, room) = (String::new(), pieces.iter().map(plain).sum::<usize>());
        for piece in pieces {
            match piece {
                Piece::Plain(plain) => text.push_str(plain),
                Piece::Expression(source) => self.look(source, |value| match value {
                    // Mostly there is one value, longer than what stands around it: room is made once.
                    Value::String(value) => {
                        text.reserve(value.len() + room);
                        text.push_str(value);
                    }
                    other => text.push_str(&other.to_string()),
                })?,
            }
        }
        Ok(text)
    }

    /// The values of expressions by name, as one object.
    pub(crate) fn evaluate_all(&self, sources: &BTreeMap<String, String>) -> Result<Value, ExpressionError> {
        let evaluated = sources.iter().map(|(name, source)| Ok((name.clone(), self.evaluate(source)?)));
        evaluated.collect::<Result<Map<_, _>, _>>().map(Value::Object)
    }
}

/// The state of a step that may not have been touched yet.
pub(crate) fn step_state<'a>(state: &'a RunState, step: &StepId, untouched: &'a StepState) -> &'a StepState {
    state.steps.get(step).unwrap_or(untouched)
}
