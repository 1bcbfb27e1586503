//! Owners: who drives a run, and whether they still live.
//!
//! A process shows that it lives by holding a lock that the system takes back when the process ends, however it
//! ends. No clock is asked and no lease runs out, so a machine that sleeps loses no run. Safety does not rest on
//! this: a run taken over from somebody who lives after all is fenced by its epoch.

use crate::private;
use kapell_journal::seam::Owner;
use kapell_model::fault::{self, FaultPoint};
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// An owner that lives as long as this value.
#[derive(Debug)]
pub struct OwnerLock {
    owner: Owner,
    _life: Life,
}

#[derive(Debug)]
enum Life {
    File { path: PathBuf, _locked: File },
    Memory(#[allow(dead_code, reason = "counted, never read")] Arc<()>),
}

impl OwnerLock {
    /// A new owner, shown to live by a locked file in `owners`.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn new(owners: &Path) -> io::Result<Self> {
        private::directory(owners)?;
        let id = fresh_id();
        let (making, path) = (owners.join(format!("{id}.new")), lock_path(owners, &id));
        let locked = private::file(&making)?;
        locked.lock()?;
        fault::reach(FaultPoint::OwnerLocked)?;
        // Named only once it is locked: nobody can see the file free and take its owner for dead.
        fs::rename(&making, &path)?;
        Ok(Self { owner: Owner { id }, _life: Life::File { path, _locked: locked } })
    }

    /// The owner to claim runs with.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Life::File { path, .. } = self {
            // A file that stays is unlocked by the system and swept by the next process.
            drop(fs::remove_file(path));
        }
    }
}

/// Never given twice: two processes of one number, and two owners of one process, must not be one owner.
fn fresh_id() -> String {
    format!("{}-{}", std::process::id(), random())
}

/// A text of 32 hexadecimal digits nobody can guess.
pub(crate) fn random() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

fn lock_path(owners: &Path, id: &str) -> PathBuf {
    owners.join(format!("{id}.lock"))
}

/// Whether an owner's process still holds its lock.
pub(crate) fn lives(owners: &Path, id: &str) -> io::Result<bool> {
    holds(&lock_path(owners, id))
}

/// Asks by trying to share the lock: two who ask at once do not mistake each other for the owner.
fn holds(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Takes away the files of owners that ended without doing so.
pub(crate) fn sweep(owners: &Path) -> io::Result<()> {
    for file in fs::read_dir(owners)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "lock") && !holds(&path)? {
            // Ids are never given twice, so nobody else can be meant; somebody may have swept before us.
            drop(fs::remove_file(&path));
        }
    }
    Ok(())
}

/// The owners of a store in memory.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Vec<(String, Weak<()>)>>);

impl Registry {
    /// A new owner.
    pub(crate) fn add(&self) -> OwnerLock {
        let (id, life) = (fresh_id(), Arc::new(()));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_, life)| life.strong_count() > 0);
        known.push((id.clone(), Arc::downgrade(&life)));
        OwnerLock { owner: Owner { id }, _life: Life::Memory(life) }
    }

    /// Whether an owner's lock is still held.
    pub(crate) fn lives(&self, id: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(known, life)| known == id && life.strong_count() > 0)
    }
}
