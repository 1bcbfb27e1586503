//! The sandbox: the only crate that names the WebAssembly engine.
//!
//! It loads components, reads their types, links what is granted, runs one attempt at a time in a store of its own
//! and says how the attempt ended and what it used. It never keeps an instance for a second attempt, never links
//! an interface nobody granted, never makes a write real (writes travel back as data), never opens a connection,
//! and knows neither flows nor journals.
//!
//! Reading order: [`load`] lets bytes in and [`shapes`] reads their types; `engine` is the one engine, `compile` has
//! native code made of them, `cache` keeps it; `link` meets imports with [`capability`] or `inert`, which `imports` tells to reviewers; `invoke` runs an attempt, every call of it
//! passing [`crossings`]; [`Runtime`] is all of it together.

mod cache;
pub mod capability;
mod compile;
pub mod crossings;
mod engine;
mod guest;
mod imports;
mod inert;
mod invoke;
mod io;
mod link;
pub mod load;
mod meter;
mod record;
mod replay;
mod runtime;
pub mod section;
pub mod shapes;
mod turn;
mod value;

pub use cache::{CacheError, damaged_forms};
pub use capability::files::{NotLent, Walk, pinned};
pub use compile::{
    Approved, CompileCaps, CompileError, CompileWorker, Compiler, ServeError, serve_compiling,
};
pub use engine::{ENGINE_VERSION, EngineError};
pub use imports::{Imported, ImportedFunction, classify};
pub use link::refusals;
pub use load::{Inspection, LoadError, inspect};
pub use record::Record;
pub use runtime::{Components, InstallError, Runtime, RuntimeConfig, StartError};
