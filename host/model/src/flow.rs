//! Flows: the authored order of steps, and its check.
//!
//! [`read`] turns a YAML (or JSON) text into what its author wrote, every part with its place; [`check`] holds that
//! against the skills, the policy and the tariff and makes the [`crate::plan::Plan`] that will run. Both tell
//! everything that is wrong together. A flow that checks has no unknown name, no missing grant, no question nobody
//! can answer, and no value whose type is known not to fit.

mod asked;
mod authored;
mod cases;
mod check;
mod meaning;
mod movement;
mod page;
mod private;
mod read_by;
mod review;
mod scope;
mod taken;
mod under;
mod widening;

pub use asked::{Asked, Opens, OpensBy, written};
pub use authored::{Authored, TEXT_MAX, read};
pub use cases::{CASES_ENDING, FlowCase, read_flow_cases};
pub use check::{Context, Grants, Resolved, check};
pub use meaning::{
    CallMeaning, Clause, ExpectMeaning, Meaning, MeetingMeaning, QuestionMeaning, RungMeaning, StepMeaning,
    WorkMeaning,
};
pub use movement::{Marks, Meeting, Move, Trace, meetings, moves};
pub use private::Private;
pub use review::{FlowReview, ReviewedAgain, ReviewedCall, ReviewedQuestion, ReviewedReach, ReviewedStep};
pub use scope::shapes;
pub use taken::Taken;
pub use widening::{FlowChange, Spot, as_text, changes, waiting};

#[cfg(test)]
mod approving;
#[cfg(test)]
mod tests;
