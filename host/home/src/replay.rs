//! Doing recorded attempts again, with every crossing answered from the record: several at once, since each is alone with
//! its record. Nothing outside is reached, and nothing is journaled.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::skills::{inspect_file, invalid, uncompiled};
use kapell_conductor::replay::{Ready, Recollection, Remembered, recollect};
use kapell_conductor::retrace::{Programs, retrace};
use kapell_egress::Redactor;
use kapell_journal::entry::AttemptStarted;
use kapell_journal::replay::{Replayed, RunReplayed, Verdict};
use kapell_journal::seam::JournalReads;
use kapell_model::digest::Digest;
use kapell_model::id::{RunId, StepId};
use kapell_model::seam::Skill;
use kapell_runtime::{InstallError, Record, Runtime};
use kapell_store::{Components as _, SqliteStore, StoreError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What is to be done again.
#[derive(Default)]
pub struct ReplayWish {
    /// Only this step.
    pub step: Option<StepId>,
    /// With these bytes instead of those that ran: wherever their skill ran, or in the step that is named.
    pub with: Option<Arc<Skill>>,
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

    /// Does the attempts of runs again; `done` is told after each run how many are.
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
        let (runtime, redactor) = (Arc::clone(&self.runtime), self.redactor.clone());
        Again { source: &*self.store, runtime, redactor }.runs(runs, wish, done).await
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
pub(crate) trait Source: JournalReads {
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

/// Runs done again from a source.
pub(crate) struct Again<'s, S> {
    pub(crate) source: &'s S,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) redactor: Option<Arc<Redactor>>,
}

impl<S: Source> Again<'_, S> {
    /// As [`Home::replay`].
    pub(crate) async fn runs(
        &self,
        runs: &[RunId],
        wish: &ReplayWish,
        mut done: impl FnMut(usize),
    ) -> Result<Vec<RunReplayed>, HomeError> {
        let mut replayed = Vec::with_capacity(runs.len());
        let (mut under_way, mut unfit) = (JoinSet::new(), HashMap::new());
        let mut programs = Programs::default();
        for (place, run) in runs.iter().enumerate() {
            let (told, doing) = self.begun(run, wish, &mut unfit, &mut programs)?;
            replayed.push(told);
            if let Some(doing) = doing {
                under_way.spawn(async move { (place, doing.all().await) });
            }
            if under_way.len() > at_once() {
                take(&mut replayed, &mut under_way).await?;
            }
            done(place + 1 - under_way.len());
        }
        while !under_way.is_empty() {
            take(&mut replayed, &mut under_way).await?;
            done(runs.len() - under_way.len());
        }
        match (runs, replayed.as_slice()) {
            ([run], [only]) if only.attempts.is_empty() && only.not_replayable.is_none() => {
                Err(nothing_meant(run, wish))
            }
            _ => Ok(replayed),
        }
    }

    /// What is to be told of a run, its attempts not yet among it, and those that are to be done again. `unfit` is what is
    /// known already of components.
    fn begun(
        &self,
        run: &RunId,
        wish: &ReplayWish,
        unfit: &mut HashMap<Digest, Option<String>>,
        programs: &mut Programs,
    ) -> Result<(RunReplayed, Option<Doing>), HomeError> {
        let mut told = RunReplayed {
            run: run.clone(),
            engine: None,
            not_replayable: self.source.cut(run),
            attempts: Vec::new(),
            astray: Vec::new(),
            undecided: None,
        };
        if told.not_replayable.is_some() {
            return Ok((told, None));
        }
        let Recollection { engine, attempts } = recollect(self.source, run)?;
        if wish.is_all() {
            self.decide_again(&mut told, programs)?;
        }
        told.engine = Some(engine).filter(|engine| *engine != self.runtime.engine_name());
        let mut meant: Vec<Remembered> =
            attempts.into_iter().filter(|it| wish.is_meant(&it.started)).collect();
        for it in meant.iter_mut().filter(|it| it.ready.is_ok() && wish.instead(&it.started).is_none()) {
            let component = it.started.skill.component;
            let why = match unfit.entry(component) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.source.unfit(&component)?),
            };
            if let Some(why) = why {
                it.ready = Err(why.clone());
            }
        }
        let doing = (!meant.is_empty()).then(|| self.doing(meant, wish));
        Ok((told, doing))
    }

    /// Tells which entries of the run do not follow from its plan, and of how many that can't be told.
    fn decide_again(&self, told: &mut RunReplayed, programs: &mut Programs) -> Result<(), HomeError> {
        match retrace(self.source, self.source.entries(&told.run)?, programs) {
            Ok(retraced) => {
                let (hidden, words) = (retraced.hidden, "entries rest on what is not kept or not here");
                told.undecided = (hidden > 0).then(|| format!("{hidden} {words}"));
                told.astray = retraced.faults;
            }
            Err(error) => told.undecided = Some(error.to_string()),
        }
        Ok(())
    }

    fn doing(&self, attempts: Vec<Remembered>, wish: &ReplayWish) -> Doing {
        let with = attempts.iter().map(|it| wish.instead(&it.started).cloned()).collect();
        let (runtime, redactor) = (Arc::clone(&self.runtime), self.redactor.clone());
        Doing { runtime, redactor, attempts, with }
    }
}

/// Runs at once: as many as the machine has cores.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

type UnderWay = JoinSet<(usize, Result<Vec<Replayed>, HomeError>)>;

async fn take(replayed: &mut [RunReplayed], under_way: &mut UnderWay) -> Result<(), HomeError> {
    let Some(joined) = under_way.join_next().await else { return Ok(()) };
    let broken = |cause| HomeError::new(Kind::Internal, format!("do a run again: {cause}"));
    let (place, attempts) = joined.map_err(broken)?;
    if let Some(run) = replayed.get_mut(place) {
        run.attempts = attempts?;
    }
    Ok(())
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

/// The attempts of a run on their way.
struct Doing {
    runtime: Arc<Runtime>,
    redactor: Option<Arc<Redactor>>,
    attempts: Vec<Remembered>,
    with: Vec<Option<Arc<Skill>>>,
}

impl Doing {
    async fn all(self) -> Result<Vec<Replayed>, HomeError> {
        let mut replayed = Vec::with_capacity(self.attempts.len());
        for (remembered, with) in self.attempts.iter().zip(&self.with) {
            let started = &remembered.started;
            let verdict = match &remembered.ready {
                Err(why) => Verdict::NotReplayable(why.clone()),
                Ok(ready) => self.again(started, ready, with.as_deref()).await?,
            };
            replayed.push(Replayed {
                step: started.step.clone(),
                attempt: started.attempt,
                skill: started.skill.clone(),
                with: with.as_ref().map(|with| with.pin.clone()),
                verdict,
            });
        }
        Ok(replayed)
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
