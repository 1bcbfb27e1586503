//! Approving and revoking skills, and whether the lock still says what is so.

use crate::error::{HomeError, Kind};
use crate::home::{Home, read_policy};
use crate::review::Subject;
use kapell_model::grant::{Authority, GrantSet, Refusal};
use kapell_model::limits::WishedLimits;
use kapell_model::lock::{
    Approval, ITSELF, Lock, LockedSkill, Revoked, Unapproved, Wanted, grant_lines, limits_line,
};
use kapell_model::plan::SkillPin;
use kapell_model::policy::Approvers;
use kapell_model::quantity::Timestamp;
use kapell_model::review::{Review, Standing};
use kapell_model::seam::{Catalog as _, Skill};
use kapell_model::shape::operations_digest;
use kapell_store::{Components as _, Installed, Skills as _, What};
use semver::Version;
use std::path::PathBuf;
use std::sync::Arc;

/// What to do about bytes that are called from a file and that nobody approved.
const INSTALL_FIRST: &str = "`kapell add FILE` installs it; then it can be reviewed and approved";

#[cfg(test)]
mod tests;

/// An approval as a face takes it.
#[derive(Clone, Debug)]
pub struct Approving {
    /// The skill's name.
    pub name: String,
    /// The version; see [`Subject::Installed`].
    pub version: Option<Version>,
    /// The version the review was compared with, when it was not the usual one.
    pub against: Option<Version>,
    /// The digest of the review that was shown, or at least its first 12 hex digits.
    pub shown: String,
    /// From when on the approval counts no more.
    pub expires: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Who approves, `user:NAME`.
    pub by: String,
}

/// A revocation as a face takes it.
#[derive(Clone, Debug)]
pub struct Revoking {
    /// The skill's name.
    pub name: String,
    /// The version; the one in use without it.
    pub version: Option<Version>,
    /// Why.
    pub reason: Option<String>,
    /// Who revokes, `user:NAME`.
    pub by: String,
}

/// A version that was approved.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The version.
    pub pin: SkillPin,
    /// The approval as it stands in the lock.
    pub approval: Approval,
    /// Whether it was put in use by that.
    pub put_in_use: bool,
}

/// An installed version and where it stands.
#[derive(Clone, Debug)]
pub struct SkillState {
    /// The version.
    pub installed: Installed,
    /// Whether it is approved.
    pub standing: Standing,
}

/// Something that is not as the lock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Which skill or flow.
    pub subject: String,
    /// What is not so.
    pub what: String,
}

impl Home {
    /// Approves a version as it was shown; in a locked home it is in use from then on, when it is newer than what is
    /// in use or that may not run.
    ///
    /// # Errors
    /// `Refused` when something else would be shown now, when the policy refuses what the skill asks for, or when this
    /// person may not approve it; nothing is changed then.
    pub fn approve(&self, approving: &Approving) -> Result<Approved, HomeError> {
        let skill = self.to_review(&approving.name, approving.version.as_ref())?;
        let subject = Subject::Installed(&approving.name, Some(&skill.pin.version));
        let review = self.review(subject, approving.against.as_ref())?;
        self.check_shown(&review, &approving.shown)?;
        let what = format!("approving {} {}", skill.pin.name, skill.pin.version);
        let may = self.check_approver(&skill.pin, &approving.by)?;
        may.map_err(|refusal| HomeError::refused(&what, vec![refusal]))?;
        if approving.expires.is_some_and(|at| at <= self.clock.now()) {
            return Err(HomeError::new(Kind::Argument, "the approval would have expired already"));
        }
        let approval = Approval {
            by: approving.by.clone(),
            at: self.clock.now(),
            expires: approving.expires,
            reason: self.reason_without_secrets(approving.reason.as_deref()),
            shown: review.digest(),
        };
        self.write_approval(&skill, approval.clone())?;
        let put_in_use = self.use_approved(&skill, &approving.by)?;
        Ok(Approved { pin: skill.pin.clone(), approval, put_in_use })
    }

    /// Only what the person saw: the same bytes, asks, grants, limits and differences, under the policy as it is now.
    fn check_shown(&self, review: &Review, shown: &str) -> Result<(), HomeError> {
        let (pin, digest) = (&review.skill, review.digest());
        let again = format!("read `kapell review {} --version {}` as it is now", pin.name, pin.version);
        let hex = shown.strip_prefix("sha256:").unwrap_or(shown);
        if hex.len() < 12 || !digest.hex().starts_with(hex) {
            let words = format!("what is shown of {} {} now is not what was shown", pin.name, pin.version);
            return Err(HomeError::new(Kind::Refused, words).hint(again));
        }
        if read_policy(&self.place)?.1.digest != self.policy.digest {
            return Err(HomeError::new(Kind::Refused, "the policy has changed meanwhile").hint(again));
        }
        let refusals: Vec<String> = review.refusals().collect();
        match refusals.as_slice() {
            [] => Ok(()),
            [first, ..] => {
                let words =
                    format!("{} {} can't be approved while it is refused {first}", pin.name, pin.version);
                Err(HomeError::new(Kind::Refused, words)
                    .hint("permit it in policy.toml first, and review it again"))
            }
        }
    }

    /// Whether that person may approve those bytes, by the policy as it is now.
    fn check_approver(&self, pin: &SkillPin, person: &str) -> Result<Result<(), Refusal>, HomeError> {
        let events = self.store.events(&pin.name)?;
        let added = events.iter().filter(|it| it.what == What::Added && it.pin.component == pin.component);
        let asked_by: Vec<String> = added.map(|it| it.by.clone()).collect();
        Ok(self.policy.may_approve(person, &asked_by, self.is_locked()?))
    }

    /// What happened is recorded before it can have an effect.
    fn write_approval(&self, skill: &Skill, approval: Approval) -> Result<(), HomeError> {
        let (grants, limits) = self.grants(skill, None, &WishedLimits::default()).map_err(|refusals| {
            HomeError::refused(&format!("approving {} {}", skill.pin.name, skill.pin.version), refusals)
        })?;
        let grants = self.as_found(grants);
        self.record(What::Approved, &skill.pin, &approval.by, approval.reason.clone())?;
        self.locks.change(|lock| {
            let shape = operations_digest(&skill.operations);
            lock.approve(LockedSkill {
                pin: skill.pin.clone(),
                shape,
                grants,
                limits: limits.limits,
                approval,
            });
            Ok(())
        })
    }

    fn use_approved(&self, skill: &Skill, by: &str) -> Result<bool, HomeError> {
        let pin = &skill.pin;
        let better = match self.store.catalog()?.find(&pin.name, None) {
            None => true,
            Some(used) => used.pin != *pin && self.is_locked()? && self.newer_in_use(pin)?.is_none(),
        };
        if better {
            self.store.use_skill(&pin.name, &pin.version, self.clock.now(), by)?;
        }
        Ok(better)
    }

    /// The version in use, where it is a newer one that may run: it gives way to an older one only when somebody says so.
    pub(crate) fn newer_in_use(&self, pin: &SkillPin) -> Result<Option<Version>, HomeError> {
        let used = self.store.catalog()?.find(&pin.name, None);
        let newer = used.filter(|it| it.pin.version > pin.version && self.check_approved(it).is_ok());
        Ok(newer.map(|it| it.pin.version.clone()))
    }

    /// Takes a version back: no attempt of it begins any more, and attempts under way, in whatever process, end within
    /// a tenth of a second.
    ///
    /// # Errors
    /// `NotFound`; `Refused` when the home is locked and this person is not of those who approve.
    pub fn revoke(&self, revoking: &Revoking) -> Result<Vec<SkillPin>, HomeError> {
        let pins = self.all_bytes_of(&revoking.name, revoking.version.as_ref())?;
        let may = self.policy.may_approve(&revoking.by, &[], self.is_locked()?);
        may.map_err(|refusal| HomeError::refused(&format!("revoking {}", revoking.name), vec![refusal]))?;
        let (by, at) = (&revoking.by, self.clock.now());
        let reason = self.reason_without_secrets(revoking.reason.as_deref());
        // In effect before it is recorded: whatever keeps it from being recorded must not keep it from ending what runs.
        self.locks.change(|lock| {
            for pin in &pins {
                lock.revoke(Revoked { pin: pin.clone(), by: by.clone(), at, reason: reason.clone() });
            }
            Ok(())
        })?;
        for pin in &pins {
            self.record(What::Revoked, pin, by, reason.clone())?;
        }
        Ok(pins)
    }

    /// Whatever is installed as a version, the one in use without any: the same version may have been brought more than
    /// once, and whoever takes it back means all of it.
    fn all_bytes_of(&self, name: &str, version: Option<&Version>) -> Result<Vec<SkillPin>, HomeError> {
        let meant = match version {
            Some(version) => self.installed_skill(name, Some(version))?,
            None => self.skill(name)?,
        };
        let installed = self.store.installed()?.into_iter().map(|it| it.skill.pin.clone());
        Ok(installed.filter(|pin| pin.name == meant.pin.name && pin.version == meant.pin.version).collect())
    }

    /// All installed versions and where each stands.
    ///
    /// # Errors
    /// When store or lock can't be read.
    pub fn skill_states(&self) -> Result<Vec<SkillState>, HomeError> {
        let state = |installed: Installed| {
            let standing = self.skill_standing(&installed.skill)?;
            Ok(SkillState { installed, standing })
        };
        self.skills()?.into_iter().map(state).collect()
    }

    /// As [`Home::grants`], and nothing that is not approved where it has to be; a refusal for want of an approval is
    /// recorded.
    pub(crate) fn permitted(
        &self,
        skill: &Skill,
        operation: Option<&str>,
        flow: &WishedLimits,
    ) -> Result<kapell_model::flow::Resolved, Vec<Refusal>> {
        self.check_approved(skill).map_err(|refusal| {
            // Whoever is refused is told so whether or not it could be recorded.
            let recorded = self.record(What::Refused, &skill.pin, &self.user, Some(refusal.why.clone()));
            let unrecorded = recorded.err().map(|error| Refusal { why: error.message, ..refusal.clone() });
            std::iter::once(refusal).chain(unrecorded).collect::<Vec<_>>()
        })?;
        self.grants(skill, operation, flow)
    }

    /// Whether a version may run with what the policy gives it now.
    pub(crate) fn check_approved(&self, skill: &Skill) -> Result<(), Refusal> {
        let unreadable = |error: HomeError| Refusal {
            subject: format!("{} {}", skill.pin.name, skill.pin.version),
            why: error.message,
            rule: None,
            asked_at: None,
            advice: None,
        };
        let Err(why) = self.permits(skill).map_err(unreadable)? else { return Ok(()) };
        let mut refusal = why.refusal(&skill.pin);
        let installed = self.store.installed().map_err(|error| unreadable(error.into()))?;
        // What is not installed has no name yet to review and approve it by.
        if !installed.iter().any(|it| it.skill.pin == skill.pin) {
            return Err(Refusal { advice: Some(INSTALL_FIRST.into()), ..refusal });
        }
        if let (Some(advice), Some(other)) =
            (&mut refusal.advice, self.may_run_instead(&skill.pin, &installed))
        {
            let (name, version) = (&other.name, &other.version);
            advice.push_str(&format!(
                "; {version} may run: `kapell skills use {name} {version}` puts it in use"
            ));
        }
        Err(refusal)
    }

    /// The newest other version that may run, where none is in use that does.
    fn may_run_instead<'i>(&self, pin: &SkillPin, installed: &'i [Installed]) -> Option<&'i SkillPin> {
        let may_run =
            |it: &&Installed| it.skill.pin.name == pin.name && matches!(self.permits(&it.skill), Ok(Ok(())));
        let found = installed.iter().filter(may_run).max_by_key(|it| (it.in_use, &it.skill.pin.version))?;
        (!found.in_use).then_some(&found.skill.pin)
    }

    fn permits(&self, skill: &Skill) -> Result<Result<(), Unapproved>, HomeError> {
        let lock = self.locks.now()?;
        // What the policy refuses anyway is refused for that; here is only asked for an approval.
        let granted = self.grants(skill, None, &WishedLimits::default());
        let limits = self.policy.limits(&skill.manifest, &WishedLimits::default());
        let (grants, limits) = granted.unwrap_or((GrantSet::default(), limits));
        let grants = self.as_found(grants);
        let (now, approvers) = (self.clock.now(), self.policy.approvers(lock.locked));
        Ok(lock.permits(&Wanted { pin: &skill.pin, grants: &grants, limits: &limits.limits, now, approvers }))
    }

    /// Whether a skill that was just installed may be used; one that asks for nothing, and does nothing more than what
    /// a person approved of it, approves itself where the policy lets it.
    pub(crate) fn approved_or_itself(&self, skill: &Skill) -> Result<Result<(), Unapproved>, HomeError> {
        let permits = self.permits(skill)?;
        let revoked = matches!(permits, Err(Unapproved::Revoked { .. }));
        if permits.is_ok() || revoked || !self.policy.approval.asks_nothing_itself {
            return Ok(permits);
        }
        let review =
            self.review(Subject::Installed(skill.pin.name.as_str(), Some(&skill.pin.version)), None)?;
        let widens = review.difference.as_ref().is_some_and(|difference| difference.widens());
        if widens || !review.asks_for_nothing() {
            return Ok(permits);
        }
        let (by, at) = (ITSELF.to_owned(), self.clock.now());
        let approval = Approval { by, at, expires: None, reason: None, shown: review.digest() };
        self.write_approval(skill, approval)?;
        self.permits(skill)
    }

    /// Everything that is not as the lock says: whether it holds is then the same on every machine. Of the flows in these
    /// files it also tells what would wait for approval.
    ///
    /// # Errors
    /// When store or lock can't be read; as [`Home::check_flow`].
    pub fn lock_check(&self, flows: &[PathBuf]) -> Result<Vec<Drift>, HomeError> {
        let lock = self.comparable_lock()?;
        let approvers = self.policy.approvers(self.is_locked()?);
        let installed = self.store.installed()?;
        let mut drifts = Vec::new();
        for used in installed.iter().filter(|it| it.in_use) {
            let what = self.drift_of(&used.skill, &lock, approvers);
            drifts.extend(what.map(|what| Drift { subject: named(&used.skill.pin), what }));
        }
        for locked in &lock.skills {
            let what = match self.drift_of_entry(locked, &installed) {
                None => self.drift_of_approval(locked)?,
                what => what,
            };
            drifts.extend(what.map(|what| Drift { subject: named(&locked.pin), what }));
        }
        let opened = self.locks.says_open()?;
        let subject = || crate::home::shown(&self.place.lock());
        drifts.extend(opened.map(|what| Drift { subject: subject(), what: what.into() }));
        drifts.extend(self.flow_drifts(&lock, flows)?);
        Ok(drifts)
    }

    /// The lock as it can be compared here: which directory it was means something only where it was approved.
    fn comparable_lock(&self) -> Result<Lock, HomeError> {
        let mut lock = Lock { locked: true, ..Lock::clone(&*self.locks.now()?) };
        for locked in &mut lock.skills {
            let events = self.store.events(&locked.pin.name)?;
            if !events.iter().any(|it| it.what == What::Approved && it.pin == locked.pin) {
                forget_directories(&mut locked.grants);
            }
        }
        Ok(lock)
    }

    /// What a skill in use has that was not approved exactly so.
    fn drift_of(&self, skill: &Skill, lock: &Lock, approvers: Approvers<'_>) -> Option<String> {
        let granted = self.grants(skill, None, &WishedLimits::default());
        let (grants, limits) = match granted {
            Ok((grants, limits)) if names_directories(lock, skill) => (self.as_found(grants), limits.limits),
            Ok((grants, limits)) => (grants, limits.limits),
            Err(refusals) => {
                return refusals.first().map(|refusal| format!("the policy refuses it {refusal}"));
            }
        };
        let now = self.clock.now();
        let wanted = Wanted { pin: &skill.pin, grants: &grants, limits: &limits, now, approvers };
        match lock.permits(&wanted) {
            // Told of the approval, which is there whether or not its skill is in use.
            Err(why) if why.is_of_approval() => return None,
            Err(why) => return Some(why.to_string()),
            Ok(()) => {}
        }
        let locked = lock.skill(&skill.pin)?;
        let folder = &self.place.root;
        let (now, approved) = (grant_lines(&grants, folder), grant_lines(&locked.grants, folder));
        let gone = approved
            .iter()
            .find(|line| !now.contains(line))
            .map(|line| format!("approved and not so now: {line}"));
        let limits = || {
            let (now, approved) = (limits_line(&limits), limits_line(&locked.limits));
            (now != approved).then(|| format!("the limits are {now}; approved are {approved}"))
        };
        let shape = || {
            (operations_digest(&skill.operations) != locked.shape)
                .then(|| "the types of its operations are not the approved ones".to_owned())
        };
        gone.or_else(limits).or_else(shape)
    }

    /// What is approved and can't be so, whatever is in use.
    fn drift_of_entry(&self, locked: &LockedSkill, installed: &[Installed]) -> Option<String> {
        let pin = &locked.pin;
        let mut named = installed.iter().map(|it| &it.skill.pin).filter(|it| it.name == pin.name).peekable();
        if named.peek().is_none() {
            return Some("it is approved and not installed".into());
        }
        // The same version may be installed more than once; the last one is meant.
        let same: Vec<&SkillPin> = named.filter(|it| it.version == pin.version).collect();
        let other = same.last().filter(|last| last.component != pin.component);
        other.map(|other| format!("installed are other bytes, {}", other.component))
    }

    /// An approval that does not count or that nobody can have given so, and bytes that are no longer those it is for.
    fn drift_of_approval(&self, locked: &LockedSkill) -> Result<Option<String>, HomeError> {
        let (pin, approval, now) = (&locked.pin, &locked.approval, self.clock.now());
        if let Some(early) = not_yet(approval, now) {
            return Ok(Some(early));
        }
        if let Err(damaged) = self.store.component(&pin.component) {
            return Ok(Some(format!("its bytes are not kept as approved: {damaged}")));
        }
        if let Err(why) = locked.counts(now, self.policy.approvers(self.is_locked()?)) {
            return Ok(Some(why.to_string()));
        }
        let own = || {
            format!(
                "it was approved by {}, who had added it: nobody approves what they asked for",
                approval.by
            )
        };
        Ok((self.four_eyes()? && self.had_added(pin, approval)?).then(own))
    }

    /// Whether whoever gave an approval had added the bytes themselves before. Bringing them to another machine later is
    /// no asking.
    fn had_added(&self, pin: &SkillPin, approval: &Approval) -> Result<bool, HomeError> {
        let events = self.store.events(&pin.name)?;
        let mut added =
            events.iter().filter(|it| it.what == What::Added && it.pin.component == pin.component);
        Ok(added.any(|it| it.by == approval.by && it.at <= approval.at))
    }

    /// The lock as it stands.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn lock(&self) -> Result<Arc<Lock>, HomeError> {
        self.locks.now()
    }
}

/// How an approval is of a time to come.
pub(crate) fn not_yet(approval: &Approval, now: Timestamp) -> Option<String> {
    (approval.at > now).then(|| format!("its approval is of {}, which is not yet", approval.at))
}

/// Whether an approval says which directories it was for, not only where they are.
fn names_directories(lock: &Lock, skill: &Skill) -> bool {
    let grants = lock.skill(&skill.pin).into_iter().flat_map(|it| &it.grants.grants);
    grants.into_iter().any(|it| matches!(it.authority, Authority::Files { identity: Some(_), .. }))
}

fn forget_directories(grants: &mut GrantSet) {
    for grant in &mut grants.grants {
        if let Authority::Files { identity, .. } = &mut grant.authority {
            *identity = None;
        }
    }
}

fn named(pin: &SkillPin) -> String {
    format!("{} {} ({})", pin.name, pin.version, pin.component.short())
}
