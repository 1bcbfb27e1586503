//! A store looked over without being opened, file by file: what is damaged is named even where nothing can be opened any more.

use crate::private;
use crate::sqlite::{connection, read};
use kapell_model::digest::Digest;
use kapell_model::writes::RESERVED;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

/// A file that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it; no full stop.
    pub words: String,
    /// What puts it right.
    pub mend: &'static str,
    /// Whether bytes were lost or changed; else nothing is wrong but the disk or what can be made again.
    pub is_damage: bool,
}

/// Most complaints of one database: the first says what is to be done.
const TOLD: usize = 5;

const DATABASE: &str = "keep a copy of the home as it is, then put back all its files together from a backup";
const DISK: &str = "free space or mend permissions: nothing runs until the home can be written";
const STRANGER: &str = "nothing names it: remove it";
const BLOB: &str = "put the file back from a backup: runs that name it can't be read whole without it";
const COMPONENT: &str = "`kapell add` of the same bytes puts it right";

/// Everything in a store's directory that is not what was written, and the directory itself when nothing can be written to
/// it; empty when there is none.
#[must_use]
pub fn flaws(dir: &Path) -> Vec<Flaw> {
    // A database tells nothing of a disk that fails it.
    let mut flaws = match private::takes_more(dir) {
        Ok(()) => database(&dir.join("journal.sqlite")),
        Err(cause) => {
            let words = format!("can't be written: {cause}");
            vec![Flaw { file: dir.into(), words, mend: DISK, is_damage: false }]
        }
    };
    flaws.extend(content(&dir.join("blobs"), "", BLOB));
    flaws.extend(content(&dir.join("components"), ".wasm", COMPONENT));
    flaws
}

/// Files that are named by the digest of their bytes.
fn content(dir: &Path, suffix: &str, mend: &'static str) -> Vec<Flaw> {
    let Ok(files) = fs::read_dir(dir) else { return Vec::new() };
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    // What a killed process left on its way is nobody's content.
    let left = |path: &PathBuf| name_of(path).starts_with(RESERVED);
    let mut flaws: Vec<Flaw> =
        paths.filter(|path| !left(path)).filter_map(|file| misnamed(file, suffix, mend)).collect();
    flaws.sort_by(|one, other| one.file.cmp(&other.file));
    flaws
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn misnamed(file: PathBuf, suffix: &str, mend: &'static str) -> Option<Flaw> {
    let name = name_of(&file);
    let digest = name.strip_suffix(suffix).and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
    let Some(digest) = digest else {
        return Some(Flaw {
            file,
            words: "is no file of the store".into(),
            mend: STRANGER,
            is_damage: false,
        });
    };
    let words = match fs::read(&file) {
        Ok(bytes) if Digest::of(&bytes) == digest => return None,
        Ok(bytes) => format!("its {} bytes have another digest than its name", bytes.len()),
        Err(cause) => format!("can't be read: {cause}"),
    };
    Some(Flaw { file, words, mend, is_damage: true })
}

fn database(path: &Path) -> Vec<Flaw> {
    if !path.exists() {
        return Vec::new();
    }
    let told = connection::reader(path).and_then(|connection| {
        let complaints = complaints(&connection)?;
        if complaints.is_empty() { values(&connection) } else { Ok(complaints) }
    });
    let words = told.unwrap_or_else(|cause| vec![cause.to_string()]);
    let flaw = |words| Flaw { file: path.into(), words, mend: DATABASE, is_damage: true };
    words.into_iter().map(flaw).collect()
}

/// What the database has against itself: pages, indexes, columns.
fn complaints(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({TOLD})"))?;
    let said: rusqlite::Result<Vec<String>> = check.query_map([], |row| row.get(0))?.collect();
    Ok(said?.into_iter().filter(|said| said != "ok").collect())
}

/// Values that are not what was written under their keys.
fn values(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut keys =
        connection.prepare("SELECT namespace, key FROM keyvalue WHERE value IS NOT NULL ORDER BY 1, 2")?;
    let mut rows = keys.query([])?;
    let mut words = Vec::new();
    while let Some(row) = rows.next()? {
        let (namespace, key): (String, String) = (row.get(0)?, row.get(1)?);
        if let Err(damaged) = read::key(connection, &namespace, &key)? {
            words.push(damaged.to_string());
        }
    }
    words.truncate(TOLD);
    Ok(words)
}
