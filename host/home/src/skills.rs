//! Skills of a home: inspecting bytes, adding them, choosing the version in use.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_model::confusable::{Alike, alike};
use kapell_model::digest::Digest;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::grant::{GrantSet, Refusal};
use kapell_model::id::SkillName;
use kapell_model::limits::{EffectiveLimits, WishedLimits};
use kapell_model::manifest::{Manifest, Packed, SECTION};
use kapell_model::plan::SkillPin;
use kapell_model::seam::{Catalog, Skill};
use kapell_model::source::Diagnostics;
use kapell_runtime::section::custom_section;
use kapell_runtime::{CompileError, Imported, InstallError, LoadError};
use kapell_store::{CatalogSnapshot, Components as _, Installed, SkillEvent, Skills as _, What};
use semver::{Version, VersionReq};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A component as its bytes say, before anything is installed.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The skill it would be.
    pub skill: Skill,
    /// Whether the bytes carry a manifest.
    pub has_manifest: bool,
    /// What they import, function by function.
    pub functions: Imported,
}

/// A skill that was added.
#[derive(Clone, Debug)]
pub struct Added {
    /// The skill.
    pub skill: Arc<Skill>,
    /// The version in use before, if another one was.
    pub before: Option<Version>,
    /// The bytes that were this version before, where they were others.
    pub in_place_of: Option<Digest>,
    /// What policy would refuse it at present; it can be installed all the same.
    pub refusals: Vec<Refusal>,
    /// Why it is not in use but waits to be approved; the version in use before goes on serving.
    pub pending: Option<String>,
    /// The newer version that stays in use although this one is approved.
    pub newer_in_use: Option<Version>,
    /// Installed skills whose names differ from its own by one letter.
    pub near: Vec<SkillName>,
}

/// What became of a skill that was just installed: see [`Added`].
struct Admitted {
    pending: Option<String>,
    newer_in_use: Option<Version>,
}

impl Home {
    /// Reads a component's bytes; `file` is where they come from.
    ///
    /// # Errors
    /// `Invalid` for bytes that are no component, or carry a broken manifest.
    pub fn inspect(&self, file: &Path, bytes: &[u8]) -> Result<Inspected, HomeError> {
        inspect_file(file, bytes)
    }

    /// Installs a component. It is in use at once, and the next run takes it, unless it has to be approved first and is
    /// not, or a newer approved version is in use; a run under way or waiting keeps its own.
    ///
    /// # Errors
    /// As [`Home::inspect`]; `Refused` for a name that looks like an installed skill's; when it can't be compiled or
    /// kept.
    pub fn add(&self, file: &Path, bytes: &[u8], by: &str) -> Result<Added, HomeError> {
        let Inspected { skill, .. } = inspect_file(file, bytes)?;
        let near = self.names_like(&skill.pin.name)?;
        self.check_version_is_free(&skill.pin)?;
        let in_place_of = self.other_bytes(&skill.pin)?;
        self.keep(file, bytes)?;
        let before = self.store.catalog()?.find(&skill.pin.name, None).map(|skill| skill.pin.version.clone());
        let reached = |point| fault::reach(point).map_err(|cause| HomeError::io("install", file, &cause));
        reached(FaultPoint::SkillKept)?;
        // Who added it is known before anybody can approve it.
        self.record(What::Added, &skill.pin, by, None)?;
        self.store.put_skill(&skill, &file.display().to_string(), self.clock.now())?;
        reached(FaultPoint::SkillInstalled)?;
        let Admitted { pending, newer_in_use } = self.admit(&skill, by)?;
        let refusals = self.grants(&skill, None, &WishedLimits::default()).err().unwrap_or_default();
        Ok(Added { skill: Arc::new(skill), before, in_place_of, refusals, pending, newer_in_use, near })
    }

    /// Where nothing unapproved runs, a version that is approved stays those bytes: whoever names it means them.
    fn check_version_is_free(&self, pin: &SkillPin) -> Result<(), HomeError> {
        let lock = self.lock()?;
        let mut approved = lock.skills.iter().map(|it| &it.pin);
        let other = approved
            .find(|it| it.name == pin.name && it.version == pin.version && it.component != pin.component);
        match other.filter(|_| lock.locked && lock.skill(pin).is_none()) {
            None => Ok(()),
            Some(other) => {
                let (name, version, bytes) = (&pin.name, &pin.version, other.component.short());
                let words = format!("{name} {version} is approved with other bytes ({bytes})");
                Err(HomeError::new(Kind::Refused, words)
                    .hint("other bytes are another version: give them a number of their own"))
            }
        }
    }

    /// The bytes that are this version so far, where they are others: they stop being it.
    fn other_bytes(&self, pin: &SkillPin) -> Result<Option<Digest>, HomeError> {
        let installed = self.store.installed()?;
        let mut pins = installed.iter().map(|it| &it.skill.pin);
        let same = pins.find(|it| it.name == pin.name && it.version == pin.version);
        Ok(same.map(|it| it.component).filter(|component| *component != pin.component))
    }

    /// Puts a skill in use that was just installed, or says why it waits. Where something had to be approved, an older
    /// version does not take the place of a newer one by being brought.
    fn admit(&self, skill: &Skill, by: &str) -> Result<Admitted, HomeError> {
        let pin = &skill.pin;
        if let Err(why) = self.approved_or_itself(skill)? {
            self.record(What::Pending, pin, by, Some(why.to_string()))?;
            return Ok(Admitted { pending: Some(why.to_string()), newer_in_use: None });
        }
        let newer_in_use = if self.is_locked()? { self.newer_in_use(pin)? } else { None };
        if newer_in_use.is_none() {
            self.store.use_skill(&pin.name, &pin.version, self.clock.now(), by)?;
        }
        Ok(Admitted { pending: None, newer_in_use })
    }

    /// Installed skills whose names are near this one.
    fn names_like(&self, name: &SkillName) -> Result<Vec<SkillName>, HomeError> {
        let mut near = Vec::new();
        let installed = self.store.installed()?.into_iter().map(|it| it.skill.pin.name.clone());
        for installed in installed.collect::<BTreeSet<_>>() {
            match alike(name, &installed) {
                Some(Alike::Confusable) => {
                    let words = format!(
                        "{name} is refused: its name looks like that of {installed}, which is installed"
                    );
                    return Err(HomeError::new(Kind::Refused, words)
                        .hint("a skill keeps one name over all its versions; another skill takes one that looks different"));
                }
                Some(Alike::Near) => near.push(installed),
                None => {}
            }
        }
        Ok(near)
    }

    /// Keeps a component's bytes and its compiled form, so that a run can use it.
    pub(crate) fn keep(&self, file: &Path, bytes: &[u8]) -> Result<(), HomeError> {
        self.runtime.install(bytes, |_| {}).map_err(|cause| match cause {
            InstallError::Load(cause) => invalid(file, &cause),
            InstallError::Compile(cause) => uncompiled(file, &cause),
        })?;
        self.store.put_component(bytes)?;
        Ok(())
    }

    /// The bytes of an installed component, checked against their digest.
    ///
    /// # Errors
    /// When they are not there or not what was written.
    pub fn component(&self, digest: &Digest) -> Result<Vec<u8>, HomeError> {
        Ok(self.store.component(digest)?.to_vec())
    }

    /// Puts another installed version in use. Of what may run, whoever has the home chooses; who did stands in its
    /// history.
    ///
    /// # Errors
    /// `NotFound` when it is not installed; `Refused` when it is not approved and has to be.
    pub fn use_version(
        &self,
        name: &SkillName,
        version: &Version,
        by: &str,
    ) -> Result<SkillEvent, HomeError> {
        if let Ok(skill) = self.installed_skill(name.as_str(), Some(version)) {
            let what = format!("{name} {version}");
            self.check_approved(&skill).map_err(|refusal| HomeError::refused(&what, vec![refusal]))?;
        }
        Ok(self.store.use_skill(name, version, self.clock.now(), by)?)
    }

    /// All installed skills.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn skills(&self) -> Result<Vec<Installed>, HomeError> {
        Ok(self.store.installed()?)
    }

    /// What happened to a skill when and by whom.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn skill_events(&self, name: &SkillName) -> Result<Vec<SkillEvent>, HomeError> {
        Ok(self.store.events(name)?)
    }

    /// The skill in use by that name, or the newest installed when none is in use.
    ///
    /// # Errors
    /// `NotFound` with the nearest name there is.
    pub fn skill(&self, name: &str) -> Result<Arc<Skill>, HomeError> {
        let catalog = self.offered()?;
        let found = name.parse::<SkillName>().ok().and_then(|name| catalog.find(&name, None));
        let names = catalog.names();
        found.ok_or_else(|| HomeError::not_found("skill", name, names.iter().map(SkillName::as_str)))
    }

    /// The skills that flows and people may name: those in use, and those that only wait, so that they are refused
    /// for what they are and not called unknown.
    pub(crate) fn offered(&self) -> Result<Offered, HomeError> {
        Ok(Offered { used: self.store.catalog()?, installed: self.store.installed()? })
    }

    /// One installed version; the newest without one.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn installed_skill(
        &self,
        name: &str,
        version: Option<&Version>,
    ) -> Result<Arc<Skill>, HomeError> {
        let installed = self.store.installed()?;
        let named: Vec<_> = installed.iter().filter(|it| it.skill.pin.name.as_str() == name).collect();
        if named.is_empty() {
            let known: BTreeSet<&str> = installed.iter().map(|it| it.skill.pin.name.as_str()).collect();
            return Err(HomeError::not_found("skill", name, known));
        }
        let found = named.iter().rfind(|it| version.is_none_or(|version| it.skill.pin.version == *version));
        let missing =
            || format!("{name} {} is not installed", version.map(ToString::to_string).unwrap_or_default());
        found.map(|it| Arc::clone(&it.skill)).ok_or_else(|| HomeError::new(Kind::NotFound, missing()))
    }

    /// Records something that happened to a version of a skill.
    pub(crate) fn record(
        &self,
        what: What,
        pin: &SkillPin,
        by: &str,
        why: Option<String>,
    ) -> Result<(), HomeError> {
        let event = SkillEvent { what, pin: pin.clone(), at: self.clock.now(), by: by.into(), why };
        Ok(self.store.record_event(&event)?)
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

/// See [`Home::offered`].
pub(crate) struct Offered {
    used: CatalogSnapshot,
    installed: Vec<Installed>,
}

impl Catalog for Offered {
    fn find(&self, name: &SkillName, version: Option<&VersionReq>) -> Option<Arc<Skill>> {
        let waits = || {
            let named = |it: &&Installed| it.skill.pin.name == *name;
            let fits = |it: &&Installed| version.is_none_or(|version| version.matches(&it.skill.pin.version));
            let unused = !self.installed.iter().filter(named).any(|it| it.in_use);
            self.installed.iter().filter(named).filter(|_| unused).rfind(fits).map(|it| Arc::clone(&it.skill))
        };
        self.used.find(name, version).or_else(waits)
    }

    fn names(&self) -> Vec<SkillName> {
        let names: BTreeSet<SkillName> = self.installed.iter().map(|it| it.skill.pin.name.clone()).collect();
        names.into_iter().collect()
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
        Some(packed) => {
            (packed.manifest().map_err(|problems| in_file(file, problems))?, packed.version.clone())
        }
        None => (Manifest::without(name_of(file)?), Version::new(0, 0, 0)),
    };
    let exported: Vec<&str> = inspection.operations.iter().map(|operation| operation.name.as_str()).collect();
    let beside = |problems| in_file(file, problems);
    manifest.check_operations("skill.toml", &exported).map_err(beside)?;
    manifest.check_private("skill.toml", &inspection.operations).map_err(beside)?;
    let pin = SkillPin { name: manifest.name.clone(), version, component: inspection.digest };
    let (operations, imports, functions) = (inspection.operations, inspection.imports, inspection.functions);
    let skill = Skill { pin, manifest, operations, imports, bytes: bytes.len() as u64 };
    Ok(Inspected { skill, has_manifest: packed.is_some(), functions })
}

/// Problems of a manifest, which several components may have: each names the component it travels in.
fn in_file(file: &Path, mut problems: Diagnostics) -> HomeError {
    for problem in &mut problems.0 {
        problem.file = format!("{}: {}", file.display(), problem.file);
    }
    problems.into()
}

pub(crate) fn invalid(file: &Path, cause: &LoadError) -> HomeError {
    HomeError::new(Kind::Invalid, format!("{}: {cause}", file.display())).hint(cause.advice())
}

/// Bytes that were let in and came to no compiled form: for what they are, for want of an approval, or by the host's own
/// trouble.
pub(crate) fn uncompiled(file: &Path, cause: &CompileError) -> HomeError {
    let kind = match cause {
        CompileError::Invalid { .. }
        | CompileError::Processor { .. }
        | CompileError::Time { .. }
        | CompileError::Memory { .. }
        | CompileError::Form { .. } => Kind::Invalid,
        CompileError::NobodyApproved => Kind::Refused,
        CompileError::Died { .. }
        | CompileError::Start { .. }
        | CompileError::Untrusted
        | CompileError::Keep(_) => Kind::Internal,
    };
    HomeError::new(kind, format!("{}: {cause}", file.display())).hint(cause.advice())
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
