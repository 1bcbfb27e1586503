//! Takes memory without end, a mebibyte at a time. Taking costs next to no fuel, so that the memory limit is the
//! first to be met.
//!
//! Expected: stopped at its memory limit, and the ending says memory, not a bare trap.

kapell_guests::guest!("kapell:guests/plain", grow);

fn grow(_input: String) -> Result<String, String> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::with_capacity(1 << 20);
        block.push(1);
        kept.push(std::hint::black_box(block));
    }
}
