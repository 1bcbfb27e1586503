//! What evidence costs: the signed log and a record of what crossed beside steps without either, an attempt done again
//! beside its first time, and how fast an outsider checks.

use crate::growth::Grown;
use crate::guests;
use crate::house::{self, WallClock, conductor, drive_through};
use crate::rounds::{interleaved, per_unit};
use crate::step::one_thread;
use crate::table::{self, Goal};
use anyhow::{Context, Result, ensure};
use kapell_conductor::drive::{Conductor, Unwatched, Watcher};
use kapell_conductor::program::Program;
use kapell_home::{Exporting, Home, Options as HomeOptions, Place, ReplayWish, Scope};
use kapell_journal::seam::Journals as _;
use kapell_model::capability::Kind;
use kapell_model::crossing::{Answer, Crossing};
use kapell_model::digest::Digest;
use kapell_model::ending::Attempt;
use kapell_model::seam::{HostFault, Job, Performer};
use kapell_runtime::Runtime;
use kapell_store::{Components as _, Durability, Options, OwnerLock, SqliteStore};
use kapell_verify::{Held, verify};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "proof";

const ROUNDS: usize = 9;
/// A tenth of a second each, of which the disk's mood is a part.
const ROUNDS_AT_ONCE: usize = 35;
const RUNS_AT_ONCE: u64 = 64;
const STEPS: u32 = 20;
const REPLAYED: u32 = 40;
const ENTRIES: u32 = 100_000;
/// Entries a second that one core checks at least.
const CHECKED: f64 = 300_000.0;

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    table::group(&format!("Evidence: {RUNS_AT_ONCE} runs at once, every step durable"));
    recorded()?;
    table::group("A step done again from its record");
    again()?;
    table::group(&format!("A whole log of {ENTRIES} entries, checked by one core"));
    checked()
}

/// The sandbox, and whether it keeps a record of two crossings of each attempt: a reading of the clock, and 1 KiB by digest.
struct Keeping {
    inner: Arc<Runtime>,
    keeps: bool,
}

impl Performer for Keeping {
    async fn perform(&self, job: Job) -> Result<Attempt, HostFault> {
        let content = job.arguments.to_string().into_bytes();
        let mut attempt = self.inner.perform(job).await?;
        if self.keeps {
            let crossing = |kind, call: &str, object: &str, answer| {
                let (call, object) = (call.to_owned(), object.to_owned());
                Crossing { kind, call, object, answer, rule: None, redacted: false }
            };
            attempt.crossings = vec![
                crossing(Kind::Clock, "now", "", Answer::Number("1760000000000000000".into())),
                crossing(Kind::Files, "read", "in/text", Answer::Content(Digest::of(&content))),
            ];
            attempt.contents = vec![content];
        }
        Ok(attempt)
    }
}

/// A home whose store is driven from here.
struct Driven {
    conductor: Arc<Conductor<Keeping, SqliteStore>>,
    _owner: OwnerLock,
    _signing: Option<kapell_home::Notary>,
    _home: Home,
}

impl Driven {
    fn new(folder: &Path, sandbox: &Arc<Runtime>, with_evidence: bool) -> Result<Self> {
        let home = open(folder)?;
        let store = Arc::new(SqliteStore::open(&folder.join(".kapell"))?);
        let owner = store.new_owner()?;
        let (mut watcher, mut signing): (Arc<dyn Watcher>, _) = (Arc::new(Unwatched), None);
        if with_evidence {
            let (notary, counting) =
                home.signing(watcher, Arc::new(|error| println!("  not signed: {error}")))?;
            (watcher, signing) = (counting, Some(notary));
        }
        let performer = Arc::new(Keeping { inner: sandbox.clone(), keeps: with_evidence });
        let clock = Arc::new(WallClock);
        let conductor = Arc::new(Conductor::new(performer, store, clock, owner.owner().clone(), watcher));
        Ok(Self { conductor, _owner: owner, _signing: signing, _home: home })
    }

    async fn runs(&self, program: &Arc<Program>, first: u64) -> Result<()> {
        let mut running = JoinSet::new();
        for number in first..first + RUNS_AT_ONCE {
            let (conductor, program) = (self.conductor.clone(), program.clone());
            running.spawn(async move { drive_through(&conductor, &program, number).await.map(drop) });
        }
        while let Some(run) = running.join_next().await {
            run??;
        }
        Ok(())
    }
}

fn recorded() -> Result<()> {
    let (plain_folder, folder) = (house::folder()?, house::folder()?);
    let sandbox = Arc::new(house::sandbox(folder.path())?);
    let program = house::install(&sandbox, "bench:echo", &guests::echo()?)?.program(STEPS)?;
    let plain = Driven::new(plain_folder.path(), &sandbox, false)?;
    let full = Driven::new(folder.path(), &sandbox, true)?;
    let (tokio, number) = (Builder::new_multi_thread().enable_all().build()?, Cell::new(0));
    let run = |driven: &Driven| {
        number.set(number.get() + RUNS_AT_ONCE);
        let steps = u32::try_from(RUNS_AT_ONCE)? * STEPS;
        per_unit(steps, || tokio.block_on(driven.runs(&program, number.get())))
    };
    let [plain, full] = interleaved(ROUNDS_AT_ONCE, [Box::new(|| run(&plain)), Box::new(|| run(&full))])?;
    table::shown("neither signed nor recorded", &table::rate(plain.median()), Some(1.0));
    let (rate, ratio) = (table::rate(full.median()), full.ratio_to(&plain));
    table::against("heads signed, two crossings a step recorded", &rate, ratio, Goal::AtMost(1.3));
    Ok(())
}

fn again() -> Result<()> {
    let (tokio, folder, number) = (one_thread()?, house::folder()?, Cell::new(0));
    let home = open(folder.path())?;
    let options = Options { durability: Durability::Unsynced };
    let store = Arc::new(SqliteStore::open_with(&folder.path().join(".kapell"), options)?);
    let (owner, sandbox) = (store.new_owner()?, Arc::new(house::sandbox(folder.path())?));
    store.put_component(&guests::echo()?)?;
    let program = house::install(&sandbox, "bench:echo", &guests::echo()?)?.program(REPLAYED)?;
    let driver = conductor(&sandbox, &store, owner.owner());
    let first = || {
        number.set(number.get() + 1);
        per_unit(REPLAYED, || tokio.block_on(drive_through(&driver, &program, number.get())).map(drop))
    };
    let replayed = || {
        let run = store.last_run()?.context("a run")?;
        per_unit(REPLAYED, || {
            let told =
                tokio.block_on(home.replay(std::slice::from_ref(&run), &ReplayWish::default(), |_| {}))?;
            ensure!(told.iter().all(|run| run.counts() == [REPLAYED as usize, 0, 0]), "{told:?}");
            Ok(())
        })
    };
    let [first, replayed] = interleaved(ROUNDS, [Box::new(first), Box::new(replayed)])?;
    table::shown("a step for the first time, not synced", &table::time(first.median()), Some(1.0));
    let (took, ratio) = (table::time(replayed.median()), replayed.ratio_to(&first));
    table::against("the same, done again and compared", &took, ratio, Goal::AtMost(1.0));
    Ok(())
}

fn checked() -> Result<()> {
    let grown = Grown::to(ENTRIES)?;
    let mut file = Vec::new();
    let wanted = Exporting { scope: Scope::All, without: Vec::new(), with_private: false, held: Vec::new() };
    let exported = grown.home.export(&wanted, &mut file)?;
    let entries = u32::try_from(exported.entries)?;
    let check = || {
        per_unit(entries, || {
            let report = verify(file.as_slice(), &Held::default())?;
            ensure!(report.is_sound(), "{}", report.text());
            Ok(())
        })
    };
    let [took] = interleaved(ROUNDS, [Box::new(check)])?;
    let rate = 1.0 / Duration::as_secs_f64(&took.median());
    let words =
        format!("entries a second, to {CHECKED} ({} bytes each)", file.len() as u64 / exported.entries);
    table::against(&words, &table::rate(took.median()), rate / CHECKED, Goal::AtLeast(1.0));
    Ok(())
}

fn open(folder: &Path) -> Result<Home> {
    let compiler = Some(house::compiler());
    let home = Home::open(Place::at(folder)?, HomeOptions { compiler, ..HomeOptions::default() })?;
    // A home makes its key before its first entry, and here entries are written behind it.
    home.log_key()?;
    Ok(home)
}
