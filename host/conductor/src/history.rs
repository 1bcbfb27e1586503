//! A run as it is recorded, read once for everybody who looks back at it: its entries with what they leave out put back,
//! and the values they name, each read and parsed when it is first asked for.

use crate::drive::damaged;
use kapell_journal::entry::{BlobRef, Entry};
use kapell_journal::private::{self, Opened};
use kapell_journal::seam::{JournalError, JournalReads};
use kapell_model::id::RunId;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// A run and what it names.
pub struct History<'r, R> {
    pub(crate) recorded: &'r R,
    /// All entries of the run, in order.
    pub(crate) entries: Vec<Entry>,
    pub(crate) opened: Opened,
    values: RefCell<HashMap<BlobRef, Option<Arc<Value>>>>,
}

impl<'r, R: JournalReads> History<'r, R> {
    /// A run of a record.
    ///
    /// # Errors
    /// As [`JournalReads::entries`] and [`of`](Self::of).
    pub fn read(recorded: &'r R, run: &RunId) -> Result<Self, JournalError> {
        Self::of(recorded, recorded.entries(run)?)
    }

    /// A run by its entries: all of them, in order, and as they fold.
    ///
    /// # Errors
    /// When what they leave out can't be read.
    pub fn of(recorded: &'r R, mut entries: Vec<Entry>) -> Result<Self, JournalError> {
        let opened = private::open(recorded, &mut entries)?;
        Ok(Self { recorded, entries, opened, values: RefCell::default() })
    }

    /// The bytes an entry names; none where they are not kept.
    pub(crate) fn named(&self, named: &BlobRef) -> Result<Option<Arc<[u8]>>, JournalError> {
        // A run without entries names nothing.
        self.entries.first().map_or(Ok(None), |first| self.recorded.named(&first.run, named))
    }

    /// A value an entry names; none where it is not kept.
    pub(crate) fn value(&self, named: &BlobRef) -> Result<Option<Arc<Value>>, JournalError> {
        if let Some(known) = self.values.borrow().get(named) {
            return Ok(known.clone());
        }
        let read = |bytes: Arc<[u8]>| named.read(&bytes).map_err(|cause| damaged(named, &cause));
        let value = self.named(named)?.map(read).transpose()?.map(Arc::new);
        self.values.borrow_mut().insert(named.clone(), value.clone());
        Ok(value)
    }
}
