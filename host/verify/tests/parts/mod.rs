//! The corpus, and files of evidence taken apart and put together again.

use sha2::{Digest as _, Sha256};
use std::io::Read as _;

pub(crate) const RUN: &[u8] = include_bytes!("../corpus/run.kapell");
pub(crate) const LOG: &[u8] = include_bytes!("../corpus/log.kapell");
pub(crate) const SINCE: &[u8] = include_bytes!("../corpus/since.kapell");

/// A file's parts, each with its name.
pub(crate) type Parts = Vec<(String, Vec<u8>)>;

/// The parts of a file.
pub(crate) fn apart(file: &[u8]) -> Parts {
    let mut archive = tar::Archive::new(file);
    let parts = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let (name, mut bytes) = (entry.path().unwrap().display().to_string(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    });
    parts.collect()
}

/// A file of these parts, with digests that fit: whoever changes a part changes those too.
pub(crate) fn together(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut tar, mut sums) = (tar::Builder::new(Vec::new()), String::new());
    let mut put = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        for set in [tar::Header::set_uid, tar::Header::set_gid, tar::Header::set_mtime] {
            set(&mut header, 0);
        }
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, bytes).unwrap();
    };
    for (name, bytes) in parts.iter().filter(|(name, _)| name != "SHA256SUMS") {
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push_str(&format!("{digest}  {name}\n"));
        put(name, bytes);
    }
    put("SHA256SUMS", sums.as_bytes());
    tar.into_inner().unwrap()
}
