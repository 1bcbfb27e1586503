//! Behaves: fetches the URL in the input's first line the way a skill does, or posts the rest of the input to it.
//!
//! Expected: with a grant for the place, the status and the text there; without, its own error with the host's code.

use kapell_guests::kapell_sdk::http;

kapell_guests::guest!("kapell:guests/plain", fetch);

fn fetch(input: String) -> Result<String, String> {
    let answer = match input.split_once('\n') {
        None => http::get(&input),
        Some((url, body)) => http::post(url, "text/plain", body.as_bytes()),
    };
    let answer = answer.map_err(|error| error.to_string())?;
    let kind = answer.header("content-type").unwrap_or("no type");
    Ok(format!("{} {kind} {}", answer.status, answer.text()))
}
