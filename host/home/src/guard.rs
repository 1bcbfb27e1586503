//! The one way to the sandbox: every attempt is held against the lock and the policy as they stand when it begins, and
//! ends when its skill is revoked while it runs.

use crate::error::HomeError;
use crate::locks::Locks;
use kapell_model::ending::{Attempt, Ending, Left, Meters};
use kapell_model::grant::Refusal;
use kapell_model::lock::{RevokedFlow, Unapproved, Wanted};
use kapell_model::policy::Policy;
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

/// In how many looks one after the other a lock may be unreadable.
const UNREADABLE_MAX: u32 = 3;

/// The sandbox behind the lock.
pub(crate) struct Guarded {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) locks: Arc<Locks>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The policy of now, which may give less than the one a run began under.
    pub(crate) policy: Policy,
}

impl Performer for Guarded {
    async fn perform(&self, job: Job) -> Result<Attempt, HostFault> {
        match self.may_run(&job) {
            Ok(()) => self.watched(job).await,
            Err(Stop::Refused(why)) => self.refused(&job, &why),
            Err(Stop::Unreadable(error)) => Err(unreadable(&job, error)),
        }
    }
}

/// Why an attempt does not begin.
enum Stop {
    Refused(Why),
    Unreadable(HomeError),
}

/// What lock and policy have against an attempt.
enum Why {
    Skill(Unapproved),
    Flow(RevokedFlow),
    Narrower(Box<Refusal>),
}

impl Why {
    /// Whether it ends an attempt that has begun.
    const fn is_revocation(&self) -> bool {
        matches!(self, Why::Flow(_) | Why::Skill(Unapproved::Revoked { .. }))
    }
}

/// What was seen against an attempt while it runs.
#[derive(Default)]
struct Against {
    revoked: Option<Why>,
    /// What kept the lock from being read, and in how many looks one after the other.
    unreadable: Option<HomeError>,
    looks: u32,
}

impl Against {
    /// A lock is replaced whole, so one that stays unreadable is damaged, and may hold a revocation nobody can read.
    fn looked(&mut self, may: Result<(), Stop>) {
        match may {
            Err(Stop::Refused(why)) if why.is_revocation() => self.revoked = Some(why),
            Err(Stop::Unreadable(error)) => (self.unreadable, self.looks) = (Some(error), self.looks + 1),
            _ => (self.unreadable, self.looks) = (None, 0),
        }
    }

    /// Whether the attempt ends by it.
    const fn ends(&self) -> bool {
        self.revoked.is_some() || self.looks >= UNREADABLE_MAX
    }
}

fn unreadable(job: &Job, error: HomeError) -> HostFault {
    HostFault { doing: format!("look whether {} is approved", job.skill.name), cause: error.message }
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
            approvers: self.policy.approvers(lock.locked),
        };
        lock.permits(&wanted).map_err(|why| Stop::Refused(Why::Skill(why)))?;
        let still = self.policy.still_gives(&job.skill.name, &job.grants);
        still.map_err(|refusal| Stop::Refused(Why::Narrower(Box::new(refusal))))
    }

    /// Performs while looking at the lock. The attempt has a flag of its own: the run may go on without it.
    async fn watched(&self, mut job: Job) -> Result<Attempt, HostFault> {
        let asked = std::mem::take(&mut job.cancel);
        let stop = job.cancel.clone();
        let looked_at = job.clone();
        let mut attempt = pin!(self.runtime.perform(job));
        let mut against = Against::default();
        loop {
            tokio::select! {
                // An attempt that needs no waiting costs neither a waker nor a timer.
                biased;
                ended = &mut attempt => return self.ended(&looked_at, ended?, against),
                () = asked.raised(), if !stop.is_raised() => stop.raise(),
                () = tokio::time::sleep(LOOK), if !against.ends() => {
                    against.looked(self.may_run(&looked_at));
                    if against.ends() {
                        stop.raise();
                    }
                }
            }
        }
    }

    /// What a revoked skill still answered while it was being stopped does not count.
    fn ended(&self, job: &Job, attempt: Attempt, against: Against) -> Result<Attempt, HostFault> {
        if let Some(error) = against.unreadable.filter(|_| against.looks >= UNREADABLE_MAX) {
            return Err(unreadable(job, error));
        }
        match against.revoked {
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

    /// What is said against a skill stands in its history too; what is said against a flow or a grant, in its run alone.
    fn record(&self, job: &Job, why: &Why) -> Result<Refusal, HostFault> {
        let why = match why {
            Why::Flow(revoked) => return Ok(revoked.refusal()),
            Why::Narrower(refusal) => return Ok(Refusal::clone(refusal)),
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
