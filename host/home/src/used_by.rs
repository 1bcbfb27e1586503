//! Which flows use which skills, as far as the home knows flows.
//!
//! A home keeps no flows, so it knows those that were run here, by the plan of the newest run of each, and those that
//! are approved. A flow that does not use a skill any more stops being named once it has run as it is now.

use crate::error::HomeError;
use crate::home::Home;
use kapell_journal::entry::Body;
use kapell_journal::seam::Journals as _;
use kapell_model::id::{FlowName, RunId, SkillName};
use kapell_model::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

impl Home {
    /// The flows that use each skill, verdicts and further rungs counted too. A call by hand is no flow.
    ///
    /// # Errors
    /// When the journal or the lock can't be read.
    pub fn used_by(&self) -> Result<BTreeMap<SkillName, BTreeSet<FlowName>>, HomeError> {
        let mut used: BTreeMap<SkillName, BTreeSet<FlowName>> = BTreeMap::new();
        let mut uses = |flow: &FlowName, skill: &SkillName| {
            used.entry(skill.clone()).or_default().insert(flow.clone());
        };
        for row in self.store.newest_runs()? {
            let plan = self.plan_of(&row.run)?.filter(|_| row.flow.as_str() != crate::call::ONE_CALL);
            plan.iter().flat_map(Plan::calls).for_each(|(_, call)| uses(&row.flow, &call.skill.name));
        }
        for flow in &self.lock()?.flows {
            flow.meaning.skills().into_iter().for_each(|skill| uses(&flow.name, skill));
        }
        Ok(used)
    }

    /// The plan a run is pinned to; none when it is not kept.
    pub(crate) fn plan_of(&self, run: &RunId) -> Result<Option<Plan>, HomeError> {
        let entries = self.entries(run)?;
        let Some(Body::RunStarted(started)) = entries.first().map(|entry| &entry.body) else {
            return Ok(None);
        };
        Ok(self.value(run, &started.plan).and_then(|plan| serde_json::from_value(plan).ok()))
    }
}
