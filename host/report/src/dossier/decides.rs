//! How a skill comes to its answers: by rules, by a model in its own bytes, by a model it asks, and what else its answer
//! hangs on. Read off what it is granted and the lane its manifest names.

use super::{KnownSkill, Sources};
use crate::explain::pinned;
use crate::plain::{line, number};
use crate::usage::Usage;
use kapell_model::capability::Kind;
use kapell_model::digest::Digest;
use kapell_model::grant::{Authority, Grant, GrantSet};
use kapell_model::id::{SkillName, StepId};
use kapell_model::lock::grant_lines;
use kapell_model::plan::{Call, Lane};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One skill.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SkillTold {
    /// Its name.
    pub name: SkillName,
    /// Its version.
    pub version: String,
    /// Its bytes.
    pub component: Digest,
    /// What it does, by its manifest; none when it is not installed any more.
    pub summary: Option<String>,
    /// Whether its manifest is still here.
    pub installed: bool,
    /// Who is accountable.
    pub owner: Option<String>,
    /// The steps that call it.
    pub steps: Vec<StepId>,
    /// The operations they call, each with its lane, its effects and its docs.
    pub operations: Vec<String>,
    /// How it comes to its answers.
    pub decides: Vec<String>,
    /// What it may reach, each with why.
    pub reach: Vec<Reach>,
    /// What one try may use.
    pub limits: Vec<String>,
}

/// Something a skill may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The grant as a canonical line, which names its rule.
    pub grant: String,
    /// Why the skill asks for it, in its author's words.
    pub reason: Option<String>,
    /// How it was used in the time told of.
    pub used: String,
}

/// The skills of a plan, by name and bytes.
pub(super) fn skills(sources: &Sources<'_>) -> Vec<SkillTold> {
    let mut calls: BTreeMap<(&SkillName, &Digest), Vec<(&StepId, &Call)>> = BTreeMap::new();
    for (step, call) in sources.plan.calls() {
        calls.entry((&call.skill.name, &call.skill.component)).or_default().push((step, call));
    }
    calls.into_values().filter_map(|calls| told(sources, &calls)).collect()
}

fn told(sources: &Sources<'_>, calls: &[(&StepId, &Call)]) -> Option<SkillTold> {
    let (_, first) = calls.first()?;
    let known = sources.skills.get(&first.skill.component);
    let mut steps: Vec<StepId> = calls.iter().map(|(step, _)| (*step).clone()).collect();
    steps.dedup();
    let used = sources.used.get(&first.skill.name);
    let each = |of: fn(&Call) -> String| calls.iter().map(|(_, call)| of(call)).collect::<BTreeSet<_>>();
    Some(SkillTold {
        name: first.skill.name.clone(),
        version: first.skill.version.to_string(),
        component: first.skill.component,
        summary: known.map(|it| line(&it.skill.manifest.summary)),
        installed: known.is_some(),
        owner: first.owner.as_deref().map(line),
        steps,
        operations: each(operation).into_iter().collect(),
        decides: calls
            .iter()
            .flat_map(|(_, call)| decides(call))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        reach: reach(calls, known, used, sources.folder),
        limits: each(|call| pinned::limits(&call.limits.limits)).into_iter().collect(),
    })
}

fn operation(call: &Call) -> String {
    let (lane, effects) = (call.lane.word(), call.effects.word());
    let docs = call.operation.docs.as_ref().map(|docs| docs.split_whitespace().collect::<Vec<_>>().join(" "));
    let docs = docs.map(|docs| format!(": {}", line(&docs))).unwrap_or_default();
    format!("{} ({lane}, effects {effects}){docs}", call.operation.name)
}

/// How it comes to an answer, one sentence each.
fn decides(call: &Call) -> Vec<String> {
    let has = |kind: Kind| call.grants.of_kind(kind).next().is_some();
    let mut told = vec![match (call.lane, has(Kind::Inference)) {
        (_, true) => "It asks a language model: the answer may be another one the next time. Every exchange is recorded.",
        (Lane::Intelligence, false) => "It is statistical, with the model in its own bytes: the same input gives the same answer.",
        (_, false) => "It is deterministic: the same bytes on the same input give the same answer.",
    }
    .to_owned()];
    let reads = call.grants.grants.iter().any(|grant| match &grant.authority {
        Authority::Files { access, .. } | Authority::Keyvalue { access, .. } => access.reads(),
        _ => false,
    });
    let more = [
        (reads, "Its answer also hangs on what it reads in files or keys, which is recorded."),
        (has(Kind::Http), "Its answer also hangs on what servers answer, which is recorded."),
        (has(Kind::Clock), "It reads the time, which is recorded."),
        (has(Kind::Random), "It draws real random bytes, which are recorded."),
    ];
    told.extend(more.into_iter().filter(|(is, _)| *is).map(|(_, words)| words.to_owned()));
    told
}

fn reach(
    calls: &[(&StepId, &Call)],
    known: Option<&KnownSkill>,
    used: Option<&Usage>,
    folder: &Path,
) -> Vec<Reach> {
    let mut all: BTreeMap<String, Reach> = BTreeMap::new();
    for grant in calls.iter().flat_map(|(_, call)| &call.grants.grants) {
        let grant_line = grant_lines(&GrantSet::of(vec![grant.clone()]), folder).concat();
        let kind = grant.authority.kind();
        let asks = known.map(|it| it.skill.manifest.asks.as_slice()).unwrap_or_default();
        let ask = asks.iter().find(|ask| ask.kind == kind && ask.name == grant.name);
        let reason = ask.map(|ask| line(&ask.reason));
        all.insert(grant_line.clone(), Reach { grant: line(&grant_line), reason, used: use_of(grant, used) });
    }
    all.into_values().collect()
}

fn use_of(grant: &Grant, used: Option<&Usage>) -> String {
    let seen = used.into_iter().flat_map(|used| &used.grants);
    let seen = seen.filter(|it| it.kind == grant.authority.kind() && it.name == grant.name);
    let (tries, uses, refused) = seen.fold((0, 0, 0), |(tries, uses, refused), it| {
        (tries + it.attempts, uses + it.uses, refused + it.refused)
    });
    let tried = if tries == 1 { "1 try".into() } else { format!("{} tries", number(tries)) };
    match (uses, refused) {
        (0, 0) => "not used in the time told of".into(),
        (uses, 0) => format!("used {} by {tried}", times(uses)),
        (uses, refused) => format!("used {} by {tried}, refused {}", times(uses), times(refused)),
    }
}

pub(super) fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{} times", number(count)) }
}
