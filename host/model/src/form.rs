//! A TOML text read as a form: each key is asked for once, what is left over is unknown, and everything wrong is
//! told together with its place.
//!
//! A reader returns `None` only after it has told a problem, so that reading goes on to find the next one. Texts are
//! capped and nesting is bounded by the parser, so a hostile text costs no more than an honest one of its size.

use crate::quantity::{Bytes, COUNT_MAX, Span};
use crate::source::{Diagnostic, Diagnostics, Source, nearest};
use serde_json::Value;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// Most bytes of a manifest or policy.
pub(crate) const TEXT_MAX: usize = 64 << 10;
/// Most problems shown: nobody reads more.
const SHOWN_MAX: usize = 20;
/// Most problems looked for: placing each costs a walk over the text, and a hostile one can hold thousands.
const PROBLEMS_MAX: usize = 100;
/// Most levels of arrays and tables inside one example value.
const DEPTH_MAX: usize = 32;

/// A text being read, and what is wrong with it so far.
pub(crate) struct Form<'t> {
    source: Source<'t>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl<'t> Form<'t> {
    /// Reads the whole text by `build`; its value counts only when nothing was wrong anywhere.
    pub(crate) fn read<T>(
        source: Source<'t>,
        build: impl FnOnce(&Table<'_, 't>) -> Option<T>,
    ) -> Result<T, Diagnostics> {
        Self::read_within(source, TEXT_MAX, build)
    }

    /// The same for a text that may have that many bytes.
    pub(crate) fn read_within<T>(
        source: Source<'t>,
        most: usize,
        build: impl FnOnce(&Table<'_, 't>) -> Option<T>,
    ) -> Result<T, Diagnostics> {
        let form = Form { source, problems: RefCell::default() };
        form.check_text(most)?;
        let (root, errors) = DeTable::parse_recoverable(source.text);
        for error in errors {
            form.tell(error.span().unwrap_or_default(), error.message().to_owned(), None);
        }
        form.finish()?;
        let built = build(&Table::new(&form, root.get_ref(), root.span(), "the file"));
        form.finish()?;
        built.ok_or_else(|| Diagnostics(vec![source.whole("it can't be read")]))
    }

    /// Refuses a text before any of it is parsed.
    fn check_text(&self, most: usize) -> Result<(), Diagnostics> {
        let source = self.source;
        let problem = if source.text.len() > most {
            let (found, most) = (Bytes(source.text.len() as u64), Bytes(most as u64));
            source.whole(format!("{found} are more than the {most} it may have"))
        } else if source.text.starts_with('\u{feff}') {
            source.whole("it begins with a byte order mark").hint("save it as plain UTF-8")
        } else {
            return Ok(());
        };
        Err(Diagnostics(vec![problem]))
    }

    fn finish(&self) -> Result<(), Diagnostics> {
        let mut problems = self.problems.take();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        let more = problems.len() > SHOWN_MAX;
        problems.truncate(SHOWN_MAX);
        if more {
            problems.push(self.source.whole("more problems follow"));
        }
        Err(Diagnostics(problems))
    }

    fn or_told<T>(&self, span: &Range<usize>, read: impl FnOnce() -> Option<T>) -> Option<T> {
        let read = read();
        if read.is_none() && self.problems.borrow().is_empty() {
            self.tell(span.clone(), "it can't be read".into(), None);
        }
        read
    }

    fn tell(&self, range: Range<usize>, message: String, hint: Option<String>) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(Diagnostic { hint, ..self.source.problem(range, message) });
        }
    }
}

/// One table of the text.
pub(crate) struct Table<'f, 't> {
    form: &'f Form<'t>,
    entries: &'f DeTable<'t>,
    span: Range<usize>,
    what: String,
    known: RefCell<Vec<&'static str>>,
}

impl<'f, 't> Table<'f, 't> {
    fn new(form: &'f Form<'t>, entries: &'f DeTable<'t>, span: Range<usize>, what: &str) -> Self {
        Self { form, entries, span, what: what.into(), known: RefCell::default() }
    }

    /// The field of that key, if it is there.
    pub(crate) fn get(&self, key: &'static str) -> Option<Field<'f, 't>> {
        self.known.borrow_mut().push(key);
        self.fields().find(|field| field.key == key)
    }

    /// The field of that key; tells when it is missing.
    pub(crate) fn required(&self, key: &'static str) -> Option<Field<'f, 't>> {
        let field = self.get(key);
        if field.is_none() {
            self.tell(format!("{} has no `{key}`", self.what));
        }
        field
    }

    /// Every field; for tables whose keys are the author's own names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'f, 't>> + use<'f, 't> {
        let form = self.form;
        self.entries.iter().map(move |(key, value)| Field {
            form,
            key: key.get_ref().as_ref(),
            key_span: key.span(),
            value,
        })
    }

    /// Tells every key that was never asked for: an ignored key would read as a kept promise.
    pub(crate) fn close(&self) {
        let known = self.known.borrow();
        for field in self.fields().filter(|field| !known.contains(&field.key)) {
            let near = nearest(field.key, known.iter().copied());
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let problem = format!("{} has no key `{}`", self.what, clipped(field.key));
            self.form.tell(field.key_span.clone(), problem, Some(hint));
        }
    }

    /// The line the table begins on, from 1.
    pub(crate) fn line(&self) -> u32 {
        self.form.source.place(self.span.start).0
    }

    /// Whether nothing was wrong so far, so that what is missing is really missing.
    pub(crate) fn is_clean(&self) -> bool {
        self.form.problems.borrow().is_empty()
    }

    /// What a reader read of the table; of one that gives up where nothing was told, that it did. What is dropped in
    /// silence would be taken for read.
    pub(crate) fn or_told<T>(&self, read: impl FnOnce() -> Option<T>) -> Option<T> {
        self.form.or_told(&self.span, read)
    }

    /// Tells a problem of the table as a whole.
    pub(crate) fn tell(&self, message: impl Into<String>) {
        self.form.tell(self.span.clone(), message.into(), None);
    }

    /// Tells a problem of what begins on a line.
    pub(crate) fn tell_line(&self, line: u32, message: impl Into<String>, hint: Option<String>) {
        let before = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let start: usize = self.form.source.text.split_inclusive('\n').take(before).map(str::len).sum();
        self.form.tell(start..start, message.into(), hint);
    }

    /// Tells a problem of the table as a whole with what to do.
    pub(crate) fn tell_with(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.form.tell(self.span.clone(), message.into(), Some(hint.into()));
    }
}

/// What one of the things under a key is called: `methods` are each a method.
fn one_of(key: &str) -> &str {
    match key {
        "access" | "effects" => key,
        "per" => "period",
        key => key.strip_suffix('s').unwrap_or(key),
    }
}

/// One key and its value.
pub(crate) struct Field<'f, 't> {
    form: &'f Form<'t>,
    /// The key as written.
    pub(crate) key: &'f str,
    key_span: Range<usize>,
    value: &'f Spanned<DeValue<'t>>,
}

impl<'f, 't> Field<'f, 't> {
    /// As [`Table::or_told`], of the value.
    pub(crate) fn or_told<T>(&self, read: impl FnOnce() -> Option<T>) -> Option<T> {
        self.form.or_told(&self.value.span(), read)
    }

    /// Tells a problem of the value.
    pub(crate) fn tell(&self, message: impl Into<String>) {
        self.form.tell(self.value.span(), message.into(), None);
    }

    /// Tells a problem of the value with what to do.
    pub(crate) fn tell_with(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.form.tell(self.value.span(), message.into(), Some(hint.into()));
    }

    /// Tells a problem of the key.
    pub(crate) fn tell_key(&self, message: impl Into<String>) {
        self.form.tell(self.key_span.clone(), message.into(), None);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        let found = self.value.get_ref().type_str();
        self.tell(format!("`{}` takes {what}, not {} {found}", clipped(self.key), article(found)));
        None
    }

    /// A text.
    pub(crate) fn text(&self) -> Option<&'f str> {
        self.value.get_ref().as_str().or_else(|| self.expected("a text"))
    }

    /// A text for people: one line, not empty, without characters that could act on a terminal.
    pub(crate) fn line_text(&self) -> Option<String> {
        let text = self.text()?;
        let problem = match text {
            text if text.trim().is_empty() => "is empty",
            text if text.len() > 300 => "is longer than 300 bytes",
            text if text.chars().any(unprintable) => "has line breaks or control characters",
            text => return Some(text.into()),
        };
        self.tell(format!("`{}` {problem}", self.key));
        None
    }

    /// A text that is a name or another form of its own.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self) -> Option<T> {
        let parsed = self.text()?.parse();
        parsed.map_err(|error: T::Err| self.tell(error.to_string())).ok()
    }

    /// The key itself as a name.
    pub(crate) fn parsed_key<T: FromStr<Err: Display>>(&self) -> Option<T> {
        self.key.parse().map_err(|error: T::Err| self.tell_key(error.to_string())).ok()
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known = || words.iter().map(|(word, _)| *word);
        let hint = match nearest(text, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known().collect::<Vec<_>>().join(", ")),
        };
        self.tell_with(format!("`{}` is no {}", clipped(text), one_of(self.key)), hint);
        None
    }

    /// True or false.
    pub(crate) fn truth(&self) -> Option<bool> {
        self.value.get_ref().as_bool().or_else(|| self.expected("true or false"))
    }

    /// A whole number from 1; zero would be a limit nothing can keep.
    pub(crate) fn count(&self) -> Option<u64> {
        let Some(number) = self.value.get_ref().as_integer() else { return self.expected("a whole number") };
        self.positive(unsigned(number))
    }

    /// A whole number from 1 that fits 32 bits.
    pub(crate) fn small_count(&self) -> Option<u32> {
        let small = u32::try_from(self.count()?);
        small.map_err(|_| self.tell(format!("`{}` is not between 1 and {}", self.key, u32::MAX))).ok()
    }

    /// A size above zero: a text with its unit, or a number of bytes.
    pub(crate) fn bytes(&self) -> Option<Bytes> {
        match self.value.get_ref() {
            DeValue::Integer(number) => self.positive(unsigned(number)).map(Bytes),
            DeValue::String(_) => self.positive(Some(self.parsed::<Bytes>()?.0)).map(Bytes),
            _ => self.expected("a size such as \"16MiB\""),
        }
    }

    /// A span of time above zero, with its unit.
    pub(crate) fn span(&self) -> Option<Span> {
        match self.value.get_ref() {
            DeValue::String(_) => self.positive(Some(self.parsed::<Span>()?.0)).map(Span),
            _ => self.expected("a span of time such as \"5s\""),
        }
    }

    fn positive(&self, number: Option<u64>) -> Option<u64> {
        let kept = number.filter(|number| (1..=COUNT_MAX).contains(number));
        if kept.is_none() {
            self.tell(format!("`{}` is not between 1 and {COUNT_MAX}", self.key));
        }
        kept
    }

    /// A table; `what` names it in problems.
    pub(crate) fn table(&self, what: &str) -> Option<Table<'f, 't>> {
        let Some(entries) = self.value.get_ref().as_table() else { return self.expected("a table") };
        Some(Table::new(self.form, entries, self.value.span(), what))
    }

    /// Whether the value is a table.
    pub(crate) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// The items of an array, each as a field of the same key.
    pub(crate) fn items(&self) -> Vec<Field<'f, 't>> {
        let Some(items) = self.value.get_ref().as_array() else {
            return self.expected::<Vec<_>>("a list").unwrap_or_default();
        };
        let field = |value| Field { form: self.form, key: self.key, key_span: self.key_span.clone(), value };
        items.iter().map(field).collect()
    }

    /// The tables of an array of tables.
    pub(crate) fn tables(&self, what: &str) -> Vec<Table<'f, 't>> {
        self.items().iter().filter_map(|item| item.table(what)).collect()
    }

    /// Any value, as JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        json(self.value.get_ref(), DEPTH_MAX).map_err(|problem| self.tell(problem)).ok()
    }
}

/// Whether a character could move the cursor or turn a line around in somebody's terminal.
fn unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A text short enough for a message, with nothing in it that acts on a terminal.
fn clipped(text: &str) -> String {
    let shown: String = text.chars().filter(|character| !unprintable(*character)).take(40).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn unsigned(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// TOML has no null and JSON no instants, no infinity: what has no twin is refused by name.
fn json(value: &DeValue<'_>, depth: usize) -> Result<Value, String> {
    let depth = depth.checked_sub(1).ok_or_else(|| format!("it is nested deeper than {DEPTH_MAX} levels"))?;
    match value {
        DeValue::String(text) => Ok(Value::String(text.as_ref().into())),
        DeValue::Boolean(truth) => Ok(Value::Bool(*truth)),
        DeValue::Integer(number) => json_integer(number),
        DeValue::Float(number) => json_float(number.as_str()),
        DeValue::Datetime(_) => Err("a date or time is written as a text, in quotes".into()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref(), depth)).collect(),
        DeValue::Table(fields) => fields
            .iter()
            .map(|(key, value)| Ok((key.get_ref().as_ref().to_owned(), json(value.get_ref(), depth)?)))
            .collect(),
    }
}

fn json_integer(number: &DeInteger<'_>) -> Result<Value, String> {
    let signed = || i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from);
    unsigned(number).map(Value::from).or_else(signed).ok_or_else(|| "the number does not fit 64 bits".into())
}

fn json_float(number: &str) -> Result<Value, String> {
    let finite = number.parse::<f64>().ok().filter(|number| number.is_finite());
    finite.map(Value::from).ok_or_else(|| format!("`{}` is no number JSON has", clipped(number)))
}
