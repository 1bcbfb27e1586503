//! Compares the clauses of a contract with those of a standard, by content and never by number.
//!

#[allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes_without_reason,
    reason = "generated from wit/world.wit, where everything is documented"
)]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "contract-terms" });
}
