//! Expressions in flows: bare CEL over JSON values.
//!
//! An expression is compiled once, which finds its mistakes with their place, and then evaluated over named JSON
//! values. A plain path (`facts.customer.email`) never enters CEL: it is a walk through the JSON and loses
//! nothing. Everything else is lowered from CEL's syntax tree ([`lower`]), which is where names, loops and cost
//! are known, and its result is turned back into JSON ([`values`]).
//!
//! Two things differ from CEL at large. A key with `-` is written with `_`, since `-` is minus. And `has(x)` is
//! about values as flows know them: it holds when the whole path is there and is not null, also for a step that
//! was skipped and for an optional field that is none.
//!
//! Evaluation has no clock and cannot be interrupted, so its cost is bounded beforehand by the expression and the
//! size of what it reads. The same expression over the same values is therefore accepted or refused everywhere.

mod arithmetic;
mod implies;
mod learned;
mod lower;
mod path;
mod template;
mod values;

pub use implies::implies;
pub use learned::{Seen, holds_over, with, without};
pub(crate) use path::is_reserved;
pub use path::{Read, Segment};
pub use template::Placed;

use crate::digest::Digest;
use crate::shape::Shape;
use lower::Lowered;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

/// The longest expression, in bytes.
pub const SOURCE_MAX: usize = 4 * 1024;

/// The largest value that stands in a decision as it is, in bytes of its JSON; a larger one is named by digest.
pub const SEEN_MAX: usize = 512;

/// The values an expression may read, by name. A step that was skipped has none.
pub type Names<'a> = dyn Fn(&str) -> Option<Arc<Value>> + 'a;

/// The types of these values, where they are known. A number is what its type says: without one, a 64-bit integer that
/// JSON writes as a text is a text, and a double that is whole is an integer.
pub type Shapes<'a> = dyn Fn(&str) -> Option<&'a Shape> + 'a;

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// A walk through the JSON.
    Path(Read),
    /// Anything else.
    Cel(Box<Lowered>),
}

/// An expression that cannot be compiled, or not evaluated over the values it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, one clause without a full stop.
    pub message: String,
    /// Where in the source, in bytes; 0 when it is not known.
    pub offset: usize,
    /// How many bytes are meant, at least 1.
    pub length: usize,
    /// What to do, if there is something to say.
    pub hint: Option<String>,
}

impl ExpressionError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), offset: 0, length: 1, hint: None }
    }

    fn at(mut self, offset: usize, length: usize) -> Self {
        (self.offset, self.length) = (offset, length.max(1));
        self
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// CEL's functions without its macros (they are lowered here), without optional values and without regular
/// expressions.
static ENVIRONMENT: LazyLock<Arc<cel::Env>> =
    LazyLock::new(|| Arc::new(cel::Env::default().with_optional_support(false).with_stdlib()));

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Its first mistake, with its place: too long, not CEL, an unknown function, loops nested too deep.
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        if source.len() > SOURCE_MAX {
            let message = format!("an expression has at most {SOURCE_MAX} bytes, this has {}", source.len());
            return Err(ExpressionError::new(message));
        }
        if source.trim().is_empty() {
            return Err(ExpressionError::new("the expression is empty"));
        }
        let form = match path::plain(source) {
            Some(read) => Form::Path(read),
            None => Form::Cel(Box::new(lower::lower(source)?)),
        };
        Ok(Self { source: source.into(), form })
    }

    /// The expression as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads: every path from a name outside, in the order written.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        match &self.form {
            Form::Path(read) => std::slice::from_ref(read),
            Form::Cel(lowered) => &lowered.reads,
        }
    }

    /// The path, when the expression is nothing but one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Read> {
        match &self.form {
            Form::Path(read) => Some(read),
            Form::Cel(_) => None,
        }
    }

    /// Whether its value is known to be true or false whatever it reads: comparisons, logic, `has`, `exists`.
    /// None when that depends on the values.
    #[must_use]
    pub fn is_condition(&self) -> Option<bool> {
        match &self.form {
            Form::Path(_) => None,
            Form::Cel(lowered) => lowered.condition,
        }
    }

    /// The names that surely have a value wherever this holds as a condition, because it asks by `has`.
    #[must_use]
    pub fn certain_names(&self) -> &[String] {
        match &self.form {
            Form::Path(_) => &[],
            Form::Cel(lowered) => &lowered.certain,
        }
    }

    /// The paths it compares with a text that stands in it, each with the text.
    #[must_use]
    pub fn compared(&self) -> &[(Read, String)] {
        match &self.form {
            Form::Path(_) => &[],
            Form::Cel(lowered) => &lowered.compared,
        }
    }

    /// Its value.
    ///
    /// # Errors
    /// When a name or field it reads is not there, an operator does not apply to the values, the result has no
    /// JSON form, or the values are too large for what the expression does with them.
    pub fn evaluate(&self, names: &Names<'_>) -> Result<Value, ExpressionError> {
        self.evaluate_typed(names, &|_| None)
    }

    /// Its value over values whose types are known.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_typed(&self, names: &Names<'_>, shapes: &Shapes<'_>) -> Result<Value, ExpressionError> {
        match &self.form {
            Form::Path(read) => read.resolve(names),
            Form::Cel(lowered) => lowered.evaluate(names, shapes),
        }
    }

    /// What is told of its value over values whose types are known; one that is only found is not copied for it.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn look_typed<T>(
        &self,
        names: &Names<'_>,
        shapes: &Shapes<'_>,
        tell: impl FnOnce(&Value) -> T,
    ) -> Result<T, ExpressionError> {
        match &self.form {
            Form::Path(read) => read.look(names, tell),
            Form::Cel(lowered) => lowered.evaluate(names, shapes).map(|value| tell(&value)),
        }
    }

    /// Its value as a condition.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and when the value is neither true nor false.
    pub fn holds(&self, names: &Names<'_>) -> Result<bool, ExpressionError> {
        self.holds_typed(names, &|_| None)
    }

    /// Its value as a condition over values whose types are known.
    ///
    /// # Errors
    /// As [`Self::holds`].
    pub fn holds_typed(&self, names: &Names<'_>, shapes: &Shapes<'_>) -> Result<bool, ExpressionError> {
        match self.evaluate_typed(names, shapes)? {
            Value::Bool(held) => Ok(held),
            other => Err(ExpressionError::new(format!(
                "a condition is true or false, this is {}",
                crate::shape::describe(&other)
            ))),
        }
    }

    /// The values it reads by path, for the record of a decision. A value larger than [`SEEN_MAX`] is replaced by
    /// `{"digest", "bytes"}` of its JSON, and one that is not there by null.
    #[must_use]
    pub fn seen(&self, names: &Names<'_>) -> Map<String, Value> {
        let written: BTreeSet<(String, &Read)> =
            self.reads().iter().map(|read| (read.fixed().to_string(), read)).collect();
        written.into_iter().map(|(path, read)| (path, bounded(read.find(names)))).collect()
    }
}

fn bounded(value: Option<Value>) -> Value {
    let value = value.unwrap_or(Value::Null);
    let text = value.to_string();
    match text.len() {
        0..=SEEN_MAX => value,
        bytes => json!({ "digest": Digest::of(text.as_bytes()), "bytes": bytes }),
    }
}

#[cfg(test)]
mod tests;
