//! What changed between two versions, in which direction, and whether the version number says so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]

use super::*;
use crate::grant::{Authority, Grant, GrantSet};
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::quantity::Bytes;
use crate::seam::Skill;
use crate::shape::{Field, Shape};
use std::collections::BTreeMap;
use std::path::Path;

const MANIFEST: &str = r#"[skill]
name = "acme:greeter"
summary = "Greets people"
owner = "acme"

[operation.greet]
effects = "reads"

[operation.remember]
effects = "reads"

[[capability]]
kind = "keyvalue"
name = "people"
access = "read"
reason = "It knows who was here"

[[capability]]
kind = "clock"
reason = "It says good morning"
optional = true
"#;

/// One side of a comparison, owned.
#[derive(Clone)]
struct Side {
    skill: Skill,
    functions: BTreeMap<String, Vec<String>>,
    grants: GrantSet,
    limits: Limits,
}

fn record(fields: &[(&str, Shape)]) -> Shape {
    let field =
        |(name, shape): &(&str, Shape)| Field { name: (*name).into(), shape: shape.clone(), docs: None };
    Shape::Record { name: Some("person".into()), fields: fields.iter().map(field).collect() }
}

fn operation(name: &str, param: Shape, docs: &str) -> Operation {
    Operation {
        name: name.into(),
        interface: None,
        function: name.into(),
        docs: Some(docs.into()),
        params: vec![Field { name: "who".into(), shape: param, docs: None }],
        result: Some(Shape::String),
    }
}

fn people(access: crate::capability::Access, keys: u64) -> Grant {
    Grant {
        name: "people".parse().unwrap(),
        rule: "people".parse().unwrap(),
        authority: Authority::Keyvalue {
            namespace: "people".into(),
            access,
            bytes_max: Bytes(0),
            keys_max: keys,
        },
    }
}

fn side(version: &str, manifest: &str) -> Side {
    let manifest = Manifest::parse("skill.toml", manifest).unwrap();
    let pin = SkillPin {
        name: manifest.name.clone(),
        version: version.parse().unwrap(),
        component: Digest::of(version.as_bytes()),
    };
    let functions =
        [("wasi:keyvalue/store@0.2.0-draft".to_owned(), vec!["open".into(), "bucket.get".into()])];
    let person = record(&[("name", Shape::String)]);
    let operations =
        vec![operation("greet", person.clone(), "Says hello"), operation("remember", person, "Remembers")];
    Side {
        skill: Skill { pin, manifest, operations, imports: Vec::new(), bytes: 1 },
        functions: functions.into(),
        grants: GrantSet::of(vec![people(crate::capability::Access::Read, 0)]),
        limits: Limits::default(),
    }
}

impl Side {
    fn compared(&self) -> Compared<'_> {
        Compared {
            skill: &self.skill,
            functions: &self.functions,
            grants: &self.grants,
            limits: &self.limits,
            folder: Path::new("/p"),
        }
    }
}

/// The difference as text: each change with both sides, then the verdict on the number.
fn told(before: &Side, after: &Side) -> String {
    let difference = Difference::between(&before.compared(), &after.compared());
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".into());
    let line =
        |it: &Change| format!("{it}: {} -> {} [{}]", side(&it.before), side(&it.after), it.needs.word());
    let mut lines: Vec<String> = difference.changes.iter().map(line).collect();
    let VersionVerdict { made, needed, fits, .. } = difference.version;
    let widens = if difference.widens() { "widens" } else { "does not widen" };
    lines.push(format!("{widens}; made {}, needs {}, fits: {fits}", made.word(), needed.word()));
    lines.join("\n")
}

#[test]
fn the_same_skill_in_a_newer_build_only_needs_a_number_of_its_own() {
    let (before, mut after) = (side("1.0.0", MANIFEST), side("1.0.1", MANIFEST));
    // A newer toolchain imports a newer patch of the same interface.
    let functions = std::mem::take(&mut after.functions).into_values().next().unwrap();
    after.functions.insert("wasi:keyvalue/store@0.2.1-draft".into(), functions);
    assert_eq!(told(&before, &after), "does not widen; made patch, needs patch, fits: true");
    assert_eq!(told(&before, &before), "does not widen; made none, needs none, fits: true");
    let mut rebuilt = after.clone();
    rebuilt.skill.pin.version = "1.0.0".parse().unwrap();
    assert_eq!(told(&before, &rebuilt), "does not widen; made none, needs patch, fits: false");
    assert_eq!(told(&after, &before), "does not widen; made a step back, needs patch, fits: false");
}

#[test]
fn whatever_lets_a_skill_do_more_is_told_as_wider() {
    let before = side("1.0.0", MANIFEST);
    let wider = MANIFEST.replace("access = \"read\"", "access = \"read-write\"").replacen(
        "effects = \"reads\"",
        "effects = \"once\"",
        1,
    ) + "\n[[capability]]\nkind = \"files\"\nname = \"out\"\naccess = \"write\"\nreason = \"Letters\"\n";
    let mut after = side("1.1.0", &wider);
    after.functions.insert("wasi:filesystem/types@0.2.6".into(), vec!["descriptor.write".into()]);
    after.functions.values_mut().for_each(|it| it.push("bucket.set".into()));
    after.grants = GrantSet {
        grants: vec![people(crate::capability::Access::ReadWrite, 5)],
        inert: vec!["wasi:sockets".into()],
        ..GrantSet::default()
    };
    after.limits.fuel += 1;
    insta::assert_snapshot!(told(&before, &after), @r#"
    asks files `out` added: - -> write, required [major]
    asks keyvalue `people` widened: read, required -> read-write, required [major]
    grant keyvalue `people` widened: keyvalue people by people: access="read" bytes_max=0 keys_max=0 namespace="people" -> keyvalue people by people: access="read-write" bytes_max=0 keys_max=5 namespace="people" [none]
    grant inert wasi:sockets added: - -> - [none]
    limit fuel widened: 100000000 -> 100000001 [patch]
    effects greet widened: reads -> once [major]
    import wasi:filesystem/types added: - -> bucket.set, descriptor.write [patch]
    import wasi:keyvalue/store widened: - -> bucket.set [patch]
    widens; made minor, needs major, fits: false
    "#);
}

#[test]
fn whatever_lets_it_do_less_is_told_as_narrower_and_does_not_widen() {
    let mut before = side("1.0.0", MANIFEST);
    before.grants.inert.push("wasi:sockets".into());
    before.functions.insert("wasi:cli/environment@0.2.6".into(), vec!["get-environment".into()]);
    let narrower = MANIFEST.replacen("effects = \"reads\"", "effects = \"none\"", 1);
    let narrower = narrower.split_once("\n[[capability]]\nkind = \"clock\"").unwrap().0;
    let mut after = side("1.0.1", &format!("{narrower}optional = true\n"));
    after.grants = GrantSet::default();
    after.functions.values_mut().for_each(|it| it.truncate(1));
    after.limits.fuel -= 1;
    insta::assert_snapshot!(told(&before, &after), @r#"
    asks clock `clock` removed: optional -> - [patch]
    asks keyvalue `people` narrowed: read, required -> read, optional [patch]
    grant keyvalue `people` removed: keyvalue people by people: access="read" bytes_max=0 keys_max=0 namespace="people" -> - [none]
    grant inert wasi:sockets removed: - -> - [none]
    limit fuel narrowed: 100000000 -> 99999999 [patch]
    effects greet narrowed: reads -> none [patch]
    import wasi:cli/environment removed: get-environment -> - [patch]
    import wasi:keyvalue/store narrowed: bucket.get -> - [patch]
    does not widen; made patch, needs patch, fits: true
    "#);
}

#[test]
fn what_is_neither_more_nor_less_counts_as_more() {
    let before = side("1.0.0", MANIFEST);
    let mut after = side("1.0.1", MANIFEST);
    let mut elsewhere = people(crate::capability::Access::Read, 0);
    if let Authority::Keyvalue { namespace, .. } = &mut elsewhere.authority {
        *namespace = "customers".into();
    }
    after.grants.grants = vec![elsewhere];
    let difference = Difference::between(&before.compared(), &after.compared());
    assert_eq!(difference.changes[0].how, How::Changed);
    assert!(difference.widens());
}

#[test]
fn what_is_private_no_more_widens() {
    let private = |paths: &str| {
        MANIFEST.replacen("effects = \"reads\"", &format!("effects = \"reads\"\nprivate = {paths}"), 1)
    };
    let (plain, both) = (side("1.2.3", MANIFEST), side("1.2.4", &private("[\"input.who\", \"output\"]")));
    let one = side("2.0.0", &private("[\"output\"]"));
    let lost = told(&both, &one);
    assert!(lost.contains("private greet widened: input.who, output -> output [major]"), "{lost}");
    let gained = told(&plain, &both);
    assert!(gained.contains("private greet narrowed: - -> input.who, output [patch]"), "{gained}");
}

#[test]
fn types_that_break_callers_need_a_major_number_and_types_that_do_not_a_minor_one() {
    let before = side("1.2.3", MANIFEST);
    let changed = |version: &str, change: &dyn Fn(&mut Vec<Operation>)| {
        let mut after = side(version, MANIFEST);
        change(&mut after.skill.operations);
        told(&before, &after)
    };
    let optional = Shape::Option { of: Box::new(Shape::String) };
    let all = [
        changed("1.3.0", &|all| all.push(operation("wave", Shape::String, "Waves"))),
        changed("1.3.0", &|all| drop(all.pop())),
        changed("1.3.0", &|all| {
            all[0].params[0].shape = record(&[("name", Shape::String), ("title", optional.clone())]);
        }),
        changed("2.0.0", &|all| {
            all[0].params[0].shape = record(&[("name", Shape::String), ("title", Shape::String)]);
        }),
        changed("1.3.0", &|all| all[0].result = Some(optional.clone())),
        changed("1.2.4", &|all| all[0].docs = Some("Says hello, or sends money".into())),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    operation wave added: - -> wave(who: string) -> string [minor]
    does not widen; made minor, needs minor, fits: true

    operation remember removed: remember(who: record person) -> string -> - [major]
    does not widen; made minor, needs major, fits: false

    operation greet changed: greet(who: record person) -> string -> greet(who: record person) -> string [minor]
    does not widen; made minor, needs minor, fits: true

    operation greet changed: greet(who: record person) -> string -> greet(who: record person) -> string: an argument that fitted does not fit: who.title: expected string, found no such field [major]
    does not widen; made major, needs major, fits: true

    operation greet changed: greet(who: record person) -> string -> greet(who: record person) -> option<string>: an answer is another: value: expected string, found option<string>, which may be null [major]
    does not widen; made minor, needs major, fits: false

    text docs of greet changed: Says hello -> Says hello, or sends money [patch]
    does not widen; made patch, needs patch, fits: true
    "#);
}

#[test]
fn a_number_goes_up_as_far_as_semver_says() {
    let table = [
        ("1.2.3", "1.2.4", Bump::Patch),
        ("1.2.3", "1.3.0", Bump::Minor),
        ("1.2.3", "2.0.0", Bump::Major),
        ("0.2.3", "0.2.4", Bump::Minor),
        ("0.2.3", "0.3.0", Bump::Major),
        ("0.0.3", "0.0.4", Bump::Major),
        ("1.0.0-rc.1", "1.0.0", Bump::Patch),
        ("1.0.0", "1.0.0", Bump::None),
        ("1.1.0", "1.0.9", Bump::Back),
    ];
    for (before, after, bump) in table {
        assert_eq!(
            Bump::between(&before.parse().unwrap(), &after.parse().unwrap()),
            bump,
            "{before} {after}"
        );
    }
}

fn review(side: &Side) -> Review {
    let Skill { pin, manifest, operations, bytes, .. } = &side.skill;
    let wishes = crate::limits::WishedLimits::default();
    Review {
        schema: "kapell.review/1",
        skill: pin.clone(),
        summary: manifest.summary.clone(),
        owner: manifest.owner.clone(),
        bytes: *bytes,
        has_manifest: true,
        operations: Vec::new(),
        shape: crate::shape::operations_digest(operations),
        asks: Vec::new(),
        imports: Vec::new(),
        grants: Vec::new(),
        limits: EffectiveLimits::smallest(&wishes, &wishes, &wishes),
        difference: None,
        observed: None,
        standing: Standing::Development,
    }
}

#[test]
fn whatever_is_shown_is_in_the_digest_and_what_stands_beside_it_is_not() {
    let shown = review(&side("1.0.0", MANIFEST));
    let mut beside = shown.clone();
    beside.standing = Standing::Unapproved { why: "nobody has".into() };
    beside.observed = Some(Vec::new());
    assert_eq!(beside.digest(), shown.digest());
    let changes: [&dyn Fn(&mut Review); 8] = [
        &|it| it.skill.component = Digest::of(b"other"),
        &|it| it.summary.push('!'),
        &|it| it.owner = None,
        &|it| it.has_manifest = false,
        &|it| it.bytes += 1,
        &|it| it.grants.push("inert wasi:sockets".into()),
        &|it| it.limits.limits.fuel += 1,
        &|it| it.shape = Digest::of(b"other"),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut other = shown.clone();
        change(&mut other);
        assert_ne!(other.digest(), shown.digest(), "change {index}");
    }
}

/// An effect that happened once asks a person after a crash; one that may be repeated asks nobody.
#[test]
fn to_be_repeated_is_more_for_what_happens_once() {
    use crate::plan::Effects::{Idempotent, None, Once, Reads};
    let more = [(None, Reads), (Reads, Idempotent), (Reads, Once), (Idempotent, Once), (Once, Idempotent)];
    for (before, after) in more {
        assert!(after.is_more_than(before), "{before:?} {after:?}");
    }
    for (before, after) in [(Reads, None), (Idempotent, Reads), (Once, Reads), (Once, Once), (None, None)] {
        assert!(!after.is_more_than(before), "{before:?} {after:?}");
    }
}
