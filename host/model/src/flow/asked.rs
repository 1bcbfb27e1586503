//! The questions of a flow as they can be learned from: what opens each, and where that stands in the text.

use super::authored::{Authored, Expectation, Question, Rung, Work};
use super::page::Written;
use crate::id::{Role, StepId};
use std::ops::Range;

/// A question of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The step.
    pub step: StepId,
    /// The rung of its ladder, 0 for a step that asks.
    pub rung: u32,
    /// Who is asked.
    pub role: Role,
    /// What opens it; none for a question that is always asked, or that a ladder comes to without a condition.
    pub opens: Option<Opens>,
}

/// What opens a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opens {
    /// The condition.
    pub condition: String,
    /// How it opens the question.
    pub by: OpensBy,
    /// The bytes of the text it stands on.
    pub at: Range<usize>,
}

/// How a condition opens a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpensBy {
    /// It holds: the `when` of a step that asks.
    Holding,
    /// It does not hold over the output of the step's own call, and nothing else is tried before.
    Failing,
    /// It did not hold over the outputs of several rungs.
    FailingAgain,
}

impl Authored {
    /// The questions in the order of the text, budgets apart.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for step in &self.steps {
            let id = &step.id.value;
            match &step.work {
                Work::Ask(question) => {
                    let opens = step.when.as_ref().map(|when| opens(when, OpensBy::Holding));
                    asked.push(of(id, 0, question, opens));
                }
                Work::Call(call) => {
                    let expected = call.expect.as_ref().map(|expect| match expect {
                        Expectation::Holds(that) | Expectation::Verdict { holds: that, .. } => that,
                    });
                    for (rung, number) in call.otherwise.iter().zip(1_u32..) {
                        let Rung::Ask(question) = rung else { continue };
                        let by = if number == 1 { OpensBy::Failing } else { OpensBy::FailingAgain };
                        asked.push(of(id, number, question, expected.map(|it| opens(it, by))));
                    }
                }
            }
        }
        asked
    }

    /// The condition that decides whether a step asks: of a step that asks its own, of another what its output must
    /// meet.
    pub(super) fn condition_of(&self, step: &StepId) -> Option<Asked> {
        self.asked().into_iter().find(|asked| asked.step == *step)
    }
}

fn of(step: &StepId, rung: u32, question: &Question, opens: Option<Opens>) -> Asked {
    Asked { step: step.clone(), rung, role: question.role.value.clone(), opens }
}

fn opens(condition: &Written<String>, by: OpensBy) -> Opens {
    Opens { condition: condition.value.clone(), by, at: condition.at.clone() }
}

/// The ways in which a text can stand as a value in YAML, the plainest first. Which of them reads back as it is meant
/// depends on what stands around it, so whoever puts one in reads it back.
#[must_use]
pub fn written(text: &str) -> Vec<String> {
    let single = format!("'{}'", text.replace('\'', "''"));
    vec![text.to_owned(), single, serde_json::Value::String(text.into()).to_string()]
}
