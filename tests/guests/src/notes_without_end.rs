//! Writes notes without end, a kibibyte each.
//!
//! Expected: notes beyond the bytes granted are dropped and counted, and it is stopped at its fuel or deadline.

use bindings::kapell::skill::notes;

kapell_guests::guest!("kapell:guests/with-journal", flood);

fn flood(_input: String) -> Result<String, String> {
    let text = "x".repeat(1 << 10);
    loop {
        notes::note("flood", &text);
    }
}
