//! Whether a JSON value fits a shape, before anything runs.

use super::{
    Case, F32_MAX, Field, Label, Misfit, NESTED_BASE64_MAX, NESTED_BYTES_MAX, Operation, Path, SAFE_INTEGER,
    Shape, in_words,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fmt;

/// Checks an object of arguments by name.
pub(super) fn arguments(operation: &Operation, arguments: &Value) -> Result<(), Misfit> {
    if !operation.is_whole() {
        return check_fields(&operation.params, arguments, &Path::Root);
    }
    check_fields_by(&operation.params, arguments, &Path::Root, |shape, value, path| {
        let whole = shape.is_bytes() && value.as_str().and_then(bytes_of).is_some();
        if whole { Ok(()) } else { check(shape, value, path) }
    })
}

/// The bytes a base64 text stands for: RFC 4648 section 4 with padding, one spelling for each.
#[must_use]
pub fn bytes_of(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(super) fn check(shape: &Shape, value: &Value, path: &Path<'_>) -> Result<(), Misfit> {
    let fits = match shape {
        Shape::Bool => value.is_boolean(),
        Shape::String => value.is_string(),
        Shape::Char => value.as_str().is_some_and(|text| text.chars().count() == 1),
        Shape::F32 => float(value).is_some_and(|number| !number.is_finite() || number.abs() <= F32_MAX),
        Shape::F64 => float(value).is_some(),
        Shape::List { .. } if shape.is_bytes() => value.as_str().is_some_and(are_nested_bytes),
        Shape::Enum { cases, .. } => value.as_str().is_some_and(|text| is_label(cases, text)),
        Shape::Flags { flags, .. } => return check_flags(flags, value, path, shape),
        Shape::Uncallable { .. } => false,
        Shape::List { of } => return check_items(of, value, path, None, shape),
        Shape::FixedList { of, length } => {
            return check_items(of, value, path, Some(*length as usize), shape);
        }
        Shape::Tuple { of } => return check_tuple(of, value, path, shape),
        Shape::Map { key, value: item } => return check_map(key, item, value, path, shape),
        Shape::Record { fields, .. } => return check_fields(fields, value, path),
        Shape::Variant { cases, .. } => return check_variant(cases, value, path),
        Shape::Option { of } => return check_option(of, value, path),
        Shape::Result { ok, err } => return check_result(ok.as_deref(), err.as_deref(), value, path),
        integer => fits_integer(integer, value),
    };
    if fits { Ok(()) } else { Err(unfit(path, shape, value)) }
}

/// Why a value of one piece does not fit, in the words of its JSON form.
fn unfit(path: &Path<'_>, shape: &Shape, value: &Value) -> Misfit {
    match value.as_str() {
        Some(digits) if large(value) && matches!(shape, Shape::F32 | Shape::F64) => {
            Misfit::at(path, shape, format!("the integer {digits}: write {digits}.0 where a double is meant"))
        }
        Some(digits) if large(value) && shape.integer_range().is_some() => {
            Misfit::at(path, shape, format!("the number {digits}"))
        }
        Some(text) if shape.is_bytes() && text.len() > NESTED_BASE64_MAX => Misfit::at(
            path,
            format!("{shape} of at most {} KiB inside a value", NESTED_BYTES_MAX / 1024),
            format!("{} letters of base64", text.len()),
        ),
        _ if shape.is_bytes() => misfit(path, format!("{shape} as base64 text (RFC 4648, padded)"), value),
        _ => misfit(path, shape, value),
    }
}

fn misfit(path: &Path<'_>, expected: impl fmt::Display, found: &Value) -> Misfit {
    Misfit::at(path, expected, describe(found))
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

fn are_nested_bytes(text: &str) -> bool {
    text.len() <= NESTED_BASE64_MAX && bytes_of(text).is_some()
}

/// The number a JSON value stands for.
#[must_use]
pub fn float(value: &Value) -> Option<f64> {
    match value.as_str() {
        None => value.as_f64(),
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) => None,
    }
}

/// Whether a text is how a whole number beyond [`SAFE_INTEGER`] is read.
#[must_use]
pub fn large(value: &Value) -> bool {
    let number = value.as_str().and_then(|_| integer(value, true));
    number.is_some_and(|number| number.unsigned_abs() > u128::from(SAFE_INTEGER))
}

fn is_label(labels: &[Label], text: &str) -> bool {
    labels.iter().any(|label| label.name == text)
}

fn check_flags(flags: &[Label], value: &Value, path: &Path<'_>, whole: &Shape) -> Result<(), Misfit> {
    let set = value.as_array().ok_or_else(|| misfit(path, whole, value))?;
    set.iter().enumerate().try_for_each(|(index, flag)| {
        let path = Path::Index(path, index);
        match flag.as_str() {
            Some(text) if is_label(flags, text) => match set.iter().take(index).any(|other| other == flag) {
                true => Err(misfit(&path, "each flag once", flag)),
                false => Ok(()),
            },
            _ => Err(misfit(&path, one_of(flags.iter().map(|flag| flag.name.as_str())), flag)),
        }
    })
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", in_words(names))
}

/// Whether the number is in range; 64-bit integers also read decimal strings.
fn fits_integer(shape: &Shape, value: &Value) -> bool {
    let wide = matches!(shape, Shape::U64 | Shape::S64);
    match (shape.integer_range(), integer(value, wide)) {
        (Some((low, high)), Some(number)) => (low..=high).contains(&number),
        _ => false,
    }
}

/// The integer a JSON value stands for; `text` says whether decimal strings count. `5.0` is the integer 5, as in
/// JSON Schema.
#[must_use]
pub fn integer(value: &Value, text: bool) -> Option<i128> {
    match value {
        Value::Number(number) => {
            let exact = number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from));
            exact.or_else(|| number.as_f64().and_then(whole))
        }
        Value::String(digits) if text => {
            let number: i128 = digits.parse().ok()?;
            // One spelling a number: `+1` and `007` would hash differently from what they mean.
            (number.to_string() == *digits).then_some(number)
        }
        _ => None,
    }
}

/// A number without a fraction. `-2^63` is what readers make of integers just below it, so as a double it is no
/// evidence of what was written.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "beyond i128 it saturates, which no shape takes"
)]
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number != i64::MIN as f64).then_some(number as i128)
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
    check_fields_by(fields, value, path, check)
}

/// Checks an object field by field with `check_one`.
fn check_fields_by(
    fields: &[Field],
    value: &Value,
    path: &Path<'_>,
    check_one: impl Fn(&Shape, &Value, &Path<'_>) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    let object = value.as_object().ok_or_else(|| misfit(path, "an object", value))?;
    for field in fields {
        let path = Path::Field(path, &field.name);
        match object.get(&field.name) {
            Some(value) => check_one(&field.shape, value, &path)?,
            None if matches!(field.shape, Shape::Option { .. }) => {}
            None => return Err(Misfit::at(&path, &field.shape, "nothing")),
        }
    }
    match object.keys().find(|key| !fields.iter().any(|field| field.name == **key)) {
        None => Ok(()),
        Some(unknown) => Err(unknown_field(fields, unknown, path)),
    }
}

fn unknown_field(fields: &[Field], name: &str, path: &Path<'_>) -> Misfit {
    let known = in_words(fields.iter().map(|field| field.name.as_str()));
    Misfit::at(&Path::Field(path, name), format!("one of {known}"), "an unknown field")
}

fn check_variant(cases: &[Case], value: &Value, path: &Path<'_>) -> Result<(), Misfit> {
    let object = value.as_object().ok_or_else(|| misfit(path, "{\"tag\": …, \"val\": …}", value))?;
    let tag = object.get("tag").unwrap_or(&Value::Null);
    let case = cases.iter().find(|case| tag.as_str() == Some(&case.name));
    let case = case.ok_or_else(|| {
        misfit(&Path::Field(path, "tag"), one_of(cases.iter().map(|case| case.name.as_str())), tag)
    })?;
    if let Some(unknown) = object.keys().find(|key| !matches!(key.as_str(), "tag" | "val")) {
        return Err(Misfit::at(&Path::Field(path, unknown), "one of tag, val", "an unknown field"));
    }
    let path = Path::Field(path, "val");
    let payload = object.get("val").unwrap_or(&Value::Null);
    match &case.shape {
        Some(shape) => check(shape, payload, &path),
        None if payload.is_null() => Ok(()),
        None => Err(misfit(&path, format!("nothing, `{}` has no value", case.name), payload)),
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
) -> Result<(), Misfit> {
    let written = |side: Option<&Shape>| side.map_or_else(|| "null".to_owned(), ToString::to_string);
    let expected = || format!("{{\"ok\": {}}} or {{\"err\": {}}}", written(ok), written(err));
    let object = value.as_object().filter(|object| object.len() == 1);
    let (name, payload) =
        object.and_then(|object| object.iter().next()).ok_or_else(|| misfit(path, expected(), value))?;
    let side = match name.as_str() {
        "ok" => ok,
        "err" => err,
        _ => return Err(misfit(path, expected(), value)),
    };
    match side {
        Some(shape) => check(shape, payload, &Path::Field(path, name)),
        None if payload.is_null() => Ok(()),
        None => Err(misfit(&Path::Field(path, name), "null", payload)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::shape::strategy::{shapes, values};
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn the_values_of_a_shape_fit((shape, value) in shapes().prop_flat_map(|shape| {
            let values = values(&shape);
            (Just(shape), values)
        })) {
            prop_assert_eq!(shape.check(&value), Ok(()));
        }
    }

    fn bytes() -> Shape {
        Shape::List { of: Box::new(Shape::U8) }
    }

    fn field(name: &str, shape: Shape) -> Field {
        Field { name: name.into(), shape, docs: None }
    }

    fn operation(params: Vec<Field>, result: Option<Shape>) -> Operation {
        Operation { name: "run".into(), interface: None, function: "run".into(), docs: None, params, result }
    }

    #[test]
    fn a_misfit_names_the_place_and_both_sides() {
        let line = Shape::Record { name: None, fields: vec![field("price", Shape::U8)] };
        let customer = Shape::Record {
            name: Some("customer".into()),
            fields: vec![
                field("lines", Shape::List { of: Box::new(line) }),
                field("mail", Shape::Option { of: Box::new(Shape::String) }),
            ],
        };
        let operation = operation(vec![field("customer", customer)], None);
        let told =
            |arguments: Value| operation.check_arguments(&arguments).map_err(|misfit| misfit.to_string());
        assert_eq!(told(json!({ "customer": { "lines": [{ "price": 255 }] } })), Ok(()));
        let refusals = [
            (json!([]), "value: expected an object, found an array of 0"),
            (json!({}), "customer: expected record customer, found nothing"),
            (
                json!({ "customer": { "lines": [{ "price": 1 }, { "price": 256 }] } }),
                "customer.lines[1].price: expected u8, found the number 256",
            ),
            (
                json!({ "customer": { "lines": [], "male": "x" } }),
                "customer.male: expected one of lines, mail, found an unknown field",
            ),
            (json!({ "customer": null }), "customer: expected an object, found null"),
        ];
        for (arguments, told_as) in refusals {
            assert_eq!(told(arguments), Err(told_as.to_owned()));
        }
    }

    #[test]
    fn a_variant_takes_its_tag_and_value_and_nothing_else() {
        let case = |name: &str, shape| Case { name: name.into(), shape, docs: None };
        let cases = vec![case("same", None), case("changed", Some(Shape::U8))];
        let verdict = Shape::Variant { name: None, cases };
        for fits in
            [json!({"tag": "same"}), json!({"tag": "same", "val": null}), json!({"tag": "changed", "val": 1})]
        {
            assert_eq!(verdict.check(&fits), Ok(()), "{fits}");
        }
        let refused = [
            json!({"tag": "same", "why": 1}),
            json!({"tag": "same", "val": 1}),
            json!({"tag": "changed"}),
            json!({"tag": "changed", "val": 1, "why": 1}),
            json!({"tag": "other"}),
            json!("same"),
        ];
        for refused in refused {
            assert!(verdict.check(&refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_misfit_tells_what_would_fit() {
        let label = |name: &str| Label { name: name.into(), docs: None };
        let case = |name: &str, shape| Case { name: name.into(), shape, docs: None };
        let shape =
            Shape::Variant { name: None, cases: vec![case("dot", None), case("circle", Some(Shape::U8))] };
        let flags = Shape::Flags { name: None, flags: vec![label("read"), label("write")] };
        let result = Shape::Result { ok: Some(Box::new(Shape::U8)), err: None };
        let list = Shape::List { of: Box::new(bytes()) };
        let told = |shape: &Shape, value: Value| shape.check(&value).unwrap_err().to_string();
        let told = [
            told(&shape, json!("circle")),
            told(&shape, json!({ "val": 1 })),
            told(&shape, json!({ "tag": "square", "val": 1 })),
            told(&shape, json!({ "tag": "circle", "val": "x" })),
            told(&shape, json!({ "tag": "circle", "val": 1, "x": 2 })),
            told(&shape, json!({ "tag": "dot", "val": 1 })),
            told(&flags, json!("read")),
            told(&flags, json!(["read", "run"])),
            told(&flags, json!(["read", "read"])),
            told(&result, json!({ "tag": "ok", "val": 5 })),
            told(&result, json!({ "err": 5 })),
            told(&list, json!([[1, 2]])),
            told(&list, json!(["AQI"])),
            told(&list, json!(["A".repeat(NESTED_BASE64_MAX + 4)])),
            told(&Shape::S64, json!("9223372036854775808")),
            told(&Shape::U32, json!("9007199254740993")),
            told(&Shape::F64, json!("12345678901234567890")),
            told(&Shape::F64, json!("1")),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        value: expected {"tag": …, "val": …}, found the text "circle"
        tag: expected one of dot, circle, found null
        tag: expected one of dot, circle, found the text "square"
        val: expected u8, found the text "x"
        x: expected one of tag, val, found an unknown field
        val: expected nothing, `dot` has no value, found the number 1
        value: expected distinct ones of "read" | "write", found the text "read"
        value[1]: expected one of read, write, found the text "run"
        value[1]: expected each flag once, found the text "read"
        value: expected {"ok": u8} or {"err": null}, found an object
        err: expected null, found the number 5
        value[0]: expected list<u8> as base64 text (RFC 4648, padded), found an array of 2
        value[0]: expected list<u8> as base64 text (RFC 4648, padded), found the text "AQI"
        value[0]: expected list<u8> of at most 64 KiB inside a value, found 87388 letters of base64
        value: expected s64, found the number 9223372036854775808
        value: expected u32, found the number 9007199254740993
        value: expected f64, found the integer 12345678901234567890: write 12345678901234567890.0 where a double is meant
        value: expected f64, found the text "1"
        "#);
    }

    #[test]
    fn wide_integers_have_one_spelling_as_text() {
        for text in ["0", "18446744073709551615"] {
            assert_eq!(Shape::U64.check(&json!(text)), Ok(()), "{text}");
        }
        for text in ["18446744073709551616", "-1", "+1", "007", "-0", "1.0", "", " 1"] {
            assert!(Shape::U64.check(&json!(text)).is_err(), "{text}");
        }
        assert!(Shape::U32.check(&json!("1")).is_err());
        assert_eq!(Shape::U64.check(&json!(u64::MAX)), Ok(()));
        assert_eq!(Shape::S64.check(&json!(i64::MIN)), Ok(()));
        // What a reader makes of -9223372036854775809.
        assert!(Shape::S64.check(&json!(-9_223_372_036_854_775_808.0_f64)).is_err());
    }

    #[test]
    fn long_bytes_fit_only_as_a_whole_argument() {
        let text = |length: usize| json!({ "data": "A".repeat(length) });
        let whole = operation(vec![field("data", bytes())], Some(Shape::String));
        let nested = operation(vec![field("data", bytes())], None);
        assert_eq!(nested.check_arguments(&text(NESTED_BASE64_MAX)), Ok(()));
        assert!(nested.check_arguments(&text(NESTED_BASE64_MAX + 4)).is_err());
        assert_eq!(whole.check_arguments(&text(NESTED_BASE64_MAX + 4)), Ok(()));
        assert!(whole.check_arguments(&text(5)).is_err(), "no base64");
    }
}
