//! Plans of recorded runs, each made ready once for all the runs that share it.

use crate::drive::{DriveError, program};
use crate::program::Program;
use kapell_journal::entry::RunStarted;
use kapell_journal::seam::JournalReads;
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most plans that are kept ready at once.
const MOST: usize = 64;

/// Plans that were made ready, by what they and their tariffs are named by.
#[derive(Default)]
pub struct Programs(Mutex<HashMap<(Digest, Digest), Arc<Program>>>);

impl Programs {
    /// What a run ran by. Nobody makes another one ready meanwhile, so that none is made twice.
    ///
    /// # Errors
    /// When a part of it can't be read.
    pub(crate) fn of<R: JournalReads>(
        &self,
        recorded: &R,
        run: &RunId,
        started: &RunStarted,
    ) -> Result<Arc<Program>, DriveError> {
        let pins = (*started.plan.digest(), started.tariff);
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = ready.get(&pins) {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(program(recorded, run, started)?);
        if ready.len() == MOST {
            ready.clear();
        }
        ready.insert(pins, Arc::clone(&program));
        Ok(program)
    }
}
