//! Where the demo's skills and texts come from: the checkout this program was built from.

use crate::output;
use indicatif::ProgressBar;
use kapell_home::{HomeError, Kind};
use kapell_workshop::{BuildError, Built, build_many};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The skills of the onboarding.
const HOUSE: [&str; 5] = [
    "plugins/contract-reader",
    "plugins/contract-terms",
    "plugins/crm-account",
    "plugins/letter",
    "plugins/kickoff-slot",
];
/// A newer version of one of them.
const NEWER: &str = "examples/07-onboarding/demo/letter-next";
/// A build of one of them with other intentions.
const POISONED: &str = "tests/guests/poisoned-terms";
/// What is added to the policy so that the poisoned build may be loaded at all.
pub(super) const LET_IT_TRY: &str = "examples/07-onboarding/demo/let-it-try.toml";

/// Texts copied into the demo's folder, each under the name it has in its own.
const TEXTS: [(&str, &[&str]); 2] = [
    (
        "examples/07-onboarding",
        &[
            "onboarding.yaml",
            "policy.toml",
            "standard-terms.md",
            "grading.toml",
            "welcome.txt",
            "runbook.md",
            "contracts/acme-standard.md",
            "contracts/birch-changed.md",
        ],
    ),
    (
        "examples/07-onboarding/demo",
        &["poisoned.yaml", "contracts/dune-one-clause.md", "contracts/elm-standard.md"],
    ),
];

/// A checkout with everything the demo needs.
pub(super) struct Sources {
    root: PathBuf,
}

/// The skills, built.
pub(super) struct Skills {
    pub(super) house: Vec<Built>,
    pub(super) newer: Built,
    pub(super) poisoned: Built,
}

/// Finds the checkout.
pub(super) fn find() -> anyhow::Result<Sources> {
    at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

fn at(root: &Path) -> anyhow::Result<Sources> {
    let texts =
        TEXTS.iter().flat_map(|(folder, names)| names.iter().map(move |name| Path::new(folder).join(name)));
    let skills = skills().map(|skill| Path::new(skill).join("skill.toml"));
    let mut needed = texts.chain(skills).map(|path| root.join(path));
    match needed.find(|path| !path.is_file()) {
        None => Ok(Sources {
            root: fs::canonicalize(root).map_err(|cause| HomeError::io("open the folder", root, &cause))?,
        }),
        Some(missing) => {
            let words =
                format!("the demo builds its skills from source, and {} is not there", missing.display());
            Err(HomeError::new(Kind::NotFound, words).hint("run it in a checkout: cargo run -- demo").into())
        }
    }
}

fn skills() -> impl Iterator<Item = &'static str> {
    HOUSE.into_iter().chain([NEWER, POISONED])
}

/// Builds the skills, and says so: the first time takes longest.
pub(super) fn build(sources: &Sources) -> anyhow::Result<Skills> {
    let folders: Vec<PathBuf> = skills().map(|skill| sources.root.join(skill)).collect();
    output::talk(&format!("building {} skills from source; the first time takes longest", folders.len()));
    // Drawn on a terminal only.
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    let built = build_many(&folders, &mut |line| bar.set_message(line.trim().to_owned()));
    bar.finish_and_clear();
    let mut built = built.map_err(not_built)?;
    let (Some(poisoned), Some(newer)) = (built.pop(), built.pop()) else {
        return Err(HomeError::new(Kind::Internal, "the build left skills out").into());
    };
    Ok(Skills { house: built, newer, poisoned })
}

fn not_built(error: BuildError) -> HomeError {
    let advice = error.advice();
    let told = HomeError::new(Kind::Invalid, format!("the demo can't build its skills: {error}"));
    match advice {
        Some(advice) => told.hint(advice),
        None => told,
    }
}

impl Sources {
    /// Copies the texts into the demo's folder.
    pub(super) fn copy_to(&self, folder: &Path) -> Result<(), HomeError> {
        for (from, names) in TEXTS {
            for name in names {
                let (from, to) = (self.root.join(from).join(name), folder.join(name));
                let failed = |cause: std::io::Error| HomeError::io("copy", &from, &cause);
                to.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
                fs::copy(&from, &to).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The text of a file of the checkout.
    pub(super) fn read(&self, name: &str) -> Result<String, HomeError> {
        let path = self.root.join(name);
        fs::read_to_string(&path).map_err(|cause| HomeError::io("read", &path, &cause))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests end on the first surprise")]
    use super::*;

    #[test]
    fn a_program_away_from_its_sources_says_what_it_misses() {
        assert!(find().is_ok());
        let elsewhere = tempfile::tempdir().unwrap();
        let error = at(elsewhere.path()).err().unwrap().to_string();
        assert!(error.starts_with("the demo builds its skills from source, and "), "{error}");
        assert!(error.ends_with("onboarding.yaml is not there"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
