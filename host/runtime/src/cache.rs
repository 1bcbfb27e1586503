//! Compiled forms on disk: made once when a skill is installed, mapped when it runs.
//!
//! What a worker answered is written here like what this process compiled: the file holds what was answered, whole and
//! unchanged since, and that is all the folder can promise of it.
//!
//! A compiled form is native code: whoever can write it runs inside the host. So this is the one module of the house
//! that may use `unsafe`, and it holds one such call. Its safety argument is at [`CompiledForms::map`].
#![allow(unsafe_code, reason = "mapping compiled code has no safe form; this is the reviewed module")]

use kapell_model::digest::Digest;
use kapell_model::fault::{self, FaultPoint};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
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

    /// Maps the compiled form of these bytes; none when there is none that can be trusted or that this engine takes,
    /// and it is made again.
    pub(crate) fn map(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        self.read(engine, digest)?.ok()
    }

    /// The same, and why the engine does not take what is there.
    pub(crate) fn read(&self, engine: &Engine, digest: &Digest) -> Option<wasmtime::Result<Component>> {
        let path = self.path(digest);
        if !self.is_ours(&path) || !is_whole(&path) {
            return None;
        }
        // SAFETY: `deserialize_file` runs what is in the file, so the file must be one that the host's own compiler
        // wrote, in this process or in a worker, and nobody changed since. `open` made sure that root and folder
        // belong to this user and are closed to everybody else; `is_ours` that the file is a regular one with the
        // same property, so that nobody but this user could have written it, or can change it while it is mapped;
        // `is_whole` that it is the file that was written, undamaged. Only a `Draft` writes here, and only what was
        // compiled from a component; it replaces files by renaming and never changes one in place. Whoever acts as
        // this user can change this program as well, so nothing is gained by asking for more. A worker that its bytes
        // took over could have answered with code of theirs; `compile` says so, and nothing about a file could tell.
        // The engine itself refuses a form made by another version or with other settings.
        Some(unsafe { Component::deserialize_file(engine, &path) })
    }

    /// Begins a compiled form, to be written piece by piece: whole under its name when it is kept, or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn draft(&self, digest: &Digest) -> io::Result<Draft> {
        use sha2::Digest as _;
        let path = self.path(digest);
        let (beside, file) = private_beside(&path)?;
        Ok(Draft { path, beside, file, hash: sha2::Sha256::new() })
    }

    /// Forgets a compiled form.
    pub(crate) fn discard(&self, digest: &Digest) {
        let path = self.path(digest);
        // What can't be removed is refused again when it is mapped.
        let _ = fs::remove_file(&path);
        let _ = fs::remove_file(seal_of(&path));
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    fn is_ours(&self, path: &Path) -> bool {
        [path, &seal_of(path)].into_iter().all(|path| {
            fs::symlink_metadata(path).is_ok_and(|about| about.is_file() && is_private(&about, self.owner))
        })
    }
}

/// Finds a form cut short or damaged on disk, which would otherwise run as it is.
fn is_whole(path: &Path) -> bool {
    let seal = fs::read_to_string(seal_of(path)).unwrap_or_default();
    digest_of_file(path).is_ok_and(|digest| digest.to_string() == seal)
}

/// Compiled forms below `root`, of whatever engine, that are not what was answered when they were made. None of them ever
/// runs: each is made again when it is used.
#[must_use]
pub fn damaged_forms(root: &Path) -> Vec<PathBuf> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let forms = inside(root).into_iter().flat_map(|folder| inside(&folder));
    let mut damaged: Vec<_> = forms.filter(|path| path.extension().is_none() && !is_whole(path)).collect();
    damaged.sort();
    damaged
}

/// A compiled form on its way to disk; gone when it is let go before it was kept.
pub(crate) struct Draft {
    path: PathBuf,
    beside: PathBuf,
    file: File,
    hash: sha2::Sha256,
}

impl Draft {
    /// Keeps it under its name, sealed with its digest.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn keep(self) -> io::Result<()> {
        use sha2::Digest as _;
        let digest = Digest::from_bytes(self.hash.clone().finalize().into());
        fault::reach(FaultPoint::FormWritten)?;
        write_private(&seal_of(&self.path), digest.to_string().as_bytes())?;
        fault::reach(FaultPoint::FormSealed)?;
        fs::rename(&self.beside, &self.path)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use sha2::Digest as _;
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Kept, it has another name by now.
        let _ = fs::remove_file(&self.beside);
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
    let (beside, mut file) = private_beside(path)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(&beside, path)
}

/// A new file beside a name, for this user alone; no two in this process are the same.
fn private_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static PARTS: AtomicU64 = AtomicU64::new(0);
    let part = PARTS.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{part}.part", std::process::id()));
    let _ = fs::remove_file(&beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&beside)?;
    Ok((beside, file))
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
        let mut draft = forms.draft(&digest).unwrap();
        draft.write_all(&engine.precompile_component(&bytes).unwrap()).unwrap();
        draft.keep().unwrap();
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
    fn a_form_that_is_not_finished_leaves_nothing() {
        let it = kept();
        let files = || fs::read_dir(&it.forms.folder).unwrap().count();
        let before = files();
        let mut draft = it.forms.draft(&Digest::of(b"other")).unwrap();
        draft.write_all(b"half").unwrap();
        assert_eq!(files(), before + 1);
        drop(draft);
        assert_eq!(files(), before);
        it.forms.discard(&it.digest);
        assert_eq!((files(), it.forms.map(&it.engine, &it.digest).is_none()), (before - 2, true));
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
