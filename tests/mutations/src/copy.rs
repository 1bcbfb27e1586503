//! The copy: the workspace's files in a folder of their own, so that the code under your hands is never touched.

use anyhow::{Context as _, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of the workspace in which controls are taken away one at a time.
pub(crate) struct Copy {
    /// Where it is.
    pub(crate) root: PathBuf,
}

impl Copy {
    /// Copies every file git knows or would add. Files that are the same stay as they are, so that only what changed
    /// since the last time is built again.
    pub(crate) fn of(workspace: &Path) -> anyhow::Result<Self> {
        let root = workspace.join("target/mutations/tree");
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(workspace)
            .output()
            .context("list the workspace's files with git")?;
        ensure!(listed.status.success(), "git lists no files: is this a clone?");
        let names = String::from_utf8(listed.stdout).context("a file's name is no UTF-8")?;
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (workspace.join(name), root.join(name));
            if from.is_file() {
                write(&to, &fs::read(&from).with_context(|| format!("read {name}"))?)?;
            }
        }
        Ok(Self { root })
    }

    /// Runs `test` with `file` holding `text`, and puts the file back.
    pub(crate) fn with<T>(
        &self,
        file: &str,
        text: &str,
        test: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let path = self.root.join(file);
        let before = fs::read(&path).with_context(|| format!("read {file}"))?;
        write(&path, text.as_bytes())?;
        let told = test();
        write(&path, &before)?;
        told
    }
}

/// Writes a file only when it holds something else: its time tells cargo whether to build.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}
