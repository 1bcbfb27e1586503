//! How a value of a shape is written, for a person who has to write one.

use super::{Field, Shape};
use std::fmt::Write as _;

/// How many records and lists are written out inside each other; deeper ones are only named.
const DEPTH: u8 = 3;

impl Shape {
    /// How its values are written as JSON: `{"queue": "access" | "billing", "confidence": number, "because"?: text}`. What
    /// may be left out has a question mark.
    #[must_use]
    pub fn written(&self) -> String {
        written(self, DEPTH)
    }
}

fn written(shape: &Shape, depth: u8) -> String {
    let part = |shape: &Shape| match depth.checked_sub(1) {
        Some(depth) => written(shape, depth),
        None => shape.to_string(),
    };
    match shape {
        Shape::Bool => "true | false".into(),
        Shape::String | Shape::Char => "text".into(),
        Shape::F32 | Shape::F64 => "number".into(),
        Shape::U8 | Shape::U16 | Shape::U32 | Shape::U64 => "whole number from 0".into(),
        Shape::S8 | Shape::S16 | Shape::S32 | Shape::S64 => "whole number".into(),
        Shape::List { .. } if shape.is_bytes() => "bytes as base64".into(),
        Shape::List { of } | Shape::FixedList { of, .. } => format!("[{}, …]", part(of)),
        Shape::Tuple { of } => format!("[{}]", of.iter().map(part).collect::<Vec<_>>().join(", ")),
        Shape::Map { key, value } if **key == Shape::String => format!("{{\"NAME\": {}, …}}", part(value)),
        Shape::Map { key, value } => format!("[[{}, {}], …]", part(key), part(value)),
        Shape::Option { of } => format!("{} | null", part(of)),
        Shape::Record { fields, .. } => record(fields, part),
        // Said by their own words, which list what there is.
        Shape::Variant { .. }
        | Shape::Enum { .. }
        | Shape::Flags { .. }
        | Shape::Result { .. }
        | Shape::Uncallable { .. } => shape.to_string(),
    }
}

fn record(fields: &[Field], part: impl Fn(&Shape) -> String) -> String {
    let mut text = String::from("{");
    for (index, field) in fields.iter().enumerate() {
        let (may_lack, shape) = match &field.shape {
            Shape::Option { of } => ("?", &**of),
            shape => ("", shape),
        };
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a String can't fail.
        let _ = write!(text, "{comma}{:?}{may_lack}: {}", field.name, part(shape));
    }
    text + "}"
}

#[cfg(test)]
mod tests {
    use super::super::Label;
    use super::*;

    fn field(name: &str, shape: Shape) -> Field {
        Field { name: name.into(), shape, docs: None }
    }

    #[test]
    fn a_person_reads_what_to_write() {
        let label = |name: &str| Label { name: name.into(), docs: None };
        let queue = Shape::Enum { name: None, cases: vec![label("access"), label("billing")] };
        let list = |of: Shape| Shape::List { of: Box::new(of) };
        let fields = vec![
            field("queue", queue),
            field("confidence", Shape::F64),
            field("because", Shape::Option { of: Box::new(Shape::String) }),
            field("tags", list(Shape::String)),
            field("times", Shape::U32),
            field("file", list(Shape::U8)),
        ];
        assert_eq!(
            Shape::Record { name: Some("label".into()), fields }.written(),
            "{\"queue\": \"access\" | \"billing\", \"confidence\": number, \"because\"?: text, \"tags\": [text, …], \"times\": whole number from 0, \"file\": bytes as base64}"
        );
        let deep = (0..10).fold(Shape::Bool, |of, _| list(of));
        assert_eq!(deep.written(), "[[[[list<list<list<list<list<list<bool>>>>>>, …], …], …], …]");
    }
}
