//! Asks without end whether a wait of no time is over.
//!
//! Expected: stopped at the number of host calls an attempt may make, or at its fuel or deadline.

use bindings::wasi::clocks::monotonic_clock;

kapell_guests::guest!("kapell:guests/with-clock", poll);

fn poll(_input: String) -> Result<String, String> {
    let over = monotonic_clock::subscribe_duration(0);
    loop {
        std::hint::black_box(over.ready());
    }
}
