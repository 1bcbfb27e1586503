//! What a skill's folder holds: its manifest, and the package that says its version.

use crate::cargo;
use crate::error::BuildError;
use kapell_model::manifest::{Manifest, Packed};
use kapell_model::source::{Diagnostics, Source};
use semver::Version;
use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a file that is read with a manifest; more than any it may have.
const FILE_MAX: u64 = 1 << 20;

/// A folder that was found to be a skill.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) packed: Packed,
    pub(crate) package: Package,
}

/// A package as cargo describes it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    /// Names it among all packages, also for `-p`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: Version,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    /// The workspace it belongs to, or its own folder.
    #[serde(skip)]
    pub(crate) workspace: Workspace,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// Where cargo builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where skills are built, apart from everything else.
    pub(crate) target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

/// Reads the folder of a skill; nothing is built yet.
pub(crate) fn open(path: &Path) -> Result<Folder, BuildError> {
    let file = path.join("skill.toml");
    let shown = file.display().to_string();
    let skill_toml = read_text(path, "skill.toml")?;
    let mut manifest = Manifest::parse(&shown, &skill_toml)?;
    let mut files = std::collections::BTreeMap::new();
    let mut read = |name: &str| {
        let text = read_file(&path.join(name)).map_err(|cause| format!("can't be read: {cause}"))?;
        files.insert(name.to_owned(), text.clone());
        Ok(text)
    };
    manifest.resolve_files(&shown, &mut read)?;
    let package = package(path)?;
    if !package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")) {
        return Err(BuildError::NoComponent { package: package.name });
    }
    let packed = Packed { schema: 1, version: package.version.clone(), skill_toml, files };
    Ok(Folder { path: path.into(), manifest, packed, package })
}

/// The package of a folder.
pub(crate) fn package(folder: &Path) -> Result<Package, BuildError> {
    let cargo_toml = folder.join("Cargo.toml");
    if !cargo_toml.is_file() {
        return Err(BuildError::NoSkill { folder: folder.into(), missing: "Cargo.toml" });
    }
    let manifest_path = cargo_toml.canonicalize().map_err(|cause| file_error("find", &cargo_toml, cause))?;
    let text = cargo::metadata(&manifest_path)?;
    let unreadable = |cause: String| BuildError::Cargo { what: folder.display().to_string(), output: cause };
    let metadata: Metadata = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let found = metadata.packages.into_iter().find(|package| package.manifest_path == manifest_path);
    let mut package = found.ok_or_else(|| unreadable("cargo does not know the package".into()))?;
    package.workspace =
        Workspace { root: metadata.workspace_root, target: metadata.target_directory.join("skills") };
    Ok(package)
}

fn read_text(folder: &Path, name: &'static str) -> Result<String, BuildError> {
    let path = folder.join(name);
    match read_file(&path) {
        Ok(text) => Ok(text),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            Err(BuildError::NoSkill { folder: folder.into(), missing: name })
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
            let file = path.display().to_string();
            let problem = Source { file: &file, text: "" }.whole("it is not UTF-8 text");
            Err(Diagnostics(vec![problem]).into())
        }
        Err(cause) => Err(file_error("read", &path, cause)),
    }
}

/// At most [`FILE_MAX`] bytes, so that a huge file is refused by its parser and not by the machine's memory.
fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_MAX).read_to_string(&mut text)?;
    Ok(text)
}

pub(crate) fn file_error(operation: &'static str, path: &Path, cause: std::io::Error) -> BuildError {
    BuildError::File { operation, path: path.into(), cause }
}
