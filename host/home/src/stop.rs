//! Stopping a run that another process drives: a request that process notices. It stands until the run is over, so that
//! neither the end of whoever asked nor that of whoever drove undoes it.

use crate::error::HomeError;
use crate::small_file;
use kapell_model::id::RunId;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a driving process looks for requests.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// A request to stop a run: a file in the home, taken away once the run is over.
pub(crate) struct StopRequest {
    path: PathBuf,
}

impl StopRequest {
    pub(crate) fn of(home: &Path, run: &RunId) -> Self {
        Self { path: home.join("stop").join(run.as_str()) }
    }

    /// Leaves the request.
    pub(crate) fn leave(&self, by: &str, reason: &str) -> Result<(), HomeError> {
        let failed = |cause: std::io::Error| HomeError::io("ask for a stop in", &self.path, &cause);
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        small_file::replace(&self.path, &format!("{by}\n{reason}")).map_err(failed)
    }

    /// The request, if there is one: who asked, and why.
    pub(crate) fn asked(&self) -> Option<(String, String)> {
        let text = fs::read_to_string(&self.path).ok()?;
        let (by, reason) = text.split_once('\n')?;
        Some((by.into(), reason.into()))
    }

    /// Takes the request away: the run is over.
    pub(crate) fn clear(&self) {
        // A request that is already gone is what is wanted.
        let _ = fs::remove_file(&self.path);
    }
}
