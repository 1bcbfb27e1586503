//! A warm step in memory: the bare parts, the sandbox, the house without the sandbox, all of it.

use crate::bare::{Bare, Setting};
use crate::guests;
use crate::house::{self, conductor, drive_through};
use crate::rounds::{Taken, interleaved, per_unit};
use crate::table::{self, Goal};
use anyhow::{Result, ensure};
use kapell_model::ending::{Attempt, Ending, Left, Meters};
use kapell_model::seam::{HostFault, Job, Performer};
use kapell_model::writes::{HeldWrites, Undone};
use kapell_runtime::Runtime;
use kapell_store::MemoryStore;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime as Tokio};

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "warm";
/// The argument that makes this program drive runs around an echo and nothing else, for counting instructions.
pub(crate) const AROUND: &str = "house-alone";
/// The same for the sandbox without the house.
pub(crate) const WITHIN: &str = "sandbox-alone";

/// The same for both together.
pub(crate) const WHOLE: &str = "step-alone";

const ROUNDS: usize = 25;
const CALLS: u32 = 400;
/// Steps a run: enough for its beginning and its end to weigh little.
pub(crate) const STEPS: u32 = 40;
const RUNS: u32 = 10;

/// One thread, as a run has it.
pub(crate) fn one_thread() -> Result<Tokio> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    let (tokio, cache) = (one_thread()?, house::folder()?);
    let sandbox = Arc::new(house::sandbox(cache.path())?);
    let skill = house::install(&sandbox, "bench:echo", &guests::echo()?)?;
    let bare = Bare::new(&guests::echo()?, Setting { fuel: true, ..Setting::default() })?;
    let cleared = Bare::new(&guests::echo()?, Setting { fuel: true, cleared_stacks: true })?;
    let (text, program) = (guests::text(0), skill.program(STEPS)?);
    let job = skill.job(json!({ "text": text }));
    let taken = interleaved(
        ROUNDS,
        [
            Box::new(|| echoes(&tokio, &bare, &text)),
            Box::new(|| echoes(&tokio, &cleared, &text)),
            Box::new(|| attempts(&tokio, &sandbox, &job)),
            Box::new(|| runs(&tokio, &Arc::new(Echo), &program)),
            Box::new(|| runs(&tokio, &sandbox, &program)),
        ],
    )?;
    show(&taken);
    Ok(())
}

/// The house without the sandbox, so many rounds of it: what `callgrind` or `perf` is pointed at.
pub(crate) fn around(rounds: u32) -> Result<()> {
    let (tokio, skill) = (one_thread()?, house::read("bench:echo", &guests::echo()?)?);
    let program = skill.program(STEPS)?;
    (0..rounds).try_for_each(|_| runs(&tokio, &Arc::new(Echo), &program).map(drop))
}

/// The sandbox without the house, so many rounds of it.
pub(crate) fn within(rounds: u32) -> Result<()> {
    let (tokio, cache) = (one_thread()?, house::folder()?);
    let sandbox = house::sandbox(cache.path())?;
    let skill = house::install(&sandbox, "bench:echo", &guests::echo()?)?;
    let job = skill.job(json!({ "text": guests::text(0) }));
    (0..rounds).try_for_each(|_| attempts(&tokio, &sandbox, &job).map(drop))
}

/// Both, so many rounds of them.
pub(crate) fn whole(rounds: u32) -> Result<()> {
    let (tokio, cache) = (one_thread()?, house::folder()?);
    let sandbox = Arc::new(house::sandbox(cache.path())?);
    let program = house::install(&sandbox, "bench:echo", &guests::echo()?)?.program(STEPS)?;
    (0..rounds).try_for_each(|_| runs(&tokio, &sandbox, &program).map(drop))
}

fn show([base, cleared, attempt, around, step]: &[Taken; 5]) {
    table::group("A warm step in memory: 1 KiB of JSON text in and out, nothing synced");
    let row =
        |name, taken: &Taken| table::shown(name, &table::time(taken.median()), Some(taken.ratio_to(base)));
    row("base: instantiate, set fuel, call, drop", base);
    row("base with cleared stacks", cleared);
    row("the sandbox alone: limits, meters, guard, JSON", attempt);
    row("the house without it: decide, seal, hash, commit", around);
    let name = "all of it, a step of a run";
    table::against(name, &table::time(step.median()), step.ratio_to(base), Goal::AtMost(3.0));
}

/// The time of one bare step.
pub(crate) fn echoes(tokio: &Tokio, bare: &Bare, text: &str) -> Result<Duration> {
    per_unit(CALLS, || {
        tokio.block_on(async {
            for _ in 0..CALLS {
                ensure!(bare.echo(text).await?.len() == text.len(), "the guest echoes");
            }
            Ok(())
        })
    })
}

fn attempts(tokio: &Tokio, sandbox: &Runtime, job: &Job) -> Result<Duration> {
    per_unit(CALLS, || {
        tokio.block_on(async {
            for _ in 0..CALLS {
                let attempt = sandbox.perform(job.clone()).await?;
                ensure!(matches!(attempt.ending, Ending::Output(_)), "ended as {:?}", attempt.ending);
            }
            Ok(())
        })
    })
}

/// A step of a run. Each round in a store of its own, so that the last is as small as the first.
pub(crate) fn runs<P: Performer>(
    tokio: &Tokio,
    performer: &Arc<P>,
    program: &Arc<kapell_conductor::program::Program>,
) -> Result<Duration> {
    let store = Arc::new(MemoryStore::new());
    let owner = store.new_owner();
    let conductor = conductor(performer, &store, owner.owner());
    per_unit(RUNS * STEPS, || {
        tokio.block_on(async {
            for number in 0..RUNS {
                drive_through(&conductor, program, number.into()).await?;
            }
            Ok(())
        })
    })
}

/// Answers as the guest does, without a sandbox: what is left is the house.
struct Echo;

impl Performer for Echo {
    async fn perform(&self, job: Job) -> Result<Attempt, HostFault> {
        let output = job.arguments.get("text").cloned().unwrap_or_default();
        let length = output.as_str().map_or(0, str::len) as u64;
        Ok(Attempt {
            ending: Ending::Output(output),
            meters: Meters {
                fuel: 100,
                memory_peak: 40 << 16,
                bytes_in: length,
                bytes_out: length,
                ..Meters::default()
            },
            writes: HeldWrites::default(),
            undone: Undone::default(),
            left: Left::Nothing,
            crossings: Vec::new(),
            contents: Vec::new(),
            notes: Vec::new(),
            log: Vec::new(),
        })
    }
}
