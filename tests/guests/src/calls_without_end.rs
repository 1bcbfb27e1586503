//! Calls the host without end, where each call costs the guest next to nothing.
//!
//! Expected: stopped at the number of host calls an attempt may make, or at its fuel or deadline.

use bindings::wasi::clocks::monotonic_clock;

kapell_guests::guest!("kapell:guests/with-clock", call);

fn call(_input: String) -> Result<String, String> {
    loop {
        std::hint::black_box(monotonic_clock::now());
    }
}
