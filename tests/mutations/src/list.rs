//! The list: for each control the smallest edit that removes it, and the test that must die of that.

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the list stands in the workspace.
pub(crate) const LIST: &str = "tests/mutations.toml";

/// The whole list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutation: Vec<Mutation>,
}

/// One control taken away.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutation {
    /// What the control is, in words; unique.
    pub(crate) control: String,
    /// The file it stands in.
    pub(crate) file: String,
    /// The text that is the control; stands exactly once in the file.
    pub(crate) find: String,
    /// What is there without it.
    pub(crate) replace: String,
    /// What `cargo test` is asked for: the package and the name of a test.
    pub(crate) test: String,
}

impl Mutation {
    /// The file's text without the control.
    pub(crate) fn applied(&self, root: &Path) -> anyhow::Result<String> {
        let path = root.join(&self.file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", self.file))?;
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            0 => bail!("{}: {} no longer holds: {}", self.control, self.file, self.find),
            times => bail!("{}: {} holds {times} times: {}", self.control, self.file, self.find),
        }
    }
}

/// Reads the list and checks that every edit can be made.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<Mutation>> {
    let text = fs::read_to_string(root.join(LIST)).with_context(|| format!("read {LIST}"))?;
    let List { mutation: list } = toml::from_str(&text).with_context(|| format!("read {LIST}"))?;
    let mut controls = BTreeSet::new();
    for mutation in &list {
        ensure!(controls.insert(&mutation.control), "{LIST} names twice: {}", mutation.control);
        ensure!(mutation.find != mutation.replace, "{}: nothing is changed", mutation.control);
        mutation.applied(root)?;
    }
    Ok(list)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A list that has drifted from the code would leave controls untried.
    #[test]
    fn every_mutation_can_be_made_in_the_code_as_it_stands() {
        let list = read(&crate::workspace()).unwrap();
        assert!(!list.is_empty());
    }
}
