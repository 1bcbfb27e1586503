//! Texts a home remembers by name, such as the policy that was in effect last.

use crate::error::StoreError;
use crate::salt;
use crate::sqlite::SqliteStore;
use crate::sqlite::stored::{number, whole};
use crate::sqlite::writer::Wait;
use kapell_journal::content::Salt;
use rusqlite::{Connection, OptionalExtension, params};

/// Over how many entries a head was signed.
const SIGNED: &str = "log-signed";
/// What names lines of batches whose inputs are private.
const LINES: &str = "lines";

/// Notes that a head was signed over so many entries; of several the most.
pub(crate) fn remember_signed(connection: &Connection, size: u64) -> rusqlite::Result<()> {
    let mut note = connection.prepare_cached(
        "INSERT INTO remembered (name, text) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET text = max(CAST(text AS INTEGER), CAST(?2 AS INTEGER))",
    )?;
    note.execute(params![SIGNED, number(size).to_string()]).map(drop)
}

/// Over how many entries a head was signed at most, as far as is remembered.
pub(crate) fn signed(connection: &Connection) -> rusqlite::Result<u64> {
    let mut find =
        connection.prepare_cached("SELECT CAST(text AS INTEGER) FROM remembered WHERE name = ?1")?;
    Ok(find.query_row([SIGNED], |row| row.get(0)).optional()?.map_or(0, whole))
}

impl SqliteStore {
    /// Over how many entries a head was signed at most; none was where it is zero, or one of none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn signed(&self) -> Result<u64, StoreError> {
        Ok(self.0.readers.read(signed)?)
    }

    /// The text remembered under a name; none when there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn remembered(&self, name: &str) -> Result<Option<String>, StoreError> {
        let find = |connection: &Connection| {
            let mut find = connection.prepare_cached("SELECT text FROM remembered WHERE name = ?1")?;
            find.query_row([name], |row| row.get(0)).optional()
        };
        Ok(self.0.readers.read(find)?)
    }

    /// Remembers a text in the place of the one before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remember(&self, name: &str, text: &str) -> Result<(), StoreError> {
        let (name, text) = (name.to_owned(), text.to_owned());
        let keep = move |connection: &Connection| {
            let mut keep = connection
                .prepare_cached("INSERT OR REPLACE INTO remembered (name, text) VALUES (?1, ?2)")?;
            keep.execute(params![name, text])?;
            Ok(Ok(()))
        };
        Ok(self.0.writer.run(Wait::Durable, keep)?)
    }

    /// The salt under which private lines of batches are named: one for the store, so that a line has the same name
    /// whenever and by whichever process it is read. Made at first use, durable before it is given.
    ///
    /// # Errors
    /// When the store cannot be read or written, or the system has no random bytes to give.
    pub fn salt_of_lines(&self) -> Result<Salt, StoreError> {
        let fresh = *salt()?.as_bytes();
        let keep = move |connection: &Connection| {
            let first = "INSERT OR IGNORE INTO remembered (name, text) VALUES (?1, hex(?2))";
            connection.execute(first, params![LINES, fresh])?;
            let kept = "SELECT unhex(text) FROM remembered WHERE name = ?1";
            Ok(Ok(connection.query_row(kept, [LINES], |row| row.get(0))?))
        };
        Ok(Salt::from_bytes(self.0.writer.run(Wait::Durable, keep)?))
    }
}
