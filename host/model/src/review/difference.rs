//! The difference between two versions of a skill, as a list of changes that each say how far they go.

use super::version::{Bump, VersionVerdict};
use crate::grant::{Grant, GrantSet};
use crate::limits::Limits;
use crate::lock::grant_lines;
use crate::manifest::{Ask, Manifest, Wish};
use crate::plan::{Effects, SkillPin};
use crate::seam::Skill;
use crate::shape::{Operation, Shape, operations_digest};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

/// One version of a skill as it is compared.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'c> {
    /// The skill.
    pub skill: &'c Skill,
    /// The functions its bytes import, by interface.
    pub functions: &'c BTreeMap<String, Vec<String>>,
    /// What it may reach.
    pub grants: &'c GrantSet,
    /// What one attempt of it may spend.
    pub limits: &'c Limits,
    /// The folder its grants are written from.
    pub folder: &'c Path,
}

/// What changed from one version to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The version it is compared with.
    pub against: SkillPin,
    /// What changed, in the order people read it.
    pub changes: Vec<Change>,
    /// Whether the version number fits that.
    pub version: VersionVerdict,
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// What kind of thing.
    pub part: Part,
    /// Which one.
    pub what: String,
    /// In which direction.
    pub how: How,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
    /// How far the version number has to go up for it.
    pub needs: Bump,
}

/// The kinds of things that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What the manifest asks for.
    Ask,
    /// What the policy gives.
    Grant,
    /// What one attempt may spend.
    Limit,
    /// What the manifest says an operation does to the world.
    Effects,
    /// What the manifest says is private of what an operation is given and answers.
    Private,
    /// What the bytes import.
    Import,
    /// What flows can call.
    Operation,
    /// What is said to people.
    Text,
}

/// The directions a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It was not there.
    Added,
    /// It permits more.
    Widened,
    /// It is another, neither more nor less.
    Changed,
    /// It permits less.
    Narrowed,
    /// It is not there any more.
    Removed,
}

impl Part {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Part::Ask => "asks",
            Part::Grant => "grant",
            Part::Limit => "limit",
            Part::Effects => "effects",
            Part::Private => "private",
            Part::Import => "import",
            Part::Operation => "operation",
            Part::Text => "text",
        }
    }

    /// Whether it is about what the skill can do, so that more of it is a matter for whoever approves.
    #[must_use]
    pub const fn is_authority(self) -> bool {
        !matches!(self, Part::Operation | Part::Text)
    }
}

impl How {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            How::Added => "added",
            How::Widened => "widened",
            How::Changed => "changed",
            How::Narrowed => "narrowed",
            How::Removed => "removed",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.part.word(), self.what, self.how.word())
    }
}

impl Change {
    /// Whether it lets the skill do more than before, or something else.
    #[must_use]
    pub const fn widens(&self) -> bool {
        self.part.is_authority() && matches!(self.how, How::Added | How::Widened | How::Changed)
    }
}

impl Difference {
    /// What changed from `before` to `after`.
    #[must_use]
    pub fn between(before: &Compared<'_>, after: &Compared<'_>) -> Self {
        let (old, new) = (&before.skill.manifest, &after.skill.manifest);
        let changes: Vec<Change> = [
            asks(old, new),
            grants(before, after),
            limits(before.limits, after.limits),
            effects(before.skill, after.skill),
            private(before.skill, after.skill),
            imports(before.functions, after.functions),
            operations(before.skill, after.skill),
            texts(before.skill, after.skill),
        ]
        .into_iter()
        .flatten()
        .collect();
        let (from, to) = (&before.skill.pin, &after.skill.pin);
        let same_bytes = from.component == to.component;
        let version = VersionVerdict::of(&from.version, &to.version, same_bytes, &changes);
        Self { against: from.clone(), changes, version }
    }

    /// Whether the newer version can do more than the older, or something else.
    #[must_use]
    pub fn widens(&self) -> bool {
        self.changes.iter().any(Change::widens)
    }
}

/// Both sides of everything that is on either, by its name.
fn paired<'a, T>(
    before: impl IntoIterator<Item = (String, &'a T)>,
    after: impl IntoIterator<Item = (String, &'a T)>,
) -> BTreeMap<String, (Option<&'a T>, Option<&'a T>)> {
    let mut pairs: BTreeMap<String, (Option<&T>, Option<&T>)> = BTreeMap::new();
    before.into_iter().for_each(|(name, it)| pairs.entry(name).or_default().0 = Some(it));
    after.into_iter().for_each(|(name, it)| pairs.entry(name).or_default().1 = Some(it));
    pairs
}

fn asks(before: &Manifest, after: &Manifest) -> Vec<Change> {
    let named = |ask: &'_ Ask| format!("{} `{}`", ask.kind, ask.name);
    let sides = paired(
        before.asks.iter().map(|ask| (named(ask), ask)),
        after.asks.iter().map(|ask| (named(ask), ask)),
    );
    let change = |(what, (old, new)): (String, (Option<&Ask>, Option<&Ask>))| {
        let how = match (old, new) {
            (None, _) => How::Added,
            (_, None) => How::Removed,
            (Some(old), Some(new)) => ask_direction(old, new)?,
        };
        // A policy that permitted everything before does not permit this.
        let breaks = how < How::Narrowed && new.is_some_and(|ask| !ask.optional);
        let needs = match how {
            How::Narrowed | How::Removed => Bump::Patch,
            _ if breaks => Bump::Major,
            _ => Bump::Minor,
        };
        let words = |ask: &Ask| {
            let wish = match &ask.wish {
                Wish::Use => String::new(),
                wish => format!("{wish}, "),
            };
            format!("{wish}{}", if ask.optional { "optional" } else { "required" })
        };
        Some(Change { part: Part::Ask, what, how, before: old.map(words), after: new.map(words), needs })
    };
    sides.into_iter().filter_map(change).collect()
}

/// None when neither wish nor need changed.
fn ask_direction(old: &Ask, new: &Ask) -> Option<How> {
    let wider = new.wish.covers(&old.wish) && (old.optional || !new.optional);
    let narrower = old.wish.covers(&new.wish) && (new.optional || !old.optional);
    direction(wider, narrower)
}

/// None when each side is within the other.
const fn direction(wider: bool, narrower: bool) -> Option<How> {
    match (wider, narrower) {
        (true, true) => None,
        (true, false) => Some(How::Widened),
        (false, true) => Some(How::Narrowed),
        (false, false) => Some(How::Changed),
    }
}

/// Grants are the policy's matter, so the skill's version number need not tell of them.
fn grants(before: &Compared<'_>, after: &Compared<'_>) -> Vec<Change> {
    let named = |grant: &Grant| format!("{} `{}`", grant.authority.kind(), grant.name);
    let sides = paired(
        before.grants.grants.iter().map(|grant| (named(grant), grant)),
        after.grants.grants.iter().map(|grant| (named(grant), grant)),
    );
    let line =
        |grant: &Grant, folder: &Path| grant_lines(&GrantSet::of(vec![grant.clone()]), folder).concat();
    let mut changes = Vec::new();
    for (what, (old, new)) in sides {
        let how = match (old, new) {
            (None, _) => Some(How::Added),
            (_, None) => Some(How::Removed),
            (Some(old), Some(new)) => {
                let (old, new) = (&old.authority, &new.authority);
                direction(new.covers(old), old.covers(new))
            }
        };
        let Some(how) = how else { continue };
        let (before, after) = (old.map(|it| line(it, before.folder)), new.map(|it| line(it, after.folder)));
        changes.push(Change { part: Part::Grant, what, how, before, after, needs: Bump::None });
    }
    let only = |one: &GrantSet, other: &GrantSet, how: How| {
        let names = one.inert.iter().filter(|name| !other.inert.contains(name)).cloned();
        let change = move |what| Change {
            part: Part::Grant,
            what: format!("inert {what}"),
            how,
            before: None,
            after: None,
            needs: Bump::None,
        };
        names.map(change).collect::<Vec<_>>()
    };
    changes.extend(only(after.grants, before.grants, How::Added));
    changes.extend(only(before.grants, after.grants, How::Removed));
    changes
}

fn limits(before: &Limits, after: &Limits) -> Vec<Change> {
    let numbers = |limits: &Limits| match serde_json::to_value(limits) {
        Ok(Value::Object(numbers)) => numbers,
        _ => Map::new(),
    };
    let (old, new) = (numbers(before), numbers(after));
    let change = |(name, now): (&String, &Value)| {
        let was = old.get(name).filter(|was| *was != now)?;
        let how = if now.as_u64() > was.as_u64() { How::Widened } else { How::Narrowed };
        let (before, after) = (Some(was.to_string()), Some(now.to_string()));
        Some(Change {
            part: Part::Limit,
            what: name.replace('_', "-"),
            how,
            before,
            after,
            needs: Bump::Patch,
        })
    };
    new.iter().filter_map(change).collect()
}

fn effects(before: &Skill, after: &Skill) -> Vec<Change> {
    let change = |operation: &Operation| {
        before.operation(&operation.name)?;
        let (old, new) = (before.manifest.claim(&operation.name), after.manifest.claim(&operation.name));
        let how = match new.effects.is_more_than(old.effects) {
            true => How::Widened,
            false if new.effects == old.effects => return None,
            false => How::Narrowed,
        };
        let needs = if how == How::Widened { Bump::Major } else { Bump::Patch };
        let word = |effects: Effects| Some(effects.word().to_owned());
        let (before, after) = (word(old.effects), word(new.effects));
        Some(Change { part: Part::Effects, what: operation.name.clone(), how, before, after, needs })
    };
    after.operations.iter().filter_map(change).collect()
}

/// What is private no more is kept for anybody who reads the journal.
fn private(before: &Skill, after: &Skill) -> Vec<Change> {
    let change = |operation: &Operation| {
        before.operation(&operation.name)?;
        let [old, new] = [before, after].map(|skill| skill.manifest.claim(&operation.name).private);
        let lost = old.iter().any(|path| !new.contains(path));
        let (how, needs) = match (lost, old == new) {
            (_, true) => return None,
            (true, _) => (How::Widened, Bump::Major),
            (false, _) => (How::Narrowed, Bump::Patch),
        };
        let words = |paths: Vec<String>| (!paths.is_empty()).then(|| paths.join(", "));
        let (before, after) = (words(old), words(new));
        Some(Change { part: Part::Private, what: operation.name.clone(), how, before, after, needs })
    };
    after.operations.iter().filter_map(change).collect()
}

type Functions = BTreeMap<String, Vec<String>>;

/// A toolchain's newer patch of the same interface is no change, so versions are left out.
fn imports(before: &Functions, after: &Functions) -> Vec<Change> {
    let unversioned = |functions: &Functions| {
        let mut merged: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (interface, functions) in functions {
            let name = interface.split('@').next().unwrap_or(interface).to_owned();
            merged.entry(name).or_default().extend(functions.iter().cloned());
        }
        merged
    };
    let (old, new) = (unversioned(before), unversioned(after));
    let sides = paired(
        old.iter().map(|(name, it)| (name.clone(), it)),
        new.iter().map(|(name, it)| (name.clone(), it)),
    );
    sides.into_iter().flat_map(|(what, (old, new))| import_changes(&what, old, new)).collect()
}

fn import_changes(what: &str, old: Option<&BTreeSet<String>>, new: Option<&BTreeSet<String>>) -> Vec<Change> {
    let only = |one: Option<&BTreeSet<String>>, other: Option<&BTreeSet<String>>| {
        let one = one.into_iter().flatten();
        one.filter(|name| other.is_none_or(|other| !other.contains(*name))).cloned().collect::<Vec<_>>()
    };
    let change = |how, before, after| Change {
        part: Part::Import,
        what: what.into(),
        how,
        before,
        after,
        needs: Bump::Patch,
    };
    let listed = |names: &[String]| Some(names.join(", "));
    let (added, removed) = (only(new, old), only(old, new));
    match (old, new) {
        (None, _) => vec![change(How::Added, None, listed(&added))],
        (_, None) => vec![change(How::Removed, listed(&removed), None)],
        _ => {
            let wider = (!added.is_empty()).then(|| change(How::Widened, None, listed(&added)));
            let narrower = (!removed.is_empty()).then(|| change(How::Narrowed, listed(&removed), None));
            wider.into_iter().chain(narrower).collect()
        }
    }
}

fn operations(before: &Skill, after: &Skill) -> Vec<Change> {
    let named = |skill: &'_ Skill| -> Vec<(String, Operation)> {
        skill.operations.iter().map(|it| (it.name.clone(), it.clone())).collect()
    };
    let (old, new) = (named(before), named(after));
    let sides = paired(
        old.iter().map(|(name, it)| (name.clone(), it)),
        new.iter().map(|(name, it)| (name.clone(), it)),
    );
    let change = |(what, (old, new)): (String, (Option<&Operation>, Option<&Operation>))| {
        let (how, needs, why) = match (old, new) {
            (None, _) => (How::Added, Bump::Minor, None),
            (_, None) => (How::Removed, Bump::Major, None),
            (Some(old), Some(new)) if same_types(old, new) => return None,
            (Some(old), Some(new)) => match misfit(old, new) {
                None => (How::Changed, Bump::Minor, None),
                Some(why) => (How::Changed, Bump::Major, Some(why)),
            },
        };
        let after = new.map(|it| match &why {
            Some(why) => format!("{}: {why}", it.signature()),
            None => it.signature(),
        });
        Some(Change { part: Part::Operation, what, how, before: old.map(Operation::signature), after, needs })
    };
    sides.into_iter().filter_map(change).collect()
}

fn same_types(old: &Operation, new: &Operation) -> bool {
    operations_digest(std::slice::from_ref(old)) == operations_digest(std::slice::from_ref(new))
}

/// Why a call that fitted before may not fit now, or an answer may surprise whoever took it before.
fn misfit(old: &Operation, new: &Operation) -> Option<String> {
    let params = |operation: &Operation| Shape::Record { name: None, fields: operation.params.clone() };
    if let Err(misfit) = params(new).accepts(&params(old)) {
        return Some(format!("an argument that fitted does not fit: {misfit}"));
    }
    match (&old.result, &new.result) {
        (None, _) => None,
        (Some(_), None) => Some("it answers nothing any more".into()),
        (Some(old), Some(new)) => {
            old.accepts(new).err().map(|misfit| format!("an answer is another: {misfit}"))
        }
    }
}

fn texts(before: &Skill, after: &Skill) -> Vec<Change> {
    let said = |skill: &Skill| {
        let manifest = &skill.manifest;
        let own = [
            ("summary".to_owned(), manifest.summary.clone()),
            ("owner".to_owned(), manifest.owner.clone().unwrap_or_default()),
        ];
        let asks = manifest.asks.iter();
        let reasons = asks.map(|ask| (format!("reason for {} `{}`", ask.kind, ask.name), ask.reason.clone()));
        let docs = skill.operations.iter().map(|it| (format!("docs of {}", it.name), all_docs(it)));
        own.into_iter().chain(reasons).chain(docs).collect::<BTreeMap<String, String>>()
    };
    let (old, new) = (said(before), said(after));
    let sides = paired(
        old.iter().map(|(name, it)| (name.clone(), it)),
        new.iter().map(|(name, it)| (name.clone(), it)),
    );
    // What was added or removed is told as such where it belongs.
    let change = |(what, (old, new)): (String, (Option<&String>, Option<&String>))| {
        let (old, new) = old.zip(new).filter(|(old, new)| old != new)?;
        let (before, after) = (Some(old.clone()), Some(new.clone()));
        Some(Change { part: Part::Text, what, how: How::Changed, before, after, needs: Bump::Patch })
    };
    sides.into_iter().filter_map(change).collect()
}

/// The operation's docs and those of its types, in one text.
fn all_docs(operation: &Operation) -> String {
    fn collect(value: &Value, docs: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                docs.extend(fields.get("docs").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| collect(field, docs));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, docs)),
            _ => {}
        }
    }
    let mut docs = Vec::new();
    if let Ok(value) = serde_json::to_value(operation) {
        collect(&value, &mut docs);
    }
    docs.join("\n")
}
