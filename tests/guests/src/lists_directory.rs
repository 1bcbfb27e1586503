//! Behaves: lists the directory named by the input inside the granted directory `data`, in the order it gets.
//!
//! Expected: the names in alphabetical order, on every machine and in every run.

kapell_guests::guest!("kapell:guests/plain", list);

fn list(input: String) -> Result<String, String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(format!("/data/{input}")).map_err(|error| format!("list: {error}"))? {
        let entry = entry.map_err(|error| format!("list: {error}"))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names.join("\n"))
}
