//! The policy of a home: what a change of it means, why a use is granted, whether a table of verdicts holds.

use crate::budgets;
use crate::call::ONE_CALL;
use crate::directories;
use crate::error::{HomeError, Kind};
use crate::home::{Home, TEXT_MAX, leads_through_link, read_text, shown};
use kapell_journal::entry::Body;
use kapell_model::flow::Meaning;
use kapell_model::id::{FlowName, StepId};
use kapell_model::limits::WishedLimits;
use kapell_model::lock::Lock;
use kapell_model::plan::{Plan, SkillPin};
use kapell_model::policy::{
    Because, CASES, Case, Direction, Explanation, FlowUse, Moved, Outcome, Policy, Surroundings, read_cases,
};
use kapell_model::seam::Skill;
use kapell_model::uses::Use;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The name under which the store remembers the policy last in effect.
const LAST: &str = "policy";

/// One expected verdict and what became of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was expected.
    pub case: Case,
    /// What decides instead, when something else does.
    pub instead: Option<String>,
}

impl Home {
    /// What skills and flows gain or lose by the policy as it stands now beside the one last in effect; none when it
    /// is the same, or the first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn policy_change(&self) -> Result<Option<Vec<Moved>>, HomeError> {
        match self.store.remembered(LAST)? {
            Some(before) if before != self.policy_text => {
                Ok(Some(self.moves(&self.policy_of(&before), &self.policy)?))
            }
            _ => Ok(None),
        }
    }

    /// Lets the policy as it stands now be the one in effect: the next change is told beside it.
    ///
    /// # Errors
    /// When the store can't be read or written.
    pub fn policy_in_effect(&self) -> Result<(), HomeError> {
        if self.store.remembered(LAST)?.as_ref() != Some(&self.policy_text) {
            self.store.remember(LAST, &self.policy_text)?;
        }
        Ok(())
    }

    /// Checks a policy without letting it take effect, and says what would move by it.
    ///
    /// # Errors
    /// `Invalid` with every problem by file, line and column.
    pub fn check_policy(&self, path: &Path) -> Result<(Policy, Vec<Moved>), HomeError> {
        let text = read_text(path, TEXT_MAX)?;
        let after = Policy::parse(&shown(path), &text, self.surroundings(&[self.place.folder()]))?;
        budgets::check(&after, &self.tariff.tariff)?;
        directories::check(&after, self.walk)?;
        let before = self.store.remembered(LAST)?;
        let before = before.map_or_else(|| self.policy.clone(), |text| self.policy_of(&text));
        let moves = self.moves(&before, &after)?;
        Ok((after, moves))
    }

    /// What decides a use by an installed skill, or by one operation of it, if it ran now: the policy first, then
    /// whether its imports are met, then whether it is approved.
    #[must_use]
    pub fn explain(&self, skill: &Skill, operation: Option<&str>, used: &Use) -> Explanation {
        let found = self.policy.explain(&skill.manifest, operation, used);
        if !found.granted {
            return found;
        }
        let unmet = self.grants(skill, operation, &WishedLimits::default()).err();
        if let Some(refusal) = unmet.and_then(|refusals| refusals.into_iter().next()) {
            return Explanation::despite(Because::Unrunnable, refusal);
        }
        match self.check_approved(skill) {
            Ok(()) => found,
            Err(refusal) => Explanation::despite(Because::Unapproved, refusal),
        }
    }

    /// The same step by step of a flow that calls it: a step may allow less than the policy grants. A skill whose
    /// calls the flow does not name is in none of them.
    ///
    /// # Errors
    /// As [`Home::check_flow`].
    pub fn explain_in(
        &self,
        flow: &Path,
        skill: &Skill,
        operation: Option<&str>,
        used: &Use,
    ) -> Result<Vec<(StepId, Explanation)>, HomeError> {
        let plan = self.check_flow(flow)?.plan;
        let calls = plan.calls().filter(|(_, call)| {
            call.skill.name == skill.pin.name && operation.is_none_or(|it| it == call.operation.name)
        });
        let told = calls.map(|(step, call)| {
            let found = self.explain(skill, Some(&call.operation.name), used);
            let left = call.grants.grants.iter().any(|grant| grant.permits(used).is_ok());
            let found = if found.granted && !left { above_ceiling(step, found) } else { found };
            (step.clone(), found)
        });
        Ok(told.collect())
    }

    /// The table of expected verdicts beside the policy.
    #[must_use]
    pub fn cases(&self) -> PathBuf {
        self.place.root.join(CASES)
    }

    /// Asks the policy every case of a table.
    ///
    /// # Errors
    /// `NotFound` when there is no such file; `Invalid` with every problem in it.
    pub fn test_policy(&self, path: &Path) -> Result<Vec<Verdict>, HomeError> {
        let cases = read_cases(&shown(path), &read_text(path, TEXT_MAX)?)?;
        let verdict = |case: Case| {
            let instead = match self.skill(case.skill.as_str()) {
                Ok(skill) => {
                    let holds = case.holds(&self.policy, &skill.manifest);
                    holds.err().map(|found| found.to_string())
                }
                Err(error) if error.kind == Kind::NotFound => Some(format!("{error}, so nothing decides")),
                Err(error) => return Err(error),
            };
            Ok(Verdict { case, instead })
        };
        cases.into_iter().map(verdict).collect()
    }

    fn surroundings<'p>(&'p self, closed: &'p [PathBuf]) -> Surroundings<'p> {
        Surroundings { folder: &self.place.root, closed, links: leads_through_link }
    }

    /// A policy that was in effect, whatever has become of its directories; what can't be read any more grants nothing.
    fn policy_of(&self, text: &str) -> Policy {
        let surroundings = Surroundings { links: |_| false, ..self.surroundings(&[]) };
        Policy::parse("policy.toml", text, surroundings).unwrap_or_else(|_| Policy::deny_all())
    }

    fn moves(&self, before: &Policy, after: &Policy) -> Result<Vec<Moved>, HomeError> {
        let (installed, lock) = (self.skills()?, self.lock()?);
        let used = installed.iter().filter(|it| it.in_use);
        let used = used.map(|it| (it.skill.pin.name.to_string(), &it.skill.manifest));
        let waiting = self.waiting(&lock, &installed).into_iter();
        let waiting = waiting.map(|it| {
            let SkillPin { name, version, .. } = &it.skill.pin;
            (format!("{name} {version} (pending)"), &it.skill.manifest)
        });
        let skills: Vec<_> = used.chain(waiting).collect();
        let outcome = Outcome { before, after, folder: &self.place.root };
        let mut moves = outcome.moves(&skills, &self.flows_known()?);
        moves.extend(approvals_moved(&lock, before, after));
        Ok(moves)
    }

    /// Every flow that ran here, by the plan it ran by last, and every one that is approved.
    fn flows_known(&self) -> Result<BTreeMap<FlowName, FlowUse>, HomeError> {
        let mut flows: BTreeMap<FlowName, FlowUse> = BTreeMap::new();
        for row in self.runs()? {
            if row.flow.as_str() == ONE_CALL || flows.contains_key(&row.flow) {
                continue;
            }
            // What can't be read any more is told where it is read for its own sake.
            let Ok(entries) = self.entries(&row.run) else { continue };
            let plan = entries.iter().find_map(|entry| match &entry.body {
                Body::RunStarted(it) => self.value(&entry.run, &it.plan),
                _ => None,
            });
            let plan = plan.and_then(|plan| serde_json::from_value::<Plan>(plan).ok());
            let uses = flows.entry(row.flow).or_default();
            plan.iter().for_each(|plan| uses.add(&Meaning::of(plan, &|_| BTreeSet::new(), Path::new(""))));
        }
        for approved in &self.locks.now()?.flows {
            flows.entry(approved.name.clone()).or_default().add(&approved.meaning);
        }
        Ok(flows)
    }
}

/// Approvals that count no more, or again, because others may approve.
fn approvals_moved(lock: &Lock, before: &Policy, after: &Policy) -> Vec<Moved> {
    let [was, is] = [before, after].map(|policy| policy.approvers(lock.locked));
    let skills = lock.skills.iter().filter(|it| lock.locked && !it.approved_itself());
    let skills = skills.map(|it| (format!("{} {}", it.pin.name, it.pin.version), &it.approval.by));
    let flows = lock.flows.iter().filter(|_| lock.locked);
    let flows = flows.map(|it| (format!("flow {}", it.name), &it.approval.by));
    let moved = skills.chain(flows).filter_map(|(who, by)| {
        let direction = match (was.role_missing(by), is.role_missing(by)) {
            (None, Some(_)) => Direction::Loses,
            (Some(_), None) => Direction::Gains,
            _ => return None,
        };
        Some(Moved { who, direction, what: format!("its approval by {by}"), flows: BTreeSet::new() })
    });
    moved.collect()
}

fn above_ceiling(step: &StepId, granted: Explanation) -> Explanation {
    let (because, why) =
        (Because::Ceiling, format!("the `grants` of step {step} do not allow it; {}", granted.why));
    Explanation { granted: false, because, why, ..granted }
}
