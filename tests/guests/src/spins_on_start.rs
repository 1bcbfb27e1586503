//! Loops for ever before anybody calls it, while it is being instantiated.
//!
//! Expected: stopped at its fuel or its deadline like any other; instantiation is inside the limits.

kapell_guests::guest!("kapell:guests/plain", never_reached);

/// The list of functions that run when the component starts.
#[allow(unsafe_code, reason = "a function before the first call has no safe spelling")]
#[cfg(target_family = "wasm")]
#[used]
#[unsafe(link_section = ".init_array")]
static ON_START: extern "C" fn() = spin;

#[cfg(target_family = "wasm")]
extern "C" fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

fn never_reached(_input: String) -> Result<String, String> {
    Ok("the start function came to an end".to_owned())
}
