//! Runs of a home: starting, resuming, stopping, finding, and moving what is due.

use crate::error::{HomeError, Kind};
use crate::flows::CheckedFlow;
use crate::home::Home;
use crate::stop::{LOOK, StopRequest};
use kapell_conductor::drive::{DriveError, Launch, Standing, standing};
use kapell_journal::entry::{BlobRef, Entry, RecordedEnding, RunEnded, RunEnding};
use kapell_journal::private::{WORDS, open};
use kapell_journal::seam::{JournalError, Journals as _, RunRow};
use kapell_model::ending::Trap;
use kapell_model::id::RunId;
use kapell_model::money::Money;
use serde_json::Value;

/// How many runs are told that could be meant.
const FITTING_TOLD: usize = 5;

/// Where a run came to rest, with what people ask for first.
pub struct Finished {
    /// Where it stands.
    pub standing: Standing,
    /// Its outputs, once it is done.
    pub output: Option<Value>,
    /// The skill's own error, when that ended it.
    pub skill_error: Option<Value>,
    /// Which limit or fault stopped the skill, and whose the limit was, when that ended it.
    pub trap: Option<Trap>,
    /// What it cost so far.
    pub cost: Money,
    /// Units of guest work so far.
    pub fuel: u64,
}

impl Finished {
    pub(crate) fn of(standing: Standing) -> Self {
        let state = &standing.state;
        let known = |named: &BlobRef| standing.known.get(named).map(|value| (*value).clone());
        let output = state.ended.as_ref().and_then(|ended| ended.outputs.as_ref()).and_then(known);
        let stopped = |ended: &&RunEnded| matches!(ended.state, RunEnding::Failed | RunEnding::Trapped);
        let stopped_at = state.ended.as_ref().filter(stopped).and_then(|ended| ended.step.as_ref());
        let last = stopped_at.and_then(|step| state.steps.get(step)).and_then(|step| step.attempts.last());
        let (skill_error, trap) = match last.and_then(|attempt| attempt.ended.as_ref()).map(|it| &it.ending) {
            Some(RecordedEnding::SkillError(named)) => (known(named), None),
            Some(RecordedEnding::Trap(trap)) => (None, Some(trap.clone())),
            _ => (None, None),
        };
        let cost = state.spent.clone().unwrap_or_else(|| standing.program.nothing());
        let attempts =
            state.steps.values().flat_map(|step| &step.attempts).filter_map(|it| it.ended.as_ref());
        let fuel = attempts.map(|ended| ended.receipt.meters.fuel).sum();
        Self { output, skill_error, trap, cost, fuel, standing }
    }
}

impl Home {
    /// Starts a run of a checked flow and drives it until it waits or is over.
    ///
    /// # Errors
    /// `Refused` when the home is locked and the flow is not approved or more than was; `Argument` for inputs that do
    /// not fit; otherwise when host or journal fail.
    pub async fn run(&self, flow: CheckedFlow, inputs: Value, by: &str) -> Result<Finished, HomeError> {
        self.check_flow_approved(&flow)?;
        self.start(flow, inputs, by).await
    }

    /// The same without asking for an approval of the flow: what one call amounts to, its skill's approval says.
    pub(crate) async fn start(
        &self,
        flow: CheckedFlow,
        inputs: Value,
        by: &str,
    ) -> Result<Finished, HomeError> {
        let program = self.program(&flow).await?;
        let inputs = self.without_secrets(crate::flows::complete(&program.plan, inputs)?);
        let run = self.store.next_id(&program.plan.flow)?;
        let launch = Launch { program, inputs, texts: flow.texts, by: by.into(), line: None };
        let driven = self.conductor.start_as(run.clone(), launch);
        Ok(Finished::of(self.stoppable(&run, driven).await?))
    }

    /// Goes on with a run from where its journal stands. A run that waits is only looked at. A written file that
    /// could not be put in its place is put there, even when the run is over. One that somebody asked to stop is stopped.
    ///
    /// # Errors
    /// `Refused` when its flow was taken back; when another living process drives it; when host or journal fail.
    pub async fn resume(&self, run: &RunId) -> Result<Finished, HomeError> {
        let now = self.standing(run)?;
        if now.state.ended.is_some() {
            self.store.place_pending(run)?;
            return Ok(Finished::of(now));
        }
        let request = StopRequest::of(&self.place.folder(), run);
        if let Some((by, reason)) = request.asked() {
            let stopped = self.conductor.cancel(run, &by, &reason).await?;
            request.clear();
            return Ok(Finished::of(stopped));
        }
        self.check_going_on(&now)?;
        Ok(Finished::of(self.stoppable(run, self.conductor.resume(run)).await?))
    }

    /// Asks a run to stop, whoever drives it, and waits until it has.
    ///
    /// # Errors
    /// When the journal fails.
    pub async fn cancel(&self, run: &RunId, by: &str, reason: &str) -> Result<Finished, HomeError> {
        let request = StopRequest::of(&self.place.folder(), run);
        let reason = &self.text_without_secrets(reason);
        loop {
            match self.conductor.cancel(run, by, reason).await {
                Err(DriveError::Journal(JournalError::Owned(_))) => request.leave(by, reason)?,
                Err(DriveError::Journal(JournalError::Fenced(_))) => {}
                // This process drives it and has raised its flag; it ends its attempt first.
                Ok(standing) if standing.state.ended.is_none() => {}
                other => {
                    request.clear();
                    return Ok(Finished::of(other?));
                }
            }
            // Another process looks as often; it ends its attempt, and then the run is free to be claimed.
            tokio::time::sleep(LOOK).await;
            let now = self.standing(run)?;
            if now.state.ended.is_some() {
                request.clear();
                return Ok(Finished::of(now));
            }
        }
    }

    /// Drives while looking for requests to stop.
    pub(crate) async fn stoppable(
        &self,
        run: &RunId,
        driven: impl Future<Output = Result<Standing, DriveError>>,
    ) -> Result<Standing, HomeError> {
        self.log.is_complete()?;
        let request = StopRequest::of(&self.place.folder(), run);
        let mut driven = std::pin::pin!(driven);
        loop {
            tokio::select! {
                standing = &mut driven => {
                    let standing = standing?;
                    if standing.state.ended.is_some() {
                        request.clear();
                    }
                    return Ok(standing);
                }
                () = tokio::time::sleep(LOOK) => {
                    if let Some((by, reason)) = request.asked() {
                        self.conductor.stop(run, &by, &reason);
                    }
                }
            }
        }
    }

    /// Moves everything whose time has come: reminds, escalates, expires, and goes on with runs that were cut off.
    /// A run that another living process drives is left to it, one whose flow was taken back is left alone.
    ///
    /// # Errors
    /// When the journal fails. A run that can't go on for its own reasons does not keep the others from moving; it
    /// is returned with its error.
    pub async fn move_due(&self) -> Result<Vec<(RunId, Result<Finished, HomeError>)>, HomeError> {
        let mut moved = Vec::new();
        for run in self.store.due(self.clock.now())? {
            if self.held(&run)?.is_some() {
                continue;
            }
            match self.resume(&run).await {
                Err(error) if error.kind == Kind::Taken => {}
                other => moved.push((run, other)),
            }
        }
        Ok(moved)
    }

    /// How many attempts are under way in this process: past every check before them, whatever their guests do.
    #[must_use]
    pub fn attempts_under_way(&self) -> usize {
        self.runtime.under_way()
    }

    /// All runs, newest first.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn runs(&self) -> Result<Vec<RunRow>, HomeError> {
        Ok(self.store.runs()?)
    }

    /// Written files that are recorded but not in their place on the disk.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn pending_files(&self) -> Result<Vec<kapell_store::PendingFile>, HomeError> {
        Ok(self.store.pending_files()?)
    }

    /// The run a person means: its id, a prefix only one run has, or `last`.
    ///
    /// # Errors
    /// `NotFound`, or `Argument` when several runs begin so.
    pub fn find_run(&self, said: &str) -> Result<RunId, HomeError> {
        if said == "last" {
            let last = self.store.last_run()?;
            return last.ok_or_else(|| HomeError::new(Kind::NotFound, "there are no runs yet"));
        }
        let fitting = self.store.runs_like(said, FITTING_TOLD)?;
        let exact = fitting.iter().find(|run| run.as_str() == said);
        match (exact, fitting.as_slice()) {
            (Some(run), _) | (None, [run]) => Ok(run.clone()),
            (None, []) => {
                let rows = self.runs()?;
                Err(HomeError::not_found("run", said, rows.iter().map(|row| row.run.as_str())))
            }
            (None, several) => {
                let names = several.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ");
                Err(HomeError::new(Kind::Argument, format!("`{said}` could be {names}")))
            }
        }
    }

    /// Where a run stands, by its journal alone.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn standing(&self, run: &RunId) -> Result<Standing, HomeError> {
        Ok(standing(&*self.store, run)?.0)
    }

    /// A run as it came to rest last, by its journal alone.
    ///
    /// # Errors
    /// As [`Home::standing`].
    pub fn finished(&self, run: &RunId) -> Result<Finished, HomeError> {
        self.standing(run).map(Finished::of)
    }

    /// The entries of a run as they stand in the journal, without what is private.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn entries(&self, run: &RunId) -> Result<Vec<Entry>, HomeError> {
        Ok(self.store.entries(run)?)
    }

    /// The entries of a run with what is private put back, as far as it is kept.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged.
    pub fn open_entries(&self, run: &RunId) -> Result<Vec<Entry>, HomeError> {
        let mut entries = self.store.entries(run)?;
        open(&*self.store, &mut entries)?;
        Ok(entries)
    }

    /// A value an entry of a run names, for whoever reads what happened; none when it is not kept. Of one that is private only
    /// that it is.
    #[must_use]
    pub fn value(&self, run: &RunId, named: &BlobRef) -> Option<Value> {
        match named {
            BlobRef::Digest(_) | BlobRef::Text(_) => self.open_value(run, named),
            BlobRef::Commitment(_) => Some(WORDS.into()),
        }
    }

    /// A value an entry of a run names, private or not, for whoever answers a question or asks for what is private; none when it
    /// is not kept.
    #[must_use]
    pub fn open_value(&self, run: &RunId, named: &BlobRef) -> Option<Value> {
        let bytes = kapell_journal::seam::JournalReads::named(&*self.store, run, named).ok().flatten()?;
        named.read(&bytes).ok()
    }
}
