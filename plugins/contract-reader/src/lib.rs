//! Reads a contract in Markdown into the facts of its cover page and its clauses.
//!
//! It never guesses a fact that could mean two things, never drops words that could bind somebody, and never
//! answers "nothing found" for a text it could not read.

#[allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated from wit/world.wit, where everything is documented"
)]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "contract-reader" });
}
