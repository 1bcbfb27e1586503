//! Sees that the compiler can make WebAssembly, and teaches it once where it can't.

use crate::cargo;
use crate::error::BuildError;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Components with the WASI imports that Rust's own library makes.
pub(crate) const WASI: &str = "wasm32-wasip2";
/// Modules that import only what the author's code does.
pub(crate) const PURE: &str = "wasm32-unknown-unknown";

/// Targets seen to be installed. Held while one is added: two `rustup` at once break each other's downloads.
static INSTALLED: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// Adds the target to the toolchain of `folder` when it is missing.
pub(crate) fn ensure(target: &'static str, folder: &Path) -> Result<(), BuildError> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if installed.contains(&target) {
        return Ok(());
    }
    if !library(target, folder)?.is_dir() {
        add(target, folder)?;
    }
    installed.push(target);
    Ok(())
}

/// Where the toolchain keeps the target's standard library.
fn library(target: &str, folder: &Path) -> Result<PathBuf, BuildError> {
    let said = cargo::output(cargo::program("rustc").args(["--print", "sysroot"]).current_dir(folder))?;
    Ok(Path::new(said.stdout.trim()).join("lib/rustlib").join(target).join("lib"))
}

fn add(target: &'static str, folder: &Path) -> Result<(), BuildError> {
    let added = cargo::output(cargo::program("rustup").args(["target", "add", target]).current_dir(folder));
    let cause = match added {
        Ok(said) if said.success => return Ok(()),
        Ok(said) => said.stderr.lines().last().unwrap_or("rustup failed").trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(BuildError::NoTarget { target, cause })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests end on the first surprise")]
    use super::*;

    #[test]
    fn a_target_that_cannot_be_added_is_told_with_the_line_to_run() {
        let Err(error) = ensure("wasm32-kapell-none", Path::new(".")) else { panic!("it is there") };
        assert!(matches!(error, BuildError::NoTarget { .. }), "{error}");
        assert_eq!(error.advice().as_deref(), Some("run: rustup target add wasm32-kapell-none"));
    }
}
