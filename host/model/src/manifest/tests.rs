//! Manifests in, what they say or what is wrong with them out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests end on the first surprise"
)]

use super::*;
use insta::assert_snapshot;
use serde_json::json;
use std::fmt::Write as _;

const ACCOUNT: &str = r#"[skill]
name = "kapell:crm-account"
summary = "Makes the customer's account record"
owner = "sales-ops"

[operation."create"]
lane = "systems"
effects = "idempotent"

[limits]
fuel = 5_000_000
memory = "16MiB"
deadline = "1s"
host-calls = 50

[[capability]]
kind = "keyvalue"
name = "accounts"
access = "read-write"
reason = "The account record lives here"
"#;

/// Every problem as people read it: place, message, hint.
fn problems(text: &str) -> String {
    let Err(Diagnostics(problems)) = Manifest::parse("skill.toml", text) else { return "accepted".into() };
    let mut lines = String::new();
    for problem in problems {
        writeln!(
            lines,
            "{problem}{}",
            problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default()
        )
        .unwrap();
    }
    lines
}

/// The account manifest with one text changed.
fn changed(from: &str, to: &str) -> String {
    assert!(ACCOUNT.contains(from), "{from}");
    problems(&ACCOUNT.replace(from, to))
}

#[test]
fn a_manifest_says_what_its_text_says() {
    let manifest = Manifest::parse("skill.toml", ACCOUNT).unwrap();
    assert_eq!(manifest.name.as_str(), "kapell:crm-account");
    assert_eq!(manifest.owner.as_deref(), Some("sales-ops"));
    assert_eq!(manifest.claim("create").effects, Effects::Idempotent);
    assert_eq!(manifest.claim("create").lane, Lane::Systems);
    assert_eq!(manifest.claim("another"), OperationClaim::default());
    assert_eq!(manifest.limits.fuel, Some(5_000_000));
    assert_eq!(manifest.limits.memory, Some(crate::quantity::Bytes(16 << 20)));
    assert_eq!(manifest.limits.host_calls, Some(50));
    assert_eq!(manifest.limits.handles, None);
    let ask = &manifest.asks[0];
    assert_eq!(
        (ask.kind, ask.wish.access(), ask.optional, ask.line),
        (Kind::Keyvalue, Some(Access::ReadWrite), false, 16)
    );
    assert!(!manifest.pure);
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let text = r#"[skill]
name = "Kapell"
sumary = "x"

[build]
pure = "yes"

[operation.create]
lane = "system"

[limits]
fuel = -1
memory = "16 MB"
deadline = 5
handles = 5_000_000_000

[[capability]]
kind = "network"
reason = ""
"#;
    assert_snapshot!(problems(text), @r#"
    skill.toml:1:1: [skill] has no `summary`
    skill.toml:2:8: `Kapell` is not a skill name: expected `namespace:name` in lower-case words joined by `-`, 64 bytes at most
    skill.toml:3:1: [skill] has no key `sumary` (did you mean `summary`?)
    skill.toml:6:8: `pure` takes true or false, not a string
    skill.toml:9:8: `system` is no lane (did you mean `systems`?)
    skill.toml:12:8: `fuel` is not between 1 and 9007199254740991
    skill.toml:13:10: `16 MB` is not a size: a number with B, KiB, MiB or GiB, such as "16MiB"
    skill.toml:14:12: `deadline` takes a span of time such as "5s", not an integer
    skill.toml:15:11: `handles` is not between 1 and 4294967295
    skill.toml:18:8: `network` is no kind (known here: files, keyvalue, config, clock, random, logging, notes, http, inference)
    skill.toml:19:10: `reason` is empty
    "#);
}

#[test]
fn a_text_that_is_no_toml_is_told_with_its_place() {
    assert_snapshot!(problems("[skill]\nname = \"a:b\"\nname = \"a:c\"\n[skill]\n"), @r"
    skill.toml:3:1: duplicate key
    skill.toml:4:2: duplicate key
    ");
    assert_snapshot!(problems("[skill\n"), @"skill.toml:1:7: unclosed table, expected `]`");
    assert_snapshot!(problems("\u{feff}[skill]\n"), @"skill.toml: it begins with a byte order mark (save it as plain UTF-8)");
    assert_snapshot!(problems(&"#".repeat(65 << 10)), @"skill.toml: 65 KiB are more than the 64 KiB it may have");
    assert_snapshot!(problems(""), @"skill.toml:1:1: the file has no `skill`");
}

#[test]
fn hostile_texts_cost_little_and_are_refused() {
    let deep = format!("[[example]]\ninput = {}1{}\n", "{a = [".repeat(5_000), "]}".repeat(5_000));
    let many = "[operation.a]\n".repeat(4_000);
    let strangers = (0..5_000).map(|key| format!("k{key} = 1\n")).collect::<String>();
    for text in [deep, many, strangers] {
        let Err(Diagnostics(problems)) = Manifest::parse("skill.toml", &text) else { panic!("accepted") };
        assert!(problems.len() <= 21, "{}", problems.len());
    }
}

#[test]
fn each_ask_says_what_its_kind_needs_and_nothing_else() {
    assert_snapshot!(changed("access = \"read-write\"\n", ""), @"skill.toml:16:1: [[capability]] has no `access`");
    assert_snapshot!(changed("name = \"accounts\"\n", ""), @"skill.toml:16:1: [[capability]] has no `name`");
    assert_snapshot!(changed("\"The account record lives here\"", "\" \""), @"skill.toml:20:10: `reason` is empty");
    assert_snapshot!(changed("\"The account record lives here\"", "\"ok\\u001b[2J\""), @"skill.toml:20:10: `reason` has line breaks or control characters");
    let again = ACCOUNT.to_owned()
        + "[[capability]]\nkind = \"keyvalue\"\nname = \"accounts\"\naccess = \"read\"\nreason = \"r\"\n";
    assert_snapshot!(problems(&again), @"skill.toml:21:1: keyvalue `accounts` is asked for on line 16 already");
    let clock =
        "[skill]\nname = \"a:b\"\nsummary = \"s\"\n[[capability]]\nkind = \"clock\"\nreason = \"r\"\n";
    assert_snapshot!(problems(clock), @"accepted");
    assert_snapshot!(problems(&format!("{clock}access = \"read\"\n")), @"skill.toml:7:1: clock has no access: leave it out");
    let two = format!("{clock}[[capability]]\nkind = \"clock\"\nname = \"other\"\nreason = \"r\"\n");
    assert_snapshot!(problems(&two), @"skill.toml:7:1: clock `other` is asked for on line 4 already");
}

#[test]
fn effects_agree_with_what_is_asked_for() {
    assert_snapshot!(changed("effects = \"idempotent\"", "effects = \"reads\""), @r#"skill.toml:16:1: keyvalue `accounts` is asked for to write, but no operation has effects `idempotent` or `once` (say under [operation."..."] which one writes)"#);
    assert_snapshot!(changed("effects = \"idempotent\"\n", ""), @r#"skill.toml:15:1: keyvalue `accounts` is asked for to write, but no operation has effects `idempotent` or `once` (say under [operation."..."] which one writes)"#);
    assert_snapshot!(changed("effects = \"idempotent\"", "effects = \"once\""), @"accepted");
    assert_snapshot!(changed("read-write", "read"), @"skill.toml:6:1: operation `create` has effects `idempotent`, but the skill asks for nothing it could write");
    let nothing = "[skill]\nname = \"a:b\"\nsummary = \"s\"\n[operation.x]\neffects = \"reads\"\n";
    assert_snapshot!(problems(nothing), @"skill.toml:4:1: operation `x` has effects `reads`, but the skill asks for nothing it could read");
}

#[test]
fn claims_are_checked_against_the_component() {
    let manifest = Manifest::parse("skill.toml", ACCOUNT).unwrap();
    assert_eq!(manifest.check_operations("skill.toml", &["create"]), Ok(()));
    let Err(Diagnostics(wrong)) = manifest.check_operations("skill.toml", &["creates", "drop"]) else {
        panic!("accepted")
    };
    let text =
        wrong.iter().map(|problem| format!("{problem} ({})\n", problem.hint.as_deref().unwrap_or_default()));
    assert_snapshot!(text.collect::<String>(), @r#"
    skill.toml:6: the component has no operation `create` (did you mean `creates`?)
    skill.toml: the skill asks to write and does not say what operation `creates` does with it (add: [operation."creates"] with effects = "none", "reads", "idempotent" or "once")
    skill.toml: the skill asks to write and does not say what operation `drop` does with it (add: [operation."drop"] with effects = "none", "reads", "idempotent" or "once")
    "#);
}

#[test]
fn what_is_private_is_there_to_be() {
    let private = |paths: &str| {
        ACCOUNT
            .replace("effects = \"idempotent\"\n", &format!("effects = \"idempotent\"\nprivate = {paths}\n"))
    };
    let manifest = |paths: &str| Manifest::parse("skill.toml", &private(paths)).unwrap();
    let field = |name: &str, shape| crate::shape::Field { name: name.into(), shape, docs: None };
    let record = |name: &str| Shape::Record { name: None, fields: vec![field(name, Shape::String)] };
    let list = Shape::List { of: Box::new(record("e-mail")) };
    let create = Operation {
        name: "create".into(),
        interface: None,
        function: "create".into(),
        docs: None,
        params: vec![field("customers", list)],
        result: Some(record("id")),
    };
    let found = |paths: &str| match manifest(paths).check_private("skill.toml", std::slice::from_ref(&create))
    {
        Ok(()) => "accepted".to_owned(),
        Err(problems) => problems.to_string(),
    };
    let all = "[\"input\", \"input.customers\", \"input.customers.e-mail\", \"input.customers.e_mail\", \"output\", \"output.id\"]";
    assert_eq!(found(all), "accepted");
    assert_eq!(manifest(all).claim("create").private.len(), 6);
    assert!(manifest("[]").claim("create").private.is_empty());
    assert_snapshot!(found("[\"input.customer\"]"), @r#"
    skill.toml:6: `input.customer` is private in nothing `create` has: .customer is not in record {customers}, it has customers
    "#);
    assert_snapshot!(found("[\"output.id.more\"]"), @r#"
    skill.toml:6: `output.id.more` is private in nothing `create` has: .more is not in string, it has no parts
    "#);
    assert_snapshot!(problems(&private("[\"customers\", \"output\", \"output\"]")), @r#"
    skill.toml:9:12: `customers` is neither in what the operation is given nor in what it answers (`input.ARGUMENT` or `output.FIELD`, further fields after a dot; `input` or `output` for all of it)
    skill.toml:9:35: `output` is named already
    "#);
    assert_snapshot!(problems(&private("\"output\"")), @r#"
    skill.toml:9:11: `private` takes a list, not a string
    "#);
}

const EXAMPLES: &str = r#"[skill]
name = "a:b"
summary = "s"

[[example]]
operation = "write"
input = { template = "@examples/welcome.txt", at = "@@home", count = 18_446_744_073_709_551_615, ratio = 0.5 }
output = "@examples/out.json"

[[example]]
operation = "write"
error = { missing-value = "contact" }
"#;

#[test]
fn examples_take_their_files_from_the_reader() {
    let mut manifest = Manifest::parse("skill.toml", EXAMPLES).unwrap();
    assert_eq!(
        manifest.files().into_iter().collect::<Vec<_>>(),
        ["examples/out.json", "examples/welcome.txt"]
    );
    let mut read = |name: &str| match name {
        "examples/welcome.txt" => Ok("Dear".into()),
        _ => Ok("{\"bytes\": 4}".into()),
    };
    manifest.resolve_files("skill.toml", &mut read).unwrap();
    let input = json!({ "template": "Dear", "at": "@home", "count": u64::MAX, "ratio": 0.5 });
    assert_eq!(manifest.examples[0].input, input);
    assert_eq!(manifest.examples[0].expected, Expected::Output(json!({ "bytes": 4 })));
    assert_eq!(manifest.examples[1].expected, Expected::Error(json!({ "missing-value": "contact" })));
    assert_eq!(manifest.examples[1].input, json!({}));
}

#[test]
fn examples_that_cannot_be_run_are_refused() {
    let mut manifest = Manifest::parse("skill.toml", EXAMPLES).unwrap();
    let refused = manifest.resolve_files("skill.toml", &mut |_| Err("is not there".into())).unwrap_err();
    assert_snapshot!(refused, @r"
    skill.toml:5: the example's file `examples/welcome.txt` is not there
    skill.toml:5: the example's file `examples/out.json` is not there
    ");
    assert_snapshot!(problems(&EXAMPLES.replace("@examples/welcome.txt", "@../secret")), @"skill.toml:7:9: `@../secret` is no file beside skill.toml (a relative path without `..`; a text that begins with @ is written `@@`)");
    assert_snapshot!(problems(&EXAMPLES.replace("@examples/welcome.txt", "@/etc/passwd")), @"skill.toml:7:9: `@/etc/passwd` is no file beside skill.toml (a relative path without `..`; a text that begins with @ is written `@@`)");
    assert_snapshot!(problems(&EXAMPLES.replace("error = ", "output = 1\nerror = ")), @"skill.toml:10:1: an example has an output or an error, not both");
    assert_snapshot!(problems(&EXAMPLES.replace("0.5", "inf")), @"skill.toml:7:9: `inf` is no number JSON has");
    assert_snapshot!(problems(&EXAMPLES.replace("0.5", "2026-01-01")), @"skill.toml:7:9: a date or time is written as a text, in quotes");
    assert_snapshot!(problems(&EXAMPLES.replace("error = ", "input = 5\nerror = ")), @r#"skill.toml:12:9: `input` is a table of the arguments by name, or one "@file.json" (input = { text = "..." })"#);
}

#[test]
fn a_packed_manifest_is_the_same_manifest() {
    let files = [("examples/welcome.txt", "Dear"), ("examples/out.json", "{}")];
    let packed = Packed {
        schema: 1,
        version: semver::Version::new(1, 2, 3),
        skill_toml: EXAMPLES.into(),
        files: files.map(|(name, text)| (name.into(), text.into())).into(),
    };
    let bytes = packed.encode().unwrap();
    assert_eq!(Packed::decode(&bytes), Ok(packed.clone()));
    assert_eq!(packed.manifest().unwrap().examples[0].input["template"], json!("Dear"));
    assert_eq!(bytes, serde_json_canonicalizer_form(&bytes), "canonical");
}

/// Parsed and written again with sorted keys: equal for a canonical text without floats.
fn serde_json_canonicalizer_form(bytes: &[u8]) -> Vec<u8> {
    serde_json::from_slice::<BTreeMap<String, Value>>(bytes)
        .map(|map| serde_json::to_vec(&map).unwrap())
        .unwrap()
}

#[test]
fn a_forged_section_is_refused() {
    let good = json!({ "schema": 1, "version": "1.0.0", "skill-toml": "" });
    assert!(
        Packed::decode(good.to_string().as_bytes()).unwrap().manifest().is_err(),
        "an empty text is no manifest"
    );
    for (key, value) in [("schema", json!(2)), ("version", json!("one")), ("grants", json!([]))] {
        let mut forged = good.clone();
        forged[key] = value;
        assert!(matches!(Packed::decode(forged.to_string().as_bytes()), Err(PackedError::Form(_))), "{key}");
    }
    assert!(matches!(Packed::decode(&vec![b' '; SECTION_MAX + 1]), Err(PackedError::Size(_))));
}
