//! A flow run for each line of a batch: made ready once, and never begun twice for the same line.
//!
//! What is the same line is said by what it holds, not by where it stands: the flow's name, its text and the texts
//! beside it, the inputs, and which of several lines with these inputs it is. So a batch that was cut off goes on
//! where it stood, one that has grown does only what is new, and lines that were put in another order stay done. A
//! skill or policy that has changed meanwhile makes no new line: what is done stays done by what it was done with.
//! The line stands in the run's first entry, so that the index of lines can be built again from the journal. Where an
//! input is private that is no digest, which would tell it to whoever guesses it, but a commitment under a salt that
//! the home keeps for all its lines: it has to know a line again, also one whose run was erased.

use crate::directories;
use crate::error::{HomeError, Kind};
use crate::flows::CheckedFlow;
use crate::home::Home;
use crate::runs::Finished;
use crate::secrets::refuse_secrets;
use kapell_conductor::drive::{DriveError, Launch};
use kapell_conductor::program::Program;
use kapell_journal::content::{Content, Salt};
use kapell_journal::fold::RunState;
use kapell_journal::seam::{Journals as _, RunRow};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::plan::Plan;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A checked flow made ready for many runs.
pub struct Batch {
    flow: CheckedFlow,
    program: Arc<Program>,
    /// What all its lines have in common.
    about: Digest,
    /// What hides them, where an input is private.
    salt: Option<Salt>,
    /// How many lines there were with the same inputs.
    seen: Mutex<HashMap<Digest, u32>>,
}

/// One line, ready to be run.
pub struct Line {
    inputs: Value,
    key: Digest,
}

/// What a line came to.
pub enum Came {
    /// It was run now, or what was cut off was finished now.
    Now(Box<Finished>),
    /// It was begun before, and this is where it stands.
    Before(Box<RunState>),
    /// Another process is running it.
    Elsewhere(RunId),
}

impl Batch {
    /// What will run.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.program.plan
    }

    /// A line's inputs, under a name that tells nobody of private ones.
    fn hidden(&self, inputs: Content) -> Content {
        match self.salt {
            Some(salt) => Content::committed(inputs.into_parts().1, salt),
            None => inputs,
        }
    }

    /// Whether its prices are examples.
    #[must_use]
    pub fn priced_by_example(&self) -> bool {
        self.program.tariff.tariff.example
    }
}

impl Home {
    /// Makes a flow ready to be run for many lines.
    ///
    /// # Errors
    /// As [`Home::run`] before its run begins.
    pub async fn batch(&self, flow: CheckedFlow) -> Result<Batch, HomeError> {
        self.check_flow_approved(&flow)?;
        let program = self.program(&flow).await?;
        let (about, seen) = (about(&flow.plan), Mutex::default());
        let is_private = program.private.inputs().next().is_some();
        let salt = is_private.then(|| self.store.salt_of_lines()).transpose()?;
        Ok(Batch { flow, program, about, salt, seen })
    }

    /// Everything a run of a flow needs but its inputs.
    pub(crate) async fn program(&self, flow: &CheckedFlow) -> Result<Arc<Program>, HomeError> {
        let texts = flow.texts.iter().map(|text| ("the flow", &**text));
        refuse_secrets(self.redactor(), texts)?;
        let plan = directories::make_and_pin(flow.plan.clone(), self.walk).await?;
        let program = Program::new(plan, self.tariff.clone(), &flow.files).map_err(DriveError::from)?;
        Ok(Arc::new(program))
    }

    /// The next line of a batch. Of lines with the same inputs the first one is the first one whenever the batch is
    /// read again, so they must be handed in as they stand.
    ///
    /// # Errors
    /// `Argument` for inputs that do not fit.
    pub fn line(&self, batch: &Batch, inputs: Value) -> Result<Line, HomeError> {
        let inputs = self.without_secrets(crate::flows::complete(batch.plan(), inputs)?);
        let content = Content::canonical(&inputs).map_err(DriveError::from)?;
        let digest = *batch.hidden(content).digest();
        let mut seen = batch.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = seen.entry(digest).and_modify(|count| *count += 1).or_insert(1);
        let key = Digest::of_parts(&[batch.about.as_bytes(), digest.as_bytes(), &nth.to_be_bytes()]);
        Ok(Line { inputs, key })
    }

    /// Runs the flow for a line until it waits or is over, unless that was done before; a run of it that was cut off
    /// is finished.
    ///
    /// # Errors
    /// As [`Home::run`].
    pub async fn run_line(&self, batch: &Batch, line: Line, by: &str) -> Result<Came, HomeError> {
        if let Some(row) = self.store.run_of_line(&line.key)? {
            return self.begun(row).await;
        }
        // Whoever takes the approval back while the batch runs ends it here.
        self.check_flow_approved(&batch.flow)?;
        let (run, inputs) = (self.store.next_id(&batch.plan().flow)?, line.inputs);
        let (program, texts) = (batch.program.clone(), batch.flow.texts.clone());
        let launch = Launch { program, inputs, texts, by: by.into(), line: Some(line.key) };
        match self.stoppable(&run, self.conductor.start_as(run.clone(), launch)).await {
            Ok(standing) => Ok(Came::Now(Box::new(Finished::of(standing)))),
            Err(error) => match self.store.run_of_line(&line.key)? {
                // Somebody else was quicker: nothing of this run was written.
                Some(row) if row.run != run => self.begun(row).await,
                _ => Err(error),
            },
        }
    }

    async fn begun(&self, row: RunRow) -> Result<Came, HomeError> {
        if row.over || row.state == "waiting" || row.state == "in-doubt" {
            let state = RunState::fold(&row.run, &self.entries(&row.run)?).map_err(DriveError::from)?;
            return Ok(Came::Before(Box::new(state)));
        }
        match self.resume(&row.run).await {
            Ok(finished) => Ok(Came::Now(Box::new(finished))),
            Err(error) if error.kind == Kind::Taken => Ok(Came::Elsewhere(row.run)),
            Err(error) => Err(error),
        }
    }
}

/// What all lines of a flow have in common. An edited flow is another one, and so is one whose texts were edited.
fn about(plan: &Plan) -> Digest {
    let files = plan.files.iter().flat_map(|(name, digest)| [name.as_bytes(), &digest.as_bytes()[..]]);
    let flow = [plan.flow.as_str().as_bytes(), &plan.text.as_bytes()[..]];
    Digest::of_parts(&flow.into_iter().chain(files).collect::<Vec<_>>())
}
