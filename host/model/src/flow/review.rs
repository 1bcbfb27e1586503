//! A review of a flow: what it does, asks and reaches, how data moves through it, and what changed since it was
//! approved, as data.
//!
//! It is a pure function of plan, policy and lock. All that an approval binds is in it as it is written: conditions,
//! arguments, questions with what is shown beside them, people. [`FlowReview::digest`] names exactly what was shown, and
//! an approval is bound to it; whether the flow is approved stands beside it and changes without it changing.

use super::meaning::{Meaning, as_authored};
use super::movement::{Marks, Meeting, Move, meetings, moves};
use super::widening::FlowChange;
use crate::digest::Digest;
use crate::grant::Grant;
use crate::id::{FlowName, Role, StepId};
use crate::lock::{grant_lines, limits_line};
use crate::mark::Mark;
use crate::plan::{
    Budget, Call, Effects, Escalate, Expectation, Input, Lane, PeriodBudget, Plan, Question, Rung, SkillPin,
    Step, Work,
};
use crate::review::Standing;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Everything shown of a flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FlowReview {
    /// The form of this object; `kapell.flow-review/1`.
    pub schema: &'static str,
    /// The flow's name.
    pub flow: FlowName,
    /// Its version, in its owner's counting.
    pub version: String,
    /// What it is for.
    pub purpose: Option<String>,
    /// Who is accountable.
    pub owner: Option<String>,
    /// The name of what it does and asks ([`Meaning::digest`]).
    pub meaning: Digest,
    /// What a run may spend.
    pub budget: Budget,
    /// What all runs together may spend, as the policy says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flow_budgets: Vec<PeriodBudget>,
    /// The inputs, with their marks.
    pub inputs: Vec<Input>,
    /// The preconditions.
    pub require: Vec<String>,
    /// Texts beside the flow, by the name expressions use.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// The steps in order.
    pub steps: Vec<ReviewedStep>,
    /// What comes out: name and expression.
    pub outputs: BTreeMap<String, String>,
    /// The people of every role it lets decide.
    pub people: BTreeMap<Role, Vec<String>>,
    /// Everything any step may reach, with the steps that may.
    pub reach: Vec<ReviewedReach>,
    /// How data moves.
    pub moves: Vec<Move>,
    /// Where private data, untrusted content and a way out meet.
    pub meetings: Vec<Meeting>,
    /// What changed since it was approved; none when it never was.
    pub changes: Option<Vec<FlowChange>>,
    /// Whether it is approved.
    pub standing: Standing,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedStep {
    /// Its id.
    pub id: StepId,
    /// Only when this holds.
    pub when: Option<String>,
    /// What its attempts may spend, in words; not said where the step bounds nothing itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// What its author says of the value it comes to.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<Mark>,
    /// What it calls: its own call, its verdict's, its ladder's.
    pub calls: Vec<ReviewedCall>,
    /// What must hold of its answer.
    pub expect: Option<String>,
    /// How often a trap or an upstream failure is tried again.
    pub retry: u32,
    /// Where its ladder makes the same call again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<ReviewedAgain>,
    /// Whom it asks: itself or at the end of its ladder.
    pub questions: Vec<ReviewedQuestion>,
}

/// The step's own call once more.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedAgain {
    /// Which rung of the ladder it is, from 1.
    pub rung: usize,
    /// The arguments added or replaced, as written.
    pub with: BTreeMap<String, Value>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedCall {
    /// What it is of the step: `work`, `verdict` or `rung`.
    pub part: &'static str,
    /// Which rung of the ladder it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rung: Option<usize>,
    /// The skill and its bytes.
    pub skill: SkillPin,
    /// The operation.
    pub operation: String,
    /// Its lane.
    pub lane: Lane,
    /// Its class of effect.
    pub effects: Effects,
    /// Its arguments as written.
    pub with: BTreeMap<String, Value>,
    /// What it may reach.
    pub reach: Vec<ReviewedReach>,
    /// What one attempt may spend, as a canonical line.
    pub limits: String,
}

/// One thing that may be reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedReach {
    /// The grant as a canonical line.
    pub grant: String,
    /// What comes in or goes out by it.
    pub marks: BTreeSet<Mark>,
    /// The steps that may reach it.
    pub steps: Vec<StepId>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedQuestion {
    /// Which rung of the ladder it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rung: Option<usize>,
    /// Who is asked.
    pub role: Role,
    /// The people of the role.
    pub people: Vec<String>,
    /// What is asked, as written.
    pub text: String,
    /// What is shown beside it: name and expression.
    pub show: BTreeMap<String, String>,
    /// What an answer looks like, in words.
    pub answer: String,
    /// Who is asked as well, after how long, if anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalate>,
    /// When it ends unanswered, if ever.
    pub expires: Option<String>,
    /// Who may override it, if anybody.
    pub override_by: Option<Role>,
}

impl FlowReview {
    /// The review of a plan.
    #[must_use]
    pub fn of(
        plan: &Plan,
        marks: &Marks<'_>,
        folder: &Path,
        changes: Option<Vec<FlowChange>>,
        standing: Standing,
    ) -> Self {
        let shown = Showing { plan, marks, folder };
        let steps: Vec<ReviewedStep> = plan.steps.iter().map(|step| shown.step(step)).collect();
        Self {
            schema: "kapell.flow-review/1",
            flow: plan.flow.clone(),
            version: plan.version.clone(),
            purpose: plan.purpose.clone(),
            owner: plan.owner.clone(),
            meaning: Meaning::of(plan, marks, folder).digest(),
            budget: plan.budget.clone(),
            flow_budgets: plan.flow_budgets.clone(),
            inputs: plan.inputs.clone(),
            require: plan.require.iter().map(|one| one.that.clone()).collect(),
            files: plan.files.clone(),
            outputs: plan.outputs.clone(),
            people: plan.roles.clone(),
            reach: union(&steps),
            steps,
            moves: moves(plan),
            meetings: meetings(plan, marks),
            changes,
            standing,
        }
    }

    /// The name of exactly what was shown: of its JSON without whether it is approved.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let shown = Self { standing: Standing::Development, ..self.clone() };
        // Fields stand in the order they are declared, maps by their keys: the text is the same everywhere.
        Digest::of(serde_json::to_string(&shown).unwrap_or_default().as_bytes())
    }
}

/// The same thing reached by several steps stands once.
fn union(steps: &[ReviewedStep]) -> Vec<ReviewedReach> {
    let mut all: BTreeMap<&str, ReviewedReach> = BTreeMap::new();
    for reach in steps.iter().flat_map(|step| &step.calls).flat_map(|call| &call.reach) {
        let known =
            all.entry(&reach.grant).or_insert_with(|| ReviewedReach { steps: Vec::new(), ..reach.clone() });
        known.steps.extend(
            reach.steps.iter().filter(|step| !known.steps.contains(step)).cloned().collect::<Vec<_>>(),
        );
    }
    all.into_values().collect()
}

struct Showing<'p> {
    plan: &'p Plan,
    marks: &'p Marks<'p>,
    folder: &'p Path,
}

impl Showing<'_> {
    fn step(&self, step: &Step) -> ReviewedStep {
        let mut shown = ReviewedStep {
            id: step.id.clone(),
            when: step.when.clone(),
            budget: (!step.budget.is_empty()).then(|| step.budget.words()),
            marks: step.marks.clone(),
            calls: Vec::new(),
            expect: None,
            retry: 0,
            again: Vec::new(),
            questions: Vec::new(),
        };
        match &step.work {
            Work::Ask { question } => shown.questions.push(self.question(None, question)),
            Work::Call { call, expect, otherwise, retry } => {
                shown.retry = *retry;
                shown.calls.push(self.call(&step.id, "work", None, call));
                shown.expect = expect.as_ref().map(|expect| match expect {
                    Expectation::Holds { that } => that.clone(),
                    Expectation::Verdict { call, holds } => {
                        shown.calls.push(self.call(&step.id, "verdict", None, call));
                        holds.clone()
                    }
                });
                let rungs = (1..).zip(otherwise);
                rungs.for_each(|(rung, way)| self.rung(&mut shown, rung, way));
            }
        }
        shown
    }

    fn rung(&self, step: &mut ReviewedStep, rung: usize, way: &Rung) {
        match way {
            Rung::Again { with } => step.again.push(ReviewedAgain { rung, with: as_authored(with) }),
            Rung::Use { call } => step.calls.push(self.call(&step.id, "rung", Some(rung), call)),
            Rung::Ask { question } => step.questions.push(self.question(Some(rung), question)),
        }
    }

    fn call(&self, step: &StepId, part: &'static str, rung: Option<usize>, call: &Call) -> ReviewedCall {
        let line = |grant: &Grant| {
            let alone = crate::grant::GrantSet::of(vec![grant.clone()]);
            grant_lines(&alone, self.folder).concat()
        };
        let reach = call.grants.grants.iter().map(|grant| ReviewedReach {
            grant: line(grant),
            marks: (self.marks)(grant),
            steps: vec![step.clone()],
        });
        ReviewedCall {
            part,
            rung,
            skill: call.skill.clone(),
            operation: call.operation.name.clone(),
            lane: call.lane,
            effects: call.effects,
            with: as_authored(&call.with),
            reach: reach.collect(),
            limits: limits_line(&call.limits.limits),
        }
    }

    fn question(&self, rung: Option<usize>, question: &Question) -> ReviewedQuestion {
        ReviewedQuestion {
            rung,
            role: question.role.clone(),
            people: self.plan.roles.get(&question.role).cloned().unwrap_or_default(),
            text: question.text.written(),
            show: question.show.clone(),
            answer: question.answer.words(),
            escalate: question.escalate.clone(),
            expires: question.expire.map(|span| span.to_string()),
            override_by: question.override_by.clone(),
        }
    }
}
