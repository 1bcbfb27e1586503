//! What an author of a Rust skill needs, in one dependency.
//!
//! It turns the skill's `wit/world.wit` into Rust types and exports the implementation ([`skill!`]), hands on
//! wit-bindgen for the rare need to do that by hand ([`wit_bindgen`]), and wraps what is long to say in functions:
//! requests ([`http::get`]), completions of a model ([`inference::complete`]), notes ([`notes::note`]).
//!
//! It never depends on anything of the host, never performs I/O of its own and adds nothing to a skill's
//! imports: what a skill does not call, its component does not ask for.

pub mod http;
pub mod inference;
pub mod notes;

pub use wit_bindgen;

/// Makes the crate a skill: types from WIT on one side, `$skill`'s implementation exported on the other.
///
/// It adds a module `bindings`. The trait to implement is `bindings::exports::PACKAGE::NAME::INTERFACE::Guest`;
/// the records and variants of the interface stand beside it and can be compared and printed.
///
/// `kapell_sdk::skill!(Greeter)` reads the folder `wit` beside `Cargo.toml`, which holds one world. A skill that
/// imports interfaces kept elsewhere names those folders first and then its world:
/// `kapell_sdk::skill!(Ledger, world: "acme:ledger/ledger", wit: ["../../wit/deps/keyvalue", "wit"])`.
///
/// The crate needs `crate-type = ["cdylib"]`. It is built by `kapell build`, or by
/// `cargo build --target wasm32-wasip2`.
#[macro_export]
macro_rules! skill {
    ($skill:ident $(, world: $world:literal, wit: $wit:tt)?) => {
        #[allow(
            unsafe_code,
            missing_docs,
            unreachable_pub,
            clippy::all,
            clippy::restriction,
            reason = "generated: crossing the sandbox boundary is raw memory, and the docs stand in the WIT"
        )]
        mod bindings {
            $crate::wit_bindgen::generate!({
                $(world: $world, path: $wit,)?
                generate_all,
                additional_derives: [PartialEq],
                additional_derives_ignore: ["stream-error"],
                runtime_path: "kapell_sdk::wit_bindgen::rt",
            });
            use super::$skill;
            // The names of exports have characters that only a wasm linker takes.
            #[cfg(target_family = "wasm")]
            export!($skill);
            #[cfg(not(target_family = "wasm"))]
            const _: usize = size_of::<$skill>();
        }
    };
}
