//! Directories and files that only their owner may read: the journal holds what people were shown and answered.

use crate::owner;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const DIRECTORY: u32 = 0o700;
/// The mode of every file of the store.
pub(crate) const FILE: u32 = 0o600;

/// Makes a directory with its parents, or takes the group's and the others' rights from one that is there.
pub(crate) fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(path)?;
    tighten(path, DIRECTORY)
}

/// Opens a file for reading and writing, made if it is not there, readable by its owner only.
pub(crate) fn file(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE).open(path)?;
    tighten(path, FILE)?;
    Ok(file)
}

/// Makes a file if it is not there, without ever opening one that is: closing a file takes away every lock this
/// process holds on it, those of a database it has open among them.
pub(crate) fn untouched(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(FILE).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => tighten(path, FILE),
        made => made.map(drop),
    }
}

/// Whether a directory takes a few pages that are on the disk when this returns, as a commit would write them.
pub(crate) fn takes_more(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!("probe-{}", owner::random()));
    let probe =
        file(&path).and_then(|mut file| file.write_all(&[0; 16 << 10]).and_then(|()| file.sync_all()));
    // What was never made can't be removed.
    probe.and(fs::remove_file(&path)).inspect_err(|_| drop(fs::remove_file(&path)))
}

/// Only when it is too loose: a directory somebody else owns cannot be changed and need not be.
fn tighten(path: &Path, mode: u32) -> io::Result<()> {
    let loose = fs::metadata(path)?.permissions().mode() & 0o077 != 0;
    if loose { fs::set_permissions(path, Permissions::from_mode(mode)) } else { Ok(()) }
}
