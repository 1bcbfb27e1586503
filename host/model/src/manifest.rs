//! The manifest: what a skill says of itself and what it asks for, with a reason a reviewer can judge.
//!
//! [`Manifest::parse`] reads `skill.toml`; [`Packed`] is how that text, the version and the files its examples name
//! travel inside the component, so that a skill is one file. What is inside a component is read by the same parser:
//! there is no second form that could say something else.

use crate::capability::{Access, Kind};
use crate::form::Form;
use crate::http::HttpWish;
use crate::id::{LogicalName, SkillName};
use crate::limits::WishedLimits;
use crate::plan::{Effects, Lane};
use crate::shape::{Operation, PathPart, Shape};
use crate::source::{Diagnostic, Diagnostics, Source, nearest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

mod read;
#[cfg(test)]
mod tests;

/// A checked manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The skill's name.
    pub name: SkillName,
    /// What it does, one line.
    pub summary: String,
    /// Who is accountable.
    pub owner: Option<String>,
    /// Whether the component is built without any WASI import.
    pub pure: bool,
    /// What is said of operations by name; others have lane logic and effects none.
    pub operations: BTreeMap<String, OperationClaim>,
    /// Wished limits.
    pub limits: WishedLimits,
    /// What it asks for, in order.
    pub asks: Vec<Ask>,
    /// Examples; each runs as a test.
    pub examples: Vec<Example>,
}

/// What a manifest says of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationClaim {
    /// The kind of work it does.
    pub lane: Lane,
    /// What a crash in the middle of it means.
    pub effects: Effects,
    /// Paths into its arguments (`input.customer.email`) and its answer (`output.id`) that are private, wherever it is
    /// called: what is private in part is kept as private whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<String>,
    /// The line of `skill.toml` it stands on, from 1; 0 for an operation the manifest does not name.
    #[serde(default)]
    pub line: u32,
}

impl Default for OperationClaim {
    fn default() -> Self {
        Self { lane: Lane::Logic, effects: Effects::None, private: Vec::new(), line: 0 }
    }
}

/// One capability a skill asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The kind of authority.
    pub kind: Kind,
    /// The skill's own word for the thing.
    pub name: LogicalName,
    /// What it wants to do with it.
    pub wish: Wish,
    /// Why, shown to the reviewer.
    pub reason: String,
    /// Whether the skill works without it; an optional ask that no rule permits is simply not granted.
    pub optional: bool,
    /// The line of `skill.toml` it stands on, from 1.
    pub line: u32,
}

/// What a skill wants to do with a thing, for the kinds that tell uses apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// To use it; the kind has only one use.
    Use,
    /// To read or write files or keys.
    Access(Access),
    /// To send requests.
    Http(HttpWish),
}

impl Wish {
    /// What is to be done with files or keys.
    #[must_use]
    pub const fn access(&self) -> Option<Access> {
        match self {
            Wish::Access(access) => Some(*access),
            _ => None,
        }
    }

    /// Whether everything `narrower` wishes is wished here too. Who names no place would go wherever it is bound.
    #[must_use]
    pub fn covers(&self, narrower: &Self) -> bool {
        match (self, narrower) {
            (Wish::Use, Wish::Use) => true,
            (Wish::Access(own), Wish::Access(other)) => own.covers(*other),
            (Wish::Http(own), Wish::Http(other)) => {
                let target = match (&own.target, &other.target) {
                    (None, _) => true,
                    (Some(own), Some(other)) => own.covers(other),
                    (Some(_), None) => false,
                };
                target && own.methods.is_superset(&other.methods)
            }
            _ => false,
        }
    }
}

/// In the words people read: `read-write`, `GET POST https://api.acme.example/`.
impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wish::Use => f.write_str("use it"),
            Wish::Access(access) => access.fmt(f),
            Wish::Http(wish) => {
                let methods: Vec<&str> = wish.methods.iter().map(|method| method.word()).collect();
                f.write_str(&methods.join(" "))?;
                wish.target.as_ref().map_or(Ok(()), |target| write!(f, " {target}"))
            }
        }
    }
}

/// One example of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The operation.
    pub operation: String,
    /// The arguments by parameter name.
    pub input: Value,
    /// What the skill must answer.
    pub expected: Expected,
    /// The line of `skill.toml` it stands on, from 1.
    pub line: u32,
}

/// What an example's skill must answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// This output.
    Output(Value),
    /// This error of its own.
    Error(Value),
    /// Any output: the example only shows the call.
    Anything,
}

impl Manifest {
    /// The manifest of a component that has none: it asks for nothing.
    #[must_use]
    pub fn without(name: SkillName) -> Self {
        Self {
            name,
            summary: String::new(),
            owner: None,
            pure: false,
            operations: BTreeMap::new(),
            limits: WishedLimits::default(),
            asks: Vec::new(),
            examples: Vec::new(),
        }
    }

    /// What is said of an operation.
    #[must_use]
    pub fn claim(&self, operation: &str) -> OperationClaim {
        self.operations.get(operation).cloned().unwrap_or_default()
    }

    /// Reads and checks a `skill.toml`. Examples keep their `@file` values; see [`Manifest::resolve_files`].
    ///
    /// # Errors
    ///
    /// Everything wrong with the text, each with its place in `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostics> {
        Form::read(Source { file, text }, read::manifest)
    }

    /// Whether any ask is for writing.
    #[must_use]
    pub fn asks_to_write(&self) -> bool {
        self.asks.iter().any(Ask::writes)
    }

    /// Checks what is said of operations against those the component exports, under the name `file`.
    ///
    /// # Errors
    ///
    /// A claim about an operation that is not there; an example of one; an operation of a skill that asks to write
    /// whose effects nobody states.
    pub fn check_operations(&self, file: &str, exported: &[&str]) -> Result<(), Diagnostics> {
        let claimed = self.operations.iter().map(|(name, claim)| (name, claim.line));
        let shown = self.examples.iter().map(|example| (&example.operation, example.line));
        let strangers = claimed
            .chain(shown)
            .filter(|(name, _)| !exported.contains(&name.as_str()))
            .map(|(name, line)| no_such_operation(file, line, name, exported));
        let unstated = exported
            .iter()
            .filter(|name| self.asks_to_write() && !self.operations.contains_key(**name))
            .map(|name| unstated_effects(file, name));
        let problems: Vec<_> = strangers.chain(unstated).collect();
        if problems.is_empty() { Ok(()) } else { Err(Diagnostics(problems)) }
    }

    /// Checks that what is said to be private is there, in the types of the component's operations, under the name `file`.
    ///
    /// # Errors
    ///
    /// A path that leads nowhere.
    pub fn check_private(&self, file: &str, operations: &[Operation]) -> Result<(), Diagnostics> {
        let claimed = operations.iter().filter_map(|it| Some((it, self.operations.get(&it.name)?)));
        let paths = claimed.flat_map(|(operation, claim)| {
            claim.private.iter().map(move |path| (claim.line, leads_somewhere(operation, path)))
        });
        let lost = paths.filter_map(|(line, led)| Some(at_line(file, line, led.err()?)));
        let problems: Vec<_> = lost.collect();
        if problems.is_empty() { Ok(()) } else { Err(Diagnostics(problems)) }
    }

    /// The files that examples name, relative to the folder of `skill.toml`.
    #[must_use]
    pub fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        for value in self.examples.iter().flat_map(Example::values) {
            named_files(value, &mut files);
        }
        files
    }

    /// Puts the contents of files in the place of `@file` values: a name ending in `.json` as the JSON value it
    /// holds, any other as text. `@@` at the start of a value stands for one `@`.
    ///
    /// # Errors
    ///
    /// A file that `read` can't give, or a `.json` file that holds no JSON, with the line of its example in `file`.
    pub fn resolve_files(
        &mut self,
        file: &str,
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<(), Diagnostics> {
        let mut problems = Vec::new();
        for example in &mut self.examples {
            let line = example.line;
            for value in example.values_mut() {
                if let Err(message) = resolve(value, read) {
                    problems.push(at_line(file, line, message));
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Diagnostics(problems)) }
    }
}

/// A path of what is private, in an operation's types: through a list it means every item.
fn leads_somewhere(operation: &Operation, path: &str) -> Result<(), String> {
    let nowhere = |why: String| format!("`{path}` is private in nothing `{}` has: {why}", operation.name);
    let mut parts = path.split('.');
    let mut here = match (parts.next(), operation.output()) {
        (Some("output"), Some(shape)) => shape.clone(),
        (Some("output"), None) => return Err(nowhere("it answers nothing".into())),
        _ => Shape::Record { name: None, fields: operation.params.clone() },
    };
    for part in parts {
        while let Shape::List { of } = here {
            here = *of;
        }
        let found =
            here.at(&[PathPart::Field(part.to_owned())]).map_err(|cause| nowhere(cause.to_string()))?;
        match found {
            Some(Shape::Option { of }) => here = *of,
            Some(shape) => here = shape,
            // Which of several it is depends on the value: any further way may be one.
            None => return Ok(()),
        }
    }
    Ok(())
}

impl Ask {
    /// Whether it asks to change something outside the skill.
    #[must_use]
    pub fn writes(&self) -> bool {
        match &self.wish {
            Wish::Use => false,
            Wish::Access(access) => access.writes(),
            Wish::Http(wish) => wish.methods.iter().any(|method| method.writes()),
        }
    }

    /// Whether what it asks for can change what an operation answers.
    fn reads(&self) -> bool {
        match self.kind {
            Kind::Files | Kind::Keyvalue => self.wish.access().is_some_and(Access::reads),
            Kind::Config | Kind::Clock | Kind::Random | Kind::Http | Kind::Inference => true,
            Kind::Logging | Kind::Notes => false,
        }
    }
}

impl Example {
    fn values(&self) -> impl Iterator<Item = &Value> {
        let expected = match &self.expected {
            Expected::Output(value) | Expected::Error(value) => Some(value),
            Expected::Anything => None,
        };
        std::iter::once(&self.input).chain(expected)
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let expected = match &mut self.expected {
            Expected::Output(value) | Expected::Error(value) => Some(value),
            Expected::Anything => None,
        };
        std::iter::once(&mut self.input).chain(expected)
    }
}

/// The name of the component's custom section that holds a [`Packed`] manifest.
pub const SECTION: &str = "kapell:manifest";

/// The name of the component's custom section that holds the author's docs: a JSON object with, for each WIT package
/// by its full name, its docs as `wit-parser` writes them. Doc comments do not survive the toolchains.
pub const DOCS_SECTION: &str = "kapell:docs";

/// Most bytes of either section.
pub const SECTION_MAX: usize = 1 << 20;

/// A manifest as it travels inside the component: the author's text as it stands, the version beside it and the
/// files its examples name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Packed {
    /// The version of this form; 1.
    pub schema: u32,
    /// The skill's version, which its package states.
    pub version: semver::Version,
    /// The text of `skill.toml`.
    pub skill_toml: String,
    /// The files that examples name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// A manifest section that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// It is not of the form.
    #[error("the manifest inside the component can't be read: {0}")]
    Form(String),
    /// It holds or would hold more than it may.
    #[error("the manifest inside the component has {0} bytes, more than the {SECTION_MAX} it may have")]
    Size(usize),
}

impl Packed {
    /// The section's bytes: canonical JSON, so that the same skill packs to the same bytes.
    ///
    /// # Errors
    ///
    /// [`PackedError::Size`] when the files of the examples are too many bytes.
    pub fn encode(&self) -> Result<Vec<u8>, PackedError> {
        let value = serde_json::to_value(self).map_err(|error| PackedError::Form(error.to_string()))?;
        let bytes = value.to_string().into_bytes();
        if bytes.len() > SECTION_MAX { Err(PackedError::Size(bytes.len())) } else { Ok(bytes) }
    }

    /// Reads the section's bytes.
    ///
    /// # Errors
    ///
    /// [`PackedError`] when they are too many or not of the form.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackedError> {
        if bytes.len() > SECTION_MAX {
            return Err(PackedError::Size(bytes.len()));
        }
        let packed: Self =
            serde_json::from_slice(bytes).map_err(|error| PackedError::Form(error.to_string()))?;
        match packed.schema {
            1 => Ok(packed),
            newer => Err(PackedError::Form(format!("its form is {newer}; this host reads form 1"))),
        }
    }

    /// The manifest, its examples complete.
    ///
    /// # Errors
    ///
    /// Everything wrong with the text, by the line of `skill.toml`.
    pub fn manifest(&self) -> Result<Manifest, Diagnostics> {
        let mut manifest = Manifest::parse("skill.toml", &self.skill_toml)?;
        let mut packed = |name: &str| self.files.get(name).cloned().ok_or_else(|| "is not packed".to_owned());
        manifest.resolve_files("skill.toml", &mut packed)?;
        Ok(manifest)
    }
}

fn no_such_operation(file: &str, line: u32, name: &str, exported: &[&str]) -> Diagnostic {
    let problem = at_line(file, line, format!("the component has no operation `{name}`"));
    match nearest(name, exported.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("it has: {}", exported.join(", "))),
    }
}

fn unstated_effects(file: &str, name: &str) -> Diagnostic {
    let message = format!("the skill asks to write and does not say what operation `{name}` does with it");
    at_line(file, 0, message).hint(format!(
        "add: [operation.\"{name}\"] with effects = \"none\", \"reads\", \"idempotent\" or \"once\""
    ))
}

fn at_line(file: &str, line: u32, message: String) -> Diagnostic {
    Diagnostic { file: file.into(), line, column: 0, length: 0, message, hint: None, refused: false }
}

/// The file a text names: `@name`, but not `@@text`.
fn named_file(text: &str) -> Option<&str> {
    text.strip_prefix('@').filter(|name| !name.starts_with('@'))
}

fn named_files(value: &Value, files: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => files.extend(named_file(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| named_files(item, files)),
        Value::Object(fields) => fields.values().for_each(|field| named_files(field, files)),
        _ => {}
    }
}

fn resolve(value: &mut Value, read: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            if let Some(name) = named_file(text) {
                *value = file_value(name, read)?;
            } else if let Some(rest) = text.strip_prefix('@') {
                *value = Value::String(rest.into());
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, read)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| resolve(field, read)),
        _ => Ok(()),
    }
}

fn file_value(name: &str, read: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<Value, String> {
    let text = read(name).map_err(|why| format!("the example's file `{name}` {why}"))?;
    if !name.ends_with(".json") {
        return Ok(Value::String(text));
    }
    serde_json::from_str(&text).map_err(|error| format!("the example's file `{name}` holds no JSON: {error}"))
}
