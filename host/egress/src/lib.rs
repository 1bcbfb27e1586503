//! The only way out: requests of skills, and the secrets that go with them.
//!
//! An [`HttpEgress`] sends what a grant permits, to an address it has checked, within one deadline and one bound of
//! bytes, and hands back an answer without secrets. A [`Vault`] holds the secrets, a [`Redactor`] takes them out of
//! everything that is recorded or printed. [`Models`] are asked by tier, one provider after the other.
//!
//! This crate never follows a redirect, never asks a proxy of the environment, keeps no cookie and no connection,
//! decompresses nothing, sends no request of a skill twice, and never decides what a skill may reach: the grant does,
//! and is checked here once more. It knows nothing of runs or journals.
//!
//! Reading order: `request` builds what leaves, `address` says where it may go, `client` sends it by `wire` and
//! `meter` counts, `authorities` who vouches for it, `answer` is what comes back; `inference` asks models through the same door; `vault` and `redactor`
//! keep secrets; `network` is what the system is asked for.

mod address;
mod answer;
mod authorities;
mod client;
mod inference;
mod meter;
mod network;
mod redactor;
mod request;
mod vault;
mod wire;

#[cfg(test)]
mod tests;

pub use authorities::{Authorities, InvalidAuthority};
pub use inference::Models;
pub use network::{Network, Resolving, SystemNetwork};
pub use redactor::Redactor;
pub use tokio_rustls::rustls::pki_types::CertificateDer;
pub use vault::{SECRET_MAX, SECRET_MIN, SecretError, Vault};

use client::{Bounds, Client};
use kapell_model::seam::{
    Completed, CompletionFailure, Denial, Egress, Incoming, Leaving, Outgoing, Prompt, SendFailure,
};
use std::sync::Arc;

/// The way out of one home.
pub struct HttpEgress {
    client: Client,
    vault: Vault,
    models: Models,
}

/// A root that was to be trusted is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trust the roots for TLS: {0}")]
pub struct InvalidRoot(String);

impl HttpEgress {
    /// The way out over the system's own network.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new(vault: Vault) -> Result<Self, InvalidRoot> {
        Self::over(Arc::new(SystemNetwork::default()), &[], vault)
    }

    /// The way out over a network of the caller's, trusting `roots` beside those that browsers trust.
    ///
    /// # Errors
    /// When a root is no certificate.
    pub fn over(
        network: Arc<dyn Network>,
        roots: &[CertificateDer<'_>],
        vault: Vault,
    ) -> Result<Self, InvalidRoot> {
        let client = Client::new(network, roots).map_err(|cause| InvalidRoot(cause.to_string()))?;
        Ok(Self { client, vault, models: Models::new(Vec::new()) })
    }

    /// The same, asking these models.
    #[must_use]
    pub fn asking(self, models: Models) -> Self {
        Self { models, ..self }
    }

    /// The same, with these authorities for the places that name one.
    #[must_use]
    pub fn knowing(self, authorities: Authorities) -> Self {
        Self { client: self.client.knowing(authorities), ..self }
    }

    async fn exchange(&self, asked: Outgoing) -> Result<Incoming, SendFailure> {
        let (place, message) = request::rebuild(&asked, &self.vault).map_err(SendFailure::Denied)?;
        let bounds = Bounds {
            addresses: &asked.grant.addresses,
            vouched_by: asked.grant.vouched_by.as_ref(),
            received_max: asked.received_max,
            until: asked.until,
        };
        let answer = self.client.exchange(&place, &message, &bounds).await?;
        answer::hand_over(answer, &asked.grant, self.vault.redactor().map(AsRef::as_ref))
    }

    /// What a guest is told of a failure holds no secret either.
    fn told(&self, failure: SendFailure) -> SendFailure {
        let Some(redactor) = self.vault.redactor() else { return failure };
        let clean = |text: String| redactor.redacted_text(&text).unwrap_or(text);
        match failure {
            SendFailure::Failed { cause, sent } => SendFailure::Failed { cause: clean(cause), sent },
            SendFailure::Denied(Denial::NotGranted(what)) => {
                SendFailure::Denied(Denial::NotGranted(clean(what)))
            }
            other => other,
        }
    }
}

impl Egress for HttpEgress {
    fn send(&self, request: Outgoing) -> Leaving<'_, Result<Incoming, SendFailure>> {
        Box::pin(async move { self.exchange(request).await.map_err(|failure| self.told(failure)) })
    }

    fn complete(&self, prompt: Prompt) -> Leaving<'_, Result<Completed, CompletionFailure>> {
        Box::pin(async move { self.ask(&prompt).await })
    }
}
