//! Whether one shape takes every value of another: how a flow is checked before anything runs.
//!
//! Structure decides, never names: two skills that agree on the fields need no type in common.

use super::{Case, Field, Label, Misfit, Path, Shape, in_words};

impl Shape {
    /// Whether every value of `given` fits here, as its JSON form is threaded from step to step.
    ///
    /// Wider numbers take narrower ones that lose nothing, an `option` takes the plain value, an enum or a
    /// variant takes one with fewer cases, a record one whose further fields are all options here. Lengths are
    /// not known yet: a byte list too long to stand inside another value is only found when it is there.
    ///
    /// # Errors
    /// The first place where a value of `given` might not fit; `found` is the type given there.
    pub fn accepts(&self, given: &Shape) -> Result<(), Misfit> {
        accepts(self, given, &Path::Root)
    }
}

fn accepts(wanted: &Shape, given: &Shape, path: &Path<'_>) -> Result<(), Misfit> {
    match (wanted, given) {
        (Shape::Option { of: wanted }, given) => option_accepts(wanted, given, path),
        (Shape::Record { fields, .. }, Shape::Record { fields: given, .. }) => {
            record_accepts(fields, given, path)
        }
        (Shape::Variant { cases, .. }, Shape::Variant { cases: given, .. }) => {
            given.iter().try_for_each(|case| case_accepts(cases, case, path))
        }
        (Shape::Result { ok, err }, Shape::Result { ok: given_ok, err: given_err }) => {
            payload_accepts(ok.as_deref(), given_ok.as_deref(), &Path::Field(path, "ok"))?;
            payload_accepts(err.as_deref(), given_err.as_deref(), &Path::Field(path, "err"))
        }
        (Shape::Map { key, value }, Shape::Map { key: given_key, value: given }) => {
            // With text as keys a map is an object, with anything else an array of pairs.
            refuse_unless((**key == Shape::String) == (**given_key == Shape::String), wanted, given, path)?;
            accepts(key, given_key, &Path::Field(path, "key"))?;
            accepts(value, given, &Path::Field(path, "value"))
        }
        (wanted, given) if is_array(wanted) && is_array(given) => array_accepts(wanted, given, path),
        _ => refuse_unless(plain_accepts(wanted, given), wanted, given, path),
    }
}

fn refuse_unless(fits: bool, wanted: &Shape, given: &Shape, path: &Path<'_>) -> Result<(), Misfit> {
    if fits { Ok(()) } else { Err(misfit(path, wanted, given)) }
}

fn misfit(path: &Path<'_>, wanted: &Shape, given: &Shape) -> Misfit {
    let found = match given {
        Shape::Option { .. } if !matches!(wanted, Shape::Option { .. }) => {
            format!("{given}, which may be null")
        }
        given => given.to_string(),
    };
    Misfit::at(path, wanted, found)
}

/// An option in an option has a wrapper in JSON, so there the plain value does not pass for the option.
fn option_accepts(wanted: &Shape, given: &Shape, path: &Path<'_>) -> Result<(), Misfit> {
    let twice = |of: &Shape| matches!(of, Shape::Option { .. });
    match given {
        Shape::Option { of: given } if twice(wanted) == twice(given) => accepts(wanted, given, path),
        given if !twice(wanted) && !twice(given) => accepts(wanted, given, path),
        given => Err(misfit(path, &Shape::Option { of: Box::new(wanted.clone()) }, given)),
    }
}

fn record_accepts(wanted: &[Field], given: &[Field], path: &Path<'_>) -> Result<(), Misfit> {
    for field in wanted {
        let path = Path::Field(path, &field.name);
        match given.iter().find(|given| given.name == field.name) {
            Some(given) => accepts(&field.shape, &given.shape, &path)?,
            None if matches!(field.shape, Shape::Option { .. }) => {}
            None => return Err(Misfit::at(&path, &field.shape, "no such field")),
        }
    }
    match given.iter().find(|given| !wanted.iter().any(|field| field.name == given.name)) {
        None => Ok(()),
        Some(unknown) => {
            let known = in_words(wanted.iter().map(|field| field.name.as_str()));
            Err(Misfit::at(&Path::Field(path, &unknown.name), format!("one of {known}"), "an unknown field"))
        }
    }
}

fn case_accepts(wanted: &[Case], given: &Case, path: &Path<'_>) -> Result<(), Misfit> {
    let path = Path::Field(path, &given.name);
    let Some(case) = wanted.iter().find(|case| case.name == given.name) else {
        let known = in_words(wanted.iter().map(|case| case.name.as_str()));
        return Err(Misfit::at(&path, format!("one of {known}"), "an unknown case"));
    };
    payload_accepts(case.shape.as_ref(), given.shape.as_ref(), &path)
}

fn payload_accepts(wanted: Option<&Shape>, given: Option<&Shape>, path: &Path<'_>) -> Result<(), Misfit> {
    let words = |shape: Option<&Shape>| shape.map_or("nothing".into(), ToString::to_string);
    match (wanted, given) {
        (None, None) => Ok(()),
        (Some(wanted), Some(given)) => accepts(wanted, given, path),
        _ => Err(Misfit::at(path, words(wanted), words(given))),
    }
}

/// Shapes whose JSON form is an array of items of known shapes.
fn is_array(shape: &Shape) -> bool {
    matches!(shape, Shape::List { .. } | Shape::FixedList { .. } | Shape::Tuple { .. }) && !shape.is_bytes()
}

fn array_accepts(wanted: &Shape, given: &Shape, path: &Path<'_>) -> Result<(), Misfit> {
    let longest = match (length(wanted), length(given)) {
        (None, None) => 1,
        (None, Some(given)) => given,
        (Some(wanted), Some(given)) if wanted == given => wanted,
        _ => return Err(misfit(path, wanted, given)),
    };
    // Only a tuple has items of different shapes, and it says how many there are.
    let distinct = if matches!((wanted, given), (Shape::Tuple { .. }, _) | (_, Shape::Tuple { .. })) {
        longest
    } else {
        1
    };
    (0..distinct).try_for_each(|index| match (item(wanted, index), item(given, index)) {
        (Some(wanted), Some(given)) => accepts(wanted, given, &Path::Index(path, index)),
        _ => Ok(()),
    })
}

fn length(shape: &Shape) -> Option<usize> {
    match shape {
        Shape::FixedList { length, .. } => Some(*length as usize),
        Shape::Tuple { of } => Some(of.len()),
        _ => None,
    }
}

fn item(shape: &Shape, index: usize) -> Option<&Shape> {
    match shape {
        Shape::List { of } | Shape::FixedList { of, .. } => Some(of),
        Shape::Tuple { of } => of.get(index),
        _ => None,
    }
}

fn plain_accepts(wanted: &Shape, given: &Shape) -> bool {
    match (wanted, given) {
        (Shape::Uncallable { .. }, _) | (_, Shape::Uncallable { .. }) => false,
        (Shape::List { .. }, Shape::List { .. }) => wanted.is_bytes() && given.is_bytes(),
        (Shape::Enum { cases, .. }, Shape::Enum { cases: given, .. }) => are_among(given, cases),
        (Shape::Flags { flags, .. }, Shape::Flags { flags: given, .. }) => are_among(given, flags),
        (Shape::String, Shape::Char | Shape::Enum { .. }) => true,
        (Shape::F64, Shape::F32) => true,
        // Beyond these a float rounds: it holds every integer of 24 or of 53 bits.
        (Shape::F32 | Shape::F64, Shape::U8 | Shape::U16 | Shape::S8 | Shape::S16) => true,
        (Shape::F64, Shape::U32 | Shape::S32) => true,
        _ => wanted == given || integer_accepts(wanted, given),
    }
}

fn are_among(given: &[Label], wanted: &[Label]) -> bool {
    given.iter().all(|label| wanted.iter().any(|known| known.name == label.name))
}

fn integer_accepts(wanted: &Shape, given: &Shape) -> bool {
    match (wanted.integer_range(), given.integer_range()) {
        (Some((low, high)), Some((given_low, given_high))) => low <= given_low && given_high <= high,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::shape::strategy::{related_shapes, shapes, values};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_accepted_fits((wanted, given, value) in related_shapes().prop_flat_map(|(wanted, given)| {
            let values = values(&given);
            (Just(wanted), Just(given), values)
        })) {
            if wanted.accepts(&given).is_ok() {
                prop_assert_eq!(wanted.check(&value), Ok(()), "{:?} accepts {:?}", wanted, given);
            }
        }

        #[test]
        fn every_shape_accepts_itself(shape in shapes()) {
            prop_assert_eq!(shape.accepts(&shape), Ok(()));
        }
    }

    fn record(fields: &[(&str, Shape)]) -> Shape {
        let field =
            |(name, shape): &(&str, Shape)| Field { name: (*name).into(), shape: shape.clone(), docs: None };
        Shape::Record { name: None, fields: fields.iter().map(field).collect() }
    }

    fn choice(names: &[&str]) -> Shape {
        let label = |name: &&str| Label { name: (*name).into(), docs: None };
        Shape::Enum { name: None, cases: names.iter().map(label).collect() }
    }

    fn option(of: Shape) -> Shape {
        Shape::Option { of: Box::new(of) }
    }

    #[test]
    fn what_loses_nothing_is_accepted() {
        let pairs = [
            (Shape::U64, Shape::U32),
            (Shape::S16, Shape::U8),
            (Shape::F64, Shape::S32),
            (Shape::String, choice(&["red"])),
            (choice(&["red", "green"]), choice(&["green"])),
            (option(Shape::U8), Shape::U8),
            (record(&[("a", Shape::U8), ("b", option(Shape::Bool))]), record(&[("a", Shape::U8)])),
            (Shape::List { of: Box::new(Shape::S64) }, Shape::Tuple { of: vec![Shape::U8, Shape::S32] }),
        ];
        for (wanted, given) in pairs {
            assert_eq!(wanted.accepts(&given), Ok(()), "{wanted} takes {given}");
        }
    }

    #[test]
    fn what_might_not_fit_is_refused_with_its_place() {
        let refused = |wanted: &Shape, given: &Shape| wanted.accepts(given).unwrap_err().to_string();
        assert_eq!(refused(&Shape::U32, &Shape::U64), "value: expected u32, found u64");
        assert_eq!(
            refused(&Shape::U8, &option(Shape::U8)),
            "value: expected u8, found option<u8>, which may be null"
        );
        assert_eq!(
            refused(&choice(&["red"]), &choice(&["red", "green"])),
            r#"value: expected "red", found "red" | "green""#
        );
        let customer = record(&[("customer", record(&[("name", Shape::String)]))]);
        let without = record(&[("customer", record(&[]))]);
        let with_more = record(&[("customer", record(&[("name", Shape::String), ("vat", Shape::String)]))]);
        assert_eq!(refused(&customer, &without), "customer.name: expected string, found no such field");
        assert_eq!(
            refused(&customer, &with_more),
            "customer.vat: expected one of name, found an unknown field"
        );
        // Bytes are a text in JSON, other lists are arrays.
        let list = |of| Shape::List { of: Box::new(of) };
        assert_eq!(refused(&list(Shape::U16), &list(Shape::U8)), "value: expected list<u16>, found list<u8>");
    }
}
