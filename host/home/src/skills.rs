//! Skills of a home: inspecting bytes, adding them, choosing the version in use.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_model::grant::{GrantSet, Refusal};
use kapell_model::id::SkillName;
use kapell_model::limits::{EffectiveLimits, WishedLimits};
use kapell_model::manifest::{Manifest, Packed, SECTION};
use kapell_model::plan::SkillPin;
use kapell_model::seam::{Catalog as _, Skill};
use kapell_runtime::section::custom_section;
use kapell_runtime::{InstallError, LoadError};
use kapell_store::{Components as _, Installed, Skills as _, Swap};
use semver::Version;
use std::path::Path;
use std::sync::Arc;

/// A component as its bytes say, before anything is installed.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The skill it would be.
    pub skill: Skill,
    /// Whether the bytes carry a manifest.
    pub has_manifest: bool,
}

/// A skill that was added.
#[derive(Clone, Debug)]
pub struct Added {
    /// The skill.
    pub skill: Arc<Skill>,
    /// The version in use before, if another one was.
    pub before: Option<Version>,
    /// What policy would refuse it at present; it can be installed all the same.
    pub refusals: Vec<Refusal>,
}

impl Home {
    /// Reads a component's bytes; `file` is where they come from.
    ///
    /// # Errors
    /// `Invalid` for bytes that are no component, or carry a broken manifest.
    pub fn inspect(&self, file: &Path, bytes: &[u8]) -> Result<Inspected, HomeError> {
        inspect_file(file, bytes)
    }

    /// Installs a component and puts it in use: the next run takes it. A run under way or waiting keeps its own.
    ///
    /// # Errors
    /// As [`Home::inspect`]; when it can't be compiled or kept.
    pub fn add(&self, file: &Path, bytes: &[u8], by: &str) -> Result<Added, HomeError> {
        let Inspected { skill, .. } = inspect_file(file, bytes)?;
        self.keep(file, bytes)?;
        let before = self.store.catalog()?.find(&skill.pin.name, None).map(|skill| skill.pin.version.clone());
        let now = self.clock.now();
        self.store.put_skill(&skill, &file.display().to_string(), now)?;
        self.store.use_skill(&skill.pin.name, &skill.pin.version, now, by)?;
        let refusals = self.grants(&skill, None, &WishedLimits::default()).err().unwrap_or_default();
        Ok(Added { skill: Arc::new(skill), before, refusals })
    }

    /// Keeps a component's bytes and its compiled form, so that a run can use it.
    pub(crate) fn keep(&self, file: &Path, bytes: &[u8]) -> Result<(), HomeError> {
        self.runtime.install(bytes, |_| {}).map_err(|cause| match cause {
            InstallError::Load(cause) => invalid(file, &cause),
            InstallError::Keep(_) => HomeError::new(Kind::Internal, cause.to_string()),
        })?;
        self.store.put_component(bytes)?;
        Ok(())
    }

    /// Puts another installed version in use.
    ///
    /// # Errors
    /// `NotFound` when it is not installed.
    pub fn use_version(&self, name: &SkillName, version: &Version, by: &str) -> Result<Swap, HomeError> {
        Ok(self.store.use_skill(name, version, self.clock.now(), by)?)
    }

    /// All installed skills.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn skills(&self) -> Result<Vec<Installed>, HomeError> {
        Ok(self.store.installed()?)
    }

    /// What was put in use when and by whom.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn swaps(&self, name: &SkillName) -> Result<Vec<Swap>, HomeError> {
        Ok(self.store.swaps(name)?)
    }

    /// The skill in use by that name.
    ///
    /// # Errors
    /// `NotFound` with the nearest name there is.
    pub fn skill(&self, name: &str) -> Result<Arc<Skill>, HomeError> {
        let catalog = self.store.catalog()?;
        let found = name.parse::<SkillName>().ok().and_then(|name| catalog.find(&name, None));
        let names = catalog.names();
        found.ok_or_else(|| HomeError::not_found("skill", name, names.iter().map(SkillName::as_str)))
    }

    /// What a skill, or one operation of it, may reach and spend here, or what is refused and the rule that would permit it.
    ///
    /// # Errors
    /// The refusals.
    pub fn grants(
        &self,
        skill: &Skill,
        operation: Option<&str>,
        flow: &WishedLimits,
    ) -> Result<(GrantSet, EffectiveLimits), Vec<Refusal>> {
        let grants = match operation {
            Some(operation) => self.policy.resolve_operation(&skill.manifest, operation)?,
            None => self.policy.resolve(&skill.manifest)?,
        };
        let refusals = kapell_runtime::refusals(&skill.imports, &grants);
        match refusals.is_empty() {
            true => Ok((grants, self.policy.limits(&skill.manifest, flow))),
            false => Err(refusals),
        }
    }
}

/// Reads a component's bytes without a home.
///
/// # Errors
/// As [`Home::inspect`].
pub fn inspect_file(file: &Path, bytes: &[u8]) -> Result<Inspected, HomeError> {
    let inspection = kapell_runtime::inspect(bytes).map_err(|cause| invalid(file, &cause))?;
    let broken = |cause: String| HomeError::new(Kind::Invalid, format!("{}: {cause}", file.display()));
    let section = custom_section(bytes, SECTION).map_err(|cause| broken(cause.to_string()))?;
    let packed = section.map(Packed::decode).transpose().map_err(|cause| broken(cause.to_string()))?;
    let (manifest, version) = match &packed {
        Some(packed) => (packed.manifest()?, packed.version.clone()),
        None => (Manifest::without(name_of(file)?), Version::new(0, 0, 0)),
    };
    let exported: Vec<&str> = inspection.operations.iter().map(|operation| operation.name.as_str()).collect();
    manifest.check_operations("skill.toml", &exported)?;
    let pin = SkillPin { name: manifest.name.clone(), version, component: inspection.digest };
    let (operations, imports) = (inspection.operations, inspection.imports);
    let skill = Skill { pin, manifest, operations, imports, bytes: bytes.len() as u64 };
    Ok(Inspected { skill, has_manifest: packed.is_some() })
}

fn invalid(file: &Path, cause: &LoadError) -> HomeError {
    HomeError::new(Kind::Invalid, format!("{}: {cause}", file.display())).hint(cause.advice())
}

/// A component without a manifest is known by its file: `local:pdf-reader` for `pdf_reader.wasm`.
fn name_of(file: &Path) -> Result<SkillName, HomeError> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let words = stem.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    let name = if name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name
    } else {
        format!("skill-{name}")
    };
    let name = format!("local:{}", name.trim_end_matches('-').chars().take(56).collect::<String>());
    name.trim_end_matches('-')
        .parse()
        .map_err(|cause| HomeError::new(Kind::Argument, format!("{}: {cause}", file.display())))
}
