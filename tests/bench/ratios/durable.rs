//! A durable step: one run alone against a raw sync of the same bytes, and 64 runs at once against not syncing.

use crate::bare::{Bare, Setting};
use crate::guests;
use crate::house::{self, conductor, drive_through};
use crate::rounds::{interleaved, median, per_unit};
use crate::step::{echoes, one_thread};
use crate::table::{self, Goal};
use anyhow::{Context, Result};
use kapell_conductor::drive::Conductor;
use kapell_conductor::known::Known;
use kapell_conductor::program::Program;
use kapell_journal::content::Content;
use kapell_journal::seam::Journals;
use kapell_runtime::Runtime;
use kapell_store::{Durability, Options, OwnerLock, SqliteStore};
use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime as Tokio};
use tokio::task::JoinSet;

const ROUNDS: usize = 9;
const STEPS: u32 = 40;
const RUNS_AT_ONCE: u32 = 64;
const STEPS_OF_MANY: u32 = 20;

/// A conductor over a store on the disk.
struct OnDisk {
    conductor: Arc<Conductor<Runtime, SqliteStore>>,
    store: Arc<SqliteStore>,
    _owner: OwnerLock,
}

/// Prints the group. All of it lies in one directory, so that all of it is on one file system.
pub(crate) fn print() -> Result<()> {
    let dir = house::folder()?;
    let sandbox = Arc::new(house::sandbox(dir.path())?);
    let skill = house::install(&sandbox, "bench:echo", &guests::echo()?)?;
    let synced = OnDisk::open(&sandbox, &dir.path().join("synced"), Durability::Full)?;
    let unsynced = OnDisk::open(&sandbox, &dir.path().join("unsynced"), Durability::Unsynced)?;
    let raw = File::create_new(dir.path().join("raw"))?;
    alone(&synced, &unsynced, &skill.program(STEPS)?, raw)?;
    at_once(&synced, &unsynced, &skill.program(STEPS_OF_MANY)?)
}

fn alone(synced: &OnDisk, unsynced: &OnDisk, program: &Arc<Program>, mut raw: File) -> Result<()> {
    let (tokio, number, text) = (one_thread()?, Cell::new(0), guests::text(0));
    let bare = Bare::new(&guests::echo()?, Setting { fuel: true, ..Setting::default() })?;
    let bytes = synced.bytes_of_a_step(&tokio, program)?;
    let run = |disk: &OnDisk| {
        number.set(number.get() + 1);
        per_unit(STEPS, || tokio.block_on(drive_through(&disk.conductor, program, number.get())).map(drop))
    };
    let [raw, base, step, quick] = interleaved(
        ROUNDS,
        [
            Box::new(|| raw_syncs(&mut raw, bytes)),
            Box::new(|| echoes(&tokio, &bare, &text)),
            Box::new(|| run(synced)),
            Box::new(|| run(unsynced)),
        ],
    )?;
    table::group(&format!("A durable step, one run alone: {bytes} bytes of entries and values a step"));
    let floor = raw.plus(&base);
    table::shown(
        "base: one append of these bytes, fdatasync, a call",
        &table::time(floor.median()),
        Some(1.0),
    );
    table::shown("a step that is not synced", &table::time(quick.median()), Some(quick.ratio_to(&floor)));
    let name = "a durable step";
    table::against(name, &table::time(step.median()), step.ratio_to(&floor), Goal::AtMost(2.0));
    Ok(())
}

fn raw_syncs(file: &mut File, bytes: usize) -> Result<Duration> {
    let record = vec![b'x'; bytes];
    per_unit(STEPS, || {
        for _ in 0..STEPS {
            file.write_all(&record)?;
            file.sync_data()?;
        }
        Ok(())
    })
}

fn at_once(synced: &OnDisk, unsynced: &OnDisk, program: &Arc<Program>) -> Result<()> {
    let (tokio, number) = (Builder::new_multi_thread().enable_all().build()?, Cell::new(1_000_000));
    let many = |disk: &OnDisk| {
        number.set(number.get() + u64::from(RUNS_AT_ONCE));
        per_unit(RUNS_AT_ONCE * STEPS_OF_MANY, || tokio.block_on(disk.runs(program, number.get())))
    };
    let [durable, quick] = interleaved(ROUNDS, [Box::new(|| many(synced)), Box::new(|| many(unsynced))])?;
    table::group(&format!("Steps a second, {RUNS_AT_ONCE} runs at once"));
    table::shown("not synced", &table::rate(quick.median()), Some(1.0));
    table::against("durable", &table::rate(durable.median()), quick.ratio_to(&durable), Goal::AtLeast(0.3));
    Ok(())
}

impl OnDisk {
    fn open(sandbox: &Arc<Runtime>, dir: &Path, durability: Durability) -> Result<Self> {
        let store = Arc::new(SqliteStore::open_with(dir, Options { durability })?);
        let owner = store.new_owner()?;
        let conductor = Arc::new(conductor(sandbox, &store, owner.owner()));
        Ok(Self { conductor, store, _owner: owner })
    }

    async fn runs(&self, program: &Arc<Program>, first: u64) -> Result<()> {
        let mut running = JoinSet::new();
        for number in first..first + u64::from(RUNS_AT_ONCE) {
            let (conductor, program) = (self.conductor.clone(), program.clone());
            running.spawn(async move { drive_through(&conductor, &program, number).await.map(drop) });
        }
        while let Some(run) = running.join_next().await {
            run??;
        }
        Ok(())
    }

    /// What the journal keeps of one step: its entries, and the values they name.
    fn bytes_of_a_step(&self, tokio: &Tokio, program: &Arc<Program>) -> Result<usize> {
        let standing = tokio.block_on(drive_through(&self.conductor, program, 0))?;
        let entries = self.store.entries(&standing.state.run)?;
        let mut sizes = Vec::new();
        for pair in entries.chunks_exact(2) {
            let mut size = 0;
            for entry in pair {
                size += Content::canonical(entry)?.bytes().len();
                for named in Known::names(&entry.body) {
                    size += self
                        .store
                        .blob(&standing.state.run, named.digest())?
                        .context("a named value is kept")?
                        .len();
                }
            }
            sizes.push(size as f64);
        }
        Ok(median(sizes) as usize)
    }
}
