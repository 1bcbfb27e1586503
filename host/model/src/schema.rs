//! JSON Schema 2020-12 for shapes and operations, for people, agents and other programs.
//!
//! A value fits the schema exactly when [`Shape::check`] takes it. Named types stand once, in `$defs`; WIT docs are
//! descriptions.

use crate::shape::{Case, F32_MAX, Field, Label, NESTED_BASE64_MAX, Operation, Shape};
use serde_json::{Map, Value, json};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// RFC 4648 section 4 with padding, and no bits set that stand for nothing.
const BASE64: &str = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// The schemas of an operation, each complete in itself.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationSchemas {
    /// Of the object of arguments.
    pub arguments: Value,
    /// Of a successful answer; of null where the operation answers nothing.
    pub output: Value,
    /// Of the skill's own error, where it declares one.
    pub error: Option<Value>,
}

/// The schema of one shape, complete in itself.
#[must_use]
pub fn of_shape(shape: &Shape) -> Value {
    let mut definitions = Definitions::default();
    let schema = definitions.schema(shape);
    definitions.complete(schema)
}

/// The schemas of an operation.
#[must_use]
pub fn of_operation(operation: &Operation) -> OperationSchemas {
    let nothing = || Definitions::default().complete(json!({ "type": "null" }));
    let fallible = matches!(operation.result, Some(Shape::Result { .. }));
    OperationSchemas {
        arguments: of_arguments(operation),
        output: operation.output().map_or_else(nothing, |shape| of_answer(operation, shape)),
        error: fallible.then(|| operation.error().map_or_else(nothing, of_shape)),
    }
}

fn of_arguments(operation: &Operation) -> Value {
    let mut definitions = Definitions::default();
    let mut schema = definitions.object(&operation.params);
    if operation.is_whole() {
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        properties.into_iter().flat_map(Map::values_mut).for_each(without_cap);
    }
    describe(&mut schema, operation.docs.as_deref());
    definitions.complete(schema)
}

fn of_answer(operation: &Operation, shape: &Shape) -> Value {
    let mut schema = of_shape(shape);
    if operation.is_whole() {
        without_cap(&mut schema);
    }
    schema
}

/// A byte list that crosses whole has no cap of its own.
fn without_cap(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("maxLength");
    }
}

/// The named types met so far.
#[derive(Default)]
struct Definitions<'a> {
    known: Vec<(String, &'a Shape)>,
    schemas: Map<String, Value>,
}

impl<'a> Definitions<'a> {
    fn complete(self, mut schema: Value) -> Value {
        if let Some(object) = schema.as_object_mut() {
            object.insert("$schema".into(), DIALECT.into());
            if !self.schemas.is_empty() {
                object.insert("$defs".into(), self.schemas.into());
            }
        }
        schema
    }

    fn schema(&mut self, shape: &'a Shape) -> Value {
        match shape {
            Shape::Record { name: Some(name), .. }
            | Shape::Variant { name: Some(name), .. }
            | Shape::Enum { name: Some(name), .. }
            | Shape::Flags { name: Some(name), .. } => self.reference(name, shape),
            shape => self.written_out(shape),
        }
    }

    /// Two types of one name are told apart by a number.
    fn reference(&mut self, name: &str, shape: &'a Shape) -> Value {
        let known = self.known.iter().find(|(_, known)| *known == shape).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let taken = |name: &str| self.known.iter().any(|(known, _)| known == name);
            let mut numbered = (2_u32..).map(|number| format!("{name}-{number}"));
            let free = if taken(name) { numbered.find(|name| !taken(name)) } else { None };
            let name = free.unwrap_or_else(|| name.to_owned());
            self.known.push((name.clone(), shape));
            let schema = self.written_out(shape);
            self.schemas.insert(name.clone(), schema);
            name
        });
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn written_out(&mut self, shape: &'a Shape) -> Value {
        match shape {
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::String => json!({ "type": "string" }),
            Shape::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            Shape::F32 => float(json!({ "type": "number", "minimum": -F32_MAX, "maximum": F32_MAX })),
            Shape::F64 => float(json!({ "type": "number" })),
            Shape::Enum { cases, .. } => labelled(json!({ "enum": names(cases) }), cases),
            Shape::Flags { flags, .. } => {
                let items = json!({ "enum": names(flags) });
                labelled(json!({ "type": "array", "items": items, "uniqueItems": true }), flags)
            }
            Shape::Record { fields, .. } => self.object(fields),
            Shape::Variant { cases, .. } => {
                json!({ "oneOf": cases.iter().map(|case| self.case(case)).collect::<Vec<_>>() })
            }
            Shape::Option { of } => json!({ "anyOf": [{ "type": "null" }, self.some(of)] }),
            Shape::Result { ok, err } => {
                json!({ "oneOf": [self.side("ok", ok.as_deref()), self.side("err", err.as_deref())] })
            }
            Shape::Uncallable { what } => {
                json!({ "not": {}, "description": format!("{what} has no JSON form") })
            }
            Shape::List { .. } | Shape::FixedList { .. } | Shape::Tuple { .. } | Shape::Map { .. } => {
                self.collection(shape)
            }
            integer => integer_schema(integer),
        }
    }

    fn collection(&mut self, shape: &'a Shape) -> Value {
        match shape {
            Shape::List { .. } if shape.is_bytes() => json!({
                "type": "string", "contentEncoding": "base64", "pattern": BASE64, "maxLength": NESTED_BASE64_MAX,
            }),
            Shape::List { of } => json!({ "type": "array", "items": self.schema(of) }),
            Shape::FixedList { of, length } => {
                json!({ "type": "array", "items": self.schema(of), "minItems": length, "maxItems": length })
            }
            Shape::Tuple { of } => {
                let items = of.iter().map(|shape| self.schema(shape)).collect();
                tuple(items)
            }
            Shape::Map { key, value } if **key == Shape::String => {
                json!({ "type": "object", "additionalProperties": self.schema(value) })
            }
            Shape::Map { key, value } => {
                let pair = tuple(vec![self.schema(key), self.schema(value)]);
                json!({ "type": "array", "items": pair })
            }
            _ => json!({}),
        }
    }

    fn object(&mut self, fields: &'a [Field]) -> Value {
        let mut properties = Map::new();
        for field in fields {
            let mut schema = self.schema(&field.shape);
            describe(&mut schema, field.docs.as_deref());
            properties.insert(field.name.clone(), schema);
        }
        let required = fields.iter().filter(|field| !matches!(field.shape, Shape::Option { .. }));
        let required: Vec<&str> = required.map(|field| field.name.as_str()).collect();
        closed(properties, &required)
    }

    /// Only an option inside an option needs a wrapper.
    fn some(&mut self, of: &'a Shape) -> Value {
        let inner = self.schema(of);
        if matches!(of, Shape::Option { .. }) { closed(one("some", inner), &["some"]) } else { inner }
    }

    fn side(&mut self, name: &str, shape: Option<&'a Shape>) -> Value {
        let payload = shape.map_or_else(|| json!({ "type": "null" }), |shape| self.schema(shape));
        closed(one(name, payload), &[name])
    }

    fn case(&mut self, case: &'a Case) -> Value {
        let payload =
            case.shape.as_ref().map_or_else(|| json!({ "type": "null" }), |shape| self.schema(shape));
        let mut properties = one("tag", json!({ "const": case.name }));
        properties.insert("val".into(), payload);
        let may_be_absent = matches!(case.shape, None | Some(Shape::Option { .. }));
        let mut schema = closed(properties, if may_be_absent { &["tag"] } else { &["tag", "val"] });
        describe(&mut schema, case.docs.as_deref());
        schema
    }
}

fn one(name: &str, schema: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), schema)])
}

fn closed(properties: Map<String, Value>, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn tuple(items: Vec<Value>) -> Value {
    let length = items.len();
    json!({ "type": "array", "prefixItems": items, "minItems": length, "maxItems": length })
}

fn float(number: Value) -> Value {
    json!({ "anyOf": [number, { "enum": ["NaN", "Infinity", "-Infinity"] }] })
}

fn names(labels: &[Label]) -> Vec<&str> {
    labels.iter().map(|label| label.name.as_str()).collect()
}

fn describe(schema: &mut Value, docs: Option<&str>) {
    if let (Some(object), Some(docs)) = (schema.as_object_mut(), docs) {
        object.insert("description".into(), docs.into());
    }
}

/// A list of names has one description for all.
fn labelled(mut schema: Value, labels: &[Label]) -> Value {
    let lines = labels.iter().filter_map(|label| Some(format!("{}: {}", label.name, label.docs.as_ref()?)));
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        describe(&mut schema, Some(&lines.join("\n")));
    }
    schema
}

fn integer_schema(shape: &Shape) -> Value {
    let (number, wide) = match shape {
        Shape::U8 => (range(0, u8::MAX), false),
        Shape::U16 => (range(0, u16::MAX), false),
        Shape::U32 => (range(0, u32::MAX), false),
        Shape::U64 => (range(0, u64::MAX), true),
        Shape::S8 => (range(i8::MIN, i8::MAX), false),
        Shape::S16 => (range(i16::MIN, i16::MAX), false),
        Shape::S32 => (range(i32::MIN, i32::MAX), false),
        _ => (range(i64::MIN, i64::MAX), true),
    };
    if !wide {
        return number;
    }
    let pattern = match shape {
        Shape::U64 => format!("^(?:0|{})$", at_most(u64::MAX)),
        _ => format!("^(?:0|{}|-(?:{}))$", at_most(i64::MAX as u64), at_most(i64::MIN.unsigned_abs())),
    };
    json!({ "anyOf": [number, { "type": "string", "pattern": pattern }] })
}

fn range(minimum: impl Into<Value>, maximum: impl Into<Value>) -> Value {
    json!({ "type": "integer", "minimum": minimum.into(), "maximum": maximum.into() })
}

/// A pattern for the decimals from 1 to `most`: shorter ones, ones that fall below it at some digit, and itself.
fn at_most(most: u64) -> String {
    let digits = most.to_string();
    let mut ways = vec![format!("[1-9][0-9]{{0,{}}}", digits.len().saturating_sub(2))];
    for (index, digit) in digits.chars().enumerate() {
        let lowest = if index == 0 { '1' } else { '0' };
        if let Some(below) = char::from_u32(u32::from(digit) - 1).filter(|below| *below >= lowest) {
            let same: String = digits.chars().take(index).collect();
            ways.push(format!("{same}[{lowest}-{below}][0-9]{{{}}}", digits.len() - index - 1));
        }
    }
    ways.push(digits);
    ways.join("|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::shape::strategy::{near_values, shapes};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_fits_the_schema_exactly_when_the_check_takes_it(
            (shape, value) in shapes().prop_flat_map(|shape| {
                let values = near_values(&shape);
                (Just(shape), values)
            })
        ) {
            let schema = of_shape(&shape);
            let fits = jsonschema::draft202012::is_valid(&schema, &value);
            prop_assert_eq!(fits, shape.check(&value).is_ok(), "{} as {:?}\n{}", value, shape, schema);
        }
    }

    fn field(name: &str, shape: Shape, docs: Option<&str>) -> Field {
        Field { name: name.into(), shape, docs: docs.map(str::to_owned) }
    }

    fn operation(params: Vec<Field>, result: Option<Shape>) -> Operation {
        let docs = Some("Makes the record.".into());
        Operation { name: "create".into(), interface: None, function: "create".into(), docs, params, result }
    }

    #[test]
    fn an_operation_has_schemas_for_each_side() {
        let label = |name: &str, docs: &str| Label { name: name.into(), docs: Some(docs.into()) };
        let tier = Shape::Enum {
            name: Some("tier".into()),
            cases: vec![label("free", "Costs nothing."), label("paid", "Has an invoice.")],
        };
        let params = vec![
            field("tier", tier.clone(), Some("What they bought.")),
            field("former", Shape::Option { of: Box::new(tier) }, None),
        ];
        let result = Shape::Result { ok: None, err: Some(Box::new(Shape::String)) };
        let schemas = of_operation(&operation(params, Some(result)));
        insta::assert_snapshot!(serde_json::to_string_pretty(&schemas.arguments).unwrap(), @r##"
        {
          "$defs": {
            "tier": {
              "description": "free: Costs nothing.\npaid: Has an invoice.",
              "enum": [
                "free",
                "paid"
              ]
            }
          },
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "additionalProperties": false,
          "description": "Makes the record.",
          "properties": {
            "former": {
              "anyOf": [
                {
                  "type": "null"
                },
                {
                  "$ref": "#/$defs/tier"
                }
              ]
            },
            "tier": {
              "$ref": "#/$defs/tier",
              "description": "What they bought."
            }
          },
          "required": [
            "tier"
          ],
          "type": "object"
        }
        "##);
        assert_eq!(schemas.output, json!({ "$schema": DIALECT, "type": "null" }));
        assert_eq!(schemas.error, Some(json!({ "$schema": DIALECT, "type": "string" })));
    }

    #[test]
    fn types_of_one_name_are_told_apart() {
        let line =
            |shape| Shape::Record { name: Some("line".into()), fields: vec![field("price", shape, None)] };
        let both = Shape::Tuple { of: vec![line(Shape::U8), line(Shape::String), line(Shape::U8)] };
        let schema = of_shape(&both);
        let references =
            ["#/$defs/line", "#/$defs/line-2", "#/$defs/line"].map(|name| json!({ "$ref": name }));
        assert_eq!(schema.get("prefixItems"), Some(&json!(references)));
        assert_eq!(schema.pointer("/$defs/line-2/properties/price"), Some(&json!({ "type": "string" })));
    }

    #[test]
    fn only_whole_bytes_have_no_cap() {
        let bytes = Shape::List { of: Box::new(Shape::U8) };
        let cap = |operation: &Operation| {
            let schema = of_operation(operation).arguments;
            schema.pointer("/properties/data/maxLength").cloned()
        };
        let params = vec![field("data", bytes, None)];
        assert_eq!(cap(&operation(params.clone(), Some(Shape::String))), None);
        assert_eq!(cap(&operation(params, None)), Some(json!(NESTED_BASE64_MAX)));
    }
}
