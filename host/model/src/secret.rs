//! Secrets by name, and where the host finds their values. A value is never here.

use crate::id::SecretName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Component, PathBuf};
use std::str::FromStr;

/// Where the egress reads a secret's value, once, when a home is opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SecretSource {
    /// An environment variable of the host: `env:CRM_TOKEN`.
    Environment(String),
    /// The text of a file only its owner may read, without the line break at its end: `file:/run/secrets/crm`.
    File(PathBuf),
}

/// A secret as a grant lends it: its name in the policy, and where its value is read. Both are approved: a name that
/// stands for another value is another secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Secret {
    /// Its name.
    pub name: SecretName,
    /// Where its value is.
    pub from: SecretSource,
}

/// A text that names no secret, or no place where one is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no secret and where it is kept")]
pub struct InvalidSecret(String);

impl FromStr for SecretSource {
    type Err = InvalidSecret;
    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let invalid = || InvalidSecret(text.into());
        if let Some(name) = text.strip_prefix("env:") {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let named = !name.is_empty() && name.bytes().all(allowed);
            return named.then(|| Self::Environment(name.into())).ok_or_else(invalid);
        }
        let path = PathBuf::from(text.strip_prefix("file:").ok_or_else(invalid)?);
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        // Brackets end its name in a header's value.
        let shown = !text.contains(['{', '}']) && !text.chars().any(char::is_control);
        (path.is_absolute() && plain && shown).then_some(Self::File(path)).ok_or_else(invalid)
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;
    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let invalid = || InvalidSecret(text.into());
        let (name, from) = text.split_once(" from ").ok_or_else(invalid)?;
        Ok(Self { name: name.parse().map_err(|_| invalid())?, from: from.parse()? })
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Environment(name) => write!(f, "env:{name}"),
            SecretSource::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.name, self.from)
    }
}

impl From<SecretSource> for String {
    fn from(source: SecretSource) -> Self {
        source.to_string()
    }
}

impl TryFrom<String> for SecretSource {
    type Error = InvalidSecret;
    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        text.parse()
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.to_string()
    }
}

impl TryFrom<String> for Secret {
    type Error = InvalidSecret;
    fn try_from(text: String) -> Result<Self, InvalidSecret> {
        text.parse()
    }
}
