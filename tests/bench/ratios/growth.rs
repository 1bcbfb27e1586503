//! What a journal of a million entries makes dearer than one of a thousand: a step, showing a run, exporting one; and how
//! long a home with a thousand skills takes to start.

use crate::guests;
use crate::house::{self, conductor, drive_through};
use crate::rounds::{interleaved, per_unit};
use crate::step::one_thread;
use crate::table::{self, Goal};
use anyhow::{Context, Result, ensure};
use kapell_home::{Exporting, Home, Options as HomeOptions, Place, Scope};
use kapell_journal::chain::seal;
use kapell_journal::content::Content;
use kapell_journal::entry::Entry;
use kapell_journal::seam::{Commit, Journals, Owner, RunRow};
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::Skill;
use kapell_model::writes::HeldWrites;
use kapell_report::log;
use kapell_store::{Components as _, Durability, Options, Skills as _, SqliteStore};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "growth";
/// The argument that makes this program open a home, look for a skill and end.
pub(crate) const START: &str = "start-home";

const ROUNDS: usize = 9;
const STEPS: u32 = 40;
const SHOWN: u32 = 20;
const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
const SKILLS: u32 = 1_000;
/// How long the export of one run may take, however many entries there are.
const EXPORT_MAX: Duration = Duration::from_secs(1);
/// How long a home may take to start.
const START_MAX: Duration = Duration::from_millis(200);

/// A home whose journal has so many entries of runs that are over.
pub(crate) struct Grown {
    folder: TempDir,
    pub(crate) home: Home,
    /// A run in the middle of it.
    run: RunId,
}

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    let (few, many) = (Grown::to(FEW)?, Grown::to(MANY)?);
    table::group(&format!("A journal of {MANY} entries against one of {FEW}"));
    steps(&few, &many)?;
    shown(&few, &many)?;
    exported(&few, &many)?;
    table::group(&format!("A home with {SKILLS} skills"));
    let took = start(few)?;
    let ratio = took.as_secs_f64() / START_MAX.as_secs_f64();
    table::against("a program opens it and finds a skill", &table::time(took), ratio, Goal::AtMost(1.0));
    Ok(())
}

/// A durable step of a run that is alone.
fn steps(few: &Grown, many: &Grown) -> Result<()> {
    let (tokio, number, dir) = (one_thread()?, Cell::new(0), house::folder()?);
    let sandbox = Arc::new(house::sandbox(dir.path())?);
    let program = house::install(&sandbox, "bench:echo", &guests::echo()?)?.program(STEPS)?;
    let conducted = |grown: &Grown| -> Result<_> {
        let store = Arc::new(SqliteStore::open(&grown.folder.path().join(".kapell"))?);
        let owner = store.new_owner()?;
        Ok((conductor(&sandbox, &store, owner.owner()), owner))
    };
    let ((small, _first), (large, _second)) = (conducted(few)?, conducted(many)?);
    let run = |conductor: &_| {
        number.set(number.get() + 1);
        per_unit(STEPS, || tokio.block_on(drive_through(conductor, &program, number.get())).map(drop))
    };
    let [few, many] = interleaved(ROUNDS, [Box::new(|| run(&small)), Box::new(|| run(&large))])?;
    table::shown("a durable step, few", &table::time(few.median()), Some(1.0));
    table::against(
        "a durable step, many",
        &table::time(many.median()),
        many.ratio_to(&few),
        Goal::AtMost(1.5),
    );
    Ok(())
}

/// What `runs show` does: finds a run by its id, reads it back and prints it.
fn shown(few: &Grown, many: &Grown) -> Result<()> {
    let show = |grown: &Grown| {
        per_unit(SHOWN, || {
            for _ in 0..SHOWN {
                let run = grown.home.find_run(grown.run.as_str())?;
                let printed = log::run(&grown.home.entries(&run)?, &|named| grown.home.value(&run, named));
                ensure!(printed.contains("done"), "the run is over: {printed}");
            }
            Ok(())
        })
    };
    let [few, many] = interleaved(ROUNDS, [Box::new(|| show(few)), Box::new(|| show(many))])?;
    table::shown("showing a run, few", &table::time(few.median()), Some(1.0));
    table::against(
        "showing a run, many",
        &table::time(many.median()),
        many.ratio_to(&few),
        Goal::AtMost(1.5),
    );
    Ok(())
}

/// One run as a file for somebody outside, in the middle of the journal, with the proof of each entry.
fn exported(few: &Grown, many: &Grown) -> Result<()> {
    // What was never signed is read whole once; a home signs as it goes.
    few.home.checkpoint()?;
    many.home.checkpoint()?;
    let export = |grown: &Grown| {
        let wanted = Exporting {
            scope: Scope::Run(grown.run.clone()),
            without: Vec::new(),
            with_private: false,
            held: Vec::new(),
        };
        per_unit(1, || Ok(grown.home.export(&wanted, std::io::sink()).map(drop)?))
    };
    let [few, many] = interleaved(ROUNDS, [Box::new(|| export(few)), Box::new(|| export(many))])?;
    table::shown("exporting a run, few", &table::time(few.median()), Some(1.0));
    let ratio = many.median().as_secs_f64() / EXPORT_MAX.as_secs_f64();
    table::against("exporting a run, many, to 1 s", &table::time(many.median()), ratio, Goal::AtMost(1.0));
    Ok(())
}

impl Grown {
    /// One run is driven, and its entries are kept again and again under other ids, as that many runs would have left
    /// them.
    pub(crate) fn to(entries: u32) -> Result<Self> {
        let folder = house::folder()?;
        let home = open(folder.path())?;
        let dir = folder.path().join(".kapell");
        let store = SqliteStore::open_with(&dir, Options { durability: Durability::Unsynced })?;
        let (tokio, sandbox) = (one_thread()?, Arc::new(house::sandbox(&dir)?));
        let program = house::install(&sandbox, "bench:echo", &guests::echo()?)?.program(1)?;
        store.put_component(&guests::echo()?)?;
        let (store, owner) = (Arc::new(store.clone()), store.new_owner()?);
        let driver = conductor(&sandbox, &store, owner.owner());
        let first = tokio.block_on(drive_through(&driver, &program, 0))?.state;
        let (template, row) = (store.entries(&first.run)?, first.row());
        let kept = house::kept_by(&store, &first.run, &template)?;
        let runs = entries / u32::try_from(template.len())?;
        tokio.block_on(async {
            for number in 1..runs {
                again(&store, owner.owner(), (&template, &kept), &row, number).await?;
            }
            anyhow::Ok(())
        })?;
        let run = format!("old-{}", runs / 2).parse()?;
        Ok(Self { folder, home, run })
    }
}

/// The entries of a run as another run's, with what they name.
async fn again(
    store: &SqliteStore,
    owner: &Owner,
    (template, kept): (&[Entry], &[Content]),
    row: &RunRow,
    number: u32,
) -> Result<()> {
    let run: RunId = format!("old-{number}").parse()?;
    let expected = store.claim(&run, owner)?;
    let mut head = expected;
    let sealed = template.iter().map(|entry| seal(&run, &mut head, entry.at, entry.body.clone()));
    let entries = sealed.collect::<Result<_, _>>()?;
    let (blobs, writes) = (kept.to_vec(), HeldWrites::default());
    let row = RunRow { run: run.clone(), flow: "old".parse()?, ..row.clone() };
    let (charges, bounds) = (Vec::new(), Vec::new());
    let (writes_private, erased, dropped) = (false, BTreeSet::new(), BTreeSet::new());
    let commit = Commit {
        run,
        expected,
        entries,
        blobs,
        shared: Vec::new(),
        writes,
        writes_private,
        erased,
        dropped,
        charges,
        bounds,
        row,
    };
    Ok(store.commit(commit).await?)
}

fn open(folder: &Path) -> Result<Home> {
    let compiler = Some(house::compiler());
    let home = Home::open(Place::at(folder)?, HomeOptions { compiler, ..HomeOptions::default() })?;
    // A home makes its key before its first entry, and here entries are written behind it.
    home.log_key()?;
    Ok(home)
}

/// How long a program takes from its start to its end that opens a home and looks for one of its skills.
fn start(grown: Grown) -> Result<Duration> {
    let Grown { folder, home, .. } = grown;
    drop(home);
    let store = SqliteStore::open(&folder.path().join(".kapell"))?;
    fill(&store)?;
    drop(store);
    let once = || {
        per_unit(1, || {
            let child = Command::new(std::env::current_exe()?).arg(START).arg(folder.path()).output()?;
            ensure!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
            Ok(())
        })
    };
    let [took] = interleaved(ROUNDS, [Box::new(once)])?;
    Ok(took.median())
}

/// Installs skills under names of their own, each in use.
fn fill(store: &SqliteStore) -> Result<()> {
    let bytes = guests::echo()?;
    let inspected = kapell_home::inspect_file(Path::new("echo.wasm"), &bytes)?;
    store.put_component(&bytes)?;
    for number in 0..SKILLS {
        let mut skill: Skill = inspected.skill.clone();
        skill.pin.name = format!("bench:skill-{number}").parse()?;
        store.put_skill(&skill, "echo.wasm", Timestamp(0))?;
        store.use_skill(&skill.pin.name, &skill.pin.version, Timestamp(0), "user:bench")?;
    }
    Ok(())
}

/// Opens a home as every command does, lists its skills and finds one.
pub(crate) fn start_home(folder: &Path) -> Result<()> {
    let home = open(folder)?;
    ensure!(home.skills()?.len() == SKILLS as usize, "all skills are there");
    home.skill("bench:skill-500").map(drop).context("the skill is found")
}
