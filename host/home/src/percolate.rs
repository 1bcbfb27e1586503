//! Repeated work of a home: its calls by hand read once, and what was found checked as flows.

use crate::call::ONE_CALL;
use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_journal::entry::{AttemptStarted, BlobRef, Body, Entry, Purpose, RecordedEnding, RunEnding};
use kapell_journal::seam::{Journals as _, RunRow};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::plan::Plan;
use kapell_model::quantity::Timestamp;
use kapell_report::percolate::{Answered, Called, Found, Percolator, Performed, Sequence};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The largest answer that is looked into, in bytes of its JSON; a larger one is recognised as a whole only.
const LOOKED_INTO_MAX: usize = 1 << 20;

/// Repeated work, the most frequent first.
pub struct Repeated {
    /// What was done often enough, as flows.
    pub proposals: Vec<Proposal>,
    /// What was done, but not often enough.
    pub missing: Vec<Sequence>,
    /// Whether there were more kinds of sequences than are counted.
    pub more: bool,
}

/// A flow that would do what was done by hand.
pub struct Proposal {
    /// What was done.
    pub sequence: Sequence,
    /// The flow's name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Why it can't run here as it stands, when it can't.
    pub problem: Option<HomeError>,
}

impl Home {
    /// Looks for sequences of calls by hand in which one answer was given to the next call. Nothing is changed.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn percolate(&self, since: Option<Timestamp>) -> Result<Repeated, HomeError> {
        let (mut percolator, mut called) = (Percolator::default(), HashMap::new());
        for row in self.runs()?.iter().rev().filter(|row| is_call(row, since)) {
            if let Some(performed) = self.performed(&row.run, &mut called)? {
                percolator.take(performed);
            }
        }
        let Found { repeated, missing, more } = percolator.finish();
        let mut taken = BTreeSet::new();
        let proposals = repeated.into_iter().map(|it| self.proposal(it, &mut taken));
        Ok(Repeated { proposals: proposals.collect::<Result<_, _>>()?, missing, more })
    }

    /// A sequence as a flow, checked as if it stood in a file.
    fn proposal(&self, sequence: Sequence, taken: &mut BTreeSet<String>) -> Result<Proposal, HomeError> {
        let (name, text) = sequence.flow(taken);
        let checked = self.check_text(&format!("{name}.yaml"), &text, &self.offered()?, None);
        Ok(Proposal { sequence, name, text, problem: checked.err() })
    }

    /// What a run of one call did; none when it is not over or did not go well.
    fn performed(
        &self,
        run: &RunId,
        known: &mut HashMap<Digest, Arc<Called>>,
    ) -> Result<Option<Performed>, HomeError> {
        let entries = self.entries(run)?;
        let Some(read) = Read::of(&entries) else { return Ok(None) };
        // Nothing is learned from what is private: a flow would repeat it.
        if read.started.given().chain([read.output]).any(|it| matches!(it, BlobRef::Commitment(_))) {
            return Ok(None);
        }
        let called = match known.get(read.plan) {
            Some(called) => called.clone(),
            None => {
                let called = Arc::new(self.called(run, read.plan)?);
                known.entry(*read.plan).or_insert(called).clone()
            }
        };
        let damaged = || HomeError::new(Kind::Integrity, format!("what {run} was given is not kept"));
        let given = read.started.arguments(|named| self.value(run, named).ok_or_else(damaged))?;
        let Value::Object(arguments) = given else { return Err(damaged()) };
        let answers = called.operation.output().is_some();
        let answered = if answers { Some(self.answered(run, read.output)?) } else { None };
        let (by, began, ended) = (read.by.to_owned(), read.began, read.ended);
        Ok(Some(Performed { run: run.clone(), by, began, ended, called, arguments, answered }))
    }

    fn called(&self, run: &RunId, plan: &Digest) -> Result<Called, HomeError> {
        let damaged = || HomeError::new(Kind::Integrity, format!("the plan of {run} can't be read"));
        let bytes = self.store.blob(run, plan)?.ok_or_else(damaged)?;
        let plan: Plan = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let (_, call) = plan.calls().next().ok_or_else(damaged)?;
        Ok(Called { skill: call.skill.name.clone(), operation: call.operation.clone() })
    }

    fn answered(&self, run: &RunId, output: &BlobRef) -> Result<Answered, HomeError> {
        let bytes = self.store.blob(run, output.digest())?.filter(|bytes| bytes.len() <= LOOKED_INTO_MAX);
        Ok(Answered { named: output.clone(), value: bytes.and_then(|bytes| output.read(&bytes).ok()) })
    }
}

fn is_call(row: &RunRow, since: Option<Timestamp>) -> bool {
    row.over && row.kept && row.flow.as_str() == ONE_CALL && since.is_none_or(|since| row.started >= since)
}

/// What the entries of a run of one call tell.
struct Read<'e> {
    by: &'e str,
    plan: &'e Digest,
    began: Timestamp,
    ended: Timestamp,
    started: &'e AttemptStarted,
    output: &'e BlobRef,
}

impl<'e> Read<'e> {
    fn of(entries: &'e [Entry]) -> Option<Self> {
        let (first, last) = (entries.first()?, entries.last()?);
        let Body::RunStarted(run) = &first.body else { return None };
        let done = matches!(&last.body, Body::RunEnded(ended) if ended.state == RunEnding::Done);
        let mut attempts = entries.iter().filter_map(|entry| match &entry.body {
            Body::AttemptStarted(started) if started.purpose == Purpose::Work => Some(&**started),
            _ => None,
        });
        let output = entries.iter().rev().find_map(|entry| match &entry.body {
            Body::AttemptEnded(ended) => match &ended.ending {
                RecordedEnding::Output(output) => Some(output),
                _ => None,
            },
            _ => None,
        });
        let (started, output) = (attempts.next_back()?, output.filter(|_| done)?);
        let (by, plan) = (run.by.as_str(), run.plan.digest());
        Some(Self { by, plan, began: first.at, ended: last.at, started, output })
    }
}
