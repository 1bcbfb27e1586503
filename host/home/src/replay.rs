//! Doing recorded attempts again, with every crossing answered from the record: several at once, since each is alone with
//! its record. Nothing outside is reached, and nothing is journaled.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::skills::{inspect_file, invalid, uncompiled};
use crate::trial::Trial;
use kapell_conductor::history::History;
use kapell_conductor::programs::Programs;
use kapell_conductor::replay::{Ready, Recollection, Remembered, recollect};
use kapell_conductor::retrace::retrace;
use kapell_egress::Redactor;
use kapell_journal::entry::AttemptStarted;
use kapell_journal::replay::{Replayed, RunReplayed, Verdict};
use kapell_journal::seam::JournalReads;
use kapell_model::digest::Digest;
use kapell_model::id::{RunId, StepId};
use kapell_model::seam::Skill;
use kapell_runtime::{InstallError, Record, Runtime};
use kapell_store::{Components as _, SqliteStore, StoreError};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// What is to be done again.
#[derive(Clone, Default)]
pub struct ReplayWish {
    /// Only this step.
    pub step: Option<StepId>,
    /// With these bytes instead of those that ran: wherever their skill ran, or in the step that is named.
    pub with: Option<Arc<Skill>>,
    /// Whether what nobody approved, or somebody took back, is done again all the same: nothing real is reached by it.
    pub unapproved: bool,
}

impl ReplayWish {
    /// What runs now in the place of what ran then; none where it is the same.
    fn instead(&self, started: &AttemptStarted) -> Option<&Arc<Skill>> {
        self.with.as_ref().filter(|with| self.step.is_some() || with.pin.name == started.skill.name)
    }

    /// Whether whole runs are done again as they were.
    const fn is_all(&self) -> bool {
        self.step.is_none() && self.with.is_none()
    }

    fn is_meant(&self, started: &AttemptStarted) -> bool {
        let step = self.step.as_ref().is_none_or(|step| *step == started.step);
        step && (self.with.is_none() || self.instead(started).is_some())
    }
}

impl Home {
    /// Makes other bytes ready to be run on a record. They are compiled and not installed.
    ///
    /// # Errors
    /// `Invalid` for bytes that are no component; when they can't be compiled.
    pub fn stand_in(&self, file: &Path, bytes: &[u8]) -> Result<Arc<Skill>, HomeError> {
        stand_in(&self.runtime, file, bytes)
    }

    /// Does the attempts of runs again, as many runs at once as the machine has cores; `done` is told how many are whenever
    /// one begins and whenever one is.
    ///
    /// # Errors
    /// `NotFound` when a run or the wanted step is not there; `Integrity` when the journal or a component is damaged; when
    /// the host fails.
    pub async fn replay(
        &self,
        runs: &[RunId],
        wish: &ReplayWish,
        done: impl FnMut(usize),
    ) -> Result<Vec<RunReplayed>, HomeError> {
        let held = (!wish.unapproved).then(|| self.trial()).transpose()?;
        Again::new(&self.store, &self.runtime, self.redactor.clone(), wish, held)?.runs(runs, done).await
    }
}

/// The skill of bytes that are to stand in for others.
pub(crate) fn stand_in(runtime: &Runtime, file: &Path, bytes: &[u8]) -> Result<Arc<Skill>, HomeError> {
    let skill = inspect_file(file, bytes)?.skill;
    runtime.install(bytes, |_| {}).map_err(|cause| match cause {
        InstallError::Load(cause) => invalid(file, &cause),
        InstallError::Compile(cause) => uncompiled(file, &cause),
    })?;
    Ok(Arc::new(skill))
}

/// What runs are done again from.
pub(crate) trait Source: JournalReads + Send + Sync + 'static {
    /// Why the bytes of a component are not there to be run; none when they are, and have the digest they are named by.
    fn unfit(&self, component: &Digest) -> Result<Option<String>, HomeError>;

    /// Why nothing can be said of a run whose beginning is not there.
    fn cut(&self, run: &RunId) -> Option<String>;
}

impl Source for SqliteStore {
    fn unfit(&self, component: &Digest) -> Result<Option<String>, HomeError> {
        match self.component(component) {
            Ok(_) => Ok(None),
            Err(StoreError::NoComponent(_)) => Ok(Some("its component is not kept".into())),
            Err(error) => Err(error.into()),
        }
    }

    fn cut(&self, _: &RunId) -> Option<String> {
        None
    }
}

/// Runs done again from a source, and what is known already of what several of them share.
pub(crate) struct Again<S> {
    source: Arc<S>,
    runtime: Arc<Runtime>,
    redactor: Option<Arc<Redactor>>,
    wish: ReplayWish,
    programs: Programs,
    /// What each component is held against, unless it is done again whatever the lock says.
    held: Option<Trial>,
    /// Why components are not there to be run.
    unfit: Mutex<HashMap<Digest, Option<String>>>,
}

impl<S: Source> Again<S> {
    pub(crate) fn new(
        source: &Arc<S>,
        runtime: &Arc<Runtime>,
        redactor: Option<Arc<Redactor>>,
        wish: &ReplayWish,
        held: Option<Trial>,
    ) -> Result<Self, HomeError> {
        if let (Some(held), Some(with)) = (&held, &wish.with) {
            held.check(with)?;
        }
        let (source, runtime, wish) = (Arc::clone(source), Arc::clone(runtime), wish.clone());
        let (programs, unfit) = (Programs::default(), Mutex::default());
        Ok(Self { source, runtime, redactor, wish, programs, held, unfit })
    }

    /// As [`Home::replay`].
    pub(crate) async fn runs(
        self,
        runs: &[RunId],
        mut done: impl FnMut(usize),
    ) -> Result<Vec<RunReplayed>, HomeError> {
        let (again, mut under_way, mut replayed) = (Arc::new(self), JoinSet::new(), BTreeMap::new());
        let mut waiting = runs.iter().cloned().enumerate();
        loop {
            while under_way.len() < at_once()
                && let Some((place, run)) = waiting.next()
            {
                let again = Arc::clone(&again);
                under_way.spawn(async move { (place, again.run(&run).await) });
                done(replayed.len());
            }
            let Some(joined) = under_way.join_next().await else { break };
            let broken = |cause| HomeError::new(Kind::Internal, format!("do a run again: {cause}"));
            let (place, told) = joined.map_err(broken)?;
            replayed.insert(place, told?);
            done(replayed.len());
        }
        let replayed: Vec<RunReplayed> = replayed.into_values().collect();
        match (runs, replayed.as_slice()) {
            ([run], [only]) if only.attempts.is_empty() && only.not_replayable.is_none() => {
                Err(nothing_meant(run, &again.wish))
            }
            _ => Ok(replayed),
        }
    }

    /// A run is read once, then held against its plan, then done again.
    async fn run(&self, run: &RunId) -> Result<RunReplayed, HomeError> {
        let (mut told, meant) = self.begun(run)?;
        for remembered in &meant {
            let replayed = self.attempt(remembered).await?;
            told.attempts.push(replayed);
        }
        Ok(told)
    }

    /// What is to be told of a run, its attempts not yet among it, and those that are to be done again.
    fn begun(&self, run: &RunId) -> Result<(RunReplayed, Vec<Remembered>), HomeError> {
        let mut told = RunReplayed {
            run: run.clone(),
            engine: None,
            not_replayable: self.source.cut(run),
            attempts: Vec::new(),
            astray: Vec::new(),
            undecided: None,
        };
        if told.not_replayable.is_some() {
            return Ok((told, Vec::new()));
        }
        let history = History::read(&*self.source, run)?;
        let Recollection { engine, attempts } = recollect(&history, run, &self.programs)?;
        if self.wish.is_all() {
            self.decide_again(&history, &mut told);
        }
        told.engine = Some(engine).filter(|engine| *engine != self.runtime.engine_name());
        let mut meant: Vec<Remembered> =
            attempts.into_iter().filter(|it| self.wish.is_meant(&it.started)).collect();
        for it in meant.iter_mut().filter(|it| it.ready.is_ok() && self.wish.instead(&it.started).is_none()) {
            let component = it.started.skill.component;
            if let Some(why) = self.unfit(component)? {
                it.ready = Err(why);
            }
        }
        Ok((told, meant))
    }

    /// Tells which entries of the run do not follow from its plan, and of how many that can't be told.
    fn decide_again(&self, history: &History<'_, S>, told: &mut RunReplayed) {
        match retrace(history, &self.programs) {
            Ok(retraced) => {
                let (hidden, words) = (retraced.hidden, "entries rest on what is not kept or not here");
                told.undecided = (hidden > 0).then(|| format!("{hidden} {words}"));
                told.astray = retraced.faults;
            }
            Err(error) => told.undecided = Some(error.to_string()),
        }
    }

    /// Why the bytes of a component may not be run, or are not there to be, looked at once.
    fn unfit(&self, component: Digest) -> Result<Option<String>, HomeError> {
        let mut unfit = self.unfit.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match unfit.entry(component) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let forbidden = self.held.as_ref().and_then(|held| held.forbids(&component));
                let why = match forbidden {
                    Some(why) => Some(format!("{why}; `--unapproved` does it again all the same")),
                    None => self.source.unfit(&component)?,
                };
                unknown.insert(why).clone()
            }
        })
    }

    async fn attempt(&self, remembered: &Remembered) -> Result<Replayed, HomeError> {
        let started = &remembered.started;
        let with = self.wish.instead(started);
        let verdict = match &remembered.ready {
            Err(why) => Verdict::NotReplayable(why.clone()),
            Ok(ready) => self.again(started, ready, with.map(Arc::as_ref)).await?,
        };
        Ok(Replayed {
            step: started.step.clone(),
            attempt: started.attempt,
            skill: started.skill.clone(),
            with: with.map(|with| with.pin.clone()),
            verdict,
        })
    }

    async fn again(
        &self,
        started: &AttemptStarted,
        ready: &Ready,
        with: Option<&Skill>,
    ) -> Result<Verdict, HomeError> {
        let mut job = ready.job.clone();
        if let Some(with) = with {
            let name = &job.operation.name;
            let Some(operation) = with.operation(name) else {
                return Ok(Verdict::NotReplayable(format!("{} has no operation {name}", with.pin.name)));
            };
            (job.operation, job.skill) = (Arc::new(operation.clone()), with.pin.clone());
        }
        let record = Record { crossings: ready.crossings.clone(), contents: ready.contents.clone() };
        match self.runtime.replay(job, record).await {
            Err(fault) => Ok(Verdict::NotReplayable(fault.to_string())),
            Ok((mut attempt, departure)) => {
                if let Some(redactor) = &self.redactor {
                    redactor.redact_attempt(&mut attempt);
                }
                let same_bytes = with.is_none_or(|with| with.pin.component == started.skill.component);
                Ok(ready.verdict(started, attempt, departure, same_bytes)?)
            }
        }
    }
}

/// Runs at once: as many as the machine has cores.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn nothing_meant(run: &RunId, wish: &ReplayWish) -> HomeError {
    let what = match (&wish.step, &wish.with) {
        (Some(step), _) => format!("no attempt of step {step}"),
        (None, Some(with)) => format!("no attempt of {}", with.pin.name),
        (None, None) => "no attempt".to_owned(),
    };
    let error = HomeError::new(Kind::NotFound, format!("run {run} has {what}"));
    match wish.with.is_some() && wish.step.is_none() {
        true => error.hint("--step STEP runs these bytes in the place of any skill"),
        false => error.hint(format!("`kapell runs show {run}` lists its steps")),
    }
}
