//! The author's tools: from a skill's folder to one file that holds the component, its manifest and its docs.
//!
//! [`build`] compiles with the author's own cargo, in a target folder of its own and with the caller's flags cleared,
//! so that the same source gives the same bytes whoever builds it. It never runs what it built, never opens a home
//! and is never linked into a server: it starts programs, which nothing else in the house may.
//!
//! Reading order: [`build`] tells the way; `skill` finds what a folder holds, `toolchain` sees that the compiler can
//! make WebAssembly, `cargo` runs it, `pack` makes one file of the results.

mod build;
mod cargo;
mod docs;
mod error;
mod pack;
mod skill;
mod toolchain;

pub use build::{Built, Example, Options, build, build_examples, build_many};
pub use error::BuildError;
