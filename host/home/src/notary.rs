//! Signs the head of the journal's tree behind the runs: at the end of each, at least every 256 entries and every ten
//! seconds while work goes on. A head nobody outside keeps proves nothing against whoever holds the key: that is why it
//! can be shown and handed on.

use crate::error::{HomeError, Kind};
use kapell_conductor::drive::Watcher;
use kapell_conductor::known::Known;
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::entry::{Body, Entry};
use kapell_journal::fold::RunState;
use kapell_journal::note::{NoteError, Public, Secret};
use kapell_model::seam::Clock;
use kapell_store::{Noted, SqliteStore, TreeHead};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Most entries that are not under a signed head yet.
const ENTRIES: u64 = 256;
/// Longest time an entry is not under one while work goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// The journal's log: its tree and the key its heads are signed with.
pub(crate) struct Log {
    store: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    key: PathBuf,
}

/// Signs in a thread of its own, for as long as the value lives and once more at its end.
pub(crate) struct Notary {
    wakes: Sender<Wake>,
    thread: Option<JoinHandle<()>>,
}

/// Counts what becomes durable on its way to whoever else watches.
struct Counting {
    inner: Arc<dyn Watcher>,
    entries: Arc<AtomicU64>,
    wakes: Sender<Wake>,
}

enum Wake {
    Sign,
    Stop,
}

impl Watcher for Counting {
    fn saw(&self, entry: &Entry, state: &RunState, known: &Known) {
        self.inner.saw(entry, state, known);
        let entries = self.entries.fetch_add(1, Ordering::Relaxed) + 1;
        if matches!(entry.body, Body::RunEnded(_)) || entries.is_multiple_of(ENTRIES) {
            // A notary that is gone has signed for the last time.
            drop(self.wakes.send(Wake::Sign));
        }
    }
}

impl Notary {
    /// Begins to sign for a log; the watcher it returns tells it when.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(
        log: Arc<Log>,
        inner: Arc<dyn Watcher>,
    ) -> Result<(Self, Arc<dyn Watcher>), HomeError> {
        let ((wakes, woken), entries) = (mpsc::channel(), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&entries);
        let thread = thread::Builder::new()
            .name("kapell-notary".into())
            .spawn(move || keep_signing(&log, &woken, &counted))
            .map_err(|cause| HomeError::new(Kind::Internal, format!("start a thread: {cause}")))?;
        let watcher = Arc::new(Counting { inner, entries, wakes: wakes.clone() });
        Ok((Self { wakes, thread: Some(thread) }, watcher))
    }
}

impl Drop for Notary {
    fn drop(&mut self) {
        drop(self.wakes.send(Wake::Stop));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Signs whenever there is something new, however many asked for it meanwhile.
fn keep_signing(log: &Log, woken: &Receiver<Wake>, entries: &AtomicU64) {
    let (mut signed, mut goes_on) = (0, true);
    while goes_on {
        goes_on =
            !matches!(woken.recv_timeout(PATIENCE), Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected));
        while let Ok(wake) = woken.try_recv() {
            goes_on &= !matches!(wake, Wake::Stop);
        }
        let now = entries.load(Ordering::Relaxed);
        if now != signed {
            match log.sign() {
                Ok(_) => signed = now,
                // The entries are leaves all the same; the next head is over them too.
                Err(error) => tracing::warn!(%error, "the journal's head is not signed"),
            }
        }
    }
}

impl Log {
    pub(crate) fn new(store: Arc<SqliteStore>, clock: Arc<dyn Clock>, folder: &Path) -> Self {
        Self { store, clock, key: folder.join("log.key") }
    }

    /// Signs the head as it is now, unless that is done already. What is signed only adds to what was signed before: a
    /// log that was cut off or rewritten below its newest head is not signed once more.
    pub(crate) fn sign(&self) -> Result<Noted, HomeError> {
        let TreeHead { size, root } = self.store.tree_head()?;
        let newest = self.store.checkpoint(i64::MAX.unsigned_abs())?;
        let secret = self.secret()?;
        if let Some(noted) = newest {
            self.adds_to(&noted, size, &secret.public())?;
            if noted.size == size {
                return Ok(noted);
            }
        }
        let origin = secret.public().name().to_owned();
        let note = Checkpoint { origin, size, root }.signed(&secret).map_err(|error| self.unfit(&error))?;
        let noted = Noted { size, at: self.clock.now(), note };
        self.store.keep_checkpoint(noted.clone())?;
        Ok(noted)
    }

    /// That a log of so many entries only adds to a head that was signed.
    fn adds_to(&self, noted: &Noted, size: u64, public: &Public) -> Result<(), HomeError> {
        let before = Checkpoint::verified(&noted.note, public).map_err(|error| self.unfit(&error))?;
        let why = match self.store.tree_root(before.size)? {
            Some(root) if root == before.root && noted.size == before.size => return Ok(()),
            Some(_) => "over other entries than stand here".into(),
            None => format!("over more entries than the {size} there are"),
        };
        let error = HomeError::new(
            Kind::Integrity,
            format!("the journal is damaged: its newest signed head is {why}"),
        );
        Err(error.hint("`kapell verify` says which entries; keep a copy of the home as it is before you do anything else"))
    }

    /// The key others check with.
    pub(crate) fn public(&self) -> Result<Public, HomeError> {
        self.secret().map(|secret| secret.public())
    }

    /// The key others check with, if there is one already.
    pub(crate) fn made(&self) -> Result<Option<Public>, HomeError> {
        if self.key.exists() { self.public().map(Some) } else { Ok(None) }
    }

    /// The key, made when it is first needed.
    fn secret(&self) -> Result<Secret, HomeError> {
        let text = match fs::read_to_string(&self.key) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => self.make()?,
            read => read.map_err(|cause| self.failed("read", &cause))?,
        };
        text.trim_end().parse().map_err(|error| self.unfit(&error))
    }

    /// Makes a key. Of two processes that do so at once the first one's stays, and is whole before it has its name.
    fn make(&self) -> Result<String, HomeError> {
        let random = || -> std::io::Result<[u8; 32]> {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
            Ok(bytes)
        };
        let make = || -> std::io::Result<()> {
            let (seed, [a, b, c, d, ..]) = (random()?, random()?);
            let name = format!("kapell/{:08x}", u32::from_be_bytes([a, b, c, d]));
            let secret = Secret::new(&name, &seed).map_err(std::io::Error::other)?;
            let draft = self.key.with_extension(format!("key.{}", std::process::id()));
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            writeln!(file, "{}", secret.encoded())?;
            file.sync_all()?;
            let linked = fs::hard_link(&draft, &self.key);
            fs::remove_file(&draft)?;
            linked
        };
        match make() {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => Err(self.failed("make", &cause)),
            _ => fs::read_to_string(&self.key).map_err(|cause| self.failed("read", &cause)),
        }
    }

    fn failed(&self, doing: &str, cause: &std::io::Error) -> HomeError {
        HomeError::io(&format!("{doing} the journal's key"), &self.key, cause)
    }

    fn unfit(&self, error: &NoteError) -> HomeError {
        HomeError::new(Kind::Integrity, format!("sign with {}: {error}", self.key.display()))
    }
}
