//! What skills were seen to use in the recorded runs of a home, and the rules that would suffice for it.

use crate::error::HomeError;
use crate::home::Home;
use crate::tallies::About;
use kapell_journal::entry::{AttemptStarted, Body, Entry};
use kapell_model::crossing::Crossing;
use kapell_model::digest::Digest;
use kapell_model::grant::GrantSet;
use kapell_model::id::SkillName;
use kapell_model::limits::WishedLimits;
use kapell_model::plan::{Plan, SkillPin};
use kapell_model::policy::Suggested;
use kapell_model::review::Observed;
use kapell_model::seam::Skill;
use kapell_report::usage::{Attempted, Tally, Usage};
use std::collections::{BTreeMap, BTreeSet};

impl Home {
    /// What a skill was seen to use in every recorded run; of one version of its bytes when they are named.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn usage(&self, name: &SkillName, component: Option<&Digest>) -> Result<Usage, HomeError> {
        let mut tally = Tally::default();
        for row in self.runs()? {
            let entries = self.entries(&row.run)?;
            let meant = |it: &AttemptStarted| {
                it.skill.name == *name && component.is_none_or(|component| it.skill.component == *component)
            };
            self.tally(&entries, meant, &mut tally);
        }
        Ok(tally.usage())
    }

    /// What every skill was seen to use in the runs that are meant.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub(crate) fn used_in(&self, about: &About) -> Result<BTreeMap<SkillName, Usage>, HomeError> {
        let mut tallies: BTreeMap<SkillName, Tally> = BTreeMap::new();
        for row in self.runs()?.iter().filter(|row| about.is(row)) {
            let entries = self.entries(&row.run)?;
            let called: BTreeSet<SkillName> = entries
                .iter()
                .filter_map(|entry| match &entry.body {
                    Body::AttemptStarted(it) => Some(it.skill.name.clone()),
                    _ => None,
                })
                .collect();
            for name in called {
                let meant = |it: &AttemptStarted| it.skill.name == name;
                self.tally(&entries, meant, tallies.entry(name.clone()).or_default());
            }
        }
        Ok(tallies.into_iter().map(|(name, tally)| (name, tally.usage())).collect())
    }

    /// What these very bytes were seen to use, for a review; none when nothing is recorded of them.
    pub(crate) fn observed(&self, pin: &SkillPin) -> Result<Option<Vec<Observed>>, HomeError> {
        let usage = self.usage(&pin.name, Some(&pin.component))?;
        if usage.attempts == 0 {
            return Ok(None);
        }
        let granted = usage.grants.into_iter().map(|used| Observed {
            subject: format!("{} `{}`", used.kind, used.name),
            used: used.uses,
            refused: used.refused,
            objects: used.objects.into_iter().collect(),
            last: used.last,
        });
        let strays = usage.strays.into_iter().map(|stray| Observed {
            subject: format!("{}, {}", stray.kind, stray.why()),
            used: 0,
            refused: stray.refused,
            objects: vec![stray.object],
            last: None,
        });
        Ok(Some(granted.chain(strays).collect()))
    }

    /// The narrowest rules for what a skill was seen to use, grant by grant as it is granted now.
    ///
    /// # Errors
    /// As [`Home::usage`]; `Refused` when it is not granted what it can't do without.
    pub fn suggest(&self, skill: &Skill) -> Result<(Usage, Vec<Suggested>), HomeError> {
        let usage = self.usage(&skill.pin.name, None)?;
        let granted = self.grants(skill, None, &WishedLimits::default());
        let (grants, _) =
            granted.map_err(|refusals| HomeError::refused(skill.pin.name.as_str(), refusals))?;
        let suggested = grants.grants.iter().map(|grant| {
            let kind = grant.authority.kind();
            let used = usage.grants.iter().find(|used| (used.kind, &used.name) == (kind, &grant.name));
            let needs = used.filter(|used| used.uses > 0).map(|used| &used.needs);
            let rule = self.policy.rules.iter().find(|rule| rule.id == grant.rule);
            let mut asks = skill.manifest.asks.iter();
            let ask = asks.find(|ask| (ask.kind, &ask.name) == (kind, &grant.name));
            Suggested::of(grant, needs, rule.and_then(|rule| rule.marks.clone())).beside(ask)
        });
        let suggested = suggested.collect();
        Ok((usage, suggested))
    }

    fn tally(&self, entries: &[Entry], meant: impl Fn(&AttemptStarted) -> bool, tally: &mut Tally) {
        let mut grants: Option<BTreeMap<Digest, GrantSet>> = None;
        let mut open: BTreeSet<(&str, u32)> = BTreeSet::new();
        for entry in entries {
            match &entry.body {
                Body::AttemptStarted(it) if meant(it) => {
                    open.insert((it.step.as_str(), it.attempt));
                }
                Body::AttemptEnded(it) if open.remove(&(it.step.as_str(), it.attempt)) => {
                    let grants = grants.get_or_insert_with(|| self.granted_in(entries));
                    let Some(grants) = grants.get(&it.receipt.grant) else { continue };
                    let crossings = it.crossings.as_ref().and_then(|named| self.value(&entry.run, named));
                    let crossings = crossings.and_then(|it| serde_json::from_value::<Vec<Crossing>>(it).ok());
                    let crossings = crossings.unwrap_or_default();
                    tally.add(&Attempted { at: entry.at, grants, ended: it, crossings: &crossings });
                }
                _ => {}
            }
        }
    }

    /// The grants of a run's plan by the digest its attempts name.
    fn granted_in(&self, entries: &[Entry]) -> BTreeMap<Digest, GrantSet> {
        let plan = entries.iter().find_map(|entry| match &entry.body {
            Body::RunStarted(it) => self.value(&entry.run, &it.plan),
            _ => None,
        });
        let plan = plan.and_then(|plan| serde_json::from_value::<Plan>(plan).ok());
        let calls = plan.iter().flat_map(Plan::calls);
        calls.map(|(_, call)| (call.grants.digest(), call.grants.clone())).collect()
    }
}
