//! JSON into CEL and back.
//!
//! Integers become CEL integers in all 64 bits, a key's `-` becomes `_`. On the way out exactly those keys are
//! turned back that were turned on the way in.
//!
//! JSON writes a large integer as a text, and 5.0 as 5. Where the type of a value is known it is what its type says: a
//! 64-bit integer is a number however large it is, and a double is a double also when it is whole.

use super::ExpressionError;
use crate::shape::{Shape, integer_as_json};
use cel::Value as Cel;
use cel::objects::{Key, Map as CelMap};
use serde_json::{Map, Number, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What is remembered of the values that went in.
#[derive(Default)]
pub(super) struct Crossing {
    /// The written form of every key that was turned, with the key it had.
    turned: BTreeMap<String, String>,
    /// Keys that had an `_` of their own.
    kept: BTreeSet<String>,
    /// Bytes of texts and numbers.
    pub(super) bytes: u64,
    /// Items of the longest list or object.
    pub(super) longest: u64,
}

impl Crossing {
    /// One JSON value as CEL knows it, of this type where that is known.
    pub(super) fn enter(&mut self, value: &Value, shape: Option<&Shape>) -> Cel {
        let shape = shape.map(unwrapped);
        self.bytes = self.bytes.saturating_add(8);
        match value {
            Value::Null => Cel::Null,
            Value::Bool(flag) => Cel::Bool(*flag),
            Value::Number(number) if shape.is_some_and(is_double) => {
                Cel::Float(number.as_f64().unwrap_or(f64::NAN))
            }
            Value::Number(number) => self::number(number),
            Value::String(text) => match shape.and_then(|shape| written_number(text, shape)) {
                Some(number) => number,
                None => {
                    self.bytes = self.bytes.saturating_add(text.len() as u64);
                    Cel::String(Arc::new(text.clone()))
                }
            },
            Value::Array(items) => {
                self.longest = self.longest.max(items.len() as u64);
                let items = items.iter().enumerate();
                Cel::List(Arc::new(items.map(|(at, item)| self.enter(item, item_of(shape, at))).collect()))
            }
            Value::Object(fields) => self.enter_object(fields, shape, None),
        }
    }

    /// The same of an object of which only these members are read, as they are written.
    pub(super) fn enter_members(&mut self, value: &Value, shape: Option<&Shape>, read: &[&str]) -> Cel {
        match value {
            Value::Object(fields) => self.enter_object(fields, shape.map(unwrapped), Some(read)),
            other => self.enter(other, shape),
        }
    }

    fn enter_object(
        &mut self,
        fields: &Map<String, Value>,
        shape: Option<&Shape>,
        read: Option<&[&str]>,
    ) -> Cel {
        self.longest = self.longest.max(fields.len() as u64);
        let mut map = HashMap::with_capacity(fields.len());
        for (key, value) in fields {
            let written = self.written(key, fields);
            if read.is_some_and(|read| !read.contains(&written.as_str())) {
                continue;
            }
            self.bytes = self.bytes.saturating_add(key.len() as u64);
            let shape = member_of(shape, fields, key);
            map.insert(Key::String(Arc::new(written)), self.enter(value, shape));
        }
        Cel::Map(CelMap { map: Arc::new(map) })
    }

    /// The form of a key in expressions. A key whose written form stands beside it keeps its own: nothing is lost.
    fn written(&mut self, key: &str, beside: &Map<String, Value>) -> String {
        let written = key.replace('-', "_");
        if written == key {
            if key.contains('_') {
                self.kept.insert(key.into());
            }
            return written;
        }
        // The first of two keys with one written form has it; the walk along a plain path agrees.
        let first = beside.keys().find(|other| other.replace('-', "_") == written);
        if beside.contains_key(&written) || first.is_some_and(|first| first != key) {
            return key.into();
        }
        self.turned.insert(written.clone(), key.into());
        written
    }

    /// A result as JSON.
    pub(super) fn leave(&self, value: &Cel) -> Result<Value, ExpressionError> {
        Ok(match value {
            Cel::Null => Value::Null,
            Cel::Bool(flag) => Value::Bool(*flag),
            Cel::Int(number) => integer_as_json(i128::from(*number)),
            Cel::UInt(number) => integer_as_json(i128::from(*number)),
            Cel::Float(number) => Number::from_f64(*number)
                .map(Value::Number)
                .ok_or_else(|| ExpressionError::new(format!("the result {number} has no JSON form")))?,
            Cel::String(text) => Value::String(text.as_ref().clone()),
            Cel::List(items) => {
                Value::Array(items.iter().map(|item| self.leave(item)).collect::<Result<_, _>>()?)
            }
            Cel::Map(map) => self.leave_object(map)?,
            other => {
                let kind = other.type_of();
                return Err(ExpressionError::new(format!("a result of type {kind} has no JSON form")));
            }
        })
    }

    fn leave_object(&self, map: &CelMap) -> Result<Value, ExpressionError> {
        let mut fields = Map::new();
        for (key, value) in map.map.iter() {
            let Key::String(key) = key else {
                return Err(ExpressionError::new("the keys of a JSON object are texts"));
            };
            // By the name both have in JSON: which of the two comes second is the map's own affair.
            let name = self.original(key)?;
            if fields.insert(name.clone(), self.leave(value)?).is_some() {
                return Err(ExpressionError::new(format!("the result has the key `{name}` twice")));
            }
        }
        Ok(Value::Object(fields))
    }

    fn original(&self, written: &str) -> Result<String, ExpressionError> {
        match self.turned.get(written) {
            None => Ok(written.into()),
            Some(original) if !self.kept.contains(written) => Ok(original.clone()),
            // Turning it back would be right for one of the values and wrong for the other.
            Some(original) => Err(ExpressionError::new(format!(
                "the values read have both `{original}` and `{written}`, so the key `{written}` of the result is \
                 either"
            ))
            .with_hint("pass the values on by plain paths, they keep their keys")),
        }
    }
}

fn number(number: &Number) -> Cel {
    match (number.as_i64(), number.as_u64()) {
        (Some(number), _) => Cel::Int(number),
        (None, Some(number)) => Cel::UInt(number),
        (None, None) => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// What an option holds; JSON writes the value itself.
fn unwrapped(shape: &Shape) -> &Shape {
    match shape {
        Shape::Option { of } => unwrapped(of),
        other => other,
    }
}

const fn is_double(shape: &Shape) -> bool {
    matches!(shape, Shape::F32 | Shape::F64)
}

/// A number that JSON writes as a text; none for any other text.
fn written_number(text: &str, shape: &Shape) -> Option<Cel> {
    match shape {
        Shape::S64 | Shape::U64 => {
            text.parse().map(Cel::Int).ok().or_else(|| text.parse().map(Cel::UInt).ok())
        }
        Shape::F32 | Shape::F64 => crate::shape::float(&Value::from(text)).map(Cel::Float),
        _ => None,
    }
}

fn item_of(shape: Option<&Shape>, at: usize) -> Option<&Shape> {
    match shape? {
        Shape::List { of } | Shape::FixedList { of, .. } => Some(of),
        Shape::Tuple { of } => of.get(at),
        _ => None,
    }
}

fn member_of<'s>(shape: Option<&'s Shape>, fields: &Map<String, Value>, key: &str) -> Option<&'s Shape> {
    match shape? {
        Shape::Record { fields, .. } => {
            fields.iter().find(|field| field.name == key).map(|field| &field.shape)
        }
        Shape::Map { value, .. } => Some(value),
        Shape::Variant { cases, .. } if key == "val" => {
            let tag = fields.get("tag").and_then(Value::as_str)?;
            cases.iter().find(|case| case.name == tag)?.shape.as_ref()
        }
        Shape::Result { ok, err } => match key {
            "ok" => ok.as_deref(),
            "err" => err.as_deref(),
            _ => None,
        },
        Shape::Option { of } if key == "some" => Some(of),
        _ => None,
    }
}
