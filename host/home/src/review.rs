//! Reviewing: what a person must see of a skill before they let it in, put together from its bytes, the policy and
//! the version approved before.

use crate::directories;
use crate::error::HomeError;
use crate::home::Home;
use crate::skills::{Inspected, inspect_file, invalid};
use kapell_model::grant::GrantSet;
use kapell_model::limits::{Limits, WishedLimits};
use kapell_model::lock::{Lock, LockedSkill, Wanted, grant_lines};
use kapell_model::manifest::{Ask, SECTION};
use kapell_model::plan::SkillPin;
use kapell_model::policy::Decided;
use kapell_model::review::{
    Class, Compared, Difference, Review, ReviewedAsk, ReviewedImport, ReviewedOperation, Standing,
};
use kapell_model::seam::Skill;
use kapell_model::shape::operations_digest;
use kapell_runtime::section::custom_section;
use kapell_runtime::{Imported, classify};
use kapell_store::{Components as _, Installed, Skills as _};
use semver::Version;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What is reviewed.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'s> {
    /// A component's bytes, and the file they come from.
    File(&'s Path, &'s [u8]),
    /// An installed skill: the version, else one that waits to be approved, else the one in use.
    Installed(&'s str, Option<&'s Version>),
}

/// A skill with its imports function by function, as its bytes say.
struct Looked {
    skill: Arc<Skill>,
    functions: Imported,
    has_manifest: bool,
}

/// A version to compare with: what it may reach and spend is what was approved, where anything was.
struct Base {
    looked: Looked,
    grants: GrantSet,
    limits: Limits,
}

impl Home {
    /// Everything a person must see of a skill, compared with the version `against`, else with the one approved, else
    /// with the one in use.
    ///
    /// # Errors
    /// `NotFound` for a skill or version that is not installed; `Invalid` for bytes that are no skill.
    pub fn review(&self, subject: Subject<'_>, against: Option<&Version>) -> Result<Review, HomeError> {
        let looked = match subject {
            Subject::File(file, bytes) => {
                let Inspected { skill, functions, has_manifest } = inspect_file(file, bytes)?;
                Looked { skill: Arc::new(skill), functions, has_manifest }
            }
            Subject::Installed(name, version) => self.look(self.to_review(name, version)?)?,
        };
        let base = self.base(&looked.skill, against)?;
        self.reviewed(&looked, base.as_ref())
    }

    /// The installed version a person means when they review or approve a skill by name.
    pub(crate) fn to_review(&self, name: &str, version: Option<&Version>) -> Result<Arc<Skill>, HomeError> {
        if version.is_some() {
            return self.installed_skill(name, version);
        }
        let installed = self.store.installed()?;
        let named = installed.iter().filter(|it| it.skill.pin.name.as_str() == name);
        let waiting = self.waiting(&*self.locks.now()?, &installed);
        let waiting = waiting.into_iter().rfind(|it| it.skill.pin.name.as_str() == name);
        match waiting.or_else(|| named.clone().find(|it| it.in_use)) {
            Some(found) => Ok(Arc::clone(&found.skill)),
            None => self.installed_skill(name, None),
        }
    }

    /// The installed versions that wait to be approved: newer than what is in use, and neither approved nor taken back.
    pub(crate) fn waiting<'i>(&self, lock: &Lock, installed: &'i [Installed]) -> Vec<&'i Installed> {
        let (now, approvers) = (self.clock.now(), self.policy.approvers(lock.locked));
        let waits = |pin: &SkillPin| {
            lock.counting(pin, now, approvers).is_none() && lock.revocation(&pin.component).is_none()
        };
        let newer = |pin: &SkillPin| {
            let used = installed.iter().find(|it| it.in_use && it.skill.pin.name == pin.name);
            used.is_none_or(|used| pin.version > used.skill.pin.version)
        };
        installed.iter().filter(|it| lock.locked && newer(&it.skill.pin) && waits(&it.skill.pin)).collect()
    }

    /// What the bytes of an installed skill say.
    fn look(&self, skill: Arc<Skill>) -> Result<Looked, HomeError> {
        let bytes = self.store.component(&skill.pin.component)?;
        let named = Path::new(skill.pin.name.as_str());
        let functions = kapell_runtime::inspect(&bytes).map_err(|cause| invalid(named, &cause))?.functions;
        let has_manifest = custom_section(&bytes, SECTION).is_ok_and(|section| section.is_some());
        Ok(Looked { skill, functions, has_manifest })
    }

    /// The version to compare with; none when there is no other.
    fn base(&self, skill: &Skill, against: Option<&Version>) -> Result<Option<Base>, HomeError> {
        let name = &skill.pin.name;
        let lock = self.locks.now()?;
        let (now, approvers) = (self.clock.now(), self.policy.approvers(lock.locked));
        let counts = |pin: &SkillPin| lock.counting(pin, now, approvers).is_some();
        let found = match against {
            Some(version) => Some(self.installed_skill(name.as_str(), Some(version))?),
            None if counts(&skill.pin) => Some(Arc::new(skill.clone())),
            None => {
                let installed = self.store.installed()?;
                let others =
                    installed.iter().filter(|it| it.skill.pin.name == *name && it.skill.pin != skill.pin);
                let approved = others.clone().filter(|it| counts(&it.skill.pin));
                let best = approved.clone().find(|it| it.in_use).or_else(|| approved.clone().next_back());
                let best = best.map(|it| Arc::clone(&it.skill));
                // What was approved once is something to compare with, where nothing that counts is.
                let once = || lock.skill(&skill.pin).map(|_| Arc::new(skill.clone()));
                let used = || others.clone().find(|it| it.in_use).map(|it| Arc::clone(&it.skill));
                best.or_else(once).or_else(used)
            }
        };
        let Some(found) = found else { return Ok(None) };
        let approved = lock.skill(&found.pin).map(|it| (it.grants.clone(), it.limits));
        let (grants, limits) = approved.unwrap_or_else(|| self.given(&found));
        // A file that was approved before need not be installed here.
        let Ok(looked) = self.look(found) else { return Ok(None) };
        Ok(Some(Base { looked, grants, limits }))
    }

    /// What the policy gives a skill, be it all it asks for or not, and what it may spend.
    fn given(&self, skill: &Skill) -> (GrantSet, Limits) {
        let limits = self.policy.limits(&skill.manifest, &WishedLimits::default()).limits;
        let grants = match self.grants(skill, None, &WishedLimits::default()) {
            Ok((grants, _)) => self.as_found(grants),
            Err(_) => self.policy.resolve_apart(&skill.manifest).0,
        };
        (grants, limits)
    }

    /// The same grants with the directories that stand there now.
    pub(crate) fn as_found(&self, grants: GrantSet) -> GrantSet {
        directories::as_found(grants, self.walk)
    }

    fn reviewed(&self, looked: &Looked, base: Option<&Base>) -> Result<Review, HomeError> {
        let Looked { skill, functions, has_manifest } = looked;
        let (grants, limits) = self.given(skill);
        let imports = classify(functions, &grants);
        let (own, folder) = (names(functions), self.place.root.as_path());
        let compared = Compared { skill, functions: &own, grants: &grants, limits: &limits, folder };
        let difference = base.map(|base| {
            let functions = names(&base.looked.functions);
            let (skill, grants, limits) = (&*base.looked.skill, &base.grants, &base.limits);
            Difference::between(&Compared { skill, functions: &functions, grants, limits, folder }, &compared)
        });
        let operation = |operation: &kapell_model::shape::Operation| ReviewedOperation {
            operation: operation.clone(),
            claim: skill.manifest.claim(&operation.name),
        };
        Ok(Review {
            schema: "kapell.review/1",
            skill: skill.pin.clone(),
            summary: skill.manifest.summary.clone(),
            owner: skill.manifest.owner.clone(),
            bytes: skill.bytes,
            has_manifest: *has_manifest,
            operations: skill.operations.iter().map(operation).collect(),
            shape: operations_digest(&skill.operations),
            asks: self.reviewed_asks(skill, &imports),
            imports,
            grants: grant_lines(&grants, folder),
            limits: self.policy.limits(&skill.manifest, &WishedLimits::default()),
            difference,
            observed: self.observed(&skill.pin)?,
            standing: self.skill_standing(skill)?,
        })
    }

    fn reviewed_asks(&self, skill: &Skill, imports: &[ReviewedImport]) -> Vec<ReviewedAsk> {
        let usable = |ask: &Ask| imports.iter().any(|import| import.lent_by == Some(ask.kind));
        let decisions = self.policy.decisions(&skill.manifest);
        let reviewed = decisions.map(|(ask, decision)| {
            let (class, rule, refusal) = match decision.clone() {
                Ok(Decided { grant: Some(grant), .. }) => {
                    (Class::Granted, Some(grant.rule.to_string()), None)
                }
                Ok(_) => (Class::Inert, None, None),
                Err(refusal) => (Class::Refused, None, Some(refusal)),
            };
            let withheld_by = decision.ok().and_then(|it| it.withheld?.rule).map(|rule| rule.to_string());
            ReviewedAsk { ask: ask.clone(), class, rule, withheld_by, refusal, unused: !usable(ask) }
        });
        reviewed.collect()
    }

    /// Whether a version is approved.
    ///
    /// # Errors
    /// When the lock can't be read.
    pub(crate) fn skill_standing(&self, skill: &Skill) -> Result<Standing, HomeError> {
        let lock = self.locks.now()?;
        let (grants, limits) = self.given(skill);
        let (now, approvers) = (self.clock.now(), self.policy.approvers(lock.locked));
        let wanted = Wanted { pin: &skill.pin, grants: &grants, limits: &limits, now, approvers };
        let approval = |it: &LockedSkill| Standing::Approved { approval: it.approval.clone() };
        Ok(match lock.permits(&wanted) {
            Err(why) => Standing::Unapproved { why: why.to_string() },
            Ok(()) => lock.skill(&skill.pin).map_or(Standing::Development, approval),
        })
    }
}

fn names(functions: &Imported) -> BTreeMap<String, Vec<String>> {
    let named = |functions: &Vec<kapell_runtime::ImportedFunction>| {
        functions.iter().map(|it| it.name.clone()).collect()
    };
    functions.iter().map(|(interface, functions)| (interface.clone(), named(functions))).collect()
}
