//! The document a board asks for of a flow: who is accountable, how each step decides, what it may touch, what it did in
//! a period, what happens when it fails, who approved it.
//!
//! It is made from flow, policy, approvals and journal alone, and the same of them make the same document but for its date.
//! What the catalog says beside them is said to be its word. What they do
//! not say is said to be unknown.

mod chapters;
mod decides;
mod markdown;
mod page;
mod period;

pub use decides::SkillTold;
pub use markdown::text;
pub use page::html;
pub use period::{Counting, Period};

use crate::explain::{failing, pinned, told_at};
use crate::plain::line;
use crate::usage::Usage;
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, SkillName, StepId};
use kapell_model::lock::Lock;
use kapell_model::plan::{Outcome, Plan};
use kapell_model::policy::Policy;
use kapell_model::quantity::Timestamp;
use kapell_model::review::Standing;
use kapell_model::seam::Skill;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What a dossier is made from.
pub struct Sources<'a> {
    /// The flow as it would run, or as its newest run is pinned.
    pub plan: &'a Plan,
    /// Where the plan is from, in words.
    pub from: String,
    /// The journal it tells from, in words: how much of it there is, and what of it is signed.
    pub journal: String,
    /// When it is made.
    pub made: Timestamp,
    /// The name of what the flow does and asks, which an approval binds.
    pub meaning: Digest,
    /// Whether the flow is approved.
    pub standing: &'a Standing,
    /// The policy in force.
    pub policy: &'a Policy,
    /// What is approved here.
    pub lock: &'a Lock,
    /// The skills the plan calls, as far as they are still installed, by their bytes.
    pub skills: &'a BTreeMap<Digest, KnownSkill>,
    /// What was seen to be used, by skill.
    pub used: &'a BTreeMap<SkillName, Usage>,
    /// The folder that directories are told from.
    pub folder: &'a Path,
}

/// An installed skill with what happened to it.
#[derive(Clone, Debug)]
pub struct KnownSkill {
    /// The skill.
    pub skill: Arc<Skill>,
    /// Whether it is approved.
    pub standing: Standing,
    /// What happened to these bytes, as the catalog says.
    pub history: Vec<Happened>,
}

/// Something that happened to a skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// When.
    #[serde(serialize_with = "told_at")]
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// What, in a word.
    pub what: String,
    /// Why, in their words or the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The document as data.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dossier {
    /// The form of this object; `kapell.dossier/1`.
    pub schema: &'static str,
    /// The flow.
    pub flow: FlowName,
    /// Its version, in its owner's counting.
    pub version: String,
    /// Where what is said of it is read from.
    pub from: String,
    /// The journal it tells from, and what of it is signed.
    pub journal: String,
    /// When it was made.
    #[serde(serialize_with = "told_at")]
    pub made: Timestamp,
    /// What it is for.
    pub purpose: Option<String>,
    /// The business result, as its owner declares it.
    pub outcome: Option<Outcome>,
    /// Who is accountable for the flow.
    pub owner: Option<String>,
    /// Where people read on when a run stops as escalated.
    pub runbook: Option<String>,
    /// The name of what it does and asks.
    pub meaning: Digest,
    /// What holds for every step.
    pub rules: Vec<String>,
    /// Who answers for what.
    pub accountable: Vec<Accountable>,
    /// The steps in order.
    pub steps: Vec<StepTold>,
    /// The skills it calls.
    pub skills: Vec<SkillTold>,
    /// What it did.
    pub period: Period,
    /// What happens when a run as a whole goes wrong.
    pub failing: Vec<String>,
    /// Approvals, of the flow first.
    pub approvals: Vec<Approved>,
    /// What can't be told.
    pub unknown: Vec<String>,
}

/// Who answers for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Accountable {
    /// For what.
    pub what: String,
    /// Who; none when nobody is named.
    pub who: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepTold {
    /// Its id.
    pub id: StepId,
    /// What it does, line by line.
    pub does: Vec<String>,
    /// What happens when it goes wrong.
    pub failing: Vec<String>,
}

/// Whether and how something is approved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Approved {
    /// The flow, or a skill with its version.
    pub what: String,
    /// The digest that is approved: of the flow's meaning, of the skill's bytes.
    pub digest: Digest,
    /// Whether it is.
    pub standing: Standing,
    /// What happened to it, by the lock.
    pub history: Vec<Happened>,
    /// What the catalog says that happened to it: nobody signs that, and nothing is held against it.
    #[serde(rename = "catalog-says", skip_serializing_if = "Vec::is_empty")]
    pub catalog: Vec<Happened>,
}

impl Dossier {
    /// The dossier of a flow and what it did in a period.
    #[must_use]
    pub fn of(sources: &Sources<'_>, period: Period) -> Self {
        let plan = sources.plan;
        let steps = plan.steps.iter().map(|step| StepTold {
            id: step.id.clone(),
            does: pinned::step(plan, step, None),
            failing: failing::of_step(plan, step),
        });
        let skills = decides::skills(sources);
        Self {
            schema: "kapell.dossier/1",
            flow: plan.flow.clone(),
            version: plan.version.clone(),
            from: sources.from.clone(),
            journal: sources.journal.clone(),
            made: sources.made,
            purpose: plan.purpose.clone(),
            outcome: plan.outcome.clone(),
            owner: plan.owner.clone(),
            runbook: plan.runbook.clone(),
            meaning: sources.meaning,
            rules: pinned::rules(plan),
            accountable: accountable(sources),
            steps: steps.collect(),
            unknown: unknown(sources, &skills, &period),
            skills,
            period,
            failing: failing::of_run(plan),
            approvals: approvals(sources),
        }
    }
}

/// The flow's owner, the skills', the people of each role that is asked, and those who approve.
fn accountable(sources: &Sources<'_>) -> Vec<Accountable> {
    let plan = sources.plan;
    let flow = Accountable { what: "the flow".into(), who: plan.owner.as_deref().map(line) };
    let owners: BTreeMap<&SkillName, Option<&String>> =
        plan.calls().map(|(_, call)| (&call.skill.name, call.owner.as_ref())).collect();
    let owners = owners.into_iter().map(|(skill, owner)| Accountable {
        what: format!("the skill {skill}"),
        who: owner.map(|it| line(it)),
    });
    let roles = plan
        .roles
        .iter()
        .map(|(role, people)| Accountable { what: format!("answers as {role}"), who: pinned::named(people) });
    let approving = sources.policy.approving_role(sources.lock.locked).map(|role| Accountable {
        what: format!("approvals, as {role}"),
        who: sources.policy.roles.get(&role).and_then(|people| pinned::named(people)),
    });
    std::iter::once(flow).chain(owners).chain(roles).chain(approving).collect()
}

fn approvals(sources: &Sources<'_>) -> Vec<Approved> {
    let plan = sources.plan;
    let asked = sources.lock.asked.iter().filter(|it| it.name == plan.flow);
    let asked =
        asked.map(|it| Happened { at: it.at, by: it.by.clone(), what: "asked for".into(), why: None });
    let revoked = sources.lock.revoked_flows.iter().filter(|it| it.name == plan.flow);
    let revoked = revoked.map(|it| Happened {
        at: it.at,
        by: it.by.clone(),
        what: "taken back".into(),
        why: it.reason.clone(),
    });
    let flow = Approved {
        what: format!("flow {} {}", plan.flow, line(&plan.version)),
        digest: sources.meaning,
        standing: sources.standing.clone(),
        history: asked.chain(revoked).collect(),
        catalog: Vec::new(),
    };
    let pins: BTreeMap<(&SkillName, &Digest), String> = plan
        .calls()
        .map(|(_, call)| ((&call.skill.name, &call.skill.component), call.skill.version.to_string()))
        .collect();
    let skills = pins.into_iter().filter_map(|((name, component), version)| {
        let known = sources.skills.get(component)?;
        let (standing, catalog) = (known.standing.clone(), known.history.clone());
        let (what, history) = (format!("{name} {version}"), Vec::new());
        Some(Approved { what, digest: *component, standing, history, catalog })
    });
    std::iter::once(flow).chain(skills).collect()
}

/// What a reader may miss, said before they look for it.
fn unknown(sources: &Sources<'_>, skills: &[SkillTold], period: &Period) -> Vec<String> {
    let plan = sources.plan;
    let mut unknown = Vec::new();
    let mut add = |missing: bool, words: &str| unknown.extend(missing.then(|| words.to_owned()));
    add(plan.owner.is_none(), "who is accountable for the flow: it names no owner");
    add(plan.purpose.is_none(), "what the flow is for: it declares no purpose");
    add(plan.outcome.is_none(), "what an outcome is worth: none is declared");
    add(plan.runbook.is_none(), "what people do when a run stops as escalated: no runbook is named");
    add(
        plan.policy != sources.policy.digest,
        "whether it may still reach what is said here: the policy is another one by now",
    );
    add(period.example_prices, "what it really cost: the tariff's prices are examples");
    add(period.estimated, "how long people took who did not say so: their time is priced by the tariff");
    add(
        matches!(sources.standing, Standing::Development),
        "who asked for the flow and let it in: this home is for development, where nobody has to",
    );
    add(
        matches!(sources.standing, Standing::Approved { .. }),
        "who asked for the flow before it was approved: the lock keeps who approved it",
    );
    let unowned: BTreeSet<String> = pinned::unowned(plan).collect();
    for skill in unowned {
        unknown.push(format!("who is accountable for {skill}: its manifest names no owner"));
    }
    for skill in skills.iter().filter(|it| !it.installed) {
        unknown.push(format!(
            "what {} {} is and why it asks: it is not installed here any more",
            skill.name, skill.version
        ));
    }
    unknown
}
