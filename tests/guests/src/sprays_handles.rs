//! Opens handles without end and closes none.
//!
//! Expected: stopped at the number of handles an attempt may hold, and the ending says handles.

use bindings::wasi::clocks::monotonic_clock;

kapell_guests::guest!("kapell:guests/with-clock", spray);

fn spray(_input: String) -> Result<String, String> {
    loop {
        std::mem::forget(monotonic_clock::subscribe_duration(0));
    }
}
