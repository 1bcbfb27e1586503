//! Reads a guest's path into a path below the grant.
//!
//! This only gives a path its one spelling. That nothing outside is ever opened does not rest on it: the real
//! directory is walked one name at a time by `beneath`, through opens that cannot leave their directory.

use super::{Answered, refused, told};
use crate::capability::bindings::wasi::filesystem::types::ErrorCode;

/// Longest path in bytes, and longest name in it: what common file systems hold.
const PATH_MAX: usize = 4_096;
const NAME_MAX: usize = 255;

/// A guest's path below the grant, in its one spelling.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `/`-separated, without `.`, `..` or empty parts; empty for the granted directory itself.
    pub(super) path: String,
    /// It ended in `/` or `/.`, so only a directory will do.
    pub(super) directory: bool,
    /// What the path went through and left again by `..`; each must be a directory.
    pub(super) through: Vec<String>,
}

/// Reads `path` as seen from the directory `base`.
pub(super) fn read(base: &str, path: &str) -> Answered<Place> {
    check_form(path)?;
    let mut names: Vec<&str> = base.split('/').filter(|name| !name.is_empty()).collect();
    let floor = names.len();
    let mut through = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if names.len() <= floor => return refused(ErrorCode::NotPermitted),
            ".." => {
                through.push(names.join("/"));
                names.pop();
            }
            name if name.len() > NAME_MAX => return told(ErrorCode::NameTooLong),
            name => names.push(name),
        }
    }
    let directory = matches!(path.rsplit('/').next(), Some("" | "." | ".."));
    Ok(Place { path: names.join("/"), directory, through })
}

fn check_form(path: &str) -> Answered<()> {
    match path {
        "" => told(ErrorCode::NoEntry),
        path if path.starts_with('/') => refused(ErrorCode::NotPermitted),
        path if path.contains('\0') => told(ErrorCode::Invalid),
        path if path.len() > PATH_MAX => told(ErrorCode::NameTooLong),
        _ => Ok(()),
    }
}

/// Whether a name means one file on every file system: some take a colon for a stream of another file, drop a dot or
/// space at the end, read a backslash as a slash, or have devices by name in every directory.
pub(super) fn is_one_name_everywhere(name: &str) -> bool {
    !name.contains([':', '\\']) && !name.ends_with(['.', ' ']) && !is_device(name)
}

/// `NUL`, `com1.txt`, `LPT²`: what follows a dot does not help.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_lowercase();
    let numbered = |stem: &str| {
        let mut rest = stem.chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || ["com", "lpt"].iter().any(|port| stem.strip_prefix(port).is_some_and(numbered))
}

/// The directory a path is in, empty for the granted one, and its last name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
