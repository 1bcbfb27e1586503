//! Directories lent to a guest: what it may do, what it is refused, and that nothing it does reaches the disk.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use crate::capability::bindings::wasi::filesystem::preopens::Host as _;
use crate::capability::bindings::wasi::filesystem::types::{
    DescriptorFlags, Host as _, HostDescriptor as _, HostDirectoryEntryStream as _, NewTimestamp, OpenFlags,
    PathFlags,
};
use crate::capability::testing::{Bench, granted, limit, lines};
use kapell_model::capability::Access;
use kapell_model::digest::Digest;
use kapell_model::ending::TrapCause;
use kapell_model::grant::Authority;
use kapell_model::limits::Limits;
use kapell_model::quantity::Bytes;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::StreamError;

const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;
const CREATE: OpenFlags = OpenFlags::CREATE;
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

/// A guest at a granted directory of a temporary one that also holds what is outside the grant.
struct Desk {
    outside: TempDir,
    bench: Bench<FilesCtx>,
    root: u32,
}

/// What a call comes to; nothing here waits for anything but the disk.
fn now<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(call)
}

/// Opens what is granted, the way this machine has.
fn lend(grants: &GrantSet) -> Result<FilesCtx, NotLent> {
    lend_walking(grants, &Crossings::live(&Limits::default()), Walk::here())
}

fn lend_walking(grants: &GrantSet, crossings: &Crossings, walk: Walk) -> Result<FilesCtx, NotLent> {
    now(FilesCtx::open(grants, crossings, &Arc::new(Disk::new(walk))))
}

fn grants(root: &Path, access: Access, files_max: u64, bytes_max: u64) -> GrantSet {
    let (root, bytes_max) = (root.to_str().unwrap().to_owned(), Bytes(bytes_max));
    let authority =
        Authority::Files { root, identity: None, access, bytes_max, file_max: bytes_max, files_max };
    granted("out", authority)
}

fn opened(outside: &TempDir) -> root::Root {
    let granted = fs::canonicalize(outside.path().join("granted")).unwrap();
    root::Root::open(granted.to_str().unwrap(), Walk::here()).unwrap()
}

fn house(files: &[(&str, &str)]) -> TempDir {
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("granted")).unwrap();
    fs::write(outside.path().join("secret"), "canary").unwrap();
    for (path, content) in files {
        let path = outside.path().join("granted").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    outside
}

fn sit(outside: TempDir, access: Access, files_max: u64, bytes_max: u64) -> Desk {
    sit_walking(outside, access, files_max, bytes_max, Walk::here())
}

fn sit_walking(outside: TempDir, access: Access, files_max: u64, bytes_max: u64, walk: Walk) -> Desk {
    let crossings = Crossings::live(&Limits::default());
    let root = fs::canonicalize(outside.path().join("granted")).unwrap();
    let ctx = lend_walking(&grants(&root, access, files_max, bytes_max), &crossings, walk).unwrap();
    let mut bench = Bench::with(ctx, crossings);
    let root = bench.lent().get_directories().unwrap().remove(0).0.rep();
    Desk { outside, bench, root }
}

fn desk(access: Access, files: &[(&str, &str)]) -> Desk {
    sit(house(files), access, 100, 1_000)
}

fn read_write(files: &[(&str, &str)]) -> Desk {
    desk(Access::ReadWrite, files)
}

fn handle(rep: u32) -> Resource<Descriptor> {
    Resource::new_borrow(rep)
}

impl Desk {
    fn lent(&mut self) -> Lent<'_, FilesCtx> {
        self.bench.lent()
    }
    fn root(&self) -> Resource<Descriptor> {
        handle(self.root)
    }
    fn open(&mut self, path: &str, how: OpenFlags, want: DescriptorFlags) -> Answered<u32> {
        let root = self.root();
        Ok(now(self.lent().open_at(root, FOLLOW, path.into(), how, want))?.rep())
    }
    fn write(&mut self, path: &str, content: &str) -> Answered<()> {
        let file = self.open(path, CREATE | OpenFlags::TRUNCATE, WRITE)?;
        now(self.lent().write(handle(file), content.into(), 0)).map(drop)
    }
    fn read(&mut self, path: &str) -> Answered<String> {
        let file = self.open(path, OpenFlags::empty(), READ)?;
        let (bytes, _) = now(self.lent().read(handle(file), 1_000, 0))?;
        Ok(String::from_utf8(bytes).unwrap())
    }
    fn stat(&mut self, path: &str) -> Answered<types::DescriptorStat> {
        let root = self.root();
        now(self.lent().stat_at(root, FOLLOW, path.into()))
    }
    fn hash(&mut self, path: &str) -> (u64, u64) {
        let root = self.root();
        let hash = now(self.lent().metadata_hash_at(root, FOLLOW, path.into())).unwrap();
        (hash.upper, hash.lower)
    }
    fn list(&mut self, path: &str) -> Answered<Vec<String>> {
        let directory = self.open(path, OpenFlags::DIRECTORY, READ)?;
        let listing = now(self.lent().read_directory(handle(directory)))?.rep();
        let mut names = Vec::new();
        while let Some(entry) = self.lent().read_directory_entry(Resource::new_borrow(listing))? {
            names.push(format!("{}:{:?}", entry.name, entry.type_).replace("DescriptorType::", ""));
        }
        Ok(names)
    }
    fn make_directory(&mut self, path: &str) -> Answered<()> {
        let root = self.root();
        now(self.lent().create_directory_at(root, path.into()))
    }
    fn remove_directory(&mut self, path: &str) -> Answered<()> {
        let root = self.root();
        now(self.lent().remove_directory_at(root, path.into()))
    }
    fn remove(&mut self, path: &str) -> Answered<()> {
        let root = self.root();
        now(self.lent().unlink_file_at(root, path.into()))
    }
    fn rename(&mut self, old: &str, new: &str) -> Answered<()> {
        let (from, to) = (self.root(), self.root());
        now(self.lent().rename_at(from, old.into(), to, new.into()))
    }
    fn reading(&mut self, file: u32, offset: u64) -> Answered<stream::Reading> {
        let Resource { .. } = now(self.lent().read_via_stream(handle(file), offset))?;
        let descriptor = self.bench.table.get(&handle(file)).unwrap();
        Ok(stream::Reading { tree: descriptor.tree.clone(), path: descriptor.path.clone(), offset })
    }
    fn refused(&self) -> Option<u64> {
        self.bench.meters().0.crossings.get("refused").copied()
    }
    /// What is held, one line a path, having looked that nothing of it is on the disk.
    fn held(self) -> Vec<String> {
        let writes = self.bench.ctx.held();
        let line = |write: FileWrite| {
            let content = write.content.map_or("gone".into(), |content| String::from_utf8(content).unwrap());
            format!("{}/{}={content}", write.grant, write.path)
        };
        writes.into_iter().map(line).collect()
    }
    fn on_disk(&self) -> Vec<String> {
        let entries = fs::read_dir(self.outside.path().join("granted")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The code of an ordinary answer, of a refusal with `!`, or the limit that ended the guest.
fn code<T: std::fmt::Debug>(answer: Answered<T>) -> String {
    match answer {
        Ok(_) => "ok".into(),
        Err(FilesError::Told(code)) => code.name().into(),
        Err(FilesError::Refused(code)) => format!("!{}", code.name()),
        Err(unknown @ FilesError::Unknown(_)) => panic!("{unknown:?}"),
        Err(FilesError::Ends(error)) => limit(&error).map_or(error.to_string(), |cause| cause.word().into()),
    }
}

#[test]
fn a_directory_is_preopened_under_its_grants_name() {
    let mut desk = read_write(&[]);
    let directories = desk.lent().get_directories().unwrap();
    assert_eq!(directories.into_iter().map(|(_, name)| name).collect::<Vec<_>>(), ["/out"]);
    let crossings = Crossings::live(&Limits::default());
    let mut none = Bench::with(lend(&GrantSet::default()).unwrap(), crossings);
    assert!(none.lent().get_directories().unwrap().is_empty());
}

#[test]
fn the_guest_reads_its_own_writes_and_the_disk_stays_as_it_was() {
    let mut desk = read_write(&[("old.txt", "old")]);
    desk.write("new.txt", "new").unwrap();
    desk.write("old.txt", "changed").unwrap();
    assert_eq!(desk.read("new.txt").unwrap(), "new");
    assert_eq!(desk.read("old.txt").unwrap(), "changed");
    assert_eq!(desk.on_disk(), ["old.txt"]);
    assert_eq!(fs::read_to_string(desk.outside.path().join("granted/old.txt")).unwrap(), "old");
    assert_eq!(desk.held(), ["out/new.txt=new", "out/old.txt=changed"]);
}

#[test]
fn a_path_that_leaves_the_grant_is_refused_and_one_that_comes_back_is_not() {
    let mut desk = read_write(&[("a/b.txt", "b"), ("c.txt", "c")]);
    for path in ["..", "../secret", "a/../../secret", "a/../../granted/c.txt", "/etc/passwd", "/"] {
        assert_eq!(code(desk.read(path)), "!not-permitted", "{path}");
        assert_eq!(code(desk.write(path, "x")), "!not-permitted", "{path}");
        assert_eq!(code(desk.stat(path)), "!not-permitted", "{path}");
        assert_eq!(code(desk.rename("c.txt", path)), "!not-permitted", "{path}");
        assert_eq!(code(desk.remove(path)), "!not-permitted", "{path}");
        assert_eq!(code(desk.make_directory(path)), "!not-permitted", "{path}");
    }
    for path in ["a/../c.txt", "./c.txt", "a/.././/c.txt"] {
        assert_eq!(desk.read(path).unwrap(), "c", "{path}");
    }
    // A directory opened inside the grant is a floor of its own.
    let inner = desk.open("a", OpenFlags::DIRECTORY, READ).unwrap();
    let up = now(desk.lent().open_at(handle(inner), FOLLOW, "../c.txt".into(), OpenFlags::empty(), READ));
    assert_eq!(code(up), "!not-permitted");
    let (meters, left) = desk.bench.meters();
    assert_eq!(meters.crossings.get("refused"), Some(&37));
    assert!(
        lines(&left.crossings).contains(&r#"files open out/../secret {"refused":"not-permitted"}"#.into())
    );
}

#[test]
fn odd_paths_have_their_own_codes() {
    let mut desk = read_write(&[("a/b.txt", "b")]);
    let long = "n".repeat(256);
    let deep = "n/".repeat(2_100);
    let rows = [
        ("", "no-entry"),
        ("a\0b", "invalid"),
        (long.as_str(), "name-too-long"),
        (deep.as_str(), "name-too-long"),
        ("a/b.txt/", "not-directory"),
        ("a/b.txt/.", "not-directory"),
        ("a/b.txt/..", "not-directory"),
        ("a/b.txt/../b.txt", "not-directory"),
        ("none/../a/b.txt", "no-entry"),
        ("a/b.txt/c", "no-entry"),
        ("a//b.txt", "ok"),
        ("a/./b.txt", "ok"),
    ];
    for (path, expected) in rows {
        assert_eq!(code(desk.stat(path)), expected, "{path:.20?}");
    }
    assert_eq!(code(desk.stat(&"n".repeat(255))), "no-entry");
    assert_eq!(code(desk.open("new/", CREATE, WRITE)), "is-directory");
    assert_eq!(code(desk.open("a", OpenFlags::empty(), WRITE)), "is-directory");
    assert_eq!(code(desk.open("a/b.txt", OpenFlags::DIRECTORY, READ)), "not-directory");
    assert_eq!(code(desk.open("a/b.txt", CREATE | OpenFlags::EXCLUSIVE, WRITE)), "exist");
    assert_eq!(code(desk.open("none/c.txt", CREATE, WRITE)), "no-entry");
    assert_eq!(code(desk.open("a/b.txt/c", CREATE, WRITE)), "not-directory");
    assert_eq!(desk.refused(), None, "these are ordinary answers");
}

#[cfg(unix)]
#[test]
fn no_link_is_followed_wherever_it_points() {
    use std::os::unix::fs::symlink;
    let outside = house(&[("real.txt", "r"), ("dir/f.txt", "f")]);
    let granted = outside.path().join("granted");
    symlink("../secret", granted.join("leaving")).unwrap();
    symlink(outside.path().join("secret"), granted.join("absolute")).unwrap();
    symlink("real.txt", granted.join("staying")).unwrap();
    symlink("dir", granted.join("door")).unwrap();
    symlink("..", granted.join("up")).unwrap();
    symlink("self", granted.join("self")).unwrap();
    let mut desk = sit(outside, Access::ReadWrite, 100, 1_000);
    let links =
        ["leaving", "absolute", "staying", "self", "door/f.txt", "up/secret", "door/", "up/granted/real.txt"];
    for path in links {
        assert_eq!(code(desk.read(path)), "!loop", "{path}");
        assert_eq!(code(desk.write(path, "x")), "!loop", "{path}");
        assert_eq!(code(desk.stat(path)), "!loop", "{path}");
        assert_eq!(code(desk.remove(path)), "!loop", "{path}");
        assert_eq!(code(desk.rename(path, "taken")), "!loop", "{path}");
        assert_eq!(
            code(desk.rename("real.txt", path)).trim_start_matches('!'),
            if path == "door/" { "not-directory" } else { "loop" }
        );
    }
    for path in ["door/../real.txt", "up/../real.txt"] {
        assert_eq!(code(desk.read(path)), "!loop", "{path}");
    }
    assert_eq!(code(desk.list("door")), "!loop");
    let root = desk.root();
    let link = now(desk.lent().stat_at(root, PathFlags::empty(), "leaving".into())).unwrap();
    assert_eq!((link.type_, link.size), (DescriptorType::SymbolicLink, 0), "a link is shown as one");
    let root = desk.root();
    assert_eq!(code(now(desk.lent().readlink_at(root, "leaving".into()))), "!not-permitted");
    // Also when one takes a file's place after the file was looked at.
    let dir = opened(&desk.outside);
    assert_eq!(code(beneath::content(&dir, "staying", 9)), "!loop");
    let (_, left) = desk.bench.meters();
    assert!(!left.contents.contains(&b"canary".to_vec()));
    assert_eq!(fs::read_to_string(desk.outside.path().join("secret")).unwrap(), "canary");
    assert_eq!(desk.held(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn a_granted_directory_that_became_a_link_is_not_opened() {
    use std::os::unix::fs::symlink;
    let outside = house(&[]);
    let base = fs::canonicalize(outside.path()).unwrap();
    symlink(base.join("granted"), base.join("swapped")).unwrap();
    fs::create_dir(base.join("granted/inner")).unwrap();
    for (root, cause) in [
        ("swapped", "`swapped` is a symbolic link"),
        ("swapped/inner", "`swapped` is a symbolic link"),
        ("granted/../granted", "the path has `.` or `..` in it"),
    ] {
        let grants = grants(&base.join(root), Access::Read, 1, 1);
        let refused = lend(&grants).unwrap_err().to_string();
        assert!(refused.starts_with("files `out`: ") && refused.ends_with(cause), "{refused}");
    }
    for root in ["granted/none", "secret"] {
        let grants = grants(&base.join(root), Access::Read, 1, 1);
        assert!(lend(&grants).is_err(), "{root}");
    }
    let relative = grants(Path::new("granted"), Access::Read, 1, 1);
    let refused = lend(&relative).unwrap_err();
    assert_eq!(refused.to_string(), "files `out`: granted can't be opened: the path is not absolute");
    let inner = grants(&base.join("granted/inner"), Access::Read, 1, 1);
    assert!(lend(&inner).is_ok());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_without_waiting_for_it() {
    let outside = house(&[]);
    let pipe = outside.path().join("granted/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut desk = sit(outside, Access::ReadWrite, 100, 1_000);
    let began = Instant::now();
    assert_eq!(code(desk.read("pipe")), "!not-permitted");
    assert_eq!(code(desk.write("pipe", "x")), "!not-permitted");
    assert_eq!(code(desk.rename("pipe", "file")), "!not-permitted");
    // Also when it takes a file's place after the file was looked at.
    let dir = opened(&desk.outside);
    assert_eq!(code(beneath::content(&dir, "pipe", 9)), "!not-permitted");
    assert!(began.elapsed() < Duration::from_secs(5), "nothing waited for a writer");
    assert_eq!(desk.list(".").unwrap(), ["pipe:Unknown"]);
}

#[test]
fn a_grant_to_read_changes_nothing() {
    let mut desk = desk(Access::Read, &[("a.txt", "a"), ("dir/b.txt", "b")]);
    assert_eq!(desk.read("a.txt").unwrap(), "a");
    let root = desk.root();
    let (at, same) = (|| NewTimestamp::Now, NewTimestamp::NoChange);
    let reader = desk.open("a.txt", OpenFlags::empty(), READ).unwrap();
    let answers = [
        code(desk.write("new.txt", "x")),
        code(desk.write("a.txt", "x")),
        code(desk.open("a.txt", OpenFlags::empty(), WRITE)),
        code(desk.open("a.txt", OpenFlags::TRUNCATE, READ)),
        code(desk.make_directory("new")),
        code(desk.remove_directory("dir")),
        code(desk.remove("a.txt")),
        code(desk.rename("a.txt", "c.txt")),
        code(now(desk.lent().set_times_at(root, FOLLOW, "a.txt".into(), at(), same))),
        code(desk.lent().set_times(handle(reader), at(), same)),
        code(now(desk.lent().write(handle(reader), b"x".to_vec(), 0))),
        code(now(desk.lent().set_size(handle(reader), 0))),
        code(now(desk.lent().write_via_stream(handle(reader), 0))),
        code(now(desk.lent().append_via_stream(handle(reader)))),
    ];
    assert!(answers.iter().all(|answer| answer == "!read-only"), "{answers:?}");
    assert_eq!(desk.refused(), Some(14));
    assert_eq!(desk.held(), Vec::<String>::new());
}

#[test]
fn a_grant_to_write_shows_nothing_of_what_was_there() {
    let mut desk = desk(Access::Write, &[("old.txt", "secret plan")]);
    desk.write("new.txt", "new").unwrap();
    assert_eq!(code(desk.read("old.txt")), "!not-permitted");
    assert_eq!(code(desk.read("new.txt")), "!not-permitted");
    assert_eq!(code(desk.list(".")), "!not-permitted");
    let writer = desk.open("old.txt", OpenFlags::empty(), WRITE).unwrap();
    assert_eq!(code(now(desk.lent().read(handle(writer), 9, 0))), "!not-permitted");
    assert_eq!(code(now(desk.lent().read_via_stream(handle(writer), 0))), "!not-permitted");
    assert_eq!(desk.stat("old.txt").unwrap().size, 0, "not even how long it is");
    assert_eq!(now(desk.lent().stat(handle(writer))).unwrap().size, 0);
    assert_eq!(desk.stat("new.txt").unwrap().size, 3);
    assert_eq!(desk.refused(), Some(5));
    // A partial write keeps the rest of the file, though the guest never sees it.
    now(desk.lent().write(handle(writer), b"S".to_vec(), 0)).unwrap();
    assert_eq!(desk.held(), ["out/new.txt=new", "out/old.txt=Secret plan"]);
}

#[test]
fn a_grant_to_write_does_not_tell_a_length_by_way_of_a_write() {
    let mut desk = desk(Access::Write, &[("old.txt", "secret plan")]);
    let writer = desk.open("old.txt", OpenFlags::empty(), WRITE).unwrap();
    now(desk.lent().write(handle(writer), Vec::new(), 0)).unwrap();
    assert_eq!(desk.stat("old.txt").unwrap().size, 0);
    desk.rename("old.txt", "moved.txt").unwrap();
    assert_eq!(desk.stat("moved.txt").unwrap().size, 0);
    // Once the guest has said how long a file is, it is told so.
    let moved = desk.open("moved.txt", OpenFlags::empty(), WRITE).unwrap();
    now(desk.lent().set_size(handle(moved), 3)).unwrap();
    assert_eq!(desk.stat("moved.txt").unwrap().size, 3);
}

#[test]
fn a_name_of_the_hosts_own_is_not_given_by_a_guest() {
    let mut desk = read_write(&[("a.txt", "a")]);
    for name in [".kapell-0123.part", "./.kapell-"] {
        assert_eq!(code(desk.write(name, "x")), "!not-permitted");
        assert_eq!(code(desk.rename("a.txt", name)), "!not-permitted");
        assert_eq!(code(desk.make_directory(name)), "!not-permitted");
    }
    desk.write(".kapell", "x").unwrap();
    assert_eq!(desk.refused(), Some(6));
}

#[test]
fn a_file_is_emptied_only_by_who_may_write_it() {
    let mut desk = read_write(&[("a.txt", "a")]);
    assert_eq!(code(desk.open("a.txt", OpenFlags::TRUNCATE, READ)), "invalid");
    assert_eq!(desk.read("a.txt").unwrap(), "a");
    desk.open("a.txt", OpenFlags::TRUNCATE, WRITE).unwrap();
    assert_eq!(desk.read("a.txt").unwrap(), "");
}

#[test]
fn names_are_read_up_to_a_limit_and_not_beyond() {
    let outside = house(&[("a", ""), ("b", "")]);
    let root = opened(&outside);
    assert_eq!(beneath::list(&root, "", 10).unwrap().map(|names| names.len()), Some(2));
    assert_eq!(beneath::list(&root, "", 9).unwrap(), None);
    // The first name is too much already, so nothing after it is looked at.
    assert_eq!(beneath::list(&root, "", 0).unwrap(), None);
}

#[test]
fn a_descriptor_does_what_it_was_opened_for() {
    let mut desk = read_write(&[("a.txt", "a")]);
    let reader = desk.open("a.txt", OpenFlags::empty(), READ).unwrap();
    let writer = desk.open("a.txt", OpenFlags::empty(), WRITE).unwrap();
    assert_eq!(code(now(desk.lent().write(handle(reader), b"x".to_vec(), 0))), "bad-descriptor");
    assert_eq!(code(now(desk.lent().read(handle(writer), 1, 0))), "bad-descriptor");
    assert_eq!(desk.lent().get_flags(handle(reader)).unwrap(), READ);
    assert_eq!(desk.lent().get_flags(handle(writer)).unwrap(), WRITE);
    let root = desk.root();
    assert_eq!(desk.lent().get_flags(root).unwrap(), READ | DescriptorFlags::MUTATE_DIRECTORY);
    let root = desk.root();
    assert_eq!(code(now(desk.lent().read(root, 1, 0))), "is-directory");
    let below = now(desk.lent().open_at(handle(reader), FOLLOW, "b".into(), OpenFlags::empty(), READ));
    assert_eq!(code(below), "not-directory");
}

#[test]
fn bytes_hold_at_their_limit_and_end_the_guest_beyond_it() {
    for (bytes, ends) in [(9, "ok"), (10, "ok"), (11, "quota")] {
        let empty = || sit(house(&[]), Access::ReadWrite, 2, 10);
        assert_eq!(code(empty().write("f", &"x".repeat(bytes))), ends, "{bytes}");
        let mut sized = empty();
        let file = sized.open("f", CREATE, WRITE).unwrap();
        assert_eq!(code(now(sized.lent().set_size(handle(file), bytes as u64))), ends, "{bytes}");
        let mut gap = empty();
        let file = gap.open("f", CREATE, WRITE).unwrap();
        assert_eq!(
            code(now(gap.lent().write(handle(file), b"x".to_vec(), bytes as u64 - 1))),
            ends,
            "{bytes}"
        );
        let mut two = empty();
        two.write("e", "xxxxx").unwrap();
        assert_eq!(code(two.write("f", &"x".repeat(bytes - 5))), ends, "{bytes} over two files");
        let mut old = sit(house(&[("f", &"x".repeat(bytes - 1))]), Access::ReadWrite, 2, 10);
        let file = old.open("f", OpenFlags::empty(), WRITE).unwrap();
        let answer = now(old.lent().write(handle(file), b"y".to_vec(), bytes as u64 - 1));
        assert_eq!(code(answer), ends, "{bytes} with what was there");
    }
    for size in [1 << 40, 1 << 63, u64::MAX] {
        let mut desk = sit(house(&[]), Access::ReadWrite, 2, 10);
        let file = desk.open("f", CREATE, WRITE).unwrap();
        assert_eq!(code(now(desk.lent().set_size(handle(file), size))), "quota", "{size}");
        assert_eq!(code(now(desk.lent().write(handle(file), b"x".to_vec(), size))), "quota", "{size}");
    }
}

#[test]
fn one_file_holds_at_its_own_limit_and_ends_the_guest_beyond_it() {
    for (bytes, ends) in [(4, "ok"), (5, "ok"), (6, "quota")] {
        let empty = || {
            let desk = sit(house(&[]), Access::ReadWrite, 9, 20);
            desk.bench.ctx.trees.first().unwrap().lock().file_max = 5;
            desk
        };
        let mut desk = empty();
        desk.write("other", "xxxxx").unwrap();
        assert_eq!(code(desk.write("f", &"x".repeat(bytes))), ends, "{bytes}");
        let mut sized = empty();
        let file = sized.open("f", CREATE, WRITE).unwrap();
        assert_eq!(code(now(sized.lent().set_size(handle(file), bytes as u64))), ends, "{bytes}");
        let mut old = sit(house(&[("f", &"x".repeat(bytes))]), Access::ReadWrite, 9, 20);
        old.bench.ctx.trees.first().unwrap().lock().file_max = 5;
        assert_eq!(code(old.rename("f", "g")), ends, "{bytes} that were there");
    }
}

#[test]
fn files_hold_at_their_limit_and_end_the_guest_beyond_it() {
    for (files, ends) in [(1, "ok"), (2, "ok"), (3, "quota")] {
        let mut desk = sit(house(&[("old", "")]), Access::ReadWrite, 2, 10);
        let all = (0..files).try_for_each(|file| desk.write(&format!("f{file}"), ""));
        assert_eq!(code(all), ends, "{files} made");
        let mut desk = sit(house(&[]), Access::ReadWrite, 2, 10);
        let all = (0..files).try_for_each(|file| desk.make_directory(&format!("d{file}")));
        assert_eq!(code(all), ends, "{files} directories");
    }
    let mut desk = sit(house(&[("a", ""), ("b", "")]), Access::ReadWrite, 1, 10);
    desk.remove("a").unwrap();
    assert_eq!(code(desk.remove("b")), "quota", "a removal is a change too");
    let mut desk = sit(house(&[]), Access::ReadWrite, 1, 10);
    for _ in 0..3 {
        desk.write("same", "again").unwrap();
        desk.remove("same").unwrap();
    }
    desk.write("other", "").unwrap();
}

#[test]
fn a_listing_is_sorted_and_shows_own_writes() {
    let mut desk = read_write(&[("c", ""), ("a", ""), ("b/x", ""), ("z", "")]);
    desk.write("bb", "").unwrap();
    desk.remove("z").unwrap();
    desk.make_directory("made").unwrap();
    desk.write("made/in", "").unwrap();
    let (file, dir) = ("RegularFile", "Directory");
    let expected = [("a", file), ("b", dir), ("bb", file), ("c", file), ("made", dir)];
    let expected = expected.map(|(name, kind)| format!("{name}:{kind}"));
    assert_eq!(desk.list(".").unwrap(), expected);
    assert_eq!(desk.list("made").unwrap(), ["in:RegularFile"]);
    assert_eq!(desk.list("b").unwrap(), ["x:RegularFile"]);
    let (_, left) = desk.bench.meters();
    assert!(lines(&left.crossings).contains(&r#"files list out/ {"names":["a","b/","c","z"]}"#.into()));
}

#[test]
fn a_copy_of_a_directory_cannot_be_told_from_it() {
    let files = [("a.txt", "abc"), ("dir/b.txt", "b")];
    let (mut one, mut two) = (read_write(&files), read_write(&files));
    for path in ["a.txt", "dir", "dir/b.txt", "."] {
        let stats = [one.stat(path).unwrap(), two.stat(path).unwrap()];
        let texts = stats.map(|stat| format!("{stat:?}"));
        assert_eq!(texts.first(), texts.last(), "{path}");
        assert_eq!(one.hash(path), two.hash(path), "{path}");
    }
    let stat = one.stat("a.txt").unwrap();
    assert_eq!((stat.link_count, stat.size), (1, 3));
    assert!(stat.data_modification_timestamp.is_none() && stat.status_change_timestamp.is_none());
    let before = one.hash("a.txt");
    assert_ne!(before, one.hash("dir/b.txt"));
    one.write("a.txt", "abcd").unwrap();
    assert_ne!(before, one.hash("a.txt"));
    let handles =
        ["a.txt", "dir/../a.txt", "dir/b.txt"].map(|path| one.open(path, OpenFlags::empty(), READ).unwrap());
    let [a, same, b] = handles;
    assert!(one.lent().is_same_object(handle(a), handle(same)).unwrap());
    assert!(!one.lent().is_same_object(handle(a), handle(b)).unwrap());
}

#[test]
fn the_directory_stays_what_it_was_at_first_touch_and_is_recorded_once() {
    let mut desk = read_write(&[("a.txt", "first")]);
    assert_eq!(desk.read("a.txt").unwrap(), "first");
    assert_eq!(code(desk.read("later.txt")), "no-entry");
    let granted = desk.outside.path().join("granted");
    fs::write(granted.join("a.txt"), "second").unwrap();
    fs::write(granted.join("later.txt"), "later").unwrap();
    assert_eq!(desk.read("a.txt").unwrap(), "first");
    assert_eq!(code(desk.read("later.txt")), "no-entry");
    let (meters, left) = desk.bench.meters();
    let digest = Digest::of(b"first");
    let expected = [
        r#"files stat out/a.txt {"number":"5"}"#.to_owned(),
        format!(r#"files read out/a.txt {{"content":"{digest}"}}"#),
        r#"files stat out/later.txt "absent""#.to_owned(),
    ];
    assert_eq!(lines(&left.crossings), expected);
    assert_eq!(left.contents, [b"first"]);
    assert_eq!(left.crossings.first().unwrap().rule.as_ref().unwrap().as_str(), "out-rule");
    assert_eq!(meters.bytes_read, 10);
}

#[test]
fn a_file_that_would_not_fit_the_record_is_too_large() {
    let outside = house(&[("big", "123456789")]);
    let dir = opened(&outside);
    assert_eq!(code(beneath::content(&dir, "big", 10)), "ok");
    assert_eq!(code(beneath::content(&dir, "big", 9)), "ok");
    assert_eq!(code(beneath::content(&dir, "big", 8)), "file-too-large");
}

#[test]
fn streams_read_write_and_count_through_the_tree() {
    use wasmtime_wasi_io::streams::InputStream as _;
    let mut desk = sit(house(&[("a.txt", "abcdef")]), Access::ReadWrite, 9, 10);
    let file = desk.open("a.txt", OpenFlags::empty(), READ | WRITE).unwrap();
    let mut reading = desk.reading(file, 2).unwrap();
    assert_eq!(reading.read(3).unwrap(), "cde");
    assert_eq!(reading.read(0).unwrap(), "");
    assert_eq!(reading.read(9).unwrap(), "f");
    assert!(matches!(reading.read(9), Err(StreamError::Closed)));
    let stream = now(desk.lent().append_via_stream(handle(file))).unwrap();
    let appending = desk.bench.table.get_mut(&stream).unwrap();
    appending.write("ghi".into()).unwrap();
    let stream = now(desk.lent().write_via_stream(handle(file), 1)).unwrap();
    let writing = desk.bench.table.get_mut(&stream).unwrap();
    writing.write("B".into()).unwrap();
    writing.write("C".into()).unwrap();
    let end = writing.write("too much to hold".into()).unwrap_err();
    let StreamError::Trap(end) = end else { panic!("{end}") };
    assert_eq!(limit(&end), Some(TrapCause::Quota));
    let (meters, _) = desk.bench.meters();
    assert_eq!((meters.bytes_read, meters.bytes_written), (4, 5));
    assert_eq!(meters.crossings.get("files"), Some(&13));
    assert_eq!(desk.held(), ["out/a.txt=aBCdefghi"]);
}

#[test]
fn a_stream_beyond_the_call_limit_ends_the_guest() {
    use wasmtime_wasi_io::streams::InputStream as _;
    let mut desk = read_write(&[("a.txt", "a")]);
    let file = desk.open("a.txt", OpenFlags::empty(), READ).unwrap();
    let mut reading = desk.reading(file, 0).unwrap();
    reading.tree.lock().crossings = Crossings::live(&Limits { host_calls: 1, ..Limits::default() });
    assert!(reading.read(1).is_ok());
    let Err(StreamError::Trap(end)) = reading.read(1) else { panic!("a call too many") };
    assert_eq!(limit(&end), Some(TrapCause::HostCalls));
}

#[test]
fn a_stream_over_a_file_that_is_gone_says_so() {
    use wasmtime_wasi_io::streams::InputStream as _;
    let mut desk = read_write(&[("a.txt", "a")]);
    let file = desk.open("a.txt", OpenFlags::empty(), READ).unwrap();
    let mut reading = desk.reading(file, 0).unwrap();
    desk.remove("a.txt").unwrap();
    let Err(StreamError::LastOperationFailed(error)) = reading.read(1) else { panic!("it is gone") };
    let error = desk.bench.table.push(error).unwrap();
    assert_eq!(desk.lent().filesystem_error_code(error).unwrap(), Some(ErrorCode::NoEntry));
    let other = desk.bench.table.push(wasmtime::Error::msg("something else")).unwrap();
    assert_eq!(desk.lent().filesystem_error_code(other).unwrap(), None);
}

#[test]
fn removing_and_renaming_are_held_like_writing() {
    let mut desk = read_write(&[("a", "1"), ("b", "2"), ("c", "3"), ("dir/d", "4")]);
    desk.remove("a").unwrap();
    assert_eq!(code(desk.remove("a")), "no-entry");
    desk.rename("b", "dir/moved").unwrap();
    assert_eq!(code(desk.read("b")), "no-entry");
    assert_eq!(desk.read("dir/moved").unwrap(), "2");
    desk.rename("c", "dir/d").unwrap();
    desk.write("e", "5").unwrap();
    desk.rename("e", "f").unwrap();
    desk.rename("f", "f").unwrap();
    assert_eq!(code(desk.remove("dir")), "is-directory");
    assert_eq!(code(desk.rename("dir", "other")), "unsupported");
    assert_eq!(code(desk.rename("f", "dir")), "is-directory");
    assert_eq!(code(desk.rename("none", "x")), "no-entry");
    assert_eq!(code(desk.rename("f", "none/x")), "no-entry");
    assert_eq!(desk.on_disk(), ["a", "b", "c", "dir"]);
    assert_eq!(
        desk.held(),
        ["out/a=gone", "out/b=gone", "out/c=gone", "out/dir/d=3", "out/dir/moved=2", "out/f=5"]
    );
}

#[test]
fn directories_are_made_above_and_real_ones_stay() {
    let mut desk = read_write(&[("real/x", "")]);
    desk.make_directory("made").unwrap();
    desk.make_directory("made/inner").unwrap();
    assert_eq!(code(desk.make_directory("made")), "exist");
    assert_eq!(code(desk.make_directory("real")), "exist");
    assert_eq!(code(desk.make_directory("none/inner")), "no-entry");
    assert_eq!(code(desk.remove_directory("made")), "not-empty");
    desk.remove_directory("made/inner").unwrap();
    desk.write("made/file", "in").unwrap();
    assert_eq!(code(desk.remove_directory("real")), "unsupported");
    assert_eq!(code(desk.remove_directory("real/x")), "not-directory");
    assert_eq!(code(desk.remove_directory(".")), "busy");
    assert_eq!(code(desk.remove_directory("none")), "no-entry");
    assert_eq!(desk.held(), ["out/made/file=in"]);
}

#[test]
fn no_name_is_made_that_deceives_whoever_lists_it() {
    let mut desk = read_write(&[]);
    for name in ["a\nb", "\u{1b}[2J", "invoice\u{202e}fdp.exe", "zero\u{200b}width", "bell\u{7}"] {
        assert_eq!(code(desk.write(name, "")), "!illegal-byte-sequence", "{name:?}");
        assert_eq!(code(desk.make_directory(name)), "!illegal-byte-sequence", "{name:?}");
    }
    desk.write("plain", "").unwrap();
    assert_eq!(code(desk.rename("plain", "a\nb")), "!illegal-byte-sequence");
    desk.write("Übersicht für Müller.txt", "").unwrap();
    assert_eq!(desk.refused(), Some(11));
}

#[test]
fn links_are_never_made_and_times_never_kept() {
    let mut desk = read_write(&[("a", "")]);
    let (one, two) = (desk.root(), desk.root());
    assert_eq!(
        code(now(desk.lent().link_at(one, PathFlags::empty(), "a".into(), two, "b".into()))),
        "!not-permitted"
    );
    let root = desk.root();
    assert_eq!(code(now(desk.lent().symlink_at(root, "../secret".into(), "b".into()))), "!not-permitted");
    let root = desk.root();
    assert_eq!(code(now(desk.lent().readlink_at(root, "a".into()))), "invalid");
    let (root, keep) = (desk.root(), NewTimestamp::NoChange);
    assert_eq!(code(now(desk.lent().set_times_at(root, FOLLOW, "a".into(), keep, keep))), "unsupported");
    assert_eq!(desk.on_disk(), ["a"]);
    assert_eq!(desk.held(), Vec::<String>::new());
}

#[test]
fn two_grants_never_mix() {
    let (reads, writes) = (house(&[("a", "1")]), house(&[]));
    let crossings = Crossings::live(&Limits::default());
    let place = |house: &TempDir| fs::canonicalize(house.path().join("granted")).unwrap();
    let mut both = grants(&place(&reads), Access::Read, 9, 99);
    let second = grants(&place(&writes), Access::ReadWrite, 9, 99).grants.remove(0);
    both.grants.push(kapell_model::grant::Grant { name: "second".parse().unwrap(), ..second });
    let mut bench = Bench::with(lend_walking(&both, &crossings, Walk::here()).unwrap(), crossings);
    let roots: Vec<_> =
        bench.lent().get_directories().unwrap().into_iter().map(|(root, _)| root.rep()).collect();
    let [first, second] = roots.as_slice() else { panic!("two directories") };
    let rename = now(bench.lent().rename_at(handle(*first), "a".into(), handle(*second), "a".into()));
    assert_eq!(code(rename), "cross-device");
    let there = now(bench.lent().stat_at(handle(*second), FOLLOW, "a".into()));
    assert_eq!(code(there), "no-entry");
    assert!(!bench.lent().is_same_object(handle(*first), handle(*second)).unwrap());
}
