//! A review of a flow: what it does, asks and reaches, how data moves through it, and what changed since it was
//! approved, as data.
//!
//! It is a pure function of plan, policy and lock. [`FlowReview::digest`] names exactly what was shown, and an approval
//! is bound to it; whether the flow is approved stands beside it and changes without it changing.

use super::meaning::Meaning;
use super::movement::{Marks, Meeting, Move, meetings, moves};
use super::widening::FlowChange;
use crate::digest::Digest;
use crate::grant::Grant;
use crate::id::{FlowName, Role, StepId};
use crate::lock::{grant_lines, limits_line};
use crate::mark::Mark;
use crate::plan::{
    Budget, Call, Effects, Expectation, Input, Lane, PeriodBudget, Plan, Question, Rung, SkillPin, Step, Work,
};
use crate::review::Standing;
use serde::Serialize;
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
    /// The steps in order.
    pub steps: Vec<ReviewedStep>,
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
    /// What it calls: its own call, its verdict's, its ladder's.
    pub calls: Vec<ReviewedCall>,
    /// What must hold of its answer.
    pub expect: Option<String>,
    /// Whom it asks: itself or at the end of its ladder.
    pub questions: Vec<ReviewedQuestion>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewedCall {
    /// What it is of the step: `work`, `verdict` or `rung`.
    pub part: &'static str,
    /// The skill and its bytes.
    pub skill: SkillPin,
    /// The operation.
    pub operation: String,
    /// Its lane.
    pub lane: Lane,
    /// Its class of effect.
    pub effects: Effects,
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
    /// Who is asked.
    pub role: Role,
    /// The people of the role.
    pub people: Vec<String>,
    /// What is asked, as written.
    pub text: String,
    /// What an answer looks like, in words.
    pub answer: String,
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
        let questions = step.questions().into_iter().map(|question| self.question(question)).collect();
        let (id, when) = (step.id.clone(), step.when.clone());
        let budget = (!step.budget.is_empty()).then(|| step.budget.words());
        let Work::Call { call, expect, otherwise, .. } = &step.work else {
            return ReviewedStep { id, when, budget, calls: Vec::new(), expect: None, questions };
        };
        let mut calls = vec![self.call(&step.id, "work", call)];
        let expect = expect.as_ref().map(|expect| match expect {
            Expectation::Holds { that } => that.clone(),
            Expectation::Verdict { call, holds } => {
                calls.push(self.call(&step.id, "verdict", call));
                holds.clone()
            }
        });
        for rung in otherwise {
            if let Rung::Use { call } = rung {
                calls.push(self.call(&step.id, "rung", call));
            }
        }
        ReviewedStep { id, when, budget, calls, expect, questions }
    }

    fn call(&self, step: &StepId, part: &'static str, call: &Call) -> ReviewedCall {
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
            skill: call.skill.clone(),
            operation: call.operation.name.clone(),
            lane: call.lane,
            effects: call.effects,
            reach: reach.collect(),
            limits: limits_line(&call.limits.limits),
        }
    }

    fn question(&self, question: &Question) -> ReviewedQuestion {
        ReviewedQuestion {
            role: question.role.clone(),
            people: self.plan.roles.get(&question.role).cloned().unwrap_or_default(),
            text: question.text.written(),
            answer: question.answer.words(),
            expires: question.expire.map(|span| span.to_string()),
            override_by: question.override_by.clone(),
        }
    }
}
