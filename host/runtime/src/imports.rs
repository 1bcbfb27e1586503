//! What a component imports, function by function, and how each call would be met: for whoever reviews it.
//!
//! How an interface is met is decided where it is linked; here that decision is only told.

use crate::inert::{HABITS, NO};
use crate::link::{Met, Name, Values, lent_by, meet};
use kapell_model::capability::Kind;
use kapell_model::grant::GrantSet;
use kapell_model::review::{Class, ReviewedFunction, ReviewedImport};
use std::collections::BTreeMap;
use wit_parser::{Function, Resolve, Type, TypeDefKind, World, WorldItem};

/// The imported functions by interface; of a function the world itself imports, none under its own name.
pub type Imported = BTreeMap<String, Vec<ImportedFunction>>;

/// One imported function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedFunction {
    /// Its name as in WIT, with the resource before the point.
    pub name: String,
    /// What it answers where its interface is empty; none ends the skill.
    pub empty: Option<String>,
}

/// The functions a world imports, sorted by name.
pub(crate) fn imported(resolve: &Resolve, world: &World) -> Imported {
    let mut imported = Imported::new();
    for (key, item) in &world.imports {
        let functions = match item {
            WorldItem::Interface { id, .. } => {
                let functions = resolve.interfaces.get(*id).into_iter().flat_map(|it| it.functions.values());
                let mut functions: Vec<_> = functions.map(|it| function(resolve, it)).collect();
                functions.sort_by(|one, other| one.name.cmp(&other.name));
                functions
            }
            WorldItem::Function(_) => Vec::new(),
            WorldItem::Type { .. } => continue,
        };
        imported.insert(resolve.name_world_key(key), functions);
    }
    imported
}

fn function(resolve: &Resolve, function: &Function) -> ImportedFunction {
    let name = match function.name.split_once(']') {
        Some(("[constructor", resource)) => format!("{resource}.constructor"),
        Some((_, name)) => name.to_owned(),
        None => function.name.clone(),
    };
    let empty = match &function.result {
        None => Some("nothing".into()),
        Some(result) => empty(resolve, result),
    };
    ImportedFunction { name, empty }
}

/// The empty answer of a type, if it has one, in words. What calls are answered is told from the engine's types; these
/// are the same types read from the same bytes.
fn empty(resolve: &Resolve, answer: &Type) -> Option<String> {
    let Type::Id(id) = answer else { return None };
    match &resolve.types.get(*id)?.kind {
        TypeDefKind::Type(alias) => empty(resolve, alias),
        TypeDefKind::List(_) => Some("an empty list".into()),
        TypeDefKind::Option(_) => Some("none".into()),
        TypeDefKind::Result(result) => {
            let cases = cases(resolve, result.err.as_ref()?)?;
            NO.iter().find(|no| cases.iter().any(|case| case == *no)).map(|no| format!("the error {no}"))
        }
        _ => None,
    }
}

fn cases(resolve: &Resolve, error: &Type) -> Option<Vec<String>> {
    let Type::Id(id) = error else { return None };
    match &resolve.types.get(*id)?.kind {
        TypeDefKind::Type(alias) => cases(resolve, alias),
        TypeDefKind::Enum(it) => Some(it.cases.iter().map(|case| case.name.clone()).collect()),
        _ => None,
    }
}

/// How each import would be met under these grants, by name.
#[must_use]
pub fn classify(imported: &Imported, grants: &GrantSet) -> Vec<ReviewedImport> {
    imported.iter().map(|(interface, functions)| reviewed(interface, functions, grants)).collect()
}

fn reviewed(interface: &str, functions: &[ImportedFunction], grants: &GrantSet) -> ReviewedImport {
    let met = meet(interface, grants);
    let (class, why) = match &met {
        Met::Granted(kind) => (Class::Granted, format!("lent by the grant of {kind}")),
        Met::Refused(refusal) => (Class::Refused, refusal.why.clone()),
        Met::Handles | Met::InertValues(_) | Met::InertByType => (Class::Inert, why_inert(interface)),
    };
    let function = |it: &ImportedFunction| {
        let (class, answer) = answered(&met, it, grants);
        ReviewedFunction { name: it.name.clone(), class, answer }
    };
    ReviewedImport {
        interface: interface.into(),
        class,
        why,
        lent_by: lent_by(interface),
        functions: functions.iter().map(function).collect(),
    }
}

fn why_inert(interface: &str) -> String {
    let habit =
        HABITS.iter().find(|(habit, _)| Name::of(interface).is_some_and(|it| it.is_in([*habit].into_iter())));
    habit.map_or_else(|| "the policy answers it with nothing".into(), |(_, why)| (*why).into())
}

/// How one function is met, and what it answers where that is not the real thing.
fn answered(met: &Met, function: &ImportedFunction, grants: &GrantSet) -> (Class, Option<String>) {
    let inert = |answer: &str| (Class::Inert, Some(answer.to_owned()));
    match met {
        Met::Granted(kind) if writes(*kind, &function.name) && !may_write(*kind, grants) => {
            (Class::Refused, Some("nothing of this kind is granted for writing".into()))
        }
        Met::Granted(_) => (Class::Granted, None),
        Met::Refused(_) => (Class::Refused, None),
        Met::Handles => (Class::Inert, None),
        Met::InertValues(Values::Clocks) => inert("a clock that only counts its readings"),
        Met::InertValues(Values::Random) => inert("numbers that follow from component and input"),
        Met::InertValues(Values::Stdio) if function.name.starts_with("exit") => {
            inert("the end of the attempt")
        }
        Met::InertValues(Values::Stdio) => inert("a stream that leads nowhere"),
        Met::InertByType => match &function.empty {
            Some(answer) => inert(answer),
            None => (Class::Refused, Some("a call ends the skill".into())),
        },
    }
}

/// Functions that only ever change something.
const WRITING: [(Kind, &[&str]); 2] = [
    (
        Kind::Files,
        &[
            "descriptor.append-via-stream",
            "descriptor.create-directory-at",
            "descriptor.link-at",
            "descriptor.remove-directory-at",
            "descriptor.rename-at",
            "descriptor.set-size",
            "descriptor.set-times",
            "descriptor.set-times-at",
            "descriptor.symlink-at",
            "descriptor.unlink-file-at",
            "descriptor.write",
            "descriptor.write-via-stream",
        ],
    ),
    (Kind::Keyvalue, &["bucket.delete", "bucket.set", "delete-many", "increment", "set-many"]),
];

fn writes(kind: Kind, function: &str) -> bool {
    WRITING.iter().any(|(writing, names)| *writing == kind && names.contains(&function))
}

fn may_write(kind: Kind, grants: &GrantSet) -> bool {
    grants.of_kind(kind).any(|grant| grant.authority.access().is_some_and(|access| access.writes()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use crate::inspect;
    use kapell_model::capability::Access;
    use kapell_model::grant::{Authority, Grant, GrantSet};
    use kapell_model::quantity::Bytes;
    use kapell_model::review::ReviewedImport;

    const IMPORTS: &str = r#"(component
      (import "wasi:cli/environment@0.2.6" (instance (export "get-environment" (func (result (list string))))))
      (import "wasi:clocks/wall-clock@0.2.6" (instance (export "now" (func (result u64)))))
      (import "wasi:filesystem/types@0.2.6" (instance
        (export "descriptor" (type $d (sub resource)))
        (type $e (enum "access" "other"))
        (export "error-code" (type $c (eq $e)))
        (export "[method]descriptor.read" (func (param "self" (borrow $d)) (result (result (list u8) (error $c)))))
        (export "[method]descriptor.write" (func (param "self" (borrow $d)) (result (result u64 (error $c)))))))
      (import "wasi:keyvalue/store@0.2.0-draft" (instance
        (export "bucket" (type $b (sub resource)))
        (export "[method]bucket.get" (func (param "self" (borrow $b)) (param "key" string) (result (option u64))))
        (export "[method]bucket.set" (func (param "self" (borrow $b)) (param "key" string)))))
      (import "wasi:sockets/tcp@0.2.6" (instance
        (export "tcp-socket" (type $t (sub resource)))
        (type $e (enum "unknown" "access-denied"))
        (export "error-code" (type $c (eq $e)))
        (export "[constructor]tcp-socket" (func (result (own $t))))
        (export "[method]tcp-socket.connect" (func (param "self" (borrow $t)) (result (result (error $c)))))
        (export "[method]tcp-socket.hops" (func (param "self" (borrow $t)) (result (option u8))))
        (export "[method]tcp-socket.ports" (func (param "self" (borrow $t)) (result u16)))))
      (import "host-log" (func (param "line" string))))"#;

    fn told(grants: &GrantSet) -> String {
        let inspection = inspect(&wat::parse_str(IMPORTS).unwrap()).unwrap();
        let line = |it: &ReviewedImport| {
            let functions = it.functions.iter().map(|function| {
                format!(
                    "\n  {} {} {}",
                    function.class.word(),
                    function.name,
                    function.answer.clone().unwrap_or_default()
                )
            });
            let lent = it.lent_by.map_or("no grant", |kind| kind.word());
            format!(
                "{} {} [{lent}] {}{}",
                it.class.word(),
                it.interface,
                it.why,
                functions.collect::<String>()
            )
        };
        super::classify(&inspection.functions, grants).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn without_a_grant_every_function_is_inert_or_refused() {
        insta::assert_snapshot!(told(&GrantSet::default()), @r#"
        refused host-log [no grant] this host lends no such interface
        inert wasi:cli/environment@0.2.6 [no grant] every Rust and Python program imports its environment, exit and standard streams
          inert get-environment an empty list
        inert wasi:clocks/wall-clock@0.2.6 [clock] standard libraries import it for time stamps and waiting; readings go up by a fixed step
          inert now a clock that only counts its readings
        inert wasi:filesystem/types@0.2.6 [files] standard libraries import it whole; there is no directory in it
          inert descriptor.read the error access
          inert descriptor.write the error access
        refused wasi:keyvalue/store@0.2.0-draft [keyvalue] no keyvalue is granted to this skill
          refused bucket.get 
          refused bucket.set 
        refused wasi:sockets/tcp@0.2.6 [no grant] this host lends no such interface
          refused tcp-socket.connect 
          refused tcp-socket.constructor 
          refused tcp-socket.hops 
          refused tcp-socket.ports
        "#);
    }

    #[test]
    fn a_grant_for_reading_refuses_what_only_writes() {
        let keyvalue = |access| Authority::Keyvalue {
            namespace: "crm".into(),
            access,
            bytes_max: Bytes(1),
            keys_max: 1,
        };
        let granted = |access| GrantSet {
            grants: vec![Grant {
                name: "it".parse().unwrap(),
                rule: "rule".parse().unwrap(),
                authority: keyvalue(access),
            }],
            inert: vec!["wasi:sockets".into()],
            ..GrantSet::default()
        };
        insta::assert_snapshot!(told(&granted(Access::Read)), @r#"
        refused host-log [no grant] this host lends no such interface
        inert wasi:cli/environment@0.2.6 [no grant] every Rust and Python program imports its environment, exit and standard streams
          inert get-environment an empty list
        inert wasi:clocks/wall-clock@0.2.6 [clock] standard libraries import it for time stamps and waiting; readings go up by a fixed step
          inert now a clock that only counts its readings
        inert wasi:filesystem/types@0.2.6 [files] standard libraries import it whole; there is no directory in it
          inert descriptor.read the error access
          inert descriptor.write the error access
        granted wasi:keyvalue/store@0.2.0-draft [keyvalue] lent by the grant of keyvalue
          granted bucket.get 
          refused bucket.set nothing of this kind is granted for writing
        inert wasi:sockets/tcp@0.2.6 [no grant] the policy answers it with nothing
          inert tcp-socket.connect the error access-denied
          refused tcp-socket.constructor a call ends the skill
          inert tcp-socket.hops none
          refused tcp-socket.ports a call ends the skill
        "#);
        assert!(told(&granted(Access::ReadWrite)).contains("\n  granted bucket.set"));
    }
}
