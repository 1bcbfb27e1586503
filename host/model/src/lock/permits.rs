//! Whether something may run here, by the lock as it stands at that moment.

use super::{Approval, ITSELF, Lock, LockedSkill, Revoked};
use crate::capability::Kind;
use crate::digest::Digest;
use crate::grant::{Authority, Grant, GrantSet, Refusal};
use crate::id::Role;
use crate::limits::Limits;
use crate::plan::SkillPin;
use crate::policy::Approvers;
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
    /// Whose approvals count.
    pub approvers: Approvers<'w>,
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
    /// Whoever approved it is not of those who approve.
    #[error("it was approved by {by}, who is not of the role `{role}`, which approves")]
    Approver {
        /// Who approved it.
        by: String,
        /// The role they would have to be of.
        role: Role,
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
        self.not_revoked(&wanted.pin.component)?;
        if !self.locked {
            return Ok(());
        }
        self.skill(wanted.pin).ok_or_else(|| self.not_these(wanted))?.permits(wanted)
    }

    /// Whether bytes may be tried now, under whatever name, where they reach nothing real: on a record or on examples.
    ///
    /// # Errors
    /// Why not.
    pub fn permits_trying(
        &self,
        component: &Digest,
        now: Timestamp,
        approvers: Approvers<'_>,
    ) -> Result<(), Unapproved> {
        self.not_revoked(component)?;
        let mut told = if self.locked { Err(Unapproved::Never) } else { Ok(()) };
        for entry in self.skills.iter().filter(|it| it.pin.component == *component) {
            told = told.or_else(|_| entry.counts(now, approvers));
        }
        told
    }

    fn not_revoked(&self, component: &Digest) -> Result<(), Unapproved> {
        match self.revocation(component) {
            None => Ok(()),
            Some(Revoked { by, reason, .. }) => {
                Err(Unapproved::Revoked { by: by.clone(), reason: reason.clone() })
            }
        }
    }

    /// Whether a person's approval of these bytes, under any name, counts now, and nobody took them back.
    #[must_use]
    pub fn approves_bytes(&self, component: &Digest, now: Timestamp, approvers: Approvers<'_>) -> bool {
        let approved = |it: &LockedSkill| {
            it.pin.component == *component && !it.approved_itself() && it.counts(now, approvers).is_ok()
        };
        self.skills.iter().any(approved) && self.revocation(component).is_none()
    }

    /// The approval of exactly these bytes under this name and version, while it counts.
    #[must_use]
    pub fn counting(&self, pin: &SkillPin, now: Timestamp, approvers: Approvers<'_>) -> Option<&LockedSkill> {
        self.skill(pin).filter(|it| it.counts(now, approvers).is_ok())
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
        self.counts(wanted.now, wanted.approvers)?;
        match self.first_beyond(wanted.grants, wanted.limits) {
            Some(what) => Err(Unapproved::Wider { what }),
            None => Ok(()),
        }
    }

    /// Whether the approval counts now, whatever it is for.
    ///
    /// # Errors
    /// Why not.
    pub fn counts(&self, now: Timestamp, approvers: Approvers<'_>) -> Result<(), Unapproved> {
        let Approval { by, expires, .. } = &self.approval;
        if self.approved_itself() {
            // Whoever writes the policy's name into the lock gets no more by it than the policy gives.
            let nothing = self.grants.grants.is_empty();
            (approvers.let_nothing_approve_itself() && nothing).then_some(()).ok_or(Unapproved::Itself)?;
        } else if let Some(role) = approvers.role_missing(by) {
            return Err(Unapproved::Approver { by: by.clone(), role });
        }
        match expires.filter(|at| *at <= now) {
            Some(at) => Err(Unapproved::Expired { by: by.clone(), at }),
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

/// What to do about an approval by somebody who may not approve.
pub(super) const FORMER: &str = "where they approved while they might, `former` below `[approval]` in policy.toml names them, and what they approved counts";

impl Unapproved {
    /// Whether it is about the approval alone, whatever would run by it.
    #[must_use]
    pub const fn is_of_approval(&self) -> bool {
        matches!(self, Unapproved::Expired { .. } | Unapproved::Approver { .. } | Unapproved::Itself)
    }

    /// The refusal people see, with what to do about it.
    #[must_use]
    pub fn refusal(&self, pin: &SkillPin) -> Refusal {
        let (name, version) = (&pin.name, &pin.version);
        let anew = format!(
            "read `kapell review {name} --version {version}`, then let somebody approve it with `kapell skills approve {name} --version {version}`"
        );
        let advice = match self {
            Unapproved::Revoked { .. } => format!("`kapell skills show {name}` tells its history"),
            Unapproved::Approver { .. } => format!("{anew}; {FORMER}"),
            _ => anew,
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
