//! Questions as a run's entries tell them: what opened each, over which values, and what was said.
//!
//! Two askings are the same question when they stand at the same place of a flow and the same condition opened them,
//! whatever the values were. What was said to the same question before is its precedents.

use crate::log::instant;
use crate::plain::{line, short, value};
use kapell_journal::entry::{
    AskReason, BlobRef, Body, Entry, Purpose, QuestionAnswered, QuestionAsked, RecordedEnding, Verdict,
};
use kapell_model::id::{Role, RunId, StepId};
use kapell_model::quantity::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A question that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asking {
    /// The step.
    pub step: StepId,
    /// The rung of its ladder, 0 for a step that asks.
    pub rung: u32,
    /// Why it was asked.
    pub reason: AskReason,
    /// Who was asked.
    pub role: Role,
    /// What opened it; none for a question that is always asked, or that no condition opened.
    pub condition: Option<Condition>,
    /// What was said; none while it waits, and when nobody said anything in time.
    pub said: Option<Said>,
}

/// The condition that opened a question: of a step that asks the one that held, of a ladder the one that did not.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As it stands in the flow.
    pub text: String,
    /// The values it read, by path.
    pub seen: Value,
}

/// What was said to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The answer.
    pub answer: Answer,
    /// Who said it.
    pub by: String,
    /// As whom: the role that was asked, or the one that may override.
    pub role: Role,
    /// Why, in their words.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// In which run.
    pub run: RunId,
    /// Whether the step came to what its skill had answered: a yes, or the same value.
    pub unchanged: bool,
}

/// An answer, as two of them are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// Yes, no, a value, or an override.
    pub verdict: Verdict,
    /// The value, where one was given.
    pub value: Option<BlobRef>,
}

impl Asking {
    /// Whether the other is the same question.
    #[must_use]
    pub fn is_same_as(&self, other: &Asking) -> bool {
        let place = |it: &Asking| (it.step.clone(), it.rung, it.reason);
        let condition = |it: &Asking| it.condition.as_ref().map(|condition| condition.text.clone());
        place(self) == place(other) && condition(self) == condition(other)
    }
}

/// The questions of a run in the order they were asked.
#[must_use]
pub fn askings(entries: &[Entry]) -> Vec<Asking> {
    let mut reading = Reading::default();
    entries.iter().for_each(|entry| reading.read(entry));
    reading.asked
}

#[derive(Default)]
struct Reading<'e> {
    asked: Vec<Asking>,
    conditions: BTreeMap<&'e StepId, Condition>,
    outputs: BTreeMap<&'e StepId, &'e BlobRef>,
    /// The attempt that does a step's work, not one that judges it.
    working: Option<u32>,
}

impl<'e> Reading<'e> {
    fn read(&mut self, entry: &'e Entry) {
        match &entry.body {
            Body::StepChosen { step, condition, seen }
            | Body::ExpectationJudged { step, by: condition, seen, held: false, .. } => {
                let condition = Condition { text: condition.clone(), seen: seen.clone() };
                self.conditions.insert(step, condition);
            }
            // What was judged before was another output.
            Body::AttemptStarted(it) if it.purpose == Purpose::Work => {
                self.conditions.remove(&it.step);
                self.working = Some(it.attempt);
            }
            Body::AttemptEnded(it) if self.working == Some(it.attempt) => {
                if let RecordedEnding::Output(value) = &it.ending {
                    self.outputs.insert(&it.step, value);
                }
            }
            Body::QuestionAsked(it) => self.ask(it),
            Body::QuestionAnswered(it) => self.say(entry, it, None),
            Body::QuestionOverridden(it) => self.say(entry, &it.as_answer(), Some(&it.role)),
            _ => {}
        }
    }

    fn ask(&mut self, asked: &QuestionAsked) {
        let by_flow = matches!(asked.reason, AskReason::Flow | AskReason::Ladder);
        self.asked.push(Asking {
            step: asked.step.clone(),
            rung: asked.rung,
            reason: asked.reason,
            role: asked.role.clone(),
            condition: self.conditions.get(&asked.step).filter(|_| by_flow).cloned(),
            said: None,
        });
    }

    /// One question is open at a time: the last.
    fn say(&mut self, entry: &Entry, it: &QuestionAnswered, role: Option<&Role>) {
        let same = it.value.as_ref() == self.outputs.get(&it.step).copied();
        let Some(asked) = self.asked.last_mut() else { return };
        asked.said = Some(Said {
            answer: Answer { verdict: it.verdict, value: it.value.clone() },
            by: it.by.clone(),
            role: role.unwrap_or(&asked.role).clone(),
            reason: it.reason.clone().filter(|reason| !reason.trim().is_empty()),
            at: entry.at,
            run: entry.run.clone(),
            unchanged: it.verdict == Verdict::Approved || (it.verdict == Verdict::Answered && same),
        });
    }
}

/// How often the same was said to the same question before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Precedent {
    /// The answer.
    #[serde(rename = "verdict", serialize_with = "verdict")]
    pub answer: Answer,
    /// The value given, where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// How often.
    pub times: u64,
    /// By whom last.
    pub by: String,
    /// As whom.
    pub role: Role,
    /// When last.
    #[serde(serialize_with = "at")]
    pub last: Timestamp,
    /// In which run last.
    pub run: RunId,
    /// The last reason anybody gave for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn verdict<S: Serializer>(answer: &Answer, serializer: S) -> Result<S::Ok, S::Error> {
    answer.verdict.serialize(serializer)
}

fn at<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&instant(*at))
}

/// What was said to the same question, the most frequent answer first; `past` in any order.
#[must_use]
pub fn precedents(open: &Asking, past: impl Iterator<Item = Asking>) -> Vec<Precedent> {
    let mut known: BTreeMap<Answer, (Precedent, Timestamp)> = BTreeMap::new();
    for said in past.filter(|asking| asking.is_same_as(open)).filter_map(|asking| asking.said) {
        let Said { answer, by, role, reason, at, run, .. } = said;
        let new =
            Precedent { answer: answer.clone(), value: None, times: 0, by, role, last: at, run, reason };
        let (precedent, explained) = known.entry(answer).or_insert_with(|| (new.clone(), at));
        let times = precedent.times + 1;
        let reason = match &new.reason {
            Some(_) if at >= *explained || precedent.reason.is_none() => {
                *explained = at;
                new.reason.clone()
            }
            _ => precedent.reason.clone(),
        };
        let latest = if at >= precedent.last { new } else { precedent.clone() };
        *precedent = Precedent { times, reason, ..latest };
    }
    let mut precedents: Vec<Precedent> = known.into_values().map(|(precedent, _)| precedent).collect();
    precedents.sort_by_key(|it| std::cmp::Reverse((it.times, it.last)));
    precedents
}

/// Most precedents that are shown on a terminal.
const SHOWN_MAX: usize = 5;

/// The precedents as they stand below a question, a line each, or two with a reason.
#[must_use]
pub fn text(precedents: &[Precedent]) -> String {
    let lines = precedents.iter().take(SHOWN_MAX).enumerate().map(|(index, it)| {
        let head = if index == 0 { "before:" } else { "" };
        let (last, by) = (instant(it.last), line(&it.by));
        let times = times(it.times);
        let why = it.reason.as_ref().map(|why| format!(": {}", short(why, 160))).unwrap_or_default();
        format!("\n  {head:<7} {} {times}, last {last} by {by} as {}{why}", it.words(), it.role)
    });
    let more = precedents.len().saturating_sub(SHOWN_MAX);
    let more = (more > 0).then(|| format!("\n          and {more} other answers"));
    lines.chain(more).collect()
}

/// `once`, `5 times`.
#[must_use]
pub fn times(count: u64) -> String {
    match count {
        1 => "once".into(),
        many => format!("{many} times"),
    }
}

impl Precedent {
    fn words(&self) -> String {
        match (&self.value, self.answer.verdict) {
            (Some(given), _) => format!("answered {}", value(given, 80)),
            (None, verdict) => word(verdict).into(),
        }
    }
}

/// The word people see.
#[must_use]
pub const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "approved",
        Verdict::Rejected => "rejected",
        Verdict::Answered => "answered",
        Verdict::Overridden => "overridden",
    }
}

#[cfg(test)]
mod tests;
