//! The real directory under a grant, read and never written.
//!
//! Everything is opened through [`Root::at`], which neither leaves the directory nor follows a link nor enters
//! another file system, so that a path has no second spelling. Files are opened without waiting, then looked at, so
//! that a pipe put in a file's place between the two can't hold the host.

use super::root::{LinkFound, MountFound, Root, device};
use super::{Answered, Found, Node, refused, told};
use crate::capability::bindings::wasi::filesystem::types::ErrorCode;
use kapell_model::writes::FileMark;
use rustix::fs::{Dir, FileType, OFlags, Stat, fstat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::OwnedFd;

/// What a name in a listing costs beside its letters, as it does in the record.
const NAME_COSTS: u64 = 4;

/// How a thing is opened that is only looked at: not at all, where the system can do that.
#[cfg(target_os = "linux")]
const LOOKED_AT: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOKED_AT: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

/// What is at a path of the real directory.
pub(super) fn look(root: &Root, path: &str) -> Answered<Found> {
    match root.at(path, LOOKED_AT).and_then(|opened| Ok(fstat(opened)?)) {
        Ok(found) => Ok(of(&found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Found::ABSENT)
        }
        Err(error) => failed(&error),
    }
}

/// The content of a regular file of at most `limit` bytes, and its mark from before it was read.
pub(super) fn content(root: &Root, path: &str, limit: u64) -> Answered<(Vec<u8>, Found)> {
    let how = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = root.at(path, how).and_then(|opened| Ok((fstat(&opened)?, opened)));
    // Nothing answers at a socket, and some devices refuse to be opened at all.
    let (found, opened) = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return refused(ErrorCode::NotPermitted);
        }
        opened => opened.or_else(|error| failed(&error))?,
    };
    let found = of(&found);
    match found.node {
        // A file that is too long is not read up to there first.
        Node::File(size) if size > limit => told(ErrorCode::FileTooLarge),
        Node::File(size) => Ok((read(opened, size, limit)?, found)),
        Node::Directory => told(ErrorCode::IsDirectory),
        Node::Absent | Node::Link | Node::Other => refused(ErrorCode::NotPermitted),
    }
}

/// What a file holds; one that grows while it is read is read up to the limit.
fn read(file: OwnedFd, size: u64, limit: u64) -> Answered<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(size.saturating_add(1)).unwrap_or(0));
    match File::from(file).take(limit.saturating_add(1)).read_to_end(&mut content) {
        Ok(length) if length as u64 > limit => told(ErrorCode::FileTooLarge),
        Ok(_) => Ok(content),
        Err(error) => failed(&error),
    }
}

/// The names in a directory and what each is, sorted by name; none when together they are longer than `limit` bytes.
pub(super) fn list(root: &Root, path: &str, limit: u64) -> Answered<Option<Vec<(String, Node)>>> {
    let Some(mut names) = read_names(root, path, limit).or_else(|error| failed(&error))? else {
        return Ok(None);
    };
    names.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Some(names))
}

/// Stops at the first name that is too much, so that a vast directory costs no more than the limit.
fn read_names(root: &Root, path: &str, limit: u64) -> io::Result<Option<Vec<(String, Node)>>> {
    let dir = root.at(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let (mut names, mut bytes) = (Vec::new(), 0);
    for entry in Dir::read_from(&dir)? {
        let entry = entry?;
        let name = entry.file_name().to_str().map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        if matches!(name, "." | "..") {
            continue;
        }
        bytes += name.len() as u64 + NAME_COSTS;
        if bytes > limit {
            return Ok(None);
        }
        names.push((name.to_owned(), listed(&dir, name, entry.file_type())?));
    }
    Ok(Some(names))
}

/// What a name in a directory is. Most systems say it with the name; the size is asked for when it matters.
fn listed(dir: &OwnedFd, name: &str, kind: FileType) -> io::Result<Node> {
    if kind != FileType::Unknown {
        return Ok(node(kind, 0));
    }
    match rustix::fs::statat(dir, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(of(&found).node),
        Err(Errno::NOENT) => Ok(Node::Absent),
        Err(error) => Err(error.into()),
    }
}

fn of(found: &Stat) -> Found {
    let node = node(FileType::from_raw_mode(found.st_mode), u64::try_from(found.st_size).unwrap_or(0));
    let mark = matches!(node, Node::File(_)).then(|| mark(found));
    Found { node, mark }
}

/// Systems give times in types of their own; a time before 1970 is as good a mark as any.
#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the types are others on other systems"
)]
fn mark(found: &Stat) -> FileMark {
    let nanos = |seconds: i64, nanos: i64| seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos);
    FileMark {
        device: device(found),
        inode: found.st_ino,
        bytes: u64::try_from(found.st_size).unwrap_or(0),
        modified: nanos(found.st_mtime as i64, found.st_mtime_nsec as i64),
        changed: nanos(found.st_ctime as i64, found.st_ctime_nsec as i64),
    }
}

fn node(kind: FileType, size: u64) -> Node {
    match kind {
        FileType::Symlink => Node::Link,
        FileType::Directory => Node::Directory,
        FileType::RegularFile => Node::File(size),
        _ => Node::Other,
    }
}

/// The guest's code for an error of the real file system; a link or another file system in the way is a refusal.
fn failed<T>(error: &io::Error) -> Answered<T> {
    match error.get_ref() {
        Some(inner) if inner.is::<LinkFound>() => return refused(ErrorCode::Loop),
        Some(inner) if inner.is::<MountFound>() => return refused(ErrorCode::CrossDevice),
        _ => {}
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
