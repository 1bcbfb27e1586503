//! Certificate authorities of the operator's own: read from PEM, found by the digest of the file they came from.
//!
//! A place that names one is known by it alone. That is narrower than to trust it beside all others: neither can a
//! public authority vouch for a house's own service, nor the house's own authority for anybody else's.

use crate::client::connector;
use kapell_model::digest::Digest;
use std::collections::BTreeMap;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Authorities that have been read.
#[derive(Default)]
pub struct Authorities(BTreeMap<Digest, TlsConnector>);

/// Why a file holds no authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message says what each is")]
pub enum InvalidAuthority {
    #[error("it holds no certificate in PEM")]
    None,
    #[error("it holds a private key, which is nobody's to read here")]
    PrivateKey,
    #[error("certificate {0} in it: {1}")]
    Certificate(usize, String),
    #[error("{0}")]
    Tls(String),
}

impl Authorities {
    /// Reads every certificate of a file in PEM.
    ///
    /// # Errors
    /// When it holds none, one that is broken, or a private key.
    pub fn add(&mut self, pem: &[u8]) -> Result<(), InvalidAuthority> {
        if PrivateKeyDer::from_pem_slice(pem).is_ok() {
            return Err(InvalidAuthority::PrivateKey);
        }
        let mut trusted = RootCertStore::empty();
        for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let broken = |cause: String| InvalidAuthority::Certificate(number, cause);
            let certificate = certificate.map_err(|cause| broken(cause.to_string()))?;
            trusted.add(certificate).map_err(|cause| broken(cause.to_string()))?;
        }
        if trusted.is_empty() {
            return Err(InvalidAuthority::None);
        }
        let connector = connector(trusted).map_err(|cause| InvalidAuthority::Tls(cause.to_string()))?;
        self.0.insert(Digest::of(pem), connector);
        Ok(())
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<&TlsConnector> {
        self.0.get(digest)
    }
}
