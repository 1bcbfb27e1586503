//! Seams: the traits through which crates meet that do not know each other. They speak plain data.

use crate::digest::Digest;
use crate::ending::Attempt;
use crate::grant::GrantSet;
use crate::id::{RunId, SkillName, StepId};
use crate::limits::EffectiveLimits;
use crate::manifest::Manifest;
use crate::plan::SkillPin;
use crate::quantity::Timestamp;
use crate::shape::Operation;
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells the time; a test holds it still.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Runs one attempt in the sandbox. Implemented over the runtime, scripted in the conductor's tests.
pub trait Performer: Send + Sync + 'static {
    /// Runs the attempt to its ending.
    ///
    /// # Errors
    /// Only when the host itself could not do its part; whatever the guest does is an [`Attempt`].
    fn perform(&self, job: Job) -> impl Future<Output = Result<Attempt, HostFault>> + Send;
}

/// The host could not do its part of an attempt: bytes missing, a directory gone, an engine failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct HostFault {
    /// The operation and the thing, such as "load kapell:letter 1.0.0".
    pub doing: String,
    /// What went wrong.
    pub cause: String,
}

/// One attempt to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The run it belongs to; for correlation only, it never influences the guest.
    pub run: RunId,
    /// The step it belongs to; for correlation only.
    pub step: StepId,
    /// The skill and its bytes.
    pub skill: SkillPin,
    /// The operation.
    pub operation: Arc<Operation>,
    /// The arguments by parameter name, already checked against the operation's shapes.
    pub arguments: Arc<Value>,
    /// What it may reach.
    pub grants: Arc<GrantSet>,
    /// Its digest, computed once for all attempts that share it.
    pub grant: Digest,
    /// What it may spend.
    pub limits: EffectiveLimits,
    /// Derived from run, step and logical call; the same for every attempt of one effect.
    pub idempotency_key: Digest,
    /// Stops the attempt when raised.
    pub cancel: Cancel,
}

/// A flag that stops an attempt; raising it twice is raising it once.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    raised: Arc<AtomicBool>,
    listeners: Arc<std::sync::Mutex<Vec<std::task::Waker>>>,
}

impl Cancel {
    /// Raises the flag and wakes whoever waits on it.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        let mut listeners = self.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        listeners.drain(..).for_each(std::task::Waker::wake);
    }

    /// Whether it was raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire)
    }

    /// Asks to be woken when the flag is raised; a guest parked in a host call would otherwise not notice.
    pub fn wake_on_raise(&self, waker: &std::task::Waker) {
        let mut listeners = self.listeners.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.is_raised() {
            waker.wake_by_ref();
        } else if !listeners.iter().any(|known| known.will_wake(waker)) {
            listeners.push(waker.clone());
        }
    }
}

/// Reads keys and values for the keyvalue capability. Writes never pass here: they are held in the attempt.
pub trait KeyvalueReads: Send + Sync + 'static {
    /// The value and version of a key; none when it is not there. Versions begin at 1 and grow with every write.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, namespace: &str, key: &str) -> Result<Option<(Vec<u8>, u64)>, HostFault>;

    /// Keys after `cursor` in byte order, `limit` at most.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn keys(&self, namespace: &str, cursor: Option<&str>, limit: usize) -> Result<Vec<String>, HostFault>;
}

/// Finds skills in use by name.
pub trait Catalog {
    /// The skill of that name in use, or the named version of it.
    fn find(&self, name: &SkillName, version: Option<&semver::VersionReq>) -> Option<Arc<Skill>>;

    /// The names of all skills in use, sorted; for "did you mean".
    fn names(&self) -> Vec<SkillName>;
}

/// A skill as installed: its bytes' digest, what it asks for, what it offers, what it imports.
#[derive(Clone, Debug, PartialEq)]
pub struct Skill {
    /// Name, version, digest.
    pub pin: SkillPin,
    /// Its manifest; an empty one for a component without.
    pub manifest: Manifest,
    /// Its operations, sorted by name.
    pub operations: Vec<Operation>,
    /// Every interface its bytes import, as in the bytes (`wasi:io/streams@0.2.9`), sorted.
    pub imports: Vec<String>,
    /// Length of its bytes.
    pub bytes: u64,
}

impl Skill {
    /// The operation of that name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}
