//! Grants and limits as canonical lines: the same authority is always the same line, and a line reads back.
//!
//! `notes notes by letter-notes: bytes_max=16384` is the kind, the skill's word, the rule, and every part of the
//! authority with its JSON value, sorted: of a directory also which one it is. No kind has a form of its own, so no
//! part of any authority can be left out of what is approved.

use crate::grant::{Authority, Grant, GrantSet};
use crate::limits::Limits;
use serde_json::{Map, Value};
use std::path::Path;

/// The beginning of a line about an interface that policy answers with nothing.
const INERT: &str = "inert ";

/// Everything a skill may reach, one line each, sorted; directories below `folder` are written from there.
#[must_use]
pub fn grant_lines(grants: &GrantSet, folder: &Path) -> Vec<String> {
    let granted = grants.grants.iter().map(|grant| grant_line(grant, folder));
    let inert = grants.inert.iter().map(|interface| format!("{INERT}{interface}"));
    let mut lines: Vec<String> = granted.chain(inert).collect();
    lines.sort();
    lines
}

/// What one attempt may spend, as one line.
#[must_use]
pub fn limits_line(limits: &Limits) -> String {
    parts(&object(limits))
}

/// Reads lines back; the order of grants is that of the lines.
///
/// # Errors
/// The first line that is not as [`grant_lines`] writes it.
pub(crate) fn read_grants(lines: &[&str], folder: &Path) -> Result<GrantSet, String> {
    let mut grants = GrantSet::default();
    for line in lines {
        match line.strip_prefix(INERT) {
            Some(interface) => grants.inert.push(interface.into()),
            None => grants.grants.push(read_grant(line, folder).ok_or_else(|| not_a_line(line))?),
        }
    }
    Ok(grants)
}

/// Reads a line of limits back.
///
/// # Errors
/// When it is not as [`limits_line`] writes it.
pub(crate) fn read_limits(line: &str) -> Result<Limits, String> {
    let limits = read_parts(line).and_then(|parts| serde_json::from_value(Value::Object(parts)).ok());
    limits.filter(|limits| limits_line(limits) == line).ok_or_else(|| not_a_line(line))
}

fn not_a_line(line: &str) -> String {
    let shown: String = line.chars().take(40).collect();
    format!("`{shown}…` is not a line as approving writes it")
}

fn grant_line(grant: &Grant, folder: &Path) -> String {
    let mut authority = grant.authority.clone();
    if let Authority::Files { root, .. } = &mut authority
        && let Ok(below) = Path::new(root.as_str()).strip_prefix(folder)
    {
        *root = format!("./{}", below.display());
    }
    let mut said = object(&authority);
    said.remove("kind");
    format!("{} {} by {}: {}", authority.kind(), grant.name, grant.rule, parts(&said))
}

/// Only a line that would be written the same again: nothing in it is passed over.
fn read_grant(line: &str, folder: &Path) -> Option<Grant> {
    let (head, tail) = line.split_once(": ")?;
    let [kind, name, "by", rule] = *head.split(' ').collect::<Vec<_>>() else { return None };
    let mut said = read_parts(tail)?;
    said.insert("kind".into(), kind.into());
    let mut authority: Authority = serde_json::from_value(Value::Object(said)).ok()?;
    if let Authority::Files { root, .. } = &mut authority
        && let Some(below) = root.strip_prefix("./")
    {
        let whole = if below.is_empty() { folder.to_path_buf() } else { folder.join(below) };
        *root = whole.display().to_string();
    }
    let grant = Grant { name: name.parse().ok()?, rule: rule.parse().ok()?, authority };
    (grant_line(&grant, folder) == line).then_some(grant)
}

/// Grants and limits hold nothing that JSON has no form for.
fn object<T: serde::Serialize>(said: &T) -> Map<String, Value> {
    match serde_json::to_value(said) {
        Ok(Value::Object(parts)) => parts,
        _ => Map::new(),
    }
}

/// `key=value`, sorted by key as the map is.
fn parts(said: &Map<String, Value>) -> String {
    said.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn read_parts(mut text: &str) -> Option<Map<String, Value>> {
    let mut parts = Map::new();
    while !text.is_empty() {
        let (key, rest) = text.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let value = values.next()?.ok()?;
        text = rest.get(values.byte_offset()..)?.trim_start_matches(' ');
        parts.insert(key.into(), value);
    }
    Some(parts)
}
