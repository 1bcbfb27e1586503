//! Grants: what a skill asked for, met by policy, bound to a real thing. And refusals: what was not.

use crate::capability::{Access, Kind};
use crate::digest::Digest;
use crate::http::HttpGrant;
use crate::id::{LogicalName, RuleId};
use crate::inference::InferenceGrant;
use crate::quantity::{Bytes, Span, exact};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything one step's skill may reach, in the order its manifest asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantSet {
    /// The grants; empty for a skill that is granted nothing.
    pub grants: Vec<Grant>,
    /// Interfaces answered by an empty form because policy says so, such as `wasi:sockets`, beside the short
    /// list that is always inert.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inert: Vec<String>,
    /// What the skill asks for, can do without and is not given, in the order its manifest asks for it. It permits
    /// nothing: it stands here so that every decision about the skill is recorded, and every refusal names its rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
}

/// Something a skill asks for and can do without, of which policy withholds all or a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// The kind of authority.
    pub kind: Kind,
    /// The skill's own word for it.
    pub name: LogicalName,
    /// The rule that decides so: a denial, or a rule that permits something else; none when no rule is for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// What there would have been without a denial; none where there would have been nothing either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Authority>,
}

impl Withheld {
    /// Whether a call that was refused would have used what is withheld, by the words that crossings record: the
    /// call (the method of a request) and its object (a URL, or a path or key behind the skill's own word).
    #[must_use]
    pub fn is_about(&self, kind: Kind, call: &str, object: &str) -> bool {
        let below = || object.strip_prefix(self.name.as_str());
        self.kind == kind
            && match (&self.taken, kind) {
                (Some(Authority::Http(grant)), _) => grant.would_send(call, object),
                // Where it would have led is not known: it stands for every request.
                (_, Kind::Http) => true,
                _ => below().is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            }
    }
}

impl GrantSet {
    /// These grants and nothing else.
    #[must_use]
    pub fn of(grants: Vec<Grant>) -> Self {
        Self { grants, ..Self::default() }
    }

    /// The digest that receipts and entries name: of the canonical (sorted-key) JSON of this set.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // serde_json's map is sorted by key and grants hold no floats, so this text is canonical as it stands.
        let text = serde_json::to_value(self).map(|value| value.to_string()).unwrap_or_default();
        Digest::of(text.as_bytes())
    }

    /// The grants of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| grant.authority.kind() == kind)
    }
}

/// One thing a skill may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The skill's own word for it.
    pub name: LogicalName,
    /// The policy rule that permits it.
    pub rule: RuleId,
    /// What exactly is permitted.
    pub authority: Authority,
}

/// What a grant permits, one case a kind. Every number is enforced by the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Authority {
    /// A directory, preopened for the guest under the grant's name (`/out`).
    Files {
        /// Absolute path of the directory on the host; made by the operator or by the home, never by the guest.
        root: String,
        /// Which directory stood there when the grant was pinned: another one is not lent. None in what policy
        /// says, which names a path and has not looked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<RootIdentity>,
        /// What may be done in it.
        access: Access,
        /// Most bytes the attempt may write.
        bytes_max: Bytes,
        /// Most bytes one file may have that the attempt makes or changes.
        file_max: Bytes,
        /// Most files the attempt may make or change.
        files_max: u64,
    },
    /// A bucket opened by the grant's name.
    Keyvalue {
        /// The namespace in the store.
        namespace: String,
        /// What may be done with its keys.
        access: Access,
        /// Most bytes of keys and values the attempt may write.
        bytes_max: Bytes,
        /// Most keys the attempt may write.
        keys_max: u64,
    },
    /// Settings by name, as the policy gives them.
    Config {
        /// The settings.
        values: BTreeMap<String, String>,
    },
    /// Real time; readings are rounded down to the resolution and recorded.
    Clock {
        /// The smallest step a reading makes visible.
        resolution: Span,
    },
    /// Real random bytes, recorded.
    Random {
        /// Most bytes an attempt may draw.
        bytes_max: Bytes,
    },
    /// Diagnostic lines.
    Logging {
        /// Most bytes of lines.
        bytes_max: Bytes,
    },
    /// Notes for the journal.
    Notes {
        /// Most bytes of notes.
        bytes_max: Bytes,
    },
    /// Requests to a named place.
    Http(HttpGrant),
    /// Completions of one tier.
    Inference(InferenceGrant),
}

/// Which directory it is, whatever path leads to it: two paths with the same identity are the same directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RootIdentity {
    /// The file system's number on this machine.
    #[serde(with = "exact")]
    pub device: u64,
    /// The directory's number in its file system.
    #[serde(with = "exact")]
    pub inode: u64,
}

impl std::fmt::Display for RootIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "inode {} of device {}", self.inode, self.device)
    }
}

impl Authority {
    /// The kind of authority this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Authority::Files { .. } => Kind::Files,
            Authority::Keyvalue { .. } => Kind::Keyvalue,
            Authority::Config { .. } => Kind::Config,
            Authority::Clock { .. } => Kind::Clock,
            Authority::Random { .. } => Kind::Random,
            Authority::Logging { .. } => Kind::Logging,
            Authority::Notes { .. } => Kind::Notes,
            Authority::Http(_) => Kind::Http,
            Authority::Inference(_) => Kind::Inference,
        }
    }
}

/// The host said no. Before the run: an ask no rule permits. During it: a use beyond the grant that the guest
/// could not go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{subject}: {why}")]
pub struct Refusal {
    /// What was refused, such as `files \`out\`` or `wasi:sockets/tcp@0.2.0`.
    pub subject: String,
    /// Why, in one clause.
    pub why: String,
    /// The rule that said no, when one did; most refusals are for want of any rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Where the skill asks for it: `skill.toml:14`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<String>,
    /// What to do about it; for a missing rule, the exact `[[rule]]` to paste into `policy.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}
