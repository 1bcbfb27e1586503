//! Sentences a skill wants remembered beside the attempt that wrote them.

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated: crossing the sandbox boundary is raw memory, and the docs stand in the WIT"
)]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "imports" });
}

/// Writes one note into the journal: `topic` is a word or two to group by, `text` the sentence for people.
///
/// The host makes one line of it, counts its bytes against the grant and never reads it for a decision. A skill
/// that calls this imports `kapell:skill/notes` and has to ask for the capability `notes` in its manifest.
///
/// In a native build, such as a unit test, there is no journal and the note goes nowhere.
pub fn note(topic: &str, text: &str) {
    #[cfg(target_family = "wasm")]
    bindings::kapell::skill::notes::note(topic, text);
    #[cfg(not(target_family = "wasm"))]
    let _ = (topic, text, bindings::kapell::skill::notes::note as fn(&str, &str));
}
