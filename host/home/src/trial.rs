//! Whether bytes may be tried where they reach nothing real, on the record of a run or on their own examples. Nothing comes of
//! it outside; it is still code that runs, and of that the lock says which may.

use crate::clock::SystemClock;
use crate::error::{HomeError, Kind};
use crate::home::{Home, read_policy};
use crate::locks::Locks;
use crate::place::Place;
use kapell_model::digest::Digest;
use kapell_model::lock::{Lock, Unapproved};
use kapell_model::policy::Policy;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{Clock as _, Skill};
use std::sync::Arc;

/// Lock and policy of a place as they stand.
#[derive(Clone, Debug)]
pub struct Trial {
    lock: Arc<Lock>,
    policy: Policy,
    now: Timestamp,
}

impl Trial {
    /// What may be tried at a place, whether or not there is a home; none is opened or made.
    ///
    /// # Errors
    /// When the lock can't be read, or the policy that says whose approvals count.
    pub fn at(place: &Place) -> Result<Self, HomeError> {
        let lock = Locks::of(place).now()?;
        let policy = if lock.locked { read_policy(place)?.1 } else { Policy::deny_all() };
        Ok(Self { lock, policy, now: SystemClock.now() })
    }

    /// Why these bytes may not be tried.
    #[must_use]
    pub fn forbids(&self, component: &Digest) -> Option<Unapproved> {
        let approvers = self.policy.approvers(self.lock.locked);
        self.lock.permits_trying(component, self.now, approvers).err()
    }

    /// Refuses a skill that may not be tried.
    pub(crate) fn check(&self, skill: &Skill) -> Result<(), HomeError> {
        let Some(why) = self.forbids(&skill.pin.component) else { return Ok(()) };
        let (pin, bytes) = (&skill.pin, skill.pin.component.short());
        let words = format!("{} {} ({bytes}) is not tried here: {why}", pin.name, pin.version);
        Err(HomeError::new(Kind::Refused, words)
            .hint("`--unapproved` runs it all the same, for whoever reviews it; it reaches nothing real"))
    }
}

impl Home {
    /// What may be tried here.
    pub(crate) fn trial(&self) -> Result<Trial, HomeError> {
        Ok(Trial { lock: self.lock()?, policy: self.policy.clone(), now: self.clock.now() })
    }
}
