//! Flows in the lock: what of each was approved, clause by clause, and who asked for it.
//!
//! A flow runs by its approval while everything it means is no more than what was approved; the bytes of its skills are
//! approved on their own. Who asked is written down before anybody approves, so that four eyes can be held to it.

use super::{Approval, Lock};
use crate::digest::Digest;
use crate::flow::{FlowChange, Meaning, changes};
use crate::id::FlowName;
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

/// Why a flow may not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnapprovedFlow {
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
    /// It does, reaches or spends more than was approved, or asks less.
    #[error("it is more than was approved: {}", .0.iter().filter(|it| it.widens).map(|it| it.words.as_str()).collect::<Vec<_>>().join("; "))]
    Wider(Vec<FlowChange>),
}

impl Lock {
    /// The approval of a flow.
    #[must_use]
    pub fn flow(&self, name: &FlowName) -> Option<&LockedFlow> {
        self.flows.iter().find(|it| it.name == *name)
    }

    /// Whether a flow may run now; where the home is not locked every flow may.
    ///
    /// # Errors
    /// Why not.
    pub fn permits_flow(&self, name: &FlowName, now: &Meaning, at: Timestamp) -> Result<(), UnapprovedFlow> {
        if !self.locked {
            return Ok(());
        }
        let approved = self.flow(name).ok_or(UnapprovedFlow::Never)?;
        let approval = &approved.approval;
        if let Some(expired) = approval.expires.filter(|expires| *expires <= at) {
            return Err(UnapprovedFlow::Expired { by: approval.by.clone(), at: expired });
        }
        let changes = changes(&approved.meaning, now);
        match changes.iter().any(|change| change.widens) {
            true => Err(UnapprovedFlow::Wider(changes)),
            false => Ok(()),
        }
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

    /// Takes the approval of a flow back; none when there was none.
    pub fn revoke_flow(&mut self, name: &FlowName) -> Option<LockedFlow> {
        let index = self.flows.iter().position(|it| it.name == *name)?;
        Some(self.flows.remove(index))
    }
}
