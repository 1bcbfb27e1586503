//! The sandbox: the only crate that names the WebAssembly engine.
//!
//! It loads components, reads their types, links what is granted, runs one attempt at a time in a store of its own
//! and says how the attempt ended and what it used. It never keeps an instance for a second attempt, never links
//! an interface nobody granted, never makes a write real (writes travel back as data), never opens a connection,
//! and knows neither flows nor journals.

mod cache;
pub mod capability;
pub mod crossings;
mod engine;
mod guest;
mod inert;
mod invoke;
mod link;
mod load;
mod meter;
pub mod shapes;
mod value;
