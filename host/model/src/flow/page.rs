//! A YAML text read as a page: each key is asked for once, what is left over is unknown, and everything wrong is told
//! together with its place.
//!
//! A reader returns `None` only after it has told a problem, so that reading goes on to find the next one.

use crate::quantity::Span;
use crate::shape::integer_as_json;
use crate::source::{Diagnostic, Diagnostics, Source, nearest};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};
use std::cell::RefCell;
use std::fmt::{self, Display};
use std::ops::Range;
use std::str::FromStr;

/// Most problems shown: nobody reads more.
const SHOWN_MAX: usize = 20;
/// Most problems looked for: placing each costs a walk over the text, and a hostile one can hold thousands.
const PROBLEMS_MAX: usize = 100;
/// Most levels of lists and objects.
const DEPTH_MAX: usize = 32;

/// Most values, keys included.
const NODES_MAX: usize = 20_000;

/// What is wrong with a text so far.
pub(super) struct Problems<'t> {
    pub(super) source: Source<'t>,
    told: RefCell<Vec<Diagnostic>>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(source: Source<'t>) -> Self {
        Self { source, told: RefCell::default() }
    }

    pub(super) fn tell(&self, at: &Range<usize>, message: impl Into<String>) {
        self.push(self.source.problem(at.clone(), message));
    }

    pub(super) fn tell_with(&self, at: &Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(self.source.problem(at.clone(), message).hint(hint));
    }

    /// The text asks for what is not permitted; `advice` would permit it.
    pub(super) fn tell_refused(&self, at: &Range<usize>, message: String, advice: Option<String>) {
        let hint = advice.map(|advice| advice.trim_end().to_owned());
        self.push(Diagnostic { hint, refused: true, ..self.source.problem(at.clone(), message) });
    }

    fn push(&self, problem: Diagnostic) {
        let mut told = self.told.borrow_mut();
        if told.len() < PROBLEMS_MAX && !told.contains(&problem) {
            told.push(problem);
        }
    }

    /// A value counts only when nothing was wrong anywhere.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Diagnostics> {
        let whole = self.source.whole("it can't be read");
        let mut told = self.told.into_inner();
        told.sort_by_key(|problem| (problem.line, problem.column));
        match (value, told.is_empty()) {
            (Some(value), true) => Ok(value),
            (None, true) => Err(Diagnostics(vec![whole])),
            _ => {
                let more = told.len() > SHOWN_MAX;
                told.truncate(SHOWN_MAX);
                if more {
                    told.push(Diagnostic { message: "more problems follow".into(), ..whole });
                }
                Err(Diagnostics(told))
            }
        }
    }

    /// "did you mean", or what there is.
    pub(super) fn tell_unknown<'a>(
        &self,
        at: &Range<usize>,
        message: impl Into<String>,
        word: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        let hint = match nearest(word, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.clone().next().is_none() => "there are none".into(),
            None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.tell_with(at, message, hint);
    }
}

/// Something that stands in the text, with the bytes it stands on.
#[derive(Clone, Debug)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) at: Range<usize>,
}

/// A value as written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(Written<String>, Node)>),
}

impl Node {
    /// The value as JSON, its texts as they are.
    pub(super) fn json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Node::json).collect(),
            Kind::Object(fields) => Value::Object(
                fields.iter().map(|(key, node)| (key.value.clone(), node.json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// Names the kind for an error line.
    pub(super) fn describe(&self) -> String {
        crate::shape::describe(&self.json())
    }
}

/// Parses the text; only its own grammar can be wrong here.
pub(super) fn parse(problems: &Problems<'_>, text_max: usize) -> Option<Node> {
    let source = problems.source;
    if source.text.len() > text_max {
        let message = format!("a flow has at most {text_max} bytes, this has {}", source.text.len());
        problems.push(source.whole(message));
        return None;
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_aliases: 64,
            max_anchors: 64,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: NODES_MAX, max_replay_stack_depth: 4 },
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        emit_comments: false,
    };
    match serde_saphyr::from_str_with_options::<Node>(source.text, options) {
        Ok(node) => Some(node),
        Err(error) => {
            problems.push(unparsable(source, &error));
            None
        }
    }
}

/// A number as the plan can keep it: see [`integer_as_json`].
fn integer(number: i128) -> Kind {
    match integer_as_json(number) {
        Value::Number(number) => Kind::Number(number),
        digits => Kind::Text(digits.as_str().unwrap_or_default().to_owned()),
    }
}

/// The parser says where once more in its message; the place has its own column here.
fn unparsable(source: Source<'_>, error: &serde_saphyr::Error) -> Diagnostic {
    let said = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let said = said.lines().next().unwrap_or_default();
    let said = said.split(" at line ").next().unwrap_or(said).trim_end_matches(['.', ' ']);
    let Some(location) = error.location() else { return source.whole(said) };
    let place = Diagnostic {
        line: u32::try_from(location.line()).unwrap_or_default(),
        column: u32::try_from(location.column()).unwrap_or_default(),
        length: 1,
        ..source.whole(said)
    };
    let key =
        said.strip_prefix("duplicate mapping key: ").and_then(|rest| rest.strip_suffix(" not allowed here"));
    match key {
        Some(key) => Diagnostic { message: format!("`{key}` stands here twice"), ..place },
        None if said.contains("Documents {") => {
            Diagnostic { message: "a file is one document, and here a second one begins".into(), ..place }
        }
        None => place,
    }
}

fn range(location: Location) -> Range<usize> {
    let whole = |number: Option<u64>| usize::try_from(number.unwrap_or_default()).unwrap_or_default();
    let start = whole(location.span().byte_offset());
    start..start + whole(location.span().byte_len())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Node { at: range(spanned.referenced), kind: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Kind, E> {
        Ok(integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Kind, E> {
        Ok(integer(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Kind, E> {
        Number::from_f64(number).map(Kind::Number).ok_or_else(|| E::custom("a number JSON does not have"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let mut fields: Vec<(Written<String>, Node)> = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            if fields.iter().any(|(known, _)| known.value == key.value) {
                return Err(A::Error::custom(format!("duplicate key `{}`", key.value)));
            }
            let key = Written { at: range(key.referenced), value: key.value };
            fields.push((key, entries.next_value()?));
        }
        Ok(Kind::Object(fields))
    }
}

/// One object of the text.
pub(super) struct Table<'p, 't> {
    problems: &'p Problems<'t>,
    at: Range<usize>,
    entries: &'p [(Written<String>, Node)],
    what: String,
    known: RefCell<Vec<&'static str>>,
}

impl<'p, 't> Table<'p, 't> {
    /// The field of that key, if it is there; `key:` with nothing after it counts as not there.
    pub(super) fn get(&self, key: &'static str) -> Option<Field<'p, 't>> {
        self.known.borrow_mut().push(key);
        self.fields().find(|field| field.key.value == key && !matches!(field.node.kind, Kind::Null))
    }

    /// The field of that key; tells when it is missing.
    pub(super) fn required(&self, key: &'static str) -> Option<Field<'p, 't>> {
        let field = self.get(key);
        if field.is_none() {
            self.problems.tell(&self.at, format!("{} has no `{key}`", self.what));
        }
        field
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = Field<'p, 't>> + use<'p, 't> {
        let problems = self.problems;
        self.entries.iter().map(move |(key, node)| Field { problems, key, node })
    }

    /// Tells every key that was never asked for: an ignored key would read as a kept promise.
    pub(super) fn close(&self) {
        let known = self.known.borrow();
        for field in self.fields().filter(|field| !known.contains(&field.key.value.as_str())) {
            let message = format!("{} has no key `{}`", self.what, field.key.value);
            self.problems.tell_unknown(&field.key.at, message, &field.key.value, known.iter().copied());
        }
    }

    pub(super) fn tell_with(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.tell_with(&self.at, message, hint);
    }
}

/// Keys that take an amount, with a unit of it.
const UNITS: [(&[&str], &str); 4] = [
    (&["money", "worth", "day", "week", "month"], " EUR"),
    (&["work", "deadline"], "s"),
    (&["by-hand", "remind", "after", "expire"], "h"),
    (&["memory", "output"], "MiB"),
];

/// One key and its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'p, 't> {
    pub(super) problems: &'p Problems<'t>,
    pub(super) key: &'p Written<String>,
    pub(super) node: &'p Node,
}

impl<'p, 't> Field<'p, 't> {
    pub(super) fn tell(&self, message: impl Into<String>) {
        self.problems.tell(&self.node.at, message);
    }

    pub(super) fn tell_with(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.tell_with(&self.node.at, message, hint);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        let message = format!("`{}` takes {what}, not {}", self.key.value, self.node.describe());
        match self.node.kind {
            Kind::Number(_) | Kind::Bool(_) if what.starts_with("text") => {
                self.tell_with(message, self.mended())
            }
            _ => self.tell(message),
        }
        None
    }

    /// What to do with a bare value where a text belongs: an amount lacks its unit, and quotes would not give it one.
    fn mended(&self) -> String {
        let key = self.key.value.as_str();
        let unit = UNITS.iter().find(|(keys, _)| keys.contains(&key));
        match (&self.node.kind, unit) {
            (Kind::Number(number), Some((_, unit))) => {
                format!("write it with its unit, such as `{key}: {number}{unit}`")
            }
            _ => "put it in quotes".into(),
        }
    }

    fn written<T>(&self, value: T) -> Written<T> {
        Written { value, at: self.node.at.clone() }
    }

    /// A text.
    pub(super) fn text(&self) -> Option<Written<String>> {
        match &self.node.kind {
            Kind::Text(text) if text.trim().is_empty() => {
                self.tell(format!("`{}` is empty", self.key.value));
                None
            }
            Kind::Text(text) => Some(self.written(text.clone())),
            _ => self.expected("text"),
        }
    }

    /// A condition or another expression; `true` and numbers need no quotes there.
    pub(super) fn expression(&self) -> Option<Written<String>> {
        match &self.node.kind {
            Kind::Bool(_) | Kind::Number(_) => Some(self.written(self.node.json().to_string())),
            Kind::Text(_) => self.text(),
            _ => self.expected("an expression"),
        }
    }

    /// A text that is a name or another form of its own.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self) -> Option<Written<T>> {
        let text = self.text()?;
        let parsed = text.value.parse().map_err(|error: T::Err| self.tell(error.to_string())).ok();
        parsed.map(|value| self.written(value))
    }

    /// A span of time above zero, with its unit.
    pub(super) fn span(&self) -> Option<Written<Span>> {
        let span = self.parsed::<Span>()?;
        if span.value.0 == 0 {
            self.tell(format!("`{}` is no time at all", self.key.value));
            return None;
        }
        Some(span)
    }

    /// A whole number from zero.
    pub(super) fn count(&self) -> Option<u64> {
        match &self.node.kind {
            Kind::Number(number) => number.as_u64().or_else(|| self.expected("a whole number")),
            _ => self.expected("a whole number"),
        }
    }

    /// An object; `what` names it in problems.
    pub(super) fn table(&self, what: impl Into<String>) -> Option<Table<'p, 't>> {
        match &self.node.kind {
            Kind::Object(entries) => Some(Table {
                problems: self.problems,
                at: self.key.at.clone(),
                entries,
                what: what.into(),
                known: RefCell::default(),
            }),
            _ => self.expected("keys and values"),
        }
    }

    /// The items of a list, each as a field of the same key.
    pub(super) fn items(&self) -> Option<Vec<Field<'p, 't>>> {
        match &self.node.kind {
            Kind::List(items) => Some(items.iter().map(|node| Field { node, ..*self }).collect()),
            _ => self.expected("a list"),
        }
    }

    /// The item as an object of its own place: an item has no key to point at.
    pub(super) fn item_table(&self, what: impl Into<String>) -> Option<Table<'p, 't>> {
        let mut table = self.table(what)?;
        table.at = table.entries.first().map_or_else(|| self.node.at.clone(), |(key, _)| key.at.clone());
        Some(table)
    }
}

/// The whole text as an object.
pub(super) fn whole<'p, 't>(problems: &'p Problems<'t>, node: &'p Node) -> Option<Table<'p, 't>> {
    match &node.kind {
        Kind::Object(entries) => {
            let at = entries.first().map_or(0..0, |(key, _)| key.at.clone());
            Some(Table { problems, at, entries, what: "a flow".into(), known: RefCell::default() })
        }
        _ => {
            problems
                .push(problems.source.whole("a flow is an object of keys such as `flow`, `inputs`, `steps`"));
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    #[test]
    fn an_integer_that_no_double_holds_is_kept_as_its_digits() {
        let text = "[9007199254740991, 9007199254740993, -9007199254740993]";
        let node: Node = serde_saphyr::from_str(text).unwrap();
        let written = serde_json::json!([9_007_199_254_740_991_i64, "9007199254740993", "-9007199254740993"]);
        assert_eq!(node.json(), written);
    }
}
