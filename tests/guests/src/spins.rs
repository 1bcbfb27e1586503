//! Loops for ever without a single call.
//!
//! Expected: stopped at its fuel, or at its deadline when the fuel lasts longer; other runs don't notice.

kapell_guests::guest!("kapell:guests/plain", spin);

fn spin(_input: String) -> Result<String, String> {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
