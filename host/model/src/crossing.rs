//! Crossings: what went through the sandbox boundary, in a form from which a step can be answered again.
//!
//! Readings of clock and random, config and keyvalue reads and the content of files are recorded with their
//! answers; everything else is counted. The format is fixed from the first day, so that a step can be replayed
//! with every crossing answered from the record.

use crate::capability::Kind;
use crate::digest::Digest;
use crate::id::RuleId;
use serde::{Deserialize, Serialize};

/// One recorded exchange across the boundary, in the order the guest made them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// The kind of authority used.
    pub kind: Kind,
    /// The call, such as `get`, `now`, `read`; with `kind` it says what to answer from the record.
    pub call: String,
    /// The thing: bucket and key, path below the grant, setting. Empty where the kind has only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// What the guest was answered.
    pub answer: Answer,
    /// The rule of the grant that was used, or of the one that refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
}

/// What a crossing was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A number: a clock reading in nanoseconds, as decimal text so that no digit is lost.
    Number(String),
    /// A text: a setting.
    Text(String),
    /// Bytes, base64: random bytes, short values.
    Bytes(String),
    /// Bytes by digest: content of files and long values; kept beside the record.
    Content(Digest),
    /// Names in sorted order: a directory listing, a page of keys.
    Names(Vec<String>),
    /// There is no such thing.
    Absent,
    /// It was done; for writes, which are held and travel apart.
    Done,
    /// The guest was told no, with the code its interface has for it.
    Refused(String),
}

/// A line a skill wanted remembered, after sanitising: no control or bidirectional characters, one line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The skill's word for what this is about.
    pub topic: String,
    /// The text.
    pub text: String,
}
