//! Seams: the traits through which crates meet that do not know each other. They speak plain data.

use crate::crossing::Completion;
use crate::digest::Digest;
use crate::ending::Attempt;
use crate::grant::GrantSet;
use crate::http::{HttpGrant, Method};
use crate::id::{AuthorityName, FlowName, RuleId, RunId, SkillName, StepId};
use crate::inference::Tier;
use crate::limits::EffectiveLimits;
use crate::manifest::Manifest;
use crate::money::Money;
use crate::plan::{Effects, SkillPin};
use crate::quantity::Timestamp;
use crate::shape::Operation;
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use url::Url;

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
    /// The flow of that run; likewise.
    pub flow: FlowName,
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
    /// The operation's class of effect.
    pub effects: Effects,
    /// What requests that change something are told again by, where the operation may change anything: derived from run,
    /// step and logical call, the same for every attempt of one effect.
    pub idempotency_key: Option<Digest>,
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

    /// Returns when the flag is raised.
    pub fn raised(&self) -> impl Future<Output = ()> {
        std::future::poll_fn(|context| match self.is_raised() {
            true => std::task::Poll::Ready(()),
            false => {
                // Wakes at once when it was raised meanwhile.
                self.wake_on_raise(context.waker());
                std::task::Poll::Pending
            }
        })
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

/// Sends requests and asks models for skills. Implemented by the egress; the only way out of the sandbox.
pub trait Egress: Send + Sync + 'static {
    /// Sends one request under one grant and waits for the whole answer.
    fn send(&self, request: Outgoing) -> Leaving<'_, Result<Incoming, SendFailure>>;

    /// Asks the providers of one tier in order until one answers. The worst each could cost is held against what is
    /// left before it is asked.
    fn complete(&self, prompt: Prompt) -> Leaving<'_, Result<Completed, CompletionFailure>>;
}

/// What an egress promises to do; boxed, so that the seam can be a trait object.
pub type Leaving<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request that a grant permits.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The grant; checked once more by whoever sends.
    pub grant: HttpGrant,
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers of the guest's, in order; those the host writes itself are refused.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Arc<[u8]>,
    /// Most bytes of the answer, head and body, that the attempt may still receive.
    pub received_max: u64,
    /// When resolving, connecting, sending and receiving together must be done.
    pub until: std::time::Instant,
    /// Sent as `Idempotency-Key` with methods that change something, so that a server can tell a repetition; none for
    /// an operation that changes nothing. The effect's own key, and for every request after the first its number too.
    pub idempotency_key: Option<String>,
}

/// The answer to a request, without the secrets the host knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case, hop-by-hop ones left out.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Arc<[u8]>,
    /// The address that was connected to.
    pub address: core::net::IpAddr,
    /// Bytes sent, head and body.
    pub sent: u64,
    /// Bytes received, head and body.
    pub received: u64,
    /// Whether a secret was taken out.
    pub redacted: bool,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailure {
    /// The host would not send it, or would not hand over what came back.
    #[error("{0}")]
    Denied(Denial),
    /// The network or the server failed. Whether the server acted on it is not known once bytes were sent.
    #[error("{cause}")]
    Failed {
        /// What went wrong, without any secret.
        cause: String,
        /// Whether any byte of the request had left.
        sent: bool,
    },
    /// The time was over.
    #[error("not answered in time")]
    TimedOut {
        /// Whether any byte of the request had left.
        sent: bool,
    },
}

/// Why the host did not let a request or an answer through. Each is a case of `wasi:http`'s own `error-code`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what each is")]
pub enum Denial {
    #[error("the grant does not permit {0}")]
    NotGranted(String),
    #[error("{0} is at the special address {1}, which the rule does not name")]
    Address(String, core::net::IpAddr),
    #[error("the request can't be sent as it is: {0}")]
    Malformed(String),
    #[error("the header `{0}` is the host's to write")]
    Header(String),
    #[error("the answer's head is larger than it may be")]
    HeadTooLarge,
    #[error("the answer is larger than the {0} bytes that may still be received")]
    TooLarge(u64),
    #[error("the request holds a secret that is not this place's")]
    Secret,
    #[error("the certificates of the authority `{0}` were not read when the home was opened")]
    Authority(AuthorityName),
}

/// What a completion under way may have cost at most. Whoever asks models writes it before anything leaves; whoever
/// meters the attempt reads it when that ends before the answer is there.
#[derive(Clone, Debug, Default)]
pub struct AtStake(Arc<std::sync::Mutex<Option<Money>>>);

impl AtStake {
    /// From here on it is this; none when nothing is spent and nothing under way.
    pub fn set(&self, money: Option<Money>) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = money;
    }

    /// What it is now.
    #[must_use]
    pub fn money(&self) -> Option<Money> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// What a skill asks a model.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The grant.
    pub tier: Tier,
    /// Who the model is to be; empty for nobody in particular.
    pub system: String,
    /// The text.
    pub text: String,
    /// Most tokens of the answer.
    pub tokens_max: u64,
    /// Most money the attempt may still spend; none when no price is to be paid at all.
    pub money_max: Option<Money>,
    /// Most tokens, prompt and answer, the attempt may still spend.
    pub budget: u64,
    /// Who may be asked, in this order, as it was granted.
    pub answered_by: Vec<crate::inference::Answering>,
    /// When the answer must be there, over all providers.
    pub until: std::time::Instant,
    /// What it may have cost while it is under way.
    pub at_stake: AtStake,
}

/// A model's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The text.
    pub text: String,
    /// Who answered, what it took, what it cost.
    pub record: Completion,
}

/// Why no model answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompletionFailure {
    /// No provider is named for the tier.
    #[error("no provider answers for the tier {0}")]
    NoProvider(Tier),
    /// The reservation did not fit what is left.
    #[error("the budget of {0} does not suffice")]
    Budget(&'static str),
    /// Every provider failed; each with why. What failed attempts cost is told too, for it was spent.
    #[error("no provider answered: {}", .failed.iter().map(|(id, why)| format!("{id}: {why}")).collect::<Vec<_>>().join("; "))]
    Failed {
        /// The providers in the order they were tried, each with why.
        failed: Vec<(RuleId, String)>,
        /// What they may have cost all the same; see [`crate::crossing::Lost`].
        money: Money,
        /// The tokens of it.
        tokens: u64,
    },
    /// The time was over, and nothing was spent.
    #[error("not answered in time")]
    TimedOut,
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
