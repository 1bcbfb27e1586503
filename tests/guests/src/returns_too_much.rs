//! Answers with more than anybody asked for: as many bytes as the input says, 8 MiB if it says nothing.
//!
//! Expected: refused at the output limit, without the host copying it all; below the limit it is an output.

kapell_guests::guest!("kapell:guests/plain", return_too_much);

fn return_too_much(input: String) -> Result<String, String> {
    Ok("x".repeat(input.trim().parse().unwrap_or(8 << 20)))
}
