//! Small files that say what may run and what must stop: whole or not at all, and on the disk once they are said to be. What
//! somebody was told was revoked must still be after a power failure.

use kapell_model::fault::{self, FaultPoint};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Puts a whole new text in the place of a file.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let partial = beside(path);
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    fault::reach(FaultPoint::SettingWritten)?;
    fs::rename(&partial, path)?;
    fault::reach(FaultPoint::SettingNamed)?;
    sync_names(path)
}

/// The same for what may be older after a power failure, or empty: nothing waits for the disk.
pub(crate) fn show(path: &Path, text: &str) -> io::Result<()> {
    // Several may show at once, and the last one stays; each has a draft of its own.
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let draft = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_extension(format!("{}-{draft}.partial", std::process::id()));
    fs::write(&partial, text)?;
    fs::rename(&partial, path)
}

/// Makes the names in a file's folder durable.
pub(crate) fn sync_names(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".partial");
    path.with_file_name(name)
}
