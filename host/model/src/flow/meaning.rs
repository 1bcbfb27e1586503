//! The meaning of a plan: what people approve of a flow, one clause for each thing it says.
//!
//! Left out is what changes nothing that happens: names for people, the outcome with its worth and when it is had, and
//! the bytes of skills, which are approved on their own. Each clause is one line, the same clause always the same line, and reads back.

use super::movement::{Marks, meetings};
use crate::digest::Digest;
use crate::id::{Role, SkillName, StepId};
use crate::lock::{grant_lines, limits_line};
use crate::mark::Mark;
use crate::money::Money;
use crate::period::Per;
use crate::plan::{
    AnswerShape, Budget, Call, Effects, Expectation, Input, PeriodBudget, Plan, Question, Rung, Template,
    Work,
};
use crate::quantity::Span;
use crate::shape::Shape;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a flow does and asks, clause by clause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meaning {
    /// The clauses: the head's, then the steps' in order, then what comes out, then what a reviewer was warned of.
    pub clauses: Vec<Clause>,
}

/// One thing a flow says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "a flow has a few dozen clauses, most of them steps")]
pub enum Clause {
    /// What a run may spend.
    Budget(BudgetMeaning),
    /// What all runs together may spend in a period.
    FlowBudget(Per, BudgetMeaning),
    /// A precondition.
    Require(String),
    /// An input.
    Input(Input),
    /// A text beside the flow, by the name expressions use.
    File(String, Digest),
    /// A step.
    Step(StepMeaning),
    /// An output: its name and expression.
    Output(String, String),
    /// A step in which private data, untrusted content and a way out meet.
    Meeting(MeetingMeaning),
}

impl Clause {
    fn roles(&self) -> Vec<&Role> {
        match self {
            Clause::Budget(budget) | Clause::FlowBudget(_, budget) => budget.role().into_iter().collect(),
            Clause::Step(step) => step.budget.role().into_iter().chain(step.work.roles()).collect(),
            _ => Vec::new(),
        }
    }
}

/// What may be spent, and who may let it be passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetMeaning {
    /// Money for attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// Wall time of attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Span>,
    /// Who is asked past it, and the people of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<(Role, Vec<String>)>,
}

impl BudgetMeaning {
    fn role(&self) -> Option<&Role> {
        self.over.as_ref().map(|(role, _)| role)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a step does, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepMeaning {
    /// Its id.
    pub id: StepId,
    /// Only when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What its attempts may spend.
    #[serde(default, skip_serializing_if = "BudgetMeaning::is_empty")]
    pub budget: BudgetMeaning,
    /// What its author says of the value it comes to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub marks: BTreeSet<Mark>,
    /// What it does.
    pub work: WorkMeaning,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "a flow has tens of steps")]
pub enum WorkMeaning {
    /// It calls, with what is expected of the answer and what happens otherwise.
    Call {
        /// The call.
        call: CallMeaning,
        /// What must hold of its answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect: Option<ExpectMeaning>,
        /// The further rungs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        otherwise: Vec<RungMeaning>,
        /// How often it is tried again after a trap.
        retry: u32,
    },
    /// It asks.
    Ask(QuestionMeaning),
}

impl WorkMeaning {
    fn roles(&self) -> Vec<&Role> {
        match self {
            WorkMeaning::Ask(question) => question.roles(),
            WorkMeaning::Call { otherwise, .. } => {
                let asked = otherwise.iter().map(|rung| match rung {
                    RungMeaning::Ask(question) => question.roles(),
                    _ => Vec::new(),
                });
                asked.flatten().collect()
            }
        }
    }

    fn skills(&self) -> Vec<&SkillName> {
        self.calls().into_iter().map(|call| &call.skill).collect()
    }

    /// Its own call, its verdict's and its ladder's.
    pub(super) fn calls(&self) -> Vec<&CallMeaning> {
        let WorkMeaning::Call { call, expect, otherwise, .. } = self else { return Vec::new() };
        let verdict = expect.iter().filter_map(|expect| expect.verdict.as_ref());
        let rungs = otherwise.iter().filter_map(|rung| match rung {
            RungMeaning::Use(call) => Some(call),
            _ => None,
        });
        std::iter::once(call).chain(verdict).chain(rungs).collect()
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallMeaning {
    /// The skill, whatever version of it is in use.
    pub skill: SkillName,
    /// The operation.
    pub operation: String,
    /// What a crash in the middle means; the class also says whether anything is changed.
    pub effects: Effects,
    /// Whether it can answer with an error, which ends the run.
    pub fails: bool,
    /// Its arguments as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
    /// What it may reach, in canonical lines.
    pub grants: Vec<String>,
    /// What one attempt may spend, as a canonical line.
    pub limits: String,
}

/// What is expected of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectMeaning {
    /// The condition.
    pub holds: String,
    /// The skill whose verdict it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<CallMeaning>,
}

/// One further rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "a ladder has few rungs")]
pub enum RungMeaning {
    /// The same call with other arguments, as written.
    Again(BTreeMap<String, Value>),
    /// Another call.
    Use(CallMeaning),
    /// A person.
    Ask(QuestionMeaning),
}

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionMeaning {
    /// Who is asked.
    pub role: Role,
    /// The people of the role.
    pub people: Vec<String>,
    /// What is asked, as written.
    pub text: String,
    /// What is shown.
    pub show: BTreeMap<String, String>,
    /// What an answer looks like.
    pub answer: AnswerShape,
    /// Who is asked as well, after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<(Span, Role, Vec<String>)>,
    /// When it ends unanswered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<Span>,
    /// Who may let the run go on without an answer.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub override_by: Option<(Role, Vec<String>)>,
}

impl QuestionMeaning {
    fn roles(&self) -> Vec<&Role> {
        let escalated = self.escalate.iter().map(|(_, role, _)| role);
        let instead = self.override_by.iter().map(|(role, _)| role);
        std::iter::once(&self.role).chain(escalated).chain(instead).collect()
    }
}

/// A step in which private data, untrusted content and a way out meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeetingMeaning {
    /// The step.
    pub step: StepId,
    /// Where the private data is from.
    pub private: Vec<String>,
    /// Where the untrusted content is from.
    pub untrusted: Vec<String>,
    /// The ways out.
    pub outbound: Vec<String>,
}

impl Meaning {
    /// The skills it calls, verdicts and further rungs counted too.
    #[must_use]
    pub fn skills(&self) -> BTreeSet<&SkillName> {
        let steps = self.clauses.iter().filter_map(|clause| match clause {
            Clause::Step(step) => Some(&step.work),
            _ => None,
        });
        steps.flat_map(WorkMeaning::skills).collect()
    }

    /// The roles whose people it lets decide: those it asks, those asked when nobody has answered, those who may answer
    /// instead, and those who may let a budget be passed.
    #[must_use]
    pub fn roles(&self) -> BTreeSet<&Role> {
        self.clauses.iter().flat_map(Clause::roles).collect()
    }

    /// The meaning of a plan; directories of grants below `folder` are written from there.
    #[must_use]
    pub fn of(plan: &Plan, marks: &Marks<'_>, folder: &Path) -> Self {
        let writing = Writing { plan, folder };
        let require = plan.require.iter().map(|one| Clause::Require(one.that.clone()));
        let inputs = plan.inputs.iter().cloned().map(Clause::Input);
        let files = plan.files.iter().map(|(name, digest)| Clause::File(name.clone(), *digest));
        let steps = plan.steps.iter().map(|step| {
            let (budget, work) = (writing.budget(&step.budget), writing.work(&step.work));
            let (id, when, marks) = (step.id.clone(), step.when.clone(), step.marks.clone());
            Clause::Step(StepMeaning { id, when, budget, marks, work })
        });
        let outputs = plan.outputs.iter().map(|(name, source)| Clause::Output(name.clone(), source.clone()));
        let from = |traces: Vec<super::Trace>| traces.into_iter().map(|trace| trace.from).collect();
        let meetings = meetings(plan, marks).into_iter().map(|meeting| {
            Clause::Meeting(MeetingMeaning {
                step: meeting.step,
                private: from(meeting.private),
                untrusted: from(meeting.untrusted),
                outbound: meeting.outbound,
            })
        });
        let flow_budgets = plan.flow_budgets.iter().map(|budget| writing.flow_budget(budget));
        let head = std::iter::once(Clause::Budget(writing.budget(&plan.budget)))
            .chain(flow_budgets)
            .chain(require)
            .chain(inputs)
            .chain(files);
        Self { clauses: head.chain(steps).chain(outputs).chain(meetings).collect() }
    }

    /// One line a clause.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.clauses.iter().map(line).collect()
    }

    /// Reads lines back.
    ///
    /// # Errors
    /// The first line that is not as [`Meaning::lines`] writes it.
    pub fn read(lines: &[&str]) -> Result<Self, String> {
        let clauses = lines.iter().map(|text| {
            let clause = serde_json::from_str::<Clause>(text).ok().filter(|clause| line(clause) == *text);
            clause.ok_or_else(|| {
                let shown: String = text.chars().take(40).collect();
                format!("`{shown}…` is not a line as approving writes it")
            })
        });
        Ok(Self { clauses: clauses.collect::<Result<_, _>>()? })
    }

    /// The name of exactly this meaning.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.lines().join("\n").as_bytes())
    }
}

/// Fields stand in the order they are declared, maps by their keys: the text is the same everywhere.
fn line(clause: &Clause) -> String {
    serde_json::to_string(clause).unwrap_or_default()
}

/// What the clauses of steps are written from.
struct Writing<'p> {
    plan: &'p Plan,
    folder: &'p Path,
}

impl Writing<'_> {
    fn budget(&self, budget: &Budget) -> BudgetMeaning {
        let over = budget.over.as_ref().map(|role| (role.clone(), self.people(role)));
        BudgetMeaning { money: budget.money.clone(), work: budget.work, over }
    }

    fn flow_budget(&self, budget: &PeriodBudget) -> Clause {
        let over = budget.over.as_ref().map(|role| (role.clone(), self.people(role)));
        let bound = BudgetMeaning { money: Some(budget.most.clone()), work: None, over };
        Clause::FlowBudget(budget.per, bound)
    }

    fn work(&self, work: &Work) -> WorkMeaning {
        match work {
            Work::Ask { question } => WorkMeaning::Ask(self.question(question)),
            Work::Call { call, expect, otherwise, retry } => WorkMeaning::Call {
                call: self.call(call),
                expect: expect.as_ref().map(|expect| self.expectation(expect)),
                otherwise: otherwise.iter().map(|rung| self.rung(rung)).collect(),
                retry: *retry,
            },
        }
    }

    fn call(&self, call: &Call) -> CallMeaning {
        CallMeaning {
            skill: call.skill.name.clone(),
            operation: call.operation.name.clone(),
            effects: call.effects,
            fails: matches!(call.operation.result, Some(Shape::Result { .. })),
            with: as_authored(&call.with),
            grants: grant_lines(&call.grants, self.folder),
            limits: limits_line(&call.limits.limits),
        }
    }

    fn expectation(&self, expect: &Expectation) -> ExpectMeaning {
        match expect {
            Expectation::Holds { that } => ExpectMeaning { holds: that.clone(), verdict: None },
            Expectation::Verdict { call, holds } => {
                ExpectMeaning { holds: holds.clone(), verdict: Some(self.call(call)) }
            }
        }
    }

    fn rung(&self, rung: &Rung) -> RungMeaning {
        match rung {
            Rung::Again { with } => RungMeaning::Again(as_authored(with)),
            Rung::Use { call } => RungMeaning::Use(self.call(call)),
            Rung::Ask { question } => RungMeaning::Ask(self.question(question)),
        }
    }

    fn question(&self, question: &Question) -> QuestionMeaning {
        let escalate = question.escalate.as_ref();
        QuestionMeaning {
            role: question.role.clone(),
            people: self.people(&question.role),
            text: question.text.written(),
            show: question.show.clone(),
            answer: question.answer.clone(),
            escalate: escalate.map(|it| (it.after, it.to.clone(), self.people(&it.to))),
            expire: question.expire,
            override_by: question.override_by.as_ref().map(|role| (role.clone(), self.people(role))),
        }
    }

    fn people(&self, role: &Role) -> Vec<String> {
        self.plan.roles.get(role).cloned().unwrap_or_default()
    }
}

/// Arguments as their author could have written them.
pub(super) fn as_authored(with: &BTreeMap<String, Template>) -> BTreeMap<String, Value> {
    with.iter().map(|(name, template)| (name.clone(), template.authored())).collect()
}
