//! Running a skill's own examples in a home that is thrown away, and proving whether it works without a capability.
//!
//! The scratch home grants what the skill asks for by the rules its refusals say to paste, bound to places of its own,
//! so that an example never touches anything real. What the skill is to do without is not granted, and the interfaces
//! that would have lent it are linked empty: each of their calls is answered with that it is denied, or with nothing.

use crate::error::{HomeError, Kind};
use crate::home::{Home, Options};
use crate::place::Place;
use crate::trial::Trial;
use kapell_model::capability::Kind as Capability;
use kapell_model::id::LogicalName;
use kapell_model::manifest::{Ask, Example, Expected};
use kapell_model::policy::{Policy, Surroundings};
use kapell_model::seam::Skill;
use kapell_runtime::Compiler;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// What one attempt may spend in a rehearsal; the skill's own wishes are smaller or it hears of it here first.
const GENEROUS: &str = "[limits.any]\nfuel = 2_000_000_000\nmemory = \"64MiB\"\ndeadline = \"30s\"\n";

/// A capability a skill is to do without: a kind, or one thing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// The kind.
    pub kind: Capability,
    /// The skill's own word; none for all of the kind.
    pub name: Option<LogicalName>,
}

impl Without {
    fn means(&self, ask: &Ask) -> bool {
        self.kind == ask.kind && self.name.as_ref().is_none_or(|name| *name == ask.name)
    }
}

impl FromStr for Without {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (word, name) = text.split_once(':').map_or((text, None), |(word, name)| (word, Some(name)));
        let kind = Capability::ALL.into_iter().find(|kind| kind.word() == word);
        let kind = kind.ok_or_else(|| {
            let known = Capability::ALL.map(Capability::word).join(", ");
            format!("`{word}` is no kind of capability (known here: {known})")
        })?;
        let name = name.map(str::parse::<LogicalName>).transpose().map_err(|error| error.to_string())?;
        Ok(Self { kind, name })
    }
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}:{name}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

/// One example and what came of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The operation.
    pub operation: String,
    /// The line of `skill.toml` it stands on.
    pub line: u32,
    /// What was expected and what came instead; none when it is as expected.
    pub differs: Option<String>,
}

/// A skill in a home of its own, ready for its examples.
pub struct Rehearsal {
    home: Home,
    skill: Arc<Skill>,
    /// What the skill asks for and does without here.
    pub without: Vec<Ask>,
}

impl Rehearsal {
    /// Makes a home in an empty folder and puts the skill into it, compiled by `compiler`, when `trial` lets it; without one
    /// whatever any lock says.
    ///
    /// # Errors
    /// `Invalid` for bytes that are no skill; `Argument` when it does not ask for what it is to do without; `Refused`
    /// when it may not be tried, or imports something no grant and no empty form can meet.
    pub fn stage(
        folder: &Path,
        file: &Path,
        bytes: &[u8],
        without: &[Without],
        compiler: Compiler,
        trial: Option<&Trial>,
    ) -> Result<Self, HomeError> {
        let mut skill = crate::skills::inspect_file(file, bytes)?.skill;
        trial.map_or(Ok(()), |trial| trial.check(&skill))?;
        if let Some(stranger) = without.iter().find(|it| !skill.manifest.asks.iter().any(|ask| it.means(ask)))
        {
            let words = format!("{} does not ask for {stranger}", skill.pin.name);
            return Err(HomeError::new(Kind::Argument, words).hint("it works without it already"));
        }
        let is_left_out = |ask: &Ask| without.iter().any(|it| it.means(ask));
        let (left_out, kept): (Vec<Ask>, Vec<Ask>) =
            std::mem::take(&mut skill.manifest.asks).into_iter().partition(is_left_out);
        skill.manifest.asks = kept;
        let place = Place::at(folder)?;
        write_policy(&place, &skill)?;
        let home = Home::open(place, Options { compiler: Some(compiler), ..Options::default() })?;
        home.keep(file, bytes)?;
        Ok(Self { home, skill: Arc::new(skill), without: left_out })
    }

    /// The skill as it is rehearsed.
    #[must_use]
    pub fn skill(&self) -> &Skill {
        &self.skill
    }

    /// Runs every example, in the order of the manifest.
    ///
    /// # Errors
    /// When the host fails; whatever the skill does is a result.
    pub async fn run(&self) -> Result<Vec<Tried>, HomeError> {
        let mut tried = Vec::new();
        for example in &self.skill.manifest.examples {
            let differs = self.differs(example).await?;
            tried.push(Tried { operation: example.operation.clone(), line: example.line, differs });
        }
        Ok(tried)
    }

    async fn differs(&self, example: &Example) -> Result<Option<String>, HomeError> {
        let called =
            self.home.call(self.skill.clone(), &example.operation, example.input.clone(), "user:author");
        let finished = match called.await {
            Ok(finished) => finished,
            Err(error) if matches!(error.kind, Kind::Argument | Kind::Refused) => {
                return Ok(Some(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let output = finished.output.as_ref().and_then(|outputs| outputs.get("output"));
        let error = finished.skill_error.as_ref();
        let same = match &example.expected {
            Expected::Output(expected) => output == Some(expected),
            Expected::Error(expected) => error == Some(expected),
            Expected::Anything => output.is_some() || (error.is_none() && finished.output.is_some()),
        };
        if same {
            return Ok(None);
        }
        let reason = finished.standing.state.ended.as_ref().and_then(|ended| ended.reason.clone());
        let came = match (output, error) {
            (Some(output), _) => format!("answered {output}"),
            (None, Some(error)) => format!("said no: {error}"),
            (None, None) => reason.unwrap_or_else(|| "answered nothing".into()),
        };
        Ok(Some(format!("expected {}, {came}", wanted(&example.expected))))
    }
}

fn wanted(expected: &Expected) -> String {
    let value = |value: &Value| value.to_string();
    match expected {
        Expected::Output(output) => value(output),
        Expected::Error(error) => format!("the error {}", value(error)),
        Expected::Anything => "any answer".into(),
    }
}

/// A policy of exactly the rules that the skill's refusals say to paste, and empty forms for whatever else it imports.
fn write_policy(place: &Place, skill: &Skill) -> Result<(), HomeError> {
    for ask in skill.manifest.asks.iter().filter(|ask| ask.kind == Capability::Files) {
        let folder = place.root.join(ask.name.as_str());
        fs::create_dir_all(&folder).map_err(|cause| HomeError::io("make the folder", &folder, &cause))?;
    }
    let rules = rules_to_paste(skill);
    let surroundings = Surroundings { folder: &place.root, closed: &[], links: |_| false };
    let policy = Policy::parse("policy.toml", &format!("version = 1\n{rules}"), surroundings)?;
    let grants = policy.resolve(&skill.manifest).unwrap_or_default();
    let unmet = kapell_runtime::refusals(&skill.imports, &grants).into_iter().map(|refusal| refusal.subject);
    let inert: BTreeSet<String> =
        unmet.map(|import| format!("\"{}\"", import.split('@').next().unwrap_or(&import))).collect();
    let inert = Vec::from_iter(inert).join(", ");
    let text = format!("version = 1\ninert = [{inert}]\n\n{rules}\n{GENEROUS}");
    let path = place.policy();
    fs::write(&path, text).map_err(|cause| HomeError::io("write", &path, &cause))
}

/// What every ask would be granted by, the optional ones too.
fn rules_to_paste(skill: &Skill) -> String {
    let mut manifest = skill.manifest.clone();
    manifest.asks.iter_mut().for_each(|ask| ask.optional = false);
    let refusals = Policy::deny_all().resolve(&manifest).err().unwrap_or_default();
    refusals.into_iter().filter_map(|refusal| refusal.advice).collect()
}
