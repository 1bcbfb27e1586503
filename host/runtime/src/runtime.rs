//! The whole sandbox as one value: installs components once, performs attempts of them.

use crate::cache::{CacheError, CompiledForms};
use crate::capability::Sources;
use crate::capability::clock;
use crate::capability::files::{Disk, Walk};
use crate::compile::{CompileError, Compiler};
use crate::engine::{ATTEMPTS_AT_ONCE, ENGINE_VERSION, EngineError, engine, settings_digest};
use crate::guest::Guest;
use crate::invoke::{self, Performed};
use crate::link::{Profile, link};
use crate::load::{Inspection, LoadError, inspect};
use kapell_model::digest::Digest;
use kapell_model::ending::{Attempt, Ending};
use kapell_model::grant::{GrantSet, Refusal};
use kapell_model::seam::{Cancel, Clock, Egress, HostFault, Job, KeyvalueReads, Performer};
use std::collections::HashMap;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::Poll;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre};

/// Finds a component's bytes by their digest; asked only when no compiled form is at hand.
pub trait Components: Send + Sync + 'static {
    /// The bytes.
    ///
    /// # Errors
    /// When they are not there or can't be read.
    fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, HostFault>;
}

impl<F: Fn(&Digest) -> Result<Vec<u8>, HostFault> + Send + Sync + 'static> Components for F {
    fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, HostFault> {
        self(digest)
    }
}

/// What a runtime is started with.
pub struct RuntimeConfig {
    /// The folder for compiled forms; made for this user alone when it is not there.
    pub cache: PathBuf,
    /// Reads keys and values for skills.
    pub keyvalue: Arc<dyn KeyvalueReads>,
    /// Tells skills the time.
    pub clock: Arc<dyn Clock>,
    /// Sends requests and asks models for skills.
    pub egress: Arc<dyn Egress>,
    /// Finds components.
    pub components: Arc<dyn Components>,
    /// How granted directories are walked.
    pub walk: Walk,
    /// Who compiles components.
    pub compiler: Compiler,
}

/// The sandbox can't start on this machine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The engine can't be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Compiled forms can't be kept.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// A component that can't be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Its bytes may not come in.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is no compiled form of it.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// The sandbox. A cheap handle; clones are the same sandbox.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    engine: Engine,
    settings: Digest,
    forms: CompiledForms,
    config: RuntimeConfig,
    skills: RwLock<HashMap<Digest, Arc<Mapped>>>,
    /// Held while compiling, so that two runs that miss the same form make it once.
    compiling: Mutex<()>,
    places: Semaphore,
    disk: Arc<Disk>,
}

/// A component ready to run, with its linkings so far: one for each profile of grants it is used with.
struct Mapped {
    component: Component,
    linked: RwLock<HashMap<Profile, Arc<InstancePre<Guest>>>>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("engine", &self.engine_name()).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Starts the sandbox.
    ///
    /// # Errors
    /// When the engine can't be made here, or the folder of compiled forms can't be made or trusted.
    pub fn new(config: RuntimeConfig) -> Result<Self, StartError> {
        let engine = engine()?;
        let settings = settings_digest(&engine);
        let forms = CompiledForms::open(&config.cache, &settings)?;
        let disk = Arc::new(Disk::new(config.walk));
        Ok(Self(Arc::new(Inner {
            engine,
            settings,
            forms,
            config,
            skills: RwLock::default(),
            compiling: Mutex::default(),
            places: Semaphore::new(ATTEMPTS_AT_ONCE as usize),
            disk,
        })))
    }

    /// The engine's name with version and the digest of its settings, as a plan pins it.
    #[must_use]
    pub fn engine_name(&self) -> String {
        format!("wasmtime {ENGINE_VERSION} {}", self.0.settings)
    }

    /// Reads a component, compiles it unless its compiled form is kept already, and keeps that. Blocks for as long
    /// as compiling takes: up to half a minute for a Python skill, so `compiling` is told before it begins.
    ///
    /// # Errors
    /// When the bytes may not come in, take more than compiling may take, or the disk refuses.
    pub fn install(
        &self,
        bytes: &[u8],
        compiling: impl FnOnce(&Inspection),
    ) -> Result<Inspection, InstallError> {
        let inspection = inspect(bytes)?;
        let inner = &self.0;
        let kept = || inner.forms.map(&inner.engine, &inspection.digest).is_some();
        if kept() {
            return Ok(inspection);
        }
        let _alone = inner.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept() {
            compiling(&inspection);
            inner.compile(&inspection.digest, bytes)?;
        }
        Ok(inspection)
    }

    /// Forgets a component that is used no more; its compiled form stays on disk. Attempts under way are unharmed.
    pub fn forget(&self, digest: &Digest) {
        self.0.skills.write().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }

    /// How many attempts have a place in the pool now.
    #[must_use]
    pub fn under_way(&self) -> usize {
        (ATTEMPTS_AT_ONCE as usize).saturating_sub(self.0.places.available_permits())
    }

    async fn attempt(&self, job: Job) -> Result<Attempt, HostFault> {
        let sources = Sources {
            clock: &self.0.config.clock,
            ticks: clock::begin,
            keyvalue: &self.0.config.keyvalue,
            disk: &self.0.disk,
            egress: &self.0.config.egress,
            idempotency_key: job.idempotency_key,
            record: None,
        };
        self.perform_with(&sources, job).await.map(|performed| performed.attempt)
    }

    pub(crate) async fn perform_with(&self, sources: &Sources<'_>, job: Job) -> Result<Performed, HostFault> {
        let ready = async { Ok((self.place(&job).await?, self.mapped(&job.skill.component).await?)) };
        let Some(ready) = unless_cancelled(&job.cancel, ready).await else {
            return Ok(invoke::ended(Ending::Cancelled).into());
        };
        let (_place, mapped) = ready?;
        let linked = match mapped.linked(&self.0.engine, &job.grants) {
            Ok(linked) => linked,
            Err(refusal) => return Ok(invoke::refused(refusal).into()),
        };
        invoke::perform(&self.0.engine, &linked, sources, job).await
    }

    /// A place in the engine's pool; waiting for one is not the skill's time.
    async fn place(&self, job: &Job) -> Result<SemaphorePermit<'_>, HostFault> {
        self.0.places.acquire().await.map_err(|closed| HostFault {
            doing: format!("find a place for {}", job.skill.name),
            cause: closed.to_string(),
        })
    }

    async fn mapped(&self, digest: &Digest) -> Result<Arc<Mapped>, HostFault> {
        if let Some(known) = self.0.known(digest) {
            return Ok(known);
        }
        let (inner, digest) = (Arc::clone(&self.0), *digest);
        let loaded = tokio::task::spawn_blocking(move || inner.load(&digest)).await;
        loaded.unwrap_or_else(|error| {
            Err(HostFault { doing: format!("load component {digest}"), cause: error.to_string() })
        })
    }
}

/// What the future gives; none when it is cancelled before. Nothing of the guest's runs yet, so it is just dropped.
async fn unless_cancelled<F: Future>(cancel: &Cancel, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if cancel.is_raised() {
            return Poll::Ready(None);
        }
        let ready = future.as_mut().poll(context).map(Some);
        // Most never wait. A flag raised meanwhile wakes at once.
        if ready.is_pending() {
            cancel.wake_on_raise(context.waker());
        }
        ready
    })
    .await
}

impl Performer for Runtime {
    async fn perform(&self, job: Job) -> Result<Attempt, HostFault> {
        self.attempt(job).await
    }
}

impl Inner {
    fn known(&self, digest: &Digest) -> Option<Arc<Mapped>> {
        self.skills.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Maps a compiled form, or makes it anew from the component: after an upgrade of the engine, or when the form
    /// on disk can't be trusted any more.
    fn load(&self, digest: &Digest) -> Result<Arc<Mapped>, HostFault> {
        let component = match self.forms.map(&self.engine, digest) {
            Some(component) => component,
            None => self.recompile(digest)?,
        };
        let mapped = Arc::new(Mapped { component, linked: RwLock::default() });
        let mut skills = self.skills.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(skills.entry(*digest).or_insert(mapped)))
    }

    fn recompile(&self, digest: &Digest) -> Result<Component, HostFault> {
        let _alone = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = self.forms.map(&self.engine, digest) {
            return Ok(component);
        }
        let fault = |cause: String| HostFault { doing: format!("load component {digest}"), cause };
        let bytes = self.config.components.bytes(digest)?;
        if Digest::of(&bytes) != *digest {
            return Err(fault(format!("the stored bytes are {}", Digest::of(&bytes))));
        }
        inspect(&bytes).map_err(|error| fault(error.to_string()))?;
        self.compile(digest, &bytes).map_err(|error| fault(error.to_string()))
    }

    /// Compiles bytes that were let in, keeps the form and maps it: what is mapped can leave memory again.
    fn compile(&self, digest: &Digest, bytes: &[u8]) -> Result<Component, CompileError> {
        let mut draft = self.forms.draft(digest)?;
        self.config.compiler.compile(&self.engine, digest, bytes, &mut draft)?;
        draft.keep()?;
        match self.forms.read(&self.engine, digest) {
            Some(Ok(component)) => Ok(component),
            // It is sound, and wants more than this engine has a place for.
            Some(Err(error)) => {
                self.forms.discard(digest);
                Err(CompileError::Invalid { cause: format!("{error:#}") })
            }
            None => Err(CompileError::Untrusted),
        }
    }
}

impl Mapped {
    fn linked(&self, engine: &Engine, grants: &GrantSet) -> Result<Arc<InstancePre<Guest>>, Refusal> {
        let profile = Profile::of(grants);
        if let Some(linked) = self.linked.read().unwrap_or_else(PoisonError::into_inner).get(&profile) {
            return Ok(Arc::clone(linked));
        }
        let pre = link(engine, &self.component, grants).map_err(first)?;
        let mut linked = self.linked.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(linked.entry(profile).or_insert_with(|| Arc::new(pre))))
    }
}

/// An ending names one refusal; the check before the run has shown all of them.
fn first(refusals: Vec<Refusal>) -> Refusal {
    refusals.into_iter().next().unwrap_or_else(|| Refusal {
        subject: "imports".into(),
        why: "they are not met".into(),
        rule: None,
        asked_at: None,
        advice: None,
    })
}

#[cfg(test)]
mod tests;
