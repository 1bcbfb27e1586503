//! Compiled forms on disk: made once when a skill is installed, mapped when it runs.
//!
//! A compiled form is native code: whoever can write it runs inside the host. So this is the one module of the house
//! that may use `unsafe`, and it holds one such call. Its safety argument is at [`CompiledForms::map`].
#![allow(unsafe_code, reason = "mapping compiled code has no safe form; this is the reviewed module")]

use kapell_model::digest::Digest;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The folder of compiled forms for one engine's settings.
#[derive(Debug)]
pub(crate) struct CompiledForms {
    folder: PathBuf,
    owner: Owner,
}

/// The folder can't be made or can't be trusted.
#[derive(Debug, thiserror::Error)]
#[error("open the folder of compiled skills {}: {cause}", folder.display())]
pub struct CacheError {
    folder: PathBuf,
    cause: String,
}

/// The user that files made by this process belong to.
type Owner = u32;

impl CompiledForms {
    /// Opens, or makes, the folder for an engine's settings below `root`, for this user alone.
    ///
    /// # Errors
    /// When it can't be made, or belongs to others or is open to them.
    pub(crate) fn open(root: &Path, settings: &Digest) -> Result<Self, CacheError> {
        let folder = root.join(settings.short());
        let fault = |cause: String| CacheError { folder: folder.clone(), cause };
        make_private(root).and_then(|()| make_private(&folder)).map_err(|error| fault(error.to_string()))?;
        let owner = own_user(&folder).map_err(|error| fault(error.to_string()))?;
        for checked in [root, &folder] {
            let about = fs::symlink_metadata(checked).map_err(|error| fault(error.to_string()))?;
            if !about.is_dir() || !is_private(&about, owner) {
                let cause = format!(
                    "{} must be a directory that belongs to you and is closed to others (mode 0700)",
                    checked.display()
                );
                return Err(fault(cause));
            }
        }
        Ok(Self { folder, owner })
    }

    /// Maps the compiled form of these bytes; none when there is none that can be trusted, and it is made again.
    pub(crate) fn map(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        if !self.is_ours(&path) || !self.is_whole(&path) {
            return None;
        }
        // SAFETY: `deserialize_file` runs what is in the file, so the file must be one that this host's own compiler
        // wrote and nobody changed since. `open` made sure that root and folder belong to this user and are closed
        // to everybody else; `is_ours` that the file is a regular one with the same property, so that nobody but
        // this user could have written it, or can change it while it is mapped; `is_whole` that it is the file that
        // was written, undamaged. Only `keep` writes here, and only what this engine compiled from a component; it
        // replaces files by renaming and never changes one in place. Whoever acts as this user can change this
        // program as well, so nothing is gained by asking for more.
        // The engine itself refuses a form made by another version or with other settings.
        unsafe { Component::deserialize_file(engine, &path) }.ok()
    }

    /// Keeps a compiled form: whole under its name or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn keep(&self, digest: &Digest, compiled: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        write_private(&seal_of(&path), Digest::of(compiled).to_string().as_bytes())?;
        write_private(&path, compiled)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    fn is_ours(&self, path: &Path) -> bool {
        [path, &seal_of(path)].into_iter().all(|path| {
            fs::symlink_metadata(path).is_ok_and(|about| about.is_file() && is_private(&about, self.owner))
        })
    }

    /// Finds a form cut short or damaged on disk, which would otherwise run as it is.
    fn is_whole(&self, path: &Path) -> bool {
        let seal = fs::read_to_string(seal_of(path)).unwrap_or_default();
        digest_of_file(path).is_ok_and(|digest| digest.to_string() == seal)
    }
}

fn seal_of(path: &Path) -> PathBuf {
    path.with_extension("sha256")
}

/// Reads in pieces: the form of a Python skill has 32 MB, which need not be held to be hashed.
fn digest_of_file(path: &Path) -> io::Result<Digest> {
    use sha2::Digest as _;
    let mut file = File::open(path)?;
    let mut hash = sha2::Sha256::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        let length = file.read(&mut piece)?;
        match piece.get(..length) {
            Some([]) | None => return Ok(Digest::from_bytes(hash.finalize().into())),
            Some(read) => hash.update(read),
        }
    }
}

/// Written beside and renamed, so that a process killed half way leaves no half form under the name.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let _ = fs::remove_file(&beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(&beside, path)
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Who this process is: the user that a file it makes belongs to.
fn own_user(folder: &Path) -> io::Result<Owner> {
    let probe = folder.join(format!("{}.probe", std::process::id()));
    let about = write_private(&probe, b"").and_then(|()| fs::symlink_metadata(&probe));
    let _ = fs::remove_file(&probe);
    about.map(|about| owner_of(&about))
}

#[cfg(unix)]
fn owner_of(about: &Metadata) -> Owner {
    std::os::unix::fs::MetadataExt::uid(about)
}

#[cfg(unix)]
fn is_private(about: &Metadata, owner: Owner) -> bool {
    use std::os::unix::fs::MetadataExt;
    about.uid() == owner && about.mode() & 0o077 == 0
}

/// Elsewhere the owner of a file can't be told with what is at hand, so nothing on disk is trusted and each process
/// compiles for itself.
#[cfg(not(unix))]
fn owner_of(_about: &Metadata) -> Owner {
    0
}

#[cfg(not(unix))]
fn is_private(about: &Metadata, _owner: Owner) -> bool {
    about.is_dir()
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Fixture {
        _root: tempfile::TempDir,
        engine: Engine,
        forms: CompiledForms,
        digest: Digest,
        path: PathBuf,
    }

    fn kept() -> Fixture {
        let root = tempfile::tempdir().unwrap();
        let engine = crate::engine::engine().unwrap();
        let forms =
            CompiledForms::open(&root.path().join("compiled"), &crate::engine::settings_digest(&engine))
                .unwrap();
        let bytes = wat::parse_str("(component)").unwrap();
        let digest = Digest::of(&bytes);
        forms.keep(&digest, &engine.precompile_component(&bytes).unwrap()).unwrap();
        let path = forms.path(&digest);
        Fixture { _root: root, engine, forms, digest, path }
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_was_kept_is_mapped_and_nothing_else() {
        let it = kept();
        assert!(it.forms.map(&it.engine, &it.digest).is_some());
        assert!(it.forms.map(&it.engine, &Digest::of(b"other")).is_none());
        assert_eq!(fs::metadata(&it.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&it.forms.folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_form_that_others_could_have_written_is_ignored() {
        let it = kept();
        mode(&it.path, 0o620);
        assert!(it.forms.map(&it.engine, &it.digest).is_none());
        mode(&it.path, 0o600);
        mode(&seal_of(&it.path), 0o602);
        assert!(it.forms.map(&it.engine, &it.digest).is_none());
    }

    #[test]
    fn a_form_of_another_user_is_ignored() {
        let mut it = kept();
        it.forms.owner = it.forms.owner.wrapping_add(1);
        assert!(it.forms.map(&it.engine, &it.digest).is_none());
    }

    #[test]
    fn a_link_in_place_of_a_form_is_ignored() {
        let it = kept();
        let elsewhere = it.path.with_extension("elsewhere");
        fs::rename(&it.path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &it.path).unwrap();
        assert!(it.forms.map(&it.engine, &it.digest).is_none());
    }

    #[test]
    fn a_damaged_form_is_ignored() {
        let it = kept();
        let mut bytes = fs::read(&it.path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&it.path, bytes).unwrap();
        assert!(it.forms.map(&it.engine, &it.digest).is_none());
    }

    #[test]
    fn a_folder_open_to_others_is_refused() {
        let root = tempfile::tempdir().unwrap();
        mode(root.path(), 0o755);
        let error = CompiledForms::open(root.path(), &Digest::of(b"")).unwrap_err().to_string();
        assert!(error.contains("mode 0700"), "{error}");
    }
}
