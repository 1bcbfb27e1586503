//! Tests of what the policy decides: denials, explanations, tables of cases, what a change moves, what would suffice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use crate::capability::testing::{access, authority};
use crate::uses::Use;
use insta::assert_snapshot;
use proptest::prelude::*;

const SKILL: &str = r#"
[skill]
name = "acme:all"
summary = "Asks for some of everything"

[operation.change]
effects = "idempotent"

[operation.look]
effects = "reads"

[[capability]]
kind = "files"
name = "out"
access = "write"
reason = "Letters"

[[capability]]
kind = "keyvalue"
name = "accounts"
access = "read-write"
reason = "Accounts"

[[capability]]
kind = "http"
name = "crm"
methods = ["GET", "POST"]
reason = "The record"
optional = true

[[capability]]
kind = "random"
reason = "Ids"
optional = true
"#;

const POLICY: &str = r#"version = 1
[[rule]]
id = "letters"
skill = "acme:all"
kind = "files"
name = "out"
bind = "./out"
access = "write"
most = { files = 2, bytes = "4KiB", file = "2KiB" }
[[rule]]
id = "accounts"
skill = "acme:all"
kind = "keyvalue"
name = "accounts"
bind = "namespace:crm"
access = "read-write"
[[rule]]
id = "crm"
skill = "acme:all"
kind = "http"
name = "crm"
bind = "https://api.acme.example/v1/"
methods = ["GET", "POST"]
"#;

fn manifest() -> Manifest {
    Manifest::parse("skill.toml", SKILL).unwrap()
}

fn parse(text: &str) -> Result<Policy, Diagnostics> {
    let closed = [PathBuf::from("/srv/home/.kapell")];
    let links = |path: &Path| path.starts_with("/srv/home/linked");
    Policy::parse(
        "policy.toml",
        text,
        Surroundings { folder: Path::new("/srv/home"), closed: &closed, links },
    )
}

fn with(more: &str) -> Policy {
    parse(&format!("{POLICY}{more}")).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(more: &str) -> String {
    let told = parse(&format!("{POLICY}{more}")).err();
    let line = |it: &crate::source::Diagnostic| match &it.hint {
        Some(hint) => format!("{it} ({hint})"),
        None => it.to_string(),
    };
    told.map_or_else(|| "accepted".into(), |it| it.0.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// The inside of one more rule.
fn denial(inside: &str) -> String {
    format!("[[rule]]\nid = \"no\"\neffect = \"deny\"\n{inside}\n")
}

fn explained(policy: &Policy, uses: &[&str]) -> String {
    let told = |text: &&str| {
        let (operation, said) = match text.split_once(": ") {
            Some((operation, said)) => (Some(operation), said),
            None => (None, *text),
        };
        let found = policy.explain(&manifest(), operation, &said.parse().unwrap());
        let by = found.rule.map(|rule| format!(" [{rule}]")).unwrap_or_default();
        format!("{text}\n  {}{by} {}", serde_json::to_string(&found.because).unwrap(), found.why)
    };
    uses.iter().map(told).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_use_has_one_reason() {
    let uses = [
        "files write out/a.txt of 2KiB",
        "files write out/a.txt of 3KiB",
        "files write out/../a.txt",
        "files read out/a.txt",
        "files write in/a.txt",
        "keyvalue read-write accounts/acme",
        "change: keyvalue write accounts/acme",
        "look: keyvalue write accounts/acme",
        "look: keyvalue read accounts/acme",
        "http GET https://api.acme.example/v1/accounts",
        "http GET https://api.acme.example/v2/accounts",
        "http DELETE https://api.acme.example/v1/accounts",
        "random of 16B",
        "clock",
    ];
    assert_snapshot!(explained(&with(""), &uses), @r#"
    files write out/a.txt of 2KiB
      "granted" [letters] rule `letters` (policy.toml:2) permits it
    files write out/a.txt of 3KiB
      "limit" [letters] rule `letters` (policy.toml:2) does not reach so far: 2 KiB in one file at most
    files write out/../a.txt
      "bind" [letters] rule `letters` (policy.toml:2) does not reach so far: it leads out of the directory
    files read out/a.txt
      "not-asked" acme:all asks for files `out` only to write
    files write in/a.txt
      "not-asked" acme:all does not ask for it
    keyvalue read-write accounts/acme
      "granted" [accounts] rule `accounts` (policy.toml:10) permits it
    change: keyvalue write accounts/acme
      "granted" [accounts] rule `accounts` (policy.toml:10) permits it
    look: keyvalue write accounts/acme
      "effects" the manifest says that look changes nothing
    look: keyvalue read accounts/acme
      "granted" [accounts] rule `accounts` (policy.toml:10) permits it
    http GET https://api.acme.example/v1/accounts
      "granted" [crm] rule `crm` (policy.toml:17) permits it
    http GET https://api.acme.example/v2/accounts
      "bind" [crm] rule `crm` (policy.toml:17) does not reach so far: it is bound to https://api.acme.example/v1/
    http DELETE https://api.acme.example/v1/accounts
      "not-asked" acme:all asks for http `crm` only to GET POST
    random of 16B
      "no-rule" no rule of policy.toml permits it to acme:all
    clock
      "not-asked" acme:all does not ask for it
    "#);
}

#[test]
fn what_an_optional_ask_is_not_given_is_decided_by_a_rule_that_is_named() {
    let withheld = |inside: &str| {
        let text = if inside.is_empty() { String::new() } else { denial(inside) };
        let withheld = with(&text).resolve(&manifest()).unwrap().withheld;
        withheld.iter().map(|it| serde_json::to_string(it).unwrap()).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(withheld(""), @r#"
    {"kind":"random","name":"random"}
    "#);
    assert_snapshot!(withheld("skill = \"any\"\nkind = \"http\""), @r#"
    {"kind":"http","name":"crm","rule":"no","taken":{"kind":"http","target":"https://api.acme.example/v1/","methods":["GET","POST"],"calls_max":10,"sent_max":65536,"received_max":1048576,"hosts_max":1}}
    {"kind":"random","name":"random"}
    "#);
    assert_snapshot!(withheld("skill = \"any\"\nkind = \"http\"\nmethods = [\"POST\"]"), @r#"
    {"kind":"http","name":"crm","rule":"no","taken":{"kind":"http","target":"https://api.acme.example/v1/","methods":["POST"],"calls_max":10,"sent_max":65536,"received_max":1048576,"hosts_max":1}}
    {"kind":"random","name":"random"}
    "#);
    assert_snapshot!(withheld("skill = \"any\"\nkind = \"random\""), @r#"
    {"kind":"random","name":"random","rule":"no"}
    "#);
}

#[test]
fn a_denial_beats_every_rule_and_its_id_stands_in_the_refusal() {
    let resolved = |inside: &str| match with(&denial(inside)).resolve(&manifest()) {
        Ok(grants) => grants
            .grants
            .iter()
            .map(|grant| authority_words(&grant.authority, Path::new("/srv/home")))
            .collect::<Vec<_>>()
            .join(" | "),
        Err(refusals) => refusals
            .iter()
            .map(|refusal| {
                format!("refused {refusal} [{}]", refusal.rule.as_ref().map_or("", RuleId::as_str))
            })
            .collect::<Vec<_>>()
            .join("\n"),
    };
    let table = [
        "skill = \"any\"\nkind = \"any\"",
        "skill = \"any\"\nkind = \"files\"",
        "skill = \"any\"\nkind = \"files\"\nbind = \"/\"",
        "skill = \"any\"\nkind = \"files\"\nbind = \"./out/private\"",
        "skill = \"any\"\nkind = \"files\"\nbind = \"./other\"",
        "skill = \"any\"\nkind = \"files\"\naccess = \"read\"",
        "skill = \"acme:all\"\nkind = \"keyvalue\"\naccess = \"write\"",
        "skill = \"acme:other\"\nkind = \"any\"",
        "skill = \"any\"\nkind = \"http\"\nmethods = [\"POST\"]",
        "skill = \"any\"\nkind = \"http\"\nbind = \"https://*.example/\"",
        "skill = \"any\"\nkind = \"http\"\nbind = \"https://*.com/\"",
        "skill = \"any\"\nkind = \"keyvalue\"\nname = \"terms\"",
    ];
    let lines: Vec<String> = table
        .iter()
        .map(|inside| format!("{}\n  {}", inside.replace('\n', ", "), resolved(inside)))
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    skill = "any", kind = "any"
      refused files `out`: denied by rule `no` (policy.toml:24) [no]
    refused keyvalue `accounts`: denied by rule `no` (policy.toml:24) [no]
    skill = "any", kind = "files"
      refused files `out`: denied by rule `no` (policy.toml:24) [no]
    skill = "any", kind = "files", bind = "/"
      refused files `out`: denied by rule `no` (policy.toml:24) [no]
    skill = "any", kind = "files", bind = "./out/private"
      refused files `out`: denied by rule `no` (policy.toml:24) [no]
    skill = "any", kind = "files", bind = "./other"
      write ./out, 4 KiB in 2 files, 2 KiB in one | read-write namespace crm, 1 MiB in 1000 keys | GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in
    skill = "any", kind = "files", access = "read"
      write ./out, 4 KiB in 2 files, 2 KiB in one | read-write namespace crm, 1 MiB in 1000 keys | GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in
    skill = "acme:all", kind = "keyvalue", access = "write"
      refused keyvalue `accounts`: denied by rule `no` (policy.toml:24) [no]
    skill = "acme:other", kind = "any"
      write ./out, 4 KiB in 2 files, 2 KiB in one | read-write namespace crm, 1 MiB in 1000 keys | GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in
    skill = "any", kind = "http", methods = ["POST"]
      write ./out, 4 KiB in 2 files, 2 KiB in one | read-write namespace crm, 1 MiB in 1000 keys | GET https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in
    skill = "any", kind = "http", bind = "https://*.example/"
      write ./out, 4 KiB in 2 files, 2 KiB in one | read-write namespace crm, 1 MiB in 1000 keys
    skill = "any", kind = "http", bind = "https://*.com/"
      write ./out, 4 KiB in 2 files, 2 KiB in one | read-write namespace crm, 1 MiB in 1000 keys | GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in
    skill = "any", kind = "keyvalue", name = "terms"
      write ./out, 4 KiB in 2 files, 2 KiB in one | read-write namespace crm, 1 MiB in 1000 keys | GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in
    "#);
    let policy = with(&denial("skill = \"any\"\nkind = \"keyvalue\"\naccess = \"write\""));
    let uses = ["keyvalue write accounts/acme", "files write out/a.txt"];
    assert_snapshot!(explained(&policy, &uses), @r#"
    keyvalue write accounts/acme
      "denied" [no] rule `no` (policy.toml:24) denies it
    files write out/a.txt
      "unrunnable" [no] acme:all does not run here: keyvalue `accounts`: denied by rule `no` (policy.toml:24)
    "#);
}

#[test]
fn a_key_of_a_denial_that_nobody_enforces_is_refused_with_its_place() {
    let told = |inside: &str| problems(&denial(inside));
    assert_snapshot!(told("skill = \"any\"\nkind = \"clock\"\naccess = \"read\""), @r#"
    policy.toml:29:1: [[rule]] has no key `access` (known here: effect, id, skill, kind, name)
    "#);
    assert_snapshot!(told("skill = \"any\"\nkind = \"any\"\nbind = \"/\""), @r#"
    policy.toml:29:1: [[rule]] has no key `bind` (did you mean `kind`?)
    "#);
    assert_snapshot!(told("skill = \"any\"\nkind = \"any\"\nname = \"out\""), @r#"
    policy.toml:29:1: [[rule]] has no key `name` (known here: effect, id, skill, kind)
    "#);
    assert_snapshot!(told("skill = \"any\"\nkind = \"files\"\nmethods = [\"GET\"]"), @r#"
    policy.toml:29:1: [[rule]] has no key `methods` (known here: effect, id, skill, kind, name, bind, access)
    "#);
    assert_snapshot!(told("skill = \"any\"\nkind = \"files\"\nmost = { files = 1 }"), @r#"
    policy.toml:29:1: [[rule]] has no key `most` (known here: effect, id, skill, kind, name, bind, access)
    "#);
    assert_snapshot!(told("skill = \"*\"\nkind = \"files\""), @r#"
    policy.toml:27:9: `*` is not a skill name: expected `namespace:name` in lower-case words joined by `-`, 64 bytes at most
    "#);
    assert_snapshot!(told("skill = \"any\"\nkind = \"files\"\nbind = \"~\""), @r#"
    policy.toml:29:8: `bind` has `~`, `$` or `%`, which nobody expands here (a directory, such as "./out", or "/" for every one)
    "#);
    assert_snapshot!(told("skill = \"any\"\nkind = \"files\"\nbind = \"./linked/in\""), @r#"
    policy.toml:29:8: `bind` leads through a symbolic link, which could be turned elsewhere (the directory itself, where the link leads)
    "#);
    assert!(
        parse(&(POLICY.to_owned() + &denial("skill = \"any\"\nkind = \"files\"\nbind = \"./real/in\"")))
            .is_ok()
    );
    assert_snapshot!(problems("[[rule]]\nid = \"x\"\neffect = \"forbid\"\nskill = \"any\"\nkind = \"any\"\n"), @r#"
    policy.toml:26:10: `forbid` is no effect (known here: allow, deny)
    "#);
    assert_snapshot!(problems("[[rule]]\nid = \"crm\"\neffect = \"deny\"\nskill = \"any\"\nkind = \"any\"\n"), @r#"
    policy.toml:24:1: rule `crm` has the same id as the rule on line 17
    "#);
    assert_snapshot!(problems("[[rule]]\nid = \"x\"\nskill = \"any\"\nkind = \"notes\"\n"), @r#"
    policy.toml:26:9: a rule that permits names one skill (only a rule with effect = "deny" is about any)
    "#);
    assert_snapshot!(problems("[[rule]]\nid = \"x\"\nskill = \"a:b\"\nkind = \"files\"\nname = \"in\"\nbind = \"./linked/in\"\naccess = \"read\"\n"), @r#"
    policy.toml:29:8: `bind` leads through a symbolic link, which could be turned elsewhere (one directory, such as "./out" or "/srv/letters")
    "#);
}

#[test]
fn a_table_of_verdicts_holds_or_says_what_decides_instead() {
    let text = r#"
[[case]]
skill = "acme:all"
use = "files write out/a.txt"
expect = "granted"
rule = "letters"
[[case]]
skill = "acme:all"
operation = "look"
use = "keyvalue write accounts/a"
expect = "granted"
[[case]]
skill = "acme:all"
use = "random"
expect = "refused"
[[case]]
skill = "acme:all"
use = "keyvalue read accounts/a"
expect = "granted"
rule = "letters"
"#;
    let cases = read_cases(CASES, text).unwrap();
    let told = |case: &Case| match case.holds(&with(""), &manifest()) {
        Ok(()) => format!("{}: {} is {}", case.line, case.used, case.expected()),
        Err(found) => format!("{}: {} is not {}, {found}", case.line, case.used, case.expected()),
    };
    assert_snapshot!(cases.iter().map(told).collect::<Vec<_>>().join("\n"), @r#"
    2: files write out/a.txt is granted by rule `letters`
    7: keyvalue write accounts/a is not granted, refused: the manifest says that look changes nothing
    12: random is refused
    16: keyvalue read accounts/a is not granted by rule `letters`, granted: rule `accounts` (policy.toml:10) permits it
    "#);
    let told = |text: &str| read_cases(CASES, text).unwrap_err().to_string();
    assert_snapshot!(told("[[case]]\nskil = \"a:b\"\nuse = \"files\"\nexpect = \"yes\"\n"), @r#"
    policy.test.toml:1:1: [[case]] has no `skill`
    policy.test.toml:2:1: [[case]] has no key `skil`
    policy.test.toml:3:7: `files` is no use: it says what is done, then with what
    policy.test.toml:4:10: `yes` is no expect
    "#);
    assert_snapshot!(told("cases = []\n"), @r#"
    policy.test.toml:1:1: the file has no `case`
    policy.test.toml:1:1: the file has no key `cases`
    "#);
    assert_snapshot!(told("case = []\n"), @"policy.test.toml:1:8: there is no case in it");
    let case = |expect: &str| format!("[[case]]\nskill = \"a:b\"\nuse = \"clock\"\nexpect = \"{expect}\"\n");
    assert_snapshot!(told(&(case("granted") + &case("refused"))), @"policy.test.toml:5:1: it asks the same as the case on line 1");
    let versioned = |version: &str| format!("version = {version}\n{}", case("granted"));
    assert_eq!(read_cases(CASES, &versioned("1")).map(|cases| cases.len()), Ok(1));
    assert_snapshot!(told(&versioned("2")), @"policy.test.toml:1:11: this host reads version 1 of a table of verdicts");
    let of_another = case("refused").replace("clock", "random");
    assert_eq!(read_cases(CASES, &(case("granted") + &of_another)).map(|cases| cases.len()), Ok(2));
}

#[test]
fn a_change_says_who_gains_and_who_loses() {
    let moved = |before: &str, after: &str| {
        let (before, after) = (parse(before).unwrap(), parse(after).unwrap());
        let flow = FlowUse {
            skills: ["acme:all".parse().unwrap()].into(),
            roles: ["legal".parse().unwrap()].into(),
        };
        let flows = [("onboarding".parse().unwrap(), flow)].into();
        let outcome = Outcome { before: &before, after: &after, folder: Path::new("/srv/home") };
        let moves = outcome.moves(&[("acme:all".into(), &manifest())], &flows);
        moves.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let nothing = "version = 1\n";
    assert_snapshot!(moved(nothing, POLICY), @r#"
    acme:all gains files `out` write ./out, 4 KiB in 2 files, 2 KiB in one (rule letters); used by onboarding
    acme:all gains keyvalue `accounts` read-write namespace crm, 1 MiB in 1000 keys (rule accounts); used by onboarding
    acme:all gains http `crm` GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in (rule crm); used by onboarding
    "#);
    assert_snapshot!(moved(POLICY, &format!("{POLICY}{}", denial("skill = \"any\"\nkind = \"files\""))), @r#"
    acme:all loses files `out` write ./out, 4 KiB in 2 files, 2 KiB in one (rule letters), by rule no; used by onboarding
    "#);
    assert_snapshot!(moved(POLICY, &POLICY.replace("2KiB", "3KiB").replace(", \"POST\"", "").replace("./out", "./letters")), @r#"
    acme:all changes files `out` write ./letters, 4 KiB in 2 files, 3 KiB in one (rule letters) (before: write ./out, 4 KiB in 2 files, 2 KiB in one (rule letters)); used by onboarding
    acme:all loses http `crm` GET https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in (rule crm) (before: GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in (rule crm)); used by onboarding
    "#);
    assert_snapshot!(moved(nothing, "version = 1\n[limits.any]\nfuel = 7\nmemory = \"64MiB\"\n[inert]\nany = [\"wasi:sockets\"]\n[role.legal]\npeople = [\"user:ada\"]\n"), @r#"
    acme:all gains an empty wasi:sockets; used by onboarding
    acme:all loses fuel 7 (before: 100000000); used by onboarding
    acme:all gains memory 64 MiB (before: 32 MiB); used by onboarding
    role legal gains user:ada; used by onboarding
    "#);
    let people = "[role.legal]\npeople = [\"user:ada\"]\n[role.security]\npeople = [\"user:eve\"]\n";
    let approval = "[approval]\nrole = \"security\"\nfour-eyes = false\nasks-nothing = \"itself\"\ndirect-calls = \"allow\"\nformer = [\"user:bo\", \"user:cyd\"]\n";
    assert_snapshot!(moved(POLICY, &format!("{POLICY}{people}{approval}")), @r#"
    role legal gains user:ada; used by onboarding
    role security gains user:eve
    approving changes by the role security (before: by the role security in a locked home, by anybody elsewhere)
    approving changes whoever asked may approve (before: four eyes in a locked home)
    approving changes what asks for nothing approves itself (before: everything is reviewed)
    approving changes anything may be called outside a flow (before: what changes anything is not called outside a flow in a locked home)
    approving changes what user:bo, user:cyd approved counts still (before: no approval counts whose giver may approve no more)
    "#);
    assert_snapshot!(moved(&format!("{POLICY}{people}"), &format!("{POLICY}{people}[keep]\nrole = \"legal\"\n")), @r#"
    erasing changes by the role legal (before: by the role security in a locked home, by anybody elsewhere)
    "#);
    assert_snapshot!(moved(&format!("{POLICY}{people}"), &format!("{POLICY}{people}[keep]\ncontents = \"90d\"\n")), @r#"
    keeping changes contents for 90 d after the end of a run (before: contents for ever)
    "#);
    assert_snapshot!(moved(&format!("{POLICY}{people}"), POLICY), @r#"
    role legal loses user:ada; used by onboarding
    role security loses user:eve
    "#);
    let injected = format!("{POLICY}inject = {{ authorization = \"Bearer {{crm-token}}\" }}\n");
    let kept = |at: &str| format!("{injected}[secret.crm-token]\nfrom = \"{at}\"\n");
    assert_snapshot!(moved(&kept("env:CRM"), &kept("file:/run/crm")), @r#"
    acme:all changes http `crm` GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in, with authorization: Bearer {crm-token from file:/run/crm} (rule crm) (before: GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in, with authorization: Bearer {crm-token from env:CRM} (rule crm)); used by onboarding
    secret crm-token changes to file:/run/crm (before: env:CRM)
    "#);
    assert_snapshot!(moved(POLICY, &kept("env:CRM")), @r#"
    acme:all gains http `crm` GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in, with authorization: Bearer {crm-token from env:CRM} (rule crm) (before: GET POST https://api.acme.example/v1/, 10 requests, 64 KiB out, 1 MiB in (rule crm)); used by onboarding
    secret crm-token gains env:CRM
    "#);
    assert_snapshot!(moved(POLICY, &POLICY.replacen("access = \"read-write\"", "access = \"read-write\"\nmarks = [\"untrusted\"]", 1)), @r#"
    acme:all changes keyvalue `accounts` to be marked untrusted (before: private); used by onboarding
    "#);
    assert_eq!(moved(POLICY, &format!("{POLICY}# only a remark\n")), "");
}

#[test]
fn what_would_suffice_is_never_wider_than_what_is_granted() {
    let grants = with("[[rule]]\nid = \"dice\"\nskill = \"acme:all\"\nkind = \"random\"\n");
    let grants = grants.resolve(&manifest()).unwrap();
    let needs = Needs {
        reads: true,
        writes: true,
        objects: ["letters/a.txt".to_owned(), "letters/b.txt".to_owned()].into(),
        bytes: 300,
        things: 2,
        largest: 200,
        requests: [
            (crate::http::Method::Get, "https://api.acme.example/v1/accounts/7".to_owned()),
            (crate::http::Method::Get, "https://api.acme.example/v1/accounts/8".to_owned()),
        ]
        .into(),
        calls: 2,
        sent: 500,
        received: 9_000,
        tokens: 0,
    };
    let skill = "acme:all".parse().unwrap();
    let suggested = grants.grants.iter().map(|grant| Suggested::of(grant, Some(&needs), None));
    let text: String = suggested.map(|it| it.rule(&skill, Path::new("/srv/home"))).collect();
    assert_snapshot!(text, @r#"
    # used: letters/a.txt, letters/b.txt
    [[rule]]
    id = "letters"
    skill = "acme:all"
    kind = "files"
    name = "out"
    bind = "./out"
    access = "write"
    most = { files = 2, bytes = 300, file = 200 }
    # used: letters/a.txt, letters/b.txt
    [[rule]]
    id = "accounts"
    skill = "acme:all"
    kind = "keyvalue"
    name = "accounts"
    bind = "namespace:crm"
    access = "read-write"
    most = { keys = 2, bytes = 300 }
    # used: letters/a.txt, letters/b.txt
    [[rule]]
    id = "crm"
    skill = "acme:all"
    kind = "http"
    name = "crm"
    bind = "https://api.acme.example/v1/accounts/"
    methods = ["GET"]
    most = { calls = 2, sent = 500, received = 9000 }
    # used: letters/a.txt, letters/b.txt
    [[rule]]
    id = "dice"
    skill = "acme:all"
    kind = "random"
    most = { bytes = 300 }
    "#);
    parse(&format!("version = 1\n{text}")).unwrap().resolve(&manifest()).unwrap();
    for grant in &grants.grants {
        let enough = Suggested::of(grant, Some(&needs), None).authority.unwrap();
        assert!(grant.authority.covers(&enough), "{enough:?}");
    }
    // Of what is asked for beyond that, the manifest has to let go first, unless the skill can do without.
    let first = |grant: &Grant, optional| {
        let ask = manifest().asks.into_iter().find(|ask| ask.name == grant.name).unwrap();
        Suggested::of(grant, Some(&needs), None).beside(Some(&Ask { optional, ..ask })).first
    };
    assert!(grants.grants.iter().all(|grant| first(grant, true).is_none()));
    let told: Vec<String> = grants.grants.iter().filter_map(|grant| first(grant, false)).collect();
    assert_snapshot!(told.join("\n"), @r#"
    skill.toml:24 asks to GET POST: until it asks for less, this rule refuses it
    "#);
    let unused = Suggested::of(&grants.grants[0], None, None).rule(&skill, Path::new("/srv/home"));
    assert_snapshot!(unused, @r#"
    # files `out` was never used: rule `letters` could go
    "#);
}

fn any_denial() -> impl Strategy<Value = Denial> {
    let place = prop::sample::select(vec![
        None,
        Some(Place::Directory("/a/b".into())),
        Some(Place::Directory("/".into())),
        Some(Place::Namespace("crm".into())),
        Some(Place::Target(crate::http::Target::of_any_width("https://*.example/").unwrap())),
    ]);
    let methods = prop::collection::btree_set(
        prop::sample::select(vec![crate::http::Method::Get, crate::http::Method::Post]),
        0..2,
    );
    (place, access(), methods).prop_map(|(place, access, methods)| Denial {
        id: "no".parse().unwrap(),
        skill: None,
        kind: None,
        name: None,
        place,
        access,
        methods,
        line: 1,
    })
}

fn used() -> impl Strategy<Value = Use> {
    prop::sample::select(vec![
        "files read a/x",
        "files write a/x of 1B",
        "keyvalue read a/x",
        "keyvalue write a/x of 1B",
        "config x",
        "clock",
        "random of 1B",
        "http GET https://api.acme.example/v1/x",
        "http POST https://api.acme.example/v1/x",
        "inference cheap",
    ])
    .prop_map(|text| text.parse().unwrap())
}

proptest! {
    /// A denial only ever takes away, and taking away twice is taking away once.
    #[test]
    fn a_denial_never_widens(denial in any_denial(), authority in authority(), used in used()) {
        if let Some(left) = denial.leaves(&authority) {
            prop_assert!(authority.covers(&left));
            prop_assert!(!left.allows(&used) || authority.allows(&used));
            prop_assert_eq!(denial.leaves(&left), Some(left));
        }
    }

    /// What is explained as granted is what the grants permit, use by use.
    #[test]
    fn an_explanation_agrees_with_the_grants(
        inside in prop::sample::select(vec![
            "skill = \"acme:other\"\nkind = \"any\"",
            "skill = \"any\"\nkind = \"http\"\nmethods = [\"POST\"]",
            "skill = \"any\"\nkind = \"random\"",
            "skill = \"any\"\nkind = \"keyvalue\"\naccess = \"write\"",
        ]),
        operation in prop::sample::select(vec!["change", "look"]),
        text in prop::sample::select(vec![
            "files write out/a of 1KiB",
            "files write out/a of 9KiB",
            "files read out/a",
            "keyvalue read accounts/a",
            "keyvalue write accounts/a",
            "http GET https://api.acme.example/v1/x",
            "http POST https://api.acme.example/v1/x",
            "http GET https://api.acme.example/",
            "random of 1B",
            "notes",
        ]),
    ) {
        let policy = with(&denial(inside));
        let used: Use = text.parse().unwrap();
        let granted = policy
            .resolve_operation(&manifest(), operation)
            .is_ok_and(|grants| grants.grants.iter().any(|grant| grant.permits(&used).is_ok()));
        prop_assert_eq!(policy.explain(&manifest(), Some(operation), &used).granted, granted);
    }
}
