//! The product put together for measuring: a sandbox with skills in it, plans of equal steps, a conductor.

use crate::guests;
use anyhow::{Context, Result, ensure};
use kapell_conductor::drive::{Conductor, Launch, Standing, Unwatched};
use kapell_conductor::program::Program;
use kapell_egress::{HttpEgress, Vault};
use kapell_journal::content::Content;
use kapell_journal::entry::{Entry, RunEnding};
use kapell_journal::seam::{Journals, Owner};
use kapell_model::digest::Digest;
use kapell_model::grant::{Grant, GrantSet};
use kapell_model::id::RunId;
use kapell_model::limits::{EffectiveLimits, WishedLimits};
use kapell_model::money::{EXAMPLE_TARIFF, PinnedTariff};
use kapell_model::plan::{
    AnswerShape, Budget, Call, Effects, Input, InputShape, Lane, Piece, Plan, Question, SkillPin, Step,
    Template, Work,
};
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{Cancel, Clock, HostFault, Job, Performer};
use kapell_model::shape::Operation;
use kapell_runtime::{Compiler, Inspection, Runtime, RuntimeConfig, Walk, inspect};
use kapell_store::{MemoryStore, SqliteStore};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// The wall clock.
pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A skill in the sandbox.
#[derive(Clone)]
pub(crate) struct Skill {
    pin: SkillPin,
    operation: Arc<Operation>,
    limits: EffectiveLimits,
    grants: GrantSet,
}

/// What a run keeps for itself of all that its entries name, for another run that names the same.
pub(crate) fn kept_by(store: &SqliteStore, run: &RunId, entries: &[Entry]) -> Result<Vec<Content>> {
    let (mut waiting, mut named) = (vec![serde_json::to_value(entries)?], BTreeSet::new());
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => waiting.extend(fields.into_iter().map(|(_, field)| field)),
            Value::String(text) => named.extend(text.parse::<Digest>().ok()),
            _ => {}
        }
    }
    let mut kept = Vec::new();
    for digest in named {
        if store.keeps_itself(run, &digest)? {
            kept.extend(store.blob(run, &digest)?.map(Content::of));
        }
    }
    Ok(kept)
}

/// A folder that goes with its value, where builds go: on a disk, as temporary folders may not be.
pub(crate) fn folder() -> Result<TempDir> {
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// This process: what is compiled here was written for it.
pub(crate) fn compiler() -> Compiler {
    Compiler::Here(Arc::new(|_| true))
}

/// A sandbox that keeps its compiled forms below `dir`.
pub(crate) fn sandbox(dir: &Path) -> Result<Runtime> {
    let missing = |digest: &Digest| -> Result<Vec<u8>, HostFault> {
        Err(HostFault { doing: format!("load {digest}"), cause: "it was not installed".into() })
    };
    Ok(Runtime::new(RuntimeConfig {
        cache: dir.join("forms"),
        keyvalue: Arc::new(MemoryStore::new()),
        clock: Arc::new(WallClock),
        egress: Arc::new(HttpEgress::new(Vault::default())?),
        components: Arc::new(missing),
        walk: Walk::here(),
        compiler: compiler(),
    })?)
}

/// Installs a component under a name, with limits above what anything here needs.
pub(crate) fn install(sandbox: &Runtime, name: &str, bytes: &[u8]) -> Result<Skill> {
    named(name, sandbox.install(bytes, |_| {})?)
}

/// The same without a sandbox: what the house needs to know of it.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Skill> {
    named(name, inspect(bytes)?)
}

fn named(name: &str, inspection: Inspection) -> Result<Skill> {
    let operation = inspection.operations.into_iter().next().context("the guest exports an operation")?;
    let pin = SkillPin {
        name: name.parse()?,
        version: semver::Version::new(1, 0, 0),
        component: inspection.digest,
    };
    Ok(Skill { pin, operation: Arc::new(operation), limits: limits(60_000), grants: GrantSet::default() })
}

fn limits(deadline_millis: u64) -> EffectiveLimits {
    let ample = WishedLimits {
        fuel: Some(1 << 40),
        host_calls: Some(1 << 40),
        deadline: Some(kapell_model::quantity::Span(deadline_millis)),
        ..WishedLimits::default()
    };
    EffectiveLimits::smallest(&WishedLimits::default(), &ample, &WishedLimits::default())
}

impl Skill {
    /// An attempt of it, ready to be performed again and again.
    pub(crate) fn job(&self, arguments: Value) -> Job {
        let grants = self.grants.clone();
        Job {
            run: fixed("bench-1"),
            flow: fixed("bench"),
            step: fixed("step"),
            skill: self.pin.clone(),
            operation: self.operation.clone(),
            arguments: Arc::new(arguments),
            grant: grants.digest(),
            grants: Arc::new(grants),
            limits: self.limits,
            effects: Effects::None,
            idempotency_key: None,
            cancel: Cancel::default(),
        }
    }

    /// The same with another deadline.
    pub(crate) fn job_within(&self, arguments: Value, deadline_millis: u64) -> Job {
        Job { limits: limits(deadline_millis), ..self.job(arguments) }
    }

    /// The same, holding grants.
    pub(crate) fn granted(&self, grants: Vec<Grant>) -> Self {
        Self { grants: GrantSet::of(grants), ..self.clone() }
    }

    /// The step `number`: echoes the run's text with the step's number after it, so that every step has bytes of
    /// its own.
    fn step(&self, number: u32) -> Step {
        let pieces = vec![Piece::Expression("inputs.text".into()), Piece::Plain(format!(" step {number}"))];
        let call = Call {
            skill: self.pin.clone(),
            owner: None,
            operation: (*self.operation).clone(),
            lane: Lane::Logic,
            effects: Effects::None,
            with: BTreeMap::from([("text".into(), Template::Text { pieces })]),
            grants: self.grants.clone(),
            limits: EffectiveLimits::smallest(
                &WishedLimits::default(),
                &WishedLimits::default(),
                &WishedLimits::default(),
            ),
            private: Vec::new(),
        };
        let work = Work::Call { call, expect: None, otherwise: Vec::new(), retry: 0 };
        let (id, budget, marks) = (fixed(&format!("step_{number}")), Budget::default(), BTreeSet::new());
        Step { id, when: None, budget, marks, work }
    }

    /// A program of so many steps of this skill.
    pub(crate) fn program(&self, steps: u32) -> Result<Arc<Program>> {
        program((1..=steps).map(|number| self.step(number)).collect())
    }
}

/// A program that asks a person at once, and so waits.
pub(crate) fn asking() -> Result<Arc<Program>> {
    let question = Question {
        role: fixed("legal"),
        text: Template::Literal { value: json!("Is this fine?") },
        show: BTreeMap::from([("text".into(), "inputs.text".into())]),
        answer: AnswerShape::Approval,
        remind: None,
        escalate: None,
        expire: None,
        override_by: None,
    };
    program(vec![Step {
        id: fixed("view"),
        when: None,
        budget: Budget::default(),
        marks: BTreeSet::new(),
        work: Work::Ask { question },
    }])
}

fn program(steps: Vec<Step>) -> Result<Arc<Program>> {
    let tariff = PinnedTariff::parse(EXAMPLE_TARIFF)?;
    let plan = Plan {
        flow: fixed("bench"),
        version: "1.0.0".into(),
        text: Digest::of(TEXT),
        purpose: None,
        outcome: None,
        owner: None,
        runbook: None,
        inputs: vec![Input {
            name: "text".into(),
            shape: InputShape::String,
            default: None,
            marks: BTreeSet::new(),
        }],
        files: BTreeMap::new(),
        require: Vec::new(),
        budget: Budget::default(),
        flow_budgets: Vec::new(),
        steps,
        outputs: BTreeMap::new(),
        roles: BTreeMap::from([(fixed("legal"), vec!["user:ada".into()])]),
        policy: Digest::of(TEXT),
        tariff: tariff.digest,
        engine: "bench".into(),
        four_eyes: false,
    };
    Ok(Arc::new(Program::new(plan, tariff, &BTreeMap::new())?))
}

/// Stands for the flow and its policy: what is measured is not their reading.
const TEXT: &[u8] = b"bench";

/// A conductor over a performer and a journal.
pub(crate) fn conductor<P: Performer, J: Journals>(
    performer: &Arc<P>,
    journals: &Arc<J>,
    owner: &Owner,
) -> Conductor<P, J> {
    let (clock, watcher) = (Arc::new(WallClock), Arc::new(Unwatched));
    Conductor::new(performer.clone(), journals.clone(), clock, owner.clone(), watcher)
}

/// Drives one run, its text unlike every other's.
pub(crate) async fn drive<P: Performer, J: Journals>(
    conductor: &Conductor<P, J>,
    program: &Arc<Program>,
    number: u64,
) -> Result<Standing> {
    let texts = vec![Arc::from(TEXT), Arc::from(EXAMPLE_TARIFF.as_bytes())];
    let inputs = json!({ "text": guests::text(number) });
    let launch = Launch { program: program.clone(), inputs, texts, by: "bench".into(), line: None };
    Ok(conductor.start(launch).await?)
}

/// As [`drive`], to its end.
pub(crate) async fn drive_through<P: Performer, J: Journals>(
    conductor: &Conductor<P, J>,
    program: &Arc<Program>,
    number: u64,
) -> Result<Standing> {
    let standing = drive(conductor, program, number).await?;
    let ended = standing.state.ended.as_ref().map(|ended| ended.state);
    ensure!(ended == Some(RunEnding::Done), "run {} ended as {ended:?}", standing.state.run);
    Ok(standing)
}

/// A name that is written in this program.
#[allow(clippy::expect_used, reason = "the names are the literals of this program")]
pub(crate) fn fixed<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> T {
    name.parse().expect("a valid name")
}
