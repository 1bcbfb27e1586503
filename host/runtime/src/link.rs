//! Imports linked one interface at a time: granted (real, metered, recorded), inert (an empty form) or refused.
//!
//! The decision is a pure function of the import's name and the grants, so the check before a run and the linker
//! can't disagree. Linking happens once for a component and a profile of grants; a step only instantiates.

use crate::capability;
use crate::guest::Guest;
use crate::inert::{self, HABITS};
use crate::io;
use kapell_model::capability::Kind;
use kapell_model::grant::{GrantSet, Refusal};
use semver::Version;
use std::collections::BTreeSet;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker};

type Lent = (&'static str, &'static str, &'static [&'static str], Kind);

/// What a capability's grant lends: the package, its version here, the interfaces of it, and the kind that grants it.
const LENT: [Lent; 9] = [
    ("wasi:filesystem", "0.2.12", &["types", "preopens"], Kind::Files),
    ("wasi:keyvalue", "0.2.0-draft", &["store", "atomics", "batch"], Kind::Keyvalue),
    ("wasi:config", "0.2.0-rc.1", &["store"], Kind::Config),
    ("wasi:clocks", "0.2.12", &["wall-clock", "monotonic-clock"], Kind::Clock),
    ("wasi:random", "0.2.12", &["random", "insecure", "insecure-seed"], Kind::Random),
    ("wasi:logging", "0.1.0-draft", &["logging"], Kind::Logging),
    ("kapell:skill", "0.1.1", &["notes"], Kind::Notes),
    ("wasi:http", "0.2.12", &["types", "outgoing-handler"], Kind::Http),
    ("kapell:skill", "0.1.1", &["inference"], Kind::Inference),
];

/// The version of every WASI package that is inert with values.
const INERT_VERSION: &str = "0.2.12";

/// How one import is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// By a capability of this kind.
    Granted(Kind),
    /// By the handles of `wasi:io`.
    Handles,
    /// By an empty form with values of its own.
    InertValues(Values),
    /// By an empty form told from its types.
    InertByType,
    /// Not at all.
    Refused(Refusal),
}

/// The empty forms that answer with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Values {
    Clocks,
    Random,
    Stdio,
}

/// Every import that these grants don't meet, in the order of the imports; empty when all are met. What the check
/// before a run says is what the linker will say.
#[must_use]
pub fn refusals(imports: &[String], grants: &GrantSet) -> Vec<Refusal> {
    let met = imports.iter().map(|import| meet(import, grants));
    met.filter_map(|met| if let Met::Refused(refusal) = met { Some(refusal) } else { None }).collect()
}

/// The part of a grant set that decides how imports are linked; what exactly is granted is looked up at each call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    kinds: u16,
    inert: Vec<String>,
}

impl Profile {
    pub(crate) fn of(grants: &GrantSet) -> Self {
        let kinds = grants.grants.iter().fold(0, |kinds, grant| kinds | 1 << grant.authority.kind() as u16);
        Self { kinds, inert: grants.inert.clone() }
    }
}

/// Links a component's imports as the grants say.
///
/// # Errors
/// Every import that is not met; or one refusal in the engine's words, when an interface of the right name has
/// another type than the host's.
pub(crate) fn link(
    engine: &Engine,
    component: &Component,
    grants: &GrantSet,
) -> Result<InstancePre<Guest>, Vec<Refusal>> {
    let ty = component.component_type();
    let names: Vec<String> = ty.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let refused = refusals(&names, grants);
    if !refused.is_empty() {
        return Err(refused);
    }
    let mut linking = Linking { linker: Linker::new(engine), done: BTreeSet::new() };
    for (name, item) in ty.imports(engine) {
        let linked = linking.add(engine, name, &item.ty, grants);
        linked.map_err(|error| vec![other_type(name, &error)])?;
    }
    linking.linker.instantiate_pre(component).map_err(|error| vec![other_type("imports", &error)])
}

/// A linker on its way; each group of interfaces is added once.
struct Linking {
    linker: Linker<Guest>,
    done: BTreeSet<Group>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Granted(Kind),
    Handles,
    Values(Values),
}

impl Linking {
    fn add(
        &mut self,
        engine: &Engine,
        name: &str,
        item: &ComponentItem,
        grants: &GrantSet,
    ) -> wasmtime::Result<()> {
        match meet(name, grants) {
            Met::Granted(kind) if self.done.insert(Group::Granted(kind)) => lend(&mut self.linker, kind),
            Met::Handles if self.done.insert(Group::Handles) => io::add_to_linker(&mut self.linker),
            Met::InertValues(values) if self.done.insert(Group::Values(values)) => match values {
                Values::Clocks => inert::add_clocks(&mut self.linker),
                Values::Random => inert::add_random(&mut self.linker),
                Values::Stdio => inert::add_stdio(&mut self.linker),
            },
            Met::InertByType => match item {
                ComponentItem::ComponentInstance(instance) => {
                    inert::add_by_type(engine, &mut self.linker.instance(name)?, name, instance)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn lend(linker: &mut Linker<Guest>, kind: Kind) -> wasmtime::Result<()> {
    match kind {
        Kind::Files => capability::files::add_to_linker(linker),
        Kind::Keyvalue => capability::keyvalue::add_to_linker(linker),
        Kind::Config => capability::config::add_to_linker(linker),
        Kind::Clock => capability::clock::add_to_linker(linker),
        Kind::Random => capability::random::add_to_linker(linker),
        Kind::Logging => capability::logging::add_to_linker(linker),
        Kind::Notes => capability::notes::add_to_linker(linker),
        Kind::Http => capability::http::add_to_linker(linker),
        Kind::Inference => capability::inference::add_to_linker(linker),
    }
}

/// How one import is met under these grants.
pub(crate) fn meet(import: &str, grants: &GrantSet) -> Met {
    let Some(name) = Name::of(import) else { return Met::Refused(unknown(import)) };
    let lent = lent(&name);
    if let Some((_, version, _, kind)) = lent
        && grants.of_kind(*kind).next().is_some()
    {
        return if name.fits(version) {
            Met::Granted(*kind)
        } else {
            Met::Refused(other_version(import, version))
        };
    }
    if name.is_in(grants.inert.iter().map(String::as_str))
        || name.is_in(HABITS.iter().map(|(habit, _)| *habit))
    {
        return inert_form(import, &name);
    }
    Met::Refused(lent.map_or_else(|| unknown(import), |(.., kind)| not_granted(import, *kind, grants)))
}

/// What lends an interface, whether or not it is granted.
fn lent(name: &Name<'_>) -> Option<&'static Lent> {
    LENT.iter()
        .find(|(package, _, interfaces, _)| *package == name.package && interfaces.contains(&name.interface))
}

/// The kind of authority that would lend an import.
pub(crate) fn lent_by(import: &str) -> Option<Kind> {
    lent(&Name::of(import)?).map(|(.., kind)| *kind)
}

/// Which empty form an interface gets.
fn inert_form(import: &str, name: &Name<'_>) -> Met {
    let form = match (name.package, name.interface) {
        ("wasi:io", "error" | "poll" | "streams") => Met::Handles,
        ("wasi:clocks", "wall-clock" | "monotonic-clock") => Met::InertValues(Values::Clocks),
        ("wasi:random", "random" | "insecure" | "insecure-seed") => Met::InertValues(Values::Random),
        ("wasi:cli", "stdin" | "stdout" | "stderr" | "exit") => Met::InertValues(Values::Stdio),
        _ => return Met::InertByType,
    };
    if name.fits(INERT_VERSION) { form } else { Met::Refused(other_version(import, INERT_VERSION)) }
}

/// An import's name in its parts: `wasi:io/streams@0.2.9`.
pub(crate) struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: Option<Version>,
}

impl<'a> Name<'a> {
    /// None for what is no interface, such as a function the world itself imports.
    pub(crate) fn of(import: &'a str) -> Option<Self> {
        let (path, version) = match import.split_once('@') {
            Some((path, version)) => (path, Some(Version::parse(version).ok()?)),
            None => (import, None),
        };
        let (package, interface) = path.split_once('/')?;
        Some(Self { package, interface, version })
    }

    /// Whether the host's version serves this one, by the rules the engine's linker has: a release is compatible
    /// with the others of its first non-zero number, a pre-release only with itself.
    fn fits(&self, offered: &str) -> bool {
        let (Some(wanted), Ok(offered)) = (&self.version, Version::parse(offered)) else { return false };
        let released = wanted.pre.is_empty() && offered.pre.is_empty();
        match (wanted.major, wanted.minor) {
            _ if !released => *wanted == offered,
            (0, 0) => *wanted == offered,
            (0, minor) => offered.major == 0 && offered.minor == minor,
            (major, _) => offered.major == major,
        }
    }

    /// Whether one of the entries names this interface or its package, with or without a version.
    pub(crate) fn is_in<'b>(&self, mut entries: impl Iterator<Item = &'b str>) -> bool {
        entries.any(|entry| {
            let entry = entry.split_once('@').map_or(entry, |(path, _)| path);
            entry == self.package || entry.split_once('/') == Some((self.package, self.interface))
        })
    }
}

fn refusal(subject: &str, why: String, advice: String) -> Refusal {
    Refusal { subject: subject.to_owned(), why, rule: None, asked_at: None, advice: Some(advice) }
}

fn not_granted(import: &str, kind: Kind, grants: &GrantSet) -> Refusal {
    let withheld = grants.withheld.iter().filter(|it| it.kind == kind);
    let why = format!("no {kind} is granted to this skill");
    if let Some(rule) = withheld.filter_map(|it| it.rule.clone()).next() {
        let advice = format!("rule {rule} withholds it, and the skill does not start without it");
        return Refusal { rule: Some(rule), ..refusal(import, why, advice) };
    }
    refusal(
        import,
        why,
        format!(
            "ask for it in skill.toml with `[[capability]] kind = \"{kind}\"` and permit it by a rule in policy.toml"
        ),
    )
}

fn unknown(import: &str) -> Refusal {
    let package = import.split_once('/').map_or(import, |(package, _)| package);
    refusal(
        import,
        "this host lends no such interface".into(),
        format!(
            "if the skill imports it out of habit and works without, write `any = [\"{package}\"]` below `[inert]` in policy.toml"
        ),
    )
}

fn other_version(import: &str, offered: &str) -> Refusal {
    refusal(
        import,
        format!("this host has version {offered} of it"),
        format!("build the skill against version {offered}"),
    )
}

fn other_type(import: &str, error: &wasmtime::Error) -> Refusal {
    refusal(
        import,
        format!("its type is not the host's: {error:#}"),
        "build the skill against the interface as published".into(),
    )
}

#[cfg(test)]
mod tests;
