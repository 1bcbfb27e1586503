//! The frame of a guest: one macro, so that each guest is its misbehaviour and nothing else.
//!
//! It holds no misbehaviour itself and never runs on the host's side.

pub use kapell_sdk;

/// Makes a function of text the guest's `run`, in a world of `wit/world.wit`.
///
/// The function is `fn(String) -> Result<String, String>`; an `Err` is the guest's own error, not a crash.
#[macro_export]
macro_rules! guest {
    ($world:literal, $run:path) => {
        use $crate::kapell_sdk;

        kapell_sdk::skill!(Probe, world: $world, wit: ["../../wit", "wit"]);

        struct Probe;

        impl bindings::exports::kapell::guests::probe::Guest for Probe {
            fn run(input: String) -> Result<String, String> {
                $run(input)
            }
        }
    };
}
