//! Greets people, politely, and notes whom: the newer version that the example reviews.
//!
//! It never greets nobody; beside its answer it leaves one note, and it can do nothing else.

use bindings::exports::kapell::hello::greetings::{GreetingError, Guest};
use std::hint::black_box;

kapell_sdk::skill!(Hello);

struct Hello;

impl Guest for Hello {
    fn greet(name: String) -> Result<String, GreetingError> {
        match name.trim() {
            "" => Err(GreetingError::Nobody),
            name => {
                kapell_sdk::notes::note("greeted", name);
                Ok(format!("Good day, {name}!"))
            }
        }
    }

    fn rehearse(name: String, times: u32) -> Result<String, GreetingError> {
        let greeting = Self::greet(name)?;
        // Practising is work without a result; the compiler must not notice.
        (0..times).for_each(|_| practise(black_box(&greeting)));
        Ok(format!("{greeting} (rehearsed {times} times)"))
    }
}

fn practise(greeting: &str) {
    black_box(greeting.bytes().fold(0_u32, |sum, byte| sum.rotate_left(5) ^ u32::from(byte)));
}
