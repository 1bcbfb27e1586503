//! Marks: what a reviewer must know of the data that goes through a flow, beyond its type.
//!
//! Three of them matter together. Private data, content that outsiders wrote, and a way out of the house are each
//! harmless alone; where they meet, the content can tell a skill to send the data away. Inputs of a flow are marked by
//! its author, what a capability brings in or takes out by its kind, unless the operator's rule says otherwise.

use crate::capability::Access;
use crate::grant::Authority;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// One mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Data that must not leave the house.
    Private,
    /// Content somebody outside wrote: it may try to be an instruction.
    Untrusted,
    /// What goes in here may leave the house.
    Outbound,
}

impl Mark {
    /// The marks data can have: a way out is no data.
    pub const OF_DATA: [Mark; 2] = [Mark::Private, Mark::Untrusted];

    /// Every mark.
    pub const ALL: [Mark; 3] = [Mark::Private, Mark::Untrusted, Mark::Outbound];

    /// The word in flows and policies.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Mark::Private => "private",
            Mark::Untrusted => "untrusted",
            Mark::Outbound => "outbound",
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Authority {
    /// The marks a rule about it can say: what nothing comes in by marks no data, what nothing goes out by is no way
    /// out. Empty for what neither brings anything in that somebody wrote nor takes anything out.
    #[must_use]
    pub fn possible_marks(&self) -> BTreeSet<Mark> {
        let by_access = |access: Access| {
            let read = Mark::OF_DATA.into_iter().filter(move |_| access.reads());
            read.chain(access.writes().then_some(Mark::Outbound)).collect()
        };
        match self {
            Authority::Files { access, .. } | Authority::Keyvalue { access, .. } => by_access(*access),
            Authority::Config { .. } => Mark::OF_DATA.into(),
            // Even a request that only reads takes its URL out.
            Authority::Http(_) | Authority::Inference(_) => Mark::ALL.into(),
            _ => BTreeSet::new(),
        }
    }

    /// The marks of its kind where no rule says otherwise: what is kept in the house is private, and stays in it; what
    /// a request brings in was written outside, and what it takes out is outside. A model adds nothing of its own to
    /// what it is given, and unless it is bound in the house it is outside too.
    #[must_use]
    pub fn usual_marks(&self) -> BTreeSet<Mark> {
        match self {
            Authority::Files { access, .. } | Authority::Keyvalue { access, .. } if access.reads() => {
                [Mark::Private].into()
            }
            Authority::Http(_) => [Mark::Untrusted, Mark::Outbound].into(),
            Authority::Inference(grant) if !grant.stays_in_house() => [Mark::Outbound].into(),
            _ => BTreeSet::new(),
        }
    }
}
