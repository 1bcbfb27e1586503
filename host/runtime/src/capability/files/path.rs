//! Reads a guest's path into a path below the grant.
//!
//! This only gives a path its one spelling. That nothing outside is ever opened does not rest on it: the real
//! directory is walked one name at a time by `beneath`, through opens that cannot leave their directory.

use super::{Answered, refused, told};
use crate::capability::bindings::wasi::filesystem::types::ErrorCode;
pub(super) use kapell_model::uses::is_one_name_everywhere;
use kapell_model::uses::{NAME_MAX, PATH_MAX};

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

/// The directory a path is in, empty for the granted one, and its last name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::capability::Access;
    use kapell_model::grant::Authority;
    use kapell_model::id::LogicalName;
    use kapell_model::quantity::Bytes;
    use kapell_model::uses::Use;

    /// A path that a guest can't take is one that the words of a use say is outside, and no other.
    #[test]
    fn a_path_is_taken_as_the_grant_says() {
        let granted = Authority::Files {
            root: "/srv/out".into(),
            identity: None,
            access: Access::Read,
            bytes_max: Bytes(0),
            file_max: Bytes(0),
            files_max: 0,
        };
        let thing: LogicalName = "out".parse().unwrap();
        let (long, longer) = ("n".repeat(NAME_MAX), "n".repeat(NAME_MAX + 1));
        let deep = "d/".repeat(PATH_MAX);
        for path in [
            "a",
            "a/b",
            ".",
            "a/../b",
            "a/./b//c",
            "..",
            "../a",
            "a/../..",
            "a/../../out/b",
            "/a",
            "/",
            "a\0b",
            &long,
            &longer,
            &deep,
            "...",
            "..a",
            "a/..b",
        ] {
            let used =
                Use::Files { thing: thing.clone(), path: path.into(), access: Access::Read, bytes: Bytes(0) };
            assert_eq!(read("", path).is_ok(), granted.allows(&used), "{path:?}");
        }
    }
}
