//! Writes `left.txt` into the granted directory `data`, then crashes.
//!
//! Expected: a trap, and the file is nowhere: what an attempt writes is held until it ends well.

#![allow(clippy::panic, reason = "this is the misbehaviour")]

kapell_guests::guest!("kapell:guests/plain", write_and_trap);

fn write_and_trap(_input: String) -> Result<String, String> {
    std::fs::write("/data/left.txt", "left behind").map_err(|error| format!("write: {error}"))?;
    panic!("after the write")
}
