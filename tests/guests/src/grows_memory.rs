//! Takes memory without end, a mebibyte at a time, and uses it.
//!
//! Expected: stopped at its memory limit, and the ending says memory, not a bare trap.

kapell_guests::guest!("kapell:guests/plain", grow);

fn grow(_input: String) -> Result<String, String> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}
