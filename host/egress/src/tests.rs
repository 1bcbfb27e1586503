//! The way out against servers of the tests' own on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a failed assumption must fail the test"
)]

mod authorities;
mod exchange;
mod hostile;
mod inference;
mod secrets;
mod stage;
