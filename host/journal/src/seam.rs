//! The seam to whatever keeps the journal: a SQLite file, memory, one day a database shared by many machines.
//!
//! Speaks plain data. Every implementation passes the same tests.

use crate::chain::Sealed;
use crate::content::{Content, Salt};
use crate::entry::{BlobRef, Entry};
use crate::spending::{Bound, Charge, Spent};
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, RunId};
use kapell_model::money::Money;
use kapell_model::period::{Day, Per};
use kapell_model::quantity::Timestamp;
use kapell_model::writes::HeldWrites;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Keeps runs.
pub trait Journals: Send + Sync + 'static {
    /// The next unused id of a flow's runs: `onboarding-1`, `onboarding-2`, … An id is given once; a crash may
    /// leave a gap in the numbers.
    ///
    /// # Errors
    /// When the journal cannot be written.
    fn next_id(&self, flow: &FlowName) -> Result<RunId, JournalError>;

    /// Makes `owner` the owner of a run and raises its epoch, so that whoever owned it before is fenced out.
    /// A run that does not exist yet begins at epoch 1, head 0.
    ///
    /// # Errors
    /// When the run has another owner that is still alive, or the journal cannot be written.
    fn claim(&self, run: &RunId, owner: &Owner) -> Result<Head, JournalError>;

    /// Gives a run up, so that any other owner may claim it: what a run that waits for a person needs, because
    /// the answer may come through another process. Does nothing when `epoch` is not the run's any more.
    ///
    /// # Errors
    /// When the journal cannot be written.
    fn release(&self, run: &RunId, epoch: u64) -> Result<(), JournalError>;

    /// Appends entries with everything that becomes real with them, in one durable transaction. Returns when it
    /// is durable.
    ///
    /// # Errors
    /// `Fenced` when the expected head or epoch is not the run's: drop all local state and do not retry.
    /// `Conflict` when a key that was read has moved: nothing was written, the attempt may be run again.
    /// `Begun` when another run was begun for the same line of a batch: nothing was written.
    /// `OverBudget` when the flow's spending would pass one of the commit's bounds: nothing was written.
    /// `Unavailable` when nothing could be written. `Unplaced` when the entries are durable but a written file
    /// could not be put in its place: the run must not go on before [`place_pending`](Self::place_pending) did.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Puts files of a run in their place that are durable and were not put there yet: because of a crash, or
    /// because something stood in the way. Does nothing when there are none.
    ///
    /// # Errors
    /// `Unplaced` when one still can't be; when what is pending cannot be read.
    fn place_pending(&self, run: &RunId) -> Result<(), JournalError>;

    /// All entries of a run in order.
    ///
    /// # Errors
    /// `NotFound` when there is no such run, or it was claimed and has no entry yet; `Damaged` when the chain is
    /// broken.
    fn entries(&self, run: &RunId) -> Result<Vec<Entry>, JournalError>;

    /// How many runs were ever claimed; they are numbered from 1 in that order, and stay so while others are added.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn claimed(&self) -> Result<u64, JournalError>;

    /// Of the runs with these numbers those that are asked about, each with all its entries in order, newest first. For
    /// whoever reads a whole journal: a stretch at a time is all that is ever in memory.
    ///
    /// # Errors
    /// `Damaged` when a chain is broken.
    fn stretch(&self, about: &About, numbers: RangeInclusive<u64>) -> Result<Vec<Vec<Entry>>, JournalError>;

    /// The bytes of a blob that a run keeps, or that all runs share.
    ///
    /// # Errors
    /// `Damaged` when the stored bytes do not have the digest.
    fn blob(&self, run: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError>;

    /// The private bytes a commitment is of, with its salt; none once they are erased.
    ///
    /// # Errors
    /// `Damaged` when the commitment is not of what is stored.
    fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError>;

    /// What of a run is private and kept, by name.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn private_of(&self, run: &RunId) -> Result<BTreeSet<Digest>, JournalError>;

    /// A new salt: bytes nobody can guess.
    ///
    /// # Errors
    /// When the system has none to give.
    fn salt(&self) -> Result<Salt, JournalError>;

    /// The rows of runs, newest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn runs(&self) -> Result<Vec<RunRow>, JournalError>;

    /// Runs whose ids begin so, in the order of their ids, `most` at most; found by an index.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn runs_like(&self, beginning: &str, most: usize) -> Result<Vec<RunId>, JournalError>;

    /// The run that was begun last.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn last_run(&self) -> Result<Option<RunId>, JournalError>;

    /// The newest run of each flow.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn newest_runs(&self) -> Result<Vec<RunRow>, JournalError>;

    /// The run that was begun for a line of a batch, if there is one; found by an index, never by looking at all runs.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn run_of_line(&self, line: &Digest) -> Result<Option<RunRow>, JournalError>;

    /// What each flow has spent or set aside on each day: what the charges of all commits add up to.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn spending(&self) -> Result<Vec<Spent>, JournalError>;

    /// Runs whose due time has come and that are not over.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn due(&self, now: Timestamp) -> Result<Vec<RunId>, JournalError>;

    /// Runs that were over by then and whose contents are still kept, the first to end first; found by an index.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn over_by(&self, then: Timestamp) -> Result<Vec<RunId>, JournalError>;

    /// Sees to it that nothing of blobs that were let go can be had back from where the store keeps its own. Does nothing
    /// when there are none; what a crash kept from being done is done the next time.
    ///
    /// # Errors
    /// When the journal cannot be written, or somebody reads it for so long that it can't be cut.
    fn let_go(&self) -> Result<(), JournalError>;
}

/// What is recorded of runs, to be read and never to be added to: a journal, or a file somebody exported from one.
pub trait JournalReads {
    /// All entries of a run in order.
    ///
    /// # Errors
    /// As [`Journals::entries`].
    fn entries(&self, run: &RunId) -> Result<Vec<Entry>, JournalError>;

    /// The bytes of a blob that a run keeps, or that all runs share.
    ///
    /// # Errors
    /// As [`Journals::blob`].
    fn blob(&self, run: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError>;

    /// The private bytes a commitment is of, with its salt.
    ///
    /// # Errors
    /// As [`Journals::private`].
    fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError>;

    /// The bytes an entry of a run names, in any form.
    ///
    /// # Errors
    /// As [`blob`](Self::blob) and [`private`](Self::private).
    fn named(&self, run: &RunId, named: &BlobRef) -> Result<Option<Arc<[u8]>>, JournalError> {
        match named {
            BlobRef::Digest(digest) | BlobRef::Text(digest) => self.blob(run, digest),
            BlobRef::Commitment(commitment) => {
                Ok(self.private(commitment)?.map(|content| Arc::clone(content.bytes())))
            }
        }
    }

    /// Why a blob is rightly not there, when somebody says so: `withheld by …`. What a run can't be without is damage
    /// otherwise.
    fn left_out(&self, digest: &Digest) -> Option<&'static str>;
}

/// A journal leaves nothing out.
impl<J: Journals> JournalReads for J {
    fn entries(&self, run: &RunId) -> Result<Vec<Entry>, JournalError> {
        Journals::entries(self, run)
    }

    fn blob(&self, run: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError> {
        Journals::blob(self, run, digest)
    }

    fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError> {
        Journals::private(self, commitment)
    }

    fn left_out(&self, _: &Digest) -> Option<&'static str> {
        None
    }
}

/// Which runs are asked about; all of them when nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Only that one.
    pub run: Option<RunId>,
    /// Only those of a flow.
    pub flow: Option<FlowName>,
    /// Only those that were under way then or later.
    pub since: Option<Timestamp>,
    /// Only those that began then or later.
    pub began: Option<Timestamp>,
}

impl About {
    /// Whether a run is one of them.
    #[must_use]
    pub fn is(&self, row: &RunRow) -> bool {
        self.run.as_ref().is_none_or(|run| row.run == *run)
            && self.flow.as_ref().is_none_or(|flow| row.flow == *flow)
            && self.since.is_none_or(|since| row.changed >= since)
            && self.began.is_none_or(|began| row.started >= began)
    }
}

/// Where a run's journal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Sequence number of the last entry; 0 for none.
    pub seq: u64,
    /// Hash of the last entry; zeros for none.
    pub hash: Digest,
    /// The owner epoch.
    pub epoch: u64,
}

/// Who drives a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Unique to the process: the lock it holds while it lives.
    pub id: String,
}

/// One transaction.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The run.
    pub run: RunId,
    /// Where the run's journal must stand.
    pub expected: Head,
    /// The entries with their canonical bytes and hash, in order.
    pub entries: Vec<Sealed>,
    /// Bytes the entries name, which the run keeps for itself: what is the same in two runs is kept by each.
    pub blobs: Vec<Content>,
    /// Bytes they name that many runs rest on, such as the text of a policy: kept once, and for ever.
    pub shared: Vec<Content>,
    /// Writes that become real with the entries.
    pub writes: HeldWrites,
    /// Whether the content of the files among them is private, until it is in its place.
    pub writes_private: bool,
    /// Private content of the run that is destroyed with the entries: bytes and salts, so that nothing of them can be
    /// had back from where the store keeps its own.
    pub erased: BTreeSet<Digest>,
    /// Blobs of its own that the run keeps no longer, gone with the entries;
    /// [`let_go`](Journals::let_go) sees to what is left of them.
    pub dropped: BTreeSet<Digest>,
    /// What the entries change of what the flow has spent.
    pub charges: Vec<Charge>,
    /// What the flow's spending must stay within with these charges.
    pub bounds: Vec<Bound>,
    /// The run's row as the entries fold to it.
    pub row: RunRow,
}

/// What a listing shows of a run and what makes it due; always what its entries fold to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub run: RunId,
    /// The flow.
    pub flow: FlowName,
    /// `running`, `waiting`, `in-doubt`, or the word of its ending.
    pub state: Cow<'static, str>,
    /// Whether it is over.
    pub over: bool,
    /// When it began.
    pub started: Timestamp,
    /// When its last entry was written.
    pub changed: Timestamp,
    /// When somebody must look at it: now while it runs, the next remind, escalate or expire while it waits;
    /// none for a question without a due time, whose named party is the role asked.
    pub due: Option<Timestamp>,
    /// The line of a batch it does; see [`RunStarted::line`](crate::entry::RunStarted::line).
    pub line: Option<Digest>,
    /// Whether its contents are kept; not any more once they were let go.
    pub kept: bool,
}

/// Why the journal could not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another process has taken the run over.
    #[error("run {0} was taken over by another process")]
    Fenced(RunId),
    /// Another process that is alive drives the run.
    #[error("run {0} is being driven by another process")]
    Owned(RunId),
    /// The line of a batch that the run was to begin for is done by another run already.
    #[error("run {0} was begun for the same line")]
    Begun(RunId),
    /// A key that the attempt read has been written since.
    #[error("key `{key}` in `{namespace}` was changed by another run")]
    Conflict {
        /// The namespace.
        namespace: String,
        /// The key.
        key: String,
    },
    /// A file that the attempt writes is another one, or reads otherwise, than the attempt found it.
    #[error("{path} was changed by somebody else")]
    FileConflict {
        /// The whole path of the file.
        path: String,
    },
    /// The flow's spending would pass its budget.
    #[error("{comes_to} would be spent or set aside in the {} from {from}, {most} may be", .per.word())]
    OverBudget {
        /// How long the period is.
        per: Per,
        /// Its first day.
        from: Day,
        /// What it would come to.
        comes_to: Money,
        /// The most it may come to.
        most: Money,
    },
    /// There is no such run.
    #[error("there is no run {0}")]
    NotFound(RunId),
    /// The commit contradicts itself: entries that do not follow the expected head, a path that leaves its
    /// directory. Nothing was written.
    #[error("the commit of run {run} is malformed: {why}")]
    Malformed {
        /// The run.
        run: RunId,
        /// What does not fit.
        why: String,
    },
    /// What is stored is not what was written.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// What a run wrote is durable in the journal, but a file of it is not in its place on the disk. Nothing is
    /// lost and the run must not be started again: it is put there once nothing stands in the way.
    #[error("{path}, written by run {run}, is recorded but not in its place: {cause}")]
    Unplaced {
        /// The run.
        run: RunId,
        /// The whole path of the file.
        path: String,
        /// What stands in the way.
        cause: String,
    },
    /// The journal cannot be read or written: disk full, no permission, I/O error. Nothing may run then.
    #[error("the journal cannot be {doing}: {cause}")]
    Unavailable {
        /// `read` or `written`.
        doing: &'static str,
        /// What the system said.
        cause: String,
    },
}
