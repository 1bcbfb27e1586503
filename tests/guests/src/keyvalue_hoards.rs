//! Writes keys without end into the store `data`, a kibibyte each, until it is told to stop.
//!
//! Expected: stopped at the number of keys or the bytes the grant allows; none of them is kept.

use bindings::wasi::keyvalue::store;

kapell_guests::guest!("kapell:guests/with-keyvalue", hoard);

fn hoard(_input: String) -> Result<String, String> {
    let bucket = store::open("data").map_err(|error| format!("open data: {error:?}"))?;
    let value = vec![b'x'; 1 << 10];
    for number in 0_u64.. {
        bucket
            .set(&format!("key-{number}"), &value)
            .map_err(|error| format!("after {number} keys: {error:?}"))?;
    }
    Ok("wrote every number there is".to_owned())
}
