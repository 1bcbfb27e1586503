//! Calling one operation: a run of one step, checked, driven and journaled like any.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::runs::Finished;
use kapell_model::limits::WishedLimits;
use kapell_model::seam::{Catalog, Skill};
use kapell_model::shape::Operation;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

/// What the flow of one step is called that a call amounts to.
pub(crate) const ONE_CALL: &str = "call";

impl Home {
    /// Makes an operation of any component's bytes ready to be called. Everything that can be refused is refused
    /// before the bytes are compiled, which for a large component takes half a minute.
    ///
    /// # Errors
    /// `Invalid` for bytes that are no component; otherwise as [`Home::call`].
    pub fn load(
        &self,
        file: &Path,
        bytes: &[u8],
        operation: &str,
        arguments: &Value,
    ) -> Result<Arc<Skill>, HomeError> {
        let skill = self.inspect(file, bytes)?.skill;
        self.may_call(&skill, operation, arguments)?;
        self.keep(file, bytes)?;
        Ok(Arc::new(skill))
    }

    fn may_call<'a>(
        &self,
        skill: &'a Skill,
        name: &str,
        arguments: &Value,
    ) -> Result<&'a Operation, HomeError> {
        let operation = fitting(skill, name, arguments)?;
        let called = format!("{}#{}", skill.pin.name, operation.name);
        let granted = self.permitted(skill, Some(&operation.name), &WishedLimits::default());
        granted.map_err(|refusals| HomeError::refused(&called, refusals))?;
        let locked = self.is_locked()?;
        let effects = skill.manifest.claim(&operation.name).effects;
        let direct = self.policy.may_call_directly(&called, effects, locked);
        direct.map_err(|refusal| HomeError::refused("the call", vec![refusal]))?;
        Ok(operation)
    }

    /// Calls an operation of an installed skill.
    ///
    /// # Errors
    /// `NotFound` for an operation it does not have, `Argument` for arguments that do not fit, `Refused` for a
    /// capability policy does not permit, or for a call that has to stand in a flow; nothing is run or journaled then.
    pub async fn call(
        &self,
        skill: Arc<Skill>,
        operation: &str,
        arguments: Value,
        by: &str,
    ) -> Result<Finished, HomeError> {
        let operation = self.may_call(&skill, operation, &arguments)?.clone();
        let text = flow_of(&skill, &operation);
        let flow = self.check_text(ONE_CALL, &text, &Only(skill), None)?;
        let inputs = argument_inputs(&operation, arguments);
        self.start(flow, inputs, by).await
    }
}

/// A catalog of one skill, whatever is installed under its name.
struct Only(Arc<Skill>);

impl Catalog for Only {
    fn find(
        &self,
        name: &kapell_model::id::SkillName,
        version: Option<&semver::VersionReq>,
    ) -> Option<Arc<Skill>> {
        let fits =
            self.0.pin.name == *name && version.is_none_or(|version| version.matches(&self.0.pin.version));
        fits.then(|| self.0.clone())
    }

    fn names(&self) -> Vec<kapell_model::id::SkillName> {
        vec![self.0.pin.name.clone()]
    }
}

fn fitting<'a>(skill: &'a Skill, name: &str, arguments: &Value) -> Result<&'a Operation, HomeError> {
    let known = skill.operations.iter().map(|operation| operation.name.as_str());
    let operation =
        skill.operation(name).ok_or_else(|| HomeError::no_operation(skill.pin.name.as_str(), name, known))?;
    if let Some((param, what)) = operation.uncallable() {
        let words = format!("{name} can't be called: `{param}` is a {what}, which has no JSON form");
        return Err(HomeError::new(Kind::Argument, words));
    }
    operation.check_arguments(arguments).map_err(|misfit| {
        let words = format!("the arguments of {name} do not fit: {misfit}");
        HomeError::new(Kind::Argument, words).hint(operation.signature())
    })?;
    Ok(operation)
}

/// The flow of one step. Arguments come in as one input each, so that they are recorded as what they are: inputs.
fn flow_of(skill: &Skill, operation: &Operation) -> String {
    let mut inputs = Map::new();
    let mut with = Map::new();
    for param in &operation.params {
        let name = param.name.replace('-', "_");
        inputs.insert(name.clone(), json!({ "type": "json", "default": null }));
        with.insert(param.name.clone(), json!(format!("${{{{ inputs.{name} }}}}")));
    }
    let target = format!("{}#{}", skill.pin.name, operation.name);
    let mut outputs = Map::new();
    if operation.output().is_some() {
        outputs.insert("output".into(), json!("call"));
    }
    let flow = json!({
        "flow": ONE_CALL,
        "version": "1",
        "purpose": format!("One call of {target}"),
        "inputs": inputs,
        "steps": [{ "id": "call", "use": target, "with": with }],
        "outputs": outputs,
    });
    format!("{flow:#}\n")
}

fn argument_inputs(operation: &Operation, arguments: Value) -> Value {
    let Value::Object(mut given) = arguments else { return Value::Null };
    let named = operation
        .params
        .iter()
        .map(|param| (param.name.replace('-', "_"), given.remove(&param.name).unwrap_or(Value::Null)));
    Value::Object(named.collect())
}
