//! Entries: one thing that happened or was decided in a run, as it stands in the journal for ever.
//!
//! An entry is canonical JSON (RFC 8785) and carries the hash of the one before it in its run. Inputs and outputs
//! are blobs named by digest. Decisions are entries too, with the values that were seen and what was refused:
//! they are taken once, live, and never again in a replay.

use crate::content::Content;
use crate::shared::Shared;
use kapell_model::crossing::Note;
use kapell_model::digest::Digest;
use kapell_model::ending::{Left, Receipt, Trap};
use kapell_model::grant::Refusal;
use kapell_model::id::{FlowName, Role, RunId, StepId};
use kapell_model::money::Money;
use kapell_model::period::{Day, Per};
use kapell_model::plan::{AnswerShape, Effects, Lane, SkillPin};
use kapell_model::quantity::{Span, Timestamp};
use kapell_model::writes::{KeySeen, Undone, WriteSummary};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The version of the entry format; a reader refuses versions it does not know.
pub const FORMAT: u32 = 1;

/// One entry of a run's journal. Fields stand here as in canonical JSON, so that writing one moves nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
    /// The owner epoch it was written under: grows whenever another process takes the run over.
    pub epoch: u64,
    /// Hash of the entry before; 64 zeros for the first.
    pub prev: Digest,
    /// Where something private was left out of what happened: all of it, to be opened where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<BlobRef>,
    /// The run.
    pub run: RunId,
    /// Position in the run, from 1, without gaps.
    pub seq: u64,
    /// The format's version, [`FORMAT`].
    pub v: u32,
}

/// Bytes kept beside the entries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobRef {
    /// `{"digest": …}`: a value's canonical JSON, stored under its own digest.
    Digest(Digest),
    /// `{"text": …}`: a value that is a text, stored as it is, without quotes and escapes, under its own digest.
    Text(Digest),
    /// `{"commitment": …}`: the canonical JSON of a private value, which may be withheld and erased; the entry binds a
    /// salted commitment to it.
    Commitment(Digest),
}

impl BlobRef {
    /// What names a value that was made content.
    #[must_use]
    pub const fn of(value: &Value, content: &Content) -> Self {
        match (content.named(), value) {
            (BlobRef::Digest(digest), Value::String(_)) => BlobRef::Text(digest),
            (named, _) => named,
        }
    }

    /// The value the stored bytes are.
    ///
    /// # Errors
    /// When they are none: no JSON, or no text.
    pub fn read(&self, bytes: &[u8]) -> Result<Value, serde_json::Error> {
        match self {
            BlobRef::Text(_) => std::str::from_utf8(bytes).map(Value::from).map_err(serde::de::Error::custom),
            BlobRef::Digest(_) | BlobRef::Commitment(_) => serde_json::from_slice(bytes),
        }
    }

    /// The digest any form carries.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        match self {
            BlobRef::Digest(digest) | BlobRef::Text(digest) | BlobRef::Commitment(digest) => digest,
        }
    }
}

/// What happened or was decided; in JSON an object with one key, the kind in kebab case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// The run began: everything it rests on is pinned here.
    RunStarted(RunStarted),
    /// A precondition did not hold; the run ends refused.
    RequirementFailed {
        /// The expression.
        that: String,
        /// The names it reads, with their values.
        seen: Value,
        /// What the person is told.
        told: String,
    },
    /// A step's condition did not hold.
    StepSkipped {
        /// The step.
        step: StepId,
        /// The condition.
        condition: String,
        /// The names it reads, with their values.
        seen: Value,
    },
    /// A step's condition held.
    StepChosen {
        /// The step.
        step: StepId,
        /// The condition.
        condition: String,
        /// The names it reads, with their values.
        seen: Value,
    },
    /// Intent: an attempt begins.
    AttemptStarted(Shared<AttemptStarted>),
    /// An attempt ended.
    AttemptEnded(Shared<AttemptEnded>),
    /// Whether an output was good enough.
    ExpectationJudged {
        /// The step.
        step: StepId,
        /// The rung whose output was judged.
        rung: u32,
        /// The expression, or the reason when there was no output to judge.
        by: String,
        /// The names it reads, with their values.
        seen: Value,
        /// The judgement.
        held: bool,
    },
    /// The ladder goes on to another rung; or, with no `to`, it has ended.
    LadderMoved {
        /// The step.
        step: StepId,
        /// The rung that was not good enough.
        from: u32,
        /// The rung taken.
        to: Option<u32>,
        /// Rungs that stay unused, and rungs refused on the way, in words.
        refused: Vec<String>,
    },
    /// The next attempt would have passed what all runs of the flow may cost in a period: it did not begin.
    BudgetPassed(BudgetPassed),
    /// A person is asked.
    QuestionAsked(QuestionAsked),
    /// The role was reminded.
    QuestionReminded {
        /// The step.
        step: StepId,
        /// Which asking of the step.
        asking: u32,
    },
    /// Another role was asked as well.
    QuestionEscalated {
        /// The step.
        step: StepId,
        /// Which asking of the step.
        asking: u32,
        /// The other role.
        to: Role,
    },
    /// Nobody answered in time. Never a yes.
    QuestionExpired {
        /// The step.
        step: StepId,
        /// Which asking of the step.
        asking: u32,
    },
    /// A person answered.
    QuestionAnswered(QuestionAnswered),
    /// A person let the run go on although the role has not said yes. No approval: an entry of its own.
    QuestionOverridden(QuestionOverridden),
    /// An attempt that must not happen twice has no ending; a person must say what happened.
    DoubtRaised {
        /// The step.
        step: StepId,
        /// The attempt without an ending.
        attempt: u32,
        /// What the attempt left, when it broke after a request had gone out; none when the host went away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broke: Option<Shared<AttemptEnded>>,
    },
    /// Another process took the run over and goes on from the entry before.
    RunResumed {
        /// Who goes on: program, process and machine, in words.
        by: String,
    },
    /// Somebody asked for the run to stop.
    CancelAsked {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The run is over.
    RunEnded(RunEnded),
    /// What was private in a run that is over was destroyed: the bytes and the salts of their commitments.
    PrivateErased(PrivateErased),
    /// Contents of a run that is over are not kept any longer, because the policy keeps them for so long.
    ContentsDropped(ContentsDropped),
}

impl Body {
    /// The step it is about; none for the run as a whole.
    #[must_use]
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Body::StepSkipped { step, .. }
            | Body::StepChosen { step, .. }
            | Body::ExpectationJudged { step, .. }
            | Body::LadderMoved { step, .. }
            | Body::QuestionReminded { step, .. }
            | Body::QuestionEscalated { step, .. }
            | Body::QuestionExpired { step, .. }
            | Body::DoubtRaised { step, .. } => Some(step),
            Body::AttemptStarted(it) => Some(&it.step),
            Body::AttemptEnded(it) => Some(&it.step),
            Body::BudgetPassed(it) => Some(&it.step),
            Body::QuestionAsked(it) => Some(&it.step),
            Body::QuestionAnswered(it) => Some(&it.step),
            Body::QuestionOverridden(it) => Some(&it.step),
            Body::RunStarted(_)
            | Body::RunEnded(_)
            | Body::RequirementFailed { .. }
            | Body::RunResumed { .. }
            | Body::CancelAsked { .. }
            | Body::PrivateErased(_)
            | Body::ContentsDropped(_) => None,
        }
    }
}

/// The first entry of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The flow.
    pub flow: FlowName,
    /// Its version.
    pub version: String,
    /// Digest of the flow's text, a blob.
    pub text: Digest,
    /// The plan, a blob.
    pub plan: BlobRef,
    /// The inputs, a blob; without those that are private.
    pub inputs: BlobRef,
    /// The private inputs by name, a blob each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub private: BTreeMap<String, BlobRef>,
    /// Digest of the policy text, a blob.
    pub policy: Digest,
    /// Digest of the tariff text, a blob.
    pub tariff: Digest,
    /// The engine: version and digest of its settings.
    pub engine: String,
    /// Who started it.
    pub by: String,
    /// The line of a batch it does, where it was begun for one: no two runs of a store begin for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Digest>,
}

/// The intent of one attempt. What the plan says of the call, its grants and its limits, is not said again here; the
/// bytes that will run are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// The attempt, from 1, counted over the whole step.
    pub attempt: u32,
    /// The deadline, where what is left of the budget's working time is shorter than the call's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// Its class of effect.
    pub effects: Effects,
    /// The arguments, a blob; without the long texts among them, unless they are private.
    pub input: BlobRef,
    /// Its lane.
    pub lane: Lane,
    /// The most its models may cost, where it is granted any: what is charged when the host dies meanwhile, and nobody
    /// is left who knows what was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models_at_most: Option<Money>,
    /// The operation.
    pub operation: String,
    /// What the attempt is for.
    pub purpose: Purpose,
    /// Money set aside for it where the plan has a budget of money, the flow's own included; settled by its ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Money>,
    /// The rung of the ladder, 0 for the step's own call.
    pub rung: u32,
    /// Whether an output settles the step at once; otherwise it is judged first, and what it wrote stays held
    /// until the judgement.
    pub settles: bool,
    /// The skill and its bytes.
    pub skill: SkillPin,
    /// The step.
    pub step: StepId,
    /// The long texts among the arguments by parameter, a blob each: one that several attempts are given is kept once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, BlobRef>,
}

impl AttemptStarted {
    /// Everything that names its arguments.
    pub fn given(&self) -> impl Iterator<Item = &BlobRef> {
        std::iter::once(&self.input).chain(self.texts.values())
    }

    /// Its arguments, put together of what is kept.
    ///
    /// # Errors
    /// Those of `kept`, which finds what is named.
    pub fn arguments<E>(&self, mut kept: impl FnMut(&BlobRef) -> Result<Value, E>) -> Result<Value, E> {
        let mut arguments = kept(&self.input)?;
        for (name, named) in &self.texts {
            let text = kept(named)?;
            if let Value::Object(all) = &mut arguments {
                all.insert(name.clone(), text);
            }
        }
        Ok(arguments)
    }

    /// The idempotency key, where the operation may change anything: what only reads needs none.
    #[must_use]
    pub fn key(&self, run: &RunId) -> Option<Digest> {
        self.effects.writes().then(|| self.idempotency_key(run))
    }

    /// What tells one effect from another, wherever it is asked for again: run, step and logical call, never the
    /// attempt.
    #[must_use]
    pub fn idempotency_key(&self, run: &RunId) -> Digest {
        let (purpose, mut rung) = (self.purpose.word(), [0; 4]);
        rung.copy_from_slice(&self.rung.to_be_bytes());
        Digest::of_parts(&[run.as_str().as_bytes(), self.step.as_str().as_bytes(), &rung, purpose.as_bytes()])
    }
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// It does the step's work.
    Work,
    /// It judges the work of another attempt.
    Verdict,
}

impl Purpose {
    /// The word in entries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Purpose::Work => "work",
            Purpose::Verdict => "verdict",
        }
    }
}

/// The ending of one attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnded {
    /// The attempt.
    pub attempt: u32,
    /// The crossings, a blob; absent when nothing crossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossings: Option<BlobRef>,
    /// How it ended.
    pub ending: RecordedEnding,
    /// Which of the errors its operation declares the skill answered with, where it declares cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// What went out and can't be taken back.
    #[serde(default, skip_serializing_if = "Left::is_nothing")]
    pub left: Left,
    /// Diagnostic lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// What the skill wants remembered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What it used and cost.
    pub receipt: Receipt,
    /// The keys an output's writes rest on, each at the version that was read: when the writes become real later,
    /// perhaps by another process, they do only while none of these has moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<KeySeen>,
    /// The step.
    pub step: StepId,
    /// What an attempt that ended otherwise had written; nothing of it is kept.
    #[serde(default, skip_serializing_if = "Undone::is_nothing")]
    pub undone: Undone,
    /// What an output wrote. Real with this entry when it settles the step, else with the entry that does;
    /// never when the output is sent back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<WriteSummary>,
}

impl AttemptEnded {
    /// The skill's own error, in words.
    #[must_use]
    pub fn error_words(&self) -> String {
        let case = self.case.as_ref().map(|case| format!(" `{case}`")).unwrap_or_default();
        format!("the skill answered with its own error{case}")
    }
}

/// How an attempt ended, its values as blobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedEnding {
    /// The skill answered.
    Output(BlobRef),
    /// The skill answered with its own error.
    SkillError(BlobRef),
    /// The host refused.
    Refusal(Refusal),
    /// The guest broke or overspent.
    Trap(Trap),
    /// Somebody stopped it.
    Cancelled,
    /// The host went away; the attempt is run again because its effects allow it, or a person settles it.
    Lost,
}

/// What other runs have spent is no part of a run, so what was seen of it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetPassed {
    /// What the period would have come to with the attempt: all that is spent or set aside in it.
    pub comes_to: Money,
    /// The first day of the period, in UTC.
    pub from: Day,
    /// The most it may come to.
    pub most: Money,
    /// How long the period is.
    pub per: Per,
    /// The step whose attempt did not begin.
    pub step: StepId,
}

/// A question as it was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionAsked {
    /// The step.
    pub step: StepId,
    /// Which asking of the step, from 1; an answer names it, so that a late answer can't meet a newer question.
    pub asking: u32,
    /// The rung of the ladder, 0 for a step that asks.
    pub rung: u32,
    /// Why it is asked.
    pub reason: AskReason,
    /// Who is asked.
    pub role: Role,
    /// The people the policy binds to the role.
    pub people: Vec<String>,
    /// The text.
    pub text: String,
    /// Exactly what is shown: canonical JSON of question, shown values, answer shape, run, step and asking, a blob.
    /// The answer is bound to its digest, which no other asking shares.
    pub shown: BlobRef,
    /// What an answer looks like.
    pub answer: AnswerShape,
    /// Remind the role then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<Timestamp>,
    /// Ask another role as well then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_at: Option<(Timestamp, Role)>,
    /// End it unanswered then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_at: Option<Timestamp>,
}

/// Why a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskReason {
    /// The flow says so.
    Flow,
    /// The ladder of a step came to it.
    Ladder,
    /// It is not known whether an effect happened. The answer is a variant: `again`, `stop`, or `done` with the
    /// output the effect had.
    Doubt,
    /// The next attempt would pass the run's budget. A yes lets exactly that attempt begin.
    RunBudget,
    /// The next attempt would pass the step's budget. A yes lets exactly that attempt begin.
    StepBudget,
    /// The next attempt would pass what all runs of the flow may cost in a day. A yes lets exactly that attempt begin.
    DayBudget,
    /// The same for a week.
    WeekBudget,
    /// The same for a month.
    MonthBudget,
}

impl AskReason {
    /// Whether it is asked because a budget would be passed.
    #[must_use]
    pub const fn is_budget(self) -> bool {
        match self {
            AskReason::Flow | AskReason::Ladder | AskReason::Doubt => false,
            AskReason::RunBudget
            | AskReason::StepBudget
            | AskReason::DayBudget
            | AskReason::WeekBudget
            | AskReason::MonthBudget => true,
        }
    }

    /// That the budget of the flow for such a period would be passed.
    #[must_use]
    pub const fn flow_budget(per: Per) -> Self {
        match per {
            Per::Day => AskReason::DayBudget,
            Per::Week => AskReason::WeekBudget,
            Per::Month => AskReason::MonthBudget,
        }
    }
}

/// A person's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionAnswered {
    /// The step.
    pub step: StepId,
    /// Which asking of the step.
    pub asking: u32,
    /// What was said.
    pub verdict: Verdict,
    /// The value given, when the answer has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<BlobRef>,
    /// Who.
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Minutes of their time they state, as a decimal; none is priced by the tariff and marked estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<String>,
    /// What their time costs.
    pub money: Money,
    /// Digest of what they were shown.
    pub shown: Digest,
}

/// Somebody let a run go on past a question that asks for a yes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionOverridden {
    /// The step.
    pub step: StepId,
    /// Which asking of the step.
    pub asking: u32,
    /// The role that may override it.
    pub role: Role,
    /// Who.
    pub by: String,
    /// Why, in their words; never empty.
    pub reason: String,
    /// Minutes of their time they state, as for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<String>,
    /// What their time costs.
    pub money: Money,
    /// Digest of what they were shown.
    pub shown: Digest,
}

impl QuestionOverridden {
    /// What it comes to for the step.
    #[must_use]
    pub fn as_answer(&self) -> QuestionAnswered {
        QuestionAnswered {
            step: self.step.clone(),
            asking: self.asking,
            verdict: Verdict::Overridden,
            value: None,
            by: self.by.clone(),
            reason: Some(self.reason.clone()),
            minutes: self.minutes.clone(),
            money: self.money.clone(),
            shown: self.shown,
        }
    }
}

/// What was said to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// A value was given.
    Answered,
    /// Nothing was said by whom it was put to; only what an override comes to, never an answer's own verdict.
    Overridden,
}

/// The last entry of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    /// How.
    pub state: RunEnding,
    /// The outputs, a blob, when it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<BlobRef>,
    /// The step it ended at, when it did not get through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// Why, one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it came to its outcome, where it is done and its flow says when that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeJudged>,
}

impl RunEnded {
    /// Whether it came to what its flow is for.
    #[must_use]
    pub fn has_outcome(&self) -> bool {
        self.state == RunEnding::Done && self.outcome.as_ref().is_none_or(|it| it.held)
    }
}

/// Whether a run came to its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeJudged {
    /// The condition; with why, where it can't be evaluated, which is no outcome.
    pub when: String,
    /// The values it read.
    pub seen: Value,
    /// Whether it held.
    pub held: bool,
}

/// Somebody had what was private in a run destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateErased {
    /// Who.
    pub by: String,
    /// What can't be opened any more, by name.
    pub commitments: BTreeSet<Digest>,
    /// Why, in their words; never empty.
    pub reason: String,
}

/// The time was over for which contents of a run are kept. What was private among them is destroyed with the salts of its
/// commitments; the rest is removed once no other run keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentsDropped {
    /// What was private, by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub commitments: BTreeSet<Digest>,
    /// Everything else, by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub digests: BTreeSet<Digest>,
    /// How long contents are kept after the end of a run, milliseconds.
    pub kept: Span,
    /// Digest of the text of the policy that says so, a blob.
    pub policy: Digest,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnding {
    /// All steps are through.
    Done,
    /// A skill answered with its own error and no ladder took it up.
    Failed,
    /// The host refused.
    Refused,
    /// A guest broke or overspent and no ladder took it up.
    Trapped,
    /// A person said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The ladder ended without an answer that holds; a person takes over by the runbook.
    Escalated,
    /// The budget does not cover the next step.
    OverBudget,
    /// Somebody stopped it.
    Cancelled,
}

impl RunEnding {
    /// The word people see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            RunEnding::Done => "done",
            RunEnding::Failed => "failed",
            RunEnding::Refused => "refused",
            RunEnding::Trapped => "trapped",
            RunEnding::Rejected => "rejected",
            RunEnding::Expired => "expired",
            RunEnding::Escalated => "escalated",
            RunEnding::OverBudget => "over-budget",
            RunEnding::Cancelled => "cancelled",
        }
    }
}
