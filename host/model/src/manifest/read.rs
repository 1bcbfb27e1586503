//! Reading `skill.toml`: its keys in the order people write them, then what must agree among them.

use super::{Ask, Example, Expected, Manifest, OperationClaim, Wish, named_file, named_files};
use crate::capability::Kind;
use crate::form::{Field, Table};
use crate::http::HttpWish;
use crate::id::SkillName;
use crate::limits::WishedLimits;
use crate::plan::{Effects, Lane};
use serde_json::Value;
use std::collections::BTreeSet;

/// The whole of `skill.toml`.
pub(super) fn manifest(root: &Table<'_, '_>) -> Option<Manifest> {
    let skill = root.required("skill").and_then(|field| field.table("[skill]"));
    let about = skill.as_ref().and_then(read_about);
    let pure =
        root.get("build").and_then(|field| field.table("[build]")).is_some_and(|build| read_pure(&build));
    let claims = root.get("operation").map(|field| read_operations(&field)).unwrap_or_default();
    let limits = root.get("limits").and_then(|field| field.table("[limits]"));
    let limits = limits.map(|table| WishedLimits::read(&table)).unwrap_or_default();
    let asks = root.get("capability").map(|field| read_asks(&field)).unwrap_or_default();
    let examples = root.get("example").map(|field| field.tables("[[example]]")).unwrap_or_default();
    let examples = examples.iter().filter_map(read_example).collect();
    root.close();
    if root.is_clean() {
        check_effects(&asks, &claims);
    }
    let (name, summary, owner) = about?;
    let operations = claims.into_iter().map(|(_, name, claim)| (name, claim)).collect();
    let asks = asks.into_iter().map(|(_, ask)| ask).collect();
    Some(Manifest { name, summary, owner, pure, operations, limits, asks, examples })
}

fn read_about(skill: &Table<'_, '_>) -> Option<(SkillName, String, Option<String>)> {
    let name = skill.required("name").and_then(|field| field.parsed());
    let summary = skill.required("summary").and_then(|field| field.line_text());
    let owner = skill.get("owner").and_then(|field| field.line_text());
    skill.close();
    Some((name?, summary?, owner))
}

fn read_pure(build: &Table<'_, '_>) -> bool {
    let pure = build.get("pure").and_then(|field| field.truth());
    build.close();
    pure.unwrap_or_default()
}

const LANES: [(&str, Lane); 4] = [
    ("intelligence", Lane::Intelligence),
    ("logic", Lane::Logic),
    ("judgment", Lane::Judgment),
    ("systems", Lane::Systems),
];

const EFFECTS: [(&str, Effects); 4] = [
    ("none", Effects::None),
    ("reads", Effects::Reads),
    ("idempotent", Effects::Idempotent),
    ("once", Effects::Once),
];

/// What is said of one operation, with its table for problems found later.
type Claimed<'f, 't> = (Table<'f, 't>, String, OperationClaim);

fn read_operations<'f, 't>(field: &Field<'f, 't>) -> Vec<Claimed<'f, 't>> {
    let Some(operations) = field.table("[operation]") else { return Vec::new() };
    operations.fields().filter_map(|field| read_claim(&field)).collect()
}

fn read_claim<'f, 't>(field: &Field<'f, 't>) -> Option<Claimed<'f, 't>> {
    let table = field.table("an operation")?;
    let default = OperationClaim::default();
    let lane = table.get("lane").map_or(Some(default.lane), |field| field.word(&LANES));
    let effects = table.get("effects").map_or(Some(default.effects), |field| field.word(&EFFECTS));
    let private = table.get("private").map(|field| read_private(&field)).unwrap_or_default();
    table.close();
    let claim = OperationClaim { lane: lane?, effects: effects?, private, line: table.line() };
    Some((table, field.key.to_owned(), claim))
}

/// Paths, each into what the operation is given or what it answers; that they lead somewhere only the bytes say.
fn read_private(field: &Field<'_, '_>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for item in field.items() {
        let Some(path) = item.line_text() else { continue };
        let side = path.split('.').next().unwrap_or_default();
        match () {
            () if !["input", "output"].contains(&side) => item.tell_with(
                format!("`{path}` is neither in what the operation is given nor in what it answers"),
                "`input.ARGUMENT` or `output.FIELD`, further fields after a dot; `input` or `output` for all of it",
            ),
            () if paths.contains(&path) => item.tell(format!("`{path}` is named already")),
            () => paths.push(path),
        }
    }
    paths
}

/// Names are unique within a kind: the guest tells two things of one kind apart by nothing else.
fn read_asks<'f, 't>(field: &Field<'f, 't>) -> Vec<(Table<'f, 't>, Ask)> {
    let mut asks: Vec<(Table<'_, '_>, Ask)> = Vec::new();
    for table in field.tables("[[capability]]") {
        let Some(ask) = read_ask(&table) else { continue };
        if let Some((_, other)) = asks.iter().find(|(_, other)| clashes(other, &ask)) {
            let (kind, name, line) = (ask.kind, &ask.name, other.line);
            table.tell(format!("{kind} `{name}` is asked for on line {line} already"));
        }
        asks.push((table, ask));
    }
    asks
}

/// A skill sees one clock, one config: without a name in its calls, a second could not be told from the first.
fn clashes(one: &Ask, other: &Ask) -> bool {
    one.kind == other.kind && (one.name == other.name || !one.kind.is_named())
}

fn read_ask(table: &Table<'_, '_>) -> Option<Ask> {
    let kind: Option<Kind> = table.required("kind").and_then(|field| field.word(&Kind::words()));
    let name = kind.and_then(|kind| kind.read_name(table));
    let wish = kind.and_then(|kind| read_wish(table, kind));
    let reason = table.required("reason").and_then(|field| field.line_text());
    let optional = table.get("optional").map_or(Some(false), |field| field.truth());
    if kind.is_none() {
        // Known keys all the same, so that only the kind is told.
        let _known = ["name", "access", "target", "methods"].map(|key| table.get(key));
    }
    table.close();
    Some(Ask {
        kind: kind?,
        name: name?,
        wish: wish?,
        reason: reason?,
        optional: optional?,
        line: table.line(),
    })
}

/// Only the keys of the ask's kind are asked for, so that any other is told as unknown.
fn read_wish(table: &Table<'_, '_>, kind: Kind) -> Option<Wish> {
    match kind {
        Kind::Http => HttpWish::read(table).map(Wish::Http),
        _ => Some(kind.read_access(table)?.map_or(Wish::Use, Wish::Access)),
    }
}

fn read_example(table: &Table<'_, '_>) -> Option<Example> {
    let operation = table.required("operation").and_then(|field| field.line_text());
    let input = table
        .get("input")
        .map_or_else(|| Some(Value::Object(serde_json::Map::new())), |field| read_input(&field));
    let output = table.get("output").map(|field| read_value(&field));
    let error = table.get("error").map(|field| read_value(&field));
    table.close();
    let expected = match (output, error) {
        (Some(_), Some(_)) => {
            table.tell("an example has an output or an error, not both");
            return None;
        }
        (Some(output), None) => Expected::Output(output?),
        (None, Some(error)) => Expected::Error(error?),
        (None, None) => Expected::Anything,
    };
    Some(Example { operation: operation?, input: input?, expected, line: table.line() })
}

/// The arguments by parameter name, or one file that holds them.
fn read_input(field: &Field<'_, '_>) -> Option<Value> {
    let value = read_value(field)?;
    if value.is_object() || value.as_str().is_some_and(|text| named_file(text).is_some()) {
        return Some(value);
    }
    field.tell_with(
        "`input` is a table of the arguments by name, or one \"@file.json\"",
        "input = { text = \"...\" }",
    );
    None
}

fn read_value(field: &Field<'_, '_>) -> Option<Value> {
    let value = field.json()?;
    let mut files = BTreeSet::new();
    named_files(&value, &mut files);
    let outside = files.iter().find(|file| !stays_inside(file));
    match outside {
        None => Some(value),
        Some(file) => {
            field.tell_with(
                format!("`@{file}` is no file beside skill.toml"),
                "a relative path without `..`; a text that begins with @ is written `@@`",
            );
            None
        }
    }
}

/// What operations say of their effects must be possible with what is asked for, and the other way round: a skill
/// that can write and calls itself harmless would be rerun after a crash without a question.
fn check_effects(asks: &[(Table<'_, '_>, Ask)], claims: &[Claimed<'_, '_>]) {
    let writes = asks.iter().find(|(_, ask)| ask.writes());
    let reads = asks.iter().any(|(_, ask)| ask.reads());
    for (table, name, claim) in claims {
        let lacking = match claim.effects {
            Effects::Idempotent | Effects::Once if writes.is_none() => "write",
            Effects::Reads if !reads => "read",
            _ => continue,
        };
        let effects = claim.effects.word();
        table.tell(format!(
            "operation `{name}` has effects `{effects}`, but the skill asks for nothing it could {lacking}"
        ));
    }
    if let Some((table, ask)) = writes.filter(|_| claims.iter().all(|(_, _, claim)| !claim.effects.writes()))
    {
        let (kind, name) = (ask.kind, &ask.name);
        table.tell_with(
            format!(
                "{kind} `{name}` is asked for to write, but no operation has effects `idempotent` or `once`"
            ),
            "say under [operation.\"...\"] which one writes",
        );
    }
}

/// Whether a path names something below the folder it is relative to, on every system alike.
fn stays_inside(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path
            .contains(|character: char| matches!(character, '\\' | ':' | '~' | '$') || character.is_control())
}
