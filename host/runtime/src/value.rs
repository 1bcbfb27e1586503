//! Values across the boundary: JSON arguments in, one call, a JSON answer out.
//!
//! Texts and byte lists that are whole arguments and answers cross as they are; everything else value by value. The
//! JSON form of each type is the table at [`Shape`]. Both ways the form is canonical, so that digests are stable.

mod from_json;
#[cfg(test)]
mod tests;
mod to_json;
mod whole;

use kapell_model::shape::{Case, Label, Misfit, Operation, Shape};
use serde_json::Value;
use to_json::Unfit;
use wasmtime::component::{Func, Val};
use wasmtime::{AsContextMut, WasmBacktrace};
use whole::{Piece, WholeResult};

/// The least the engine may copy from guest to host in one call, bytes. It bounds calls to capabilities as well as
/// the answer, so a small answer limit must not stop a guest from writing a file; the answer itself is measured.
pub(crate) const COPIED_MIN: usize = 16 << 20;

/// What a name in a value costs the host at most, when the bound on copying is derived: longer ones count as this.
const NAME_MAX: usize = 64;

/// Arguments in the form in which they cross; borrowed from their JSON where that is the same.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    operation: &'a Operation,
    form: Form<'a>,
    /// Bytes that cross: texts and lists by their content, numbers by their width, one for each tag.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
enum Form<'a> {
    Whole(Vec<Piece<'a>>, WholeResult),
    Values(Vec<Val>),
}

/// What a guest answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// The value itself, or the `ok` side of a `result`; null where the operation answers nothing.
    Output(Value),
    /// The `err` side of a `result`.
    SkillError(Value),
}

/// An answer and how many bytes crossed with it, counted as in [`Arguments`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) bytes: u64,
}

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The guest answered, with more than it may.
    #[error("the answer is too large: {0}")]
    OutputTooLarge(String),
    /// The guest trapped, was stopped, or gave bytes that are no value of its own type.
    #[error(transparent)]
    Guest(wasmtime::Error),
}

impl<'a> Arguments<'a> {
    /// Brings an object of arguments by parameter name into the form in which they cross.
    ///
    /// # Errors
    /// The first argument that does not fit, with its path and the type it should have.
    pub(crate) fn from_json(operation: &'a Operation, arguments: &'a Value) -> Result<Self, Misfit> {
        let form = match WholeResult::of(operation) {
            Some(result) => whole::pieces(operation, arguments).map(|pieces| Form::Whole(pieces, result)),
            None => from_json::arguments(operation, arguments).map(Form::Values),
        };
        let form = form.ok_or_else(|| misfit(operation, arguments))?;
        let bytes = match &form {
            Form::Whole(pieces, _) => pieces.iter().map(Piece::bytes).sum(),
            Form::Values(values) => values.iter().map(bytes_of).sum(),
        };
        Ok(Self { operation, form, bytes })
    }

    /// Calls the function with them. `output` is the most bytes the answer may have.
    ///
    /// # Errors
    /// When the guest does not answer, or with more than it may.
    pub(crate) async fn call(
        &self,
        func: &Func,
        mut store: impl AsContextMut<Data: Send>,
        output: u64,
    ) -> Result<Answered, CallError> {
        let mut store = store.as_context_mut();
        store.set_hostcall_fuel(self.most_copied(output));
        let answered = match &self.form {
            Form::Whole(pieces, result) => whole::call(pieces, *result, func, &mut store).await,
            Form::Values(values) => call_by_value(self.operation, values, func, &mut store).await,
        };
        match answered.map_err(|error| no_answer(error, output))? {
            Crossed { bytes, .. } if bytes > output => {
                Err(CallError::OutputTooLarge(format!("it has {bytes} bytes, the limit is {output}")))
            }
            Crossed { result: Raw::Answer(answer), bytes } => Ok(Answered { answer, bytes }),
            Crossed { result: Raw::Value(value), bytes } => {
                let answer = answer(self.operation.result.as_ref(), value)?;
                within_as_json(&answer, output)?;
                Ok(Answered { answer, bytes })
            }
        }
    }

    /// How many bytes the engine may copy: value by value it counts what a value takes on the host, with the names
    /// of fields and cases.
    fn most_copied(&self, output: u64) -> usize {
        let by_value = || {
            let name = self.operation.result.as_ref().map_or(0, longest_name).min(NAME_MAX);
            2 * size_of::<Val>() + name
        };
        let each = if matches!(self.form, Form::Values(_)) { by_value() } else { 1 };
        usize::try_from(output).unwrap_or(usize::MAX).saturating_mul(each).max(COPIED_MIN)
    }
}

/// A guest's answer and how many bytes it has; turned into JSON only when they are within the limit.
struct Crossed {
    result: Raw,
    bytes: u64,
}

enum Raw {
    Answer(Answer),
    Value(Option<Val>),
}

async fn call_by_value(
    operation: &Operation,
    values: &[Val],
    func: &Func,
    store: impl AsContextMut<Data: Send>,
) -> wasmtime::Result<Crossed> {
    let mut results = vec![Val::Bool(false); usize::from(operation.result.is_some())];
    func.call_async(store, values, &mut results).await?;
    let bytes = results.iter().map(bytes_of).sum();
    Ok(Crossed { result: Raw::Value(results.pop()), bytes })
}

/// The engine has no type for "too much was copied"; and what a guest copies to a capability is another matter than
/// its answer: there the guest is still running, so the error has its stack.
fn no_answer(error: wasmtime::Error, output: u64) -> CallError {
    let answered = error.downcast_ref::<WasmBacktrace>().is_none();
    if answered && error.root_cause().to_string().starts_with("too much data is being copied") {
        return CallError::OutputTooLarge(format!("the limit is {output} bytes"));
    }
    CallError::Guest(error)
}

/// At the top a `result` is no value but the answer or the skill's own error.
fn answer(shape: Option<&Shape>, value: Option<Val>) -> Result<Answer, CallError> {
    let (Some(shape), Some(value)) = (shape, value) else { return Ok(Answer::Output(Value::Null)) };
    let converted = match (shape, &value) {
        (Shape::Result { ok, .. }, Val::Result(Ok(value))) => {
            to_json::payload(ok.as_deref(), value.as_deref()).map(Answer::Output)
        }
        (Shape::Result { err, .. }, Val::Result(Err(value))) => {
            to_json::payload(err.as_deref(), value.as_deref()).map(Answer::SkillError)
        }
        (shape, value) => to_json::value(shape, value).map(Answer::Output),
    };
    converted.map_err(|unfit| match unfit {
        Unfit::LongBytes(_) => CallError::OutputTooLarge(unfit.to_string()),
        Unfit::OtherType => CallError::Guest(wasmtime::Error::msg(unfit.to_string())),
    })
}

/// As JSON an answer has names and quotes that did not cross: a case that crosses as one byte may have a name of
/// thousands. So its text is held against the same limit. A whole text or byte list has no names and is not: it grows
/// sixfold at most, where every byte has to be escaped.
fn within_as_json(answer: &Answer, output: u64) -> Result<(), CallError> {
    let (Answer::Output(value) | Answer::SkillError(value)) = answer;
    // An operation that answers nothing has no text either.
    if value.is_null() {
        return Ok(());
    }
    let mut room = Room(output);
    serde_json::to_writer(&mut room, value).map_err(|_| {
        CallError::OutputTooLarge(format!("as JSON it has more bytes than the limit of {output}"))
    })
}

/// Takes so many bytes and keeps none.
struct Room(u64);

impl std::io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len() as u64).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Conversion only says that something does not fit; what and where is looked up once it matters.
fn misfit(operation: &Operation, arguments: &Value) -> Misfit {
    let found = operation.check_arguments(arguments).err();
    found.unwrap_or_else(|| Misfit {
        path: "value".into(),
        expected: "arguments that can cross".into(),
        found: operation
            .uncallable()
            .map_or_else(|| "others".into(), |(name, what)| format!("{what} in {name}")),
    })
}

/// How many bytes cross with a value: texts by their content, numbers by their width, one for each tag, four for a
/// set of flags.
fn bytes_of(value: &Val) -> u64 {
    let boxed = |value: &Option<Box<Val>>| value.as_deref().map_or(0, bytes_of);
    match value {
        Val::Bool(_) | Val::S8(_) | Val::U8(_) | Val::Enum(_) => 1,
        Val::S16(_) | Val::U16(_) => 2,
        Val::S32(_) | Val::U32(_) | Val::Float32(_) | Val::Char(_) | Val::Flags(_) => 4,
        Val::S64(_) | Val::U64(_) | Val::Float64(_) => 8,
        Val::String(text) => text.len() as u64,
        Val::List(items) | Val::Tuple(items) | Val::FixedLengthList(items) => {
            items.iter().map(bytes_of).sum()
        }
        Val::Map(pairs) => pairs.iter().map(|(key, value)| bytes_of(key) + bytes_of(value)).sum(),
        Val::Record(fields) => fields.iter().map(|(_, value)| bytes_of(value)).sum(),
        Val::Variant(_, payload) => 1 + boxed(payload),
        Val::Option(payload) | Val::Result(Ok(payload) | Err(payload)) => 1 + boxed(payload),
        Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => 4,
    }
}

/// The longest name that stands in a value of this shape.
fn longest_name(shape: &Shape) -> usize {
    let longest = |shapes: &mut dyn Iterator<Item = &Shape>| shapes.map(longest_name).max().unwrap_or(0);
    let names = |labels: &[Label]| labels.iter().map(|it| it.name.len()).max().unwrap_or(0);
    match shape {
        Shape::List { of } | Shape::FixedList { of, .. } | Shape::Option { of } => longest_name(of),
        Shape::Tuple { of } => longest(&mut of.iter()),
        Shape::Map { key, value } => longest_name(key).max(longest_name(value)),
        Shape::Result { ok, err } => longest(&mut ok.iter().chain(err).map(|side| &**side)),
        Shape::Enum { cases: labels, .. } | Shape::Flags { flags: labels, .. } => names(labels),
        Shape::Record { fields, .. } => {
            fields.iter().map(|it| it.name.len().max(longest_name(&it.shape))).max().unwrap_or(0)
        }
        Shape::Variant { cases, .. } => {
            let payload = |case: &Case| case.shape.as_ref().map_or(0, longest_name);
            cases.iter().map(|it| it.name.len().max(payload(it))).max().unwrap_or(0)
        }
        _ => 0,
    }
}
