//! What a change of the policy means: which skills and flows gain or lose what, before it takes effect.

use super::{Policy, authority_words, limit_words};
use crate::flow::Meaning;
use crate::grant::{Authority, Grant};
use crate::id::{FlowName, Role, SkillName};
use crate::inference::Tier;
use crate::limits::WishedLimits;
use crate::manifest::{Ask, Manifest};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// What a flow uses of what a policy says, as it ran last and as it is approved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowUse {
    /// The skills its steps call.
    pub skills: BTreeSet<SkillName>,
    /// The roles whose people it lets decide.
    pub roles: BTreeSet<Role>,
}

impl FlowUse {
    /// Adds what a flow means.
    pub fn add(&mut self, meaning: &Meaning) {
        self.skills.extend(meaning.skills().into_iter().cloned());
        self.roles.extend(meaning.roles().into_iter().cloned());
    }
}

/// Something a skill or a flow gains or loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Moved {
    /// The skill or the flow.
    pub who: String,
    /// In which direction.
    pub direction: Direction,
    /// What.
    pub what: String,
    /// The flows that use the skill.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub flows: BTreeSet<FlowName>,
}

/// In which direction something moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is permitted.
    Gains,
    /// Less is permitted.
    Loses,
    /// Something else is permitted, neither more nor less.
    Changes,
}

/// Two policies and what they are about.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'o> {
    /// The policy so far.
    pub before: &'o Policy,
    /// The policy from now on.
    pub after: &'o Policy,
    /// The folder that directories are written from.
    pub folder: &'o Path,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.direction {
            Direction::Gains => "gains",
            Direction::Loses => "loses",
            Direction::Changes => "changes",
        };
        write!(f, "{} {word} {}", self.who, self.what)?;
        if !self.flows.is_empty() {
            let flows: Vec<&str> = self.flows.iter().map(FlowName::as_str).collect();
            write!(f, "; used by {}", flows.join(", "))?;
        }
        Ok(())
    }
}

impl Outcome<'_> {
    /// What moves for these skills, by the names they are told by, and flows, skills first, each in the order of its
    /// manifest; then who answers for a role, what flows may cost, who approves, and where secrets are read.
    #[must_use]
    pub fn moves(&self, skills: &[(String, &Manifest)], flows: &BTreeMap<FlowName, FlowUse>) -> Vec<Moved> {
        let of_skill = |(who, manifest): &(String, &Manifest)| {
            let users = flows.iter().filter(|(_, flow)| flow.skills.contains(&manifest.name));
            let users: BTreeSet<FlowName> = users.map(|(name, _)| name.clone()).collect();
            let moved = self.of_skill(manifest).into_iter();
            let moved = moved.map(move |(direction, what)| Moved {
                who: who.clone(),
                direction,
                what,
                flows: users.clone(),
            });
            moved.collect::<Vec<_>>()
        };
        let of_role = |(role, (direction, what)): (&Role, (Direction, String))| {
            let asking = flows.iter().filter(|(_, flow)| flow.roles.contains(role));
            let flows = asking.map(|(name, _)| name.clone()).collect();
            Moved { who: format!("role {role}"), direction, what, flows }
        };
        let of_house = |(who, (direction, what))| Moved { who, direction, what, flows: BTreeSet::new() };
        let approval = self.of_approval().into_iter().map(|moved| ("approving".to_owned(), moved));
        let budgets = self.of_budgets().into_iter().map(of_house);
        let erasing = self.of_keeping().map(|moved| ("erasing".to_owned(), moved));
        let keeping =
            erasing.into_iter().chain(self.of_contents().map(|moved| ("keeping".to_owned(), moved)));
        let house = budgets.chain(approval.chain(keeping).chain(self.of_secrets()).map(of_house));
        skills.iter().flat_map(of_skill).chain(self.of_roles().map(of_role)).chain(house).collect()
    }

    fn of_skill(&self, manifest: &Manifest) -> Vec<(Direction, String)> {
        let asks = manifest
            .asks
            .iter()
            .flat_map(|ask| self.of_ask(manifest, ask).into_iter().chain(self.of_marks(manifest, ask)));
        asks.chain(self.of_inert(manifest)).chain(self.of_limits(manifest)).collect()
    }

    fn of_ask(&self, manifest: &Manifest, ask: &Ask) -> Option<(Direction, String)> {
        let old = self.before.decide(manifest, ask).ok().and_then(|decided| decided.grant);
        let new = self.after.decide(manifest, ask);
        let denied = match &new {
            Ok(decided) => decided.withheld.as_ref().and_then(|withheld| withheld.rule.as_ref()),
            Err(refusal) => refusal.rule.as_ref(),
        };
        let because = denied.map(|rule| format!(", by rule {rule}")).unwrap_or_default();
        let new = new.ok().and_then(|decided| decided.grant);
        let thing = format!("{} `{}`", ask.kind, ask.name);
        match (old, new) {
            (None, None) => None,
            (None, Some(new)) => Some((Direction::Gains, format!("{thing} {}", self.told(self.after, &new)))),
            (Some(old), None) => {
                Some((Direction::Loses, format!("{thing} {}{because}", self.told(self.before, &old))))
            }
            (Some(old), Some(new)) => {
                let words = (self.told(self.before, &old), self.told(self.after, &new));
                let direction = direction(&old.authority, &new.authority);
                // How long a provider may take is part of the words, not of the authority.
                (words.0 != words.1)
                    .then(|| (direction, format!("{thing} {} (before: {})", words.1, words.0)))
            }
        }
    }

    fn told(&self, policy: &Policy, grant: &Grant) -> String {
        let words = authority_words(&grant.authority, self.folder);
        let beside = match &grant.authority {
            Authority::Inference(inference) => waiting(policy, inference.tier),
            _ => String::new(),
        };
        format!("{words}{beside} (rule {})", grant.rule)
    }

    fn of_inert(&self, manifest: &Manifest) -> Vec<(Direction, String)> {
        let [old, new] = [self.before, self.after].map(|it| BTreeSet::from_iter(it.inert(&manifest.name)));
        let empty = |direction, interface: &String| (direction, format!("an empty {interface}"));
        let gained = new.difference(&old).map(|interface| empty(Direction::Gains, interface));
        gained.chain(old.difference(&new).map(|interface| empty(Direction::Loses, interface))).collect()
    }

    fn of_limits(&self, manifest: &Manifest) -> Vec<(Direction, String)> {
        let none = WishedLimits::default();
        let [old, new] =
            [self.before, self.after].map(|policy| limit_words(&policy.limits(manifest, &none).limits));
        let differs =
            |((name, old, before), (_, new, after)): ((String, String, u64), (String, String, u64))| {
                let direction = if after > before { Direction::Gains } else { Direction::Loses };
                (before != after).then(|| (direction, format!("{name} {new} (before: {old})")))
            };
        old.into_iter().zip(new).filter_map(differs).collect()
    }
}

/// How long those who answer for a tier may take, which is no part of what is granted.
fn waiting(policy: &Policy, tier: Tier) -> String {
    let answering = policy.providers.iter().filter(|it| it.tier == tier);
    answering.map(|it| format!(", {} within {}", it.id, it.timeout)).collect()
}

fn direction(old: &Authority, new: &Authority) -> Direction {
    match (new.covers(old), old.covers(new)) {
        (true, false) => Direction::Gains,
        (false, true) => Direction::Loses,
        _ => Direction::Changes,
    }
}
