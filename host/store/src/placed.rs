//! Written files, put in their place: whole or not at all, durable, and never through a symbolic link.
//!
//! Content goes to a hidden file beside its destination, is synced and renamed over it, and the directory is
//! synced. Doing it again does it once. Every name from the top of the file system down is opened by itself and
//! must be a directory, so that no link, in the grant's own path or below it, can lead a skill's file elsewhere.
//! Directories that are not there are made, each durable before anything is put in it.

use crate::owner;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use kapell_journal::seam::JournalError;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::id::RunId;
use kapell_model::writes::{FileMark, FileSeen, FileWrite, RESERVED};
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Writes or, without content, removes the file at `path` below `root`.
pub(crate) fn place(root: &str, path: &str, content: Option<&[u8]>) -> io::Result<()> {
    let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(content) = content else { return remove(root, parents, name) };
    replace(&walk(root, parents, make)?, name, content, None)
}

/// The first file that is no longer what its attempt found, or whose place can't be looked at: what nobody knows
/// nobody overwrites.
pub(crate) fn first_changed(files: &[FileWrite]) -> Option<&FileWrite> {
    files.iter().find(|file| found(&file.root, &file.path).is_none_or(|found| found != file.seen))
}

/// What is at a path now; none for what is neither a file nor out of a file's way. A directory can't be overwritten:
/// placing the file will say so.
fn found(root: &str, path: &str) -> Option<FileSeen> {
    let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
    match walk(root, parents, enter).and_then(|dir| dir.symlink_metadata(name)) {
        Ok(found) if found.is_file() => Some(FileSeen::File(mark(&found))),
        Ok(found) if found.is_dir() => Some(FileSeen::Absent),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(FileSeen::Absent),
        _ => None,
    }
}

fn mark(found: &Metadata) -> FileMark {
    let nanos = |seconds: i64, nanos: i64| seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos);
    FileMark {
        device: found.dev(),
        inode: found.ino(),
        bytes: found.len(),
        modified: nanos(found.mtime(), found.mtime_nsec()),
        changed: nanos(found.ctime(), found.ctime_nsec()),
    }
}

/// What a commit is told whose file has changed.
pub(crate) fn conflict(file: &FileWrite) -> JournalError {
    JournalError::FileConflict { path: whole_path(&file.root, &file.path) }
}

/// What a run is told whose file is not in its place.
pub(crate) fn unplaced(run: &RunId, root: &str, path: &str, cause: impl Display) -> JournalError {
    JournalError::Unplaced { run: run.clone(), path: whole_path(root, path), cause: cause.to_string() }
}

/// A written file's path from the top of the file system, for people.
pub(crate) fn whole_path(root: &str, path: &str) -> String {
    format!("{}/{path}", root.trim_end_matches('/'))
}

/// Makes a directory with its parents where they are not there, durable, and through no symbolic link.
///
/// # Errors
/// When `root` is not absolute, when a part of it is a link or a file, or when the system refuses.
pub fn make_directory(root: &str) -> io::Result<()> {
    walk(root, "", make).map(drop)
}

/// A file or a directory that is not there is as removed as it can be.
fn remove(root: &str, parents: &str, name: &str) -> io::Result<()> {
    let removed = || -> io::Result<()> {
        let dir = walk(root, parents, enter)?;
        dir.remove_file(name)?;
        sync(&dir)
    };
    removed().or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Opens the directory `parents` below `root`, name by name from the top of the file system.
fn walk(root: &str, parents: &str, step: fn(&Dir, &str) -> io::Result<Dir>) -> io::Result<Dir> {
    let Some(below) = root.strip_prefix('/') else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path is not absolute"));
    };
    let top = Dir::open_ambient_dir("/", ambient_authority())?;
    let mut names = below.split('/').chain(parents.split('/')).filter(|name| !name.is_empty());
    names.try_fold(top, |dir, name| step(&dir, name))
}

/// Opens a directory, made if it is not there.
fn make(dir: &Dir, name: &str) -> io::Result<Dir> {
    match enter(dir, name) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Another run may make it at the same moment.
            dir.create_dir(name).or_else(|error| match error.kind() {
                ErrorKind::AlreadyExists => Ok(()),
                _ => Err(error),
            })?;
            sync(dir)?;
            enter(dir, name)
        }
        entered => entered,
    }
}

/// Opens a directory that is one: what was looked at must be what was opened, so that a link put there between
/// the two is noticed.
fn enter(dir: &Dir, name: &str) -> io::Result<Dir> {
    let seen = dir.symlink_metadata(name)?;
    let other = |what| Err(io::Error::new(ErrorKind::NotADirectory, format!("`{name}` is {what}")));
    if seen.is_symlink() {
        return other("a symbolic link, and links are not followed");
    }
    let inner = dir.open_dir(name)?;
    let opened = inner.dir_metadata()?;
    let same = (seen.dev(), seen.ino()) == (opened.dev(), opened.ino());
    if same { Ok(inner) } else { other("another directory than a moment ago") }
}

/// Replaces the content of a file in `dir`, with the mode the system gives unless one is named.
pub(crate) fn replace(dir: &Dir, name: &str, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    // A new name each time: a file that is there is somebody's, even where a crash of ours left it.
    let part = format!("{RESERVED}{}.part", owner::random());
    let made = create(dir, &part, mode)?;
    write_synced(made, content)
        .and_then(|()| fault::reach(FaultPoint::FileWritten))
        .and_then(|()| dir.rename(&part, dir, name))
        .inspect_err(|_| drop(dir.remove_file(&part)))?;
    fault::reach(FaultPoint::FileNamed)?;
    sync(dir)
}

fn create(dir: &Dir, part: &str, mode: Option<u32>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Exclusively: neither a file nor a link that is there is written through.
    options.write(true).create_new(true);
    if let Some(mode) = mode {
        options.mode(mode);
    }
    dir.open_with(part, &options)
}

fn write_synced(mut file: File, content: &[u8]) -> io::Result<()> {
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

    #[test]
    fn a_link_in_the_path_of_the_directory_itself_is_refused() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("other/deep")).unwrap();
        fs::write(home.path().join("other/kept"), "kept").unwrap();
        symlink(home.path().join("other"), home.path().join("absolute")).unwrap();
        symlink("other", home.path().join("relative")).unwrap();
        for below in ["absolute", "relative", "absolute/deep", "relative/new/deep", "other/../other"] {
            let root = home.path().join(below).to_str().unwrap().to_owned();
            assert!(place(&root, "x", Some(b"x")).is_err(), "{below}");
            assert!(place(&root, "kept", None).is_err(), "{below}");
            assert!(make_directory(&root).is_err(), "{below}");
        }
        assert!(place("relative", "x", Some(b"x")).is_err());
        assert_eq!(fs::read(home.path().join("other/kept")).unwrap(), b"kept");
        assert_eq!(fs::read_dir(home.path().join("other")).unwrap().count(), 2, "nothing was made");
        assert_eq!(fs::read_dir(home.path().join("other/deep")).unwrap().count(), 0);

        let root = home.path().join("other/new/deep").to_str().unwrap().to_owned();
        make_directory(&root).unwrap();
        place(&root, "x", Some(b"x")).unwrap();
        assert_eq!(fs::read(home.path().join("other/new/deep/x")).unwrap(), b"x");
    }

    #[test]
    fn a_file_that_looks_like_a_part_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let short = kapell_model::digest::Digest::of(b"letter.txt").short();
        let theirs = home.path().join(format!(".kapell-{short}.part"));
        fs::write(&theirs, "theirs").unwrap();
        place(home.path().to_str().unwrap(), "letter.txt", Some(b"Dear")).unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");

        let dir = Dir::open_ambient_dir(home.path(), ambient_authority()).unwrap();
        let taken = create(&dir, &format!(".kapell-{short}.part"), None).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    }
}
