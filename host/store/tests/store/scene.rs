//! What the tests play with: a run that grows entry by entry, whichever store keeps it.

use kapell_journal::chain::{self, Sealed};
use kapell_journal::content::Content;
use kapell_journal::entry::Body;
use kapell_journal::seam::{Commit, Head, JournalError, Journals, RunRow};
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::KeyvalueReads;
use kapell_model::writes::{FileMark, FileSeen, FileWrite, HeldWrites, KeySeen, KeyWrite};
use kapell_store::{Components, MemoryStore, OwnerLock, Skills, SqliteStore};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Either store.
pub(crate) trait Store: Journals + KeyvalueReads + Skills + Components + Clone {
    fn new_owner(&self) -> OwnerLock;
}

impl Store for MemoryStore {
    fn new_owner(&self) -> OwnerLock {
        MemoryStore::new_owner(self)
    }
}

impl Store for SqliteStore {
    fn new_owner(&self) -> OwnerLock {
        SqliteStore::new_owner(self).unwrap()
    }
}

/// A run being driven.
#[derive(Clone)]
pub(crate) struct Driven {
    pub(crate) run: RunId,
    pub(crate) head: Head,
}

impl Driven {
    pub(crate) fn claim(store: &impl Journals, run: &str, owner: &OwnerLock) -> Result<Self, JournalError> {
        let run: RunId = run.parse().unwrap();
        let head = store.claim(&run, owner.owner())?;
        Ok(Self { run, head })
    }

    /// The next commit: one entry that says `by`.
    pub(crate) fn next(&self, by: &str) -> Commit {
        self.commit_of(&[by])
    }

    /// A commit of several entries.
    pub(crate) fn commit_of(&self, says: &[&str]) -> Commit {
        let mut head = self.head;
        let seal = |by: &&str| {
            let body = Body::RunResumed { by: (*by).into() };
            chain::seal(&self.run, &mut head, Timestamp(5), body).unwrap()
        };
        let entries: Vec<Sealed> = says.iter().map(seal).collect();
        let (run, expected) = (self.run.clone(), self.head);
        Commit {
            row: row(&run),
            run,
            expected,
            entries,
            blobs: Vec::new(),
            shared: Vec::new(),
            writes: HeldWrites::default(),
            writes_private: false,
            erased: BTreeSet::new(),
            dropped: BTreeSet::new(),
            charges: Vec::new(),
            bounds: Vec::new(),
        }
    }

    /// An entry that would come after the commit's first, but for what `change` does to where that stands.
    pub(crate) fn astray(commit: &Commit, run: &str, change: impl Fn(&mut Head)) -> Sealed {
        let first = &commit.entries[0];
        let mut head = Head { seq: first.entry().seq, hash: *first.hash(), epoch: first.entry().epoch };
        change(&mut head);
        let body = Body::RunResumed { by: "astray".into() };
        chain::seal(&run.parse().unwrap(), &mut head, Timestamp(5), body).unwrap()
    }

    /// Commits and moves on.
    pub(crate) async fn commit(&mut self, store: &impl Journals, commit: Commit) -> Result<(), JournalError> {
        let last = commit.entries.last().map(|last| (last.entry().seq, *last.hash()));
        store.commit(commit).await?;
        if let Some((seq, hash)) = last {
            self.head = Head { seq, hash, ..self.head };
        }
        Ok(())
    }

    /// Commits one entry and moves on.
    pub(crate) fn say(&mut self, store: &impl Journals, by: &str) -> Result<(), JournalError> {
        let commit = self.next(by);
        wait(self.commit(store, commit))
    }
}

pub(crate) fn row(run: &RunId) -> RunRow {
    let flow = run.as_str().rsplit_once('-').unwrap().0.parse().unwrap();
    let (started, changed) = (Timestamp(3), Timestamp(5));
    let state = "running".into();
    RunRow { run: run.clone(), flow, state, over: false, started, changed, due: None, line: None, kept: true }
}

pub(crate) fn blob(bytes: &[u8]) -> Content {
    Content::of(bytes)
}

pub(crate) fn key(key: &str, value: Option<&str>) -> KeyWrite {
    KeyWrite { namespace: "crm".into(), key: key.into(), value: value.map(|value| value.into()) }
}

pub(crate) fn seen(key: &str, version: u64) -> KeySeen {
    KeySeen { namespace: "crm".into(), key: key.into(), version }
}

pub(crate) fn file(root: &Path, path: &str, content: Option<&str>) -> FileWrite {
    let seen = file_seen(&root.join(path));
    let (grant, root) = ("out".parse().unwrap(), root.to_str().unwrap().into());
    FileWrite { grant, root, path: path.into(), seen, content: content.map(Into::into) }
}

/// What an attempt that looks now would find.
fn file_seen(path: &Path) -> FileSeen {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => FileSeen::File(FileMark {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: found.mtime() * 1_000_000_000 + found.mtime_nsec(),
            changed: found.ctime() * 1_000_000_000 + found.ctime_nsec(),
        }),
        _ => FileSeen::Absent,
    }
}

/// What a run's entries say, in order.
pub(crate) fn said(store: &impl Journals, run: &RunId) -> Vec<String> {
    let says = |body| match body {
        Body::RunResumed { by } => by,
        other => panic!("{other:?}"),
    };
    store.entries(run).unwrap().into_iter().map(|entry| says(entry.body)).collect()
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
