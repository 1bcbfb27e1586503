//! Behaves: adds one to the key `count` of the store named by the input, `counter` if it is empty.
//!
//! Expected: one more each run when writing is granted, also after a crash in between; else a refusal.

use bindings::wasi::keyvalue::{atomics, store};

kapell_guests::guest!("kapell:guests/with-keyvalue", count);

fn count(input: String) -> Result<String, String> {
    let name = if input.is_empty() { "counter" } else { &input };
    let bucket = store::open(name).map_err(|error| format!("open {name}: {error:?}"))?;
    let count = atomics::increment(&bucket, "count", 1).map_err(|error| format!("increment: {error:?}"))?;
    Ok(count.to_string())
}
