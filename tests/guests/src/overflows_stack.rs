//! Calls itself without end.
//!
//! Expected: a trap that says stack; the host's own stack is untouched.

kapell_guests::guest!("kapell:guests/plain", overflow);

fn overflow(_input: String) -> Result<String, String> {
    Ok(deeper(1).to_string())
}

#[allow(unconditional_recursion, reason = "this is the misbehaviour")]
fn deeper(depth: u64) -> u64 {
    // Work after the call keeps it from becoming a loop.
    std::hint::black_box(deeper(std::hint::black_box(depth + 1))) + depth
}
