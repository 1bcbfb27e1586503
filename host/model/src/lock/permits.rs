//! Whether something may run here, by the lock as it stands at that moment.

use super::{ITSELF, Lock, LockedSkill, Revoked};
use crate::capability::Kind;
use crate::digest::Digest;
use crate::grant::{Authority, Grant, GrantSet, Refusal};
use crate::limits::Limits;
use crate::plan::SkillPin;
use crate::quantity::Timestamp;

/// What is about to run.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// The skill and its bytes.
    pub pin: &'w SkillPin,
    /// What it would be given to reach.
    pub grants: &'w GrantSet,
    /// What it would be given to spend.
    pub limits: &'w Limits,
    /// Now.
    pub now: Timestamp,
    /// Whether the policy lets a skill that asks for nothing approve itself.
    pub asks_nothing_itself: bool,
}

/// Why something may not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unapproved {
    /// Nobody approved any version of the skill.
    #[error("nobody has approved this skill")]
    Never,
    /// Other bytes of the skill are approved.
    #[error("what is approved is {approved}")]
    OtherBytes {
        /// The approved versions with their bytes, for people.
        approved: String,
    },
    /// It was approved for a time, and the time is over.
    #[error("its approval by {by} expired on {at}")]
    Expired {
        /// Who approved it.
        by: String,
        /// When it expired.
        at: Timestamp,
    },
    /// It would reach or spend more than was approved.
    #[error("{what} was not approved with it")]
    Wider {
        /// The first thing that is too much.
        what: String,
    },
    /// It approved itself, which the policy does not let it do any more.
    #[error("it approved itself, which the policy does not permit")]
    Itself,
    /// The bytes were taken back.
    #[error("it was revoked by {by}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Revoked {
        /// Who took them back.
        by: String,
        /// Why, in their words.
        reason: Option<String>,
    },
}

impl Lock {
    /// Whether this may run now. What was taken back may not run anywhere; where the home is locked, only what was
    /// approved may, with no more than was approved.
    ///
    /// # Errors
    /// Why not.
    pub fn permits(&self, wanted: &Wanted<'_>) -> Result<(), Unapproved> {
        if let Some(Revoked { by, reason, .. }) = self.revocation(&wanted.pin.component) {
            return Err(Unapproved::Revoked { by: by.clone(), reason: reason.clone() });
        }
        if !self.locked {
            return Ok(());
        }
        self.skill(wanted.pin).ok_or_else(|| self.not_these(wanted))?.permits(wanted)
    }

    /// Whether a person's approval of these bytes, under any name, counts now, and nobody took them back.
    #[must_use]
    pub fn approves_bytes(&self, component: &Digest, now: Timestamp) -> bool {
        let counts = |it: &LockedSkill| it.approval.expires.is_none_or(|at| at > now);
        let approved =
            |it: &LockedSkill| it.pin.component == *component && !it.approved_itself() && counts(it);
        self.skills.iter().any(approved) && self.revocation(component).is_none()
    }

    fn not_these(&self, wanted: &Wanted<'_>) -> Unapproved {
        let versions = self.versions(&wanted.pin.name);
        let approved: Vec<String> =
            versions.map(|it| format!("{} ({})", it.pin.version, it.pin.component.short())).collect();
        match approved.is_empty() {
            true => Unapproved::Never,
            false => Unapproved::OtherBytes { approved: approved.join(", ") },
        }
    }
}

impl LockedSkill {
    /// Whether nothing but the policy stands behind it.
    #[must_use]
    pub fn approved_itself(&self) -> bool {
        self.approval.by == ITSELF
    }

    /// Whether the approval is still good for this: running with less than was approved is.
    fn permits(&self, wanted: &Wanted<'_>) -> Result<(), Unapproved> {
        let approval = &self.approval;
        // Whoever writes the policy's name into the lock gets no more by it than the policy gives.
        let nothing = self.grants.grants.is_empty();
        if self.approved_itself() && !(wanted.asks_nothing_itself && nothing) {
            return Err(Unapproved::Itself);
        }
        if let Some(at) = approval.expires.filter(|at| *at <= wanted.now) {
            return Err(Unapproved::Expired { by: approval.by.clone(), at });
        }
        match self.first_beyond(wanted.grants, wanted.limits) {
            Some(what) => Err(Unapproved::Wider { what }),
            None => Ok(()),
        }
    }

    /// The first thing that is more than was approved.
    fn first_beyond(&self, grants: &GrantSet, limits: &Limits) -> Option<String> {
        if self.grants.covers(grants) {
            return self.limits.first_below(limits).map(|name| format!("a limit of {name} as high"));
        }
        let alone = |grant: &Grant| GrantSet::of(vec![grant.clone()]);
        let grant = grants.grants.iter().find(|grant| !self.grants.covers(&alone(grant)));
        let grant = grant.map(|grant| match self.swapped(grant) {
            Some(root) => format!("the other directory that stands at {root} now"),
            None => format!("{} `{}` as it is granted now", grant.authority.kind(), grant.name),
        });
        let inert = || grants.inert.iter().find(|name| !self.grants.inert.contains(name));
        grant.or_else(|| inert().map(|name| format!("answering {name} with nothing")))
    }
}

impl LockedSkill {
    /// Where another directory stands than the one that was approved, and nothing else is wrong with the grant.
    fn swapped<'g>(&self, grant: &'g Grant) -> Option<&'g str> {
        let Authority::Files { root, identity: Some(now), .. } = &grant.authority else { return None };
        let was = self.grants.of_kind(Kind::Files).filter(|own| own.name == grant.name);
        let found = was.map(|own| &own.authority).any(|authority| {
            matches!(authority, Authority::Files { root: was, identity: Some(then), .. } if was == root && then != now)
        });
        found.then_some(root)
    }
}

impl Unapproved {
    /// The refusal people see, with what to do about it.
    #[must_use]
    pub fn refusal(&self, pin: &SkillPin) -> Refusal {
        let (name, version) = (&pin.name, &pin.version);
        let advice = match self {
            Unapproved::Revoked { .. } => format!("`kapell skills show {name}` tells its history"),
            _ => format!(
                "read `kapell review {name} --version {version}`, then let somebody approve it with `kapell skills approve {name} --version {version}`"
            ),
        };
        Refusal {
            subject: format!("{name} {version} ({})", pin.component.short()),
            why: self.to_string(),
            rule: None,
            asked_at: None,
            advice: Some(advice),
        }
    }
}
