//! Work on directories that may never answer: each in a thread of its own, waited for so long and no longer.
//!
//! A mount that stalls can't be called back: the thread stays in the kernel until it answers, and then does what it was
//! to do. While it is there nobody else begins to wait for the same directory, so that one that stalls holds few
//! threads, and whoever needs it is told at once.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

/// How long the opening of a store waits for what a crash left pending, all directories together. A disk at work is
/// done by then.
pub(crate) const OPENING: Duration = Duration::from_secs(3);

/// How long whoever writes below a directory waits for it.
pub(crate) const WRITING: Duration = Duration::from_secs(30);

/// The directories that owe somebody an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silent(Arc<Mutex<Owed>>);

#[derive(Debug, Default)]
struct Owed {
    begun: u64,
    /// Work that nobody waits for any more and that is not done, with its directories.
    given_up: BTreeMap<u64, Vec<String>>,
}

/// Work under way.
pub(crate) struct Working<T> {
    number: u64,
    roots: Vec<String>,
    answer: Receiver<T>,
    silent: Silent,
}

impl Silent {
    /// Begins work on directories.
    ///
    /// # Errors
    /// When one of them owes an answer, or no thread can be had.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        roots: impl IntoIterator<Item = String>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Working<T>> {
        let roots: Vec<String> = roots.into_iter().collect();
        let number = {
            let mut owed = self.owed();
            if let Some(root) =
                roots.iter().find(|root| owed.given_up.values().flatten().any(|it| it == *root))
            {
                return Err(silent(root));
            }
            owed.begun += 1;
            owed.begun
        };
        let (told, answer) = sync_channel(1);
        let silent = self.clone();
        thread::Builder::new().name("kapell-placing".into()).spawn(move || {
            let worked = work();
            let mut owed = silent.owed();
            owed.given_up.remove(&number);
            // Under the lock, so that whoever gives up now sees it. Who has given up does not hear it.
            let _ = told.send(worked);
        })?;
        Ok(Working { number, roots, answer, silent: self.clone() })
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        // A panic while holding the lock leaves a map that is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Working<T> {
    /// What the work gave.
    ///
    /// # Errors
    /// When it was not done by then; it goes on, and its directories owe an answer until it is.
    pub(crate) fn until(self, then: Instant) -> io::Result<T> {
        if let Ok(worked) = self.answer.recv_timeout(then.saturating_duration_since(Instant::now())) {
            return Ok(worked);
        }
        let mut owed = self.silent.owed();
        if let Ok(worked) = self.answer.try_recv() {
            return Ok(worked);
        }
        let error = silent(self.roots.first().map_or("", String::as_str));
        owed.given_up.insert(self.number, self.roots);
        Err(error)
    }
}

fn silent(root: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the directory {root} does not answer"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn at_once() -> Instant {
        Instant::now()
    }

    fn surely() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn of(root: &str) -> [String; 1] {
        [root.to_owned()]
    }

    #[test]
    fn who_waits_for_a_directory_that_stalls_is_told_and_the_next_one_at_once() {
        let silent = Silent::default();
        let (go_on, stall) = channel::<()>();
        let (done, is_done) = channel();
        let stalled = silent.begin(of("/stalls"), move || {
            let _ = stall.recv();
            let _ = done.send(());
        });
        let error = stalled.unwrap().until(at_once()).unwrap_err();
        assert_eq!(error.to_string(), "the directory /stalls does not answer");
        let refused = silent.begin(["/other".into(), "/stalls".into()], || 1).err().unwrap();
        assert_eq!(refused.to_string(), "the directory /stalls does not answer");
        assert_eq!(silent.begin(of("/other"), || 2).unwrap().until(surely()).unwrap(), 2);

        // What was given up is done all the same, and then the directory is as good as any.
        drop(go_on);
        is_done.recv().unwrap();
        let again = std::iter::repeat_with(|| silent.begin(of("/stalls"), || 3)).find_map(Result::ok);
        assert_eq!(again.unwrap().until(surely()).unwrap(), 3);
    }

    #[test]
    fn what_is_done_in_time_owes_nothing() {
        let silent = Silent::default();
        let (go_on, stall) = channel::<()>();
        let slow = silent
            .begin(of("/slow"), move || {
                let _ = stall.recv();
            })
            .unwrap();
        let fast = silent.begin(of("/slow"), || 1).unwrap();
        assert!(slow.until(at_once()).is_err());
        assert_eq!(fast.until(surely()).unwrap(), 1);
        assert!(silent.begin(of("/slow"), || 2).is_err(), "the other one is still there");
        drop(go_on);
    }
}
