//! Hostile cases under stable names, in one table that the tests print: case, what is done, expected, seen.
//!
//! One more case: a `[[case]]` in `hostile/FAMILY.toml`; if its words are new, the player in `hostile/FAMILY.rs`
//! learns them. One more family: such a TOML file, and a player whose one test fills a `Table` and calls `finish`.
//!
//! `cargo test -p kapell --test e2e -- --nocapture hostile` prints the tables.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption must fail the test"
)]

mod components;
mod files;
mod http;
mod log;
mod manifests;
mod resources;
mod table;
