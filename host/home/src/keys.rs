//! The journal's key: one file, its owner's alone. Which key signs is remembered beside it, so that a file that is gone or
//! another one is noticed, and a new key is begun by a person who says why, never by itself.

use crate::error::{HomeError, Kind};
use crate::small_file;
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::note::{NoteError, Public, Secret};
use kapell_model::fault::{self, FaultPoint};
use kapell_model::quantity::Timestamp;
use kapell_store::SqliteStore;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The name under which the store remembers the keys.
const KEYS: &str = "log-keys";
/// Most bytes of a key's file.
const KEY_MAX: u64 = 4096;

/// A key that signs a journal's heads, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogKey {
    /// What heads are checked with.
    pub key: String,
    /// How many entries the journal had when it began.
    pub size: u64,
    /// When it began.
    pub at: Timestamp,
    /// Who began it anew in the place of another, and why; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anew: Option<(String, String)>,
}

/// The keys of a journal.
pub(crate) struct Keys {
    store: Arc<SqliteStore>,
    file: PathBuf,
}

impl Keys {
    pub(crate) fn new(store: Arc<SqliteStore>, folder: &Path) -> Self {
        Self { store, file: folder.join("log.key") }
    }

    /// All of them, the one that signs now last; empty before the first was made.
    pub(crate) fn all(&self) -> Result<Vec<LogKey>, HomeError> {
        let Some(text) = self.store.remembered(KEYS)? else { return Ok(Vec::new()) };
        serde_json::from_str(&text)
            .map_err(|cause| HomeError::new(Kind::Integrity, format!("read the journal's keys: {cause}")))
    }

    /// The key that signs now, made when nothing was ever written. `now` is what is noted of one that begins.
    pub(crate) fn secret(
        &self,
        now: impl FnOnce() -> Result<(u64, Timestamp), HomeError>,
    ) -> Result<Secret, HomeError> {
        // Before the keys are read: another process may remember the first one just now, and write under it.
        let (now, has_heads) = (now()?, self.store.checkpoint(u64::MAX)?.is_some());
        let known = self.all()?;
        if known.is_empty() && (now.0 > 0 || has_heads) {
            return Err(self.forgotten(now.0));
        }
        let text = match self.read()? {
            Some(text) => text,
            None if known.is_empty() => self.make()?,
            None => return Err(self.gone()),
        };
        let secret: Secret = text.trim_end().parse().map_err(|error| self.unfit(&error))?;
        match known.last() {
            None => self.note(known, &secret.public(), now, None)?,
            Some(last) if last.key == secret.public().to_string() => {}
            Some(last) => return Err(self.another(last)),
        }
        Ok(secret)
    }

    /// Begins another key in the place of one that is gone.
    pub(crate) fn begin_anew(&self, now: (u64, Timestamp), by: &str, reason: &str) -> Result<(), HomeError> {
        let refused = |why: String| HomeError::new(Kind::Argument, why);
        if reason.trim().is_empty() {
            return Err(refused("a key is begun anew for a reason".into()));
        }
        if self.file.exists() {
            let why = format!("{} is there, and signs", self.file.display());
            return Err(
                refused(why).hint("if anybody else may have read it, move it away and begin another key")
            );
        }
        let secret: Secret = self.make()?.trim_end().parse().map_err(|error| self.unfit(&error))?;
        self.note(self.all()?, &secret.public(), now, Some((by.to_owned(), reason.to_owned())))
    }

    /// The head a note is of, by whichever of the keys it names.
    pub(crate) fn head(&self, note: &str) -> Result<Checkpoint, HomeError> {
        let (known, name) = (self.publics()?, note.lines().next().unwrap_or_default());
        let key = known.iter().rev().find(|key| key.name() == name).or(known.last());
        let Some(key) = key else { return Err(self.forgotten(self.store.size()?)) };
        Checkpoint::verified(note, key).map_err(|error| self.unfit(&error))
    }

    /// What heads are checked with, the newest last.
    pub(crate) fn publics(&self) -> Result<Vec<Public>, HomeError> {
        let read = |known: LogKey| known.key.parse().map_err(|error| self.unfit(&error));
        self.all()?.into_iter().map(read).collect()
    }

    fn note(
        &self,
        mut known: Vec<LogKey>,
        key: &Public,
        (size, at): (u64, Timestamp),
        anew: Option<(String, String)>,
    ) -> Result<(), HomeError> {
        known.push(LogKey { key: key.to_string(), size, at, anew });
        let unwritten = |cause| HomeError::new(Kind::Internal, format!("note the journal's key: {cause}"));
        Ok(self.store.remember(KEYS, &serde_json::to_string(&known).map_err(unwritten)?)?)
    }

    /// What stands in the file, if it is there and nobody else may read it.
    fn read(&self) -> Result<Option<String>, HomeError> {
        let failed = |cause: io::Error| self.failed("read", &cause);
        let file = match File::open(&self.file) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let (key, why) = (self.file.display(), "whoever reads it can sign another history");
            let error =
                HomeError::new(Kind::Integrity, format!("{key} is open to others (mode {mode:04o}): {why}"));
            return Err(error.hint(format!(
                "`chmod 600 {key}`; if anybody may have read it, move it away and begin another: `kapell audit key --begin-anew --reason WHY`"
            )));
        }
        let mut text = String::new();
        file.take(KEY_MAX).read_to_string(&mut text).map_err(failed)?;
        Ok(Some(text))
    }

    /// Makes a key. Of several that do so at once, in one process or in two, the first one's stays, and is whole before it has
    /// its name.
    fn make(&self) -> Result<String, HomeError> {
        static DRAFTS: AtomicU64 = AtomicU64::new(0);
        let random = || -> io::Result<[u8; 32]> {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(io::Error::from)?;
            Ok(bytes)
        };
        let make = || -> io::Result<()> {
            let (seed, [a, b, c, d, ..]) = (random()?, random()?);
            let name = format!("kapell/{:08x}", u32::from_be_bytes([a, b, c, d]));
            let secret = Secret::new(&name, &seed).map_err(io::Error::other)?;
            let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
            let draft = self.file.with_extension(format!("key.{}-{number}", std::process::id()));
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
            writeln!(file, "{}", secret.encoded())?;
            file.sync_all()?;
            fault::reach(FaultPoint::KeyWritten)?;
            let linked = fs::hard_link(&draft, &self.file);
            fault::reach(FaultPoint::KeyNamed)?;
            fs::remove_file(&draft)?;
            linked.and_then(|()| small_file::sync_names(&self.file))
        };
        match make() {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => Err(self.failed("make", &cause)),
            _ => self.read()?.ok_or_else(|| self.gone()),
        }
    }

    fn forgotten(&self, size: u64) -> HomeError {
        let why = format!(
            "the journal has {size} entries and remembers no key, which is remembered before the first: it was taken away, \
             and {} may be another",
            self.file.display()
        );
        HomeError::new(Kind::Integrity, why).hint(
            "keep a copy of the home as it is, then put back all its files together from a backup; where there is none, move the \
             key away, and `kapell audit key --begin-anew --reason WHY` begins another, which whoever holds the old one must be told",
        )
    }

    fn gone(&self) -> HomeError {
        let why = format!("{} is not there, and heads were signed with it already", self.file.display());
        HomeError::new(Kind::Integrity, why).hint(
            "put it back from a copy; if it is lost, `kapell audit key --begin-anew --reason WHY` begins another, \
             which whoever holds the old one must be told",
        )
    }

    fn another(&self, last: &LogKey) -> HomeError {
        let why = format!("{} is another key than the one that signs, {}", self.file.display(), last.key);
        HomeError::new(Kind::Integrity, why)
            .hint("put the right one back, or move this one away and begin another")
    }

    fn failed(&self, doing: &str, cause: &io::Error) -> HomeError {
        HomeError::io(&format!("{doing} the journal's key"), &self.file, cause)
            .hint("free space or mend permissions: nothing is written before there is a key to sign it with")
    }

    pub(crate) fn unfit(&self, error: &NoteError) -> HomeError {
        HomeError::new(Kind::Integrity, format!("sign with {}: {error}", self.file.display()))
    }
}
