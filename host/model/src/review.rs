//! A review: everything a person must see of a skill before they let it in, as data.
//!
//! It is a pure function of the skill's bytes, the policy and the version it is compared with, so the same review can
//! be made again: [`Review::digest`] names exactly what was shown, and an approval is bound to it. What a skill was
//! seen to use and whether it is approved stand beside it and change without it changing.

use crate::capability::Kind;
use crate::digest::Digest;
use crate::grant::Refusal;
use crate::limits::EffectiveLimits;
use crate::lock::Approval;
use crate::manifest::{Ask, OperationClaim};
use crate::plan::SkillPin;
use crate::quantity::Timestamp;
use crate::shape::Operation;
use serde::Serialize;

mod difference;
#[cfg(test)]
mod tests;
mod version;

pub use difference::{Change, Compared, Difference, How, Part};
pub use version::{Bump, VersionVerdict};

/// Everything shown of one version of a skill.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Review {
    /// The form of this object; `kapell.review/1`.
    pub schema: &'static str,
    /// Name, version and the bytes.
    pub skill: SkillPin,
    /// What it says it does.
    pub summary: String,
    /// Who is accountable, as it says.
    pub owner: Option<String>,
    /// Length of its bytes.
    pub bytes: u64,
    /// Whether the bytes carry a manifest; without one it asks for nothing.
    pub has_manifest: bool,
    /// Its operations, sorted by name.
    pub operations: Vec<ReviewedOperation>,
    /// Digest of their names and types.
    pub shape: Digest,
    /// What it asks for, in the order of its manifest, and what the policy says to each.
    pub asks: Vec<ReviewedAsk>,
    /// What its bytes import, sorted, and how each is met.
    pub imports: Vec<ReviewedImport>,
    /// Everything it may reach here, in canonical lines.
    pub grants: Vec<String>,
    /// What one attempt may spend here, and who says so.
    pub limits: EffectiveLimits,
    /// What changed since another version; none when there is none to compare with.
    pub difference: Option<Difference>,
    /// What it was seen to use in recorded runs; none when nothing was recorded of these bytes.
    pub observed: Option<Vec<Observed>>,
    /// Whether it is approved.
    pub standing: Standing,
}

/// One operation and what the manifest says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReviewedOperation {
    /// Name, types and docs, from the bytes.
    #[serde(flatten)]
    pub operation: Operation,
    /// Lane and effects, as the manifest claims.
    pub claim: OperationClaim,
}

/// One ask and what the policy says to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedAsk {
    /// What is asked for, and why.
    #[serde(flatten)]
    pub ask: Ask,
    /// Granted, inert when it is optional and left out, or refused.
    pub class: Class,
    /// The rule that permits it.
    pub rule: Option<String>,
    /// The rule that takes it away, or a part of it.
    pub withheld_by: Option<String>,
    /// The refusal with the rule to paste.
    pub refusal: Option<Refusal>,
    /// Whether no import of the bytes could use it: it asks for more than it can use.
    pub unused: bool,
}

/// How something a skill wants is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// By the real thing, metered and recorded.
    Granted,
    /// By an empty form that reaches nothing.
    Inert,
    /// Not at all: the skill is not loaded, or the call is answered with a refusal.
    Refused,
}

impl Class {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Class::Granted => "granted",
            Class::Inert => "inert",
            Class::Refused => "refused",
        }
    }
}

/// One imported interface, function by function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedImport {
    /// The interface as in the bytes, or the function when the world itself imports it.
    pub interface: String,
    /// How it is met as a whole.
    pub class: Class,
    /// Why it is met so, in one clause.
    pub why: String,
    /// The kind of authority that would lend it; none when no grant can.
    pub lent_by: Option<Kind>,
    /// The functions of it that the bytes import, sorted; none of a function the world itself imports.
    pub functions: Vec<ReviewedFunction>,
}

/// One imported function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedFunction {
    /// Its name as in WIT, with the resource before the point.
    pub name: String,
    /// How calls of it are met.
    pub class: Class,
    /// What a call is answered with, where that is not the real thing.
    pub answer: Option<String>,
}

/// What one grant was used for in recorded runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Observed {
    /// The kind and the skill's word, or an interface that is inert.
    pub subject: String,
    /// How often it was used.
    pub used: u64,
    /// How often a use was refused.
    pub refused: u64,
    /// The objects it was used on, as many as are worth reading.
    pub objects: Vec<String>,
    /// When it was used last.
    pub last: Option<Timestamp>,
}

/// Whether a version of a skill, or a flow, is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Standing {
    /// It may run by this approval.
    Approved {
        /// Who, when, until when, and what they were shown.
        #[serde(flatten)]
        approval: Approval,
    },
    /// It is not approved, or its approval is not good any more.
    Unapproved {
        /// Why.
        why: String,
    },
    /// Nobody approved it and nobody has to: the home is for development.
    Development,
}

/// What stands beside the review and is not part of what is approved.
const BESIDE: [&str; 2] = ["observed", "standing"];

impl Review {
    /// The name of exactly what was shown: of the canonical (sorted-key) JSON without what stands beside it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let shown = serde_json::to_value(self).map(|mut value| {
            if let Some(fields) = value.as_object_mut() {
                BESIDE.iter().for_each(|name| drop(fields.remove(*name)));
            }
            value.to_string()
        });
        Digest::of(shown.unwrap_or_default().as_bytes())
    }

    /// What the host refuses: while there is anything, the skill can't run and can't be approved.
    pub fn refusals(&self) -> impl Iterator<Item = String> {
        let asks = self.asks.iter().filter_map(|ask| ask.refusal.as_ref().map(ToString::to_string));
        let refused = self.imports.iter().filter(|import| import.class == Class::Refused);
        asks.chain(refused.map(|import| format!("{}: {}", import.interface, import.why)))
    }

    /// Whether it asks for nothing and is given nothing.
    #[must_use]
    pub fn asks_for_nothing(&self) -> bool {
        self.asks.is_empty() && self.imports.iter().all(|import| import.class == Class::Inert)
    }
}
