//! The shape at a path into a value, such as `facts.customer.lines[0].price` in a flow.

use super::{Label, Shape, in_words};
use std::fmt;

/// One part of a path as expressions write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart {
    /// `.name`: a field, with WIT's `-` written `_` or, where the expression can, as it is.
    Field(String),
    /// `[number]`: an item.
    Index(u64),
}

impl fmt::Display for PathPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathPart::Field(name) => write!(f, ".{name}"),
            PathPart::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A path that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} is not in {shape}, {there_are}")]
pub struct NoSuchPart {
    /// How many parts of the path were good.
    pub good: usize,
    /// The part that is not there, as written.
    pub part: String,
    /// The type it was looked for in, as WIT writes it.
    pub shape: String,
    /// What there is instead, such as `it has name, email`.
    pub there_are: String,
    /// The fields there are, as expressions write them; for "did you mean".
    pub fields: Vec<String>,
}

impl Shape {
    /// The shape of what a path leads to in this shape's JSON form; none when the path is good but the shape
    /// depends on the value (the `val` of a variant whose cases differ).
    ///
    /// A path through an `option`, a map's entry or one side of a result may find nothing, so what it leads to is
    /// an `option`.
    ///
    /// # Errors
    /// The first part that is not there, with what is.
    pub fn at(&self, path: &[PathPart]) -> Result<Option<Shape>, NoSuchPart> {
        let mut here = self.clone();
        let mut maybe = false;
        for (good, part) in path.iter().enumerate() {
            let inside = present(&here, &mut maybe);
            here = match step(inside, part) {
                Some(Found::Always(shape)) => shape,
                Some(Found::Maybe(shape)) => {
                    maybe = true;
                    shape
                }
                Some(Found::Depends) => return Ok(None),
                None => return Err(no_such_part(good, part, inside)),
            };
        }
        let wrap = maybe && !matches!(here, Shape::Option { .. });
        Ok(Some(if wrap { Shape::Option { of: Box::new(here) } } else { here }))
    }
}

/// Looks through an option. One in another has a wrapper in JSON, which is a field of its own.
fn present<'a>(shape: &'a Shape, maybe: &mut bool) -> &'a Shape {
    match shape {
        Shape::Option { of } if !matches!(**of, Shape::Option { .. }) => {
            *maybe = true;
            of
        }
        other => other,
    }
}

enum Found {
    Always(Shape),
    Maybe(Shape),
    Depends,
}

fn step(shape: &Shape, part: &PathPart) -> Option<Found> {
    match part {
        PathPart::Field(name) => field(shape, name),
        PathPart::Index(index) => item(shape, usize::try_from(*index).ok()?).map(Found::Always),
    }
}

fn field(shape: &Shape, name: &str) -> Option<Found> {
    match (shape, name) {
        (Shape::Record { fields, .. }, name) => {
            let field =
                fields.iter().find(|field| field.name == name || in_expressions(&field.name) == name)?;
            Some(Found::Always(field.shape.clone()))
        }
        (Shape::Map { key, value }, _) if **key == Shape::String => Some(Found::Maybe((**value).clone())),
        (Shape::Result { ok: Some(side), .. }, "ok") | (Shape::Result { err: Some(side), .. }, "err") => {
            Some(Found::Maybe((**side).clone()))
        }
        (Shape::Result { .. }, "ok" | "err") => Some(Found::Depends),
        (Shape::Option { of }, "some") => Some(Found::Maybe((**of).clone())),
        (Shape::Variant { cases, .. }, "tag") => {
            let label = |name: &String| Label { name: name.clone(), docs: None };
            let cases = cases.iter().map(|case| label(&case.name)).collect();
            Some(Found::Always(Shape::Enum { name: None, cases }))
        }
        (Shape::Variant { cases, .. }, "val") if cases.iter().any(|case| case.shape.is_some()) => {
            Some(Found::Depends)
        }
        _ => None,
    }
}

fn item(shape: &Shape, index: usize) -> Option<Shape> {
    match shape {
        Shape::List { of } if !shape.is_bytes() => Some((**of).clone()),
        Shape::FixedList { of, length } => (index < *length as usize).then(|| (**of).clone()),
        Shape::Tuple { of } => of.get(index).cloned(),
        Shape::Map { key, value } if **key != Shape::String => {
            Some(Shape::Tuple { of: vec![(**key).clone(), (**value).clone()] })
        }
        Shape::Flags { flags, .. } => Some(Shape::Enum { name: None, cases: flags.clone() }),
        _ => None,
    }
}

/// A WIT name as expressions write it.
#[must_use]
pub fn in_expressions(name: &str) -> String {
    name.replace('-', "_")
}

fn no_such_part(good: usize, part: &PathPart, shape: &Shape) -> NoSuchPart {
    let fields = fields_of(shape);
    let there_are = match item(shape, 0) {
        _ if !fields.is_empty() => format!("it has {}", in_words(fields.iter().map(String::as_str))),
        Some(_) => "it has items, as in [0]".into(),
        None => "it has no parts".into(),
    };
    NoSuchPart { good, part: part.to_string(), shape: shape.to_string(), there_are, fields }
}

fn fields_of(shape: &Shape) -> Vec<String> {
    match shape {
        Shape::Record { fields, .. } => fields.iter().map(|field| in_expressions(&field.name)).collect(),
        Shape::Variant { .. } => vec!["tag".into(), "val".into()],
        Shape::Result { .. } => vec!["ok".into(), "err".into()],
        Shape::Option { .. } => vec!["some".into()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::shape::{Case, Field};

    fn record(fields: &[(&str, Shape)]) -> Shape {
        let fields = fields.iter().map(|(name, shape)| Field {
            name: (*name).into(),
            shape: shape.clone(),
            docs: None,
        });
        Shape::Record { name: Some("facts".into()), fields: fields.collect() }
    }

    fn list(of: Shape) -> Shape {
        Shape::List { of: Box::new(of) }
    }

    fn option(of: Shape) -> Shape {
        Shape::Option { of: Box::new(of) }
    }

    /// `a.b[0]`, as a person would write it.
    fn parts(text: &str) -> Vec<PathPart> {
        let separated = text.replace('[', ".[");
        let part = |part: &str| match part.strip_prefix('[').and_then(|index| index.strip_suffix(']')) {
            Some(index) => PathPart::Index(index.parse().unwrap()),
            None => PathPart::Field(part.into()),
        };
        separated.split('.').map(part).collect()
    }

    fn shape() -> Shape {
        let line = record(&[("unit-price", Shape::U64), ("tags", list(Shape::U8))]);
        let case = |name: &str, shape| Case { name: name.into(), shape, docs: None };
        let verdict = Shape::Variant {
            name: None,
            cases: vec![case("same", None), case("changed", Some(Shape::String))],
        };
        let person = record(&[("name", Shape::String), ("mail", option(Shape::String))]);
        let texts = Shape::Map { key: Box::new(Shape::String), value: Box::new(Shape::Bool) };
        record(&[
            ("lines", list(line)),
            ("contact", option(person)),
            ("verdict", verdict),
            ("twice", option(option(Shape::U8))),
            ("seen", texts),
        ])
    }

    #[test]
    fn a_path_finds_the_type_and_keeps_what_may_be_absent() {
        let at = |path: &str| shape().at(&parts(path)).unwrap().map(|shape| shape.to_string());
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(at("lines[3].unit_price"), found("u64"));
        assert_eq!(at("lines[3].unit-price"), found("u64"));
        assert_eq!(at("contact.name"), found("option<string>"));
        assert_eq!(at("contact.mail"), found("option<string>"));
        assert_eq!(at("verdict.tag"), found(r#""same" | "changed""#));
        assert_eq!(at("verdict.val"), None);
        assert_eq!(at("twice.some"), found("option<u8>"));
        assert_eq!(at("seen.anything"), found("option<bool>"));
        assert_eq!(shape().at(&[]).unwrap(), Some(shape()));
    }

    #[test]
    fn a_path_that_leads_nowhere_says_where_it_ends_and_what_there_is() {
        let at = |path: &str| shape().at(&parts(path)).unwrap_err();
        assert_eq!(at("contact.phone").to_string(), ".phone is not in record facts, it has name, mail");
        assert_eq!(at("contact.phone").good, 1);
        assert_eq!(at("contact.phone").fields, ["name", "mail"]);
        assert_eq!(
            at("lines.price").to_string(),
            ".price is not in list<record facts>, it has items, as in [0]"
        );
        assert_eq!(at("lines[0].unit_price.cents").to_string(), ".cents is not in u64, it has no parts");
        // Bytes are one text in JSON, so there is no item in them.
        assert_eq!(at("lines[0].tags[0]").to_string(), "[0] is not in list<u8>, it has no parts");
    }
}
