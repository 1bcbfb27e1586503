//! JSON as somebody wrote it. A key that stands twice in one object is refused: readers differ in which of the two they
//! take, so what a person sees in the text may not be what runs. An integer of 2^53 or more becomes the text of its digits,
//! which every 64-bit integer of a skill reads: the record writes numbers as doubles (RFC 8785), so as a number it would
//! run as one value and be done again as another.

use crate::shape::integer_as_json;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;

/// A text that is no value.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    Malformed(serde_json::Error),
    /// A key stands twice in one object.
    #[error("the key `{path}` stands there twice (line {line}, column {column})")]
    Twice {
        /// The way to the key.
        path: String,
        /// Where the second one stands, from 1.
        line: usize,
        /// Where in the line, in bytes from 1.
        column: usize,
    },
}

impl JsonError {
    /// The same of a text that is one line of many, whose number is told elsewhere.
    #[must_use]
    pub fn in_line(&self) -> String {
        match self {
            JsonError::Malformed(cause) => {
                let (words, at) = (cause.to_string(), format!(" at line {} column", cause.line()));
                format!("it is no JSON: {}", words.replace(&at, " at column"))
            }
            JsonError::Twice { path, column, .. } => {
                format!("the key `{path}` stands there twice (column {column})")
            }
        }
    }
}

/// The value of a text.
///
/// # Errors
/// When it is no JSON, or a key stands twice in one object.
pub fn read(text: &[u8]) -> Result<Value, JsonError> {
    let twice = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let place = Place { way: "", twice: &twice };
    let read = place.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|cause| match twice.take() {
        Some(path) => JsonError::Twice { path, line: cause.line(), column: cause.column() },
        None => JsonError::Malformed(cause),
    })
}

/// Where a value stands, and which key was found twice.
#[derive(Clone, Copy)]
struct Place<'p> {
    way: &'p str,
    twice: &'p RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(integer_as_json(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(integer_as_json(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let way = format!("{}[{}]", self.way, list.len());
            match items.next_element_seed(Place { way: &way, ..self })? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let way = if self.way.is_empty() { key.clone() } else { format!("{}.{key}", self.way) };
            if object.contains_key(&key) {
                self.twice.replace(Some(way));
                return Err(A::Error::custom("a key stands twice"));
            }
            object.insert(key, fields.next_value_seed(Place { way: &way, ..self })?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_any_reader_makes_of_it() {
        for text in [
            "null",
            "true",
            "-7",
            "9007199254740991",
            "-9007199254740991",
            "1.5e300",
            r#""\u00e4\n""#,
            "[]",
            "{}",
            r#"{"a": [1, {"b": null, "c": "d"}], "e": {"a": 2}}"#,
        ] {
            assert_eq!(
                read(text.as_bytes()).unwrap(),
                serde_json::from_str::<Value>(text).unwrap(),
                "{text}"
            );
        }
        let deep = "[".repeat(200);
        for text in ["", "{", "[1,]", "1 2", "{\"a\": nul}", "\u{feff}{}", &deep] {
            assert!(matches!(read(text.as_bytes()), Err(JsonError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn an_integer_that_no_double_holds_becomes_its_digits() {
        let told = |text: &str| read(text.as_bytes()).unwrap().to_string();
        assert_eq!(
            told("[9007199254740993, -9007199254740993]"),
            r#"["9007199254740993","-9007199254740993"]"#
        );
        assert_eq!(told(r#"{"most": 18446744073709551615}"#), r#"{"most":"18446744073709551615"}"#);
        let floats = read(b"[1e16, 36893488147419103232]").unwrap();
        assert!(floats.as_array().unwrap().iter().all(Value::is_f64), "{floats}");
    }

    #[test]
    fn a_key_that_stands_twice_is_told_with_the_way_to_it() {
        let told = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(told(r#"{"a": 1, "a": 1}"#), "the key `a` stands there twice (line 1, column 12)");
        assert_eq!(
            told("{\"x\": [{}, {\"b\": {\"c\": 1,\n \"c\": 2}}]}"),
            "the key `x[1].b.c` stands there twice (line 2, column 4)"
        );
        let in_line = |text: &str| read(text.as_bytes()).unwrap_err().in_line();
        assert_eq!(in_line(r#"{"a": 1, "a": 1}"#), "the key `a` stands there twice (column 12)");
        assert_eq!(in_line("nope"), "it is no JSON: expected ident at column 2");
        assert!(told(r#"{"a": 1, "\u0061": 2}"#).contains("`a` stands there twice"));
    }
}
