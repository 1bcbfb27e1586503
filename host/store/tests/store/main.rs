//! The store's promises: once over both stores, and what only a disk can break over the one on the disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, and child processes speak through their output"
)]

mod both;
mod crash;
mod disk;
mod scene;
mod tree;
