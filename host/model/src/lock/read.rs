//! Reading `skills.lock`: nothing in it is passed over, and no two entries speak of the same version.

use super::line::{read_grants, read_limits};
use super::{Approval, AskedFlow, Field, Lock, LockedFlow, LockedSkill, Revoked, RevokedFlow, Table};
use crate::flow::Meaning;
use crate::plan::SkillPin;
use crate::quantity::Timestamp;
use std::path::Path;

/// The whole of `skills.lock`.
pub(super) fn lock(root: &Table<'_, '_>, folder: &Path) -> Option<Lock> {
    if let Some(field) = root.required("version")
        && field.count().is_some_and(|version| version != 1)
    {
        field.tell("this host reads version 1 of a lock");
    }
    let locked = root.required("locked").and_then(|field| field.truth());
    let skills = root.get("skill").map(|field| read_skills(&field, folder)).unwrap_or_default();
    let revoked = root.get("revoked").map(|field| read_revoked(&field)).unwrap_or_default();
    let flows = root.get("flow").map(|field| read_flows(&field)).unwrap_or_default();
    let revoked_flows = root.get("revoked-flow").map(|field| read_revoked_flows(&field)).unwrap_or_default();
    let asked = root.get("asked").map(|field| read_asked(&field)).unwrap_or_default();
    root.close();
    Some(Lock { locked: locked?, skills, revoked, flows, revoked_flows, asked })
}

fn read_skills(field: &Field<'_, '_>, folder: &Path) -> Vec<LockedSkill> {
    let mut skills: Vec<LockedSkill> = Vec::new();
    for table in field.tables("[[skill]]") {
        let Some(skill) = read_skill(&table, folder) else { continue };
        let (name, version) = (&skill.pin.name, &skill.pin.version);
        if skills.iter().any(|other| (&other.pin.name, &other.pin.version) == (name, version)) {
            table.tell(format!("{name} {version} is approved twice"));
        }
        skills.push(skill);
    }
    skills
}

fn read_skill(table: &Table<'_, '_>, folder: &Path) -> Option<LockedSkill> {
    let pin = read_pin(table);
    let shape = table.required("shape").and_then(|field| field.parsed());
    let grants = table.required("grants").and_then(|field| {
        let items = field.items();
        let lines: Vec<&str> = items.iter().filter_map(Field::text).collect();
        read_grants(&lines, folder).map_err(|problem| field.tell(problem)).ok()
    });
    let limits = table
        .required("limits")
        .and_then(|field| read_limits(field.text()?).map_err(|problem| field.tell(problem)).ok());
    let approval = read_approval(table);
    table.close();
    Some(LockedSkill { pin: pin?, shape: shape?, grants: grants?, limits: limits?, approval: approval? })
}

fn read_flows(field: &Field<'_, '_>) -> Vec<LockedFlow> {
    let mut flows: Vec<LockedFlow> = Vec::new();
    for table in field.tables("[[flow]]") {
        let Some(flow) = read_flow(&table) else { continue };
        if flows.iter().any(|other| other.name == flow.name) {
            table.tell(format!("{} is approved twice", flow.name));
        }
        flows.push(flow);
    }
    flows
}

fn read_flow(table: &Table<'_, '_>) -> Option<LockedFlow> {
    let name = table.required("name").and_then(|field| field.parsed());
    let version = table.required("version").and_then(|field| field.line_text());
    let meaning = table.required("means").and_then(|field| {
        let items = field.items();
        let lines: Vec<&str> = items.iter().filter_map(Field::text).collect();
        Meaning::read(&lines).map_err(|problem| field.tell(problem)).ok()
    });
    let approval = read_approval(table);
    table.close();
    Some(LockedFlow { name: name?, version: version?, meaning: meaning?, approval: approval? })
}

fn read_asked(field: &Field<'_, '_>) -> Vec<AskedFlow> {
    let tables = field.tables("[[asked]]");
    let entry = |table: &Table<'_, '_>| {
        let name = table.required("flow").and_then(|field| field.parsed());
        let meaning = table.required("meaning").and_then(|field| field.parsed());
        let by = table.required("asked-by").and_then(|field| field.line_text());
        let at = table.required("asked-at").and_then(|field| field.parsed());
        table.close();
        Some(AskedFlow { name: name?, meaning: meaning?, by: by?, at: at? })
    };
    tables.iter().filter_map(entry).collect()
}

/// The keys every approval has, of whatever it is.
pub(super) fn read_approval(table: &Table<'_, '_>) -> Option<Approval> {
    let shown = table.required("shown").and_then(|field| field.parsed());
    let by = table.required("approved-by").and_then(|field| field.line_text());
    let at = table.required("approved-at").and_then(|field| field.parsed::<Timestamp>());
    let expires = read_optional(table.get("expires"), |field| field.parsed::<Timestamp>());
    let reason = read_optional(table.get("reason"), |field| field.line_text());
    Some(Approval { by: by?, at: at?, expires: expires?, reason: reason?, shown: shown? })
}

fn read_revoked(field: &Field<'_, '_>) -> Vec<Revoked> {
    let tables = field.tables("[[revoked]]");
    let entry = |table: &Table<'_, '_>| {
        let pin = read_pin(table);
        let said = read_revocation(table);
        table.close();
        let (by, at, reason) = said?;
        Some(Revoked { pin: pin?, by, at, reason })
    };
    tables.iter().filter_map(entry).collect()
}

fn read_revoked_flows(field: &Field<'_, '_>) -> Vec<RevokedFlow> {
    let tables = field.tables("[[revoked-flow]]");
    let entry = |table: &Table<'_, '_>| {
        let name = table.required("name").and_then(|field| field.parsed());
        let said = read_revocation(table);
        table.close();
        let (by, at, reason) = said?;
        Some(RevokedFlow { name: name?, by, at, reason })
    };
    tables.iter().filter_map(entry).collect()
}

/// The keys every revocation has: who, when, why.
fn read_revocation(table: &Table<'_, '_>) -> Option<(String, Timestamp, Option<String>)> {
    let by = table.required("revoked-by").and_then(|field| field.line_text());
    let at = table.required("revoked-at").and_then(|field| field.parsed());
    let reason = read_optional(table.get("reason"), |field| field.line_text());
    Some((by?, at?, reason?))
}

fn read_pin(table: &Table<'_, '_>) -> Option<SkillPin> {
    let name = table.required("name").and_then(|field| field.parsed());
    let version = table.required("version").and_then(|field| field.parsed());
    let component = table.required("component").and_then(|field| field.parsed());
    Some(SkillPin { name: name?, version: version?, component: component? })
}

/// The outer `None` is a told problem, the inner one an absent key.
fn read_optional<'f, 't, T>(
    field: Option<Field<'f, 't>>,
    read: impl FnOnce(&Field<'f, 't>) -> Option<T>,
) -> Option<Option<T>> {
    field.map_or(Some(None), |field| read(&field).map(Some))
}
