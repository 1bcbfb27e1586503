//! Ten thousand runs of one step, eight at a time: how fast against not syncing, and whether memory grows with them.
//!
//! The rates are taken in this process, the peaks of memory each in a child of its own, which has run nothing else.

use crate::guests;
use crate::house::{self, conductor, drive_through};
use crate::rounds::{interleaved, per_unit};
use crate::table::{self, Goal};
use anyhow::{Context, Result, ensure};
use kapell_conductor::drive::Conductor;
use kapell_conductor::program::Program;
use kapell_runtime::Runtime;
use kapell_store::{Durability, Options, OwnerLock, SqliteStore};
use std::cell::Cell;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "many";
/// The argument that makes this program drive so many runs and say what memory it took at its peak.
pub(crate) const PEAK: &str = "peak-of-runs";

const ROUNDS: usize = 3;
const RUNS: u32 = 10_000;
const FEW: u32 = 1_000;
const JOBS: usize = 8;

/// Runs of one step in a store on the disk.
struct Runs {
    conductor: Arc<Conductor<Runtime, SqliteStore>>,
    program: Arc<Program>,
    _owner: OwnerLock,
}

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    let dir = house::folder()?;
    let sandbox = Arc::new(house::sandbox(dir.path())?);
    let synced = Runs::of(&sandbox, &dir.path().join("synced"), Durability::Full)?;
    let unsynced = Runs::of(&sandbox, &dir.path().join("unsynced"), Durability::Unsynced)?;
    let (tokio, number) = (Builder::new_multi_thread().enable_all().build()?, Cell::new(0));
    let many = |runs: &Runs| {
        number.set(number.get() + u64::from(RUNS));
        per_unit(RUNS, || tokio.block_on(runs.drive(number.get(), RUNS)))
    };
    let [durable, quick] = interleaved(ROUNDS, [Box::new(|| many(&synced)), Box::new(|| many(&unsynced))])?;
    table::group(&format!("{RUNS} runs of one step, {JOBS} at a time"));
    table::shown("runs a second, not synced", &table::rate(quick.median()), Some(1.0));
    let rate = table::rate(durable.median());
    table::against("runs a second, durable", &rate, quick.ratio_to(&durable), Goal::AtLeast(0.3));
    let (few, all) = (peak(dir.path(), FEW)?, peak(dir.path(), RUNS)?);
    table::shown(&format!("peak memory of {FEW} runs"), &table::kib(few), Some(1.0));
    table::against(&format!("peak memory of {RUNS} runs"), &table::kib(all), all / few, Goal::AtMost(1.2));
    Ok(())
}

impl Runs {
    fn of(sandbox: &Arc<Runtime>, dir: &Path, durability: Durability) -> Result<Self> {
        let skill = house::install(sandbox, "bench:echo", &guests::echo()?)?;
        let store = Arc::new(SqliteStore::open_with(dir, Options { durability })?);
        let owner = store.new_owner()?;
        let conductor = Arc::new(conductor(sandbox, &store, owner.owner()));
        Ok(Self { conductor, program: skill.program(1)?, _owner: owner })
    }

    /// As many under way as there are jobs, until all are through.
    async fn drive(&self, first: u64, runs: u32) -> Result<()> {
        let (mut numbers, mut under_way) = (first..first + u64::from(runs), JoinSet::new());
        loop {
            while under_way.len() < JOBS
                && let Some(number) = numbers.next()
            {
                let (conductor, program) = (self.conductor.clone(), self.program.clone());
                under_way.spawn(async move { drive_through(&conductor, &program, number).await.map(drop) });
            }
            let Some(ended) = under_way.join_next().await else { return Ok(()) };
            ended??;
        }
    }
}

fn peak(dir: &Path, runs: u32) -> Result<f64> {
    let dir = dir.join(format!("peak-{runs}"));
    let child = Command::new(std::env::current_exe()?).args([PEAK, &runs.to_string()]).arg(dir).output()?;
    ensure!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    String::from_utf8(child.stdout)?.trim().parse().context("a child says a number")
}

/// Drives so many runs in a store of its own below `dir`, and says how many bytes the process held at its peak.
pub(crate) fn say_peak(runs: u32, dir: &Path) -> Result<()> {
    let sandbox = Arc::new(house::sandbox(dir)?);
    let driven = Runs::of(&sandbox, &dir.join("runs"), Durability::Full)?;
    Builder::new_multi_thread().enable_all().build()?.block_on(driven.drive(0, runs))?;
    let status = std::fs::read_to_string("/proc/self/status").context("only Linux says")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("the peak is said")?;
    let kib = line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok());
    println!("{}", kib.context("the peak is a number")? * 1024.0);
    Ok(())
}
