//! Signs the head of the journal's tree behind the runs: at the end of each, at least every 256 entries and every ten
//! seconds while work goes on. A head nobody outside keeps proves nothing against whoever holds the key: that is why it
//! can be shown and handed on.

use crate::error::{HomeError, Kind};
use crate::home::shown;
use crate::keys::Keys;
use crate::small_file;
use kapell_conductor::drive::Watcher;
use kapell_conductor::known::Known;
use kapell_journal::chain::GENESIS;
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::entry::{Body, Entry};
use kapell_journal::fold::RunState;
use kapell_journal::note::{Public, Secret};
use kapell_journal::tree::{self, Growing};
use kapell_model::digest::Digest;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::Clock;
use kapell_store::{Noted, SqliteStore, StoredEntry};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Hears why the journal's head could not be signed.
pub type Unsigned = Arc<dyn Fn(&HomeError) + Send + Sync>;

/// Entries that are read at once.
const PAGE: u64 = 4096;
/// Most entries that are not under a signed head yet.
const ENTRIES: u64 = 256;
/// Longest time an entry is not under one while work goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done where entries are gone or others. Never to take away the head that says so.
const BACKUP: &str = "keep a copy of the home as it is, then put back all its files together from a backup; nothing is signed before that";
/// The same where it may be the head's file alone that was damaged.
const UNREAD: &str = "where `kapell verify` finds nothing but that it is not signed, the file was damaged and is to be removed: the heads in the \
    database lead on; else keep a copy of the home as it is, then put back all its files together from a backup";

/// The journal's log: its tree and the key its heads are signed with.
pub(crate) struct Log {
    store: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    pub(crate) keys: Keys,
    /// The newest head once more, outside the database: what takes the last entries away, such as a write-ahead log that is
    /// damaged or gone, takes the heads over them along.
    head: PathBuf,
    /// Set once every entry under that head was seen to be there.
    complete: OnceLock<()>,
}

/// Signs in a thread of its own, for as long as the value lives and once more at its end.
pub struct Notary {
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
        unsigned: Unsigned,
    ) -> Result<(Self, Arc<dyn Watcher>), HomeError> {
        let ((wakes, woken), entries) = (mpsc::channel(), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&entries);
        let thread = thread::Builder::new()
            .name("kapell-notary".into())
            .spawn(move || keep_signing(&log, &woken, &counted, &unsigned))
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

/// Signs whenever there is something new, however many asked for it meanwhile. What keeps it from that is told once.
fn keep_signing(log: &Log, woken: &Receiver<Wake>, entries: &AtomicU64, unsigned: &Unsigned) {
    let (mut signed, mut goes_on, mut told) = (0, true, None);
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
                Err(error) => {
                    if told.as_ref() != Some(&error.message) {
                        unsigned(&error);
                    }
                    told = Some(error.message);
                }
            }
        }
    }
}

impl Log {
    pub(crate) fn new(store: Arc<SqliteStore>, clock: Arc<dyn Clock>, folder: &Path) -> Self {
        let keys = Keys::new(store.clone(), folder);
        Self { store, clock, keys, head: folder.join("log.head"), complete: OnceLock::new() }
    }

    /// Signs the head as it is now, unless that is done already. What is signed only adds to what was signed before, and
    /// what is new is read from the entries themselves: a log that was cut off or rewritten below its newest head, or whose
    /// new entries do not follow from those before, is not signed once more.
    pub(crate) fn sign(&self) -> Result<Noted, HomeError> {
        let secret = self.secret()?;
        let origin = secret.public().name().to_owned();
        let (newest, tree) = self.led_on()?;
        let (size, root) = (tree.size(), tree.root());
        let is_by_key = |noted: &Noted| noted.note.lines().next() == Some(&origin);
        if let Some(noted) = newest.filter(|noted| noted.size == size && is_by_key(noted)) {
            return Ok(noted);
        }
        let note =
            Checkpoint { origin, size, root }.signed(&secret).map_err(|error| self.keys.unfit(&error))?;
        let noted = Noted { size, at: self.clock.now(), note };
        let unkept = |cause: std::io::Error| HomeError::io("write", &self.head, &cause);
        fault::reach(FaultPoint::HeadSigned).map_err(unkept)?;
        self.store.keep_checkpoint(noted.clone())?;
        small_file::show(&self.head, &noted.note).map_err(unkept)?;
        Ok(noted)
    }

    /// The newest head that the database keeps and the tree as it is now, which leads on from that head, from the one beside
    /// the database, and from as many entries as were ever signed.
    fn led_on(&self) -> Result<(Option<Noted>, Growing), HomeError> {
        // In this order: meanwhile another process may sign, which keeps a head before it shows it.
        let (signed, beside) = (self.store.signed()?, self.head_beside()?);
        let newest = self.store.checkpoint(u64::MAX)?;
        let kept = newest.as_ref().map(|noted| noted.size).max(beside.as_ref().map(|head| head.size));
        if kept.unwrap_or_default() < signed {
            return Err(damaged(taken_away(signed, kept)));
        }
        let mut tree = match &newest {
            Some(noted) => self.signed(noted)?,
            None => Growing::default(),
        };
        if let Some(head) = beside {
            self.leads_on(&mut tree, &head)?;
        }
        self.grow(&mut tree, u64::MAX)?;
        Ok((newest, tree))
    }

    /// That the tree is the one a head beside the database was signed over, at its size; until there it grows.
    fn leads_on(&self, tree: &mut Growing, head: &Checkpoint) -> Result<(), HomeError> {
        self.grow(tree, head.size)?;
        let then = match tree.size() == head.size {
            true => Some(tree.root()),
            // What is kept of a tree that a signed head was held against is that tree.
            false => self.store.tree_root(head.size)?,
        };
        match then {
            Some(root) if root == head.root => Ok(()),
            Some(_) => {
                Err(self.lost(&format!("the first {} entries are others than it was signed over", head.size)))
            }
            None => Err(self.lost(&fewer(head.size, tree.size()))),
        }
    }

    /// The head that is kept outside the database, if there is one. A file that is empty, or of zeros, is what a power
    /// failure leaves of one that was being written.
    pub(crate) fn beside(&self) -> Result<Option<String>, HomeError> {
        match fs::read_to_string(&self.head) {
            Ok(note) => Ok(Some(note).filter(|note| !note.trim_matches('\0').is_empty())),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(HomeError::io("read", &self.head, &cause)),
        }
    }

    /// That no entry is gone that the head beside the database was signed over. Asked before anything runs.
    pub(crate) fn is_complete(&self) -> Result<(), HomeError> {
        if self.complete.get().is_some() {
            return Ok(());
        }
        // The key is remembered before the first entry is written. A journal that lost all entries may have forgotten it;
        // the file has it still.
        if self.keys.all()?.is_empty() && self.store.size()? == 0 {
            self.secret()?;
        }
        // Read before the journal: what is signed was there already.
        if let Some(head) = self.head_beside()? {
            let size = self.store.size()?;
            if size < head.size {
                return Err(self.lost(&fewer(head.size, size)));
            }
        }
        self.complete.get_or_init(|| ());
        Ok(())
    }

    /// The same where there is such a head: asked when a home is opened, for one that was emptied reads like a new one. A home
    /// in which nothing was signed gets no key by that.
    pub(crate) fn leads_on_from_beside(&self) -> Result<(), HomeError> {
        match self.beside()? {
            Some(_) => self.is_complete(),
            None => Ok(()),
        }
    }

    /// The head beside the database, once it is signed by one of the journal's keys.
    fn head_beside(&self) -> Result<Option<Checkpoint>, HomeError> {
        let unread = |error: HomeError| self.lost(&error.message).hint(UNREAD);
        let read = |note: String| self.keys.head(&note).map_err(unread);
        self.beside()?.map(read).transpose()
    }

    fn lost(&self, why: &str) -> HomeError {
        let name = shown(&self.head);
        let words = format!("the journal does not go with its signed head in {name}: {why}");
        HomeError::new(Kind::Integrity, words).hint(BACKUP)
    }

    /// The tree as it was when a head of it was signed, out of what stands here.
    fn signed(&self, noted: &Noted) -> Result<Growing, HomeError> {
        let (before, now) = (self.keys.head(&noted.note)?, self.store.size()?);
        if before.size > now {
            return Err(damaged(format!(
                "its newest signed head is over more entries than the {now} there are"
            )));
        }
        let whole = self.store.whole_subtrees(before.size)?;
        match Growing::from_whole(before.size, whole) {
            Some(tree) if tree.root() == before.root && noted.size == before.size => Ok(tree),
            _ => Err(damaged("its newest signed head is over other entries than stand here".into())),
        }
    }

    /// Puts the entries to it that came since, up to so many, each of which must follow from the one before in its run.
    fn grow(&self, tree: &mut Growing, to: u64) -> Result<(), HomeError> {
        let mut ends = Ends::default();
        while tree.size() < to {
            let from = tree.size();
            let page = self.store.entries_between(from, to.min(from + PAGE))?;
            for entry in &page {
                if entry.leaf != tree.size() {
                    return Err(damaged(format!(
                        "of entries {} to {} some are missing",
                        tree.size() + 1,
                        entry.leaf
                    )));
                }
                if !self.follows(entry, &mut ends)? {
                    return Err(odd(&entry.run, entry.seq, "does not follow from the one before"));
                }
                tree.push(tree::leaf(&entry.bytes), |_, _| {});
            }
            if tree.size() < from + PAGE {
                break;
            }
        }
        ends.iter().try_for_each(|(run, end)| self.ends(run, *end))
    }

    /// Whether an entry is the one its row says, and links to the one before in its run.
    fn follows(&self, stored: &StoredEntry, ends: &mut Ends) -> Result<bool, HomeError> {
        #[derive(Deserialize)]
        struct Link {
            run: RunId,
            seq: u64,
            prev: Digest,
        }
        let before = match ends.get(&stored.run) {
            Some(end) => Some(*end),
            None if stored.seq == 1 => Some((0, GENESIS)),
            None => {
                let number = stored.seq.saturating_sub(1);
                self.store.leaf(&stored.run, number)?.map(|(_, bytes)| (number, Digest::of(&bytes)))
            }
        };
        ends.insert(stored.run.clone(), (stored.seq, Digest::of(&stored.bytes)));
        let link: Option<Link> = serde_json::from_slice(&stored.bytes).ok();
        Ok(link.zip(before).is_some_and(|(link, (seq, hash))| {
            link.run == stored.run && link.seq == stored.seq && stored.seq == seq + 1 && link.prev == hash
        }))
    }

    /// That a run goes as far as its row says, or farther by now.
    fn ends(&self, run: &RunId, (seq, hash): (u64, Digest)) -> Result<(), HomeError> {
        match self.store.stored_run(run)?.map(|row| row.head) {
            Some(head) if head.seq > seq || (head.seq, head.hash) == (seq, hash) => Ok(()),
            _ => Err(odd(run, seq, "is not where its run ends by its row")),
        }
    }

    /// The key others check with.
    pub(crate) fn public(&self) -> Result<Public, HomeError> {
        self.secret().map(|secret| secret.public())
    }

    /// Begins another key in the place of one that is gone, and signs with it, over what the old one signed.
    pub(crate) fn begin_anew(&self, by: &str, reason: &str) -> Result<(), HomeError> {
        // A key mends no history.
        self.led_on()?;
        self.keys.begin_anew(self.now()?, by, reason)?;
        self.sign().map(drop)
    }

    /// The key, made when it is first needed.
    pub(crate) fn secret(&self) -> Result<Secret, HomeError> {
        self.keys.secret(|| self.now())
    }

    fn now(&self) -> Result<(u64, Timestamp), HomeError> {
        Ok((self.store.size()?, self.clock.now()))
    }
}

/// Where runs end so far: the number and hash of the last entry.
type Ends = HashMap<RunId, (u64, Digest)>;

fn odd(run: &RunId, seq: u64, why: &str) -> HomeError {
    damaged(format!("entry {seq} of {run}, which no head is signed over yet, {why}"))
}

fn fewer(signed: u64, are: u64) -> String {
    format!("it is over {signed} entries, journal.sqlite has {are}")
}

/// That heads were signed over more entries than the newest that is kept.
pub(crate) fn taken_away(signed: u64, kept: Option<u64>) -> String {
    let kept = kept.map_or("none is kept".into(), |size| format!("the newest that is kept is over {size}"));
    format!("a head was signed over {signed} entries, and {kept}: heads were taken away")
}

fn damaged(why: String) -> HomeError {
    HomeError::new(Kind::Integrity, format!("the journal is damaged: {why}")).hint(
        "`kapell verify` says which entries; keep a copy of the home as it is before you do anything else",
    )
}
