//! The real directory under a grant, read and never written.
//!
//! It is walked one name at a time, each opened relative to the directory before it and without following links,
//! by `cap-std`, which keeps every open below its directory whatever happens to the tree meanwhile. A path can so
//! neither leave the grant nor have a second spelling. Files are opened without waiting, then looked at, so that a
//! pipe put in a file's place between the two can't hold the host.

use super::{Answered, Node, refused, told};
use crate::capability::bindings::wasi::filesystem::types::ErrorCode;
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// What a name in a listing costs beside its letters, as it does in the record.
const NAME_COSTS: u64 = 4;

/// Opens a directory by absolute path, refusing a link in any part of it.
pub(super) fn open_root(root: &str) -> io::Result<Dir> {
    let mut parts = Path::new(root).components().peekable();
    let mut start = PathBuf::new();
    while let Some(part) = parts.next_if(|part| matches!(part, Component::Prefix(_) | Component::RootDir)) {
        start.push(part);
    }
    if !start.is_absolute() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path is not absolute"));
    }
    let start = Dir::open_ambient_dir(start, ambient_authority())?;
    parts.try_fold(start, |dir, part| match part {
        Component::Normal(name) => enter(&dir, Path::new(name)),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "the path has `.` or `..` in it")),
    })
}

/// Opens the directory `name` in `dir`; a link there is an error that says so.
fn enter(dir: &Dir, name: &Path) -> io::Result<Dir> {
    dir.open_dir_nofollow(name).map_err(|error| link_or(dir, name, error))
}

/// Systems say different things about a link that is not followed; this says it is one.
fn link_or(dir: &Dir, name: &Path, error: io::Error) -> io::Error {
    match dir.symlink_metadata(name) {
        Ok(found) if found.is_symlink() => {
            io::Error::new(ErrorKind::InvalidFilename, LinkFound(name.display().to_string()))
        }
        _ => error,
    }
}

/// A link stood where a file or directory was looked for.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is a symbolic link")]
struct LinkFound(String);

/// What is at a path of the real directory.
pub(super) fn look(root: &Dir, path: &str) -> Answered<Node> {
    if path.is_empty() {
        return Ok(Node::Directory);
    }
    let found = walk(root, path).and_then(|(dir, name)| dir.symlink_metadata(name));
    match found {
        Ok(found) => Ok(node(&found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Node::Absent)
        }
        Err(error) => failed(&error),
    }
}

/// The content of a regular file of at most `limit` bytes.
pub(super) fn content(root: &Dir, path: &str, limit: u64) -> Answered<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let opened = walk(root, path).and_then(|(dir, name)| {
        let file = dir.open_with(name, &options);
        file.map_err(|error| link_or(&dir, name, error))
    });
    let file = opened.or_else(|error| failed(&error))?;
    let found = file.metadata().or_else(|error| failed(&error))?;
    if !found.is_file() {
        return refused(ErrorCode::NotPermitted);
    }
    // A file that is too long is not read up to there first.
    if found.len() > limit {
        return told(ErrorCode::FileTooLarge);
    }
    let mut content = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut content);
    match read {
        Ok(length) if length as u64 > limit => told(ErrorCode::FileTooLarge),
        Ok(_) => Ok(content),
        Err(error) => failed(&error),
    }
}

/// The names in a directory and what each is, sorted by name; none when together they are longer than `limit` bytes.
pub(super) fn list(root: &Dir, path: &str, limit: u64) -> Answered<Option<Vec<(String, Node)>>> {
    let Some(mut names) = read_names(root, path, limit).or_else(|error| failed(&error))? else {
        return Ok(None);
    };
    names.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Some(names))
}

/// Stops at the first name that is too much, so that a vast directory costs no more than the limit.
fn read_names(root: &Dir, path: &str, limit: u64) -> io::Result<Option<Vec<(String, Node)>>> {
    let dir = path.split('/').filter(|name| !name.is_empty());
    let dir = dir.map(Path::new).try_fold(root.try_clone()?, |dir, name| enter(&dir, name))?;
    let (mut names, mut bytes) = (Vec::new(), 0);
    for entry in dir.entries()? {
        let entry = entry?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        bytes += name.len() as u64 + NAME_COSTS;
        if bytes > limit {
            return Ok(None);
        }
        names.push((name, node(&entry.metadata()?)));
    }
    Ok(Some(names))
}

/// The directory a path is in, opened, and the path's last name.
fn walk<'a>(root: &Dir, path: &'a str) -> io::Result<(Dir, &'a Path)> {
    let (parents, name) = super::path::split(path);
    let parents = parents.split('/').filter(|name| !name.is_empty()).map(Path::new);
    let dir = parents.fold(root.try_clone(), |dir, name| enter(&dir?, name))?;
    Ok((dir, Path::new(name)))
}

fn node(found: &Metadata) -> Node {
    match found.file_type() {
        kind if kind.is_symlink() => Node::Link,
        kind if kind.is_dir() => Node::Directory,
        kind if kind.is_file() => Node::File(found.len()),
        _ => Node::Other,
    }
}

/// The guest's code for an error of the real file system; a link in the way is a refusal.
fn failed<T>(error: &io::Error) -> Answered<T> {
    if error.get_ref().is_some_and(|inner| inner.is::<LinkFound>()) {
        return refused(ErrorCode::Loop);
    }
    told(match error.kind() {
        ErrorKind::NotFound => ErrorCode::NoEntry,
        ErrorKind::NotADirectory => ErrorCode::NotDirectory,
        ErrorKind::IsADirectory => ErrorCode::IsDirectory,
        ErrorKind::PermissionDenied => ErrorCode::Access,
        ErrorKind::InvalidFilename => ErrorCode::NameTooLong,
        ErrorKind::InvalidData => ErrorCode::IllegalByteSequence,
        _ => ErrorCode::Io,
    })
}
