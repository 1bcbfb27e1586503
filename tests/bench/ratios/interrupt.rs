//! What being interruptible costs a guest that only computes, and how late a guest is stopped when every core spins.

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

const ROUNDS: usize = 15;
const STOPS: usize = 8;
/// How long the guests spin before they are to be stopped.
const SPIN: Duration = Duration::from_millis(60);
/// How late a stop may come.
const LATE_MAX: Duration = Duration::from_millis(50);

/// Prints both groups.
pub(crate) fn print() -> Result<()> {
    let cache = house::folder()?;
    let sandbox = Arc::new(house::sandbox(cache.path())?);
    table::group("Metering a guest that only computes, and stopping it");
    for guest in &COMPUTING {
        computing(&sandbox, guest)?;
    }
    stopping(&sandbox)
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
    let cores = available_parallelism()?;
    late(&format!("latest stop after the deadline, {cores} cores spinning"), deadline);
    late(&format!("latest stop after a cancel, {cores} cores spinning"), cancel);
    Ok(())
}

/// The ratio is to the latest that is allowed.
fn late(name: &str, late: Duration) {
    table::against(name, &table::time(late), late.as_secs_f64() / LATE_MAX.as_secs_f64(), Goal::AtMost(1.0));
}

async fn stopped_by_deadline(sandbox: &Arc<Runtime>, spin: &Skill) -> Result<Duration> {
    let millis = u64::try_from(SPIN.as_millis())?;
    let job = spin.job_within(json!({ "rounds": 1 }), millis);
    let ended = spinning(sandbox, &job)?.join_all().await;
    let times = ended.into_iter().collect::<Result<Vec<_>>>()?;
    // Each deadline counts from its own first instruction, so the time of the attempt itself is what is late.
    Ok(times.into_iter().map(|(began, ended)| ended - began).max().unwrap_or_default().saturating_sub(SPIN))
}

async fn stopped_by_cancel(sandbox: &Arc<Runtime>, spin: &Skill) -> Result<Duration> {
    let job = Job { cancel: Cancel::default(), ..spin.job(json!({ "rounds": 1 })) };
    let (spinning, cancel) = (spinning(sandbox, &job)?, job.cancel.clone());
    let raised = std::thread::spawn(move || {
        std::thread::sleep(SPIN);
        let at = Instant::now();
        cancel.raise();
        at
    });
    let ended = spinning.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let at = raised.join().map_err(|_| anyhow::anyhow!("the thread that cancels is gone"))?;
    Ok(ended.into_iter().map(|(_, ended)| ended.saturating_duration_since(at)).max().unwrap_or_default())
}

/// When each guest began and when it was stopped.
type Spun = JoinSet<Result<(Instant, Instant)>>;

fn spinning(sandbox: &Arc<Runtime>, job: &Job) -> Result<Spun> {
    let mut spinning = JoinSet::new();
    for _ in 0..2 * available_parallelism()?.get() {
        let (sandbox, job) = (sandbox.clone(), job.clone());
        spinning.spawn(async move {
            let began = Instant::now();
            let attempt = sandbox.perform(job).await?;
            ensure!(matches!(attempt.ending, Ending::Trap(_) | Ending::Cancelled), "{:?}", attempt.ending);
            Ok((began, Instant::now()))
        });
    }
    Ok(spinning)
}
