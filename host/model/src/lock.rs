//! The lock: which skills and flows people approved for this project, exactly as they were shown, and which were taken back.
//!
//! `skills.lock` stands beside `policy.toml` and is kept with it. An entry binds the bytes by digest, the types of the
//! operations, what the skill may reach and spend, who approved it until when, and the digest of what that person was
//! shown. [`Lock::permits`] is the one question every attempt asks: running with less than was approved is approved,
//! running with anything else is not.

use crate::digest::Digest;
use crate::form::{Field, Form, Table};
use crate::grant::GrantSet;
use crate::id::SkillName;
use crate::limits::Limits;
use crate::plan::SkillPin;
use crate::quantity::Timestamp;
use crate::source::{Diagnostics, Source};
use serde::Serialize;
use std::path::Path;

mod flow;
mod line;
mod permits;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use flow::{AskedFlow, LockedFlow, RevokedFlow, UnapprovedFlow};
pub use line::{grant_lines, limits_line};
pub(crate) use line::{read_grants, read_limits};
pub use permits::{Unapproved, Wanted};

/// Most bytes of a lock.
pub const LOCK_MAX: usize = 1 << 20;

/// Who approved a skill that asks for nothing where the policy lets such a skill approve itself.
pub const ITSELF: &str = "policy:asks-nothing";

/// Everything that is approved, and everything that was taken back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// Whether nothing runs here that is not approved; otherwise only what was taken back does not run.
    pub locked: bool,
    /// Approved skills, by name, version and digest.
    pub skills: Vec<LockedSkill>,
    /// What was taken back, by name, version and digest.
    pub revoked: Vec<Revoked>,
    /// Approved flows, by name.
    pub flows: Vec<LockedFlow>,
    /// Flows that were taken back, by name.
    pub revoked_flows: Vec<RevokedFlow>,
    /// Flows somebody wants approved, by name and person.
    pub asked: Vec<AskedFlow>,
}

/// One approved version of a skill.
#[derive(Clone, Debug, PartialEq)]
pub struct LockedSkill {
    /// Name, version and the bytes.
    pub pin: SkillPin,
    /// What its operations take and answer ([`crate::shape::operations_digest`]).
    pub shape: Digest,
    /// What it may reach.
    pub grants: GrantSet,
    /// What one attempt of it may spend.
    pub limits: Limits,
    /// Who approved it.
    pub approval: Approval,
}

/// Who approved something, when, until when, and what they were shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// Who, `user:NAME`; [`ITSELF`] when nobody had to.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// From when on it counts no more.
    pub expires: Option<Timestamp>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Digest of exactly what was shown.
    pub shown: Digest,
}

/// Bytes that may not run here any more, whatever they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The skill as it was called.
    pub pin: SkillPin,
    /// Who took it back, `user:NAME`.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words.
    pub reason: Option<String>,
}

impl Lock {
    /// Reads a lock; directories in it that begin with `./` are below `folder`, the one the lock stands in.
    ///
    /// # Errors
    /// Everything wrong with the text, each with its place in `file`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, Diagnostics> {
        Form::read_within(Source { file, text }, LOCK_MAX, |root| read::lock(root, folder))
    }

    /// The text of the lock: the same lock is the same text, so that a review shows what changed.
    #[must_use]
    pub fn written(&self, folder: &Path) -> String {
        write::lock(self, folder)
    }

    /// The approval of exactly these bytes under this name and version.
    #[must_use]
    pub fn skill(&self, pin: &SkillPin) -> Option<&LockedSkill> {
        self.skills.iter().find(|it| it.pin == *pin)
    }

    /// Every approved version of a skill.
    pub fn versions<'l>(&'l self, name: &'l SkillName) -> impl Iterator<Item = &'l LockedSkill> {
        self.skills.iter().filter(move |it| it.pin.name == *name)
    }

    /// Whether and how bytes were taken back.
    #[must_use]
    pub fn revocation(&self, component: &Digest) -> Option<&Revoked> {
        self.revoked.iter().find(|it| it.pin.component == *component)
    }

    /// Adds an approval in the place of any other of the same version, and of what was said against the same bytes.
    pub fn approve(&mut self, skill: LockedSkill) {
        let pin = &skill.pin;
        self.skills.retain(|it| (&it.pin.name, &it.pin.version) != (&pin.name, &pin.version));
        self.revoked.retain(|it| it.pin.component != pin.component);
        self.skills.push(skill);
        self.skills.sort_by(|one, other| order(&one.pin).cmp(&order(&other.pin)));
    }

    /// Takes bytes back, under whatever name they were approved.
    pub fn revoke(&mut self, revoked: Revoked) {
        let component = revoked.pin.component;
        self.skills.retain(|it| it.pin.component != component);
        self.revoked.retain(|it| it.pin.component != component);
        self.revoked.push(revoked);
        self.revoked.sort_by(|one, other| order(&one.pin).cmp(&order(&other.pin)));
    }
}

fn order(pin: &SkillPin) -> (&SkillName, &semver::Version, &Digest) {
    (&pin.name, &pin.version, &pin.component)
}
