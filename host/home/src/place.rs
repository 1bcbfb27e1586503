//! Where a home is: a project folder with `.kapell` in it, `policy.toml` and `tariff.toml` beside it.

use crate::error::HomeError;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a home within its project.
pub(crate) const FOLDER: &str = ".kapell";

/// Where a home is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The project folder: policy, tariff and relative directories of grants are found from here.
    pub root: PathBuf,
    /// Whether the home was there already.
    pub found: bool,
}

impl Place {
    /// The nearest folder upwards from `start` that has a home; `start` itself when there is none.
    ///
    /// # Errors
    /// When `start` is not a folder.
    pub fn nearest(start: &Path) -> Result<Self, HomeError> {
        let start =
            fs::canonicalize(start).map_err(|cause| HomeError::io("open the folder", start, &cause))?;
        let found = start.ancestors().find(|folder| folder.join(FOLDER).is_dir()).map(Path::to_path_buf);
        Ok(Self { found: found.is_some(), root: found.unwrap_or(start) })
    }

    /// The home of that project folder.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn at(root: &Path) -> Result<Self, HomeError> {
        fs::create_dir_all(root).map_err(|cause| HomeError::io("make the folder", root, &cause))?;
        let root = fs::canonicalize(root).map_err(|cause| HomeError::io("open the folder", root, &cause))?;
        Ok(Self { found: root.join(FOLDER).is_dir(), root })
    }

    /// The home's own folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.join(FOLDER)
    }

    /// The operator's policy.
    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.root.join("policy.toml")
    }

    /// What people approved.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("skills.lock")
    }

    /// The operator's tariff.
    #[must_use]
    pub fn tariff(&self) -> PathBuf {
        self.root.join("tariff.toml")
    }
}
