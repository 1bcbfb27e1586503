//! Texts and byte lists that are whole arguments and answers: called by their types, without a value per byte.
//!
//! The engine's fast calls are chosen when the host is compiled, so this is a table of whole signatures, the ones
//! [`Operation::is_whole`] names.

use super::{Answer, Crossed, Raw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_model::shape::{self, Operation, Shape};
use serde_json::Value;
use wasmtime::AsContextMut;
use wasmtime::component::{ComponentNamedList, Func, Lift, Lower};

/// One whole argument.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Bytes(Vec<u8>),
}

impl Piece<'_> {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Piece::Text(text) => text.len() as u64,
            Piece::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

/// What answers whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WholeResult {
    Text,
    Bytes,
    TextOrError,
    BytesOrError,
}

impl WholeResult {
    /// The operation's result, when the operation is in the table.
    pub(super) fn of(operation: &Operation) -> Option<Self> {
        match operation.result.as_ref().filter(|_| operation.is_whole())? {
            Shape::Result { ok: Some(ok), .. } if ok.is_bytes() => Some(Self::BytesOrError),
            Shape::Result { .. } => Some(Self::TextOrError),
            result if result.is_bytes() => Some(Self::Bytes),
            _ => Some(Self::Text),
        }
    }
}

/// The arguments in order; none when one does not fit, is missing or unknown.
pub(super) fn pieces<'a>(operation: &Operation, arguments: &'a Value) -> Option<Vec<Piece<'a>>> {
    let object = arguments.as_object().filter(|object| object.len() == operation.params.len())?;
    let piece = |param: &shape::Field| {
        let text = object.get(&param.name)?.as_str()?;
        if param.shape.is_bytes() { shape::bytes_of(text).map(Piece::Bytes) } else { Some(Piece::Text(text)) }
    };
    operation.params.iter().map(piece).collect()
}

/// Calls by the types of the arguments.
pub(super) async fn call(
    pieces: &[Piece<'_>],
    result: WholeResult,
    func: &Func,
    store: impl AsContextMut<Data: Send>,
) -> wasmtime::Result<Crossed> {
    use Piece::{Bytes, Text};
    match pieces {
        [] => answered(func, store, (), result).await,
        [Text(one)] => answered(func, store, (*one,), result).await,
        [Bytes(one)] => answered(func, store, (one.as_slice(),), result).await,
        [Text(one), Text(two)] => answered(func, store, (*one, *two), result).await,
        [Text(one), Bytes(two)] => answered(func, store, (*one, two.as_slice()), result).await,
        [Bytes(one), Text(two)] => answered(func, store, (one.as_slice(), *two), result).await,
        [Bytes(one), Bytes(two)] => answered(func, store, (one.as_slice(), two.as_slice()), result).await,
        _ => Err(wasmtime::Error::msg("more than two whole arguments")),
    }
}

/// Calls by the type of the result.
async fn answered<P: ComponentNamedList + Lower + Send + Sync>(
    func: &Func,
    mut store: impl AsContextMut<Data: Send>,
    params: P,
    result: WholeResult,
) -> wasmtime::Result<Crossed> {
    let store = store.as_context_mut();
    match result {
        WholeResult::Text => typed::<P, String>(func, store, params).await,
        WholeResult::Bytes => typed::<P, Vec<u8>>(func, store, params).await,
        WholeResult::TextOrError => typed::<P, Result<String, String>>(func, store, params).await,
        WholeResult::BytesOrError => typed::<P, Result<Vec<u8>, String>>(func, store, params).await,
    }
}

async fn typed<P: ComponentNamedList + Lower + Send + Sync, R: Whole>(
    func: &Func,
    mut store: impl AsContextMut<Data: Send>,
    params: P,
) -> wasmtime::Result<Crossed> {
    let func = func.typed::<P, (R,)>(&store)?;
    let (whole,) = func.call_async(&mut store, params).await?;
    let bytes = whole.bytes();
    Ok(Crossed { result: Raw::Answer(whole.answer()), bytes })
}

/// An answer of the table.
trait Whole: Lift + Send + Sync + 'static {
    fn bytes(&self) -> u64;
    fn answer(self) -> Answer;
}

impl Whole for String {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn answer(self) -> Answer {
        Answer::Output(Value::String(self))
    }
}

impl Whole for Vec<u8> {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn answer(self) -> Answer {
        Answer::Output(Value::String(STANDARD.encode(self)))
    }
}

impl<T: Whole> Whole for Result<T, String> {
    fn bytes(&self) -> u64 {
        1 + match self {
            Ok(output) => output.bytes(),
            Err(error) => error.bytes(),
        }
    }

    fn answer(self) -> Answer {
        match self {
            Ok(output) => output.answer(),
            Err(error) => Answer::SkillError(Value::String(error)),
        }
    }
}
