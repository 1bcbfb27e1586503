//! Drive: the loop around the decisions. Decide, write the intent, perform, commit the ending, fold, decide again.
//!
//! One commit a step: the ending of one attempt, what it wrote, what it cost, the decisions that follow and the
//! intent of the next attempt become durable together, or not at all. A run that waits holds no task and no memory;
//! whoever answers drives it on.

use crate::answer::{AnswerError, Given, answer};
use crate::decide::{Action, DecideError, Fact, Start, decide};
use crate::known::Known;
use crate::private::{Inputs, Said};
use crate::program::{Program, ProgramError};
use crate::record::{self, RecordError, Recorded};
use kapell_journal::chain::{Sealed, genesis, seal_private};
use kapell_journal::content::Content;
use kapell_journal::entry::{
    AttemptEnded, AttemptStarted, BlobRef, Body, BudgetPassed, ContentsDropped, Entry, PrivateErased,
    RunEnded, RunEnding, RunStarted,
};
use kapell_journal::fold::{FoldError, RunState, Settled};
use kapell_journal::private;
use kapell_journal::seam::{Commit, Head, JournalError, JournalReads, Journals, Owner, RunRow};
use kapell_journal::shared::Shared;
use kapell_journal::spending::{self, Bound, Charge};
use kapell_model::digest::Digest;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::id::{RunId, StepId};
use kapell_model::money::PinnedTariff;
use kapell_model::period::Day;
use kapell_model::plan::{PeriodBudget, Plan};
use kapell_model::quantity::{Span, Timestamp};
use kapell_model::seam::{Cancel, Clock, HostFault, Job, Performer};
use kapell_model::writes::HeldWrites;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a run ends whose accepted output another run stood in the way of.
pub(crate) const ACCEPTED_LATE: &str = "what was accepted can't be made real";

/// Drives runs. Shared by all runs of a process.
pub struct Conductor<P, J> {
    performer: Arc<P>,
    journals: Arc<J>,
    clock: Arc<dyn Clock>,
    owner: Owner,
    watcher: Arc<dyn Watcher>,
    under_way: Mutex<HashMap<RunId, UnderWay>>,
}

/// Sees each entry once it is durable. Printing progress is its use; it can't influence a run.
pub trait Watcher: Send + Sync {
    /// An entry is durable.
    fn saw(&self, entry: &Entry, state: &RunState, known: &Known);
}

/// A watcher that looks away.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn saw(&self, _: &Entry, _: &RunState, _: &Known) {}
}

/// Everything a run is started with.
pub struct Launch {
    /// The plan made ready.
    pub program: Arc<Program>,
    /// The inputs by name, already checked against the flow.
    pub inputs: Value,
    /// The texts the run is pinned to: flow, policy, tariff and files, each kept as a blob under its digest.
    pub texts: Vec<Arc<[u8]>>,
    /// Who starts it.
    pub by: String,
    /// The line of a batch it does, if it is begun for one.
    pub line: Option<Digest>,
}

/// Where a run stands when the loop comes to rest.
pub struct Standing {
    /// The state.
    pub state: RunState,
    /// The values it knows.
    pub known: Known,
    /// The program it runs by.
    pub program: Arc<Program>,
}

/// Why a run could not be driven on. The journal holds everything up to here; resuming goes on from it.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The journal refused or is unavailable.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal holds what may not stand there.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// A decision could not be written down.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The plan could not be made ready.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The host could not do its part of an attempt.
    #[error(transparent)]
    Host(#[from] HostFault),
    /// The answer was not taken.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Nothing was erased.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The plan stored with the run cannot be read.
    #[error("the plan stored with {run} cannot be read: {cause}")]
    Plan {
        /// The run.
        run: RunId,
        /// Why.
        cause: String,
    },
}

/// Why nothing of a run was erased.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EraseError {
    /// It goes on, and rests on what is private in it.
    #[error("run {0} is not over")]
    NotOver(RunId),
    /// There is nothing to erase.
    #[error("nothing in run {0} is private")]
    NothingPrivate(RunId),
    /// It went when its contents were let go.
    #[error("nothing of run {run} is kept that could be erased: its contents were let go on {at}, by policy")]
    Dropped {
        /// The run.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// It was done before.
    #[error("what was private in run {run} was erased already, on {at} by {by}")]
    Erased {
        /// The run.
        run: RunId,
        /// Who did it.
        by: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl From<RecordError> for DriveError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Journal(error) => Self::Journal(error),
            RecordError::Money(error) => Self::Decide(error.into()),
        }
    }
}

/// A run this process is driving, and what stops it.
#[derive(Clone, Default)]
struct UnderWay {
    cancel: Cancel,
    asked: Arc<Mutex<Option<(String, String)>>>,
}

impl<P: Performer, J: Journals> Conductor<P, J> {
    /// A conductor over a performer and a journal.
    pub fn new(
        performer: Arc<P>,
        journals: Arc<J>,
        clock: Arc<dyn Clock>,
        owner: Owner,
        watcher: Arc<dyn Watcher>,
    ) -> Self {
        Self { performer, journals, clock, owner, watcher, under_way: Mutex::default() }
    }

    /// Starts a run and drives it until it waits or is over.
    ///
    /// # Errors
    /// When the journal or the host fail, nothing runs that is not in the journal; `Begun` when another run was begun
    /// for the same line, and then nothing ran.
    pub async fn start(&self, launch: Launch) -> Result<Standing, DriveError> {
        let run = self.journals.next_id(&launch.program.plan.flow)?;
        self.start_as(run, launch).await
    }

    /// As [`Conductor::start`], under an id that was given before.
    ///
    /// # Errors
    /// As [`Conductor::start`].
    pub async fn start_as(&self, run: RunId, launch: Launch) -> Result<Standing, DriveError> {
        let head = self.journals.claim(&run, &self.owner)?;
        let mut driving = Driving::new(self, run, genesis(head.epoch), launch.program.clone());
        let plan = &launch.program.planned;
        let texts = launch.texts.into_iter().map(Content::of);
        driving.pending.shared.extend(texts.chain([plan.clone()]));
        driving.look();
        let inputs = Inputs::of(&launch.program, launch.inputs, &*self.journals)?;
        let body = Body::RunStarted(started(&launch.program, &inputs, launch.by, launch.line));
        let blobs = std::iter::once(inputs.open).chain(inputs.private.into_values()).collect();
        driving.take(Fact { body, blobs })?;
        driving.on().await
    }

    /// Takes a run over and drives it on from where its journal stands.
    ///
    /// # Errors
    /// As [`Conductor::start`]; and when another living process drives the run.
    pub async fn resume(&self, run: &RunId) -> Result<Standing, DriveError> {
        let driving = self.taken_over(run)?;
        self.journals.place_pending(run)?;
        driving.on().await
    }

    /// Records an answer and drives the run on.
    ///
    /// # Errors
    /// When the answer is not one to what is asked now; nothing is recorded then. Otherwise as
    /// [`Conductor::resume`].
    pub async fn answer(&self, run: &RunId, given: &Given) -> Result<Standing, DriveError> {
        // Asked before the run is claimed: a wrong answer must not disturb whoever drives it.
        let standing = self.standing(run)?;
        answer(&standing.program, &standing.state, given, self.clock.now())?;
        let mut driving = self.taken_over(run)?;
        self.journals.place_pending(run)?;
        driving.move_due()?;
        let now = driving.look();
        let state = driving.state.as_ref().ok_or_else(|| JournalError::NotFound(run.clone()))?;
        let fact = answer(&driving.program, state, given, now)?;
        driving.take(fact)?;
        driving.on().await
    }

    /// Stops a run: at once when this process drives it, else by taking it over.
    ///
    /// # Errors
    /// As [`Conductor::resume`].
    pub async fn cancel(&self, run: &RunId, by: &str, reason: &str) -> Result<Standing, DriveError> {
        if self.stop(run, by, reason) {
            return self.standing(run);
        }
        // Nothing pending is asked for: a run whose file can't be put in its place can still be stopped.
        let mut driving = self.taken_over(run)?;
        if driving.state.as_ref().is_some_and(|state| state.ended.is_none()) {
            driving.take(cancel_asked(by.to_owned(), reason.to_owned()))?;
        }
        driving.on().await
    }

    /// Raises the stop flag of a run this process drives; says whether there was one.
    pub fn stop(&self, run: &RunId, by: &str, reason: &str) -> bool {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).get(run).cloned();
        let Some(under_way) = under_way else { return false };
        *under_way.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((by.into(), reason.into()));
        under_way.cancel.raise();
        true
    }

    /// Destroys what is private in a run that is over. What happened, when, how it came out and what it cost stays.
    ///
    /// # Errors
    /// When the run is not over, has nothing private or was erased before; nothing is recorded then. Otherwise as
    /// [`Conductor::resume`].
    pub async fn erase(&self, run: &RunId, by: &str, reason: &str) -> Result<Standing, DriveError> {
        let commitments = self.may_erase(run)?;
        // A written file whose content is private would never get to its place.
        self.journals.place_pending(run)?;
        let mut driving = self.taken_over(run)?;
        let (by, reason) = (by.to_owned(), reason.to_owned());
        driving.pending.erased.clone_from(&commitments);
        let body = Body::PrivateErased(PrivateErased { by, commitments, reason });
        driving.take(Fact { body, blobs: Vec::new() })?;
        driving.on().await
    }

    /// Lets go of contents of a run that is over, these blobs and all that is private in it; they are gone once
    /// [`Journals::let_go`] was through. `policy` is the text by which they are kept for so long.
    ///
    /// # Errors
    /// When the run is not over, or they were let go before; otherwise as [`Conductor::resume`].
    pub async fn drop_contents(
        &self,
        run: &RunId,
        digests: BTreeSet<Digest>,
        kept: Span,
        policy: Content,
    ) -> Result<Standing, DriveError> {
        // Content of a written file that is not in its place yet would never get there.
        self.journals.place_pending(run)?;
        let mut driving = self.taken_over(run)?;
        if driving.state.as_ref().is_some_and(|state| state.dropped.is_some()) {
            // Another process was first.
            return driving.on().await;
        }
        let commitments = self.journals.private_of(run)?;
        driving.pending.erased.clone_from(&commitments);
        driving.pending.dropped.clone_from(&digests);
        let body =
            Body::ContentsDropped(ContentsDropped { commitments, digests, kept, policy: *policy.digest() });
        driving.pending.shared.push(policy);
        driving.take(Fact { body, blobs: Vec::new() })?;
        driving.on().await
    }

    /// What erasing a run would destroy.
    ///
    /// # Errors
    /// As [`Conductor::erase`].
    pub fn may_erase(&self, run: &RunId) -> Result<BTreeSet<Digest>, DriveError> {
        let state = RunState::fold(run, &self.journals.entries(run)?)?;
        let kept = self.journals.private_of(run)?;
        let run = run.clone();
        if let Some((at, _)) = state.dropped {
            return Err(EraseError::Dropped { run, at }.into());
        }
        match (state.erased, state.ended) {
            (Some((at, PrivateErased { by, reason, .. })), _) => {
                Err(EraseError::Erased { run, by, at, reason }.into())
            }
            (None, None) => Err(EraseError::NotOver(run).into()),
            (None, Some(_)) if kept.is_empty() => Err(EraseError::NothingPrivate(run).into()),
            (None, Some(_)) => Ok(kept),
        }
    }

    /// Where a run stands, by its journal alone; nothing is claimed or performed.
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    pub fn standing(&self, run: &RunId) -> Result<Standing, DriveError> {
        standing(&*self.journals, run).map(|(standing, _)| standing)
    }

    fn taken_over(&self, run: &RunId) -> Result<Driving<'_, P, J>, DriveError> {
        if self.under_way.lock().unwrap_or_else(PoisonError::into_inner).contains_key(run) {
            return Err(JournalError::Owned(run.clone()).into());
        }
        let head = self.journals.claim(run, &self.owner)?;
        let (Standing { state, known, program }, entries) = standing(&*self.journals, run)?;
        let mut driving = Driving::new(self, run.clone(), head, program);
        let idle = state.ended.is_some() || state.question.is_some();
        (driving.state, driving.known) = (Some(state), known);
        driving.look();
        // A run that waited is only answered; one that was under way was cut off, which its log should say.
        if !idle && entries > 0 {
            driving.take(Fact { body: Body::RunResumed { by: self.owner.id.clone() }, blobs: Vec::new() })?;
        }
        Ok(driving)
    }
}

/// Where a run stands, read from its journal alone.
///
/// # Errors
/// When the journal cannot be read or is damaged.
pub fn standing<J: Journals>(journals: &J, run: &RunId) -> Result<(Standing, usize), DriveError> {
    let mut entries = journals.entries(run)?;
    let beside = private::open(journals, &mut entries)?.beside;
    let state = RunState::fold(run, &entries)?;
    let mut known = Known::with(beside);
    for named in entries.iter().flat_map(|entry| Known::names(&entry.body)) {
        match state.gone(named) {
            Some(_) => {}
            None => known.learn(named.clone(), stored(journals, run, named)?),
        }
    }
    // A doubt shows what the attempt was given; other inputs are behind.
    if let Some(open) = &state.open {
        for named in open.given() {
            known.learn(named.clone(), stored(journals, run, named)?);
        }
    }
    let program = Arc::new(program(journals, run, &state.started)?);
    Ok((Standing { state, known, program }, entries.len()))
}

pub(crate) fn stored<R: JournalReads>(
    recorded: &R,
    run: &RunId,
    named: &BlobRef,
) -> Result<Arc<Value>, DriveError> {
    let digest = named.digest();
    let missing = || JournalError::Damaged(format!("the value {digest} is missing"));
    let bytes = recorded.named(run, named)?.ok_or_else(missing)?;
    Ok(Arc::new(named.read(&bytes).map_err(|cause| damaged(named, &cause))?))
}

/// A value that is not as it was written.
pub(crate) fn damaged(named: &BlobRef, cause: &serde_json::Error) -> JournalError {
    JournalError::Damaged(format!("the value {} cannot be read: {cause}", named.digest()))
}

/// The program a stored run is pinned to.
pub(crate) fn program<R: JournalReads>(
    recorded: &R,
    run: &RunId,
    started: &RunStarted,
) -> Result<Program, DriveError> {
    let plan_error = |cause: String| DriveError::Plan { run: run.clone(), cause };
    let plan = stored(recorded, run, &started.plan)?;
    let plan: Plan =
        serde_json::from_value((*plan).clone()).map_err(|cause| plan_error(cause.to_string()))?;
    let text = |digest: &Digest| -> Result<String, DriveError> {
        let bytes =
            recorded.blob(run, digest)?.ok_or_else(|| plan_error(format!("the text {digest} is missing")))?;
        String::from_utf8(bytes.to_vec()).map_err(|cause| plan_error(cause.to_string()))
    };
    let tariff =
        PinnedTariff::parse(&text(&started.tariff)?).map_err(|cause| plan_error(cause.to_string()))?;
    let files = plan.files.iter().map(|(name, digest)| Ok((name.clone(), text(digest)?)));
    let files: BTreeMap<String, String> = files.collect::<Result<_, DriveError>>()?;
    Ok(Program::new(plan, tariff, &files)?)
}

/// The first entry: everything the run is pinned to.
fn started(program: &Program, inputs: &Inputs, by: String, line: Option<Digest>) -> RunStarted {
    let plan = &program.plan;
    RunStarted {
        flow: plan.flow.clone(),
        version: plan.version.clone(),
        text: plan.text,
        plan: BlobRef::Digest(*program.planned.digest()),
        inputs: inputs.open.named(),
        private: inputs.private.iter().map(|(name, blob)| (name.clone(), blob.named())).collect(),
        policy: plan.policy,
        tariff: plan.tariff,
        engine: plan.engine.clone(),
        by,
        line,
    }
}

/// The bounds that budgets set to the periods a day is in.
fn bounds(budgets: &[PeriodBudget], day: Day) -> Vec<Bound> {
    let bound = |it: &PeriodBudget| Bound { per: it.per, days: it.per.around(day), most: it.most.clone() };
    budgets.iter().map(bound).collect()
}

fn reach(point: FaultPoint) -> Result<(), HostFault> {
    fault::reach(point).map_err(|cause| HostFault { doing: "perform".into(), cause: cause.to_string() })
}

fn cancel_asked(by: String, reason: String) -> Fact {
    Fact { body: Body::CancelAsked { by, reason }, blobs: Vec::new() }
}

/// One run being driven.
struct Driving<'a, P, J> {
    conductor: &'a Conductor<P, J>,
    program: Arc<Program>,
    run: RunId,
    head: Head,
    committed: Head,
    state: Option<RunState>,
    known: Known,
    pending: Pending,
    /// How things stood before an intent that the flow's budgets may refuse.
    before: Option<Box<Before>>,
    /// When what is taken in next happened or was decided.
    now: Timestamp,
    /// Writes of outputs that are not judged yet.
    held: Vec<(StepId, u32, HeldWrites)>,
    under_way: UnderWay,
}

/// Where a run stands and what of it is not durable yet.
struct Before {
    state: Option<RunState>,
    head: Head,
    pending: Pending,
}

/// What the next commit makes durable.
#[derive(Clone, Default)]
struct Pending {
    entries: Vec<Sealed>,
    blobs: Vec<Content>,
    /// What many runs rest on.
    shared: Vec<Content>,
    writes: HeldWrites,
    /// Whether these are of a private step.
    writes_private: bool,
    /// What of the run is destroyed with it.
    erased: BTreeSet<Digest>,
    /// Which blobs it lets go.
    dropped: BTreeSet<Digest>,
    /// Whose writes they are.
    released: Option<(StepId, u32)>,
    /// What the entries change of what the flow has spent.
    charges: Vec<Charge>,
    /// What that must stay within.
    bounds: Vec<Bound>,
}

impl Pending {
    /// What is taken up again where the commit is sent back. Only one that rests on what it read can be, so only that one is
    /// kept until it is through.
    fn needed_again(&self) -> Option<Self> {
        (!self.writes.seen.is_empty() || !self.writes.files.is_empty()).then(|| Self {
            entries: self.entries.clone(),
            blobs: self.blobs.clone(),
            shared: self.shared.clone(),
            released: self.released.clone(),
            ..Self::default()
        })
    }

    fn commit(self, run: RunId, expected: Head, row: RunRow) -> Commit {
        Commit {
            run,
            expected,
            entries: self.entries,
            blobs: self.blobs,
            shared: self.shared,
            writes: self.writes,
            writes_private: self.writes_private,
            erased: self.erased,
            dropped: self.dropped,
            charges: self.charges,
            bounds: self.bounds,
            row,
        }
    }
}

impl<P, J> Drop for Driving<'_, P, J> {
    fn drop(&mut self) {
        self.conductor.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
    }
}

impl<'a, P: Performer, J: Journals> Driving<'a, P, J> {
    fn new(conductor: &'a Conductor<P, J>, run: RunId, head: Head, program: Arc<Program>) -> Self {
        let under_way = UnderWay::default();
        conductor
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(run.clone(), under_way.clone());
        let (pending, known, held) = (Pending::default(), Known::default(), Vec::new());
        let (committed, state, before, now) = (head, None, None, Timestamp::default());
        Self { conductor, program, run, head, committed, state, known, pending, before, now, held, under_way }
    }

    /// Looks at the clock. A decision is taken at the instant its entry says, and time never goes back in a run, so that
    /// whoever has the entries can take each decision again.
    fn look(&mut self) -> Timestamp {
        let before = self.state.as_ref().map_or(self.now, |state| state.changed_at.max(self.now));
        self.now = self.conductor.clock.now().max(before);
        self.now
    }

    /// Drives on until the run waits or is over.
    async fn on(mut self) -> Result<Standing, DriveError> {
        loop {
            let now = self.look();
            self.notice_cancel()?;
            let state = self.state.as_ref().ok_or_else(|| JournalError::NotFound(self.run.clone()))?;
            match decide(&self.program, state, &self.known, now)? {
                Action::Record(fact) => self.take(fact)?,
                Action::Perform(start) => self.perform(*start).await?,
                Action::Wait(_) | Action::Over => {
                    if self.commit().await? {
                        return self.rest();
                    }
                }
            }
        }
    }

    /// Records what has come due before the answer that is about to be, in the order it came due.
    fn move_due(&mut self) -> Result<(), DriveError> {
        loop {
            let now = self.look();
            let state = self.state.as_ref().ok_or_else(|| JournalError::NotFound(self.run.clone()))?;
            match decide(&self.program, state, &self.known, now)? {
                Action::Record(fact) if state.question.is_some() => self.take(fact)?,
                _ => return Ok(()),
            }
        }
    }

    /// The run is given up, so that whoever brings the answer may take it over.
    fn rest(mut self) -> Result<Standing, DriveError> {
        self.conductor.journals.release(&self.run, self.head.epoch)?;
        let state = self.state.take().ok_or_else(|| JournalError::NotFound(self.run.clone()))?;
        Ok(Standing { state, known: std::mem::take(&mut self.known), program: self.program.clone() })
    }

    /// A stop that was asked for while an attempt ran becomes an entry as soon as the attempt has its ending.
    fn notice_cancel(&mut self) -> Result<(), DriveError> {
        let idle = self.state.as_ref().is_some_and(|it| {
            (it.open.is_none() || it.doubt.is_some()) && it.cancel.is_none() && it.ended.is_none()
        });
        let asked = self.under_way.asked.lock().unwrap_or_else(PoisonError::into_inner).take_if(|_| idle);
        match asked {
            Some((by, reason)) => self.take(cancel_asked(by, reason)),
            None => Ok(()),
        }
    }

    /// Writes the intent down, runs the attempt, takes its ending in. The ending is committed with what follows it.
    async fn perform(&mut self, start: Start) -> Result<(), DriveError> {
        let Start { intent, arguments, kept, call, bounds } = start;
        self.intend(&intent, kept, &bounds)?;
        if !self.commit().await? {
            return Ok(());
        }
        let job = Job {
            run: self.run.clone(),
            flow: self.program.plan.flow.clone(),
            step: intent.step.clone(),
            skill: intent.skill.clone(),
            limits: call.limits(&intent),
            operation: call.operation,
            arguments,
            grants: call.grants,
            grant: call.grant,
            effects: intent.effects,
            idempotency_key: intent.key(&self.run),
            cancel: self.under_way.cancel.clone(),
        };
        reach(FaultPoint::Intended)?;
        let attempt = self.conductor.performer.perform(job).await?;
        reach(FaultPoint::Performed)?;
        self.look();
        let Recorded { body, values, contents, held } =
            record::attempt(&intent, call.grant, &self.program, attempt)?;
        if !held.is_empty() || !held.seen.is_empty() {
            self.held.push((intent.step.clone(), intent.attempt, held));
        }
        // A doubt shows what the attempt was given.
        if let (Body::DoubtRaised { .. }, Some(open)) =
            (&body, self.state.as_ref().and_then(|it| it.open.as_ref()))
        {
            for named in open.given() {
                self.known.learn(named.clone(), stored(&*self.conductor.journals, &self.run, named)?);
            }
        }
        self.take_beside(Fact { body, blobs: values }, contents)
    }

    /// Takes the intent in. Where the flow has budgets, what was there before is kept until they let it begin.
    fn intend(
        &mut self,
        intent: &Shared<AttemptStarted>,
        arguments: Vec<Content>,
        budgets: &[PeriodBudget],
    ) -> Result<(), DriveError> {
        self.before = (!budgets.is_empty()).then(|| {
            let (state, head, pending) = (self.state.clone(), self.head, self.pending.clone());
            Box::new(Before { state, head, pending })
        });
        // Decisions are taken over what comes out; what goes in is only kept.
        let fact = Fact { body: Body::AttemptStarted(intent.clone()), blobs: Vec::new() };
        self.take_beside(fact, arguments)?;
        let began = self.pending.entries.last().map(|sealed| Day::of(sealed.entry().at));
        self.pending.bounds = began.map(|day| bounds(budgets, day)).unwrap_or_default();
        Ok(())
    }

    /// The flow's budget is used up: the intent was never there, which is what happened instead.
    fn stay(&mut self, before: Before, step: StepId, over: JournalError) -> Result<(), DriveError> {
        let JournalError::OverBudget { per, from, comes_to, most } = over else { return Err(over.into()) };
        (self.state, self.head, self.pending) = (before.state, before.head, before.pending);
        let body = Body::BudgetPassed(BudgetPassed { comes_to, from, most, per, step });
        self.take(Fact { body, blobs: Vec::new() })
    }

    /// Takes a fact into the run: sealed, folded, and waiting for the next commit.
    fn take(&mut self, fact: Fact) -> Result<(), DriveError> {
        self.take_beside(fact, Vec::new())
    }

    /// The same with contents that are only kept.
    fn take_beside(&mut self, fact: Fact, beside: Vec<Content>) -> Result<(), DriveError> {
        let said = match self.program.is_private(&fact.body) {
            false => Said::plainly(fact, beside),
            true => Said::privately(fact, beside, &*self.conductor.journals)?,
        };
        said.learned.into_iter().for_each(|blob| self.known.learn(blob.named(), blob.value));
        self.known.beside.extend(said.beside);
        self.pending.blobs.extend(said.contents);
        let sealed = seal_private(&self.run, &mut self.head, self.now, said.body, said.private)?;
        let before = self.behind();
        match &mut self.state {
            Some(state) => state.apply(sealed.entry())?,
            None => self.state = RunState::begin(sealed.entry()),
        }
        let charge = self.state.as_ref().map(|state| spending::charge(state, sealed.entry())).transpose();
        self.pending.charges.extend(charge.map_err(DecideError::from)?.flatten());
        self.pending.entries.push(sealed);
        if self.behind() > before { self.release() } else { Ok(()) }
    }

    fn behind(&self) -> usize {
        self.state.as_ref().map_or(0, |state| state.behind)
    }

    /// A step was settled: what its output wrote becomes real with the entry that settled it, and what its other
    /// outputs wrote is dropped.
    fn release(&mut self) -> Result<(), DriveError> {
        let step = match self.pending.entries.last().map(|sealed| &sealed.entry().body) {
            Some(Body::AttemptEnded(ended)) => ended.step.clone(),
            Some(Body::ExpectationJudged { step, .. }) => step.clone(),
            Some(Body::QuestionAnswered(answered)) => answered.step.clone(),
            Some(Body::QuestionOverridden(overridden)) => overridden.step.clone(),
            _ => return Ok(()),
        };
        let state = self.state.as_ref().and_then(|state| state.steps.get(&step));
        let Some(Settled::Output { attempt, .. }) = state.and_then(|state| state.settled.as_ref()) else {
            return Ok(());
        };
        let found = self.held.iter().position(|(held, number, _)| *held == step && number == attempt);
        let writes = match (found, state) {
            (Some(index), _) => self.held.swap_remove(index).2,
            (None, Some(state)) => match state.attempts.iter().find(|it| it.started.attempt == *attempt) {
                Some(attempt) => attempt.ended.as_ref().map_or(Ok(HeldWrites::default()), |ended| {
                    record::held(&*self.conductor.journals, &self.run, &self.known, ended)
                })?,
                None => HeldWrites::default(),
            },
            (None, None) => HeldWrites::default(),
        };
        self.held.retain(|(held, ..)| *held != step);
        self.pending.writes_private = self.program.private.has_step(&step);
        self.pending.released = (!writes.is_empty()).then_some((step, *attempt));
        self.pending.writes = writes;
        Ok(())
    }

    /// Makes everything pending durable. False when another run's write stood in the way and the state was read
    /// back: decide again.
    async fn commit(&mut self) -> Result<bool, DriveError> {
        let Some(state) = self.state.as_ref().filter(|_| !self.pending.entries.is_empty()) else {
            return Ok(true);
        };
        let (pending, before) = (std::mem::take(&mut self.pending), self.before.take());
        let seen: Vec<Arc<Entry>> = pending.entries.iter().map(|sealed| sealed.written().clone()).collect();
        let kept = pending.needed_again();
        let commit = pending.commit(self.run.clone(), self.committed, state.row());
        match self.conductor.journals.commit(commit).await {
            Ok(()) => {
                self.committed = self.head;
                seen.iter().for_each(|entry| self.conductor.watcher.saw(entry, state, &self.known));
                Ok(true)
            }
            Err(conflict @ (JournalError::Conflict { .. } | JournalError::FileConflict { .. })) => {
                self.go_back(&kept.unwrap_or_default(), &conflict).map(|()| false)
            }
            Err(error) => match (before, state.open.as_ref().map(|open| open.step.clone())) {
                (Some(before), Some(step)) => self.stay(*before, step, error).map(|()| false),
                _ => Err(error.into()),
            },
        }
    }

    /// Nothing of the last commit became real. An attempt that ended in it is run again, a bounded number of times.
    /// An output that was accepted later than it was made rests on a key that has moved: what was decided stays on
    /// record, its writes don't become real, and the run ends.
    fn go_back(&mut self, failed: &Pending, conflict: &JournalError) -> Result<(), DriveError> {
        let (Standing { state, known, .. }, _) = standing(&*self.conductor.journals, &self.run)?;
        let open = state.open.clone();
        (self.state, self.known, self.head) = (Some(state), known, self.committed);
        self.held.clear();
        match open.filter(|open| failed.released == Some((open.step.clone(), open.attempt))) {
            Some(open) => self.take(Fact { body: self.sent_back(&open, failed)?, blobs: Vec::new() }),
            None => self.refused_late(failed, conflict),
        }
    }

    /// The ending of an attempt whose keys have moved: lost, but what it used is charged, and what it sent is not
    /// sent again without being asked about.
    fn sent_back(&self, open: &AttemptStarted, failed: &Pending) -> Result<Body, JournalError> {
        let lost = record::lost(open, &self.program)?;
        let ended = failed.entries.iter().find_map(|sealed| match &sealed.entry().body {
            Body::AttemptEnded(it) if it.step == open.step && it.attempt == open.attempt => Some(it),
            _ => None,
        });
        let Some(ended) = ended else { return Ok(Body::AttemptEnded(lost.into())) };
        let lost = AttemptEnded { receipt: ended.receipt.clone(), left: ended.left, ..lost };
        Ok(match open.effects.rerunnable() || ended.left.is_nothing() {
            true => Body::AttemptEnded(lost.into()),
            false => record::in_doubt(lost),
        })
    }

    fn refused_late(&mut self, failed: &Pending, conflict: &JournalError) -> Result<(), DriveError> {
        self.pending.blobs.clone_from(&failed.blobs);
        self.pending.shared.clone_from(&failed.shared);
        for named in failed.entries.iter().flat_map(|sealed| Known::names(&sealed.entry().body)) {
            let content = failed.blobs.iter().find(|content| content.digest() == named.digest());
            if let Some(Ok(value)) = content.map(|content| named.read(content.bytes())) {
                self.known.learn(named.clone(), Arc::new(value));
            }
        }
        for sealed in &failed.entries {
            self.take(Fact { body: sealed.entry().body.clone(), blobs: Vec::new() })?;
            if self.pending.released.take().is_some() {
                break;
            }
        }
        self.pending.writes = HeldWrites::default();
        let reason = Some(format!("{ACCEPTED_LATE}: {conflict}"));
        let ended = RunEnded { state: RunEnding::Failed, outputs: None, step: None, reason, outcome: None };
        self.take(Fact { body: Body::RunEnded(ended), blobs: Vec::new() })
    }
}
