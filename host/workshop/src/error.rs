//! Why a skill can't be built, and what its author can do about it.

use kapell_model::source::Diagnostics;
use std::path::PathBuf;

/// A skill that can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is no skill.
    #[error("build {folder}: it has no `{missing}`", folder = .folder.display())]
    NoSkill {
        /// The folder.
        folder: PathBuf,
        /// The file it should have.
        missing: &'static str,
    },
    /// Something is wrong with `skill.toml`.
    #[error(transparent)]
    Manifest(#[from] Diagnostics),
    /// A program that builds skills is not installed.
    #[error("run {program}: it is not installed")]
    NoProgram {
        /// The program.
        program: String,
    },
    /// The compiler can't make WebAssembly and could not be taught to.
    #[error("build for {target}: the target is not installed and could not be added: {cause}")]
    NoTarget {
        /// The target.
        target: &'static str,
        /// What `rustup` said.
        cause: String,
    },
    /// The package makes no component.
    #[error("build {package}: its library is no cdylib")]
    NoComponent {
        /// The package.
        package: String,
    },
    /// Cargo or the compiler refused; this is their own text.
    #[error("build {what}: cargo failed\n{output}")]
    Cargo {
        /// What was built.
        what: String,
        /// The end of what they said.
        output: String,
    },
    /// What cargo made is no component of the kind the manifest promises.
    #[error("pack {package}: {cause}")]
    Pack {
        /// The package.
        package: String,
        /// Why.
        cause: String,
    },
    /// A file could not be read or written.
    #[error("{operation} {path}: {cause}", path = .path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        cause: std::io::Error,
    },
}

impl BuildError {
    /// What the author can do about it, where there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            BuildError::NoSkill { missing: "skill.toml", .. } => {
                Some("begin it with [skill], name = \"you:skill\" and summary = \"...\"".into())
            }
            BuildError::NoProgram { .. } => Some("install Rust: https://rustup.rs".into()),
            BuildError::NoTarget { target, .. } => Some(format!("run: rustup target add {target}")),
            BuildError::NoComponent { .. } => {
                Some("write in Cargo.toml: [lib] crate-type = [\"cdylib\"]".into())
            }
            _ => None,
        }
    }
}
