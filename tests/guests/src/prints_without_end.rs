//! Prints without end.
//!
//! Expected: what it prints is dropped or kept up to a limit, and it is stopped at its fuel or deadline; the
//! host's memory and terminal stay as they are.

#![allow(clippy::print_stdout, reason = "this is the misbehaviour")]

kapell_guests::guest!("kapell:guests/plain", print);

fn print(_input: String) -> Result<String, String> {
    let line = "x".repeat(1 << 10);
    loop {
        println!("{line}");
    }
}
