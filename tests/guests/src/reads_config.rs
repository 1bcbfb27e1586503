//! Behaves: reads the configuration key named by the input; everything it can see if the input is empty.
//!
//! Expected: the value when that key is granted; for any other key nothing, as if it did not exist.

use bindings::wasi::config::store;

kapell_guests::guest!("kapell:guests/with-config", read);

fn read(input: String) -> Result<String, String> {
    if input.is_empty() {
        let all = store::get_all().map_err(|error| format!("get all: {error:?}"))?;
        return Ok(all.iter().map(|(key, value)| format!("{key}={value}\n")).collect());
    }
    let value = store::get(&input).map_err(|error| format!("get {input}: {error:?}"))?;
    value.ok_or_else(|| format!("no value for {input}"))
}
