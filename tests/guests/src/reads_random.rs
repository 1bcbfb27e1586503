//! Behaves: draws as many random bytes as the input says, 16 if it says nothing, and answers in hexadecimal.
//!
//! Expected: recorded bytes when `random` is granted; else bytes that follow from component and input.

use bindings::wasi::random::random;

kapell_guests::guest!("kapell:guests/with-random", draw);

fn draw(input: String) -> Result<String, String> {
    let bytes = random::get_random_bytes(input.trim().parse().unwrap_or(16));
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
