//! Writes files of a kibibyte into the granted directory `data` until it is told to stop.
//!
//! Expected: stopped at the number or the bytes of files the grant allows; the disk holds none of them.

kapell_guests::guest!("kapell:guests/plain", hoard);

fn hoard(_input: String) -> Result<String, String> {
    let text = "x".repeat(1 << 10);
    for number in 0_u64.. {
        std::fs::write(format!("/data/{number}.txt"), &text)
            .map_err(|error| format!("after {number} files: {error}"))?;
    }
    Ok("wrote every number there is".to_owned())
}
