//! Looks for what the host let slip: environment, arguments, working directory, directories.
//!
//! Expected: nothing but the directories that were granted, under the skill's own names.

use bindings::wasi::filesystem::preopens;

kapell_guests::guest!("kapell:guests/with-files", look);

fn look(_input: String) -> Result<String, String> {
    let mut seen: Vec<String> = std::env::vars().map(|(name, value)| format!("env {name}={value}")).collect();
    seen.extend(std::env::args().map(|argument| format!("arg {argument}")));
    seen.extend(preopens::get_directories().into_iter().map(|(_, name)| format!("dir {name}")));
    Ok(seen.join("\n"))
}
