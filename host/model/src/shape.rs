//! The shape of a value that crosses the boundary: the WIT types as plain data.
//!
//! A shape is read from a component's own bytes, so it carries names and docs that the engine's types have
//! lost. It decides whether a JSON value fits ([`Shape::check`]) before anything runs. The JSON form of every
//! shape is described at [`Shape`].

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The largest integer written as a JSON number; beyond it 64-bit integers are decimal strings, because most
/// JSON readers keep numbers as doubles.
pub const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A byte list inside another value is converted byte by byte; larger payloads go alone or by digest.
pub const NESTED_BYTES_MAX: usize = 64 * 1024;

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

impl Operation {
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

    /// Checks an object of arguments by name; an absent argument is only fine when it is an `option`.
    ///
    /// # Errors
    /// The first argument that does not fit, with its path and the type it should have.
    pub fn check_arguments(&self, arguments: &Value) -> Result<(), Misfit> {
        check_fields(&self.params, arguments, &Path::Root)
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
        check(self, value, &Path::Root)
    }
}

fn check(shape: &Shape, value: &Value, path: &Path<'_>) -> Result<(), Misfit> {
    let fits = match shape {
        Shape::Bool => value.is_boolean(),
        Shape::String => value.is_string(),
        Shape::Char => value.as_str().is_some_and(|text| text.chars().count() == 1),
        Shape::F32 | Shape::F64 => is_float(value),
        Shape::List { .. } if shape.is_bytes() => value.is_string(),
        Shape::Enum { cases, .. } => value.as_str().is_some_and(|text| is_label(cases, text)),
        Shape::Flags { flags, .. } => are_flags(flags, value),
        Shape::Uncallable { .. } => false,
        Shape::List { of } => return check_items(of, value, path, None, shape),
        Shape::FixedList { of, length } => {
            return check_items(of, value, path, Some(*length as usize), shape);
        }
        Shape::Tuple { of } => return check_tuple(of, value, path, shape),
        Shape::Map { key, value: item } => return check_map(key, item, value, path, shape),
        Shape::Record { fields, .. } => return check_fields(fields, value, path),
        Shape::Variant { cases, .. } => return check_variant(cases, value, path, shape),
        Shape::Option { of } => return check_option(of, value, path),
        Shape::Result { ok, err } => return check_result(ok.as_deref(), err.as_deref(), value, path, shape),
        integer => fits_integer(integer, value),
    };
    if fits { Ok(()) } else { Err(misfit(path, shape, value)) }
}

fn misfit(path: &Path<'_>, expected: impl fmt::Display, found: &Value) -> Misfit {
    Misfit { path: path.to_string(), expected: expected.to_string(), found: describe(found) }
}

/// Names a value for an error line; long texts are cut, since the line is for people.
#[must_use]
pub fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => format!("{flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() > 24 => {
            format!("the text \"{}…\"", text.chars().take(24).collect::<String>())
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}

fn is_float(value: &Value) -> bool {
    value.is_number() || matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity"))
}

fn is_label(labels: &[Label], text: &str) -> bool {
    labels.iter().any(|label| label.name == text)
}

fn are_flags(flags: &[Label], value: &Value) -> bool {
    let Some(set) = value.as_array() else { return false };
    set.iter().enumerate().all(|(index, flag)| {
        flag.as_str().is_some_and(|text| is_label(flags, text))
            && !set.iter().take(index).any(|other| other == flag)
    })
}

/// Bounds for the integer shapes; 64-bit ones also read decimal strings.
fn fits_integer(shape: &Shape, value: &Value) -> bool {
    let (low, high) = match shape {
        Shape::U8 => (0, i128::from(u8::MAX)),
        Shape::U16 => (0, i128::from(u16::MAX)),
        Shape::U32 => (0, i128::from(u32::MAX)),
        Shape::U64 => (0, i128::from(u64::MAX)),
        Shape::S8 => (i128::from(i8::MIN), i128::from(i8::MAX)),
        Shape::S16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
        Shape::S32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Shape::S64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        _ => return false,
    };
    let wide = matches!(shape, Shape::U64 | Shape::S64);
    integer(value, wide).is_some_and(|number| (low..=high).contains(&number))
}

/// The integer a JSON value stands for; `text` says whether decimal strings count.
#[must_use]
pub fn integer(value: &Value, text: bool) -> Option<i128> {
    match value {
        Value::Number(number) => number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from)),
        Value::String(digits) if text => {
            let number: i128 = digits.parse().ok()?;
            // One spelling a number: `+1` and `007` would hash differently from what they mean.
            (number.to_string() == *digits).then_some(number)
        }
        _ => None,
    }
}

fn check_items(
    of: &Shape,
    value: &Value,
    path: &Path<'_>,
    length: Option<usize>,
    whole: &Shape,
) -> Result<(), Misfit> {
    let items = value.as_array().filter(|items| length.is_none_or(|length| items.len() == length));
    let items = items.ok_or_else(|| misfit(path, whole, value))?;
    items.iter().enumerate().try_for_each(|(index, item)| check(of, item, &Path::Index(path, index)))
}

fn check_tuple(of: &[Shape], value: &Value, path: &Path<'_>, whole: &Shape) -> Result<(), Misfit> {
    let items = value.as_array().filter(|items| items.len() == of.len());
    let items = items.ok_or_else(|| misfit(path, whole, value))?;
    let mut pairs = of.iter().zip(items).enumerate();
    pairs.try_for_each(|(index, (shape, item))| check(shape, item, &Path::Index(path, index)))
}

fn check_map(key: &Shape, item: &Shape, value: &Value, path: &Path<'_>, whole: &Shape) -> Result<(), Misfit> {
    match value {
        Value::Object(map) if *key == Shape::String => {
            map.iter().try_for_each(|(name, entry)| check(item, entry, &Path::Field(path, name)))
        }
        Value::Array(pairs) if *key != Shape::String => {
            let pair = [key.clone(), item.clone()];
            let mut pairs = pairs.iter().enumerate();
            pairs.try_for_each(|(index, entry)| check_tuple(&pair, entry, &Path::Index(path, index), whole))
        }
        other => Err(misfit(path, whole, other)),
    }
}

fn check_fields(fields: &[Field], value: &Value, path: &Path<'_>) -> Result<(), Misfit> {
    let object = value.as_object().ok_or_else(|| misfit(path, "an object", value))?;
    for field in fields {
        let path = Path::Field(path, &field.name);
        match object.get(&field.name) {
            Some(value) => check(&field.shape, value, &path)?,
            None if matches!(field.shape, Shape::Option { .. }) => {}
            None => {
                let expected = field.shape.to_string();
                return Err(Misfit { path: path.to_string(), expected, found: "nothing".into() });
            }
        }
    }
    match object.keys().find(|key| !fields.iter().any(|field| field.name == **key)) {
        None => Ok(()),
        Some(unknown) => Err(Misfit {
            path: Path::Field(path, unknown).to_string(),
            expected: format!("one of {}", names(fields.iter().map(|field| field.name.as_str()))),
            found: "an unknown field".into(),
        }),
    }
}

fn names<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let list = items.collect::<Vec<_>>().join(", ");
    if list.is_empty() { "no fields".into() } else { list }
}

fn check_variant(cases: &[Case], value: &Value, path: &Path<'_>, whole: &Shape) -> Result<(), Misfit> {
    let tag = value.get("tag").and_then(Value::as_str);
    let case = tag.and_then(|tag| cases.iter().find(|case| case.name == tag));
    let (Some(case), Some(object)) = (case, value.as_object()) else {
        return Err(misfit(path, whole, value));
    };
    let path = Path::Field(path, &case.name);
    match (&case.shape, object.get("val")) {
        (Some(shape), payload) if object.len() <= 2 => check(shape, payload.unwrap_or(&Value::Null), &path),
        (None, None | Some(Value::Null)) if object.len() <= 2 => Ok(()),
        _ => Err(misfit(&path, whole, value)),
    }
}

fn check_option(of: &Shape, value: &Value, path: &Path<'_>) -> Result<(), Misfit> {
    match value {
        Value::Null => Ok(()),
        // Only an option inside an option needs a wrapper, or `null` would have two meanings.
        value if matches!(of, Shape::Option { .. }) => {
            let some =
                value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("some"));
            let some = some.ok_or_else(|| misfit(path, "null or {\"some\": …}", value))?;
            check(of, some, &Path::Field(path, "some"))
        }
        value => check(of, value, path),
    }
}

fn check_result(
    ok: Option<&Shape>,
    err: Option<&Shape>,
    value: &Value,
    path: &Path<'_>,
    whole: &Shape,
) -> Result<(), Misfit> {
    let object = value.as_object().filter(|object| object.len() == 1);
    let (name, payload) =
        object.and_then(|object| object.iter().next()).ok_or_else(|| misfit(path, whole, value))?;
    let side = match name.as_str() {
        "ok" => ok,
        "err" => err,
        _ => return Err(misfit(path, whole, value)),
    };
    match side {
        Some(shape) => check(shape, payload, &Path::Field(path, name)),
        None if payload.is_null() => Ok(()),
        None => Err(misfit(&Path::Field(path, name), "null", payload)),
    }
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
                write!(f, "record {{{}}}", names(fields.iter().map(|it| it.name.as_str())))
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
