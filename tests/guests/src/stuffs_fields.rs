//! Puts header fields into one handle without end, each empty.
//!
//! Expected: stopped at the bytes that the fields of one handle may have, which an empty field has too.

use bindings::wasi::http::types::Fields;

kapell_guests::guest!("kapell:guests/with-http", stuff);

fn stuff(_input: String) -> Result<String, String> {
    let fields = Fields::new();
    loop {
        fields.append("x", b"").map_err(|error| format!("{error:?}"))?;
    }
}
