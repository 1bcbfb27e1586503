//! What happened is never rewritten: the entries of a run, the chain that binds them, and the fold that turns
//! them into the run's state.
//!
//! Pure: this crate holds plain data and functions over it and knows only `kapell-model`. It never opens a file,
//! reads a clock or decides anything; which entry may follow which is said in one place, the [`fold`].

mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod content;
pub mod entry;
pub mod fold;
pub mod note;
pub mod private;
pub mod replay;
pub mod seam;
pub mod shared;
pub mod spending;
pub mod tree;
