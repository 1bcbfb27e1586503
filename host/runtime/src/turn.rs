//! Turns: a guest that calls the host again and again lets the others of its worker go on.
//!
//! A guest yields after a slice of fuel, which is a millisecond of computing. A call to the host costs next to no fuel
//! and a thousand times the time of an instruction, so a slice of nothing but calls lasts for a tenth of a second, and
//! as long everybody else would wait. A host function can't yield for its guest; but the worker's other tasks can go
//! on in another thread, and the two then share the machine as the system sees fit.

use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeFlavor};

/// How long a guest calls the host before the others go on: a slice of fuel lasts as long.
const TURN: Duration = Duration::from_millis(1);

/// How long it then waits, for the other thread to take over: a wakeup takes about as long.
const TAKEN_OVER: Duration = Duration::from_micros(50);

/// When the present turn of a guest ends.
#[derive(Debug)]
pub(crate) struct Turn(Instant);

impl Turn {
    /// A turn that begins now.
    pub(crate) fn beginning(now: Instant) -> Self {
        Self(now + TURN)
    }

    /// Whether it is over; then the next one begins.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let over = now >= self.0;
        if over {
            *self = Self::beginning(now);
        }
        over
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

    #[test]
    fn a_turn_is_over_after_its_time_and_the_next_begins() {
        let now = Instant::now();
        let mut turn = Turn::beginning(now);
        assert!(!turn.is_over(now));
        assert!(turn.is_over(now + TURN) && !turn.is_over(now + TURN));
        assert!(turn.is_over(now + TURN + TURN));
    }
}
