//! Makes handles to header fields without end and gives none back.
//!
//! Expected: stopped at the number of handles an attempt may hold, and the ending says handles.

use bindings::wasi::http::types::Fields;

kapell_guests::guest!("kapell:guests/with-http", spray);

fn spray(_input: String) -> Result<String, String> {
    loop {
        std::mem::forget(Fields::new());
    }
}
