//! Interfaces that toolchains import out of habit, answered by an empty form.
//!
//! A string function in Rust imports thirteen interfaces of `wasi:cli` and `wasi:io`, a hash map random numbers,
//! Python all of WASI. None of that is authority: it is answered here, from nothing but the attempt's own inputs,
//! so that the same bytes on the same input see the same and burn the same. An inert interface never reaches the
//! world, and each call of it is counted as `inert`.

mod by_type;
mod printed;
mod values;

pub(crate) use by_type::{NO, add_by_type};
pub(crate) use printed::Printed;
pub(crate) use values::{InertCtx, add_clocks, add_random, add_stdio};

/// What inert calls are counted under.
const WORD: &str = "inert";

/// What is inert without anybody saying so: the package, or one interface of it, and why it may be.
pub(crate) const HABITS: [(&str, &str); 5] = [
    ("wasi:cli", "every Rust and Python program imports its environment, exit and standard streams"),
    ("wasi:io", "streams and pollables are only handles; whatever gives one out counts for itself"),
    (
        "wasi:clocks",
        "standard libraries import it for time stamps and waiting; readings go up by a fixed step",
    ),
    ("wasi:random", "hash maps are seeded with it; numbers follow from the component and its arguments"),
    ("wasi:filesystem", "standard libraries import it whole; there is no directory in it"),
];
