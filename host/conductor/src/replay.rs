//! Attempts of a recorded run made ready to be done again, and what was recorded held against what came out.
//!
//! The job is built from the plan that is stored with the run and from the blobs its entries name, never from what is
//! installed now. What comes out is written down as if it were to be journaled, and the two entries are compared.

use crate::drive::{DriveError, damaged};
use crate::history::History;
use crate::program::Program;
use crate::programs::Programs;
use crate::record;
use kapell_journal::entry::{AttemptEnded, AttemptStarted, BlobRef, Body, Entry, RecordedEnding, RunStarted};
use kapell_journal::fold::RunState;
use kapell_journal::replay::{Difference, Verdict};
use kapell_journal::seam::{JournalError, JournalReads};
use kapell_model::crossing::{Crossing, Departure};
use kapell_model::digest::Digest;
use kapell_model::ending::{Attempt, TrapCause};
use kapell_model::id::RunId;
use kapell_model::plan::Plan;
use kapell_model::seam::{Cancel, Job};
use kapell_model::writes::{FileSeen, WriteSummary};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What crossings name by digest.
pub type Contents = BTreeMap<Digest, Arc<[u8]>>;

/// A run as it is recorded.
pub struct Recollection {
    /// The engine it ran on.
    pub engine: String,
    /// Its attempts, in the order they began.
    pub attempts: Vec<Remembered>,
}

/// An attempt as it is recorded.
pub struct Remembered {
    /// How it began.
    pub started: AttemptStarted,
    /// What it takes to do it again, or why it can't be.
    pub ready: Result<Box<Ready>, String>,
}

/// An attempt ready to be done again.
pub struct Ready {
    /// What is to be done.
    pub job: Job,
    /// What its run ran by.
    program: Arc<Program>,
    /// What crossed then.
    pub crossings: Vec<Crossing>,
    /// What the crossings name.
    pub contents: Contents,
    ended: AttemptEnded,
    /// What it answered, or failed with.
    answered: Option<Arc<Value>>,
}

/// A run's attempts, each ready to be done again or with why it can't be.
///
/// # Errors
/// When the record cannot be read or is damaged.
pub fn recollect<R: JournalReads>(
    history: &History<'_, R>,
    run: &RunId,
    programs: &Programs,
) -> Result<Recollection, DriveError> {
    let state = RunState::fold(run, &history.entries)?;
    let program = program_of(history.recorded, run, &state.started, programs)?;
    let kept = Kept { history, state: &state };
    let begun = history.entries.iter().filter_map(|entry| match &entry.body {
        Body::AttemptStarted(started) => Some(&**started),
        _ => None,
    });
    let attempts = begun.map(|started| {
        let ended = ending_of(&history.entries, started);
        let ready = match (ended.map(|ended| (ended, why_not(ended))), &program) {
            (None, _) => Err("it has no ending".to_owned()),
            (Some((_, Some(why))), _) => Err(why),
            (_, Err(why)) => Err(why.clone()),
            (Some((ended, None)), Ok(program)) => ready(&kept, run, program, started, ended)?.map(Box::new),
        };
        Ok(Remembered { started: started.clone(), ready })
    });
    let attempts = attempts.collect::<Result<_, DriveError>>()?;
    Ok(Recollection { engine: state.started.engine.clone(), attempts })
}

/// What a run ran by; where a part of it was left out, which.
fn program_of<R: JournalReads>(
    recorded: &R,
    run: &RunId,
    started: &RunStarted,
    programs: &Programs,
) -> Result<Result<Arc<Program>, String>, DriveError> {
    let failed = match programs.of(recorded, run, started) {
        Ok(program) => return Ok(Ok(program)),
        Err(failed) => failed,
    };
    let mut parts =
        vec![("its plan".to_owned(), *started.plan.digest()), ("its tariff".into(), started.tariff)];
    if let Some(plan) = recorded.blob(run, started.plan.digest())? {
        let plan: Plan = serde_json::from_slice(&plan).map_err(|cause| damaged(&started.plan, &cause))?;
        parts.extend(plan.files.into_iter().map(|(name, text)| (format!("the flow's file {name}"), text)));
    }
    for (what, digest) in parts {
        if let (None, Some(_)) = (recorded.blob(run, &digest)?, recorded.left_out(&digest)) {
            return Ok(Err(gone(recorded, &what, &digest)));
        }
    }
    // What nobody left out on purpose is damage.
    Err(failed)
}

fn ending_of<'a>(entries: &'a [Entry], started: &AttemptStarted) -> Option<&'a AttemptEnded> {
    let ended = entries.iter().filter_map(|entry| left_in(&entry.body));
    let mut of_it = ended.filter(|ended| (&ended.step, ended.attempt) == (&started.step, started.attempt));
    of_it.next()
}

/// What an attempt left, in the entry that says so.
fn left_in(body: &Body) -> Option<&AttemptEnded> {
    match body {
        Body::AttemptEnded(ended) => Some(ended),
        Body::DoubtRaised { broke, .. } => broke.as_deref(),
        _ => None,
    }
}

/// Endings that came from outside the sandbox at a moment nobody recorded.
fn why_not(ended: &AttemptEnded) -> Option<String> {
    let began = ended.receipt.meters.fuel > 0;
    match &ended.ending {
        RecordedEnding::Lost => {
            Some("its ending was lost: the host went away, or what it read had moved".into())
        }
        RecordedEnding::Cancelled => Some("somebody stopped it, at a moment that is not on record".into()),
        RecordedEnding::Trap(trap) if trap.cause == TrapCause::Deadline => {
            Some("its time ran out, at a moment that is not on record".into())
        }
        RecordedEnding::Refusal(refusal) if !began => {
            Some(format!("it was refused before it began: {}: {}", refusal.subject, refusal.why))
        }
        _ => None,
    }
}

/// What a run was recorded with, and what of it is gone.
struct Kept<'a, R> {
    history: &'a History<'a, R>,
    /// What its entries come to, with what was erased and let go.
    state: &'a RunState,
}

impl<R: JournalReads> Kept<'_, R> {
    /// What the run let go is none of its own any more, whoever else keeps it.
    fn is_gone(&self, named: &BlobRef) -> bool {
        self.state.gone(named).is_some()
    }

    fn named(&self, named: &BlobRef) -> Result<Option<Arc<[u8]>>, JournalError> {
        if self.is_gone(named) { Ok(None) } else { self.history.named(named) }
    }

    fn value(&self, named: &BlobRef) -> Result<Option<Arc<Value>>, JournalError> {
        if self.is_gone(named) { Ok(None) } else { self.history.value(named) }
    }

    /// What the crossings name; the first crossing that names what is not there.
    fn contents<'c>(
        &self,
        crossings: &'c [Crossing],
    ) -> Result<Result<Contents, (&'c Crossing, BlobRef)>, DriveError> {
        let mut contents = Contents::new();
        for crossing in crossings {
            for digest in crossing.answer.contents() {
                let named = match self.history.opened.beside.get(digest) {
                    Some(commitment) => BlobRef::Commitment(*commitment),
                    None => BlobRef::Digest(*digest),
                };
                match self.named(&named)? {
                    Some(bytes) => drop(contents.insert(*digest, bytes)),
                    None => return Ok(Err((crossing, named))),
                }
            }
        }
        Ok(Ok(contents))
    }

    fn gone(&self, what: &str, named: &BlobRef) -> String {
        match self.state.gone(named) {
            Some(why) => format!("{what} {why}"),
            None => gone(self.history.recorded, what, named.digest()),
        }
    }
}

fn ready<R: JournalReads>(
    kept: &Kept<'_, R>,
    run: &RunId,
    program: &Arc<Program>,
    started: &AttemptStarted,
    ended: &AttemptEnded,
) -> Result<Result<Ready, String>, DriveError> {
    let given = |named: &BlobRef| match kept.value(named) {
        Ok(Some(value)) => Ok(Arc::unwrap_or_clone(value)),
        Ok(None) => Err(Ok(kept.gone("its input", named))),
        Err(error) => Err(Err(error)),
    };
    let arguments = match started.arguments(given) {
        Ok(arguments) => arguments,
        Err(why) => return Ok(Err(why?)),
    };
    let crossings: Vec<Crossing> = match &ended.crossings {
        None => Vec::new(),
        Some(named) => match kept.named(named)? {
            None => return Ok(Err(kept.gone("the record of its crossings", named))),
            Some(crossings) => serde_json::from_slice(&crossings).map_err(|cause| damaged(named, &cause))?,
        },
    };
    if let Some(hidden) = crossings.iter().find(|it| it.redacted) {
        return Ok(Err(format!("a secret stood in {} {} and is not on record", hidden.kind, hidden.object)));
    }
    let contents = match kept.contents(&crossings)? {
        Ok(contents) => contents,
        Err((crossing, named)) => {
            return Ok(Err(kept.gone(&format!("{} {}", crossing.kind, crossing.object), &named)));
        }
    };
    let answered = match &ended.ending {
        RecordedEnding::Output(named) | RecordedEnding::SkillError(named) => match kept.value(named)? {
            // What is answered again can't be held against a commitment alone.
            None if matches!(named, BlobRef::Commitment(_)) || kept.is_gone(named) => {
                return Ok(Err(kept.gone("what it answered", named)));
            }
            answered => answered,
        },
        _ => None,
    };
    let job = job(run, program, started, arguments.into())?;
    let program = Arc::clone(program);
    Ok(Ok(Ready { job, program, crossings, contents, ended: ended.clone(), answered }))
}

fn gone<R: JournalReads>(recorded: &R, what: &str, digest: &Digest) -> String {
    format!("{what} is {}", recorded.left_out(digest).unwrap_or("not kept"))
}

/// The job the attempt had, by the plan that is stored with its run.
fn job(
    run: &RunId,
    program: &Program,
    started: &AttemptStarted,
    arguments: Arc<Value>,
) -> Result<Job, JournalError> {
    let call = program.call_of(started)?;
    Ok(Job {
        run: run.clone(),
        flow: program.plan.flow.clone(),
        step: started.step.clone(),
        skill: started.skill.clone(),
        operation: call.operation.clone(),
        arguments,
        grants: call.grants.clone(),
        grant: call.grant,
        limits: call.limits(started),
        effects: started.effects,
        idempotency_key: started.key(run),
        cancel: Cancel::default(),
    })
}

impl Ready {
    /// Holds what came out now against what is recorded; other bytes may take more work or less.
    ///
    /// # Errors
    /// When what came out can't be written down.
    pub fn verdict(
        &self,
        started: &AttemptStarted,
        attempt: Attempt,
        departure: Option<Departure>,
        same_bytes: bool,
    ) -> Result<Verdict, DriveError> {
        if let Some(asked) = self.stopped_at(departure.as_ref()) {
            return Ok(Verdict::NotReplayable(format!("it was stopped while it asked for {asked}")));
        }
        // What crossed was held against the record while it ran.
        let attempt = Attempt { crossings: Vec::new(), contents: Vec::new(), ..attempt };
        let recorded = record::attempt(started, self.job.grant, &self.program, attempt)?;
        let unfinished = || JournalError::Damaged(format!("attempt {} left nothing", started.attempt));
        let again = left_in(&recorded.body).ok_or_else(unfinished)?;
        let mut compared = Compared::default();
        if self.ended.ending != again.ending {
            // Where what was answered then is left out, its digest is held against the digest of what is answered now.
            let answered = recorded.values.first().filter(|_| self.answered.is_some());
            let then = ending(&self.ended, self.answered.as_deref());
            compared.put("ending", &then, &ending(again, answered.map(|it| &*it.value)), String::clone);
        }
        compared.put("writes", &written(&self.ended), &written(again), |it| listed(&json!(it)));
        compared.put("notes", &self.ended.notes, &again.notes, |it| listed(&json!(it)));
        compared.put("log", &self.ended.log, &again.log, |it| listed(&json!(it)));
        if same_bytes {
            let (then, now) = (&self.ended.receipt.meters, &again.receipt.meters);
            compared.put("fuel", &then.fuel, &now.fuel, u64::to_string);
            compared.put("memory", &then.memory_peak, &now.memory_peak, u64::to_string);
            compared.put("calls", &then.crossings, &now.crossings, |calls| json!(calls).to_string());
        }
        let fuel = (self.ended.receipt.meters.fuel, again.receipt.meters.fuel);
        Ok(match departure.is_none() && compared.0.is_empty() {
            true => Verdict::Same { fuel },
            false => Verdict::Differs { departure: departure.map(Box::new), differences: compared.0 },
        })
    }

    /// What an attempt that broke had asked for last: the record ends there, since it did not live to be answered.
    fn stopped_at(&self, departure: Option<&Departure>) -> Option<String> {
        let broke = !matches!(self.ended.ending, RecordedEnding::Output(_) | RecordedEnding::SkillError(_));
        let at_the_end = departure.filter(|it| broke && it.recorded.is_none())?;
        at_the_end.asked.as_ref().map(ToString::to_string)
    }
}

/// What is not as it was, so far.
#[derive(Default)]
struct Compared(Vec<Difference>);

impl Compared {
    fn put<T: PartialEq>(&mut self, what: &'static str, then: &T, now: &T, words: impl Fn(&T) -> String) {
        if then != now {
            self.0.push(Difference { what, recorded: words(then), again: words(now) });
        }
    }
}

fn ending(ended: &AttemptEnded, answered: Option<&Value>) -> String {
    let value = |named: &BlobRef| answered.map_or_else(|| named.digest().to_string(), Value::to_string);
    match &ended.ending {
        RecordedEnding::Output(named) => format!("output {}", value(named)),
        RecordedEnding::SkillError(named) => format!("skill error {}", value(named)),
        RecordedEnding::Refusal(refusal) => format!("refused: {}: {}", refusal.subject, refusal.why),
        RecordedEnding::Trap(trap) => format!("{}: {}", trap.cause.word(), trap.detail),
        RecordedEnding::Cancelled => "cancelled".into(),
        RecordedEnding::Lost => "lost".into(),
    }
}

/// What was written, without which files were found there: in a replay nobody looks.
fn written(ended: &AttemptEnded) -> Vec<WriteSummary> {
    let mut writes = ended.writes.clone();
    for write in &mut writes {
        if let WriteSummary::File { seen, .. } = write {
            *seen = FileSeen::Absent;
        }
    }
    writes
}

/// One line an item.
fn listed(items: &Value) -> String {
    let lines = items.as_array().into_iter().flatten().map(Value::to_string);
    lines.collect::<Vec<_>>().join("\n")
}
