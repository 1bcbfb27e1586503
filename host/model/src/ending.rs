//! How an attempt ended. Five endings, separate types, never mixed: the skill answered, the skill said no, the host
//! said no, the guest broke or overspent, somebody cancelled.

use crate::crossing::{Crossing, Note};
use crate::digest::Digest;
use crate::grant::Refusal;
use crate::limits::LimitOrigin;
use crate::money::Money;
use crate::writes::{HeldWrites, Undone};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The skill answered; the value fits the operation's output shape.
    Output(Value),
    /// The skill answered with its own typed error.
    SkillError(Value),
    /// The host refused, before or during the attempt.
    Refusal(Refusal),
    /// The guest broke or overspent.
    Trap(Trap),
    /// Somebody stopped it.
    Cancelled,
}

/// Why a guest was stopped or broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// Which limit or fault.
    pub cause: TrapCause,
    /// Who set the limit, when a limit was the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<LimitOrigin>,
    /// One sanitised line for people: the limit's number, or what the guest last printed.
    pub detail: String,
}

/// The limit that was reached or the fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrapCause {
    /// Fuel ran out.
    Fuel,
    /// Memories and tables together wanted more than the limit.
    Memory,
    /// The deadline passed, working or sleeping.
    Deadline,
    /// The answer was larger than the limit.
    Output,
    /// Too many live handles.
    Handles,
    /// Too many calls to the host.
    HostCalls,
    /// Notes, log lines or printed text beyond the limit.
    Talk,
    /// Held writes, or random bytes drawn, beyond what the grant allows.
    Quota,
    /// The guest's stack was exhausted.
    Stack,
    /// The guest crashed: `unreachable`, a bad memory access, an invalid value at the boundary.
    Crash,
    /// The guest called an inert function that has no empty answer.
    Inert,
}

impl TrapCause {
    /// The word in entries and messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            TrapCause::Fuel => "fuel",
            TrapCause::Memory => "memory",
            TrapCause::Deadline => "deadline",
            TrapCause::Output => "output",
            TrapCause::Handles => "handles",
            TrapCause::HostCalls => "host-calls",
            TrapCause::Talk => "talk",
            TrapCause::Quota => "quota",
            TrapCause::Stack => "stack",
            TrapCause::Crash => "crash",
            TrapCause::Inert => "inert",
        }
    }
}

/// What an attempt used, as measured by the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meters {
    /// Bytes of the arguments as they crossed.
    pub bytes_in: u64,
    /// Bytes of the answer as they crossed.
    pub bytes_out: u64,
    /// Bytes the guest read through capabilities; not said in JSON where there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub bytes_read: u64,
    /// Bytes the guest wrote through capabilities; not said in JSON where there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub bytes_written: u64,
    /// Calls from guest to host by kind of authority; `inert` counts those answered empty, `refused` those
    /// answered no, `notes-dropped` and `logging-dropped` the lines said beyond their grant and not kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crossings: BTreeMap<String, u64>,
    /// Units of guest work. The same bytes on the same input burn the same.
    pub fuel: u64,
    /// What completions of models cost, those of providers that failed included; none when no model was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference: Option<Money>,
    /// The part of it that is the most it can have been: set aside for an answer that the attempt did not live to see.
    /// None when every answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_at_most: Option<Money>,
    /// Tokens that providers report beyond the most that was set aside for their answers. What they report is charged
    /// all the same; not said in JSON where there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub inference_over: u64,
    /// Most bytes of memories and tables at one time.
    pub memory_peak: u64,
    /// Wall time in microseconds. Not deterministic, so it never decides anything afterwards.
    pub wall_micros: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
const fn is_none(bytes: &u64) -> bool {
    *bytes == 0
}

/// What went out in an attempt and can't be taken back: requests that ask a server to change something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// Nothing that changes anything.
    #[default]
    Nothing,
    /// Requests, all of them answered.
    Answered,
    /// Requests, at least one without an answer: whether the server acted is not known.
    Unanswered,
}

impl Left {
    /// Whether nothing went out; entries leave it out then.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        matches!(self, Left::Nothing)
    }
}

/// What one attempt left: how it ended, what it used, what it wrote, what crossed.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// How it ended.
    pub ending: Ending,
    /// What it used.
    pub meters: Meters,
    /// What it wrote; only an output's writes are ever made real.
    pub writes: HeldWrites,
    /// What it wrote in vain, where it did not end with an output.
    pub undone: Undone,
    /// What went out and can't be taken back.
    pub left: Left,
    /// What crossed the boundary, in order.
    pub crossings: Vec<Crossing>,
    /// Content that crossings name by digest.
    pub contents: Vec<Vec<u8>>,
    /// What the skill wants remembered.
    pub notes: Vec<Note>,
    /// Diagnostic lines, sanitised.
    pub log: Vec<String>,
}

/// The receipt of an attempt: what it used, of which bytes and grants, and what that costs. The limits it ran under
/// stand in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The component that ran.
    pub component: Digest,
    /// The grants it ran with.
    pub grant: Digest,
    /// What it used.
    pub meters: Meters,
    /// What it cost by the tariff.
    pub money: Money,
    /// The tariff that priced it.
    pub tariff: Digest,
}
