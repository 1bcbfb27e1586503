//! Certificate authorities of a home: read when it is opened, and only when they are the ones that policy names.
//!
//! The policy has the digest of the file, so that whoever reviews a grant or a policy reviews who vouches for a place,
//! and a file that was exchanged is noticed before anything is sent.

use crate::error::{HomeError, Kind};
use kapell_egress::Authorities;
use kapell_model::digest::Digest;
use kapell_model::id::AuthorityName;
use kapell_model::policy::{CertificateFile, Policy};
use std::fs::File;
use std::io::Read as _;

/// Most bytes of a file of certificates: some hundred of them.
const FILE_MAX: u64 = 1 << 20;

/// Reads what the policy names.
///
/// # Errors
/// `Invalid` for a file that can't be read, is another one, or holds no certificates.
pub(crate) fn authorities(policy: &Policy) -> Result<Authorities, HomeError> {
    let mut authorities = Authorities::default();
    for (name, file) in &policy.authorities {
        let pem = read(name, file)?;
        authorities.add(&pem).map_err(|cause| invalid(name, file, &cause.to_string()))?;
    }
    Ok(authorities)
}

fn read(name: &AuthorityName, file: &CertificateFile) -> Result<Vec<u8>, HomeError> {
    let mut pem = Vec::new();
    let read = File::open(&file.path).and_then(|open| open.take(FILE_MAX + 1).read_to_end(&mut pem));
    read.map_err(|cause| invalid(name, file, &cause.to_string()))?;
    if pem.len() as u64 > FILE_MAX {
        return Err(invalid(name, file, "it is larger than 1 MiB"));
    }
    match Digest::of(&pem) {
        found if found == file.digest => Ok(pem),
        found => Err(invalid(name, file, "it is not the file whose digest the policy has")
            .hint(format!("once somebody has looked at its certificates: digest = \"{found}\""))),
    }
}

fn invalid(name: &AuthorityName, file: &CertificateFile, cause: &str) -> HomeError {
    HomeError::new(
        Kind::Invalid,
        format!("read the authority `{name}` from {}: {cause}", file.path.display()),
    )
}
