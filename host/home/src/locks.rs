//! The lock of a home on disk: `skills.lock` beside the policy, read anew whenever it changed.
//!
//! Whether the home is locked is said in the lock, which travels with the project, and in the home itself, which learns it
//! from any lock it is opened with, so that taking the lock away opens nothing: then nothing is approved.

use crate::error::{HomeError, Kind};
use crate::home::read_text;
use crate::place::Place;
use crate::small_file;
use kapell_model::lock::{LOCK_MAX, Lock};
use kapell_model::source::Diagnostics;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The lock of one home.
pub(crate) struct Locks {
    folder: PathBuf,
    path: PathBuf,
    /// Says that the home is locked whatever the lock says.
    marker: PathBuf,
    /// Held by whoever changes the lock.
    guard: PathBuf,
    read: Mutex<Option<(Stamp, Arc<Lock>)>>,
}

/// What tells one text of a file from another without reading it; a lock is replaced, never written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: Option<(SystemTime, u64, u64)>,
    marked: bool,
}

impl Locks {
    pub(crate) fn of(place: &Place) -> Self {
        let home = place.folder();
        Self {
            folder: place.root.clone(),
            path: place.lock(),
            marker: home.join("locked"),
            guard: home.join("lock.guard"),
            read: Mutex::default(),
        }
    }

    /// The lock as it stands at this moment.
    pub(crate) fn now(&self) -> Result<Arc<Lock>, HomeError> {
        let stamp = self.stamp();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, lock)) = read.as_ref().filter(|(known, _)| *known == stamp) {
            return Ok(Arc::clone(lock));
        }
        // Taken before the text, so that a lock replaced meanwhile is read again.
        let lock = Arc::new(self.load(stamp)?);
        *read = Some((stamp, Arc::clone(&lock)));
        Ok(lock)
    }

    fn stamp(&self) -> Stamp {
        let metadata = fs::metadata(&self.path).ok();
        let file = metadata.and_then(|it| Some((it.modified().ok()?, it.len(), inode(&it))));
        Stamp { file, marked: self.marker.exists() }
    }

    fn load(&self, stamp: Stamp) -> Result<Lock, HomeError> {
        let mut lock = self.written()?.unwrap_or_default();
        lock.locked |= stamp.marked;
        Ok(lock)
    }

    fn written(&self) -> Result<Option<Lock>, HomeError> {
        if !self.path.exists() {
            return Ok(None);
        }
        let text = read_text(&self.path, LOCK_MAX as u64)?;
        Ok(Some(Lock::parse(&crate::home::shown(&self.path), &text, &self.folder)?))
    }

    /// Lets the home know that it is locked where its lock says so. A lock that came with a project says it alone, and
    /// nothing is opened by taking that lock away.
    pub(crate) fn remember(&self) -> Result<(), HomeError> {
        match self.now()?.locked && !self.marker.exists() {
            true => self.mark(),
            false => Ok(()),
        }
    }

    fn mark(&self) -> Result<(), HomeError> {
        small_file::replace(&self.marker, "nothing runs here that is not approved\n")
            .map_err(|cause| HomeError::io("write", &self.marker, &cause))
    }

    /// How the lock of a home that is locked does not say so: whoever takes the project elsewhere gets an open one.
    pub(crate) fn says_open(&self) -> Result<Option<&'static str>, HomeError> {
        let said = match self.written()? {
            _ if !self.marker.exists() => None,
            None => Some("it is gone, and nothing is approved without it: the home is locked"),
            Some(lock) if lock.locked => None,
            Some(_) => Some("it says that the home is not locked, which it is"),
        };
        Ok(said)
    }

    /// Changes the lock; processes that change it at the same time do so one after the other.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Lock) -> Result<T, HomeError>,
    ) -> Result<T, HomeError> {
        let failed = |cause: std::io::Error| HomeError::io("hold", &self.guard, &cause);
        let guard = fs::File::create(&self.guard).map_err(failed)?;
        guard.lock().map_err(failed)?;
        let mut lock = Lock::clone(&*self.now()?);
        let changed = change(&mut lock)?;
        let text = lock.written(&self.folder);
        // What can't be read again would stop everything that asks the lock, taking back included.
        if let Err(problems) = Lock::parse(&crate::home::shown(&self.path), &text, &self.folder) {
            let words = format!("that can't be kept in the lock: {}", said_of(&problems));
            return Err(HomeError::new(Kind::Argument, words).hint("nothing was changed"));
        }
        replace(&self.path, &text)?;
        Ok(changed)
    }

    /// Makes the home one in which nothing runs that is not approved.
    pub(crate) fn make_locked(&self) -> Result<(), HomeError> {
        self.mark()?;
        self.change(|lock| {
            lock.locked = true;
            Ok(())
        })
    }
}

/// What is wrong, without the line of a text that nobody sees.
fn said_of(problems: &Diagnostics) -> String {
    let told: Vec<&str> = problems.0.iter().map(|problem| problem.message.as_str()).collect();
    told.join("; ")
}

/// Puts a whole new text in the place of the lock.
fn replace(path: &Path, text: &str) -> Result<(), HomeError> {
    if text.len() > LOCK_MAX {
        return Err(HomeError::new(Kind::Refused, format!("{} has no room left", path.display())));
    }
    small_file::replace(path, text).map_err(|cause| HomeError::io("write", path, &cause))
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Where files have no number, their time and length tell them apart.
#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
