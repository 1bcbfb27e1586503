//! One step of a run: what the plan says of it, what happened to it, what it came to.

use super::event::{Event, Teller};
use super::{Record, failing, pinned, told_at, told_at_last};
use crate::plain::line;
use kapell_journal::entry::{Body, Entry, RecordedEnding, RunEnding, Verdict};
use kapell_journal::fold::{RunState, Settled, StepState};
use kapell_model::id::StepId;
use kapell_model::plan::{Lane, Step, Work};
use kapell_model::quantity::{Span, Timestamp};
use serde::Serialize;

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepAccount {
    /// Its place in the plan, from 1.
    pub number: usize,
    /// Its id.
    pub id: StepId,
    /// What it came to, or how it stands.
    pub came_to: String,
    /// Whether it was left out by its condition, or never come to.
    pub untouched: bool,
    /// What the plan says of it, line by line.
    pub plan: Vec<String>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What took time: tries of skills, questions to people.
    pub bars: Vec<Bar>,
    /// What happens when it goes wrong.
    pub failing: Vec<String>,
}

/// Something that took time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bar {
    /// When it began.
    #[serde(serialize_with = "told_at")]
    pub from: Timestamp,
    /// When it was over, if it is.
    #[serde(serialize_with = "told_at_last")]
    pub until: Option<Timestamp>,
    /// Whether it is a question to people; otherwise a try of a skill.
    pub asked: bool,
    /// Whose work it is.
    pub lane: Lane,
    /// The skill that ran, or the role that was asked.
    pub name: String,
    /// How it went.
    pub worked: Worked,
}

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worked {
    /// It is not over.
    Open,
    /// A skill answered, a person said yes or gave a value.
    Well,
    /// Anything else.
    Badly,
}

/// The steps of the plan in order, each with what happened to it.
pub(super) fn steps(record: &Record<'_>, state: &RunState, teller: &Teller<'_>) -> Vec<StepAccount> {
    let told = record.plan.steps.iter().enumerate().map(|(index, step)| {
        let own = || record.entries.iter().filter(|entry| entry.body.step() == Some(&step.id));
        let now = state.steps.get(&step.id);
        StepAccount {
            number: index + 1,
            id: step.id.clone(),
            came_to: came_to(step, state, now),
            untouched: now.is_none_or(|now| now.skipped),
            plan: pinned::step(record.plan, step, Some(record.folder)),
            events: own().map(|entry| teller.event(entry)).collect(),
            bars: bars(own(), state),
            failing: failing::of_step(record.plan, step),
        }
    });
    told.collect()
}

/// How long questions were open.
pub(super) fn waited(steps: &[StepAccount], now: Timestamp) -> Span {
    let questions = steps.iter().flat_map(|step| &step.bars).filter(|bar| bar.asked);
    Span(questions.map(|bar| bar.until.unwrap_or(now).0.saturating_sub(bar.from.0)).sum())
}

fn bars<'e>(entries: impl Iterator<Item = &'e Entry>, state: &RunState) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for entry in entries {
        bars.extend(begun(entry));
        let Some((asked, worked)) = ended(&entry.body) else { continue };
        // A doubt is asked about while its attempt is open: what ends is the last open one of its own kind.
        let open = bars.iter_mut().rev().find(|bar| bar.until.is_none() && bar.asked == asked);
        if let Some(open) = open {
            (open.until, open.worked) = (Some(entry.at), worked);
        }
    }
    // What was open when the run ended is over with it.
    let over = state.ended.as_ref().map(|_| state.changed_at);
    for open in bars.iter_mut().filter(|bar| bar.until.is_none() && over.is_some()) {
        (open.until, open.worked) = (over, Worked::Badly);
    }
    bars
}

/// What begins with an entry.
fn begun(entry: &Entry) -> Option<Bar> {
    let (asked, lane, name) = match &entry.body {
        Body::AttemptStarted(it) => (false, it.lane, it.skill.name.to_string()),
        Body::QuestionAsked(it) => (true, Lane::Judgment, it.role.to_string()),
        _ => return None,
    };
    Some(Bar { from: entry.at, until: None, asked, lane, name, worked: Worked::Open })
}

/// What ends with an entry: whether a question, and how it went.
fn ended(body: &Body) -> Option<(bool, Worked)> {
    let worked = |well: bool| if well { Worked::Well } else { Worked::Badly };
    match body {
        Body::AttemptEnded(it) => Some((false, worked(matches!(it.ending, RecordedEnding::Output(_))))),
        Body::QuestionAnswered(it) => Some((true, worked(it.verdict != Verdict::Rejected))),
        Body::QuestionOverridden(_) | Body::QuestionExpired { .. } => Some((true, Worked::Badly)),
        _ => None,
    }
}

fn came_to(step: &Step, state: &RunState, now: Option<&StepState>) -> String {
    let here = state.ended.as_ref().filter(|it| it.step.as_ref() == Some(&step.id));
    let ended = |how: RunEnding| format!("the run ended here as {}", how.word());
    let Some(now) = now else { return here.map_or_else(|| never(state).into(), |it| ended(it.state)) };
    let rung = |rung: u32| if rung == 0 { String::new() } else { format!(" on rung {rung}") };
    let is_ask = matches!(step.work, Work::Ask { .. });
    match (&now.settled, &now.answered) {
        _ if now.skipped => "left out".into(),
        (Some(Settled::Output { attempt, .. }), Some(by)) => {
            format!("the answer of try {attempt}, which {} let stand", line(&by.by))
        }
        (Some(Settled::Output { attempt, .. }), None) => {
            format!("the answer of try {attempt}{}{}", rung(now.rung), unused(step, now.rung))
        }
        (Some(Settled::Given(_)), Some(by)) => format!("the value {} gave", line(&by.by)),
        (Some(Settled::Given(_)), None) => "a value given by a person".into(),
        (Some(Settled::Answer(by)), _) => match by.verdict {
            Verdict::Overridden => format!("overridden by {}", line(&by.by)),
            Verdict::Answered => format!("the value {} gave", line(&by.by)),
            _ => format!("approved by {}", line(&by.by)),
        },
        (None, _) => match state.ended.as_ref() {
            Some(over) => ended(over.state),
            None if state.doubt.is_some() => "in doubt".into(),
            None if state.question.is_some() => "waits for a person".into(),
            None if is_ask => "about to ask".into(),
            None => "under way".into(),
        },
    }
}

/// That a ladder had more rungs than were needed.
fn unused(step: &Step, rung: u32) -> &'static str {
    let rungs = match &step.work {
        Work::Call { otherwise, .. } => otherwise.len(),
        Work::Ask { .. } => 0,
    };
    if usize::try_from(rung).is_ok_and(|rung| rung < rungs) { "; no further rung was needed" } else { "" }
}

const fn never(state: &RunState) -> &'static str {
    if state.ended.is_some() { "never come to" } else { "not come to yet" }
}
