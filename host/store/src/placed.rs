//! Written files, put in their place: whole or not at all, durable, and never through a symbolic link.
//!
//! Content goes to a hidden file beside its destination, is synced and renamed over it, and the directory is
//! synced. Doing it again does it once. The directory of the grant itself is the operator's word and may be a
//! link; below it nothing is followed, so that a link left there can't lead a skill's file elsewhere.

use crate::error::unwritten;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt, OpenOptions, OpenOptionsExt};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use std::io::{self, ErrorKind, Write};

/// Writes or, without content, removes the file at `path` below `root`.
pub(crate) fn place(root: &str, path: &str, content: Option<&[u8]>) -> io::Result<()> {
    let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(content) = content else { return remove(root, parents, name) };
    Dir::create_ambient_dir_all(root, ambient_authority())?;
    let mut dir = Dir::open_ambient_dir(root, ambient_authority())?;
    for parent in parents.split('/').filter(|parent| !parent.is_empty()) {
        make(&dir, parent)?;
        dir = enter(&dir, parent)?;
    }
    replace(&dir, name, content, None)
}

/// A file or a directory that is not there is as removed as it can be.
fn remove(root: &str, parents: &str, name: &str) -> io::Result<()> {
    let removed = || -> io::Result<()> {
        let mut dir = Dir::open_ambient_dir(root, ambient_authority())?;
        for parent in parents.split('/').filter(|parent| !parent.is_empty()) {
            dir = enter(&dir, parent)?;
        }
        dir.remove_file(name)?;
        sync(&dir)
    };
    removed().or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn make(dir: &Dir, name: &str) -> io::Result<()> {
    match dir.create_dir(name) {
        Ok(()) => sync(dir),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a directory that is one: what was looked at must be what was opened, so that a link put there between
/// the two is noticed.
fn enter(dir: &Dir, name: &str) -> io::Result<Dir> {
    let seen = dir.symlink_metadata(name)?;
    let inner = dir.open_dir(name)?;
    let opened = inner.dir_metadata()?;
    if seen.is_dir() && (seen.dev(), seen.ino()) == (opened.dev(), opened.ino()) {
        Ok(inner)
    } else {
        Err(io::Error::new(ErrorKind::NotADirectory, format!("`{name}` is a link; links are not followed")))
    }
}

/// What a run is told whose file is not in its place.
pub(crate) fn unplaced(root: &str, path: &str, cause: &io::Error) -> JournalError {
    unwritten(format!("the file `{path}` in `{root}` is recorded but not in its place: {cause}"))
}

/// Replaces the content of a file in `dir`, with the mode the system gives unless one is named.
pub(crate) fn replace(dir: &Dir, name: &str, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    let _turn = turn(dir)?;
    // One name for each destination: what a crash leaves is taken away by the next try.
    let part = format!(".kapell-{}.part", Digest::of(name.as_bytes()).short());
    write_synced(dir, &part, content, mode)
        .and_then(|()| dir.rename(&part, dir, name))
        .inspect_err(|_| drop(dir.remove_file(&part)))?;
    sync(dir)
}

/// One writer at a time in a directory, also among processes, until what is returned is dropped: two of them would
/// take each other's part away, or rename what the other has written half.
fn turn(dir: &Dir) -> io::Result<std::fs::File> {
    let turn = dir.open(".")?.into_std();
    // Some network file systems have no lock for a directory; there it is left to chance, as for every program.
    let _ = turn.lock();
    Ok(turn)
}

fn write_synced(dir: &Dir, part: &str, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    if let Err(error) = dir.remove_file(part)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = OpenOptions::new();
    // Exclusively: never through a link that was put there.
    options.write(true).create_new(true);
    if let Some(mode) = mode {
        options.mode(mode);
    }
    let mut file = dir.open_with(part, &options)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes names in a directory durable.
pub(crate) fn sync(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_made_with_its_parents_replaced_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("out").to_str().unwrap().to_owned();
        place(&root, "a/b/letter.txt", Some(b"first")).unwrap();
        place(&root, "a/b/letter.txt", Some(b"second")).unwrap();
        assert_eq!(fs::read(home.path().join("out/a/b/letter.txt")).unwrap(), b"second");
        let left: Vec<_> = fs::read_dir(home.path().join("out/a/b")).unwrap().collect();
        assert_eq!(left.len(), 1, "no part is left behind");
        place(&root, "a/b/letter.txt", None).unwrap();
        place(&root, "a/b/letter.txt", None).unwrap();
        place(&root, "nowhere/x", None).unwrap();
        assert!(!home.path().join("out/a/b/letter.txt").exists());
    }

    #[test]
    fn writers_of_one_file_take_turns_and_each_leaves_it_whole() {
        let home = tempfile::tempdir().unwrap();
        let dir = || Dir::open_ambient_dir(home.path(), ambient_authority()).unwrap();
        let writers: Vec<_> = (b'a'..b'i')
            .map(|letter| {
                let dir = dir();
                std::thread::spawn(move || {
                    (0..20).try_for_each(|_| replace(&dir, "x", &[letter; 5_000], None)).unwrap();
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let left = fs::read(home.path().join("x")).unwrap();
        assert!(left.len() == 5_000 && left.iter().all(|letter| Some(letter) == left.first()), "torn");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "no part is left behind");
    }

    #[test]
    fn a_link_below_the_directory_is_refused_as_parent_and_replaced_as_file() {
        let home = tempfile::tempdir().unwrap();
        let (out, other) = (home.path().join("out"), home.path().join("other"));
        fs::create_dir_all(out.join("real")).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("kept"), "kept").unwrap();
        let root = out.to_str().unwrap();

        symlink("real", out.join("within")).unwrap();
        symlink(&other, out.join("away")).unwrap();
        for path in ["within/x", "away/x"] {
            assert!(place(root, path, Some(b"x")).is_err(), "{path}");
        }
        assert!(!out.join("real/x").exists() && !other.join("x").exists());

        symlink(other.join("kept"), out.join("file")).unwrap();
        place(root, "file", Some(b"new")).unwrap();
        assert_eq!(fs::read(other.join("kept")).unwrap(), b"kept");
        assert_eq!(fs::read(out.join("file")).unwrap(), b"new");
    }
}
