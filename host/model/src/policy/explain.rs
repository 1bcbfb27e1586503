//! Why a use is granted or refused: the rule that decides, and where it stands.
//!
//! The answer is taken from the same decisions that make grants, so that it is what a run would meet.

use super::{Policy, Rule};
use crate::grant::Refusal;
use crate::id::RuleId;
use crate::manifest::{Ask, Manifest};
use crate::uses::{Beyond, Use};
use serde::Serialize;
use std::fmt;

/// What decides a use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// Whether the use is granted.
    pub granted: bool,
    /// What decides.
    pub because: Because,
    /// The rule that decides; none when there is none.
    pub rule: Option<RuleId>,
    /// Where it stands: `policy.toml:14`.
    pub at: Option<String>,
    /// What decides, in one clause.
    pub why: String,
    /// The rule to paste, where one is missing.
    pub advice: Option<String>,
}

/// What decides a use, from what is furthest from being granted to what is nearest. Of several asks that could be
/// meant, the last of these is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The skill's manifest does not ask for it.
    NotAsked,
    /// No rule is for the ask.
    NoRule,
    /// The rule permits less to be done.
    Access,
    /// The rule is bound to another place.
    Bind,
    /// The rule permits fewer or smaller ones.
    Limit,
    /// The operation says that it changes nothing.
    Effects,
    /// A rule denies it.
    Denied,
    /// The use alone would be granted, but something else the skill can't do without is refused, so it does not run.
    Unrunnable,
    /// The policy grants it, and the skill is not approved here, or not with all the policy grants it now.
    Unapproved,
    /// The policy grants it, and the flow's step allows less.
    Ceiling,
    /// A rule grants it.
    Granted,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.granted { "granted" } else { "refused" }, self.why)
    }
}

impl Explanation {
    /// What is refused although the policy's rules grant it.
    #[must_use]
    pub fn despite(because: Because, refusal: Refusal) -> Self {
        let Refusal { subject, why, rule, advice, .. } = refusal;
        Self { rule, advice, ..Self::refused(because, format!("{subject}: {why}")) }
    }

    fn refused(because: Because, why: String) -> Self {
        Self { granted: false, because, rule: None, at: None, why, advice: None }
    }
}

impl Policy {
    /// What decides a use by a skill, or by one operation of it.
    #[must_use]
    pub fn explain(&self, manifest: &Manifest, operation: Option<&str>, used: &Use) -> Explanation {
        let asks = manifest.asks.iter();
        let meant = asks.filter(|ask| ask.kind == used.kind() && used.may_mean(&ask.name));
        let each = meant.map(|ask| self.explain_ask(manifest, ask, operation, used));
        let not_asked =
            || Explanation::refused(Because::NotAsked, format!("{} does not ask for it", manifest.name));
        let nearest = each.max_by_key(|it| it.because).unwrap_or_else(not_asked);
        match self.resolve(manifest) {
            Err(refusals) if nearest.granted => {
                let first = refusals.first().map(ToString::to_string).unwrap_or_default();
                let rule = refusals.into_iter().find_map(|refusal| refusal.rule);
                let why = format!("{} does not run here: {first}", manifest.name);
                Explanation { rule, ..Explanation::refused(Because::Unrunnable, why) }
            }
            _ => nearest,
        }
    }

    fn explain_ask(
        &self,
        manifest: &Manifest,
        ask: &Ask,
        operation: Option<&str>,
        used: &Use,
    ) -> Explanation {
        if !ask.wish.includes(used) {
            let why = format!("{} asks for {} `{}` only to {}", manifest.name, ask.kind, ask.name, ask.wish);
            return Explanation::refused(Because::NotAsked, why);
        }
        let Some(rule) = self.rule_for(&manifest.name, ask) else {
            return self.explain_unnamed(manifest, ask);
        };
        match rule.authority.permits(used) {
            Err(beyond) => self.explain_beyond(rule, &beyond),
            Ok(()) => self.explain_met(manifest, ask, rule, operation, used),
        }
    }

    fn explain_unnamed(&self, manifest: &Manifest, ask: &Ask) -> Explanation {
        match self.denial_of_all(&manifest.name, ask) {
            Some(denial) => self.denied(&denial.id, denial.line),
            None => {
                let why = format!("no rule of {} permits it to {}", self.file, manifest.name);
                let advice = Some(self.rule_to_paste(manifest, ask));
                Explanation { advice, ..Explanation::refused(Because::NoRule, why) }
            }
        }
    }

    fn explain_beyond(&self, rule: &Rule, beyond: &Beyond) -> Explanation {
        let because = match beyond {
            Beyond::Access(_) => Because::Access,
            Beyond::Bind(_) | Beyond::Thing => Because::Bind,
            Beyond::Limit(_) => Because::Limit,
        };
        let why = format!("{} does not reach so far: {beyond}", self.named(&rule.id, rule.line));
        self.by(rule, Explanation::refused(because, why))
    }

    /// The rule permits the use: what the denials and the operation leave of it decides.
    fn explain_met(
        &self,
        manifest: &Manifest,
        ask: &Ask,
        rule: &Rule,
        operation: Option<&str>,
        used: &Use,
    ) -> Explanation {
        let met = rule.authority.wished(&ask.wish);
        let (left, denial) = match met {
            Some(met) => self.without_denied(&manifest.name, &ask.name, &met),
            None => (None, None),
        };
        let Some(left) = left.filter(|left| left.allows(used)) else {
            return match denial {
                Some(denial) => self.denied(&denial.id, denial.line),
                None => self.explain_beyond(rule, &Beyond::Thing),
            };
        };
        let changes = operation.is_none_or(|operation| manifest.claim(operation).effects.writes());
        let left = if changes { Some(left) } else { left.within(Some(crate::capability::Access::Read)) };
        if !left.is_some_and(|left| left.allows(used)) {
            let operation = operation.unwrap_or_default();
            let why = format!("the manifest says that {operation} changes nothing");
            return Explanation::refused(Because::Effects, why);
        }
        let why = format!("{} permits it", self.named(&rule.id, rule.line));
        let granted = Explanation { granted: true, ..Explanation::refused(Because::Granted, why) };
        self.by(rule, granted)
    }

    fn denied(&self, id: &RuleId, line: u32) -> Explanation {
        let why = format!("{} denies it", self.named(id, line));
        let at = Some(format!("{}:{line}", self.file));
        Explanation { rule: Some(id.clone()), at, ..Explanation::refused(Because::Denied, why) }
    }

    fn by(&self, rule: &Rule, explanation: Explanation) -> Explanation {
        let at = Some(format!("{}:{}", self.file, rule.line));
        Explanation { rule: Some(rule.id.clone()), at, ..explanation }
    }

    fn named(&self, id: &RuleId, line: u32) -> String {
        format!("rule `{id}` ({}:{line})", self.file)
    }
}
