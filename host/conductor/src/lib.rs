//! The conductor: decides what a run does next, and drives it there.
//!
//! [`decide`] is a pure function of plan and folded state; [`drive`] is the loop around it: decide, write the
//! intent, perform, commit the ending, fold, decide again. The same decisions are taken live, on resume and when a
//! run is explained.
//!
//! This crate never touches bytes, files, processes or the engine: it performs through the seams
//! `Performer`, `Journals` and `Clock` and knows only `kapell-model` and `kapell-journal`. It never takes a
//! decision that is not an entry.

pub mod answer;
pub mod arguments;
pub mod decide;
pub mod drive;
pub mod history;
pub mod known;
mod private;
pub mod program;
pub mod programs;
mod record;
pub mod replay;
pub mod retrace;
mod scope;
