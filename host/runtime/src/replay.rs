//! An attempt done again, with everything it asks of the world answered from its record.

use crate::capability::Sources;
use crate::capability::clock::Ticks;
use crate::capability::files::{Disk, Walk};
use crate::compile::Compiler;
use crate::invoke::Performed;
use crate::record::Record;
use crate::runtime::{Components, Runtime, RuntimeConfig, StartError};
use kapell_model::crossing::Departure;
use kapell_model::ending::Attempt;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{
    Clock, Completed, CompletionFailure, Egress, HostFault, Incoming, Job, KeyvalueReads, Leaving, Outgoing,
    Prompt, SendFailure,
};
use std::path::PathBuf;
use std::sync::Arc;

impl Runtime {
    /// A sandbox without a world, in which attempts can only be done again: whatever else was asked of it would find no
    /// time, no keys and nobody to send anything.
    ///
    /// # Errors
    /// As [`Runtime::new`].
    pub fn without_a_world(
        cache: PathBuf,
        components: Arc<dyn Components>,
        compiler: Compiler,
    ) -> Result<Self, StartError> {
        let nobody = Arc::new(Nobody);
        Self::new(RuntimeConfig {
            cache,
            keyvalue: Arc::clone(&nobody) as Arc<dyn KeyvalueReads>,
            clock: Arc::clone(&nobody) as Arc<dyn Clock>,
            egress: nobody,
            components,
            walk: Walk::ByHand,
            compiler,
        })
    }

    /// Does an attempt again: the same work under the same limits, every crossing answered from the record, nothing
    /// asked of the world and nothing written. Says where it departed from the record, if it did.
    ///
    /// # Errors
    /// When the host could not do its part, or the record is damaged.
    pub async fn replay(&self, job: Job, record: Record) -> Result<(Attempt, Option<Departure>), HostFault> {
        let sources = Sources {
            clock: &(Arc::new(Nobody) as Arc<dyn Clock>),
            ticks: || Arc::new(Nobody),
            keyvalue: &(Arc::new(Nobody) as Arc<dyn KeyvalueReads>),
            disk: &Arc::new(Disk::new(Walk::ByHand)),
            egress: &(Arc::new(Nobody) as Arc<dyn Egress>),
            idempotency_key: job.idempotency_key,
            record: Some(&Arc::new(record)),
        };
        let Performed { attempt, departure } = self.perform_with(&sources, job).await?;
        Ok((attempt, departure))
    }
}

/// Stands where the world would: an attempt that is answered from its record never gets to ask it.
struct Nobody;

impl Nobody {
    fn fault(asked: &str) -> HostFault {
        HostFault {
            doing: format!("ask for {asked} in a replay"),
            cause: "nothing outside is reached".into(),
        }
    }
}

impl Clock for Nobody {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

impl Ticks for Nobody {
    fn nanoseconds(&self) -> u64 {
        0
    }
}

impl KeyvalueReads for Nobody {
    fn get(&self, _: &str, key: &str) -> Result<Option<(Vec<u8>, u64)>, HostFault> {
        Err(Self::fault(key))
    }

    fn keys(&self, namespace: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, HostFault> {
        Err(Self::fault(namespace))
    }
}

impl Egress for Nobody {
    fn send(&self, request: Outgoing) -> Leaving<'_, Result<Incoming, SendFailure>> {
        let cause = Self::fault(request.url.as_str()).to_string();
        Box::pin(std::future::ready(Err(SendFailure::Failed { cause, sent: false })))
    }

    fn complete(&self, prompt: Prompt) -> Leaving<'_, Result<Completed, CompletionFailure>> {
        Box::pin(std::future::ready(Err(CompletionFailure::NoProvider(prompt.tier))))
    }
}
