//! Moments at which a test makes the process die or the disk refuse, all of them in one list.
//!
//! A point stands where an interruption could lose something or do it twice: before and after a commit, a rename, a request
//! that goes out. Only what is built with the feature `fault-points` has them, which is the program of the tests; without it
//! reaching a point is nothing at all and nothing can be armed. What happens at a point is not decided here.

use std::io;
use std::sync::OnceLock;

/// Whether this build has fault points.
pub const COMPILED_IN: bool = cfg!(feature = "fault-points");

/// What happens at a point: nothing, an error as if the system had refused, or the end of the process.
pub type Struck = Box<dyn Fn(FaultPoint) -> io::Result<()> + Send + Sync>;

static STRUCK: OnceLock<Struck> = OnceLock::new();

/// Says what happens at points from now on, once a process. Does nothing in a build without points.
pub fn arm(struck: Struck) {
    if COMPILED_IN {
        // Whoever armed first is listened to: there is one place in a program that does.
        drop(STRUCK.set(struck));
    }
}

/// Reaches a point.
///
/// # Errors
/// Only where something is armed that refuses here.
#[inline]
pub fn reach(point: FaultPoint) -> io::Result<()> {
    match STRUCK.get().filter(|_| COMPILED_IN) {
        Some(struck) => struck(point),
        None => Ok(()),
    }
}

/// A moment at which a test interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// The intent of an attempt is durable, the attempt has not begun.
    Intended,
    /// A request has gone out, nothing of its answer is read.
    RequestSent,
    /// An attempt is over, nothing of its ending is written.
    Performed,
    /// The large bytes of a commit are on the disk, nothing names them yet.
    Staged,
    /// A transaction has begun.
    TransactionBegun,
    /// All of a transaction is written, it is not committed.
    TransactionWritten,
    /// A transaction is on the disk, nobody has been told.
    TransactionDurable,
    /// The commit of a run is durable, none of its files is in its place.
    Committed,
    /// A written file is about to be put in its place.
    Placing,
    /// A written file is in its place, its note is still there.
    Placed,
    /// A file stands whole and synced beside its name.
    FileWritten,
    /// A file has its name, which is not synced yet.
    FileNamed,
    /// The write-ahead log is about to be moved into the database.
    LogMoving,
    /// The write-ahead log was moved into the database.
    LogMoved,
    /// The tables of a new database are made, not committed.
    DatabaseMade,
    /// The file that shows that an owner lives is locked and has no name yet.
    OwnerLocked,
    /// The journal's key stands beside its name.
    KeyWritten,
    /// The journal's key has its name.
    KeyNamed,
    /// A head is signed and not kept.
    HeadSigned,
    /// A small file of the home (lock, marker, request to stop) stands whole and synced beside its name.
    SettingWritten,
    /// A small file of the home has its name, which is not synced yet.
    SettingNamed,
    /// A compiled form stands beside its name, the seal it is checked by is the old one.
    FormWritten,
    /// The seal of a compiled form has its name, the form has not.
    FormSealed,
    /// The bytes of a skill and their compiled form are kept, no skill names them.
    SkillKept,
    /// A skill is installed, it is not in use.
    SkillInstalled,
}

impl FaultPoint {
    /// All points.
    pub const ALL: [FaultPoint; 25] = [
        FaultPoint::Intended,
        FaultPoint::RequestSent,
        FaultPoint::Performed,
        FaultPoint::Staged,
        FaultPoint::TransactionBegun,
        FaultPoint::TransactionWritten,
        FaultPoint::TransactionDurable,
        FaultPoint::Committed,
        FaultPoint::Placing,
        FaultPoint::Placed,
        FaultPoint::FileWritten,
        FaultPoint::FileNamed,
        FaultPoint::LogMoving,
        FaultPoint::LogMoved,
        FaultPoint::DatabaseMade,
        FaultPoint::OwnerLocked,
        FaultPoint::KeyWritten,
        FaultPoint::KeyNamed,
        FaultPoint::HeadSigned,
        FaultPoint::SettingWritten,
        FaultPoint::SettingNamed,
        FaultPoint::FormWritten,
        FaultPoint::FormSealed,
        FaultPoint::SkillKept,
        FaultPoint::SkillInstalled,
    ];
}
