//! Texts a home remembers by name, such as the policy that was in effect last.

use crate::error::StoreError;
use crate::salt;
use crate::sqlite::SqliteStore;
use crate::sqlite::writer::Wait;
use kapell_journal::content::Salt;
use rusqlite::{Connection, OptionalExtension, params};

/// What names lines of batches whose inputs are private.
const LINES: &str = "lines";

impl SqliteStore {
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
