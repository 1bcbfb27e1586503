//! Checks exported evidence of a journal: what holds, what does not and at which entry, and what can't be known.
//!
//! Whoever checks has one file, the journal's key, and at best a checkpoint they were given earlier. This crate shares no
//! code with what wrote the file: it knows no other crate of the house, only the formats, which `FORMAT.md` states and
//! which are those of transparency logs (RFC 6962, C2SP signed notes, checkpoints and proofs) as far as there are any.
//! It never opens a connection, never writes, never asks the host, and never panics on what it reads.

mod approvals;
mod bundle;
mod canonical;
mod chain;
mod claim;
mod contents;
mod course;
mod digest;
mod entry;
mod heads;
mod held;
mod keys;
mod note;
mod price;
mod report;
mod said;
mod tar;
mod tree;
mod wasm;

pub use bundle::{Unreadable, is_bundle, verify};
pub use heads::Held;
pub use report::{Line, Place, Report};
