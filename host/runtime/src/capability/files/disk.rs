//! Where granted directories are read: off the workers, and a few at a time for each directory.
//!
//! A read that stalls, of a file system in user space or on a network that is gone, can't be called back: its thread
//! waits until the system answers. An attempt stops waiting at its deadline or when it is cancelled; its thread keeps
//! the directory's place until it is free. So a directory that stalls holds a few threads, however many attempts ask
//! it, and never those that other directories need.

use super::root::Walk;
use kapell_model::seam::HostFault;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Reads of one directory at once; of all of them together the runtime's pool for blocking work takes some hundred.
pub(super) const AT_ONCE: usize = 4;

/// The way to all granted directories of a host.
#[derive(Debug)]
pub struct Disk {
    pub(super) walk: Walk,
    /// By the directory's path, as grants have it.
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Disk {
    /// One that walks paths so.
    #[must_use]
    pub fn new(walk: Walk) -> Self {
        Self { walk, places: Mutex::default() }
    }

    /// Does work on a directory where it holds up nobody else. Who stops waiting leaves it running.
    ///
    /// # Errors
    /// When the work panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        root: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HostFault> {
        let fault = |cause: String| HostFault { doing: format!("read the directory {root}"), cause };
        let place = self.places(root).acquire_owned().await.map_err(|closed| fault(closed.to_string()))?;
        let working = tokio::task::spawn_blocking(move || {
            let worked = work();
            drop(place);
            worked
        });
        working.await.map_err(|broken| fault(broken.to_string()))
    }

    fn places(&self, root: &str) -> Arc<Semaphore> {
        // A panic while holding the lock leaves a map that is still whole.
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get(root) {
            Some(known) => Arc::clone(known),
            None => {
                Arc::clone(places.entry(root.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::time::timeout;

    /// Long enough for a machine that is busy, short for a test that waits for it.
    const SOON: Duration = Duration::from_millis(50);
    const SURELY: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_directory_that_stalls_holds_its_own_places_and_nobody_else() {
        let disk = Disk::new(Walk::ByHand);
        let mut stalled = Vec::new();
        for _ in 0..AT_ONCE {
            let (go_on, stall) = mpsc::channel::<()>();
            stalled.push(go_on);
            // The attempt stops waiting; its thread does not.
            assert!(timeout(SOON, disk.run("/stalls", move || stall.recv())).await.is_err());
        }
        assert!(timeout(SOON, disk.run("/stalls", || 1)).await.is_err(), "a place more than there are");
        assert_eq!(timeout(SURELY, disk.run("/other", || 2)).await.unwrap(), Ok(2));
        drop(stalled.pop());
        assert_eq!(timeout(SURELY, disk.run("/stalls", || 3)).await.unwrap(), Ok(3));
    }

    #[tokio::test]
    async fn a_panic_leaves_its_place() {
        let disk = Disk::new(Walk::ByHand);
        for _ in 0..=AT_ONCE {
            let broken: Result<(), _> = disk.run("/breaks", || std::panic::panic_any("broken")).await;
            assert_eq!(broken.unwrap_err().doing, "read the directory /breaks");
        }
    }
}
