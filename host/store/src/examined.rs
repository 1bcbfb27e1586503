//! A store looked over without being opened, file by file: what is damaged is named even where nothing can be opened any more.

use crate::private;
use crate::sqlite::{connection, erasable, read};
use kapell_journal::content::Content;
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
const PRIVATE: &str =
    "put the file back from a backup: what is private in its run can't be read whole without it";
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
    flaws.extend(committed(&dir.join("private"), &dir.join("journal.sqlite")));
    flaws
}

/// Files that are named by a commitment to their bytes, whose salt stands in the database. Where that can't be read, which
/// is told of it, only names are looked at.
fn committed(dir: &Path, database: &Path) -> Vec<Flaw> {
    let connection = connection::reader(database).ok().filter(|_| database.exists());
    let mut flaws: Vec<Flaw> =
        files(dir).filter_map(|file| not_committed(file, connection.as_ref())).collect();
    flaws.sort_by(|one, other| one.file.cmp(&other.file));
    flaws
}

fn not_committed(file: PathBuf, connection: Option<&Connection>) -> Option<Flaw> {
    let stranger = |words: &str, file| Flaw { file, words: words.into(), mend: STRANGER, is_damage: false };
    let Ok(commitment) = format!("sha256:{}", name_of(&file)).parse::<Digest>() else {
        return Some(stranger("is no file of the store", file));
    };
    let salt = match erasable::salt_of(connection?, &commitment) {
        Ok(Some(salt)) => salt,
        Ok(None) => return Some(stranger("is private content that no run has", file)),
        Err(_) => return None,
    };
    let words = match fs::read(&file) {
        Ok(bytes) if *Content::committed(bytes.as_slice(), salt).digest() == commitment => return None,
        Ok(bytes) => format!("its {} bytes are not what its name is a commitment to", bytes.len()),
        Err(cause) => format!("can't be read: {cause}"),
    };
    Some(Flaw { file, words, mend: PRIVATE, is_damage: true })
}

/// Files that are named by the digest of their bytes.
fn content(dir: &Path, suffix: &str, mend: &'static str) -> Vec<Flaw> {
    let mut flaws: Vec<Flaw> = files(dir).filter_map(|file| misnamed(file, suffix, mend)).collect();
    flaws.sort_by(|one, other| one.file.cmp(&other.file));
    flaws
}

/// What stands in a directory; but what a killed process left on its way is nobody's content.
fn files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(dir).into_iter().flatten();
    files.filter_map(|file| Some(file.ok()?.path())).filter(|path| !name_of(path).starts_with(RESERVED))
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
