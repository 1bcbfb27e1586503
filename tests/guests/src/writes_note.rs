//! Behaves: writes its input as a note and as a log line.
//!
//! Expected: both stand in the journal beside the attempt when `notes` and `logging` are granted; else a refusal.

use bindings::kapell::skill::notes;
use bindings::wasi::logging::logging;

kapell_guests::guest!("kapell:guests/with-journal", write);

fn write(input: String) -> Result<String, String> {
    notes::note("seen", &input);
    logging::log(logging::Level::Info, "seen", &input);
    Ok("written".to_owned())
}
