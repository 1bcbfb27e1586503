//! Flows of a home: reading, checking whole, and what a run is pinned to.

use crate::error::{HomeError, Kind};
use crate::home::{Home, TEXT_MAX, read_text, shown};
use kapell_model::digest::Digest;
use kapell_model::flow::{self, Authored, Context, Grants, Resolved};
use kapell_model::grant::{GrantSet, Refusal};
use kapell_model::json::JsonError;
use kapell_model::limits::WishedLimits;
use kapell_model::plan::{Input, InputShape, Plan};
use kapell_model::seam::{Catalog, Skill};
use kapell_model::shape::describe;
use kapell_model::source::Source;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The largest text beside a flow.
const FILE_MAX: u64 = 1 << 20;

/// A flow that was checked whole.
pub struct CheckedFlow {
    /// What will run.
    pub plan: Plan,
    /// The file it was read from, as people know it.
    pub file: String,
    /// Its text as written.
    pub text: String,
    /// What its author wrote, every part with its place in the text.
    pub authored: Authored,
    /// The texts beside it, by the name expressions use.
    pub files: BTreeMap<String, String>,
    /// Every text the run is pinned to.
    pub texts: Vec<Arc<[u8]>>,
}

impl Home {
    /// Reads a flow and checks it whole against catalog, policy and tariff.
    ///
    /// # Errors
    /// `NotFound` when there is no such file; `Invalid` with every problem by file, line and column.
    pub fn check_flow(&self, path: &Path) -> Result<CheckedFlow, HomeError> {
        let text = read_text(path, TEXT_MAX)?;
        self.check_text(&shown(path), &text, &self.offered()?, path.parent())
    }

    /// Checks a flow's text; `beside` is the folder its files stand in.
    pub(crate) fn check_text(
        &self,
        name: &str,
        text: &str,
        catalog: &dyn Catalog,
        beside: Option<&Path>,
    ) -> Result<CheckedFlow, HomeError> {
        let source = Source { file: name, text };
        let authored = flow::read(source)?;
        let files = read_files(&authored, beside);
        let pinned =
            files.iter().map(|(name, text)| (name.clone(), (Digest::of(text.as_bytes()), text.clone())));
        let context = Context {
            catalog,
            grants: self,
            roles: &self.policy.roles,
            budgets: &self.policy.budgets,
            four_eyes: self.four_eyes()?,
            files: &pinned.collect(),
            currency: self
                .tariff
                .tariff
                .currency()
                .map_err(|cause| HomeError::new(Kind::Invalid, cause.to_string()))?,
            tariff: self.tariff.digest,
            policy: self.policy.digest,
            engine: self.runtime.engine_name(),
        };
        let plan = flow::check(&authored, source, &context)?;
        let texts = [text, &self.policy_text, &self.tariff_text]
            .into_iter()
            .chain(files.values().map(String::as_str));
        let texts = texts.map(|text| Arc::from(text.as_bytes())).collect();
        Ok(CheckedFlow { plan, file: name.into(), text: text.into(), authored, files, texts })
    }
}

impl Grants for Home {
    fn resolve(&self, skill: &Skill, operation: &str, step: &WishedLimits) -> Result<Resolved, Vec<Refusal>> {
        self.permitted(skill, Some(operation), step)
    }

    fn unmet(&self, skill: &Skill, grants: &GrantSet) -> Vec<Refusal> {
        kapell_runtime::refusals(&skill.imports, grants)
    }
}

/// The texts beside a flow as far as they can be read; the check names the ones that are missing, with their place.
fn read_files(authored: &Authored, beside: Option<&Path>) -> BTreeMap<String, String> {
    let folder = beside.unwrap_or(Path::new("."));
    let read = |(name, path): (&str, &str)| {
        let path = folder.join(path);
        let small =
            fs::metadata(&path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= FILE_MAX);
        small.then(|| fs::read_to_string(&path).ok()).flatten().map(|text| (name.to_owned(), text))
    };
    authored.files().filter_map(read).collect()
}

/// Inputs from the command line: `name=value` pairs. A value for a text input is the text itself; for others it is
/// JSON.
///
/// # Errors
/// `Argument` for an unknown name, a value of another shape, or one that is missing.
pub fn inputs(plan: &Plan, pairs: &[(String, String)]) -> Result<Value, HomeError> {
    complete(plan, Value::Object(some_inputs(plan, pairs)?))
}

/// The value of a text that is JSON, and the text itself where it is none, so that the check can say what was expected.
///
/// # Errors
/// `Twice` when it is JSON in which a key stands twice.
pub fn json_or_text(text: &str) -> Result<Value, JsonError> {
    match kapell_model::json::read(text.as_bytes()) {
        Err(JsonError::Malformed(_)) => Ok(Value::String(text.to_owned())),
        read => read,
    }
}

/// The same for some of the inputs.
///
/// # Errors
/// `Argument` for an unknown name, or one that is given twice.
pub fn some_inputs(plan: &Plan, pairs: &[(String, String)]) -> Result<Map<String, Value>, HomeError> {
    let mut inputs = Map::new();
    for (name, text) in pairs {
        let declared = plan.inputs.iter().find(|input| input.name == *name);
        let declared = declared.ok_or_else(|| no_input(plan, name))?;
        let value = match declared.shape {
            InputShape::String => Value::String(text.clone()),
            _ => json_or_text(text).map_err(|cause| {
                HomeError::new(Kind::Argument, format!("the input `{name}` is no value: {cause}"))
            })?,
        };
        if inputs.insert(name.clone(), value).is_some() {
            return Err(HomeError::new(Kind::Argument, format!("the input `{name}` is given twice")));
        }
    }
    Ok(inputs)
}

/// Checks inputs and fills defaults in.
pub(crate) fn complete(plan: &Plan, given: Value) -> Result<Value, HomeError> {
    let Value::Object(mut given) = given else {
        return Err(HomeError::new(Kind::Argument, "inputs are an object by name"));
    };
    all_there(plan, &given)?;
    let mut inputs = Map::new();
    for declared in &plan.inputs {
        let Some(value) = given.remove(&declared.name).or_else(|| declared.default.clone()) else { continue };
        if !declared.shape.fits(&value) {
            let shape = declared.shape.word();
            let words = format!(
                "the input `{}` does not fit: expected {shape}, found {}",
                declared.name,
                describe(&value)
            );
            return Err(HomeError::new(Kind::Argument, words));
        }
        inputs.insert(declared.name.clone(), value);
    }
    match given.keys().next() {
        None => Ok(Value::Object(inputs)),
        Some(unknown) => Err(no_input(plan, unknown)),
    }
}

/// What is asked for by a name no input has; without one that is near, all there are.
fn no_input(plan: &Plan, name: &str) -> HomeError {
    let names = plan.inputs.iter().map(|input| input.name.as_str());
    let error = HomeError { kind: Kind::Argument, ..HomeError::not_found("input", name, names.clone()) };
    if error.hint.is_some() {
        return error;
    }
    let names = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    error.hint(if names.is_empty() { "the flow takes none".into() } else { format!("it takes {names}") })
}

/// What lacks of the inputs, all of it at once.
fn all_there(plan: &Plan, given: &Map<String, Value>) -> Result<(), HomeError> {
    let lacks = |it: &&Input| it.default.is_none() && !given.contains_key(&it.name);
    let missing: Vec<&str> = plan.inputs.iter().filter(lacks).map(|it| it.name.as_str()).collect();
    let words = match missing.as_slice() {
        [] => return Ok(()),
        [one] => format!("the input `{one}` is missing"),
        several => {
            let names = several.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            format!("the inputs {} are missing", names.join(", "))
        }
    };
    let give = missing.iter().map(|name| format!("-i {name}=VALUE")).collect::<Vec<_>>().join(" ");
    let hint = format!("give {give}, or @FILE in the place of VALUE");
    Err(HomeError::new(Kind::Argument, words).hint(hint))
}
