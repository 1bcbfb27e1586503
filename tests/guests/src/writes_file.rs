//! Behaves: writes a file into the granted directory `data`; the input's first line is its name, the rest its text.
//!
//! Expected: the file is there once the attempt has ended well, when writing is granted; else nothing is.

kapell_guests::guest!("kapell:guests/plain", write);

fn write(input: String) -> Result<String, String> {
    let (name, text) = input.split_once('\n').unwrap_or((&input, ""));
    std::fs::write(format!("/data/{name}"), text).map_err(|error| format!("write {name}: {error}"))?;
    Ok(format!("{} bytes", text.len()))
}
