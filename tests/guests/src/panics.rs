//! Panics, with its input as the message.
//!
//! Expected: a trap; the message is shown as the guest's own words, sanitised, and moves nothing.

#![allow(clippy::panic, reason = "this is the misbehaviour")]

kapell_guests::guest!("kapell:guests/plain", panic_with);

fn panic_with(input: String) -> Result<String, String> {
    panic!("{input}")
}
