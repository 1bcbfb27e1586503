//! Leaves its input all over its memory, and looks for what an attempt before it may have left: counts its own calls,
//! and the input's first letter in memory it has not written yet.
//!
//! Expected: every attempt is the first, and finds nothing.

#![allow(unsafe_code, reason = "memory nobody has written yet has no safe spelling")]

use std::alloc::{Layout, alloc};
use std::sync::atomic::{AtomicU32, Ordering};

kapell_guests::guest!("kapell:guests/plain", look);

/// More than a host resets in place, so that both ways of making memory fresh are looked at.
const BYTES: usize = 4 << 20;

static CALLS: AtomicU32 = AtomicU32::new(0);

fn look(input: String) -> Result<String, String> {
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let layout = Layout::from_size_align(BYTES, 16).map_err(|error| error.to_string())?;
    // SAFETY: the size is not zero; the block is never given back.
    let start = unsafe { alloc(layout) };
    if start.is_null() {
        return Err("no memory".to_owned());
    }
    let first = *input.as_bytes().first().ok_or("no canary")?;
    let canary = input.as_bytes().iter().copied().cycle();
    let mut found = 0_u32;
    for (place, letter) in canary.take(BYTES).enumerate() {
        // SAFETY: `place` is within the block. What was never written is zero, the allocator's own or what somebody
        // left; the volatile read keeps the compiler from knowing better.
        unsafe {
            let byte = start.add(place);
            found += u32::from(byte.read_volatile() == first);
            byte.write_volatile(letter);
        }
    }
    Ok(format!("call {calls}, {found} letters found"))
}
