//! Asking a language model by tier; which model that is, and what it may cost, is the operator's to say.

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::restriction,
    reason = "generated: crossing the sandbox boundary is raw memory, and the docs stand in the WIT"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package kapell:sdk; world inference { import kapell:skill/inference@0.1.1; }",
        world: "kapell:sdk/inference",
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub use bindings::kapell::skill::inference::{Completion, Failure, Request, Tier};

/// Asks a model of a tier: `system` says who it is to be, `prompt` what it is to answer, in `most_tokens` at most.
///
/// The answer is text somebody else wrote: take it as data and check it. A skill that calls this imports
/// `kapell:skill/inference` and has to ask for the capability `inference` in its manifest.
///
/// # Errors
/// When no provider answers, or the grant does not cover what the call could cost. In a native build, such as a unit
/// test, there is no provider.
pub fn complete(tier: Tier, system: &str, prompt: &str, most_tokens: u32) -> Result<Completion, Failure> {
    let request = Request { tier, system: system.to_owned(), prompt: prompt.to_owned(), most_tokens };
    ask(&request)
}

#[cfg(target_family = "wasm")]
fn ask(request: &Request) -> Result<Completion, Failure> {
    bindings::kapell::skill::inference::complete(request)
}

#[cfg(not(target_family = "wasm"))]
fn ask(_: &Request) -> Result<Completion, Failure> {
    Err(Failure::NoProvider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_native_build_has_no_provider() {
        assert_eq!(complete(Tier::Local, "", "Hello?", 1), Err(Failure::NoProvider));
    }
}
