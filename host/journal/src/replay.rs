//! What it showed when attempts of a run were done again from their record.

use kapell_model::crossing::Departure;
use kapell_model::id::{RunId, StepId};
use kapell_model::plan::SkillPin;
use serde::Serialize;

/// A run done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunReplayed {
    /// The run.
    pub run: RunId,
    /// The engine it ran on, where that is not the one it was done again with: another engine may count work otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Why none of it can be done again, where that is so.
    #[serde(rename = "not-replayable", skip_serializing_if = "Option::is_none")]
    pub not_replayable: Option<String>,
    /// Its attempts, in the order they began.
    pub attempts: Vec<Replayed>,
    /// What its entries say that does not follow from its plan, its tariff and the entries before, by their numbers: every
    /// decision was taken again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub astray: Vec<(u64, String)>,
    /// Why its decisions could not be taken again, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
}

/// An attempt done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The step.
    pub step: StepId,
    /// The attempt of the step.
    pub attempt: u32,
    /// What ran then.
    pub skill: SkillPin,
    /// What ran now, where that was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<SkillPin>,
    /// What it showed.
    pub verdict: Verdict,
}

/// What doing an attempt again showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It ended as it did then, asked for the same things in the same order, wrote the same and said the same.
    Same {
        /// Units of guest work then and now; other bytes may need more or less.
        fuel: (u64, u64),
    },
    /// It did not.
    Differs {
        /// The first crossing that is another one, if one is.
        #[serde(skip_serializing_if = "Option::is_none")]
        departure: Option<Box<Departure>>,
        /// What else is different, each as it was and as it is.
        differences: Vec<Difference>,
    },
    /// It can't be done again; why.
    NotReplayable(String),
}

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is.
    pub what: &'static str,
    /// As it was.
    pub recorded: String,
    /// As it is.
    pub again: String,
}

impl Verdict {
    /// Whether what was recorded was not found again.
    #[must_use]
    pub const fn differs(&self) -> bool {
        matches!(self, Verdict::Differs { .. })
    }
}

impl RunReplayed {
    /// How many attempts came out the same, differently, and not at all.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        self.attempts.iter().fold([0; 3], |[same, other, not], it| match it.verdict {
            Verdict::Same { .. } => [same + 1, other, not],
            Verdict::Differs { .. } => [same, other + 1, not],
            Verdict::NotReplayable(_) => [same, other, not + 1],
        })
    }
}
