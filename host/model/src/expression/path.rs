//! Paths: what an expression reads, and the walk through JSON that needs no CEL.

use super::{ExpressionError, Names};
use serde_json::{Map, Value};
use std::fmt;

/// One path that an expression reads, from a name outside the expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The name it starts from.
    pub name: String,
    /// The way from there, as far as it stands in the expression.
    pub way: Vec<Segment>,
    /// Whether it stands within `has()`: then it asks whether the value is there and does not need it to be.
    pub tested: bool,
    /// Where in the source the name stands, in bytes.
    pub offset: usize,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// A field, as written: with `_` for `-`.
    Field(String),
    /// Every item of a list: the way a loop goes.
    Item,
}

impl Read {
    /// The part that names one value: up to the first loop.
    #[must_use]
    pub fn fixed(&self) -> Read {
        let way = self.way.iter().take_while(|segment| matches!(segment, Segment::Field(_)));
        Read { way: way.cloned().collect(), ..self.clone() }
    }

    /// The way from the name, as an expression writes it; `?` for one that is only asked for by `has`.
    #[must_use]
    pub fn way_words(&self) -> String {
        let words = self.to_string();
        let way = words.strip_prefix(&self.name).unwrap_or_default().trim_start_matches('.');
        format!("{way}{}", if self.tested { "?" } else { "" })
    }

    /// Whether what it names has what the other names in it.
    #[must_use]
    pub fn is_above(&self, other: &Read) -> bool {
        !self.tested
            && self.name == other.name
            && self.way.len() < other.way.len()
            && other.way.starts_with(&self.way)
    }

    /// What the fixed part of the path names in the value of its name, null where it is not there; for one that is only
    /// asked for by `has`, whether it is.
    #[must_use]
    pub fn within(&self, whole: &Value) -> Value {
        let fields = self.way.iter().map_while(|segment| match segment {
            Segment::Field(name) => Some(name),
            Segment::Item => None,
        });
        let found = fields.clone().try_fold(whole, |value, name| member(value, name));
        match self.tested {
            true => Value::Bool(found.is_some_and(|value| !value.is_null())),
            false => found.cloned().unwrap_or(Value::Null),
        }
    }

    /// The value at the fixed part of the path, if it is there.
    #[must_use]
    pub(super) fn find(&self, names: &Names<'_>) -> Option<Value> {
        self.fixed().resolve(names).ok()
    }

    /// Whether the whole path is there and is not null.
    pub(super) fn is_there(&self, names: &Names<'_>) -> bool {
        self.find(names).is_some_and(|value| !value.is_null())
    }

    /// The path as far as so many steps.
    fn after(&self, steps: usize) -> String {
        let way = self.way.iter().take(steps).cloned().collect();
        Read { way, ..self.clone() }.to_string()
    }

    /// The value at the path.
    pub(super) fn resolve(&self, names: &Names<'_>) -> Result<Value, ExpressionError> {
        self.look(names, Value::clone)
    }

    /// What is told of the value at the path, which is not copied for it.
    pub(super) fn look<T>(
        &self,
        names: &Names<'_>,
        tell: impl FnOnce(&Value) -> T,
    ) -> Result<T, ExpressionError> {
        let whole = names(&self.name).ok_or_else(|| no_value(&self.name))?;
        let mut value = whole.as_ref();
        for (walked, segment) in self.way.iter().enumerate() {
            let Segment::Field(name) = segment else { break };
            value = member(value, name).ok_or_else(|| no_field(&self.after(walked), name, value))?;
        }
        Ok(tell(value))
    }
}

pub(super) fn no_value(name: &str) -> ExpressionError {
    ExpressionError::new(format!("`{name}` has no value here"))
        .with_hint(format!("a skipped step has none; ask first: `has({name})`"))
}

fn no_field(path: &str, name: &str, value: &Value) -> ExpressionError {
    match value {
        Value::Object(_) => ExpressionError::new(format!("`{path}` has no field `{name}`")),
        other => ExpressionError::new(format!(
            "`{path}` is {}, it has no field `{name}`",
            crate::shape::describe(other)
        )),
    }
}

fn member<'a>(value: &'a Value, written: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(written).or_else(|| object.get(original(object, written)?))
}

/// The key that `written` stands for: the first one that differs from it only by `-` for `_`.
fn original<'a>(object: &'a Map<String, Value>, written: &str) -> Option<&'a str> {
    if !written.contains('_') {
        return None;
    }
    object.keys().find(|key| key.contains('-') && key.replace('-', "_") == written).map(String::as_str)
}

/// Reads an expression that is nothing but a path; none for everything else, also for CEL's reserved words.
pub(super) fn plain(source: &str) -> Option<Read> {
    let trimmed = source.trim();
    let mut words = trimmed.split('.');
    let name = words.next().filter(|word| is_word(word) && !is_reserved(word))?;
    let way = words.map(|word| (is_word(word) && !is_reserved(word)).then(|| Segment::Field(word.into())));
    let way = way.collect::<Option<Vec<_>>>()?;
    let offset = source.len() - source.trim_start().len();
    Some(Read { name: name.into(), way, tested: false, offset })
}

fn is_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The words of the CEL specification that are no names; CEL itself answers for them.
pub(crate) fn is_reserved(word: &str) -> bool {
    const RESERVED: [&str; 21] = [
        "false",
        "in",
        "null",
        "true",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ];
    RESERVED.contains(&word)
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.way.iter().try_for_each(|segment| match segment {
            Segment::Field(name) => write!(f, ".{name}"),
            Segment::Item => f.write_str("[]"),
        })
    }
}
