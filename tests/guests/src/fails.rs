//! Fails in its own words: answers with its input as an error.
//!
//! Expected: a skill error with exactly that text; never a trap, never a refusal.

kapell_guests::guest!("kapell:guests/plain", fail);

fn fail(input: String) -> Result<String, String> {
    Err(input)
}
