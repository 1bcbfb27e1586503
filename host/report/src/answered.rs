//! Questions as a run's entries tell them: what opened each, over which values, and what was said. Everything that
//! counts questions reads them here, so that no two reports tell them apart in two ways.
//!
//! Two askings are the same question when they stand at the same place of a flow and the same condition opened them,
//! whatever the values were. Two answers are the same when the flow makes the same of them: a yes is a yes, and a value
//! is what the flow takes of it. What was said to the same question before is its precedents.

use crate::log::instant;
use crate::plain::{line, short, value};
use kapell_journal::entry::{
    AskReason, AttemptEnded, BlobRef, Body, Entry, Purpose, QuestionAnswered, QuestionAsked, RecordedEnding,
    Verdict,
};
use kapell_model::digest::Digest;
use kapell_model::flow::Taken;
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
    /// When.
    pub at: Timestamp,
    /// What opened it; none for a question that is always asked, or that no condition opened.
    pub condition: Option<Condition>,
    /// How the attempt ended that had no output, where that opened it.
    pub broke: Option<String>,
    /// When it was over: answered or expired; none while it is open, and when the run ended with it.
    pub until: Option<Timestamp>,
    /// What was said; none while it waits, and when nobody said anything in time.
    pub said: Option<Said>,
}

/// The condition that opened a question: of a step that asks the one that held, of a ladder the one that did not.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As it stands in the flow.
    pub text: String,
    /// Whether it held.
    pub held: bool,
    /// The values it read, by path.
    pub seen: Value,
}

/// What was said to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The answer.
    pub answer: Answer,
    /// The value given, whole, where one was.
    pub value: Option<BlobRef>,
    /// Who said it.
    pub by: String,
    /// As whom: the role that was asked, or the one that may override.
    pub role: Role,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Minutes of their time they state.
    pub minutes: Option<String>,
    /// When.
    pub at: Timestamp,
    /// In which run.
    pub run: RunId,
    /// Whether the flow came to what it would have come to by what the skill had answered: a yes, or a value of which
    /// it takes the same.
    pub unchanged: bool,
}

/// An answer, as two of them are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// Yes, no, a value, or an override.
    pub verdict: Verdict,
    /// What the flow takes of the value, where one was given.
    pub part: Option<Part>,
}

/// What a flow takes of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Part {
    /// The digest of its JSON; of the whole value, where that is not kept any more.
    pub digest: Digest,
    /// It on one line, cut where it is long.
    pub words: String,
}

/// How long a value may stand in a report.
const VALUE_WIDTH: usize = 80;

/// What a flow takes of a value that a step came to.
pub type Take<'t> = dyn Fn(&StepId, &BlobRef) -> Part + 't;

impl Part {
    /// What a flow takes of a value that `values` finds.
    #[must_use]
    pub fn of(
        taken: &Taken,
        step: &StepId,
        named: &BlobRef,
        values: impl FnOnce(&BlobRef) -> Option<Value>,
    ) -> Self {
        match values(named).map(|value| taken.part(step, &value)) {
            Some(part) => {
                Self { digest: Digest::of(part.to_string().as_bytes()), words: value(&part, VALUE_WIDTH) }
            }
            None => Self { digest: *named.digest(), words: named.digest().short() },
        }
    }
}

impl Asking {
    /// Whether the other is the same question.
    #[must_use]
    pub fn is_same_as(&self, other: &Asking) -> bool {
        let place = |it: &Asking| (it.step.clone(), it.rung, it.reason);
        let condition = |it: &Asking| it.condition.as_ref().map(|condition| condition.text.clone());
        place(self) == place(other) && condition(self) == condition(other)
    }

    /// What opened it, in words.
    #[must_use]
    pub fn opened_by(&self) -> String {
        match (self.reason, &self.condition, &self.broke) {
            (AskReason::Doubt, ..) => "it is not known whether an effect happened".into(),
            (AskReason::RunBudget, ..) => "the run's budget would be passed".into(),
            (AskReason::StepBudget, ..) => "the step's budget would be passed".into(),
            (AskReason::DayBudget, ..) => "the flow's daily budget would be passed".into(),
            (AskReason::WeekBudget, ..) => "the flow's weekly budget would be passed".into(),
            (AskReason::MonthBudget, ..) => "the flow's monthly budget would be passed".into(),
            (_, Some(condition), _) if condition.held => condition.text.clone(),
            (_, Some(condition), _) => format!("not ({})", condition.text),
            (_, None, Some(broke)) => broke.clone(),
            (AskReason::Flow, None, None) => "always asked".into(),
            (AskReason::Ladder, None, None) => "the ladder came to it".into(),
        }
    }
}

/// The questions of a run in the order they were asked.
#[must_use]
pub fn askings(entries: &[Entry], take: &Take<'_>) -> Vec<Asking> {
    let mut reading =
        Reading { take, asked: Vec::new(), opened: BTreeMap::new(), outputs: BTreeMap::new(), working: None };
    entries.iter().for_each(|entry| reading.read(entry));
    reading.asked
}

struct Reading<'e> {
    take: &'e Take<'e>,
    asked: Vec<Asking>,
    opened: BTreeMap<&'e StepId, Opened<'e>>,
    outputs: BTreeMap<&'e StepId, &'e BlobRef>,
    /// The attempt that does a step's work, not one that judges it.
    working: Option<u32>,
}

/// What a question would be opened by.
enum Opened<'e> {
    Condition { text: &'e str, held: bool, seen: &'e Value },
    Broke(&'e AttemptEnded),
}

impl<'e> Reading<'e> {
    fn read(&mut self, entry: &'e Entry) {
        match &entry.body {
            Body::StepChosen { step, condition: text, seen } => {
                self.opened.insert(step, Opened::Condition { text, held: true, seen });
            }
            Body::ExpectationJudged { step, by: text, seen, held: false, .. } => {
                self.opened.insert(step, Opened::Condition { text, held: false, seen });
            }
            // What was judged before was another output.
            Body::AttemptStarted(it) if it.purpose == Purpose::Work => {
                self.opened.remove(&it.step);
                self.working = Some(it.attempt);
            }
            Body::AttemptEnded(it) if self.working == Some(it.attempt) => match &it.ending {
                RecordedEnding::Output(value) => drop(self.outputs.insert(&it.step, value)),
                _ => drop(self.opened.insert(&it.step, Opened::Broke(it))),
            },
            Body::QuestionAsked(it) => self.ask(it, entry.at),
            Body::QuestionAnswered(it) => self.say(entry, it, None),
            Body::QuestionOverridden(it) => self.say(entry, &it.as_answer(), Some(&it.role)),
            Body::QuestionExpired { .. } => self.close(entry.at),
            _ => {}
        }
    }

    fn ask(&mut self, asked: &QuestionAsked, at: Timestamp) {
        let by_flow = matches!(asked.reason, AskReason::Flow | AskReason::Ladder);
        let (condition, broke) = match self.opened.get(&asked.step).filter(|_| by_flow) {
            Some(Opened::Condition { text, held, seen }) => {
                (Some(Condition { text: (*text).into(), held: *held, seen: (*seen).clone() }), None)
            }
            Some(Opened::Broke(ended)) => (None, Some(ended_words(ended))),
            None => (None, None),
        };
        let (step, rung, reason, role) = (asked.step.clone(), asked.rung, asked.reason, asked.role.clone());
        self.asked.push(Asking { step, rung, reason, role, at, condition, broke, until: None, said: None });
    }

    /// One question is open at a time: the last.
    fn say(&mut self, entry: &Entry, it: &QuestionAnswered, role: Option<&Role>) {
        self.close(entry.at);
        let part = it.value.as_ref().map(|value| (self.take)(&it.step, value));
        let unchanged = match it.verdict {
            Verdict::Approved => true,
            Verdict::Rejected | Verdict::Overridden => false,
            Verdict::Answered => {
                part.is_some() && part == self.outputs.get(&it.step).map(|value| (self.take)(&it.step, value))
            }
        };
        let Some(asked) = self.asked.last_mut() else { return };
        asked.said = Some(Said {
            answer: Answer { verdict: it.verdict, part },
            value: it.value.clone(),
            by: it.by.clone(),
            role: role.unwrap_or(&asked.role).clone(),
            reason: it.reason.clone().filter(|reason| !reason.trim().is_empty()),
            minutes: it.minutes.clone(),
            at: entry.at,
            run: entry.run.clone(),
            unchanged,
        });
    }

    fn close(&mut self, at: Timestamp) {
        if let Some(last) = self.asked.last_mut() {
            last.until = Some(at);
        }
    }
}

fn ended_words(ended: &AttemptEnded) -> String {
    match &ended.ending {
        RecordedEnding::Output(_) => "an output".into(),
        RecordedEnding::SkillError(_) => ended.error_words(),
        RecordedEnding::Refusal(_) => "the host refused".into(),
        RecordedEnding::Trap(trap) => format!("stopped by {}", trap.cause.word()),
        RecordedEnding::Cancelled => "cancelled".into(),
        RecordedEnding::Lost => "the host lost the attempt".into(),
    }
}

/// How often the same was said to the same question before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Precedent {
    /// The answer.
    #[serde(rename = "verdict", serialize_with = "verdict")]
    pub answer: Answer,
    /// The value given last, where one was.
    #[serde(skip)]
    pub named: Option<BlobRef>,
    /// It, where it is kept.
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
        let Said { answer, value: named, by, role, reason, at, run, .. } = said;
        let (new_answer, value) = (answer.clone(), None);
        let new = Precedent { answer: new_answer, named, value, times: 0, by, role, last: at, run, reason };
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
