//! What a person sees while a run goes on: a line when something came to an end, not for every entry.

use crate::limit::stopped;
use crate::log::{Values, pin};
use crate::plain::{micros, number, short, value};
use kapell_journal::entry::{AttemptEnded, BlobRef, Body, Entry, Purpose, RecordedEnding, Verdict};
use kapell_journal::fold::RunState;
use kapell_model::id::RunId;

/// The lines of all runs that somebody sees going on, one below the other.
#[derive(Default)]
pub struct Lines {
    /// Whose line stands last.
    last: Option<RunId>,
}

impl Lines {
    /// What is told of an entry, for those of which something is: its line, below its run's name where the line before is
    /// another run's.
    pub fn told(&mut self, entry: &Entry, state: &RunState, values: &Values<'_>) -> Option<String> {
        let line = line(entry, state, values)?;
        let names_it = matches!(entry.body, Body::RunStarted(_) | Body::RunResumed { .. });
        let is_below = self.last.as_ref() == Some(&state.run);
        self.last = Some(state.run.clone());
        Some(if names_it || is_below { line } else { format!("{}\n{line}", state.run) })
    }
}

/// The line for an entry, for those that have one.
fn line(entry: &Entry, state: &RunState, values: &Values<'_>) -> Option<String> {
    let step = |id: &dyn std::fmt::Display, words: String| Some(format!("  {:<12}  {words}", id.to_string()));
    match &entry.body {
        Body::RunStarted(it) => Some(format!("{}  {} {}", state.run, it.flow, short(&it.version, 24))),
        Body::RunResumed { .. } => Some(format!("{}  resumed", state.run)),
        Body::StepSkipped { step: id, condition, .. } => {
            step(id, format!("skipped    `{}` does not hold", short(condition, 60)))
        }
        Body::AttemptEnded(it) => step(&it.step, ended(it, state, values)),
        Body::ExpectationJudged { step: id, by, held: false, .. } => {
            step(id, format!("sent back  `{}` does not hold", short(by, 80)))
        }
        Body::LadderMoved { step: id, to: Some(to), .. } => step(id, format!("ladder     on to rung {to}")),
        Body::QuestionAsked(it) => step(&it.step, format!("asks       {}", it.role)),
        Body::QuestionReminded { step: id, .. } => step(id, "reminded   the question still waits".into()),
        Body::QuestionEscalated { step: id, to, .. } => step(id, format!("escalated  {to} is asked as well")),
        Body::QuestionExpired { step: id, .. } => {
            step(id, "expired    nobody answered, which is never a yes".into())
        }
        Body::QuestionAnswered(it) => {
            let said = match it.verdict {
                Verdict::Approved => "approved",
                Verdict::Rejected => "rejected",
                Verdict::Answered => "answered",
                Verdict::Overridden => "overridden",
            };
            step(&it.step, format!("{said:<9}  by {}", short(&it.by, 40)))
        }
        Body::QuestionOverridden(it) => {
            step(&it.step, format!("overridden by {}: {}", short(&it.by, 40), short(&it.reason, 80)))
        }
        Body::DoubtRaised { step: id, .. } => {
            step(id, "in doubt   it may have happened and must not happen twice".into())
        }
        Body::RunEnded(it) => {
            it.reason.as_ref().map(|why| format!("  {}: {}", it.state.word(), short(why, 160)))
        }
        _ => None,
    }
}

fn ended(it: &AttemptEnded, state: &RunState, values: &Values<'_>) -> String {
    let shown = |named: &BlobRef| values(named).map(|it| value(&it, 80)).unwrap_or_default();
    let started = state.steps.get(&it.step).and_then(|step| {
        step.attempts.iter().map(|attempt| &attempt.started).find(|started| started.attempt == it.attempt)
    });
    let (word, why) = match &it.ending {
        RecordedEnding::Output(_) => ("ok", String::new()),
        RecordedEnding::SkillError(named) => ("said no", shown(named)),
        RecordedEnding::Refusal(refusal) => ("refused", short(&refusal.to_string(), 100)),
        RecordedEnding::Trap(trap) => ("stopped", stopped(trap, started.map(|started| &started.skill.name))),
        RecordedEnding::Cancelled => ("cancelled", String::new()),
        RecordedEnding::Lost => ("lost", "nothing of it became real".into()),
    };
    let who = started.map_or_else(String::new, |started| {
        let verdict = if started.purpose == Purpose::Verdict { " (verdict)" } else { "" };
        format!("{} {}{verdict}", pin(&started.skill), started.operation)
    });
    let meters =
        format!("{}, fuel {}", micros(it.receipt.meters.wall_micros), number(it.receipt.meters.fuel));
    let why = if why.is_empty() { why } else { format!("; {why}") };
    format!("{word:<9}  {who}  {meters}{why}")
}
