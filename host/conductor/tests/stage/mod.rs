//! A stage: scripted skills, a journal in memory that can be cut off, a clock moved by hand.

use kapell_conductor::answer::{Given, Said};
use kapell_conductor::drive::{Conductor, DriveError, Launch, Standing, Unwatched};
use kapell_conductor::history::History;
use kapell_conductor::program::Program;
use kapell_conductor::programs::Programs;
use kapell_conductor::replay::{Recollection, recollect};
use kapell_conductor::retrace::retrace;
use kapell_journal::content::{Content, Salt};
use kapell_journal::entry::Entry;
use kapell_journal::seam::{About, Commit, Head, JournalError, Journals, Owner, RunRow};
use kapell_journal::spending::Spent;
use kapell_model::digest::Digest;
use kapell_model::ending::{Attempt, Ending, Left, Meters, Trap, TrapCause};
use kapell_model::id::{FlowName, RunId};
use kapell_model::money::{EXAMPLE_TARIFF, Money, PinnedTariff};
use kapell_model::plan::Plan;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{Clock, HostFault, Job, KeyvalueReads as _, Performer};
use kapell_model::writes::{FileSeen, FileWrite, HeldWrites, KeySeen, KeyWrite, Undone};
use kapell_store::{MemoryStore, OwnerLock};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a scripted skill does each time it is called.
#[derive(Clone, Default)]
pub(crate) struct Act {
    answers: Vec<Value>,
    echo: bool,
    no: bool,
    traps: usize,
    late: bool,
    writes: Vec<(String, Vec<u8>)>,
    files: Vec<FileWrite>,
    appearing: Option<PathBuf>,
    reads: Vec<String>,
    counts: Option<String>,
    cancelled: bool,
    micros: u64,
    left: Left,
    paid: Option<Money>,
}

impl Act {
    pub(crate) fn answers(value: Value) -> Self {
        Self { answers: vec![value], ..Self::default() }
    }

    pub(crate) fn answers_in_turn(values: impl IntoIterator<Item = Value>) -> Self {
        Self { answers: values.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn echoes() -> Self {
        Self { echo: true, ..Self::default() }
    }

    pub(crate) fn says_no(value: Value) -> Self {
        Self { no: true, ..Self::answers(value) }
    }

    pub(crate) fn traps_then(times: usize, value: Value) -> Self {
        Self { traps: times, ..Self::answers(value) }
    }

    /// What stops it is its deadline.
    pub(crate) fn for_the_deadline(self) -> Self {
        Self { late: true, ..self }
    }

    /// Reads a number under a key and writes it back one higher.
    pub(crate) fn counts(key: &str) -> Self {
        Self { counts: Some(key.into()), ..Self::answers(json!(1)) }
    }

    pub(crate) fn writing(mut self, key: &str, value: &[u8]) -> Self {
        self.writes.push((key.into(), value.to_vec()));
        self
    }

    /// Reads a key, which then stands among what its writes rest on.
    pub(crate) fn reading(mut self, key: &str) -> Self {
        self.reads.push(key.into());
        self
    }

    /// Sends something that can't be taken back.
    pub(crate) fn leaving(self, left: Left) -> Self {
        Self { left, ..self }
    }

    /// Asks a model for that much.
    pub(crate) fn paying(mut self, money: &str) -> Self {
        self.paid = Some(money.parse().unwrap());
        self
    }

    pub(crate) fn writing_file(mut self, root: &Path, path: &str) -> Self {
        let (grant, root) = ("out".parse().unwrap(), root.to_str().unwrap().into());
        let (path, seen, content) = (path.into(), FileSeen::Absent, Some(b"content".to_vec()));
        self.files.push(FileWrite { grant, root, path, seen, content });
        self
    }

    /// Somebody else makes that file while it is called first, and takes it away before it is called again.
    pub(crate) fn while_appears(self, file: PathBuf) -> Self {
        Self { appearing: Some(file), ..self }
    }

    pub(crate) fn taking_micros(self, micros: u64) -> Self {
        Self { micros, ..self }
    }

    pub(crate) fn cancelled_meanwhile(self) -> Self {
        Self { cancelled: true, ..self }
    }
}

/// A clock that stands where it was put.
#[derive(Default)]
pub(crate) struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

type Stop = Box<dyn Fn(&RunId) + Send + Sync>;

pub(crate) struct Scripted {
    acts: HashMap<String, Act>,
    called: Mutex<HashMap<String, usize>>,
    performed: AtomicUsize,
    deadlines: Mutex<Vec<u64>>,
    store: MemoryStore,
    interfere: Mutex<Option<String>>,
    stop: Mutex<Option<Stop>>,
}

impl Performer for Scripted {
    async fn perform(&self, job: Job) -> Result<Attempt, HostFault> {
        self.performed.fetch_add(1, Ordering::Relaxed);
        self.deadlines.lock().unwrap().push(job.limits.limits.deadline.0);
        let act = self.acts[&job.operation.name].clone();
        let turn = {
            let mut called = self.called.lock().unwrap();
            let turn = called.entry(job.operation.name.clone()).or_default();
            *turn += 1;
            *turn - 1
        };
        let mut writes = HeldWrites::default();
        for (key, value) in &act.writes {
            writes.keys.push(KeyWrite {
                namespace: "ns".into(),
                key: key.clone(),
                value: Some(value.clone()),
            });
        }
        writes.files.clone_from(&act.files);
        writes.seen.extend(act.reads.iter().map(|key| {
            let version = self.store.get("ns", key).unwrap().map_or(0, |(_, version)| version);
            KeySeen { namespace: "ns".into(), key: key.clone(), version }
        }));
        if let Some(key) = &act.counts {
            self.count(key, &mut writes);
        }
        match &act.appearing {
            Some(file) if turn == 0 => std::fs::write(file, "of somebody else").unwrap(),
            Some(file) => std::fs::remove_file(file).unwrap(),
            None => {}
        }
        if act.cancelled {
            self.stop.lock().unwrap().as_ref().unwrap()(&job.run);
        }
        let value = match (act.echo, turn) {
            (true, _) => job.arguments["input"].clone(),
            (false, turn) => act.answers[turn.min(act.answers.len() - 1)].clone(),
        };
        let ending = match () {
            () if job.cancel.is_raised() => Ending::Cancelled,
            () if turn < act.traps => {
                let cause = if act.late { TrapCause::Deadline } else { TrapCause::Crash };
                Ending::Trap(Trap { cause, origin: None, detail: "scripted".into() })
            }
            () if act.no => Ending::SkillError(value),
            () => Ending::Output(value),
        };
        let meters =
            Meters { fuel: 1_000, wall_micros: act.micros, inference: act.paid.clone(), ..Meters::default() };
        Ok(Attempt {
            ending,
            meters,
            writes,
            undone: Undone::default(),
            left: act.left,
            crossings: vec![],
            contents: vec![],
            notes: vec![],
            log: vec![],
        })
    }
}

impl Scripted {
    fn count(&self, key: &str, writes: &mut HeldWrites) {
        let (value, version) = self.store.get("ns", key).unwrap().unwrap_or((b"0".to_vec(), 0));
        let next = String::from_utf8(value).unwrap().parse::<u64>().unwrap() + 1;
        writes.seen.push(KeySeen { namespace: "ns".into(), key: key.into(), version });
        let value = Some(next.to_string().into_bytes());
        writes.keys.push(KeyWrite { namespace: "ns".into(), key: key.into(), value });
        if let Some(key) = self.interfere.lock().unwrap().take() {
            write_from_outside(&self.store, &key);
        }
    }
}

/// Another run counts in between.
pub(crate) fn write_from_outside(store: &MemoryStore, key: &str) {
    let stage = Stage::over(store.clone(), HashMap::from([("count".to_owned(), Act::counts(key))]));
    let flow = flow([("other", call("count", json!({ "kind": "literal", "value": 1 })))]);
    let done = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(stage.run(flow))
            .unwrap()
            .state
            .word()
    });
    assert_eq!(done.join().unwrap(), "done");
}

/// A journal that becomes unwritable after so many commits.
pub(crate) struct Cut {
    store: MemoryStore,
    left: AtomicI64,
    /// Blobs it has no more.
    forgotten: Mutex<Vec<Digest>>,
}

impl Journals for Cut {
    fn next_id(&self, flow: &FlowName) -> Result<RunId, JournalError> {
        self.store.next_id(flow)
    }
    fn claim(&self, run: &RunId, owner: &Owner) -> Result<Head, JournalError> {
        self.store.claim(run, owner)
    }
    fn release(&self, run: &RunId, epoch: u64) -> Result<(), JournalError> {
        self.store.release(run, epoch)
    }
    async fn commit(&self, commit: Commit) -> Result<(), JournalError> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            ..=0 => Err(JournalError::Unavailable { doing: "written", cause: "cut".into() }),
            _ => self.store.commit(commit).await,
        }
    }
    fn place_pending(&self, run: &RunId) -> Result<(), JournalError> {
        self.store.place_pending(run)
    }
    fn entries(&self, run: &RunId) -> Result<Vec<Entry>, JournalError> {
        self.store.entries(run)
    }
    fn claimed(&self) -> Result<u64, JournalError> {
        self.store.claimed()
    }
    fn stretch(&self, about: &About, numbers: RangeInclusive<u64>) -> Result<Vec<Vec<Entry>>, JournalError> {
        self.store.stretch(about, numbers)
    }
    fn blob(&self, run: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError> {
        let is_gone = self.forgotten.lock().unwrap().contains(digest);
        if is_gone { Ok(None) } else { self.store.blob(run, digest) }
    }
    fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError> {
        self.store.private(commitment)
    }
    fn private_of(&self, run: &RunId) -> Result<BTreeSet<Digest>, JournalError> {
        self.store.private_of(run)
    }
    fn salt(&self) -> Result<Salt, JournalError> {
        self.store.salt()
    }
    fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        self.store.runs()
    }
    fn runs_like(&self, beginning: &str, most: usize) -> Result<Vec<RunId>, JournalError> {
        self.store.runs_like(beginning, most)
    }
    fn last_run(&self) -> Result<Option<RunId>, JournalError> {
        self.store.last_run()
    }
    fn newest_runs(&self) -> Result<Vec<RunRow>, JournalError> {
        self.store.newest_runs()
    }
    fn run_of_line(&self, line: &Digest) -> Result<Option<RunRow>, JournalError> {
        self.store.run_of_line(line)
    }
    fn spending(&self) -> Result<Vec<Spent>, JournalError> {
        self.store.spending()
    }
    fn due(&self, now: Timestamp) -> Result<Vec<RunId>, JournalError> {
        self.store.due(now)
    }

    fn over_by(&self, then: Timestamp) -> Result<Vec<RunId>, JournalError> {
        self.store.over_by(then)
    }

    fn let_go(&self) -> Result<(), JournalError> {
        self.store.let_go()
    }
}

pub(crate) struct Stage {
    pub(crate) store: MemoryStore,
    pub(crate) conductor: Arc<Conductor<Scripted, Cut>>,
    performer: Arc<Scripted>,
    journals: Arc<Cut>,
    clock: Arc<HandClock>,
    /// Its life; taken when the process is said to be gone.
    owner: Mutex<Option<OwnerLock>>,
}

impl Stage {
    pub(crate) fn new<const N: usize>(acts: [(&str, Act); N]) -> Self {
        Self::over(MemoryStore::new(), acts.into_iter().map(|(name, act)| (name.to_owned(), act)).collect())
    }

    fn over(store: MemoryStore, acts: HashMap<String, Act>) -> Self {
        let performer = Arc::new(Scripted {
            acts,
            called: Mutex::default(),
            performed: AtomicUsize::new(0),
            deadlines: Mutex::default(),
            store: store.clone(),
            interfere: Mutex::default(),
            stop: Mutex::default(),
        });
        let (journals, clock) = (
            Arc::new(Cut {
                store: store.clone(),
                left: AtomicI64::new(i64::MAX),
                forgotten: Mutex::default(),
            }),
            Arc::<HandClock>::default(),
        );
        let owner = store.new_owner();
        let conductor = Arc::new(Conductor::new(
            performer.clone(),
            journals.clone(),
            clock.clone(),
            owner.owner().clone(),
            Arc::new(Unwatched),
        ));
        let stopping = Arc::downgrade(&conductor);
        *performer.stop.lock().unwrap() = Some(Box::new(move |run| {
            assert!(stopping.upgrade().unwrap().stop(run, "user:anna", "enough"));
        }));
        Self { store, conductor, performer, journals, clock, owner: Mutex::new(Some(owner)) }
    }

    /// Another process over the same store, after this one is gone.
    pub(crate) fn restarted(&self) -> Self {
        let next = Self::over(self.store.clone(), self.performer.acts.clone());
        next.set_clock(self.clock.now().0);
        self.owner.lock().unwrap().take();
        next
    }

    pub(crate) fn cut_after(&self, commits: i64) {
        self.journals.left.store(commits, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self, digest: &Digest) {
        self.journals.forgotten.lock().unwrap().push(*digest);
    }

    /// What is recorded of a run, ready to be done again.
    pub(crate) fn recollect(&self, run: &RunId) -> Recollection {
        recollect(&History::read(&*self.journals, run).unwrap(), run, &Programs::default()).unwrap()
    }

    /// Does a job outside of any run.
    pub(crate) async fn perform(&self, job: Job) -> Attempt {
        self.performer.perform(job).await.unwrap()
    }

    pub(crate) fn interfere_with(&self, key: &str) {
        *self.performer.interfere.lock().unwrap() = Some(key.into());
    }

    pub(crate) fn set_clock(&self, at: u64) {
        self.clock.0.store(at, Ordering::Relaxed);
    }

    pub(crate) fn performed(&self) -> usize {
        self.performer.performed.load(Ordering::Relaxed)
    }

    /// The deadlines the attempts had, in milliseconds.
    pub(crate) fn deadlines(&self) -> Vec<u64> {
        self.performer.deadlines.lock().unwrap().clone()
    }

    pub(crate) async fn run(&self, plan: Plan) -> Result<Standing, DriveError> {
        let tariff = PinnedTariff::parse(EXAMPLE_TARIFF).unwrap();
        let program = Arc::new(Program::new(plan, tariff, &BTreeMap::new())?);
        let texts = vec![Arc::from(EXAMPLE_TARIFF.as_bytes())];
        let inputs = json!({ "text": "" });
        self.conductor.start(Launch { program, inputs, texts, by: "user:anna".into(), line: None }).await
    }

    pub(crate) fn given(&self, waiting: &Standing, said: Said) -> Given {
        let open = waiting.state.question.as_ref().unwrap();
        let by = if open.asked.people == ["user:*"] { "user:anyone" } else { "user:anna" };
        Given { shown: *open.asked.shown.digest(), said, by: by.into(), reason: None, minutes: None }
    }

    pub(crate) async fn say(&self, waiting: &Standing, said: Said) -> Result<Standing, DriveError> {
        self.conductor.answer(&waiting.state.run, &self.given(waiting, said)).await
    }

    pub(crate) fn outputs(&self, standing: &Standing) -> Value {
        let ended = standing.state.ended.as_ref().unwrap();
        (*standing.known.get(ended.outputs.as_ref().unwrap()).unwrap()).clone()
    }

    pub(crate) fn log(&self, standing: &Standing) -> String {
        let entries = self.store.entries(&standing.state.run).unwrap();
        let values = |named: &kapell_journal::entry::BlobRef| {
            let bytes = self.store.blob(&standing.state.run, named.digest()).unwrap()?;
            named.read(&bytes).ok()
        };
        kapell_report::log::run(&entries, &values)
    }
}

/// Whatever a test did, what was written down follows from its plan.
impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for row in self.store.runs().unwrap() {
            let entries = self.store.entries(&row.run).unwrap();
            let retraced =
                retrace(&History::of(&self.store, entries).unwrap(), &Programs::default()).unwrap();
            assert!(retraced.faults.is_empty(), "{} {:#?}", row.run, retraced.faults);
        }
    }
}

/// A plan of steps.
pub(crate) fn flow<const N: usize>(steps: [(&str, Value); N]) -> Plan {
    let steps: Vec<Value> = steps.into_iter().map(|(id, work)| json!({ "id": id, "work": work })).collect();
    let none = Digest::of(b"");
    serde_json::from_value(json!({
        "flow": "flow", "version": "1", "text": none, "purpose": null, "outcome": null, "owner": null, "runbook": null,
        "inputs": [], "files": {}, "require": [], "budget": {}, "steps": steps, "outputs": {},
        "roles": { "legal": ["user:anna"], "support": ["user:anna"], "general-counsel": ["user:gina"] },
        "policy": none, "tariff": Digest::of(EXAMPLE_TARIFF.as_bytes()), "engine": "scripted",
    }))
    .unwrap()
}

/// A step that calls a scripted skill with one input.
pub(crate) fn call(operation: &str, input: Value) -> Value {
    json!({ "kind": "call", "call": callee(operation, input) })
}

/// The call itself, for rungs and verdicts.
pub(crate) fn callee(operation: &str, input: Value) -> Value {
    let limits = kapell_model::limits::EffectiveLimits::smallest(
        &Default::default(),
        &Default::default(),
        &Default::default(),
    );
    json!({
        "skill": { "name": format!("test:{operation}"), "version": "1.0.0", "component": Digest::of(operation.as_bytes()) },
        "operation": { "name": operation, "interface": null, "function": operation, "params": [{ "name": "input", "shape": shape_of(&input) }], "result": { "kind": "string" } },
        "lane": "logic", "effects": "none", "with": { "input": input },
        "grants": { "grants": [] }, "limits": limits,
    })
}

/// What the scripted parameter takes: what the literal is; an expression over findings gives texts, others a number.
fn shape_of(input: &Value) -> Value {
    let texts = json!({ "kind": "list", "of": { "kind": "string" } });
    match (&input["value"], input["source"].as_str()) {
        (Value::String(_), _) => json!({ "kind": "string" }),
        (Value::Array(_), _) | (_, Some("draft")) => texts,
        _ => json!({ "kind": "u32" }),
    }
}

/// The same with an expectation.
pub(crate) fn expecting(mut step: Value, that: &str) -> Value {
    step["expect"] = json!({ "kind": "holds", "that": that });
    step
}

/// The same with a ladder.
pub(crate) fn with_ladder(mut step: Value, rungs: Value) -> Value {
    step["otherwise"] = rungs;
    step
}

/// A question with an approval.
pub(crate) fn ask(role: &str, text: &str, show: &[(&str, &str)]) -> Value {
    let show: BTreeMap<&str, &str> = show.iter().copied().collect();
    json!({
        "role": role, "text": { "kind": "literal", "value": text }, "show": show, "answer": { "kind": "approval" },
    })
}
