//! Runs the author's cargo, so that only the source decides what comes out.

use crate::error::BuildError;
use crate::skill::{Workspace, file_error};
use serde::Deserialize;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Most lines of what cargo said that a failure repeats; the compiler's first error stands at their head.
const LINES_MAX: usize = 200;

/// What a program said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What to build.
pub(crate) struct Order<'o> {
    pub(crate) workspace: &'o Workspace,
    pub(crate) target: &'static str,
    /// In words, for failures.
    pub(crate) what: String,
    /// Which packages, features and examples.
    pub(crate) arguments: Vec<String>,
}

/// One thing cargo made.
#[derive(Deserialize)]
pub(crate) struct Artifact {
    pub(crate) package_id: String,
    target: ArtifactTarget,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct ArtifactTarget {
    name: String,
}

impl Artifact {
    /// The name of the library or example.
    pub(crate) fn name(&self) -> &str {
        &self.target.name
    }

    /// The WebAssembly file.
    pub(crate) fn wasm(&self) -> Option<&Path> {
        self.filenames
            .iter()
            .map(PathBuf::as_path)
            .find(|file| file.extension().is_some_and(|it| it == "wasm"))
    }
}

/// The builder's turn in a target folder: until it is dropped, nobody else changes what was made.
pub(crate) struct Turn(#[allow(dead_code, reason = "held for its lock, which closing it ends")] File);

/// Waits for the turn in a workspace's target folder.
pub(crate) fn turn(workspace: &Workspace) -> Result<Turn, BuildError> {
    let folder = &workspace.target;
    std::fs::create_dir_all(folder).map_err(|cause| file_error("make", folder, cause))?;
    let path = folder.join(".building");
    let file = File::create(&path).map_err(|cause| file_error("make", &path, cause))?;
    file.lock().map_err(|cause| file_error("lock", &path, cause))?;
    Ok(Turn(file))
}

/// A program with the caller's build settings cleared: they are meant for the caller's own build, and some of them
/// break this one. Within `cargo run` and `cargo test` the same cargo is used again.
pub(crate) fn program(name: &str) -> Command {
    let same = std::env::var_os("CARGO").filter(|_| name == "cargo");
    let mut command = Command::new(same.unwrap_or_else(|| name.into()));
    for (key, _) in std::env::vars_os() {
        if key.to_str().is_some_and(is_build_setting) {
            command.env_remove(key);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn is_build_setting(key: &str) -> bool {
    const NAMES: [&str; 7] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_BOOTSTRAP",
        "CARGO_ENCODED_RUSTFLAGS",
    ];
    const FAMILIES: [&str; 6] = [
        "CARGO_BUILD_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_UNSTABLE_",
    ];
    // The place of the target folder is the caller's to say; skills have their own folder in it.
    key != "CARGO_TARGET_DIR"
        && (NAMES.contains(&key) || FAMILIES.iter().any(|family| key.starts_with(family)))
}

/// Runs a program to its end.
pub(crate) fn output(command: &mut Command) -> Result<Said, BuildError> {
    let output = command.output().map_err(|cause| not_started(command, cause))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// What cargo knows of the workspace of a `Cargo.toml`, as JSON; asks no network.
pub(crate) fn metadata(manifest_path: &Path) -> Result<String, BuildError> {
    let mut cargo = program("cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest_path);
    let said = output(&mut cargo)?;
    match said.success {
        true => Ok(said.stdout),
        false => Err(BuildError::Cargo { what: manifest_path.display().to_string(), output: said.stderr }),
    }
}

/// Builds and names everything that was made; each line cargo says goes to `log`.
pub(crate) fn build(order: &Order<'_>, log: &mut dyn FnMut(&str)) -> Result<Vec<Artifact>, BuildError> {
    let mut cargo = program("cargo");
    cargo.args(["build", "--message-format", "json-render-diagnostics", "--target", order.target]);
    cargo.arg("--target-dir").arg(&order.workspace.target).arg("--profile").arg("skill");
    cargo.args(profile(&order.workspace.root)).args(&order.arguments);
    cargo.current_dir(&order.workspace.root).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = cargo.spawn().map_err(|cause| not_started(&cargo, cause))?;
    let (artifacts, said) = follow(&mut child, log);
    match child.wait() {
        Ok(status) if status.success() => Ok(artifacts),
        _ => Err(BuildError::Cargo { what: order.what.clone(), output: said }),
    }
}

/// Reads both streams as they come: a full pipe would stop the child.
fn follow(child: &mut Child, log: &mut dyn FnMut(&str)) -> (Vec<Artifact>, String) {
    let stdout = child.stdout.take();
    let artifacts = std::thread::spawn(move || stdout.map(read_artifacts).unwrap_or_default());
    let mut said = VecDeque::new();
    for line in child.stderr.take().into_iter().flat_map(lines) {
        log(&line);
        said.push_back(line);
        if said.len() > LINES_MAX {
            said.pop_front();
        }
    }
    (artifacts.join().unwrap_or_default(), Vec::from(said).join("\n"))
}

fn read_artifacts(stdout: impl Read) -> Vec<Artifact> {
    // Other messages have other fields and are passed over.
    lines(stdout).filter_map(|line| serde_json::from_str(&line).ok()).collect()
}

fn lines(stream: impl Read) -> impl Iterator<Item = String> {
    BufReader::new(stream)
        .split(b'\n')
        .map_while(Result::ok)
        .map(|line| String::from_utf8_lossy(&line).into_owned())
}

/// The settings skills are built with, for a workspace that does not state them itself.
fn profile(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let stated = toml::from_str::<toml::Table>(&text).ok();
    let stated = stated.and_then(|manifest| manifest.get("profile")?.get("skill").cloned());
    if stated.is_some() {
        return Vec::new();
    }
    const SETTINGS: [&str; 3] =
        ["profile.skill.inherits=\"release\"", "profile.skill.panic=\"abort\"", "profile.skill.strip=true"];
    SETTINGS.iter().flat_map(|setting| ["--config".to_owned(), (*setting).to_owned()]).collect()
}

fn not_started(command: &Command, cause: std::io::Error) -> BuildError {
    let program = command.get_program().to_string_lossy().into_owned();
    match cause.kind() {
        std::io::ErrorKind::NotFound => BuildError::NoProgram { program },
        _ => file_error("start", Path::new(&program), cause),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests end on the first surprise")]
    use super::*;

    #[test]
    fn settings_of_the_callers_build_are_cleared_and_the_rest_is_kept() {
        for cleared in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_SKILL_DEBUG",
            "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS",
        ] {
            assert!(is_build_setting(cleared), "{cleared}");
        }
        for kept in
            ["PATH", "CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME"]
        {
            assert!(!is_build_setting(kept), "{kept}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let missing = output(&mut program("kapell-no-such-program"));
        let Err(error) = missing else { panic!("it ran") };
        assert_eq!(error.to_string(), "run kapell-no-such-program: it is not installed");
        assert!(error.advice().is_some());
    }
}
