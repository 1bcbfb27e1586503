//! Writes `left.txt` into the granted directory `data`, then loops for ever.
//!
//! Expected: stopped at its fuel or deadline, and the file is nowhere.

kapell_guests::guest!("kapell:guests/plain", write_and_spin);

fn write_and_spin(_input: String) -> Result<String, String> {
    std::fs::write("/data/left.txt", "left behind").map_err(|error| format!("write: {error}"))?;
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
