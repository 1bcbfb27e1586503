//! The engine's values into canonical JSON: one spelling for each value, the one it has again after it was written
//! and read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_model::shape::{Case, Field, NESTED_BASE64_MAX, NESTED_BYTES_MAX, Shape, integer_as_json};
use serde_json::{Map, Value, json};
use wasmtime::component::Val;

/// A value that can't be given as JSON of its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// It holds a byte list of so many bytes.
    #[error("a byte list inside the answer has {0} bytes, the limit is {NESTED_BYTES_MAX}")]
    LongBytes(usize),
    /// It is of another type: names and engine disagree about the component's bytes.
    #[error("the answer is not of the type the component declares")]
    OtherType,
}

/// The JSON form of a value of this shape.
pub(super) fn value(shape: &Shape, value: &Val) -> Result<Value, Unfit> {
    Ok(match (shape, value) {
        (Shape::Bool, Val::Bool(flag)) => Value::Bool(*flag),
        (Shape::U8, Val::U8(number)) => json!(number),
        (Shape::U16, Val::U16(number)) => json!(number),
        (Shape::U32, Val::U32(number)) => json!(number),
        (Shape::U64, Val::U64(number)) => integer_as_json(i128::from(*number)),
        (Shape::S8, Val::S8(number)) => json!(number),
        (Shape::S16, Val::S16(number)) => json!(number),
        (Shape::S32, Val::S32(number)) => json!(number),
        (Shape::S64, Val::S64(number)) => integer_as_json(i128::from(*number)),
        (Shape::F32, Val::Float32(number)) => float(widen(*number)),
        (Shape::F64, Val::Float64(number)) => float(*number),
        (Shape::Char, Val::Char(letter)) => Value::String(letter.to_string()),
        (Shape::String, Val::String(text)) => Value::String(text.clone()),
        (Shape::Enum { .. }, Val::Enum(name)) => Value::String(name.clone()),
        (Shape::Flags { .. }, Val::Flags(set)) => json!(set),
        (shape, value) => return composed(shape, value),
    })
}

fn composed(shape: &Shape, given: &Val) -> Result<Value, Unfit> {
    match (shape, given) {
        (Shape::List { .. }, Val::List(items)) if shape.is_bytes() => bytes(items),
        (Shape::List { of }, Val::List(items))
        | (Shape::FixedList { of, .. }, Val::FixedLengthList(items)) => {
            items.iter().map(|item| value(of, item)).collect()
        }
        (Shape::Tuple { of }, Val::Tuple(items)) if of.len() == items.len() => {
            of.iter().zip(items).map(|(shape, item)| value(shape, item)).collect()
        }
        (Shape::Map { key, value }, Val::Map(pairs)) => map(key, value, pairs),
        (Shape::Record { fields, .. }, Val::Record(values)) => record(fields, values),
        (Shape::Variant { cases, .. }, Val::Variant(name, payload)) => {
            variant(cases, name, payload.as_deref())
        }
        (Shape::Option { .. }, Val::Option(None)) => Ok(Value::Null),
        (Shape::Option { of }, Val::Option(Some(inner))) => {
            let inner = value(of, inner)?;
            Ok(if matches!(**of, Shape::Option { .. }) { json!({ "some": inner }) } else { inner })
        }
        (Shape::Result { ok, .. }, Val::Result(Ok(inner))) => {
            Ok(json!({ "ok": payload(ok.as_deref(), inner.as_deref())? }))
        }
        (Shape::Result { err, .. }, Val::Result(Err(inner))) => {
            Ok(json!({ "err": payload(err.as_deref(), inner.as_deref())? }))
        }
        _ => Err(Unfit::OtherType),
    }
}

/// A payload, or null where there is none.
pub(super) fn payload(shape: Option<&Shape>, given: Option<&Val>) -> Result<Value, Unfit> {
    match (shape, given) {
        (Some(shape), Some(given)) => value(shape, given),
        (None, None) => Ok(Value::Null),
        _ => Err(Unfit::OtherType),
    }
}

/// The double whose shortest decimal is the single's own, so that 0.1 stays 0.1.
fn widen(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// RFC 8785 writes a double without a fraction like an integer, so it would be read back as one: it is one from the
/// start. From 1e21 on an exponent is written. The sign of zero is not written.
fn float(number: f64) -> Value {
    let name = match number {
        number if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        0.0 => return json!(0),
        number if number.fract() == 0.0 && number.abs() < 1e21 => {
            return serde_json::from_str(&number.to_string()).unwrap_or(json!(number));
        }
        number => return json!(number),
    };
    Value::String(name.into())
}

fn bytes(items: &[Val]) -> Result<Value, Unfit> {
    let byte = |item: &Val| if let Val::U8(byte) = item { Ok(*byte) } else { Err(Unfit::OtherType) };
    let bytes = items.iter().map(byte).collect::<Result<Vec<u8>, Unfit>>()?;
    let text = STANDARD.encode(&bytes);
    if text.len() > NESTED_BASE64_MAX { Err(Unfit::LongBytes(bytes.len())) } else { Ok(Value::String(text)) }
}

/// Of entries with one key the last holds, as everywhere where a map crosses.
fn map(key: &Shape, of: &Shape, pairs: &[(Val, Val)]) -> Result<Value, Unfit> {
    if *key != Shape::String {
        return pairs.iter().map(|(name, item)| Ok(json!([value(key, name)?, value(of, item)?]))).collect();
    }
    let entry = |(name, item): &(Val, Val)| match name {
        Val::String(name) => Ok((name.clone(), value(of, item)?)),
        _ => Err(Unfit::OtherType),
    };
    Ok(Value::Object(pairs.iter().map(entry).collect::<Result<Map<String, Value>, Unfit>>()?))
}

fn record(fields: &[Field], values: &[(String, Val)]) -> Result<Value, Unfit> {
    if fields.len() != values.len() {
        return Err(Unfit::OtherType);
    }
    let entry = |(field, (name, given)): (&Field, &(String, Val))| {
        if field.name == *name {
            Ok((name.clone(), value(&field.shape, given)?))
        } else {
            Err(Unfit::OtherType)
        }
    };
    Ok(Value::Object(fields.iter().zip(values).map(entry).collect::<Result<Map<String, Value>, Unfit>>()?))
}

fn variant(cases: &[Case], name: &str, inner: Option<&Val>) -> Result<Value, Unfit> {
    let case = cases.iter().find(|case| case.name == name).ok_or(Unfit::OtherType)?;
    let inner = payload(case.shape.as_ref(), inner)?;
    Ok(if case.shape.is_some() { json!({ "tag": name, "val": inner }) } else { json!({ "tag": name }) })
}
