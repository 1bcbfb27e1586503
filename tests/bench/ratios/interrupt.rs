//! What being interruptible costs a guest that only computes, how late a guest is stopped when every core spins, and
//! what one that calls the host without end does to others.

use crate::bare::{Bare, Setting};
use crate::guests::{self, COMPUTING, Computing};
use crate::house::{self, Skill};
use crate::rounds::{interleaved, per_unit};
use crate::step::one_thread;
use crate::table::{self, Goal};
use anyhow::{Result, ensure};
use kapell_model::ending::Ending;
use kapell_model::seam::{Cancel, Job, Performer};
use kapell_runtime::Runtime;
use serde_json::json;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime as Tokio};
use tokio::task::JoinSet;

/// The argument that asks for these rows alone.
pub(crate) const GROUP: &str = "interrupt";
const ROUNDS: usize = 15;
const STOPS: usize = 8;
/// How long the guests spin before they are to be stopped.
const SPIN: Duration = Duration::from_millis(60);
/// How late a stop may come.
const LATE_MAX: Duration = Duration::from_millis(50);
/// How late the stop of a guest may come that calls the host all the while.
const STORM_MAX: Duration = Duration::from_millis(100);
/// How much longer the slowest attempts of others may take beside such guests.
const BESIDE_STORMS_MAX: Goal = Goal::AtMost(2.0);
/// How many attempts of others are timed beside such guests.
const BESIDE: usize = 1000;

/// Prints both groups.
pub(crate) fn print() -> Result<()> {
    let cache = house::folder()?;
    let sandbox = Arc::new(house::sandbox(cache.path())?);
    table::group("Metering a guest that only computes, and stopping it");
    for guest in &COMPUTING {
        computing(&sandbox, guest)?;
    }
    stopping(&sandbox)?;
    storming(&sandbox)
}

fn computing(sandbox: &Runtime, guest: &Computing) -> Result<()> {
    let (bytes, tokio) = (wat::parse_str(guest.text)?, one_thread()?);
    let free = Bare::new(&bytes, Setting::default())?;
    let fuel = Bare::new(&bytes, Setting { fuel: true, ..Setting::default() })?;
    let job = house::install(sandbox, "bench:computing", &bytes)?.job(json!({ "rounds": guest.rounds }));
    let bare = |bare: &Bare| per_unit(1, || tokio.block_on(bare.compute(guest.rounds)).map(drop));
    let [free, fuel, product] = interleaved(
        ROUNDS,
        [Box::new(|| bare(&free)), Box::new(|| bare(&fuel)), Box::new(|| attempt(&tokio, sandbox, &job))],
    )?;
    let name = format!("{}: fuel, to no metering", guest.name);
    table::shown(&name, &table::time(fuel.median()), Some(fuel.ratio_to(&free)));
    let name = format!("{}: sliced and guarded, to fuel", guest.name);
    table::against(&name, &table::time(product.median()), product.ratio_to(&fuel), Goal::AtMost(1.05));
    Ok(())
}

fn attempt(tokio: &Tokio, sandbox: &Runtime, job: &Job) -> Result<Duration> {
    per_unit(1, || {
        let attempt = tokio.block_on(sandbox.perform(job.clone()))?;
        ensure!(matches!(attempt.ending, Ending::Output(_)), "ended as {:?}", attempt.ending);
        Ok(())
    })
}

/// Twice as many spinning guests as cores, and the one that was stopped last.
fn stopping(sandbox: &Arc<Runtime>) -> Result<()> {
    let spin = house::install(sandbox, "bench:spin", &guests::spin()?)?;
    let tokio = Builder::new_multi_thread().enable_all().build()?;
    let (mut deadline, mut cancel) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..STOPS {
        deadline = deadline.max(tokio.block_on(stopped_by_deadline(sandbox, &spin))?);
        cancel = cancel.max(tokio.block_on(stopped_by_cancel(sandbox, &spin))?);
    }
    let cores = cores()?;
    late(&format!("latest stop after the deadline, {cores} cores spinning"), deadline, LATE_MAX);
    late(&format!("latest stop after a cancel, {cores} cores spinning"), cancel, LATE_MAX);
    Ok(())
}

/// The ratio is to the latest that is allowed.
fn late(name: &str, late: Duration, most: Duration) {
    table::against(name, &table::time(late), late.as_secs_f64() / most.as_secs_f64(), Goal::AtMost(1.0));
}

/// One guest a core that calls the host without end, attempts of others beside them, and the storm that ended last.
fn storming(sandbox: &Arc<Runtime>) -> Result<()> {
    let storm = house::install(sandbox, "bench:storm", &guests::storm()?)?;
    let echo = house::install(sandbox, "bench:beside", &guests::echo()?)?.job(json!({ "text": "beside" }));
    let tokio = Builder::new_multi_thread().enable_all().build()?;
    let alone = tokio.block_on(attempts(sandbox, &echo))?;
    let job = Job { cancel: Cancel::default(), ..storm.job(json!({ "rounds": 1 })) };
    let (beside, stopped) = tokio.block_on(async {
        let storms = spinning(sandbox, &job, cores()?)?;
        let beside = attempts(sandbox, &echo).await?;
        let at = Instant::now();
        job.cancel.raise();
        Ok::<_, anyhow::Error>((beside, last(storms, at).await?))
    })?;
    table::shown("slowest 1 % of attempts, alone", &table::time(alone), None);
    let name = format!("slowest 1 % of attempts, {} cores in host calls", cores()?);
    table::against(
        &name,
        &table::time(beside),
        beside.as_secs_f64() / alone.as_secs_f64(),
        BESIDE_STORMS_MAX,
    );
    late(&format!("latest stop, {} cores in host calls", cores()?), stopped, STORM_MAX);
    Ok(())
}

/// What all but the slowest hundredth of many attempts took at most, one after the other.
async fn attempts(sandbox: &Arc<Runtime>, job: &Job) -> Result<Duration> {
    let mut took = Vec::with_capacity(BESIDE);
    for _ in 0..BESIDE {
        let (sandbox, job, began) = (sandbox.clone(), job.clone(), Instant::now());
        // As a run does, on a worker of its own choosing.
        let attempt = tokio::spawn(async move { sandbox.perform(job).await }).await??;
        ensure!(matches!(attempt.ending, Ending::Output(_)), "ended as {:?}", attempt.ending);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    Ok(took.get(BESIDE * 99 / 100).copied().unwrap_or_default())
}

async fn stopped_by_deadline(sandbox: &Arc<Runtime>, spin: &Skill) -> Result<Duration> {
    let millis = u64::try_from(SPIN.as_millis())?;
    let job = spin.job_within(json!({ "rounds": 1 }), millis);
    let ended = spinning(sandbox, &job, 2 * cores()?)?.join_all().await;
    let times = ended.into_iter().collect::<Result<Vec<_>>>()?;
    // Each deadline counts from its own first instruction, so the time of the attempt itself is what is late.
    Ok(times.into_iter().map(|(began, ended)| ended - began).max().unwrap_or_default().saturating_sub(SPIN))
}

async fn stopped_by_cancel(sandbox: &Arc<Runtime>, spin: &Skill) -> Result<Duration> {
    let job = Job { cancel: Cancel::default(), ..spin.job(json!({ "rounds": 1 })) };
    let (spinning, cancel) = (spinning(sandbox, &job, 2 * cores()?)?, job.cancel.clone());
    let raised = std::thread::spawn(move || {
        std::thread::sleep(SPIN);
        let at = Instant::now();
        cancel.raise();
        at
    });
    let ended = spinning.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let at = raised.join().map_err(|_| anyhow::anyhow!("the thread that cancels is gone"))?;
    Ok(latest(&ended, at))
}

async fn last(spinning: Spun, at: Instant) -> Result<Duration> {
    let ended = spinning.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(latest(&ended, at))
}

fn latest(ended: &[(Instant, Instant)], at: Instant) -> Duration {
    ended.iter().map(|(_, ended)| ended.saturating_duration_since(at)).max().unwrap_or_default()
}

fn cores() -> Result<usize> {
    Ok(available_parallelism()?.get())
}

/// When each guest began and when it was stopped.
type Spun = JoinSet<Result<(Instant, Instant)>>;

fn spinning(sandbox: &Arc<Runtime>, job: &Job, number: usize) -> Result<Spun> {
    let mut spinning = JoinSet::new();
    for _ in 0..number {
        let (sandbox, job) = (sandbox.clone(), job.clone());
        spinning.spawn(async move {
            let began = Instant::now();
            let attempt = sandbox.perform(job).await?;
            let ended = Instant::now();
            ensure!(matches!(attempt.ending, Ending::Trap(_) | Ending::Cancelled), "{:?}", attempt.ending);
            Ok((began, ended))
        });
    }
    Ok(spinning)
}
