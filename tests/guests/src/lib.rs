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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test is meant to end")]

    use std::fs;
    use std::path::Path;

    #[test]
    fn every_guest_is_built_and_says_what_is_expected_of_the_host() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = fs::read_to_string(home.join("Cargo.toml")).unwrap();
        for entry in fs::read_dir(home.join("src")).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if file == "lib.rs" {
                continue;
            }
            let name = file.trim_end_matches(".rs");
            let lines =
                format!("[[example]]\nname = \"{name}\"\npath = \"src/{file}\"\ncrate-type = [\"cdylib\"]");
            assert!(manifest.contains(&lines), "{file} has no [[example]] of its name");
            let text = fs::read_to_string(home.join("src").join(&file)).unwrap();
            assert!(
                text.starts_with("//! ") && text.contains("\n//! Expected: "),
                "{file} does not say what it is"
            );
        }
    }
}
