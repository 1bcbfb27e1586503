//! Flows in the lock: what of each was approved, clause by clause, and who asked for it.
//!
//! A flow runs by its approval while everything it means is no more than what was approved; the bytes of its skills are
//! approved on their own. Who asked is written down before anybody approves, so that four eyes can be held to it.

use super::permits::FORMER;
use super::{Approval, Lock};
use crate::digest::Digest;
use crate::flow::{FlowChange, Meaning, changes};
use crate::grant::Refusal;
use crate::id::{FlowName, Role};
use crate::policy::Approvers;
use crate::quantity::Timestamp;

/// One approved flow.
#[derive(Clone, Debug, PartialEq)]
pub struct LockedFlow {
    /// Its name; one approval a name.
    pub name: FlowName,
    /// Its version when it was approved, in its owner's counting.
    pub version: String,
    /// What was approved.
    pub meaning: Meaning,
    /// Who approved it.
    pub approval: Approval,
}

/// Somebody wants a flow to run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFlow {
    /// Its name.
    pub name: FlowName,
    /// Its meaning ([`Meaning::digest`]) as they want it.
    pub meaning: Digest,
    /// Who, `user:NAME`.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A flow that was taken back. It stays written after the flow is approved anew: a run that had begun before goes on
/// only as far as the new approval reaches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was revoked by {by}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
pub struct RevokedFlow {
    /// Its name.
    pub name: FlowName,
    /// Who took it back, `user:NAME`.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in their words.
    pub reason: Option<String>,
}

impl RevokedFlow {
    /// The refusal people see, with what to do about it.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let advice = format!(
            "review the flow and let somebody approve it anew with `kapell flows approve`; `kapell flows list` names who took {} back",
            self.name
        );
        Refusal {
            subject: format!("flow {}", self.name),
            why: self.to_string(),
            rule: None,
            asked_at: None,
            advice: Some(advice),
        }
    }
}

/// Why a flow may not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnapprovedFlow {
    /// It was taken back, and nobody has approved it since.
    #[error(transparent)]
    Revoked(RevokedFlow),
    /// Nobody approved a flow of that name.
    #[error("nobody has approved this flow")]
    Never,
    /// It was approved for a time, and the time is over.
    #[error("its approval by {by} expired on {at}")]
    Expired {
        /// Who approved it.
        by: String,
        /// When it expired.
        at: Timestamp,
    },
    /// Whoever approved it is not of those who approve.
    #[error("it was approved by {by}, who is not of the role `{role}`, which approves")]
    Approver {
        /// Who approved it.
        by: String,
        /// The role they would have to be of.
        role: Role,
    },
    /// It does, reaches or spends more than was approved, or asks less.
    #[error("it is more than was approved: {}", .0.iter().filter(|it| it.widens).map(|it| it.words.as_str()).collect::<Vec<_>>().join("; "))]
    Wider(Vec<FlowChange>),
}

impl UnapprovedFlow {
    /// Whether it is about the approval alone, whatever would run by it.
    #[must_use]
    pub const fn is_of_approval(&self) -> bool {
        matches!(self, UnapprovedFlow::Expired { .. } | UnapprovedFlow::Approver { .. })
    }

    /// What to do about it beside approving the flow as it is.
    #[must_use]
    pub const fn advice(&self) -> Option<&'static str> {
        match self {
            UnapprovedFlow::Approver { .. } => Some(FORMER),
            _ => None,
        }
    }
}

impl LockedFlow {
    /// Whether the approval counts now, whatever it is for.
    ///
    /// # Errors
    /// Why not.
    pub fn counts(&self, now: Timestamp, approvers: Approvers<'_>) -> Result<(), UnapprovedFlow> {
        self.is_by_approver(approvers)?;
        let Approval { by, expires, .. } = &self.approval;
        match expires.filter(|at| *at <= now) {
            Some(at) => Err(UnapprovedFlow::Expired { by: by.clone(), at }),
            None => Ok(()),
        }
    }

    fn is_by_approver(&self, approvers: Approvers<'_>) -> Result<(), UnapprovedFlow> {
        let by = &self.approval.by;
        match approvers.role_missing(by) {
            Some(role) => Err(UnapprovedFlow::Approver { by: by.clone(), role }),
            None => Ok(()),
        }
    }
}

impl Lock {
    /// The approval of a flow.
    #[must_use]
    pub fn flow(&self, name: &FlowName) -> Option<&LockedFlow> {
        self.flows.iter().find(|it| it.name == *name)
    }

    /// Whether a flow was taken back and nobody has approved it since.
    #[must_use]
    pub fn flow_revocation(&self, name: &FlowName) -> Option<&RevokedFlow> {
        self.flows_taken_back().find(|it| it.name == *name)
    }

    /// Every flow that was taken back and that nobody has approved since.
    pub fn flows_taken_back(&self) -> impl Iterator<Item = &RevokedFlow> {
        self.revoked_flows.iter().filter(|it| self.flow(&it.name).is_none())
    }

    /// Whether a run that began then may go on, which only matters once its flow was taken back: then by an approval
    /// of all that it means.
    ///
    /// # Errors
    /// Why not.
    pub fn permits_run(
        &self,
        name: &FlowName,
        began: Timestamp,
        approvers: Approvers<'_>,
        meaning: impl FnOnce() -> Meaning,
    ) -> Result<(), UnapprovedFlow> {
        let revoked = self.revoked_flows.iter().find(|it| it.name == *name && it.at >= began);
        match (revoked, self.flow(name)) {
            (None, _) => Ok(()),
            (Some(revoked), None) => Err(UnapprovedFlow::Revoked(revoked.clone())),
            (Some(_), Some(approved)) => {
                // An approval that has expired since is for what begins, and this began.
                approved.is_by_approver(approvers)?;
                not_wider(approved, &meaning())
            }
        }
    }

    /// Whether a flow may run now. What was taken back may not; where the home is not locked every other may.
    ///
    /// # Errors
    /// Why not.
    pub fn permits_flow(
        &self,
        name: &FlowName,
        means: &Meaning,
        now: Timestamp,
        approvers: Approvers<'_>,
    ) -> Result<(), UnapprovedFlow> {
        if let Some(revoked) = self.flow_revocation(name) {
            return Err(UnapprovedFlow::Revoked(revoked.clone()));
        }
        if !self.locked {
            return Ok(());
        }
        let approved = self.flow(name).ok_or(UnapprovedFlow::Never)?;
        approved.counts(now, approvers)?;
        not_wider(approved, means)
    }

    /// Everybody who asked for exactly this meaning of a flow.
    #[must_use]
    pub fn askers(&self, name: &FlowName, meaning: &Digest) -> Vec<String> {
        let asked = self.asked.iter().filter(|it| it.name == *name && it.meaning == *meaning);
        asked.map(|it| it.by.clone()).collect()
    }

    /// Writes down that somebody wants a flow; what they wanted of it before is not wanted any more.
    pub fn ask_flow(&mut self, asked: AskedFlow) {
        self.asked.retain(|it| (&it.name, &it.by) != (&asked.name, &asked.by));
        self.asked.push(asked);
        self.asked.sort_by(|one, other| (&one.name, &one.by).cmp(&(&other.name, &other.by)));
    }

    /// Adds an approval in the place of any other of the flow; nobody waits for it any more.
    pub fn approve_flow(&mut self, flow: LockedFlow) {
        let meaning = flow.meaning.digest();
        self.flows.retain(|it| it.name != flow.name);
        self.asked.retain(|it| it.name != flow.name || it.meaning != meaning);
        self.flows.push(flow);
        self.flows.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Takes a flow back, whether or not it was approved.
    pub fn revoke_flow(&mut self, revoked: RevokedFlow) {
        self.flows.retain(|it| it.name != revoked.name);
        self.revoked_flows.retain(|it| it.name != revoked.name);
        self.revoked_flows.push(revoked);
        self.revoked_flows.sort_by(|one, other| one.name.cmp(&other.name));
    }
}

fn not_wider(approved: &LockedFlow, now: &Meaning) -> Result<(), UnapprovedFlow> {
    let changes = changes(&approved.meaning, now);
    match changes.iter().any(|change| change.widens) {
        true => Err(UnapprovedFlow::Wider(changes)),
        false => Ok(()),
    }
}
