//! Secrets of a home: read when it is opened, and kept out of everything it writes down or hands on.
//!
//! A value goes in with a run's inputs, an answer or a reason, and comes out of attempts; there it is taken out, before
//! anything is hashed. A flow is pinned by its digest and can't be changed, so that one that holds a secret is refused.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_egress::{Redactor, SecretError, Vault};
use kapell_model::ending::Attempt;
use kapell_model::policy::Policy;
use kapell_model::seam::{HostFault, Job, Performer};
use serde_json::Value;
use std::sync::Arc;

/// Reads what the policy names.
pub(crate) fn vault(policy: &Policy, policy_text: &str) -> Result<Vault, HomeError> {
    let vault = Vault::read(&policy.secrets).map_err(unreadable)?;
    refuse_secrets(vault.redactor(), [("the policy", policy_text.as_bytes())])?;
    Ok(vault)
}

fn unreadable(error: SecretError) -> HomeError {
    HomeError::new(Kind::Invalid, error.to_string())
        .hint("nothing runs without it: what is not known can't be kept out of the journal")
}

/// Refuses texts that are kept as they are.
pub(crate) fn refuse_secrets<'a>(
    redactor: Option<&Arc<Redactor>>,
    texts: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), HomeError> {
    let Some(redactor) = redactor else { return Ok(()) };
    match texts.into_iter().find(|(_, text)| redactor.finds(text)) {
        None => Ok(()),
        Some((what, _)) => Err(HomeError::new(Kind::Refused, format!("{what} holds the value of a secret"))
            .hint(
                "a secret stands in no file that is kept; name it in policy.toml and let the host send it",
            )),
    }
}

impl Home {
    /// Takes the secrets of this home out of whatever is printed; none when it has none.
    #[must_use]
    pub fn redactor(&self) -> Option<&Arc<Redactor>> {
        self.redactor.as_ref()
    }

    pub(crate) fn without_secrets(&self, mut value: Value) -> Value {
        if let Some(redactor) = &self.redactor {
            redactor.redact_value(&mut value);
        }
        value
    }

    pub(crate) fn reason_without_secrets(&self, reason: Option<&str>) -> Option<String> {
        reason.map(|reason| self.text_without_secrets(reason))
    }

    pub(crate) fn text_without_secrets(&self, text: &str) -> String {
        let clean = self.redactor.as_ref().and_then(|redactor| redactor.redacted_text(text));
        clean.unwrap_or_else(|| text.to_owned())
    }
}

/// Performs, and lets nothing secret out of what was performed.
pub(crate) struct Discreet<P> {
    performer: Arc<P>,
    redactor: Option<Arc<Redactor>>,
}

impl<P> Discreet<P> {
    pub(crate) fn new(performer: Arc<P>, redactor: Option<Arc<Redactor>>) -> Self {
        Self { performer, redactor }
    }
}

impl<P: Performer> Performer for Discreet<P> {
    async fn perform(&self, job: Job) -> Result<Attempt, HostFault> {
        let done = self.performer.perform(job).await;
        match &self.redactor {
            None => done,
            Some(redactor) => without_secrets(redactor, done),
        }
    }
}

fn without_secrets(redactor: &Redactor, done: Result<Attempt, HostFault>) -> Result<Attempt, HostFault> {
    match done {
        Ok(mut attempt) => {
            redactor.redact_attempt(&mut attempt);
            Ok(attempt)
        }
        Err(mut fault) => {
            redactor.redact_text(&mut fault.doing);
            redactor.redact_text(&mut fault.cause);
            Err(fault)
        }
    }
}
