//! Behaves: answers with its input.
//!
//! Expected: the output is the input.

kapell_guests::guest!("kapell:guests/plain", echo);

fn echo(input: String) -> Result<String, String> {
    Ok(input)
}
