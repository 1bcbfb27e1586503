//! Behaves: computes as many rounds as the input says and answers with the checksum.
//!
//! Expected: the same input burns the same fuel, twice the rounds about twice as much; beyond the limit it is
//! stopped as out of fuel.

kapell_guests::guest!("kapell:guests/plain", burn);

fn burn(input: String) -> Result<String, String> {
    let rounds: u64 = input.trim().parse().map_err(|error| format!("rounds `{input}`: {error}"))?;
    let mut checksum = 0xcbf2_9ce4_8422_2325_u64;
    for round in 0..rounds {
        // The black box keeps the compiler from finding a formula for the loop.
        checksum = std::hint::black_box(checksum ^ round).wrapping_mul(0x0100_0000_01b3);
    }
    Ok(format!("{checksum:016x}"))
}
