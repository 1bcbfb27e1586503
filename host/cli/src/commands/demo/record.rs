//! What a run's entries say, in the forms the beats tell it in.

use crate::commands::demo::scene::surprise;
use kapell_home::{Finished, Home};
use kapell_journal::entry::{AttemptEnded, AttemptStarted, Body, Entry, RecordedEnding, RunEnding};
use kapell_model::quantity::Bytes;
use kapell_model::writes::WriteSummary;
use kapell_report::plain::short;
use serde_json::Value;
use std::path::Path;

/// One attempt: its intent, and its ending once there is one.
pub(crate) struct Attempt<'a> {
    pub(crate) started: &'a AttemptStarted,
    pub(crate) ended: Option<&'a AttemptEnded>,
}

/// The attempts of a run in the order they began.
pub(crate) fn attempts(entries: &[Entry]) -> Vec<Attempt<'_>> {
    let begun = entries.iter().filter_map(|entry| match &entry.body {
        Body::AttemptStarted(started) => Some(&**started),
        _ => None,
    });
    begun.map(|started| Attempt { started, ended: ending(entries, started) }).collect()
}

fn ending<'a>(entries: &'a [Entry], started: &AttemptStarted) -> Option<&'a AttemptEnded> {
    entries.iter().find_map(|entry| match &entry.body {
        Body::AttemptEnded(it) if it.step == started.step && it.attempt == started.attempt => Some(&**it),
        _ => None,
    })
}

/// The attempts of one step.
pub(crate) fn of_step<'a>(entries: &'a [Entry], step: &str) -> Vec<Attempt<'a>> {
    attempts(entries).into_iter().filter(|attempt| attempt.started.step.as_str() == step).collect()
}

/// What a step's last attempt answered.
pub(crate) fn output(home: &Home, entries: &[Entry], step: &str) -> Option<Value> {
    let (run, attempts) = (&entries.first()?.run, of_step(entries, step));
    match &attempts.last()?.ended?.ending {
        RecordedEnding::Output(named) => home.value(run, named),
        _ => None,
    }
}

/// How an attempt ended, in a word.
pub(crate) fn word(attempt: &Attempt<'_>) -> &'static str {
    match attempt.ended.map(|ended| &ended.ending) {
        Some(RecordedEnding::Output(_)) => "ok",
        Some(RecordedEnding::SkillError(_)) => "said no",
        Some(RecordedEnding::Refusal(_)) => "refused",
        Some(RecordedEnding::Trap(_)) => "stopped",
        Some(RecordedEnding::Cancelled) => "cancelled",
        Some(RecordedEnding::Lost) => "lost",
        None => "begun, not ended",
    }
}

/// Everything the attempts of a run wrote.
pub(crate) fn written(entries: &[Entry]) -> Vec<(&Entry, &WriteSummary)> {
    let writes = entries.iter().flat_map(|entry| match &entry.body {
        Body::AttemptEnded(ended) => ended.writes.iter().map(|write| (entry, write)).collect(),
        _ => Vec::new(),
    });
    writes.collect()
}

/// One write for people; a file by its path within the demo's folder.
pub(crate) fn write_words(write: &WriteSummary, folder: &Path) -> String {
    match write {
        WriteSummary::File { root, path, bytes, .. } => {
            let path = Path::new(root).join(path);
            let path = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            format!("{} ({})", short(&path, 60), Bytes(*bytes))
        }
        WriteSummary::Key { namespace, key, bytes, .. } => {
            format!("key {} in {} ({})", short(key, 40), short(namespace, 30), Bytes(*bytes))
        }
    }
}

/// How many entries fit.
pub(crate) fn count(entries: &[Entry], fits: impl Fn(&Body) -> bool) -> usize {
    entries.iter().filter(|entry| fits(&entry.body)).count()
}

/// The questions a run has asked.
pub(crate) fn questions(entries: &[Entry]) -> usize {
    count(entries, |body| matches!(body, Body::QuestionAsked(_)))
}

/// Only a run that is through may be told as one.
pub(crate) fn must_be_done(finished: &Finished) -> anyhow::Result<()> {
    let state = &finished.standing.state;
    match &state.ended {
        Some(ended) if ended.state == RunEnding::Done => Ok(()),
        Some(ended) => {
            let why = ended.reason.as_deref().unwrap_or("no reason given");
            Err(surprise(format!(
                "{} should be done and is {}: {}",
                state.run,
                state.word(),
                short(why, 200)
            )))
        }
        None => Err(surprise(format!("{} should be done and is {}", state.run, state.word()))),
    }
}
