//! Crossings: what went through the sandbox boundary, in a form from which a step can be answered again.
//!
//! Readings of clock and random, config and keyvalue reads and the content of files are recorded with their
//! answers; everything else is counted. The format is fixed from the first day, so that a step can be replayed
//! with every crossing answered from the record.

use crate::capability::Kind;
use crate::digest::Digest;
use crate::id::RuleId;
use crate::money::Money;
use core::net::IpAddr;
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
    /// The rule of the grant that was used; of a refusal, the one that decides it: a denial, or the rule of the grant
    /// that does not reach so far. None where no rule is for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// Whether a secret stood in it that the guest saw and that was taken out before it was written down: from such a
    /// record nothing can be answered again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
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
    /// A request was sent and answered.
    Exchange(Box<Exchange>),
    /// A model answered.
    Completion(Box<Completion>),
    /// The world outside failed, and the guest was told so.
    Failed(Box<Failure>),
}

impl Answer {
    /// The contents the answer names by digest; they are kept beside the record.
    pub fn contents(&self) -> impl Iterator<Item = &Digest> {
        let (one, other) = match self {
            Answer::Content(digest) => (Some(digest), None),
            Answer::Exchange(exchange) => (Some(&exchange.request), Some(&exchange.body)),
            Answer::Completion(completion) => (Some(&completion.prompt), Some(&completion.text)),
            _ => (None, None),
        };
        one.into_iter().chain(other)
    }

    /// What went out with what was asked: the body of a request, the prompt of a model.
    #[must_use]
    pub const fn sent(&self) -> Option<&Digest> {
        match self {
            Answer::Exchange(exchange) => Some(&exchange.request),
            Answer::Completion(completion) => Some(&completion.prompt),
            _ => None,
        }
    }
}

/// Where an attempt that was done again, answered from its record, departed from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Departure {
    /// Which crossing of the attempt, from 1.
    pub crossing: usize,
    /// What was asked then; none when nothing more was.
    pub recorded: Option<Asked>,
    /// What was asked again; none when nothing more was.
    pub asked: Option<Asked>,
}

/// What a guest asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The kind of authority used.
    pub kind: Kind,
    /// The call.
    pub call: String,
    /// The thing; empty where the kind has only one.
    pub object: String,
    /// What goes out with it, by digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sends: Option<Digest>,
    /// What it is answered by the host itself: a refusal's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl From<&Crossing> for Asked {
    fn from(crossing: &Crossing) -> Self {
        let refused = match &crossing.answer {
            Answer::Refused(code) => Some(code.clone()),
            _ => None,
        };
        Self {
            kind: crossing.kind,
            call: crossing.call.clone(),
            object: crossing.object.clone(),
            sends: crossing.answer.sent().copied(),
            refused,
        }
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.call)?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        if let Some(sends) = &self.sends {
            write!(f, " sending {}", sends.short())?;
        }
        match &self.refused {
            Some(code) => write!(f, ", refused with {code}"),
            None => Ok(()),
        }
    }
}

/// A request and its answer as they went over the wire, without the secrets the host added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The address that was checked and connected to.
    pub address: IpAddr,
    /// Bytes of the request, head and body.
    pub sent: u64,
    /// Bytes of the answer, head and body.
    pub received: u64,
    /// The request's body, by digest; kept beside the record.
    pub request: Digest,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers as the guest saw them, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The answer's body as the guest saw it, by digest; kept beside the record.
    pub body: Digest,
    /// Whether a secret stood in the answer and was taken out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
}

/// What got no answer, through no fault of the guest's: a request, a question, a look into a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What the guest was told, in the word its interface has for it.
    pub code: String,
    /// Why, for people: one line, without secrets; empty where the code says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// Whether anything had left, so that the other side may have acted on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent: bool,
    /// What it cost all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// The tokens it took all the same; not said in JSON where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// A model's answer and what it cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The provider that answered, after those before it in the policy had failed.
    pub provider: RuleId,
    /// Providers that failed before it, each with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<(RuleId, String)>,
    /// The model as the provider names it.
    pub model: String,
    /// The prompt, by digest; kept beside the record.
    pub prompt: Digest,
    /// The text that was answered, by digest; kept beside the record.
    pub text: Digest,
    /// Tokens of the prompt.
    pub tokens_in: u64,
    /// Tokens of the answer.
    pub tokens_out: u64,
    /// What all of it cost by the tariff, `lost` included.
    pub money: Money,
    /// How the tokens are known.
    #[serde(default, skip_serializing_if = "Counted::is_reported")]
    pub counted: Counted,
    /// What attempts before the answer may have cost; none when they cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
    /// Whether the answer was cut at the most tokens it may have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// How the tokens of an answer are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counted {
    /// The provider says so.
    #[default]
    Reported,
    /// The provider says so, and it is so many more than were reserved.
    Over(u64),
    /// The provider says nothing, so that what was reserved is charged.
    Reserved,
}

impl Counted {
    /// Whether there is nothing to remark.
    #[must_use]
    pub const fn is_reported(&self) -> bool {
        matches!(self, Counted::Reported)
    }
}

/// What attempts that brought no answer may have cost: what a provider reports, else what was reserved wherever it
/// may have worked. An answer that is an error costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Tokens, prompts and answers together.
    pub tokens: u64,
    /// What they cost by the tariff.
    pub money: Money,
}

/// A line a skill wanted remembered, after sanitising: no control or bidirectional characters, one line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The skill's word for what this is about.
    pub topic: String,
    /// The text.
    pub text: String,
}
