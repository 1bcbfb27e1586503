//! The shape of a value that crosses the boundary: the WIT types as plain data.
//!
//! A shape is read from a component's own bytes, so it carries names and docs that the engine's types have
//! lost. It decides whether a JSON value fits ([`Shape::check`]) before anything runs. The JSON form of every
//! shape is described at [`Shape`].

mod accepts;
mod check;
mod path;
#[cfg(any(test, feature = "strategies"))]
#[allow(missing_docs, reason = "for tests only")]
pub mod strategy;
mod written;

pub use check::{bytes_of, describe, float, integer, large};
pub use path::{NoSuchPart, PathPart, in_expressions};

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The largest integer written as a JSON number; beyond it 64-bit integers are decimal strings, because most
/// JSON readers keep numbers as doubles.
pub const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// An integer as JSON: a number where every reader holds it exactly, beyond that the text of its digits, as every
/// 64-bit integer that crosses is read and written.
#[must_use]
pub fn integer_as_json(number: i128) -> serde_json::Value {
    match i64::try_from(number) {
        Ok(small) if small.unsigned_abs() <= SAFE_INTEGER => serde_json::Value::from(small),
        _ => serde_json::Value::String(number.to_string()),
    }
}

/// The most bytes of a byte list that is not a whole argument or answer: it is converted byte by byte. Larger
/// payloads go alone ([`Operation::is_whole`]) or by digest. Counted in whole base64 groups of three.
pub const NESTED_BYTES_MAX: usize = 64 * 1024;

/// The longest base64 text of a nested byte list.
pub const NESTED_BASE64_MAX: usize = NESTED_BYTES_MAX.div_ceil(3) * 4;

/// The largest finite `f32` as its shortest decimal reads; a larger number would become infinite.
pub const F32_MAX: f64 = 3.402_823_5e38;

/// A WIT type.
///
/// | WIT | JSON |
/// |---|---|
/// | bool, string, integers up to 32 bits | the same |
/// | u64, s64 | integer up to 2^53 - 1, else a decimal string; both are read |
/// | f32, f64 | number, or `"NaN"`, `"Infinity"`, `"-Infinity"` |
/// | char | string of one Unicode scalar value |
/// | list&lt;u8&gt; | base64 string (RFC 4648 section 4, padded) |
/// | list, tuple | array |
/// | map with string keys | object; with other keys an array of pairs |
/// | record | object, unknown fields refused, absent `option` fields are none |
/// | option | the value or `null`; an option in an option: `{"some": …}` |
/// | enum, flags | string, array of distinct strings |
/// | variant | `{"tag": "case", "val": …}` |
/// | result | `{"ok": …}` or `{"err": …}`; at the top the value itself or a skill error |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each case is the WIT type of its name")]
pub enum Shape {
    Bool,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F32,
    F64,
    Char,
    String,
    List {
        of: Box<Shape>,
    },
    FixedList {
        of: Box<Shape>,
        length: u32,
    },
    Tuple {
        of: Vec<Shape>,
    },
    Map {
        key: Box<Shape>,
        value: Box<Shape>,
    },
    Record {
        name: Option<String>,
        fields: Vec<Field>,
    },
    Variant {
        name: Option<String>,
        cases: Vec<Case>,
    },
    Enum {
        name: Option<String>,
        cases: Vec<Label>,
    },
    Flags {
        name: Option<String>,
        flags: Vec<Label>,
    },
    Option {
        of: Box<Shape>,
    },
    Result {
        ok: Option<Box<Shape>>,
        err: Option<Box<Shape>>,
    },
    /// A resource, stream, future or error context: it has no JSON form, so an operation that uses one cannot
    /// be called. `what` names it as WIT does.
    Uncallable {
        what: String,
    },
}

/// One field of a record, or one parameter of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name as in WIT, with `-`.
    pub name: String,
    /// The field's type.
    pub shape: Shape,
    /// The WIT doc comment, if the bytes carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// One case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The case's name as in WIT.
    pub name: String,
    /// The payload's type, if the case has one.
    pub shape: Option<Shape>,
    /// The WIT doc comment, if the bytes carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// One case of an enum or one flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The name as in WIT.
    pub name: String,
    /// The WIT doc comment, if the bytes carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// An exported function that a flow can call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What flows call it: the function's own name when unique in its component, else `interface.function`.
    pub name: String,
    /// The exporting interface as in the bytes (`kapell:crm-account/accounts@1.0.0`), or none for a function
    /// of the world itself.
    pub interface: Option<String>,
    /// The function's name in its interface.
    pub function: String,
    /// The WIT doc comment, if the bytes carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// The parameters in order.
    pub params: Vec<Field>,
    /// The result as declared, if any.
    pub result: Option<Shape>,
}

impl Shape {
    /// Which of its cases a value of a variant or an enum is; none for other shapes, and for a value that does not fit.
    #[must_use]
    pub fn case(&self, value: &Value) -> Option<&str> {
        match self {
            Shape::Variant { cases, .. } => {
                let tag = value.get("tag")?.as_str()?;
                cases.iter().map(|case| case.name.as_str()).find(|name| *name == tag)
            }
            Shape::Enum { cases, .. } => {
                let said = value.as_str()?;
                cases.iter().map(|case| case.name.as_str()).find(|name| *name == said)
            }
            _ => None,
        }
    }
}

impl Operation {
    /// The operation as WIT would write it: `create(customer: record customer) -> result<account, error>`.
    #[must_use]
    pub fn signature(&self) -> String {
        let params = self.params.iter().map(|param| format!("{}: {}", param.name, param.shape));
        let params = params.collect::<Vec<_>>().join(", ");
        match &self.result {
            Some(result) => format!("{}({params}) -> {result}", self.name),
            None => format!("{}({params})", self.name),
        }
    }

    /// The shape of a successful answer: the `ok` side when the declared result is a WIT `result`.
    #[must_use]
    pub fn output(&self) -> Option<&Shape> {
        match &self.result {
            Some(Shape::Result { ok, .. }) => ok.as_deref(),
            other => other.as_ref(),
        }
    }

    /// The shape of the skill's own error, when it declares one.
    #[must_use]
    pub fn error(&self) -> Option<&Shape> {
        match &self.result {
            Some(Shape::Result { err, .. }) => err.as_deref(),
            _ => None,
        }
    }

    /// The first parameter or result that JSON cannot express, with where it is.
    #[must_use]
    pub fn uncallable(&self) -> Option<(String, &str)> {
        let params = self.params.iter().map(|param| (param.name.as_str(), &param.shape));
        let result = self.result.iter().map(|shape| ("result", shape));
        params.chain(result).find_map(|(name, shape)| shape.uncallable().map(|what| (name.to_owned(), what)))
    }

    /// Whether texts and byte lists cross as they are, each a whole argument or answer: at most two parameters,
    /// each a string or a byte list, and a result that is a string, a byte list or a `result` of one of them with a
    /// string as error. Only then may a byte list be longer than [`NESTED_BYTES_MAX`].
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let whole = |shape: &Shape| *shape == Shape::String || shape.is_bytes();
        let params = self.params.len() <= 2 && self.params.iter().all(|param| whole(&param.shape));
        params
            && match &self.result {
                Some(Shape::Result { ok: Some(ok), err: Some(err) }) => whole(ok) && **err == Shape::String,
                Some(shape) => whole(shape),
                None => false,
            }
    }

    /// Checks an object of arguments by name; an absent argument is only fine when it is an `option`.
    ///
    /// # Errors
    /// The first argument that does not fit, with its path and the type it should have.
    pub fn check_arguments(&self, arguments: &Value) -> Result<(), Misfit> {
        check::arguments(self, arguments)
    }
}

/// The digest of what operations take and answer: names and types, without what is said of them. Operations are
/// sorted by name already, so the same types have the same digest.
#[must_use]
pub fn operations_digest(operations: &[Operation]) -> Digest {
    let text = serde_json::to_value(operations).map(|mut value| {
        forget_docs(&mut value);
        value.to_string()
    });
    Digest::of(text.unwrap_or_default().as_bytes())
}

/// Only docs stand under the key `docs`: the author's own names are values, never keys.
fn forget_docs(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("docs");
            fields.values_mut().for_each(forget_docs);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_docs),
        _ => {}
    }
}

/// A value that does not fit a shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct Misfit {
    /// Where in the value, such as `customer.lines[3].price`; `value` for the whole.
    pub path: String,
    /// The type that was expected, as WIT writes it.
    pub expected: String,
    /// What was there instead, in words.
    pub found: String,
}

impl Misfit {
    fn at(path: &Path<'_>, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self { path: path.to_string(), expected: expected.to_string(), found: found.to_string() }
    }
}

/// A path that costs nothing while everything fits: links on the stack, rendered only for a misfit.
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("value"),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Shape {
    /// Whether this is `list<u8>`, which has a form and a fast path of its own.
    #[must_use]
    pub fn is_bytes(&self) -> bool {
        matches!(self, Shape::List { of } if **of == Shape::U8)
    }

    /// What in this shape JSON cannot express, if anything.
    #[must_use]
    pub fn uncallable(&self) -> Option<&str> {
        match self {
            Shape::Uncallable { what } => Some(what),
            Shape::List { of } | Shape::FixedList { of, .. } | Shape::Option { of } => of.uncallable(),
            Shape::Tuple { of } => of.iter().find_map(Shape::uncallable),
            Shape::Map { key, value } => key.uncallable().or_else(|| value.uncallable()),
            Shape::Record { fields, .. } => fields.iter().find_map(|field| field.shape.uncallable()),
            Shape::Variant { cases, .. } => {
                cases.iter().filter_map(|case| case.shape.as_ref()).find_map(Shape::uncallable)
            }
            Shape::Result { ok, err } => ok.iter().chain(err).find_map(|side| side.uncallable()),
            _ => None,
        }
    }

    /// Checks that `value` fits.
    ///
    /// # Errors
    /// The first place that does not fit, with the type it should have.
    pub fn check(&self, value: &Value) -> Result<(), Misfit> {
        check::check(self, value, &Path::Root)
    }

    /// The least and the greatest value of an integer shape.
    const fn integer_range(&self) -> Option<(i128, i128)> {
        Some(match self {
            Shape::U8 => (0, u8::MAX as i128),
            Shape::U16 => (0, u16::MAX as i128),
            Shape::U32 => (0, u32::MAX as i128),
            Shape::U64 => (0, u64::MAX as i128),
            Shape::S8 => (i8::MIN as i128, i8::MAX as i128),
            Shape::S16 => (i16::MIN as i128, i16::MAX as i128),
            Shape::S32 => (i32::MIN as i128, i32::MAX as i128),
            Shape::S64 => (i64::MIN as i128, i64::MAX as i128),
            _ => return None,
        })
    }
}

/// Lists names for an error line.
fn in_words<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let list = items.collect::<Vec<_>>().join(", ");
    if list.is_empty() { "nothing".into() } else { list }
}

/// Writes the shape as WIT does; named types by their name, so that an error line stays one line.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::List { of } => write!(f, "list<{of}>"),
            Shape::FixedList { of, length } => write!(f, "list<{of}, {length}>"),
            Shape::Tuple { of } => write!(f, "tuple<{}>", join(of)),
            Shape::Map { key, value } => write!(f, "map<{key}, {value}>"),
            Shape::Option { of } => write!(f, "option<{of}>"),
            Shape::Record { name: Some(name), .. } => write!(f, "record {name}"),
            Shape::Record { fields, .. } => {
                write!(f, "record {{{}}}", in_words(fields.iter().map(|it| it.name.as_str())))
            }
            Shape::Variant { cases, .. } => {
                write!(f, "{{\"tag\": {}, \"val\": …}}", choices(cases.iter().map(|it| it.name.as_str())))
            }
            Shape::Enum { cases, .. } => f.write_str(&choices(cases.iter().map(|it| it.name.as_str()))),
            Shape::Flags { flags, .. } => {
                write!(f, "distinct ones of {}", choices(flags.iter().map(|it| it.name.as_str())))
            }
            Shape::Result { ok, err } => {
                let side = |side: &Option<Box<Shape>>| side.as_ref().map_or("_".into(), ToString::to_string);
                write!(f, "result<{}, {}>", side(ok), side(err))
            }
            Shape::Uncallable { what } => write!(f, "{what} (has no JSON form)"),
            plain => f.write_str(plain.word()),
        }
    }
}

fn join(shapes: &[Shape]) -> String {
    shapes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn choices<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" | ")
}

impl Shape {
    /// The WIT keyword of a shape that has no parts.
    const fn word(&self) -> &'static str {
        match self {
            Shape::Bool => "bool",
            Shape::U8 => "u8",
            Shape::U16 => "u16",
            Shape::U32 => "u32",
            Shape::U64 => "u64",
            Shape::S8 => "s8",
            Shape::S16 => "s16",
            Shape::S32 => "s32",
            Shape::S64 => "s64",
            Shape::F32 => "f32",
            Shape::F64 => "f64",
            Shape::Char => "char",
            _ => "string",
        }
    }
}
