//! Lends real readings of wall and monotonic time (`wasi:clocks`), rounded down to the granted resolution, and
//! real waiting. Never lends time zones, and never anything finer than the grant: a fine clock is a side channel.
//!
//! Every reading is recorded. Waiting is real, so it is the attempt's deadline that ends a guest that sleeps.

use super::{Lends, Lent};
use crate::crossings::{Ask, Crossings, Reply};
use kapell_model::capability::Kind;
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::id::RuleId;
use kapell_model::seam::Clock;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

/// Tells monotonic time; a test holds it still.
pub trait Ticks: Send + Sync + 'static {
    /// Nanoseconds since some fixed instant; never less than at an earlier call.
    fn nanoseconds(&self) -> u64;
}

/// Nanoseconds since the attempt began: a guest learns nothing about how long the host has been up.
#[derive(Clone, Copy, Debug)]
pub struct SinceStart(Instant);

/// Begins to count nanoseconds.
#[must_use]
pub fn begin() -> Arc<dyn Ticks> {
    Arc::new(SinceStart(Instant::now()))
}

impl Ticks for SinceStart {
    fn nanoseconds(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Begins to tell monotonic time, for an attempt that is lent it.
pub type Beginning = fn() -> Arc<dyn Ticks>;

/// The clocks of one attempt.
pub struct ClockCtx {
    granted: Option<Granted>,
}

#[derive(Clone)]
struct Granted {
    rule: RuleId,
    /// In nanoseconds, at least 1.
    resolution: u64,
    wall: Arc<dyn Clock>,
    ticks: Arc<dyn Ticks>,
}

impl std::fmt::Debug for ClockCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClockCtx").finish_non_exhaustive()
    }
}

impl ClockCtx {
    /// The clocks as granted; of several grants the first holds.
    #[must_use]
    pub fn new(grants: &GrantSet, wall: &Arc<dyn Clock>, ticks: Beginning) -> Self {
        let granted = grants.grants.iter().find_map(|grant| match &grant.authority {
            Authority::Clock { resolution } => {
                let resolution = resolution.0.saturating_mul(1_000_000).max(1);
                let rule = grant.rule.clone();
                Some(Granted { rule, resolution, wall: Arc::clone(wall), ticks: ticks() })
            }
            _ => None,
        });
        Self { granted }
    }

    /// The rule that lends time, if one does.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        self.granted.as_ref().map(|granted| &granted.rule)
    }

    fn granted(&self) -> wasmtime::Result<Granted> {
        self.granted.clone().ok_or_else(|| super::not_granted(Kind::Clock))
    }

    /// One recorded reading in nanoseconds, rounded down to the resolution.
    fn read(
        &self,
        crossings: &Crossings,
        call: &'static str,
        live: impl FnOnce(&Granted) -> u64,
    ) -> wasmtime::Result<u64> {
        let granted = self.granted()?;
        let ask = Ask { kind: Kind::Clock, call, object: "", rule: Some(&granted.rule) };
        let round = |reading: u64| reading - reading % granted.resolution;
        match crossings.cross(&ask, || Ok(Reply::Number(round(live(&granted)))))? {
            Reply::Number(reading) => Ok(reading),
            _ => Err(super::unfit(&ask)),
        }
    }

    fn monotonic(&self, crossings: &Crossings, call: &'static str) -> wasmtime::Result<u64> {
        self.read(crossings, call, |lent| lent.ticks.nanoseconds())
    }
}

/// Gives the clocks of a store.
pub trait ClockView: Send + 'static {
    /// The clocks, the handles, the seam.
    fn clock(&mut self) -> Lent<'_, ClockCtx>;
}

impl wall_clock::Host for Lent<'_, ClockCtx> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let wall = |lent: &Granted| lent.wall.now().0.saturating_mul(1_000_000);
        self.ctx.read(self.crossings, "now", wall).map(datetime)
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.crossings.count(Kind::Clock.word())?;
        Ok(datetime(self.ctx.granted()?.resolution))
    }
}

impl monotonic_clock::Host for Lent<'_, ClockCtx> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.ctx.monotonic(self.crossings, "monotonic")
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.crossings.count(Kind::Clock.word())?;
        Ok(self.ctx.granted()?.resolution)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.ctx.monotonic(self.crossings, "wait-from")?;
        self.wait(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.crossings.count(Kind::Clock.word())?;
        self.ctx.granted()?;
        self.wait(when)
    }
}

impl Lent<'_, ClockCtx> {
    /// Waits until the granted clock could show that the time has come: a finer wait would be a finer clock.
    fn wait(&mut self, nanoseconds: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let resolution = self.ctx.granted()?.resolution;
        let nanoseconds = nanoseconds.checked_next_multiple_of(resolution).unwrap_or(u64::MAX);
        // The time that was waited then is over.
        let left = if self.crossings.is_recalled() { 0 } else { nanoseconds };
        let until = tokio::time::Instant::now().checked_add(Duration::from_nanos(left));
        let alarm = self.table.push(Alarm { until })?;
        subscribe(self.table, alarm)
    }
}

fn datetime(nanoseconds: u64) -> wall_clock::Datetime {
    let rest = u32::try_from(nanoseconds % 1_000_000_000).unwrap_or_default();
    wall_clock::Datetime { seconds: nanoseconds / 1_000_000_000, nanoseconds: rest }
}

/// Ready at an instant; never when the instant is too far away to be told.
struct Alarm {
    until: Option<tokio::time::Instant>,
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        match self.until {
            // Also yields once for an instant that is past, so that a guest polling without end lets others work.
            Some(until) => {
                tokio::task::yield_now().await;
                tokio::time::sleep_until(until).await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Links `wasi:clocks/wall-clock` and `wasi:clocks/monotonic-clock`.
///
/// # Errors
/// When one of them is linked already.
pub fn add_to_linker<T: ClockView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wall_clock::add_to_linker::<T, Lends<ClockCtx>>(linker, T::clock)?;
    monotonic_clock::add_to_linker::<T, Lends<ClockCtx>>(linker, T::clock)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::monotonic_clock::Host as _;
    use super::*;
    use crate::capability::testing::{Bench, granted, lines};
    use kapell_model::quantity::{Span, Timestamp};

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp(1_234_567)
        }
    }

    impl Ticks for Still {
        fn nanoseconds(&self) -> u64 {
            98_765_432
        }
    }

    fn clock(grants: &GrantSet) -> Bench<ClockCtx> {
        let wall: Arc<dyn Clock> = Arc::new(Still);
        Bench::new(ClockCtx::new(grants, &wall, || Arc::new(Still)))
    }

    fn of_resolution(milliseconds: u64) -> Bench<ClockCtx> {
        clock(&granted("time", Authority::Clock { resolution: Span(milliseconds) }))
    }

    #[test]
    fn readings_are_rounded_down_to_the_resolution_and_recorded() {
        let mut bench = of_resolution(10);
        let wall = wall_clock::Host::now(&mut bench.lent()).unwrap();
        assert_eq!((wall.seconds, wall.nanoseconds), (1_234, 560_000_000));
        assert_eq!(monotonic_clock::Host::now(&mut bench.lent()).unwrap(), 90_000_000);
        let (meters, left) = bench.meters();
        let expected =
            [r#"clock now  {"number":"1234560000000"}"#, r#"clock monotonic  {"number":"90000000"}"#];
        assert_eq!(lines(&left.crossings), expected);
        assert_eq!(meters.crossings.get("clock"), Some(&2));
    }

    #[test]
    fn the_resolution_told_is_the_one_granted() {
        let mut bench = of_resolution(1_500);
        let told = wall_clock::Host::resolution(&mut bench.lent()).unwrap();
        assert_eq!((told.seconds, told.nanoseconds), (1, 500_000_000));
        assert_eq!(monotonic_clock::Host::resolution(&mut bench.lent()).unwrap(), 1_500_000_000);
        // The finest grant there is rounds nothing, and divides by no zero.
        assert_eq!(monotonic_clock::Host::now(&mut of_resolution(0).lent()).unwrap(), 98_765_432);
    }

    #[test]
    fn without_a_grant_there_is_no_time() {
        let mut bench = clock(&GrantSet::default());
        assert!(wall_clock::Host::now(&mut bench.lent()).is_err());
        assert!(bench.lent().subscribe_duration(0).is_err());
        assert!(monotonic_clock::Host::resolution(&mut bench.lent()).is_err());
    }

    #[test]
    fn waiting_is_real() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ready = |until: Option<Duration>| {
            let patience = Duration::from_millis(20);
            let until = until.map(|span| tokio::time::Instant::now() + span);
            let mut alarm = Alarm { until };
            runtime.block_on(async { tokio::time::timeout(patience, alarm.ready()).await.is_ok() })
        };
        // An alarm is timed inside its runtime.
        let _inside = runtime.enter();
        assert!(ready(Some(Duration::ZERO)));
        assert!(!ready(Some(Duration::from_secs(3_600))));
        assert!(!ready(None), "an instant too far away to be told never comes");
    }

    #[test]
    fn a_wait_is_a_handle_and_an_instant_past_is_ready_at_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let mut bench = of_resolution(1);
        let handle = bench.lent().subscribe_instant(5).unwrap();
        let polled = wasmtime_wasi_io::bindings::wasi::io::poll::Host::poll(&mut bench.table, vec![handle]);
        assert_eq!(runtime.block_on(polled).unwrap(), [0]);
        bench.lent().subscribe_duration(u64::MAX).unwrap();
    }

    #[test]
    fn a_wait_is_no_finer_than_the_clock() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let is_short = |resolution: u64| {
            let mut bench = of_resolution(resolution);
            let handle = bench.lent().subscribe_duration(1).unwrap();
            let polled =
                wasmtime_wasi_io::bindings::wasi::io::poll::Host::poll(&mut bench.table, vec![handle]);
            let patience = Duration::from_millis(20);
            runtime.block_on(async { tokio::time::timeout(patience, polled).await.is_ok() })
        };
        assert!(is_short(1));
        assert!(!is_short(3_600_000));
    }
}
