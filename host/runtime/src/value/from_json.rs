//! JSON into the engine's values. It takes exactly what [`Shape::check`] takes; what does not fit is none, and why is
//! asked of the check.

use kapell_model::shape::{self, Case, F32_MAX, Field, Label, NESTED_BASE64_MAX, Operation, Shape};
use serde_json::{Map, Value};
use wasmtime::component::Val;

/// The arguments in the order of the parameters.
pub(super) fn arguments(operation: &Operation, arguments: &Value) -> Option<Vec<Val>> {
    by_field(&operation.params, arguments, |_, value| value)
}

/// The value of this shape that the JSON stands for.
pub(super) fn value(shape: &Shape, json: &Value) -> Option<Val> {
    match shape {
        Shape::Bool => json.as_bool().map(Val::Bool),
        Shape::String => json.as_str().map(|text| Val::String(text.to_owned())),
        Shape::Char => only_char(json.as_str()?).map(Val::Char),
        Shape::F32 => shape::float(json).and_then(narrow).map(Val::Float32),
        Shape::F64 => shape::float(json).map(Val::Float64),
        Shape::Enum { cases, .. } => label(cases, json).map(Val::Enum),
        Shape::Flags { flags, .. } => flags_in_order(flags, json).map(Val::Flags),
        Shape::List { .. } if shape.is_bytes() => nested_bytes(json.as_str()?).map(Val::List),
        Shape::List { of } => items(of, json.as_array()?).map(Val::List),
        Shape::FixedList { of, length } => {
            let array = json.as_array().filter(|array| array.len() == *length as usize)?;
            items(of, array).map(Val::FixedLengthList)
        }
        Shape::Tuple { of } => tuple(of, json).map(Val::Tuple),
        Shape::Map { key, value } => map(key, value, json).map(Val::Map),
        Shape::Record { fields, .. } => by_field(fields, json, |name, value| (name, value)).map(Val::Record),
        Shape::Variant { cases, .. } => variant(cases, json),
        Shape::Option { of } => option(of, json),
        Shape::Result { ok, err } => result(ok.as_deref(), err.as_deref(), json).map(Val::Result),
        Shape::Uncallable { .. } => None,
        integer => integer_value(integer, json),
    }
}

fn integer_value(shape: &Shape, json: &Value) -> Option<Val> {
    match shape {
        Shape::U8 => integer(json, false).map(Val::U8),
        Shape::U16 => integer(json, false).map(Val::U16),
        Shape::U32 => integer(json, false).map(Val::U32),
        Shape::U64 => integer(json, true).map(Val::U64),
        Shape::S8 => integer(json, false).map(Val::S8),
        Shape::S16 => integer(json, false).map(Val::S16),
        Shape::S32 => integer(json, false).map(Val::S32),
        Shape::S64 => integer(json, true).map(Val::S64),
        _ => None,
    }
}

fn integer<T: TryFrom<i128>>(json: &Value, text: bool) -> Option<T> {
    T::try_from(shape::integer(json, text)?).ok()
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest is what a float does; the range is checked"
)]
fn narrow(number: f64) -> Option<f32> {
    (!number.is_finite() || number.abs() <= F32_MAX).then_some(number as f32)
}

fn only_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn nested_bytes(text: &str) -> Option<Vec<Val>> {
    let bytes = shape::bytes_of(text).filter(|_| text.len() <= NESTED_BASE64_MAX)?;
    Some(bytes.into_iter().map(Val::U8).collect())
}

fn label(labels: &[Label], json: &Value) -> Option<String> {
    let text = json.as_str()?;
    labels.iter().any(|label| label.name == text).then(|| text.to_owned())
}

/// In the order of their declaration, each at most once: one spelling for each set.
fn flags_in_order(flags: &[Label], json: &Value) -> Option<Vec<String>> {
    let given = json.as_array()?;
    let is_given = |flag: &&Label| given.iter().any(|it| it.as_str() == Some(&flag.name));
    let set: Vec<String> = flags.iter().filter(is_given).map(|flag| flag.name.clone()).collect();
    (set.len() == given.len()).then_some(set)
}

fn items(of: &Shape, array: &[Value]) -> Option<Vec<Val>> {
    array.iter().map(|item| value(of, item)).collect()
}

fn tuple(of: &[Shape], json: &Value) -> Option<Vec<Val>> {
    let array = json.as_array().filter(|array| array.len() == of.len())?;
    of.iter().zip(array).map(|(shape, item)| value(shape, item)).collect()
}

fn map(key: &Shape, of: &Shape, json: &Value) -> Option<Vec<(Val, Val)>> {
    if *key == Shape::String {
        let entry = |(name, item): (&String, &Value)| Some((Val::String(name.clone()), value(of, item)?));
        return json.as_object()?.iter().map(entry).collect();
    }
    let pair = |pair: &Value| match pair.as_array()?.as_slice() {
        [name, item] => Some((value(key, name)?, value(of, item)?)),
        _ => None,
    };
    json.as_array()?.iter().map(pair).collect()
}

/// Field by field in the declared order; an absent option is none, an unknown field does not fit.
fn by_field<T>(fields: &[Field], json: &Value, make: impl Fn(String, Val) -> T) -> Option<Vec<T>> {
    let object = json.as_object()?;
    let mut known = 0;
    let field = |field: &Field| {
        let given = object.get(&field.name);
        known += usize::from(given.is_some());
        let value = match (given, &field.shape) {
            (Some(given), shape) => value(shape, given)?,
            (None, Shape::Option { .. }) => Val::Option(None),
            (None, _) => return None,
        };
        Some(make(field.name.clone(), value))
    };
    let values = fields.iter().map(field).collect::<Option<Vec<T>>>()?;
    (known == object.len()).then_some(values)
}

fn variant(cases: &[Case], json: &Value) -> Option<Val> {
    let object = json.as_object()?;
    let tag = object.get("tag")?.as_str()?;
    let case = cases.iter().find(|case| case.name == tag)?;
    let payload = object.get("val");
    let known = 1 + usize::from(payload.is_some());
    let payload = optional(case.shape.as_ref(), payload.unwrap_or(&Value::Null))?;
    (object.len() == known).then(|| Val::Variant(case.name.clone(), payload))
}

fn option(of: &Shape, json: &Value) -> Option<Val> {
    if json.is_null() {
        return Some(Val::Option(None));
    }
    let inner = if matches!(of, Shape::Option { .. }) { only(json.as_object()?, "some")? } else { json };
    Some(Val::Option(Some(Box::new(value(of, inner)?))))
}

type Sides = Result<Option<Box<Val>>, Option<Box<Val>>>;

fn result(ok: Option<&Shape>, err: Option<&Shape>, json: &Value) -> Option<Sides> {
    let object = json.as_object()?;
    match (only(object, "ok"), only(object, "err")) {
        (Some(payload), None) => optional(ok, payload).map(Ok),
        (None, Some(payload)) => optional(err, payload).map(Err),
        _ => None,
    }
}

fn only<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|_| object.len() == 1)
}

/// A payload where there may be none: then the JSON is null.
fn optional(shape: Option<&Shape>, json: &Value) -> Option<Option<Box<Val>>> {
    match shape {
        Some(shape) => value(shape, json).map(|value| Some(Box::new(value))),
        None => json.is_null().then_some(None),
    }
}
