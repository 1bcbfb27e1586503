//! Output: data on standard output, talk on standard error. Nothing else in the house prints.

use anyhow::Context as _;
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Folders whose files may be quoted in error messages: those of the files the person named.
static NAMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The runtime all commands run on: as many workers as there are cores.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the asynchronous runtime")
}

/// Data for whoever called. A closed pipe ends output, not the run.
pub(crate) fn data(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// One JSON object for whoever called.
pub(crate) fn json(value: &Value) {
    data(&kapell_report::plain::json(value));
}

/// Talk to the person.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Whether a person sits at both ends and can be asked.
pub(crate) fn is_conversation() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether talk goes to a terminal.
pub(crate) fn talks_to_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether talk may have colours: a terminal, and nobody said NO_COLOR.
pub(crate) fn colours() -> bool {
    !matches!(anstream::AutoStream::choice(&std::io::stderr()), anstream::ColorChoice::Never)
}

/// Remembers a file the person named, so that an error can quote it.
pub(crate) fn named(path: &Path) {
    if let Ok(mut named) = NAMED.lock() {
        named.push(path.to_path_buf());
    }
}

/// The text of a named file, by the short name errors call it.
pub(crate) fn source_of(name: &str) -> Option<String> {
    let named = NAMED.lock().ok()?;
    let path =
        named.iter().find(|path| path.file_name().is_some_and(|file| file.to_string_lossy() == name))?;
    std::fs::read_to_string(path).ok()
}
