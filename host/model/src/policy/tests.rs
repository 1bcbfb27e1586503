//! Policies in, what they permit or what is wrong with them out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests end on the first surprise"
)]

use super::*;
use crate::limits::LimitOrigin;
use crate::quantity::{Bytes, Span};
use insta::assert_snapshot;
use proptest::prelude::*;
use std::fmt::Write as _;

const POLICY: &str = r#"version = 1
inert = ["wasi:sockets"]

[[rule]]
id = "crm-accounts"
skill = "kapell:crm-account"
kind = "keyvalue"
name = "accounts"
bind = "namespace:crm"
access = "read-write"
most = { keys = 10_000, bytes = "4MiB" }

[[rule]]
id = "letters-out"
skill = "kapell:letter"
kind = "files"
name = "out"
bind = "./out"
access = "write"
most = { files = 10, bytes = "1MiB" }

[limits.any]
fuel = 200_000_000
deadline = "5s"

[limits."kapell:letter"]
fuel = 1_000

[role.legal]
people = ["user:*"]
"#;

const SKILL: &str = r#"[skill]
name = "acme:all"
summary = "Asks for one of each kind"

[operation.change]
effects = "idempotent"

[[capability]]
kind = "files"
name = "out"
access = "write"
reason = "r"

[[capability]]
kind = "keyvalue"
name = "out"
access = "read-write"
reason = "r"

[[capability]]
kind = "keyvalue"
name = "terms"
access = "read"
reason = "r"
"#;

fn parse(text: &str) -> Result<Policy, Diagnostics> {
    let closed = ["/srv/home/.kapell".into()];
    Policy::parse(
        "policy.toml",
        text,
        Surroundings {
            folder: Path::new("/srv/home"),
            closed: &closed,
            links: |path| path.starts_with("/srv/home/linked"),
        },
    )
}

/// Every problem as people read it: place, message, hint.
fn problems(text: &str) -> String {
    let Err(Diagnostics(problems)) = parse(text) else { return "accepted".into() };
    let mut lines = String::new();
    for problem in problems {
        let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        writeln!(lines, "{problem}{hint}").unwrap();
    }
    lines
}

/// The policy with one text changed.
fn changed(from: &str, to: &str) -> String {
    assert!(POLICY.contains(from), "{from}");
    problems(&POLICY.replacen(from, to, 1))
}

/// A manifest that asks for one of each kind.
fn all_kinds() -> Manifest {
    let rest = ["config", "clock", "random", "logging", "notes"];
    let rest = rest.map(|kind| format!("[[capability]]\nkind = \"{kind}\"\nreason = \"r\"\n"));
    Manifest::parse("skill.toml", &(SKILL.to_owned() + &rest.concat())).unwrap()
}

fn asking(skill: &str, kind: &str, name: &str, access: &str, optional: bool) -> Manifest {
    let effects = if access == "read" { "reads" } else { "once" };
    let text = format!(
        "[skill]\nname = \"{skill}\"\nsummary = \"s\"\n[operation.x]\neffects = \"{effects}\"\n[[capability]]\nkind = \"{kind}\"\nname = \"{name}\"\naccess = \"{access}\"\nreason = \"r\"\noptional = {optional}\n"
    );
    Manifest::parse("skill.toml", &text).unwrap()
}

#[test]
fn a_rule_grants_what_it_says_to_the_skill_it_names() {
    let policy = parse(POLICY).unwrap();
    let granted = policy.resolve(&asking("kapell:letter", "files", "out", "write", false)).unwrap();
    let authority = Authority::Files {
        root: "/srv/home/out".into(),
        identity: None,
        access: Access::Write,
        bytes_max: Bytes(1 << 20),
        file_max: Bytes(1 << 20),
        files_max: 10,
    };
    assert_eq!(granted.grants.len(), 1);
    assert_eq!((granted.grants[0].rule.as_str(), &granted.grants[0].authority), ("letters-out", &authority));
    assert_eq!(granted.inert, ["wasi:sockets"]);

    // A file may be as large as all of them together unless the rule says less.
    for (most, file) in
        [("files = 10", 1 << 20), ("file = \"64KiB\"", 64 << 10), ("file = \"2MiB\"", 1 << 20)]
    {
        let policy = parse(&POLICY.replace("files = 10", most)).unwrap();
        let granted = policy.resolve(&asking("kapell:letter", "files", "out", "write", false)).unwrap();
        let Authority::Files { file_max, .. } = granted.grants[0].authority else { panic!("files") };
        assert_eq!(file_max, Bytes(file), "{most}");
    }

    // Less asked for is less granted.
    let reader =
        policy.resolve(&asking("kapell:crm-account", "keyvalue", "accounts", "read", false)).unwrap();
    let authority = Authority::Keyvalue {
        namespace: "crm".into(),
        access: Access::Read,
        bytes_max: Bytes(0),
        keys_max: 0,
    };
    assert_eq!(reader.grants[0].authority, authority);
}

#[test]
fn what_no_rule_names_exactly_is_refused() {
    let policy = parse(POLICY).unwrap();
    for (skill, kind, name) in [
        ("kapell:letters", "files", "out"),
        ("kapell:letter", "keyvalue", "out"),
        ("kapell:letter", "files", "in"),
        ("kapell:crm-account", "files", "out"),
    ] {
        let refusals = policy.resolve(&asking(skill, kind, name, "write", false)).unwrap_err();
        assert_eq!((refusals.len(), &refusals[0].rule), (1, &None), "{skill} {kind} {name}");
        assert_eq!(policy.resolve(&asking(skill, kind, name, "write", true)).unwrap().grants, []);
        assert!(Policy::deny_all().resolve(&asking(skill, kind, name, "write", false)).is_err());
    }
}

#[test]
fn a_rule_that_permits_less_refuses_by_its_name_and_its_advice_mends_it() {
    let narrow =
        POLICY.replace("read-write", "read").replace("most = { keys = 10_000, bytes = \"4MiB\" }\n", "");
    let manifest = asking("kapell:crm-account", "keyvalue", "accounts", "read-write", false);
    let refusals = parse(&narrow).unwrap().resolve(&manifest).unwrap_err();
    assert_snapshot!(told(&refusals), @r#"
    keyvalue `accounts`: it is asked for to read-write, the rule permits to read | crm-accounts | skill.toml:6
    in rule `crm-accounts` (policy.toml:4) write: access = "read-write"
    "#);
    let advised = refusals[0].advice.as_ref().and_then(|advice| advice.rsplit_once("write: ")).unwrap().1;
    let mended = parse(&narrow.replace("access = \"read\"", advised)).unwrap();
    assert_eq!(mended.resolve(&manifest).unwrap().grants[0].authority.access(), Some(Access::ReadWrite));

    let optional = asking("kapell:crm-account", "keyvalue", "accounts", "read-write", true);
    let partly = parse(&narrow).unwrap().resolve(&optional).unwrap();
    assert_eq!(partly.grants[0].authority.access(), Some(Access::Read));
}

fn told(refusals: &[Refusal]) -> String {
    refusals
        .iter()
        .map(|refusal| {
            let [rule, at, advice] = [
                refusal.rule.as_ref().map(RuleId::as_str),
                refusal.asked_at.as_deref(),
                refusal.advice.as_deref(),
            ]
            .map(Option::unwrap_or_default);
            format!("{refusal} | {rule} | {at}\n{advice}\n")
        })
        .collect()
}

#[test]
fn every_refusal_prints_the_rule_that_mends_it() {
    let manifest = all_kinds();
    let refusals = parse(POLICY).unwrap().resolve(&manifest).unwrap_err();
    assert_snapshot!(told(&refusals), @r#"
    files `out`: no rule of policy.toml permits it to acme:all |  | skill.toml:8
    [[rule]]
    id = "acme-all-files-out"
    skill = "acme:all"
    kind = "files"
    name = "out"
    bind = "./out"
    access = "write"
    most = { files = 10, bytes = "1MiB" }

    keyvalue `out`: no rule of policy.toml permits it to acme:all |  | skill.toml:14
    [[rule]]
    id = "acme-all-keyvalue-out"
    skill = "acme:all"
    kind = "keyvalue"
    name = "out"
    bind = "namespace:acme-all-out"
    access = "read-write"
    most = { keys = 100, bytes = "1MiB" }

    keyvalue `terms`: no rule of policy.toml permits it to acme:all |  | skill.toml:20
    [[rule]]
    id = "acme-all-keyvalue-terms"
    skill = "acme:all"
    kind = "keyvalue"
    name = "terms"
    bind = "namespace:acme-all-terms"
    access = "read"

    config `config`: no rule of policy.toml permits it to acme:all |  | skill.toml:25
    [[rule]]
    id = "acme-all-config"
    skill = "acme:all"
    kind = "config"
    bind = {}

    clock `clock`: no rule of policy.toml permits it to acme:all |  | skill.toml:28
    [[rule]]
    id = "acme-all-clock"
    skill = "acme:all"
    kind = "clock"
    resolution = "1s"

    random `random`: no rule of policy.toml permits it to acme:all |  | skill.toml:31
    [[rule]]
    id = "acme-all-random"
    skill = "acme:all"
    kind = "random"
    most = { bytes = "16KiB" }

    logging `logging`: no rule of policy.toml permits it to acme:all |  | skill.toml:34
    [[rule]]
    id = "acme-all-logging"
    skill = "acme:all"
    kind = "logging"
    most = { bytes = "16KiB" }

    notes `notes`: no rule of policy.toml permits it to acme:all |  | skill.toml:37
    [[rule]]
    id = "acme-all-notes"
    skill = "acme:all"
    kind = "notes"
    most = { bytes = "16KiB" }
    "#);
    let pasted = refusals.iter().filter_map(|refusal| refusal.advice.clone()).collect::<String>();
    let granted = parse(&format!("{POLICY}{pasted}")).unwrap().resolve(&manifest).unwrap();
    let kinds: Vec<_> = granted.grants.iter().map(|grant| grant.authority.kind()).collect();
    assert_eq!(kinds, manifest.asks.iter().map(|ask| ask.kind).collect::<Vec<_>>());
}

#[test]
fn the_rule_to_paste_finds_an_id_that_is_free() {
    let taken = POLICY.replace("crm-accounts", "acme-all-files-out");
    let refusals =
        parse(&taken).unwrap().resolve(&asking("acme:all", "files", "out", "write", false)).unwrap_err();
    let advice = refusals[0].advice.as_ref().unwrap();
    assert!(advice.contains("id = \"acme-all-files-out-2\""), "{advice}");

    let long = format!("acme:{}", "a".repeat(59));
    let manifest = asking(&long, "keyvalue", &"b".repeat(48), "write", false);
    let advice = Policy::deny_all().resolve(&manifest).unwrap_err()[0].advice.clone().unwrap();
    parse(&format!("version = 1\n{advice}")).unwrap().resolve(&manifest).unwrap();
}

#[test]
fn an_operation_that_changes_nothing_gets_nothing_to_write_with() {
    let text = SKILL.to_owned() + "[operation.look]\neffects = \"reads\"\n";
    let manifest = Manifest::parse("skill.toml", &text).unwrap();
    let rules = Policy::deny_all().resolve(&manifest).unwrap_err();
    let rules = rules.into_iter().filter_map(|refusal| refusal.advice).collect::<String>();
    let policy = parse(&format!("version = 1\n{rules}")).unwrap();
    let granted = |operation| {
        let set = policy.resolve_operation(&manifest, operation).unwrap();
        set.grants
            .iter()
            .map(|grant| format!("{} {} ", grant.name, grant.authority.access().unwrap()))
            .collect::<String>()
    };
    assert_eq!(granted("change"), "out write out read-write terms read ");
    assert_eq!(granted("look"), "out read terms read ");
    assert_eq!(granted("never-named"), "out read terms read ");
}

#[test]
fn the_skills_own_ceiling_goes_before_the_general_one() {
    let policy = parse(POLICY).unwrap();
    let none = WishedLimits::default();
    let letter = policy.limits(&asking("kapell:letter", "files", "out", "write", false), &none);
    assert_eq!((letter.limits.fuel, letter.origins.fuel), (1_000, LimitOrigin::Policy));
    assert_eq!((letter.limits.deadline, letter.origins.deadline), (Span(5_000), LimitOrigin::Policy));
    assert_eq!(letter.origins.memory, LimitOrigin::Default);
    let other = policy.limits(&all_kinds(), &WishedLimits { fuel: Some(7), ..none });
    assert_eq!((other.limits.fuel, other.origins.fuel), (7, LimitOrigin::Flow));
    assert_eq!(policy.limits(&all_kinds(), &none).limits.fuel, 200_000_000);
}

/// What is empty for everybody may be lent to one, and that is said; what is empty for one is not lent to that one.
#[test]
fn nothing_is_lent_and_empty_for_the_same_skill() {
    let rule = "[[rule]]\nid = \"web\"\nskill = \"a:b\"\nkind = \"http\"\nname = \"w\"\nbind = \"https://api.acme.example/\"\nmethods = [\"GET\"]\n";
    let inert = |inert: &str| format!("version = 1\n{rule}[inert]\n{inert}\n");
    let said = |text: &str| parse(&inert(text)).unwrap().lent_all_the_same().join("\n");
    assert_eq!(said("any = [\"wasi:sockets\"]\n\"a:b\" = [\"wasi:httpx\"]\n\"a:c\" = [\"wasi:http\"]"), "");
    assert_snapshot!(said("any = [\"wasi:http\"]"), @"policy.toml:2: wasi:http is empty for any skill, and rule `web` lends it to a:b all the same");
    assert_snapshot!(problems(&inert("\"a:b\" = [\"wasi:http/outgoing-handler\"]")), @"policy.toml:2:1: rule `web` lends a:b what [inert] makes empty: wasi:http/outgoing-handler (leave out the one or the other)");
}

#[test]
fn inert_is_said_of_all_or_of_one() {
    let both =
        "version = 1\n[inert]\nany = [\"wasi:sockets\"]\n\"a:b\" = [\"wasi:http/types\", \"wasi:sockets\"]\n";
    let policy = parse(both).unwrap();
    assert_eq!(policy.inert(&"a:b".parse().unwrap()), ["wasi:http/types", "wasi:sockets"]);
    assert_eq!(policy.inert(&"a:c".parse().unwrap()), ["wasi:sockets"]);
    assert_snapshot!(changed("\"wasi:sockets\"", "\"wasi:*\", \"wasi\", \"wasi:io@0.2.0\", \"a:b\", \"a:b\""), @r#"
    policy.toml:2:10: `wasi:*` is no package or interface (such as "wasi:sockets" or "wasi:sockets/tcp", without a version)
    policy.toml:2:20: `wasi` is no package or interface (such as "wasi:sockets" or "wasi:sockets/tcp", without a version)
    policy.toml:2:28: `wasi:io@0.2.0` is no package or interface (such as "wasi:sockets" or "wasi:sockets/tcp", without a version)
    policy.toml:2:52: `a:b` is named twice
    "#);
}

#[test]
fn roles_name_people() {
    let policy = parse(POLICY).unwrap();
    assert_eq!(policy.people(&"legal".parse().unwrap()), Some(&["user:*".to_owned()][..]));
    assert_eq!(policy.people(&"finance".parse().unwrap()), None);
    assert_snapshot!(changed("[\"user:*\"]", "[]"), @"policy.toml:30:10: nobody could answer for the role");
    assert_snapshot!(changed("[\"user:*\"]", "[\"ada\", \"user:\", \"user:a b\", \"group:x\"]"), @r#"
    policy.toml:30:11: `ada` is no person ("user:NAME", or "user:*" for anybody)
    policy.toml:30:18: `user:` is no person ("user:NAME", or "user:*" for anybody)
    policy.toml:30:27: `user:a b` is no person ("user:NAME", or "user:*" for anybody)
    policy.toml:30:39: `group:x` is no person ("user:NAME", or "user:*" for anybody)
    "#);
    assert_snapshot!(changed("[\"user:*\"]", "[\"user:ada\", \"user:ada\", \"user:*\"]"), @r"
    policy.toml:30:10: `user:*` is anybody, so the other names say nothing
    policy.toml:30:23: `user:ada` is named twice
    ");
    assert_snapshot!(changed("people", "person"), @r"
    policy.toml:29:1: a role has no `people`
    policy.toml:30:1: a role has no key `person` (known here: people)
    ");
}

#[test]
fn a_key_nobody_enforces_is_refused_with_its_place() {
    assert_snapshot!(changed("version = 1", "version = 2"), @"policy.toml:1:11: this host reads version 1 of a policy");
    assert_snapshot!(changed("version = 1", ""), @"policy.toml:1:1: the file has no `version`");
    assert_snapshot!(changed("kind = \"keyvalue\"", "kind = \"key-value\""), @"policy.toml:7:8: `key-value` is no kind (did you mean `keyvalue`?)");
    assert_snapshot!(changed("keys = 10_000", "files = 10_000"), @"policy.toml:11:10: `most` has no key `files` (known here: bytes, keys)");
    assert_snapshot!(changed("keys = 10_000", "keys = 0"), @"policy.toml:11:17: `keys` is not between 1 and 9007199254740991");
    assert_snapshot!(changed("keys = 10_000", "file = 1"), @"policy.toml:11:10: `most` has no key `file` (known here: bytes, keys)");
    assert_snapshot!(changed("id = \"crm-accounts\"", "id = \"crm-accounts\"\nexpires = 2026-12-01"), @r#"
    policy.toml:6:1: [[rule]] has no key `expires` (known here: effect, id, skill, kind, name, access, bind, most, marks)
    "#);
    assert_snapshot!(changed("access = \"read-write\"", "access = \"read\""), @"policy.toml:11:1: `most` limits writing, and the rule only permits to read: leave it out");
    assert_snapshot!(changed("access = \"read-write\"", "access = \"all\""), @"policy.toml:10:10: `all` is no access (known here: read, write, read-write)");
    assert_snapshot!(changed("[limits.any]", "[limits.all]"), @"policy.toml:22:9: `all` is not a skill name: expected `namespace:name` in lower-case words joined by `-`, 64 bytes at most");
    assert_snapshot!(changed("fuel = 200_000_000", "fule = 200_000_000"), @"policy.toml:23:1: [limits] has no key `fule` (did you mean `fuel`?)");
    assert_snapshot!(changed("[role.legal]", "[rol.legal]"), @"policy.toml:29:2: the file has no key `rol` (did you mean `role`?)");
    let clock = "version = 1\n[[rule]]\nid = \"c\"\nskill = \"a:b\"\nkind = \"clock\"\n";
    assert_snapshot!(problems(clock), @"policy.toml:2:1: [[rule]] has no `resolution`");
    assert_snapshot!(problems(&format!("{clock}resolution = \"1s\"\nbind = \"utc\"\naccess = \"read\"\n")), @"policy.toml:8:1: clock has no access: leave it out");
    assert_snapshot!(problems(&format!("{clock}resolution = \"1s\"\nmost = {{ bytes = 1 }}\n")), @r#"
    policy.toml:7:1: [[rule]] has no key `most` (known here: effect, id, skill, kind, name, access, resolution)
    "#);
}

#[test]
fn a_bind_is_one_plain_thing() {
    for wide in [
        "/",
        ".",
        "./",
        "",
        "/srv",
        "/srv/home",
        "..",
        "./a/../..",
        "~",
        "~/out",
        "$HOME",
        "%TEMP%",
        "./*",
        "./a?",
        "C:",
        "C:\\\\x",
        "a\\\\b",
        "./.kapell",
        ".kapell/store",
        "/srv/home/.kapell/runs",
    ] {
        let told = changed("\"./out\"", &format!("\"{wide}\""));
        assert!(told.starts_with("policy.toml:18:8: `bind` "), "{wide}: {told}");
    }
    assert_snapshot!(changed("\"./out\"", "\"/\""), @r#"policy.toml:18:8: `bind` holds the policy itself: name a directory below it or beside it (one directory, such as "./out" or "/srv/letters")"#);
    assert_snapshot!(changed("\"./out\"", "\".kapell/store\""), @r#"policy.toml:18:8: `bind` reaches a folder of the host's own (one directory, such as "./out" or "/srv/letters")"#);
    assert_snapshot!(changed("\"./out\"", "\"../out\""), @r#"policy.toml:18:8: `bind` has `..`, which could lead anywhere (one directory, such as "./out" or "/srv/letters")"#);
    for (written, root) in [
        ("out", "/srv/home/out"),
        ("./a//./b/", "/srv/home/a/b"),
        ("/srv/letters", "/srv/letters"),
        ("a..b", "/srv/home/a..b"),
    ] {
        let policy = parse(&POLICY.replace("\"./out\"", &format!("\"{written}\""))).unwrap();
        let Authority::Files { root: found, .. } = &policy.rules[1].authority else { panic!("files") };
        assert_eq!(found, root, "{written}");
    }
    for namespace in ["crm", "namespace:", "namespace:*", "namespace:CRM", "namespace:a/b", "./crm"] {
        let told = changed("namespace:crm", namespace);
        assert!(told.starts_with("policy.toml:9:8: a keyvalue rule is bound"), "{namespace}: {told}");
    }
}

#[test]
fn rules_that_could_mean_each_other_are_refused() {
    let rule = |id: &str, skill: &str, name: &str, bind: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nskill = \"{skill}\"\nkind = \"files\"\nname = \"{name}\"\nbind = \"{bind}\"\naccess = \"read\"\n"
        )
    };
    let two =
        |second: String| problems(&format!("version = 1\n{}{second}", rule("one", "a:b", "in", "./data")));
    assert_snapshot!(two(rule("one", "a:c", "x", "./x")), @r#"
    policy.toml:9:1: rule `one` has the same id as the rule on line 2
    "#);
    assert_snapshot!(two(rule("two", "a:b", "in", "./x")), @"policy.toml:9:1: rule `two` is for the same thing as rule `one` on line 2");
    assert_snapshot!(two(rule("two", "a:b", "x", "./data/x")), @"policy.toml:9:1: rule `two` reaches the same place for the same skill as rule `one` on line 2");
    assert_snapshot!(two(rule("two", "a:b", "x", "./database")), @"accepted");
    assert_snapshot!(two(rule("two", "a:c", "in", "./data")), @"accepted");
}

#[test]
fn no_rule_lends_the_system_or_a_secret() {
    let bound = |bind: &str| {
        problems(&format!(
            "version = 1\n[[rule]]\nid = \"in\"\nskill = \"a:b\"\nkind = \"files\"\nname = \"in\"\nbind = \"{bind}\"\naccess = \"read\"\n\
             [[rule]]\nid = \"web\"\nskill = \"a:b\"\nkind = \"http\"\nname = \"w\"\nbind = \"https://api.acme.example/\"\n\
             methods = [\"GET\"]\ninject = {{ x-key = \"{{crm}}\" }}\n[secret.crm]\nfrom = \"file:/srv/keys/crm\"\n"
        ))
    };
    for fine in
        ["/procs", "/etc/acme", "/var/lib/acme", "/home/ada/letters", "/srv/keyring", "/srv/keys/crm-in"]
    {
        assert_eq!(bound(fine), "accepted", "{fine}");
    }
    let refused = [
        "/proc",
        "/proc/self",
        "/dev/shm",
        "/sys",
        "/etc",
        "/root/",
        "/var",
        "/home",
        "/usr",
        "/boot",
        "/opt",
        "/srv",
    ];
    let refused = refused.into_iter().chain([
        "/srv/keys",
        "/srv/keys/crm",
        "/home/ada",
        "/home/ada/.ssh",
        "/etc/ssh/keys",
    ]);
    assert_snapshot!(refused.map(bound).collect::<String>(), @r#"
    policy.toml:7:8: `bind` is the kernel's, in which the host itself can be read (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is the kernel's, in which the host itself can be read (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is the kernel's, in which the host itself can be read (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is the kernel's, in which the host itself can be read (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is a whole part of the system: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is a whole part of the system: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is a whole part of the system: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is a whole part of the system: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is a whole part of the system: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is a whole part of the system: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is a whole part of the system: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` holds the policy itself: name a directory below it or beside it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` holds the file of the secret `crm` (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` holds the file of the secret `crm` (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is all somebody has: name a directory below it (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is where keys to other machines are kept (one directory, such as "./out" or "/srv/letters")
    policy.toml:7:8: `bind` is where keys to other machines are kept (one directory, such as "./out" or "/srv/letters")
    "#);
}

#[test]
fn the_default_policy_grants_nothing_and_its_examples_work() {
    let fresh = parse(DEFAULT_POLICY).unwrap();
    assert_eq!((fresh.rules.len(), fresh.denials.len(), fresh.roles.len()), (0, 0, 0));
    assert_eq!((&fresh.inert, &fresh.limits), (&BySkill::default(), &BySkill::default()));
    let used = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => format!("{example}\n"),
        _ => format!("{line}\n"),
    };
    let all = parse(&DEFAULT_POLICY.lines().map(used).collect::<String>()).unwrap();
    assert_eq!((all.rules.len(), all.denials.len(), all.roles.len(), all.inert.any.len()), (7, 1, 3, 1));
    assert_eq!(all.budgets.len(), 1);
    assert_eq!((all.providers.len(), all.secrets.len(), all.authorities.len()), (2, 2, 1));
    assert_eq!(all.approval.four_eyes, Some(true));
    // The numbers written there are the ones in force anyway, but for memory.
    let limits = all.limits(&Manifest::without("x:y".parse().unwrap()), &WishedLimits::default()).limits;
    assert_eq!(crate::limits::Limits { memory: Bytes(32 << 20), ..limits }, crate::limits::Limits::default());
}

fn access() -> impl Strategy<Value = Access> {
    prop::sample::select(vec![Access::Read, Access::Write, Access::ReadWrite])
}

/// What one optional ask is granted by one rule.
fn granted(asked: Access, permitted: Access, keys: u64) -> Option<Authority> {
    let most = if permitted.writes() { format!("most = {{ keys = {keys} }}\n") } else { String::new() };
    let rule = format!(
        "version = 1\n[[rule]]\nid = \"r\"\nskill = \"a:b\"\nkind = \"keyvalue\"\nname = \"n\"\nbind = \"namespace:n\"\naccess = \"{permitted}\"\n{most}"
    );
    let manifest = asking("a:b", "keyvalue", "n", asked.word(), true);
    parse(&rule).unwrap().resolve(&manifest).unwrap().grants.first().map(|grant| grant.authority.clone())
}

proptest! {
    #[test]
    fn a_grant_is_within_the_ask_and_within_the_rule(
        asked in access(), permitted in access(), keys in 1..1_000_u64,
        wider_ask in access(), wider_rule in access(), more in 0..1_000_u64,
    ) {
        let rule = Authority::Keyvalue {
            namespace: "n".into(), access: permitted, bytes_max: Bytes(1 << 20), keys_max: keys,
        };
        if let Some(grant) = granted(asked, permitted, keys) {
            prop_assert!(asked.covers(grant.access().unwrap()));
            prop_assert!(rule.covers(&grant));
        }
        // Widening the ask alone never passes the rule, widening the rule alone never passes the ask.
        if let Some(grant) = granted(wider_ask, permitted, keys) {
            prop_assert!(rule.covers(&grant));
        }
        if let Some(grant) = granted(asked, wider_rule, keys + more) {
            prop_assert!(asked.covers(grant.access().unwrap()));
        }
    }
}
