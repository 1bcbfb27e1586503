//! Sleeps for an hour inside a call to the host.
//!
//! Expected: stopped at its deadline although it burns no fuel; where the clock is inert it returns at once.

use bindings::wasi::clocks::monotonic_clock;

kapell_guests::guest!("kapell:guests/with-clock", sleep);

const HOUR_NANOSECONDS: u64 = 3_600_000_000_000;

fn sleep(_input: String) -> Result<String, String> {
    monotonic_clock::subscribe_duration(HOUR_NANOSECONDS).block();
    Ok("slept for an hour".to_owned())
}
