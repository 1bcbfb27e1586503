//! The one way to the sandbox: every attempt is held against the lock as it stands when it begins, and ends when its
//! skill is revoked while it runs.

use crate::error::HomeError;
use crate::locks::Locks;
use kapell_model::ending::{Attempt, Ending, Left, Meters};
use kapell_model::grant::Refusal;
use kapell_model::lock::{RevokedFlow, Unapproved, Wanted};
use kapell_model::seam::{Clock, HostFault, Job, Performer};
use kapell_model::writes::{HeldWrites, Undone};
use kapell_runtime::Runtime;
use kapell_store::{SkillEvent, Skills as _, SqliteStore, What};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How often a running attempt looks whether its skill was revoked, in this process or another: the most that is added
/// to the time a cancelled attempt takes to end.
const LOOK: Duration = Duration::from_millis(20);

/// The sandbox behind the lock.
pub(crate) struct Guarded {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) locks: Arc<Locks>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether the policy lets a skill that asks for nothing approve itself.
    pub(crate) asks_nothing_itself: bool,
}

impl Performer for Guarded {
    async fn perform(&self, job: Job) -> Result<Attempt, HostFault> {
        match self.may_run(&job) {
            Ok(()) => self.watched(job).await,
            Err(Stop::Refused(why)) => self.refused(&job, &why),
            Err(Stop::Unreadable(error)) => Err(HostFault {
                doing: format!("look whether {} is approved", job.skill.name),
                cause: error.message,
            }),
        }
    }
}

/// Why an attempt does not begin.
enum Stop {
    Refused(Why),
    Unreadable(HomeError),
}

/// What the lock has against an attempt.
enum Why {
    Skill(Unapproved),
    Flow(RevokedFlow),
}

impl Why {
    /// Whether it ends an attempt that has begun.
    const fn is_revocation(&self) -> bool {
        matches!(self, Why::Flow(_) | Why::Skill(Unapproved::Revoked { .. }))
    }
}

impl Guarded {
    fn may_run(&self, job: &Job) -> Result<(), Stop> {
        let lock = self.locks.now().map_err(Stop::Unreadable)?;
        if let Some(revoked) = lock.flow_revocation(&job.flow) {
            return Err(Stop::Refused(Why::Flow(revoked.clone())));
        }
        let wanted = Wanted {
            pin: &job.skill,
            grants: &job.grants,
            limits: &job.limits.limits,
            now: self.clock.now(),
            asks_nothing_itself: self.asks_nothing_itself,
        };
        lock.permits(&wanted).map_err(|why| Stop::Refused(Why::Skill(why)))
    }

    /// Performs while looking at the lock. The attempt has a flag of its own: the run may go on without it.
    async fn watched(&self, mut job: Job) -> Result<Attempt, HostFault> {
        let asked = std::mem::take(&mut job.cancel);
        let stop = job.cancel.clone();
        let looked_at = job.clone();
        let mut attempt = pin!(self.runtime.perform(job));
        let mut revoked = None;
        loop {
            tokio::select! {
                // An attempt that needs no waiting costs neither a waker nor a timer.
                biased;
                ended = &mut attempt => return self.ended(&looked_at, ended?, revoked),
                () = asked.raised(), if !stop.is_raised() => stop.raise(),
                () = tokio::time::sleep(LOOK), if revoked.is_none() => {
                    revoked = self.revocation(&looked_at);
                    if revoked.is_some() {
                        stop.raise();
                    }
                }
            }
        }
    }

    /// A lock that can't be read at this moment revokes nothing; no further attempt begins under it.
    fn revocation(&self, job: &Job) -> Option<Why> {
        match self.may_run(job) {
            Err(Stop::Refused(why)) if why.is_revocation() => Some(why),
            _ => None,
        }
    }

    /// What a revoked skill still answered while it was being stopped does not count.
    fn ended(&self, job: &Job, attempt: Attempt, revoked: Option<Why>) -> Result<Attempt, HostFault> {
        match revoked {
            Some(why) => {
                let refusal = self.record(job, &why)?;
                let undone = match attempt.undone.is_nothing() {
                    true => Undone::of(&attempt.writes),
                    false => attempt.undone,
                };
                let (ending, writes) = (Ending::Refusal(refusal), HeldWrites::default());
                Ok(Attempt { ending, writes, undone, ..attempt })
            }
            None => Ok(attempt),
        }
    }

    fn refused(&self, job: &Job, why: &Why) -> Result<Attempt, HostFault> {
        let refusal = self.record(job, why)?;
        Ok(Attempt {
            ending: Ending::Refusal(refusal),
            meters: Meters::default(),
            writes: HeldWrites::default(),
            undone: Undone::default(),
            left: Left::Nothing,
            crossings: Vec::new(),
            contents: Vec::new(),
            notes: Vec::new(),
            log: Vec::new(),
        })
    }

    /// What is said against a skill stands in its history too; what is said against a flow, in its run alone.
    fn record(&self, job: &Job, why: &Why) -> Result<Refusal, HostFault> {
        let why = match why {
            Why::Flow(revoked) => return Ok(revoked.refusal()),
            Why::Skill(why) => why,
        };
        let event = SkillEvent {
            what: What::Refused,
            pin: job.skill.clone(),
            at: self.clock.now(),
            by: format!("run:{}", job.run),
            why: Some(why.to_string()),
        };
        self.store.record_event(&event).map_err(|cause| HostFault {
            doing: format!("record that {} was refused", job.skill.name),
            cause: cause.to_string(),
        })?;
        Ok(why.refusal(&job.skill))
    }
}
