//! Reads a file nobody granted: the path in the input, `/etc/passwd` if it is empty.
//!
//! Expected: the skill's own error, because for the guest there is no such file; nothing of it in any output.

kapell_guests::guest!("kapell:guests/plain", open);

fn open(input: String) -> Result<String, String> {
    let path = if input.is_empty() { "/etc/passwd" } else { &input };
    std::fs::read_to_string(path).map_err(|error| format!("read {path}: {error}"))
}
