//! Dossiers: flow, policy, approvals and journal put together for the document a board asks for.

use crate::call::ONE_CALL;
use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::tallies::About;
use kapell_journal::seam::Journals as _;
use kapell_model::digest::Digest;
use kapell_model::flow::Meaning;
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::plan::{Call, Plan};
use kapell_model::quantity::Timestamp;
use kapell_report::dossier::{Dossier, Happened, KnownSkill, Period, Sources};
use kapell_store::{SkillEvent, Skills as _, What};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

impl Home {
    /// The dossier of a flow: a flow file as it would run now, or the name of one that ran here, as its newest run is
    /// pinned; with what it did, or did from `since` on.
    ///
    /// # Errors
    /// `NotFound` for what is neither a file nor the name of a flow that ran; as [`Home::check_flow`] for a file; when
    /// journal or lock can't be read.
    pub fn dossier(&self, said: &str, since: Option<Timestamp>) -> Result<Dossier, HomeError> {
        let (plan, from) = self.plan_said(said)?;
        let about = About { flow: Some(plan.flow.clone()), since, ..About::default() };
        let used = self.used_in(&about)?;
        let mut counting = Period::since(since);
        self.tallies(&about, |tally, tariff| {
            counting.add(&tally, tariff).map_err(|cause| {
                HomeError::new(Kind::Argument, cause.to_string()).hint("tell of a shorter time with --since")
            })
        })?;
        let lock = self.lock()?;
        let meaning = Meaning::of(&plan, &|grant| self.marks(grant), &self.place.root);
        let sources = Sources {
            plan: &plan,
            from,
            journal: self.journal_told()?,
            made: self.clock.now(),
            meaning: meaning.digest(),
            standing: &self.flow_standing(&lock, &plan.flow, &meaning),
            policy: &self.policy,
            lock: &lock,
            skills: &self.known_skills(&plan)?,
            used: &used,
            folder: &self.place.root,
        };
        Ok(Dossier::of(&sources, counting.finish(&used)))
    }

    /// How much of a journal there is and what of it is signed, in words.
    fn journal_told(&self) -> Result<String, HomeError> {
        let head = self.store.tree_head()?;
        let signed = match self.store.checkpoint(i64::MAX as u64)? {
            Some(noted) => format!("its last signed head is over {}", noted.size),
            None => "no head of it is signed".into(),
        };
        Ok(format!(
            "a journal of {} entries (root {}; {signed}), which was read and not held against that: `kapell verify` does",
            head.size,
            head.root.short()
        ))
    }

    /// The plan a person means by a file or a name, and where it is from.
    fn plan_said(&self, said: &str) -> Result<(Plan, String), HomeError> {
        let file = Path::new(said);
        if file.is_file() {
            let flow = self.check_flow(file)?;
            return Ok((flow.plan, format!("{}, as it would run now", flow.file)));
        }
        let rows = self.store.newest_runs()?;
        let ran = rows.iter().filter(|row| row.flow.as_str() != ONE_CALL);
        let Some(row) = ran.clone().find(|row| row.flow.as_str() == said) else {
            let error = HomeError::not_found("flow", said, ran.map(|row| row.flow.as_str()));
            let hint = match (said == ONE_CALL, error.hint.clone()) {
                (true, _) => "a call is one step without a flow: `explain last` tells of one".into(),
                (false, Some(nearest)) => nearest,
                (false, None) => "name a flow file, or a flow that ran here".into(),
            };
            return Err(error.hint(hint));
        };
        let missing = || HomeError::new(Kind::Integrity, format!("the plan of {} is not kept", row.run));
        let mut plan = self.plan_of(&row.run)?.ok_or_else(missing)?;
        unpin(&mut plan);
        Ok((plan, format!("the plan of {}, its newest run", row.run)))
    }

    /// The skills a plan calls that are still installed, by their bytes.
    fn known_skills(&self, plan: &Plan) -> Result<BTreeMap<Digest, KnownSkill>, HomeError> {
        let called =
            |component: &Digest| plan.calls().any(|(_, call): (_, &Call)| call.skill.component == *component);
        let mut known = BTreeMap::new();
        for installed in self.store.installed()?.iter().filter(|it| called(&it.skill.pin.component)) {
            let pin = &installed.skill.pin;
            let events = self.store.events(&pin.name)?;
            let history = events.iter().filter(|it| it.pin == *pin && it.what != What::Refused).map(happened);
            let standing = self.skill_standing(&installed.skill)?;
            let skill = Arc::clone(&installed.skill);
            known.insert(pin.component, KnownSkill { skill, standing, history: history.collect() });
        }
        Ok(known)
    }
}

/// Takes out of a plan what is only known when a run begins: what a flow is known by is the same before and after.
fn unpin(plan: &mut Plan) {
    let unpinned = |grants: &GrantSet| {
        let mut grants = grants.clone();
        for grant in &mut grants.grants {
            if let Authority::Files { identity, .. } = &mut grant.authority {
                *identity = None;
            }
        }
        Ok::<_, Infallible>(grants)
    };
    let Ok(()) = plan.pin_grants(unpinned);
}

fn happened(event: &SkillEvent) -> Happened {
    let what = match event.what {
        What::Added => "added",
        What::InUse => "put in use",
        What::Pending => "left to be approved",
        What::Approved => "approved",
        What::Revoked => "taken back",
        What::Refused => "refused",
    };
    Happened { at: event.at, by: event.by.clone(), what: what.into(), why: event.why.clone() }
}
