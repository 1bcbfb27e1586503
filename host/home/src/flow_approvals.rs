//! Flows in the lock: reviewing one, asking for it, approving it exactly as it was shown, taking it back.

use crate::approvals::{Drift, not_yet};
use crate::call::ONE_CALL;
use crate::error::{HomeError, Kind};
use crate::flows::CheckedFlow;
use crate::home::{Home, read_policy};
use kapell_conductor::drive::Standing as Run;
use kapell_model::flow::{FlowReview, Meaning, changes, waiting};
use kapell_model::grant::{Grant, Refusal};
use kapell_model::id::{FlowName, RunId};
use kapell_model::lock::{Approval, AskedFlow, Lock, LockedFlow, RevokedFlow, UnapprovedFlow};
use kapell_model::mark::Mark;
use kapell_model::quantity::Timestamp;
use kapell_model::review::Standing;
use kapell_model::source::{Diagnostics, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// An approval of a flow as a face takes it.
#[derive(Clone, Debug)]
pub struct ApprovingFlow {
    /// The flow file.
    pub path: PathBuf,
    /// The digest of the review that was shown, or at least its first 12 hex digits.
    pub shown: String,
    /// From when on the approval counts no more.
    pub expires: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Who approves, `user:NAME`.
    pub by: String,
}

impl Home {
    /// Everything to see of a flow before it is let run, and what changed since it was approved.
    ///
    /// # Errors
    /// As [`Home::check_flow`]; when the lock can't be read.
    pub fn review_flow(&self, path: &Path) -> Result<FlowReview, HomeError> {
        self.review_of(&self.check_flow(path)?, None)
    }

    /// The same beside another flow's file, to see what one does that the other does not; what is shown so is not what
    /// an approval binds.
    ///
    /// # Errors
    /// As [`Home::review_flow`], of either.
    pub fn review_flow_against(&self, path: &Path, other: &Path) -> Result<FlowReview, HomeError> {
        let other = self.meaning(&self.check_flow(other)?);
        self.review_of(&self.check_flow(path)?, Some(&other))
    }

    /// Compared with `other`, else with what was approved of it.
    fn review_of(&self, flow: &CheckedFlow, other: Option<&Meaning>) -> Result<FlowReview, HomeError> {
        let (lock, meaning) = (self.lock()?, self.meaning(flow));
        let name = &flow.plan.flow;
        let approved = lock.flow(name);
        let other = other.or(approved.map(|approved| &approved.meaning));
        let changed = other.map(|other| changes(other, &meaning));
        let standing = self.flow_standing(&lock, name, &meaning);
        Ok(FlowReview::of(&flow.plan, &|grant| self.marks(grant), &self.place.root, changed, standing))
    }

    /// Whether a flow that means so much is approved.
    pub(crate) fn flow_standing(&self, lock: &Lock, name: &FlowName, meaning: &Meaning) -> Standing {
        let approvers = self.policy.approvers(lock.locked);
        match (lock.permits_flow(name, meaning, self.clock.now(), approvers), lock.flow(name)) {
            (Err(why), _) => Standing::Unapproved { why: why.to_string() },
            (Ok(()), Some(approved)) if lock.locked => {
                Standing::Approved { approval: approved.approval.clone() }
            }
            _ => Standing::Development,
        }
    }

    /// Writes down that somebody wants a flow to run here as it is now; somebody else may approve it then.
    ///
    /// # Errors
    /// As [`Home::check_flow`]; when the lock can't be written.
    pub fn ask_flow(&self, path: &Path, by: &str) -> Result<AskedFlow, HomeError> {
        let flow = self.check_flow(path)?;
        let (name, meaning) = (flow.plan.flow.clone(), self.meaning(&flow).digest());
        let asked = AskedFlow { name, meaning, by: by.into(), at: self.clock.now() };
        self.locks.change(|lock| {
            lock.ask_flow(asked.clone());
            Ok(())
        })?;
        Ok(asked)
    }

    /// Approves a flow as it was shown; it runs from then on, here and wherever the lock is taken.
    ///
    /// # Errors
    /// `Refused` when something else would be shown now, or when this person may not approve it; nothing is changed
    /// then.
    pub fn approve_flow(&self, approving: &ApprovingFlow) -> Result<LockedFlow, HomeError> {
        // Read once: what is compared with what was shown is what is approved.
        let flow = self.check_flow(&approving.path)?;
        let review = self.review_of(&flow, None)?;
        self.check_flow_shown(&review, approving)?;
        let meaning = self.meaning(&flow);
        self.check_flow_approver(&flow.plan.flow, &meaning, &approving.by)?;
        if approving.expires.is_some_and(|at| at <= self.clock.now()) {
            return Err(HomeError::new(Kind::Argument, "the approval would have expired already"));
        }
        let approval = Approval {
            by: approving.by.clone(),
            at: self.clock.now(),
            expires: approving.expires,
            reason: self.reason_without_secrets(approving.reason.as_deref()),
            shown: review.digest(),
        };
        let (name, version) = (flow.plan.flow, flow.plan.version);
        let locked = LockedFlow { name, version, meaning, approval };
        self.locks.change(|lock| {
            lock.approve_flow(locked.clone());
            Ok(())
        })?;
        Ok(locked)
    }

    /// Takes a flow back: no run of it begins any more, attempts under way, in whatever process, end within a tenth of
    /// a second, and runs that wait do not go on until somebody approves all that they mean.
    ///
    /// # Errors
    /// `NotFound` for a flow that is not approved here and never ran; `Refused` when this person is not of those who
    /// approve.
    pub fn revoke_flow(&self, name: &str, by: &str, reason: Option<&str>) -> Result<RevokedFlow, HomeError> {
        let (lock, rows) = (self.lock()?, self.runs()?);
        let ran = rows.iter().map(|row| &row.flow).filter(|flow| flow.as_str() != ONE_CALL);
        let known: BTreeSet<&FlowName> = lock.flows.iter().map(|it| &it.name).chain(ran).collect();
        let found = known.iter().find(|known| known.as_str() == name);
        let missing = || HomeError::not_found("flow", name, known.iter().map(|it| it.as_str()));
        let name = FlowName::clone(found.ok_or_else(missing)?);
        let may = self.policy.may_approve(by, &[], lock.locked);
        may.map_err(|refusal| HomeError::refused(&format!("revoking {name}"), vec![refusal]))?;
        let reason = self.reason_without_secrets(reason);
        let revoked = RevokedFlow { name, by: by.into(), at: self.clock.now(), reason };
        self.locks.change(|lock| {
            lock.revoke_flow(revoked.clone());
            Ok(())
        })?;
        Ok(revoked)
    }

    /// Why a run that is not over does not go on: its flow was taken back since it began.
    ///
    /// # Errors
    /// When lock or journal can't be read.
    pub fn held(&self, run: &RunId) -> Result<Option<UnapprovedFlow>, HomeError> {
        match self.lock()?.revoked_flows.is_empty() {
            true => Ok(None),
            false => self.held_run(&self.standing(run)?),
        }
    }

    fn held_run(&self, standing: &Run) -> Result<Option<UnapprovedFlow>, HomeError> {
        let plan = &standing.program.plan;
        let meaning = || Meaning::of(plan, &|grant| self.marks(grant), &self.place.root);
        let lock = self.lock()?;
        let (began, approvers) = (standing.state.started_at, self.policy.approvers(lock.locked));
        let may = lock.permits_run(&plan.flow, began, approvers, meaning);
        Ok(may.err().filter(|_| standing.state.ended.is_none()))
    }

    /// A run whose flow was taken back stays where it is.
    pub(crate) fn check_going_on(&self, standing: &Run) -> Result<(), HomeError> {
        let Some(why) = self.held_run(standing)? else { return Ok(()) };
        let (run, flow) = (&standing.state.run, &standing.program.plan.flow);
        let words = format!("{run} is held, as of flow {flow} {why}");
        let hint = format!(
            "it goes on once somebody approves the flow with all that this run does (`kapell flows approve`); `kapell runs cancel {run}` ends it"
        );
        Err(HomeError::new(Kind::Refused, words).hint(hint))
    }

    /// Approvals of flows that count no more, or by which the policy gives more than was approved, and what would wait of
    /// the flows in these files.
    pub(crate) fn flow_drifts(&self, lock: &Lock, files: &[PathBuf]) -> Result<Vec<Drift>, HomeError> {
        let mut means: BTreeMap<FlowName, Meaning> = BTreeMap::new();
        for approved in &lock.flows {
            means.insert(approved.name.clone(), approved.meaning.under(&approved.name, &self.policy));
        }
        for file in files {
            let flow = self.check_flow(file)?;
            means.insert(flow.plan.flow.clone(), self.meaning(&flow));
        }
        let (now, approvers) = (self.clock.now(), self.policy.approvers(self.is_locked()?));
        let drift = |(name, means): (&FlowName, &Meaning)| {
            let early = lock.flow(name).and_then(|it| not_yet(&it.approval, now));
            let waits = || lock.permits_flow(name, means, now, approvers).err().map(|why| why.to_string());
            Some(Drift { subject: format!("flow {name}"), what: early.or_else(waits)? })
        };
        Ok(means.iter().filter_map(drift).collect())
    }

    /// Why a flow does not run here by now but waits for somebody to approve it.
    ///
    /// # Errors
    /// When the lock can't be read.
    pub fn waits_for_approval(&self, flow: &CheckedFlow) -> Result<Option<UnapprovedFlow>, HomeError> {
        let lock = self.lock()?;
        let (now, approvers) = (self.clock.now(), self.policy.approvers(lock.locked));
        Ok(lock.permits_flow(&flow.plan.flow, &self.meaning(flow), now, approvers).err())
    }

    /// Whether nobody approves in a run they started: as for approving skills and flows.
    pub(crate) fn four_eyes(&self) -> Result<bool, HomeError> {
        Ok(self.policy.approval.four_eyes.unwrap_or(self.is_locked()?))
    }

    /// A flow runs in a locked home by its approval, or not at all.
    pub(crate) fn check_flow_approved(&self, flow: &CheckedFlow) -> Result<(), HomeError> {
        let Some(why) = self.waits_for_approval(flow)? else { return Ok(()) };
        let hint = format!(
            "read `kapell review {0}`; then let somebody approve it with `kapell flows approve {0}`{1}",
            flow.file,
            why.advice().map(|more| format!("; {more}")).unwrap_or_default()
        );
        let UnapprovedFlow::Wider(changes) = &why else {
            let refusal = Refusal {
                subject: flow.plan.flow.to_string(),
                why: why.to_string(),
                rule: None,
                asked_at: None,
                advice: None,
            };
            return Err(HomeError::refused("the flow", vec![refusal]).hint(hint));
        };
        let source = Source { file: &flow.file, text: &flow.text };
        let mut told = waiting(changes, &flow.authored, source);
        if let Some(last) = told.last_mut() {
            last.hint = Some(hint);
        }
        Err(Diagnostics(told).into())
    }

    pub(crate) fn meaning(&self, flow: &CheckedFlow) -> Meaning {
        Meaning::of(&flow.plan, &|grant| self.marks(grant), &self.place.root)
    }

    pub(crate) fn marks(&self, grant: &Grant) -> BTreeSet<Mark> {
        self.policy.marks(grant)
    }

    /// Only what the person saw: the same steps, questions, grants and differences, under the policy as it is now.
    fn check_flow_shown(&self, review: &FlowReview, approving: &ApprovingFlow) -> Result<(), HomeError> {
        let again = format!("read `kapell review {}` as it is now", approving.path.display());
        let hex = approving.shown.strip_prefix("sha256:").unwrap_or(&approving.shown);
        if hex.len() < 12 || !review.digest().hex().starts_with(hex) {
            let words = format!("what is shown of {} now is not what was shown", review.flow);
            return Err(HomeError::new(Kind::Refused, words).hint(again));
        }
        match read_policy(&self.place)?.1.digest == self.policy.digest {
            true => Ok(()),
            false => Err(HomeError::new(Kind::Refused, "the policy has changed meanwhile").hint(again)),
        }
    }

    /// Where four eyes must look, one pair of them has asked first.
    fn check_flow_approver(&self, name: &FlowName, meaning: &Meaning, by: &str) -> Result<(), HomeError> {
        let (lock, what) = (self.lock()?, format!("approving {name}"));
        let asked = lock.askers(name, &meaning.digest());
        if asked.is_empty() && self.four_eyes()? {
            return Err(HomeError::new(Kind::Refused, format!("nobody has asked for {name} as it is now"))
                .hint("`kapell add` with the flow's file asks; somebody else approves"));
        }
        let may = self.policy.may_approve(by, &asked, lock.locked);
        may.map_err(|refusal| HomeError::refused(&what, vec![refusal]))
    }
}
