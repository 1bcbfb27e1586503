//! Random shapes and values for property tests, here and in the crates that convert values.

use super::{Case, F32_MAX, Field, Label, SAFE_INTEGER, Shape};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

const NAMES: [&str; 5] = ["id", "unit-price", "none", "tag", "val"];

/// Any shape that JSON can express, a few levels deep.
pub fn shapes() -> impl Strategy<Value = Shape> {
    plain_shapes().prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new).boxed();
        prop_oneof![
            boxed.clone().prop_map(|of| Shape::List { of }),
            (boxed.clone(), 1..4_u32).prop_map(|(of, length)| Shape::FixedList { of, length }),
            boxed.clone().prop_map(|of| Shape::Option { of }),
            vec(inner.clone(), 1..4).prop_map(|of| Shape::Tuple { of }),
            (key_shapes(), boxed.clone()).prop_map(|(key, value)| Shape::Map { key: Box::new(key), value }),
            (weighted(0.7, boxed.clone()), weighted(0.7, boxed))
                .prop_map(|(ok, err)| Shape::Result { ok, err }),
            (type_names(), names(), vec(inner.clone(), 5)).prop_map(|(name, names, shapes)| {
                let pairs = names.into_iter().zip(shapes);
                let fields = pairs.map(|(name, shape)| Field { name, shape, docs: None }).collect();
                Shape::Record { name, fields }
            }),
            (type_names(), names(), vec(weighted(0.6, inner), 5)).prop_map(|(name, names, shapes)| {
                let pairs = names.into_iter().zip(shapes);
                let cases = pairs.map(|(name, shape)| Case { name, shape, docs: None }).collect();
                Shape::Variant { name, cases }
            }),
        ]
    })
}

fn plain_shapes() -> impl Strategy<Value = Shape> {
    let bytes = Shape::List { of: Box::new(Shape::U8) };
    prop_oneof![
        select(integers()),
        select(vec![Shape::Bool, Shape::F32, Shape::F64, Shape::Char, Shape::String, bytes]),
        (type_names(), labels()).prop_map(|(name, cases)| Shape::Enum { name, cases }),
        (type_names(), labels()).prop_map(|(name, flags)| Shape::Flags { name, flags }),
    ]
}

fn key_shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![Just(Shape::String), Just(Shape::Char), select(integers())]
}

fn integers() -> Vec<Shape> {
    use Shape::{S8, S16, S32, S64, U8, U16, U32, U64};
    vec![U8, U16, U32, U64, S8, S16, S32, S64]
}

fn type_names() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(select(vec!["line", "verdict"]).prop_map(str::to_owned))
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let names = NAMES.map(str::to_owned).to_vec();
    subsequence(names, 1..=4).prop_shuffle()
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    names().prop_map(|names| names.into_iter().map(|name| Label { name, docs: None }).collect())
}

/// Canonical values of a shape: the spelling that a component's answer has.
pub fn values(shape: &Shape) -> BoxedStrategy<Value> {
    match shape {
        Shape::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Shape::String => any::<String>().prop_map(Value::from).boxed(),
        Shape::Char => any::<char>().prop_map(|letter| letter.to_string().into()).boxed(),
        Shape::F32 => floats(any::<f32>().prop_map(|number| number.to_string().parse().unwrap_or_default())),
        Shape::F64 => floats(any::<f64>()),
        Shape::Enum { cases, .. } => names_of(cases).prop_map(Value::from).boxed(),
        Shape::Flags { flags, .. } => {
            let all: Vec<Value> = flags.iter().map(|flag| flag.name.as_str().into()).collect();
            let most = all.len();
            subsequence(all, 0..=most).prop_map(Value::from).boxed()
        }
        Shape::Uncallable { .. } => Just(Value::Null).boxed(),
        Shape::List { .. } if shape.is_bytes() => vec(any::<u8>(), 0..9).prop_map(base64).boxed(),
        Shape::List { of } => vec(values(of), 0..4).prop_map(Value::from).boxed(),
        Shape::FixedList { of, length } => vec(values(of), *length as usize).prop_map(Value::from).boxed(),
        Shape::Tuple { of } => of.iter().map(values).collect::<Vec<_>>().prop_map(Value::from).boxed(),
        Shape::Map { key, value } => maps(key, value),
        Shape::Record { fields, .. } => {
            let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
            let fields: Vec<_> = fields.iter().map(|field| values(&field.shape)).collect();
            fields.prop_map(move |values| names.iter().cloned().zip(values).collect()).boxed()
        }
        Shape::Variant { cases, .. } => proptest::strategy::Union::new(cases.iter().map(case_values)).boxed(),
        Shape::Option { of } => {
            let nested = matches!(**of, Shape::Option { .. });
            let some =
                values(of).prop_map(move |value| if nested { json!({ "some": value }) } else { value });
            prop_oneof![Just(Value::Null), some].boxed()
        }
        Shape::Result { ok, err } => {
            let ok = side(ok.as_deref()).prop_map(|value| json!({ "ok": value }));
            prop_oneof![ok, side(err.as_deref()).prop_map(|value| json!({ "err": value }))].boxed()
        }
        integer => integer_values(integer),
    }
}

fn names_of(labels: &[Label]) -> impl Strategy<Value = String> + use<> {
    select(labels.iter().map(|label| label.name.clone()).collect::<Vec<_>>())
}

/// Numbers with a fraction or an exponent read back as they are; whole ones are written as integers.
fn floats(numbers: impl Strategy<Value = f64> + 'static) -> BoxedStrategy<Value> {
    let fractions = numbers.prop_filter("read back as written", |number| {
        number.is_finite() && (number.fract() != 0.0 || number.abs() >= 1e21)
    });
    prop_oneof![
        fractions.prop_map(Value::from),
        (-1000..1000_i32).prop_map(Value::from),
        select(vec!["NaN", "Infinity", "-Infinity"]).prop_map(Value::from),
    ]
    .boxed()
}

fn base64(bytes: Vec<u8>) -> Value {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes).into()
}

fn integer_values(shape: &Shape) -> BoxedStrategy<Value> {
    let (low, high) = shape.integer_range().unwrap_or((0, 0));
    let near = prop_oneof![Just(low), Just(high), -2..3_i128, any::<i64>().prop_map(i128::from)];
    near.prop_map(move |number| {
        let number = number.clamp(low, high);
        let safe = number.unsigned_abs() <= u128::from(SAFE_INTEGER);
        match i64::try_from(number) {
            Ok(number) if safe => number.into(),
            _ => number.to_string().into(),
        }
    })
    .boxed()
}

fn maps(key: &Shape, value: &Shape) -> BoxedStrategy<Value> {
    if *key == Shape::String {
        let entries = vec((any::<String>(), values(value)), 0..4);
        return entries.prop_map(|entries| entries.into_iter().collect()).boxed();
    }
    vec((values(key), values(value)).prop_map(|(key, value)| json!([key, value])), 0..4)
        .prop_map(Value::from)
        .boxed()
}

fn case_values(case: &Case) -> BoxedStrategy<Value> {
    let name = case.name.clone();
    match &case.shape {
        Some(shape) => values(shape).prop_map(move |value| json!({ "tag": name, "val": value })).boxed(),
        None => Just(json!({ "tag": name })).boxed(),
    }
}

fn side(shape: Option<&Shape>) -> BoxedStrategy<Value> {
    shape.map_or_else(|| Just(Value::Null).boxed(), values)
}

/// Values of a shape, some of them bent in one place so that they may not fit any more.
pub fn near_values(shape: &Shape) -> BoxedStrategy<Value> {
    let bent = (values(shape), any::<Index>(), select(strangers()), any::<bool>());
    let bent = bent.prop_map(|(mut value, index, stranger, replace)| {
        let place = index.index(count(&value));
        bend(&mut value, &mut (place + 1), &stranger, replace);
        value
    });
    prop_oneof![values(shape), bent].boxed()
}

/// Values at the edges of what some shape takes.
fn strangers() -> Vec<Value> {
    let texts = ["", "a", "ab", "é", "AAAA", "AA==", "AB==", "AA=", "NaN", "id", "007", "-0", "+1", "1"];
    let wide =
        ["18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809"];
    let texts = texts.into_iter().chain(wide).map(Value::from);
    let objects = [
        json!({}),
        json!({ "tag": "id" }),
        json!({ "tag": "id", "val": null }),
        json!({ "tag": "id", "x": 1 }),
        json!({ "some": null }),
        json!({ "some": null, "x": 1 }),
        json!({ "ok": null }),
        json!({ "err": 1 }),
        json!({ "ok": null, "err": null }),
    ];
    let rest = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(127),
        json!(255),
        json!(256),
        json!(1.0),
        json!(1.5),
        json!(-0.0),
        json!(1e300),
        json!(F32_MAX),
        json!(3.5e38),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e19),
        json!(9.3e18),
        json!(-1e19),
        json!([]),
        json!(["id", "id"]),
        json!([1, 2]),
        json!([[1, 2, 3]]),
    ];
    texts.chain(objects).chain(rest).collect()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces the value at a place, or adds to it or takes from it where it has parts.
fn bend(value: &mut Value, place: &mut usize, stranger: &Value, replace: bool) {
    *place -= 1;
    if *place == 0 {
        match value {
            Value::Array(items) if !replace => items.push(stranger.clone()),
            Value::Object(fields) if !replace && fields.len() > 1 => fields.retain(|name, _| name != "id"),
            Value::Object(fields) if !replace => {
                fields.insert("stranger".into(), stranger.clone());
            }
            value => *value = stranger.clone(),
        }
        return;
    }
    let parts: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for part in parts {
        if *place > 0 {
            bend(part, place, stranger, replace);
        }
    }
}

/// A shape and one made from it by small changes, some of which keep every value fitting.
pub fn related_shapes() -> impl Strategy<Value = (Shape, Shape)> {
    (shapes(), vec(0..12_u8, 64), shapes()).prop_map(|(shape, choices, other)| {
        let varied = vary(&shape, &mut choices.into_iter(), &other);
        (shape, varied)
    })
}

fn vary(shape: &Shape, choices: &mut impl Iterator<Item = u8>, other: &Shape) -> Shape {
    let of_one = |of: &Shape| Box::new(of.clone());
    match (choices.next().unwrap_or(11), shape) {
        (0, shape) => Shape::Option { of: of_one(shape) },
        (1, Shape::Option { of }) => (**of).clone(),
        (1, Shape::Tuple { of }) => of.first().map_or(Shape::Bool, |of| Shape::List { of: of_one(of) }),
        (1, Shape::List { of }) => Shape::Tuple { of: vec![(**of).clone(), (**of).clone()] },
        (2, Shape::List { of }) => Shape::FixedList { of: of.clone(), length: 2 },
        (2, Shape::U64 | Shape::S64 | Shape::F64) => Shape::U32,
        (3, Shape::U64 | Shape::S64 | Shape::U32 | Shape::F64) => Shape::U8,
        (4, Shape::F64) => Shape::F32,
        (4, Shape::String) => Shape::Char,
        (5, _) => other.clone(),
        (_, shape) => vary_parts(shape, choices, other),
    }
}

fn vary_parts(shape: &Shape, choices: &mut impl Iterator<Item = u8>, other: &Shape) -> Shape {
    let drop = choices.next() == Some(0);
    let mut shape = shape.clone();
    match &mut shape {
        Shape::List { of } | Shape::FixedList { of, .. } | Shape::Option { of } => {
            **of = vary(of, choices, other)
        }
        Shape::Map { value, .. } => **value = vary(value, choices, other),
        Shape::Tuple { of } => of.iter_mut().for_each(|of| *of = vary(of, choices, other)),
        Shape::Result { ok, err } => {
            ok.iter_mut().chain(err).for_each(|side| **side = vary(side, choices, other));
        }
        Shape::Record { fields, .. } => {
            fields.iter_mut().for_each(|field| field.shape = vary(&field.shape, choices, other));
            fields.truncate(fields.len() - usize::from(drop && fields.len() > 1));
        }
        Shape::Variant { cases, .. } => {
            let payloads = cases.iter_mut().filter_map(|case| case.shape.as_mut());
            payloads.for_each(|payload| *payload = vary(payload, choices, other));
            cases.truncate(cases.len() - usize::from(drop && cases.len() > 1));
        }
        Shape::Enum { cases: labels, .. } | Shape::Flags { flags: labels, .. } => {
            labels.truncate(labels.len() - usize::from(drop && labels.len() > 1));
        }
        _ => {}
    }
    shape
}
