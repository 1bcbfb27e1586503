//! Turns: a guest that calls the host again and again lets the others of its worker go on.
//!
//! A guest yields after a slice of fuel, which is a millisecond of computing. A call to the host costs next to no fuel
//! and a thousand times the time of an instruction, so a slice of nothing but calls lasts for a tenth of a second, and
//! as long everybody else would wait. A host function can't yield for its guest; but the worker's other tasks can go
//! on in another thread, and the two then share the machine as the system sees fit.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How long a guest calls the host before the others go on: a slice of fuel lasts as long.
const TURN: Duration = Duration::from_millis(1);

/// The turn of a guest that has called [`MANY`] times where others need the machine: about as long as a small attempt.
const SHORT: Duration = Duration::from_micros(50);

/// More calls than an honest guest makes in most attempts.
const MANY: u64 = 10_000;

/// How long a guest then waits, for the other thread to take over: a wakeup takes about as long.
const TAKEN_OVER: Duration = Duration::from_micros(50);

/// How long after more attempts were under way than there are cores that is taken to be so still. Small attempts come
/// and go in between.
const LINGERS: Duration = Duration::from_millis(10);

/// The present turn of a guest, for as long as its attempt lasts.
#[derive(Debug)]
pub(crate) struct Turn {
    ends: Instant,
    crowd: &'static Crowd,
}

impl Turn {
    /// The first one, which begins now.
    pub(crate) fn beginning(now: Instant) -> Self {
        static MACHINE: OnceLock<Crowd> = OnceLock::new();
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        Self::in_crowd(MACHINE.get_or_init(|| Crowd::new(cores(), now)), now)
    }

    fn in_crowd(crowd: &'static Crowd, now: Instant) -> Self {
        crowd.enter(now);
        Self { ends: now + TURN, crowd }
    }

    /// Whether it is over, for a guest that has called so often; then the next one begins.
    pub(crate) fn is_over(&mut self, now: Instant, calls: u64) -> bool {
        let over = now >= self.ends;
        if over {
            let is_short = calls >= MANY && self.crowd.is_there(now);
            self.ends = now + if is_short { SHORT } else { TURN };
        }
        over
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.crowd.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The attempts under way in this process, and whether they are more than the machine has cores. Only speed hangs on
/// it, so that readings which come late do no harm.
#[derive(Debug)]
struct Crowd {
    cores: usize,
    under_way: AtomicUsize,
    /// In microseconds after `since`.
    until: AtomicU64,
    since: Instant,
}

impl Crowd {
    fn new(cores: usize, since: Instant) -> Self {
        Self { cores, under_way: AtomicUsize::new(0), until: AtomicU64::new(0), since }
    }

    fn enter(&self, now: Instant) {
        if self.under_way.fetch_add(1, Ordering::Relaxed) >= self.cores {
            self.until.store(self.at(now + LINGERS), Ordering::Relaxed);
        }
    }

    fn is_there(&self, now: Instant) -> bool {
        self.at(now) < self.until.load(Ordering::Relaxed)
    }

    fn at(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.since);
        u64::try_from(passed.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Lets the other tasks of this thread go on in another one, where there is one for them.
pub(crate) fn let_others_go_on() {
    let many = |handle: Handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread;
    if Handle::try_current().is_ok_and(many) {
        tokio::task::block_in_place(|| thread::sleep(TAKEN_OVER));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use crate::crossings::Crossings;
    use kapell_model::limits::Limits;
    use kapell_model::quantity::Span;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn beside_one_that_only_calls_the_host_others_go_on() {
        let one = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let calls_until_another_was_there = async {
            let there = Arc::new(AtomicBool::new(false));
            let comes = Arc::clone(&there);
            tokio::spawn(async move { comes.store(true, Ordering::Release) });
            let minute = Limits { deadline: Span(60_000), host_calls: u64::MAX, ..Limits::default() };
            let crossings = Crossings::live(&minute);
            // It never waits, so that the only worker is its own until it is made to let go.
            while !there.load(Ordering::Acquire) {
                crossings.count("clock").map_err(|limit| limit.to_string())?;
            }
            Ok::<_, String>(())
        };
        assert_eq!(one.block_on(one.spawn(calls_until_another_was_there)).unwrap(), Ok(()));
    }

    fn crowd(cores: usize, now: Instant) -> &'static Crowd {
        Box::leak(Box::new(Crowd::new(cores, now)))
    }

    #[test]
    fn a_turn_is_over_after_its_time_and_the_next_begins() {
        let now = Instant::now();
        let mut turn = Turn::in_crowd(crowd(1, now), now);
        assert!(!turn.is_over(now, 1));
        assert!(turn.is_over(now + TURN, 2) && !turn.is_over(now + TURN, 3));
        assert!(!turn.is_over(now + TURN + SHORT, 4) && turn.is_over(now + TURN + TURN, 5));
    }

    #[test]
    fn whoever_calls_without_end_takes_short_turns_while_others_need_the_machine() {
        let now = Instant::now();
        let (crowd, later) = (crowd(1, now), now + TURN + SHORT);
        let mut turn = Turn::in_crowd(crowd, now);
        assert!(turn.is_over(now + TURN, MANY) && !turn.is_over(later, MANY), "there is nobody else");
        let other = Turn::in_crowd(crowd, now);
        let mut few = Turn::in_crowd(crowd, now);
        assert!(few.is_over(now + TURN, MANY - 1) && !few.is_over(later, MANY), "it does not call much");
        let mut many = Turn::in_crowd(crowd, now);
        assert!(many.is_over(now + TURN, MANY) && many.is_over(later, MANY));
        // They are gone, and after a while the machine is its own again.
        drop((other, few, many));
        assert_eq!(crowd.under_way.load(Ordering::Relaxed), 1);
        let alone = now + LINGERS + TURN;
        assert!(turn.is_over(alone, MANY) && !turn.is_over(alone + SHORT, MANY));
    }
}
