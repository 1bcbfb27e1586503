//! A plan: a flow checked and pinned. Skills by digest, grants and limits resolved, types read, files by digest.
//!
//! A plan is what really runs. It is stored whole with the run, so that a run under way or waiting keeps its
//! bytes, grants, questions and prices whatever is added or changed meanwhile. Expressions are kept as source;
//! they were compiled once while checking, so compiling them again cannot fail on an unchanged host.

use crate::digest::Digest;
use crate::grant::GrantSet;
use crate::id::{FlowName, Role, SkillName, StepId};
use crate::limits::EffectiveLimits;
use crate::mark::Mark;
use crate::money::Money;
use crate::period::Per;
use crate::quantity::Span;
use crate::shape::{Operation, Shape, large};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

mod expressions;

/// What will run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The flow's name.
    pub flow: FlowName,
    /// The flow's version, in its owner's counting.
    pub version: String,
    /// Digest of the flow's text.
    pub text: Digest,
    /// What the flow is for, one line.
    pub purpose: Option<String>,
    /// The business result, as its owner declares it.
    pub outcome: Option<Outcome>,
    /// Who is accountable.
    pub owner: Option<String>,
    /// Where people read on when a run stops as escalated.
    pub runbook: Option<String>,
    /// The inputs a run is started with.
    pub inputs: Vec<Input>,
    /// Texts beside the flow, by the name expressions use; the digest names a blob stored with the run.
    pub files: BTreeMap<String, Digest>,
    /// Preconditions, checked before any step.
    pub require: Vec<Requirement>,
    /// What the run may spend.
    pub budget: Budget,
    /// What all runs of the flow together may spend, as the policy says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow_budgets: Vec<PeriodBudget>,
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The run's outputs: name and expression.
    pub outputs: BTreeMap<String, String>,
    /// Roles the flow asks, and the people the policy binds to each.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// Whether nobody may approve in a run they started themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub four_eyes: bool,
    /// Digest of the policy text the grants were resolved by.
    pub policy: Digest,
    /// Digest of the tariff that prices the run.
    pub tariff: Digest,
    /// The engine: version and digest of its settings.
    pub engine: String,
}

/// The business result a flow is for, as declared by its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it is called.
    pub name: String,
    /// A run that is done came to it only when this holds; without it every run that is done did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What it is worth.
    pub worth: Option<Money>,
    /// How long it takes a person by hand.
    pub by_hand: Option<Span>,
}

impl Outcome {
    /// The declaration, in words. It may hold what somebody wrote.
    #[must_use]
    pub fn words(&self) -> String {
        let when = self.when.as_ref().map(|when| format!(", had when `{when}`")).unwrap_or_default();
        let worth = self.worth.as_ref().map(|worth| format!(", worth {worth}")).unwrap_or_default();
        let by_hand = self.by_hand.map(|span| format!(", {span} by hand")).unwrap_or_default();
        format!("{}{when}{worth}{by_hand}", self.name)
    }
}

/// One input of a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The name expressions use after `inputs.`.
    pub name: String,
    /// What fits.
    pub shape: InputShape,
    /// Used when the run is started without it; without a default the input must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What a reviewer must know of it: whether it is private, whether an outsider wrote it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<Mark>,
}

/// The shapes an input or an answer of a person can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputShape {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// Any JSON value; its use is checked against the operation it goes to when the step starts.
    Json,
}

impl InputShape {
    /// Every shape, in the order people read them.
    pub const ALL: [InputShape; 5] =
        [InputShape::String, InputShape::Integer, InputShape::Number, InputShape::Boolean, InputShape::Json];

    /// The word in flows.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            InputShape::String => "string",
            InputShape::Integer => "integer",
            InputShape::Number => "number",
            InputShape::Boolean => "boolean",
            InputShape::Json => "json",
        }
    }

    /// The shape its values have for sure; none for `json`.
    #[must_use]
    pub const fn shape(self) -> Option<Shape> {
        match self {
            InputShape::String => Some(Shape::String),
            InputShape::Integer => Some(Shape::S64),
            InputShape::Number => Some(Shape::F64),
            InputShape::Boolean => Some(Shape::Bool),
            InputShape::Json => None,
        }
    }

    /// Whether a value fits. An integer is a JSON number without a fraction; a number is a finite one. Whole numbers beyond
    /// [`crate::shape::SAFE_INTEGER`] are the text of their digits, as [`crate::json::read`] reads them.
    #[must_use]
    pub fn fits(self, value: &Value) -> bool {
        match self {
            InputShape::String => value.is_string(),
            InputShape::Integer => value.is_i64() || (large(value) && Shape::S64.check(value).is_ok()),
            InputShape::Number => value.is_number(),
            InputShape::Boolean => value.is_boolean(),
            InputShape::Json => true,
        }
    }
}

/// A precondition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The expression that must hold.
    pub that: String,
    /// What to tell the person when it does not.
    pub otherwise: String,
}

/// What a run may spend; absent parts are not limited by the flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Money for attempts by the tariff. People's time is told and never capped: a run must not fail because
    /// somebody took the time to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// Wall time of attempts; waiting for people does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Span>,
    /// Who is asked when the next attempt would pass it: a yes lets exactly that attempt begin. Without anybody the run
    /// ends there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Role>,
}

impl Budget {
    /// Whether it bounds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it bounds, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let money = self.money.as_ref().map_or("no bound of money".into(), |it| format!("{it} for machines"));
        let work = self.work.map_or("no bound of time".into(), |span| format!("{span} of work"));
        let over = self.over.as_ref().map(|role| format!(", past it {role} is asked")).unwrap_or_default();
        format!("{money}, {work}{over}")
    }
}

/// What the attempts of all runs of a flow together may cost in a period. One that is under way counts with the most
/// it may cost until it is over, to the period it began in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodBudget {
    /// How long the period is; each one begins with nothing spent.
    pub per: Per,
    /// The most. People's time is told and never capped.
    pub most: Money,
    /// Who is asked when the next attempt would pass it, as for a [`Budget`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Role>,
}

impl PeriodBudget {
    /// What it bounds, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let over = self.over.as_ref().map(|role| format!(", past it {role} is asked")).unwrap_or_default();
        format!("{} a {} for machines{over}", self.most, self.per.word())
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its id, also its name in expressions.
    pub id: StepId,
    /// Run only when this expression holds; otherwise the step is skipped and has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What all its attempts together may spend: those of its ladder and of its verdicts too.
    #[serde(default, skip_serializing_if = "Budget::is_empty")]
    pub budget: Budget,
    /// What its author says of the value it comes to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<Mark>,
    /// What the step does.
    pub work: Work,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "a plan has tens of steps and nearly all of them call")]
pub enum Work {
    /// Calls a skill's operation; rung 0 of its ladder.
    Call {
        /// The call.
        call: Call,
        /// What its output must satisfy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect: Option<Expectation>,
        /// The further rungs, tried in order until the expectation holds.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        otherwise: Vec<Rung>,
        /// How often a trap or an upstream failure is tried again, on every rung.
        #[serde(default)]
        retry: u32,
    },
    /// Asks a person.
    Ask {
        /// The question.
        question: Question,
    },
}

/// One call of an operation, pinned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The skill and its bytes.
    pub skill: SkillPin,
    /// Who is accountable for the skill, by its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The operation with its types.
    pub operation: Operation,
    /// The lane the operation's manifest names.
    pub lane: Lane,
    /// The class of effect the operation's manifest names.
    pub effects: Effects,
    /// The arguments by parameter name.
    pub with: BTreeMap<String, Template>,
    /// What it may reach.
    pub grants: GrantSet,
    /// What it may spend.
    pub limits: EffectiveLimits,
    /// Paths into its arguments and answer that its manifest says are private.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<String>,
}

/// A skill's version and bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillPin {
    /// The digest of its bytes.
    pub component: Digest,
    /// The name.
    pub name: SkillName,
    /// The version its manifest states; `0.0.0` for a component without one.
    #[serde(serialize_with = "as_text")]
    pub version: semver::Version,
}

/// A version as its text. Every attempt's intent has one, and most are three numbers, which are put together without
/// the machinery that prints anything.
fn as_text<S: Serializer>(version: &semver::Version, serializer: S) -> Result<S::Ok, S::Error> {
    if !version.pre.is_empty() || !version.build.is_empty() {
        return serializer.collect_str(version);
    }
    let (mut text, mut number) = (String::with_capacity(16), itoa::Buffer::new());
    for (part, end) in [(version.major, "."), (version.minor, "."), (version.patch, "")] {
        text.push_str(number.format(part));
        text.push_str(end);
    }
    serializer.serialize_str(&text)
}

/// The kind of work an operation does; cost is reported by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Statistical and model work.
    Intelligence,
    /// Deterministic code.
    Logic,
    /// People.
    Judgment,
    /// Records, ledgers, files.
    Systems,
}

impl Lane {
    /// The word in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Lane::Intelligence => "intelligence",
            Lane::Logic => "logic",
            Lane::Judgment => "judgment",
            Lane::Systems => "systems",
        }
    }
}

/// What a crash between start and ending of an attempt means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effects {
    /// Touches nothing: rerun freely.
    None,
    /// Only reads: rerun freely.
    Reads,
    /// Writes so that doing it twice is doing it once: rerun with the same key.
    Idempotent,
    /// Must not happen twice: a crash between intent and ending leaves the run in doubt, for a person to settle.
    Once,
}

impl Effects {
    /// Whether an attempt without an ending may simply be run again.
    #[must_use]
    pub const fn rerunnable(self) -> bool {
        !matches!(self, Effects::Once)
    }

    /// Whether an operation of this class may do more than one of that class. To be repeated is more for what was to
    /// happen once: nobody is asked after a crash any more.
    #[must_use]
    pub const fn is_more_than(self, before: Self) -> bool {
        match (before, self) {
            (Effects::Once, Effects::Idempotent) => true,
            _ => (self as u8) > (before as u8),
        }
    }

    /// Whether an operation of this class may change anything.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Effects::Idempotent | Effects::Once)
    }

    /// The word in manifests and entries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Effects::None => "none",
            Effects::Reads => "reads",
            Effects::Idempotent => "idempotent",
            Effects::Once => "once",
        }
    }
}

/// A value with expressions in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Template {
    /// A plain value.
    Literal {
        /// The value.
        value: Value,
    },
    /// The value of one expression, with its type: `"${{ facts.customer }}"`.
    Expression {
        /// The expression.
        source: String,
    },
    /// Text with expressions between: `"Welcome, ${{ facts.name }}"`.
    Text {
        /// The pieces in order.
        pieces: Vec<Piece>,
    },
    /// An array of templates.
    List {
        /// The items.
        items: Vec<Template>,
    },
    /// An object of templates.
    Object {
        /// The fields.
        fields: BTreeMap<String, Template>,
    },
}

/// A piece of a text with expressions between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Piece {
    /// Text as it stands.
    Plain(String),
    /// An expression; its value is written as text, numbers and booleans as JSON.
    Expression(String),
}

/// What a step's output must satisfy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Expectation {
    /// An expression over what is known, the step's own output under its id.
    Holds {
        /// The expression.
        that: String,
    },
    /// Another skill's verdict, under the name `verdict` in `holds` and in the ladder.
    Verdict {
        /// The call that gives the verdict.
        call: Box<Call>,
        /// The expression over the verdict.
        holds: String,
    },
}

/// One rung of a ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Rung {
    /// The same call again with inputs added or replaced: the same input would give the same output.
    Again {
        /// The inputs that differ.
        with: BTreeMap<String, Template>,
    },
    /// Another skill; its output must have the step's shape.
    Use {
        /// The call.
        call: Box<Call>,
    },
    /// A person decides.
    Ask {
        /// The question.
        question: Question,
    },
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Who is asked.
    pub role: Role,
    /// The text.
    pub text: Template,
    /// What is shown: exactly this, with the text, is hashed and bound to the answer.
    pub show: BTreeMap<String, String>,
    /// What an answer looks like.
    pub answer: AnswerShape,
    /// Remind the role after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<Span>,
    /// Ask another role as well after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalate>,
    /// The question ends unanswered after so long: an ending of its own, never a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<Span>,
    /// Who may let the run go on without an answer of the role: an override, which is no approval. Nobody without it.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub override_by: Option<Role>,
}

/// Ask another role as well when nobody has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalate {
    /// After so long.
    pub after: Span,
    /// This role.
    pub to: Role,
}

/// What an answer looks like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum AnswerShape {
    /// Approve or reject. A rejection ends the run as rejected.
    Approval,
    /// A plain value.
    Input {
        /// Its shape.
        shape: InputShape,
    },
    /// One of some words.
    Choice {
        /// The words.
        choices: Vec<String>,
    },
    /// A value of a step's own type, checked against its component.
    Shape {
        /// The type.
        shape: Shape,
    },
}

impl AnswerShape {
    /// What fits, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            AnswerShape::Approval => "approve or reject".into(),
            AnswerShape::Choice { choices } => format!("one of {}", choices.join(", ")),
            AnswerShape::Input { shape } => format!("a value of type {}", shape.word()),
            AnswerShape::Shape { shape } => shape.written(),
        }
    }
}

impl Plan {
    /// The step of that id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Every call in the plan: steps, verdicts and ladders.
    pub fn calls(&self) -> impl Iterator<Item = (&StepId, &Call)> {
        self.steps.iter().flat_map(|step| step.calls().into_iter().map(move |call| (&step.id, call)))
    }
}

impl Plan {
    /// Changes what every call is granted: to write what is only known when the run begins into what it is pinned
    /// to.
    ///
    /// # Errors
    /// The first that `pin` fails with.
    pub fn pin_grants<E>(&mut self, mut pin: impl FnMut(&GrantSet) -> Result<GrantSet, E>) -> Result<(), E> {
        for call in self.steps.iter_mut().flat_map(Step::calls_mut) {
            call.grants = pin(&call.grants)?;
        }
        Ok(())
    }
}

impl Step {
    fn calls_mut(&mut self) -> Vec<&mut Call> {
        let Work::Call { call, expect, otherwise, .. } = &mut self.work else { return Vec::new() };
        let verdict = match expect {
            Some(Expectation::Verdict { call, .. }) => Some(call.as_mut()),
            _ => None,
        };
        let rungs = otherwise.iter_mut().filter_map(|rung| match rung {
            Rung::Use { call } => Some(call.as_mut()),
            _ => None,
        });
        std::iter::once(call).chain(verdict).chain(rungs).collect()
    }

    /// The step's own call, its verdict's and its ladder's.
    #[must_use]
    pub fn calls(&self) -> Vec<&Call> {
        let Work::Call { call, expect, otherwise, .. } = &self.work else { return Vec::new() };
        let verdict = match expect {
            Some(Expectation::Verdict { call, .. }) => Some(call.as_ref()),
            _ => None,
        };
        let rungs = otherwise.iter().filter_map(|rung| match rung {
            Rung::Use { call } => Some(call.as_ref()),
            _ => None,
        });
        std::iter::once(call).chain(verdict).chain(rungs).collect()
    }
}

impl Call {
    /// Whether the skill may write through any of its grants.
    #[must_use]
    pub fn writes(&self) -> bool {
        use crate::grant::Authority;
        self.grants.grants.iter().any(|grant| match &grant.authority {
            Authority::Files { access, .. } | Authority::Keyvalue { access, .. } => access.writes(),
            _ => false,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_version_is_written_as_it_is_stated() {
        for version in ["0.0.0", "1.20.300", "1.0.0-rc.1", "1.0.0+build.5"] {
            let pin = json!({ "component": Digest::of(b""), "name": "a:b", "version": version });
            let read: SkillPin = serde_json::from_value(pin.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), pin);
        }
    }
}
