//! Secrets: read once, when a home is opened, from where the policy says; kept in memory that is overwritten when it
//! is let go; shown to nobody.

use crate::redactor::Redactor;
use http::header::HeaderValue;
use kapell_model::id::SecretName;
use kapell_model::secret::{Secret, SecretSource};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The shortest secret, in bytes. A shorter one would be found in ordinary text, and taking it out there would eat
/// the text.
pub const SECRET_MIN: usize = 8;

/// The longest secret, in bytes: half of what a server takes as a head.
pub const SECRET_MAX: usize = 4 << 10;

/// A secret that can't be used. Names the secret and where it should be, never what was found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the secret `{name}` from {place}: {cause}")]
pub struct SecretError {
    /// The secret, by its name in the policy.
    pub name: SecretName,
    /// The variable or the file.
    pub place: String,
    /// What is wrong.
    pub cause: String,
}

/// The values of secrets. Only the egress reads them, and only to write them into a header.
#[derive(Clone, Default)]
pub struct Vault {
    values: BTreeMap<Secret, Arc<Zeroizing<Vec<u8>>>>,
    redactor: Option<Arc<Redactor>>,
}

impl Vault {
    /// Reads every secret a policy names.
    ///
    /// # Errors
    /// For the first that is missing, is kept where others can read it, or is no text that a header could hold.
    pub fn read(sources: &BTreeMap<SecretName, SecretSource>) -> Result<Self, SecretError> {
        Self::read_with(sources, |name| std::env::var_os(name))
    }

    /// The same with an environment of the caller's.
    ///
    /// # Errors
    /// As [`Vault::read`].
    pub fn read_with(
        sources: &BTreeMap<SecretName, SecretSource>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, SecretError> {
        let mut values = BTreeMap::new();
        for (name, source) in sources {
            let value = read_one(source, &environment).map_err(|cause| SecretError {
                name: name.clone(),
                place: place_of(source),
                cause,
            })?;
            let secret = Secret { name: name.clone(), from: source.clone() };
            values.insert(secret, Arc::new(value));
        }
        let redactor = (!values.is_empty()).then(|| {
            let known = values.iter().map(|(secret, value)| (&secret.name, value.as_slice()));
            Arc::new(Redactor::new(known))
        });
        Ok(Self { values, redactor })
    }

    /// Takes every value out of texts and bytes; none when there is no secret to look for.
    #[must_use]
    pub fn redactor(&self) -> Option<&Arc<Redactor>> {
        self.redactor.as_ref()
    }

    /// A header's value: the secret between two plain texts. It prints as nothing. None for one that was read from
    /// elsewhere: what is granted is this one, and not whatever has its name by now.
    pub(crate) fn around(&self, before: &str, secret: &Secret, after: &str) -> Option<HeaderValue> {
        let secret = self.values.get(secret)?;
        let mut value = Zeroizing::new(Vec::with_capacity(before.len() + secret.len() + after.len()));
        value.extend_from_slice(before.as_bytes());
        value.extend_from_slice(secret);
        value.extend_from_slice(after.as_bytes());
        let mut value = HeaderValue::from_bytes(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys().map(|secret| &secret.name)).finish()
    }
}

fn place_of(source: &SecretSource) -> String {
    match source {
        SecretSource::Environment(name) => format!("the environment variable {name}"),
        SecretSource::File(path) => path.display().to_string(),
    }
}

fn read_one(
    source: &SecretSource,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut value = match source {
        SecretSource::Environment(name) => {
            Zeroizing::new(environment(name).ok_or("it is not set")?.into_encoded_bytes())
        }
        SecretSource::File(path) => read_file(path)?,
    };
    let length = value.len() - usize::from(value.ends_with(b"\n"));
    value.truncate(length);
    let length = value.len() - usize::from(value.ends_with(b"\r"));
    value.truncate(length);
    check(&value)?;
    Ok(value)
}

/// A header holds it, and it is found again.
fn check(value: &[u8]) -> Result<(), String> {
    if value.len() < SECRET_MIN {
        return Err(format!("it has fewer than {SECRET_MIN} bytes, which would be found in ordinary text"));
    }
    if value.len() > SECRET_MAX {
        return Err(format!("it has more than {SECRET_MAX} bytes"));
    }
    match value.iter().all(u8::is_ascii_graphic) {
        true => Ok(()),
        false => Err("it holds a space, a line break or something else than printable ASCII".into()),
    }
}

/// A regular file, reached through no link, that only its owner may read.
fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let failed = |cause: io::Error| cause.to_string();
    if fs::canonicalize(path).map_err(failed)? != path {
        return Err("the path leads through a link".into());
    }
    let file = open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err("it is no regular file".into());
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0 {
        return Err("others than its owner may open it; make it mode 600".into());
    }
    // Room for all of it at once: memory that grows leaves copies behind.
    let mut value = Zeroizing::new(Vec::with_capacity(SECRET_MAX + 4));
    file.take(SECRET_MAX as u64 + 3).read_to_end(&mut value).map_err(failed)?;
    Ok(value)
}

/// Neither follows a link nor waits on a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}
