//! The ceiling of a step held against what its skills ask for and what policy grants them.

use super::{Allowed, CallWork, Checker, Used, authored};
use crate::capability::Access;
use crate::ceiling::Ceiling;
use crate::grant::{GrantSet, Refusal};
use crate::id::LogicalName;
use crate::manifest::{Ask, Wish};
use crate::seam::Skill;
use std::ops::Range;

impl Checker<'_, '_> {
    /// What the step's ceiling leaves of what policy grants.
    pub(super) fn allowed(
        &self,
        skill: &Skill,
        granted: GrantSet,
        allowed: Option<&Allowed>,
    ) -> Option<GrantSet> {
        let Some(allowed) = allowed else { return Some(granted) };
        match allowed.ceiling().narrow(&granted, &skill.manifest.asks) {
            Ok(left) => {
                let unmet = self.context.grants.unmet(skill, &left);
                self.refuse(&allowed.at, skill, &unmet);
                unmet.is_empty().then_some(left)
            }
            Err(missing) => {
                for ask in missing {
                    self.refuse(allowed.place_of(&ask.name), skill, &[above_ceiling(ask)]);
                }
                None
            }
        }
    }

    /// A ceiling names what the step's skills ask for, and says of reading and writing only where they are told apart.
    pub(super) fn check_allowed(&self, work: &CallWork) {
        let Some(allowed) = &work.grants else { return };
        let found = work.calls().map(|call| {
            let Used { name, version, .. } = &call.used.value;
            self.context.catalog.find(name, version.as_ref())
        });
        // A skill that is not there is told where it stands; what it would ask for is not known.
        let Some(skills) = found.collect::<Option<Vec<_>>>() else { return };
        let asks: Vec<&Ask> = skills.iter().flat_map(|skill| &skill.manifest.asks).collect();
        for (name, most) in &allowed.things {
            let mut named = asks.iter().filter(|ask| ask.name == name.value).peekable();
            if named.peek().is_none() {
                let message = format!("no skill of this step asks for `{}`", name.value);
                let known = asks.iter().map(|ask| ask.name.as_str());
                self.problems.tell_unknown(&name.at, message, name.value.as_str(), known);
            } else if let Some(ask) = named.find(|ask| most.value.is_some() && ask.wish == Wish::Use) {
                let message = format!("{} `{}` is not told apart by reading and writing", ask.kind, ask.name);
                self.problems.tell_with(&most.at, message, format!("write `{}: all`", ask.name));
            }
        }
    }
}

/// A thing the skill can't do without, and the step does not allow it.
fn above_ceiling(ask: &Ask) -> Refusal {
    let most = ask.wish.access().map_or("all", Access::word);
    Refusal {
        subject: format!("{} `{}`", ask.kind, ask.name),
        why: "it can't do without, and the step's `grants` does not allow it".into(),
        rule: None,
        asked_at: Some(format!("skill.toml:{}", ask.line)),
        advice: Some(format!("write `{}: {most}` into `grants`, or use another skill", ask.name)),
    }
}

impl Allowed {
    fn ceiling(&self) -> Ceiling {
        let things = self.things.iter().map(|(name, most)| (name.value.clone(), most.value));
        Ceiling { things: things.collect() }
    }

    /// Where it speaks of a thing; where it does not, its own key.
    fn place_of(&self, thing: &LogicalName) -> &Range<usize> {
        let named = self.things.iter().find(|(name, _)| name.value == *thing);
        named.map_or(&self.at, |(name, _)| &name.at)
    }
}

impl CallWork {
    /// The step's own call, its verdict's and its ladder's.
    fn calls(&self) -> impl Iterator<Item = &authored::Call> {
        let verdict = match &self.expect {
            Some(authored::Expectation::Verdict { call, .. }) => Some(call),
            _ => None,
        };
        let rungs = self.otherwise.iter().filter_map(|rung| match rung {
            authored::Rung::Use(call) => Some(call),
            _ => None,
        });
        std::iter::once(&self.call).chain(verdict).chain(rungs)
    }
}
