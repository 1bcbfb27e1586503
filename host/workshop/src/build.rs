//! From folders to skills: read everything first, compile once a target, then make one file of each.

use crate::cargo::{self, Artifact, Order};
use crate::error::BuildError;
use crate::skill::{self, Folder, Package, Workspace, file_error};
use crate::{pack, toolchain};
use kapell_model::manifest::Manifest;
use semver::Version;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A skill that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The folder it was built from.
    pub folder: PathBuf,
    /// What it says of itself, examples complete.
    pub manifest: Manifest,
    /// Its version, which its package states.
    pub version: Version,
    /// The component with manifest and docs inside.
    pub bytes: Vec<u8>,
    /// How long it took; skills built together took it together.
    pub took: Duration,
}

impl Built {
    /// What to call the file: `crm-account-1.0.0.wasm`.
    #[must_use]
    pub fn file_name(&self) -> String {
        let name = self.manifest.name.as_str();
        format!("{}-{}.wasm", name.split_once(':').map_or(name, |(_, name)| name), self.version)
    }
}

/// A component built from an example of a package: a test program without a manifest.
#[derive(Clone, Debug)]
pub struct Example {
    /// The example's name.
    pub name: String,
    /// The component.
    pub bytes: Vec<u8>,
}

/// What of the package to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the package's default features are on.
    pub default_features: bool,
    /// Further features.
    pub features: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { default_features: true, features: Vec::new() }
    }
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let without = (!self.default_features).then(|| "--no-default-features".to_owned());
        let with = (!self.features.is_empty()).then(|| format!("--features={}", self.features.join(",")));
        without.into_iter().chain(with).collect()
    }
}

/// Builds the skill in a folder. Each line the compiler says goes to `log` as it comes; nothing is printed.
///
/// # Errors
///
/// [`BuildError`]: the folder is no skill, its manifest is wrong, a tool is missing, or the compiler refused.
pub fn build(folder: &Path, options: &Options, log: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let started = Instant::now();
    let folder = skill::open(folder)?;
    let built = compile(&[&folder], options, started, log)?;
    built.into_iter().next().ok_or_else(|| nothing_made(&folder.package))
}

/// Builds the skills in several folders, with one run of the compiler for each workspace and target, in the order of
/// the folders. All manifests are read before anything is compiled.
///
/// # Errors
///
/// As [`build`], for the first folder that fails.
pub fn build_many(folders: &[PathBuf], log: &mut dyn FnMut(&str)) -> Result<Vec<Built>, BuildError> {
    let started = Instant::now();
    let mut waiting: Vec<Folder> = folders.iter().map(|path| skill::open(path)).collect::<Result<_, _>>()?;
    let order = |built: &Built| folders.iter().position(|folder| *folder == built.folder);
    let mut all = Vec::new();
    while let Some(first) = waiting.first() {
        let (workspace, target) = (first.package.workspace.clone(), target(first));
        let (group, rest): (Vec<Folder>, Vec<Folder>) = waiting
            .into_iter()
            .partition(|folder| folder.package.workspace == workspace && self::target(folder) == target);
        all.extend(compile(&group.iter().collect::<Vec<_>>(), &Options::default(), started, log)?);
        waiting = rest;
    }
    all.sort_by_key(order);
    Ok(all)
}

/// Builds the examples of a package as components, all or those named: test programs have no manifest.
///
/// # Errors
///
/// As [`build`]; an example that is not there is cargo's to tell.
pub fn build_examples(
    folder: &Path,
    names: &[&str],
    log: &mut dyn FnMut(&str),
) -> Result<Vec<Example>, BuildError> {
    let package = skill::package(folder)?;
    toolchain::ensure(toolchain::WASI, folder)?;
    let mut arguments = vec!["-p".to_owned(), package.id.clone()];
    match names {
        [] => arguments.push("--examples".into()),
        names => arguments.extend(names.iter().map(|name| format!("--example={name}"))),
    }
    let what = format!("the examples of {}", package.name);
    let order = Order { workspace: &package.workspace, target: toolchain::WASI, what, arguments };
    let _turn = cargo::turn(&package.workspace)?;
    let made = cargo::build(&order, log)?;
    let own = made.iter().filter(|artifact| artifact.package_id == package.id);
    own.filter_map(|artifact| Some((artifact.name(), artifact.wasm()?)))
        .map(|(name, file)| Ok(Example { name: name.to_owned(), bytes: read(file)? }))
        .collect()
}

/// One run of the compiler for skills of one workspace and target.
fn compile(
    folders: &[&Folder],
    options: &Options,
    started: Instant,
    log: &mut dyn FnMut(&str),
) -> Result<Vec<Built>, BuildError> {
    let Some(first) = folders.first() else { return Ok(Vec::new()) };
    let (workspace, target): (&Workspace, _) = (&first.package.workspace, target(first));
    toolchain::ensure(target, &first.path)?;
    let mut arguments = options.arguments();
    arguments.push("--lib".into());
    arguments.extend(folders.iter().flat_map(|folder| ["-p".to_owned(), folder.package.id.clone()]));
    let names: Vec<&str> = folders.iter().map(|folder| folder.package.name.as_str()).collect();
    let order = Order { workspace, target, what: names.join(", "), arguments };
    let _turn = cargo::turn(workspace)?;
    let made = cargo::build(&order, log)?;
    folders.iter().map(|folder| finish(folder, &made, started)).collect()
}

fn finish(folder: &Folder, made: &[Artifact], started: Instant) -> Result<Built, BuildError> {
    let package = &folder.package;
    let own = made.iter().filter(|artifact| artifact.package_id == package.id);
    let file = own.filter_map(Artifact::wasm).next().ok_or_else(|| nothing_made(package))?;
    let failed = |cause| BuildError::Pack { package: package.name.clone(), cause };
    let made = read(file)?;
    let pure = folder.manifest.pure;
    let component = if pure { pack::component(&made).map_err(failed)? } else { made };
    let bytes = pack::pack(&component, &folder.packed, pure, &folder.path.join("wit")).map_err(failed)?;
    let (manifest, version) = (folder.manifest.clone(), package.version.clone());
    Ok(Built { folder: folder.path.clone(), manifest, version, bytes, took: started.elapsed() })
}

fn target(folder: &Folder) -> &'static str {
    if folder.manifest.pure { toolchain::PURE } else { toolchain::WASI }
}

fn nothing_made(package: &Package) -> BuildError {
    BuildError::Pack { package: package.name.clone(), cause: "cargo made no WebAssembly file".into() }
}

fn read(file: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(file).map_err(|cause| file_error("read", file, cause))
}
