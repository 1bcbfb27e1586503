//! The store in one directory: a SQLite database in write-ahead mode, and files named by their digests.
//!
//! ```text
//! journal.sqlite    runs, entries, blobs up to 64 KiB, keys and values, the catalog
//! blobs/            larger blobs
//! private/          larger blobs that are private, named by their commitments
//! components/       the bytes of skills
//! owners/           one locked file for each living process
//! open.lock         held while somebody opens the store
//! turns/            held while files below a directory are compared and put in their place, one for each
//! ```

mod append;
mod blobs;
mod catalog;
pub(crate) mod connection;
pub(crate) mod erasable;
mod evidence;
mod log;
mod pending;
pub(crate) mod read;
mod remembered;
mod spending;
mod stored;
mod tree;
mod writer;

use crate::content::{ContentDir, checked};
use crate::error::{StoreError, damaged, unwritten};
use crate::owner::{self, OwnerLock};
use crate::patience::{Silent, WRITING};
use crate::{ROW_BLOB_MAX, admit, placed, private, salt};
use append::Staged;
use erasable::Kept;
pub use evidence::{Beside, StoredEntry, StoredRun};
use kapell_journal::content::{Content, Salt};
use kapell_journal::entry::Entry;
use kapell_journal::seam::{About, Commit, Head, JournalError, Journals, Owner, RunRow};
use kapell_journal::spending::Spent;
use kapell_model::digest::Digest;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::id::{FlowName, RunId};
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{HostFault, KeyvalueReads};
pub use pending::PendingFile;
use pending::Turn;
use read::Readers;
use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use stored::number;
use tokio::sync::oneshot;
pub use tree::{Noted, TreeHead};
use writer::{Wait, Writer};

/// Whether what is acknowledged survives a power failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It does: every commit is synced before it is answered.
    #[default]
    Full,
    /// It does not: commits are left to the system's memory. For benchmarks and tests only, to see what syncing
    /// costs; no configuration reaches it.
    Unsynced,
}

/// How a store is opened; the default is what everybody but a benchmark wants.
#[derive(Clone, Default)]
pub struct Options {
    /// Whether commits are synced.
    pub durability: Durability,
}

/// The store in one directory. A clone is another handle of the same store; the last one closes it.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

pub(crate) struct Inner {
    dir: PathBuf,
    writer: Writer,
    readers: Readers,
    blobs: ContentDir,
    private: ContentDir,
    components: ContentDir,
    options: Options,
    silent: Silent,
}

impl SqliteStore {
    /// Opens the store in `dir`, made if it is not there, and puts written files in their place that a crash left
    /// pending, as far as their directories answer within some seconds. Several processes may have it open.
    ///
    /// # Errors
    /// When the directory cannot be made or written, or holds a store this program does not know.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, Options::default())
    }

    /// As [`open`](Self::open), with options for benchmarks.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let failed =
            |path: &Path, cause: io::Error| StoreError::Open { path: path.into(), cause: cause.to_string() };
        let inside = |name: &str| dir.join(name);
        private::directory(dir).map_err(|cause| failed(dir, cause))?;
        let owners = inside("owners");
        private::directory(&owners).map_err(|cause| failed(&owners, cause))?;
        let content = |name: &str, suffix| {
            ContentDir::open(&inside(name), suffix).map_err(|cause| failed(&inside(name), cause))
        };
        let (blobs, components) = (content("blobs", "")?, content("components", ".wasm")?);
        let private = content("private", "")?;

        let turn = inside("open.lock");
        let turn = private::file(&turn)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|cause| failed(&turn, cause))?;
        let database = inside("journal.sqlite");
        connection::prepare(&database)?;
        let (writer, readers) = (Writer::start(&database, options.durability)?, Readers::new(&database));
        drop(turn);

        let (dir, silent) = (dir.into(), Silent::default());
        let store =
            Self(Arc::new(Inner { dir, writer, readers, blobs, private, components, options, silent }));
        store.recover(&owners).map_err(|cause| failed(&owners, cause))?;
        Ok(store)
    }

    fn recover(&self, owners: &Path) -> io::Result<()> {
        owner::sweep(owners)?;
        // Whoever reads in another process may keep the log as it is; it is cut the next time.
        if let Err(failed) = self.0.finish_erasing() {
            tracing::warn!(%failed, "what was erased is not gone from the disk");
        }
        // A file that still can't be placed keeps only its own run from going on, which is told so then.
        if let Err(failed) = pending::recover(&self.0) {
            tracing::warn!(%failed, "written files are not in their place");
        }
        Ok(())
    }

    /// A new owner to claim runs with, alive as long as the value.
    ///
    /// # Errors
    /// When the directory of owners cannot be written.
    pub fn new_owner(&self) -> Result<OwnerLock, StoreError> {
        let owners = self.0.owners();
        OwnerLock::new(&owners).map_err(|cause| StoreError::Open { path: owners, cause: cause.to_string() })
    }

    /// Writes what flows have spent anew, as the entries of all runs add up; nothing else is written meanwhile.
    ///
    /// # Errors
    /// When the store cannot be read or written, or a run is damaged.
    pub fn recount_spending(&self) -> Result<(), JournalError> {
        self.0.writer.run(Wait::Durable, spending::recount)
    }

    /// Written files that are durable but not in their place yet, each with its run, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn pending_files(&self) -> Result<Vec<PendingFile>, JournalError> {
        pending::files(&self.0)
    }

    /// Whether a run keeps a blob for itself, whoever else may.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn keeps_itself(&self, run: &RunId, digest: &Digest) -> Result<bool, JournalError> {
        self.0.readers.read(|connection| read::keeps(connection, run, digest))
    }

    /// Whether the bytes of a blob are still a file that no run keeps.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_left_over(&self, digest: &Digest) -> Result<bool, JournalError> {
        self.0.is_left_over(digest)
    }

    /// The file that holds a component's bytes, for tools that map or inspect it. Not checked against its digest.
    #[must_use]
    pub fn component_path(&self, digest: &Digest) -> PathBuf {
        self.0.dir.join("components").join(format!("{}.wasm", digest.hex()))
    }
}

impl Inner {
    fn owners(&self) -> PathBuf {
        self.dir.join("owners")
    }

    fn blob(&self, run: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError> {
        match self.readers.read(|connection| read::row_blob(connection, run, digest))? {
            Some(Some(bytes)) => checked(digest, bytes).map(Some),
            Some(None) => self.blobs.get(digest),
            None => Ok(None),
        }
    }

    /// Splits the bytes of a commit: small ones become rows of its transaction, large ones are files from now on.
    fn stage(&self, commit: &Commit) -> Result<Staged, JournalError> {
        let mut staged = Staged::default();
        for file in &commit.writes.files {
            let content = match (&file.content, commit.writes_private) {
                (None, _) => None,
                (Some(bytes), false) => Some(Content::of(bytes.as_slice())),
                (Some(bytes), true) => Some(Content::committed(bytes.as_slice(), salt()?)),
            };
            staged.files.push(content.as_ref().map(|content| *content.digest()));
            staged.own.extend(content.map(|content| self.stage_one(content)).transpose()?);
        }
        for (contents, staged) in [(&commit.blobs, &mut staged.own), (&commit.shared, &mut staged.shared)] {
            for content in contents {
                staged.push(self.stage_one(content.clone())?);
            }
        }
        if staged.own.iter().chain(&staged.shared).any(|kept| kept.in_file) {
            staged.files_in = Some(self.blobs.again().map_err(unwritten)?);
        }
        fault::reach(FaultPoint::Staged).map_err(unwritten)?;
        Ok(staged)
    }

    fn stage_one(&self, content: Content) -> Result<Kept, JournalError> {
        let in_file = content.bytes().len() > ROW_BLOB_MAX;
        let (name, bytes) = (content.digest(), content.bytes());
        let written = match (content.salt(), in_file) {
            (_, false) => Ok(()),
            (None, true) => self.blobs.put(name, bytes),
            (Some(_), true) => self.private.put_new(name, bytes),
        };
        written.map_err(|cause| unwritten(format!("{name}: {cause}")))?;
        Ok(Kept { content, in_file })
    }
}

impl Journals for SqliteStore {
    fn next_id(&self, flow: &FlowName) -> Result<RunId, JournalError> {
        let counted = flow.clone();
        let number =
            self.0.writer.run(Wait::Visible, move |connection| append::next_number(connection, &counted))?;
        format!("{flow}-{number}").parse().map_err(unwritten)
    }

    fn claim(&self, run: &RunId, owner: &Owner) -> Result<Head, JournalError> {
        let (claimed, owner, owners) = (run.clone(), owner.clone(), self.0.owners());
        self.0.writer.run(Wait::Visible, move |connection| {
            append::claim(connection, &claimed, &owner, |other| {
                owner::lives(&owners, other).map_err(unwritten)
            })
        })
    }

    fn release(&self, run: &RunId, epoch: u64) -> Result<(), JournalError> {
        let run = run.clone();
        self.0.writer.run(Wait::Visible, move |connection| append::release(connection, &run, epoch))
    }

    async fn commit(&self, commit: Commit) -> Result<(), JournalError> {
        admit::check(&commit)?;
        let turn = if commit.writes.files.is_empty() { None } else { Some(self.turn(&commit).await?) };
        let run = commit.run.clone();
        let rows = if is_small(&commit) { self.0.stage(&commit)? } else { self.stage_aside(&commit).await? };
        let erases = !commit.erased.is_empty() && commit.dropped.is_empty();
        self.append(commit, rows).await?;
        fault::reach(FaultPoint::Committed).map_err(unwritten)?;
        if erases {
            let inner = Arc::clone(&self.0);
            aside(move || inner.finish_erasing()).await?;
        }
        match turn {
            Some((turn, roots)) => self.place_aside(run, turn, roots).await,
            None => Ok(()),
        }
    }

    fn place_pending(&self, run: &RunId) -> Result<(), JournalError> {
        if pending::waits(&self.0, run)? { pending::place_run(&self.0, run) } else { Ok(()) }
    }

    fn entries(&self, run: &RunId) -> Result<Vec<Entry>, JournalError> {
        read::entries(&self.0.readers, run)
    }

    fn claimed(&self) -> Result<u64, JournalError> {
        self.0.readers.read(read::claimed)
    }

    fn stretch(&self, about: &About, numbers: RangeInclusive<u64>) -> Result<Vec<Vec<Entry>>, JournalError> {
        read::stretch(&self.0.readers, about, &numbers)
    }

    fn blob(&self, run: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError> {
        self.0.blob(run, digest)
    }

    fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError> {
        self.0.private(commitment)
    }

    fn private_of(&self, run: &RunId) -> Result<BTreeSet<Digest>, JournalError> {
        self.0.readers.read(|connection| erasable::of_run(connection, run))
    }

    fn salt(&self) -> Result<Salt, JournalError> {
        salt()
    }

    fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        self.0.readers.read(read::runs)
    }

    fn runs_like(&self, beginning: &str, most: usize) -> Result<Vec<RunId>, JournalError> {
        self.0.readers.read(|connection| read::runs_like(connection, beginning, most))
    }

    fn last_run(&self) -> Result<Option<RunId>, JournalError> {
        self.0.readers.read(read::last_run)
    }

    fn newest_runs(&self) -> Result<Vec<RunRow>, JournalError> {
        self.0.readers.read(read::newest_runs)
    }

    fn run_of_line(&self, line: &Digest) -> Result<Option<RunRow>, JournalError> {
        self.0.readers.read(|connection| read::run_of_line(connection, line))
    }

    fn spending(&self) -> Result<Vec<Spent>, JournalError> {
        self.0.readers.read(spending::all)
    }

    fn due(&self, now: Timestamp) -> Result<Vec<RunId>, JournalError> {
        self.0.readers.read(|connection| read::due(connection, now))
    }

    fn over_by(&self, then: Timestamp) -> Result<Vec<RunId>, JournalError> {
        self.0.readers.read(|connection| read::over_by(connection, then))
    }

    fn let_go(&self) -> Result<(), JournalError> {
        self.0.finish_erasing()
    }
}

/// Whether all its bytes become rows, so that staging touches no file.
fn is_small(commit: &Commit) -> bool {
    let contents = commit.writes.files.iter().filter_map(|file| file.content.as_ref().map(Vec::len));
    let kept = commit.blobs.iter().chain(&commit.shared);
    kept.map(|content| content.bytes().len()).chain(contents).all(|length| length <= ROW_BLOB_MAX)
}

impl SqliteStore {
    async fn append(&self, commit: Commit, rows: Staged) -> Result<(), JournalError> {
        let (answer, answered) = oneshot::channel();
        let run = commit.run.clone();
        let append = move |connection: &rusqlite::Connection| append::append(connection, &commit, &rows);
        if self.0.writer.submit(&run, append, move |result| drop(answer.send(result))) {
            tokio::task::yield_now().await;
        }
        answered.await.unwrap_or_else(|_| Err(unwritten("the writer has stopped")))
    }

    async fn stage_aside(&self, commit: &Commit) -> Result<Staged, JournalError> {
        let (inner, commit) = (Arc::clone(&self.0), commit.clone());
        aside(move || inner.stage(&commit)).await
    }

    /// The right to write below the commit's directories, once every file there is as the attempt found it. Held
    /// until they are placed, so that nobody of this store changes one in between.
    async fn turn(&self, commit: &Commit) -> Result<(Turn, BTreeSet<String>), JournalError> {
        let (inner, files) = (Arc::clone(&self.0), commit.writes.files.clone());
        let roots: BTreeSet<String> = files.iter().map(|file| file.root.clone()).collect();
        let (silent, asked) = (inner.silent.clone(), roots.clone());
        let work = move || {
            let turn = Turn::take(&inner, &asked).map_err(unwritten)?;
            match placed::first_changed(&files) {
                Some(changed) => Err(placed::conflict(changed)),
                None => Ok((turn, asked)),
            }
        };
        aside(move || {
            let working =
                silent.begin(roots, work).and_then(|working| working.until(Instant::now() + WRITING));
            working.map_err(unwritten)?
        })
        .await
    }

    async fn place_aside(&self, run: RunId, turn: Turn, roots: BTreeSet<String>) -> Result<(), JournalError> {
        let inner = Arc::clone(&self.0);
        aside(move || pending::place_within(&inner, &run, roots, move |_| Ok(turn))).await
    }
}

/// Runs work that waits for the disk where it holds up no other task; without a runtime, right here.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => {
            runtime.spawn_blocking(work).await.unwrap_or_else(|broken| Err(damaged(broken.to_string())))
        }
        Err(_) => work(),
    }
}

impl KeyvalueReads for SqliteStore {
    fn get(&self, namespace: &str, key: &str) -> Result<Option<(Vec<u8>, u64)>, HostFault> {
        let value = self.look(|connection| read::key(connection, namespace, key));
        value.map_err(|cause| unreadable(format!("read key `{key}` in `{namespace}`"), &cause))
    }

    fn keys(&self, namespace: &str, cursor: Option<&str>, limit: usize) -> Result<Vec<String>, HostFault> {
        let keys = self.0.readers.read(|connection| read::keys(connection, namespace, cursor, limit));
        keys.map_err(|cause| unreadable(format!("list keys in `{namespace}`"), &cause))
    }
}

fn unreadable(doing: String, cause: &JournalError) -> HostFault {
    HostFault { doing, cause: cause.to_string() }
}
