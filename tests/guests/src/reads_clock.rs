//! Behaves: reads the wall clock once and the monotonic clock twice.
//!
//! Expected: the host's times when `clock` is granted, recorded; else fixed ones, the same in every run.

use bindings::wasi::clocks::{monotonic_clock, wall_clock};

kapell_guests::guest!("kapell:guests/with-clock", read);

fn read(_input: String) -> Result<String, String> {
    let wall = wall_clock::now();
    let (first, second) = (monotonic_clock::now(), monotonic_clock::now());
    Ok(format!("wall {}.{:09}\nfirst {first}\nsecond {second}", wall.seconds, wall.nanoseconds))
}
