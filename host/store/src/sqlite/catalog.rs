//! Installed skills as rows.

use crate::error::unwritten;
use crate::error::{StoreError, unread};
use crate::skills::{Components, Installed, SkillEvent, Skills, What, arranged};
use crate::sqlite::SqliteStore;
use crate::sqlite::stored::{json, number, parsed, whole};
use crate::sqlite::writer::{Done, Wait};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use kapell_model::id::SkillName;
use kapell_model::plan::SkillPin;
use kapell_model::quantity::Timestamp;
use kapell_model::seam::Skill;
use rusqlite::{Connection, OptionalExtension, Row, params};
use semver::Version;
use std::sync::Arc;

impl Skills for SqliteStore {
    fn put_skill(&self, skill: &Skill, source: &str, at: Timestamp) -> Result<(), StoreError> {
        if !self.0.components.has(&skill.pin.component) {
            return Err(StoreError::NoComponent(skill.pin.component));
        }
        let texts = [to_json(&skill.manifest)?, to_json(&skill.operations)?, to_json(&skill.imports)?];
        let (pin, bytes, source) = (skill.pin.clone(), skill.bytes, source.to_owned());
        let insert = move |connection: &Connection| insert(connection, &pin, &texts, bytes, &source, at);
        Ok(self.0.writer.run(Wait::Durable, insert)?)
    }

    fn use_skill(
        &self,
        name: &SkillName,
        version: &Version,
        at: Timestamp,
        by: &str,
    ) -> Result<SkillEvent, StoreError> {
        let (named, wanted, by) = (name.clone(), version.clone(), by.to_owned());
        let swap = move |connection: &Connection| swap(connection, named, wanted, at, by);
        let swapped = self.0.writer.run(Wait::Durable, swap)?;
        swapped.ok_or_else(|| StoreError::NotInstalled { name: name.clone(), version: version.clone() })
    }

    fn record_event(&self, event: &SkillEvent) -> Result<(), StoreError> {
        let event = event.clone();
        Ok(self
            .0
            .writer
            .run(Wait::Durable, move |connection: &Connection| record(connection, &event).map(Ok))?)
    }

    fn installed(&self) -> Result<Vec<Installed>, StoreError> {
        let (all, in_use) = self.0.readers.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            Ok((all(&moment)?, in_use(&moment)?))
        })?;
        Ok(arranged(all, &in_use))
    }

    fn events(&self, name: &SkillName) -> Result<Vec<SkillEvent>, StoreError> {
        Ok(self.0.readers.read(|connection| history(connection, name))?)
    }
}

impl Components for SqliteStore {
    fn put_component(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        self.0.components.put(&digest, bytes).map_err(unwritten)?;
        Ok(digest)
    }

    fn component(&self, digest: &Digest) -> Result<Arc<[u8]>, StoreError> {
        self.0.components.get(digest)?.ok_or(StoreError::NoComponent(*digest))
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(unread)
}

fn insert(
    connection: &Connection,
    pin: &SkillPin,
    [manifest, operations, imports]: &[String; 3],
    bytes: u64,
    source: &str,
    at: Timestamp,
) -> Done<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO skills
           (name, version, component, manifest, operations, imports, bytes, source, installed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let (version, component) = (pin.version.to_string(), pin.component.to_string());
    let (bytes, at) = (number(bytes), number(at.0));
    let name = pin.name.as_str();
    insert.execute(params![name, version, component, manifest, operations, imports, bytes, source, at])?;
    Ok(Ok(()))
}

/// None when no such version is installed.
fn swap(
    connection: &Connection,
    name: SkillName,
    version: Version,
    at: Timestamp,
    by: String,
) -> Done<Option<SkillEvent>> {
    let mut find = connection.prepare_cached(
        "SELECT component FROM skills WHERE name = ?1 AND version = ?2 ORDER BY installed DESC, rowid DESC",
    )?;
    let text = version.to_string();
    let found = find.query_row([name.as_str(), &text], |row| parsed::<Digest>(row, 0)).optional()?;
    let Some(component) = found else { return Ok(Ok(None)) };
    let pin = SkillPin { name, version, component };
    let used = SkillEvent { what: What::InUse, pin, at, by, why: None };
    record(connection, &used)?;
    Ok(Ok(Some(used)))
}

fn record(connection: &Connection, event: &SkillEvent) -> rusqlite::Result<()> {
    let SkillEvent { what, pin, at, by, why } = event;
    let mut insert = connection.prepare_cached(
        "INSERT INTO skill_events (what, name, version, component, at, by, why)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let (version, component) = (pin.version.to_string(), pin.component.to_string());
    insert.execute(params![what.word(), pin.name.as_str(), version, component, number(at.0), by, why])?;
    Ok(())
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<Installed>> {
    let mut all = connection.prepare_cached(
        "SELECT name, version, component, manifest, operations, imports, bytes, source, installed
         FROM skills ORDER BY rowid",
    )?;
    all.query_map([], installed)?.collect()
}

fn installed(row: &Row<'_>) -> rusqlite::Result<Installed> {
    let pin = SkillPin { name: parsed(row, 0)?, version: parsed(row, 1)?, component: parsed(row, 2)? };
    let skill = Skill {
        pin,
        manifest: json(row, 3)?,
        operations: json(row, 4)?,
        imports: json(row, 5)?,
        bytes: whole(row.get(6)?),
    };
    let installed = Timestamp(whole(row.get(8)?));
    Ok(Installed { skill: Arc::new(skill), source: row.get(7)?, installed, in_use: false })
}

const EVENT: &str = "SELECT what, name, version, component, at, by, why FROM skill_events";

fn in_use(connection: &Connection) -> rusqlite::Result<Vec<SkillEvent>> {
    let sql = format!("{EVENT} WHERE id IN (SELECT max(id) FROM skill_events WHERE what = ?1 GROUP BY name)");
    connection.prepare_cached(&sql)?.query_map([What::InUse.word()], event)?.collect()
}

fn history(connection: &Connection, name: &SkillName) -> rusqlite::Result<Vec<SkillEvent>> {
    let sql = format!("{EVENT} WHERE name = ?1 ORDER BY id");
    connection.prepare_cached(&sql)?.query_map([name.as_str()], event)?.collect()
}

fn event(row: &Row<'_>) -> rusqlite::Result<SkillEvent> {
    let pin = SkillPin { name: parsed(row, 1)?, version: parsed(row, 2)?, component: parsed(row, 3)? };
    let at = Timestamp(whole(row.get(4)?));
    Ok(SkillEvent { what: parsed(row, 0)?, pin, at, by: row.get(5)?, why: row.get(6)? })
}
