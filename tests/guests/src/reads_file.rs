//! Behaves: reads the file named by the input in the granted directory `data`.
//!
//! Expected: its text when reading is granted; a refusal when it is not.

kapell_guests::guest!("kapell:guests/plain", read);

fn read(input: String) -> Result<String, String> {
    std::fs::read_to_string(format!("/data/{input}")).map_err(|error| format!("read {input}: {error}"))
}
