//! What each import is met with, under each grant.
#![allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]

use super::*;
use kapell_model::capability::Access;
use kapell_model::grant::{Authority, Grant};
use kapell_model::http::{HttpGrant, Method};
use kapell_model::inference::{InferenceGrant, Tier};
use kapell_model::quantity::{Bytes, Span};

const IMPORTS: [&str; 30] = [
    "wasi:cli/environment@0.2.6",
    "wasi:cli/exit@0.2.6",
    "wasi:cli/stderr@0.2.6",
    "wasi:cli/terminal-stdout@0.2.6",
    "wasi:clocks/monotonic-clock@0.2.0",
    "wasi:clocks/timezone@0.2.0",
    "wasi:clocks/wall-clock@0.3.0",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:filesystem/preopens@0.2.6",
    "wasi:filesystem/types@0.2.6",
    "wasi:http/outgoing-handler@0.2.6",
    "wasi:http/types@0.2.6",
    "wasi:http/incoming-handler@0.2.6",
    "wasi:io/poll@0.2.6",
    "wasi:io/streams@0.2.9",
    "wasi:io/streams@0.1.0",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/watcher@0.2.0-draft",
    "wasi:logging/logging@0.1.0-draft",
    "wasi:random/insecure-seed@0.2.4",
    "wasi:random/random@0.2.4",
    "wasi:sockets/ip-name-lookup@0.2.6",
    "wasi:sockets/tcp@0.2.6",
    "kapell:skill/notes@0.1.0",
    "kapell:skill/notes@0.1.1",
    "kapell:skill/inference@0.1.1",
    "acme:crm/customers@1.0.0",
    "host-log",
];

fn grant(authority: Authority) -> GrantSet {
    let grant = Grant { name: "it".parse().unwrap(), rule: "rule".parse().unwrap(), authority };
    GrantSet::of(vec![grant])
}

/// Every kind once, so that a new kind without a line here does not compile.
fn authority(kind: Kind) -> Authority {
    let bytes_max = Bytes(1);
    match kind {
        Kind::Files => Authority::Files {
            root: "/srv".into(),
            identity: None,
            access: Access::Read,
            bytes_max,
            file_max: bytes_max,
            files_max: 1,
        },
        Kind::Keyvalue => {
            Authority::Keyvalue { namespace: "crm".into(), access: Access::Read, bytes_max, keys_max: 1 }
        }
        Kind::Config => Authority::Config { values: [].into() },
        Kind::Clock => Authority::Clock { resolution: Span(1) },
        Kind::Random => Authority::Random { bytes_max },
        Kind::Logging => Authority::Logging { bytes_max },
        Kind::Notes => Authority::Notes { bytes_max },
        Kind::Http => Authority::Http(HttpGrant {
            target: "https://api.acme.example/".parse().unwrap(),
            methods: [Method::Get].into(),
            addresses: Vec::new(),
            inject: Vec::new(),
            vouched_by: None,
            calls_max: 1,
            sent_max: bytes_max,
            received_max: bytes_max,
            hosts_max: 1,
        }),
        Kind::Inference => Authority::Inference(InferenceGrant {
            tier: Tier::Local,
            calls_max: 1,
            tokens_max: 1,
            money_max: None,
            answered_by: Vec::new(),
        }),
    }
}

fn word(met: &Met) -> String {
    match met {
        Met::Granted(kind) => format!("granted by {kind}"),
        Met::Handles => "handles".into(),
        Met::InertValues(values) => format!("inert {values:?}"),
        Met::InertByType => "inert".into(),
        Met::Refused(refusal) => format!("refused: {}", refusal.why),
    }
}

fn told(grants: &GrantSet) -> Vec<String> {
    IMPORTS.iter().map(|import| format!("{import}: {}", word(&meet(import, grants)))).collect()
}

#[test]
fn with_nothing_granted_habits_are_inert_and_the_rest_is_refused() {
    insta::assert_snapshot!(told(&GrantSet::default()).join("\n"), @r#"
    wasi:cli/environment@0.2.6: inert
    wasi:cli/exit@0.2.6: inert Stdio
    wasi:cli/stderr@0.2.6: inert Stdio
    wasi:cli/terminal-stdout@0.2.6: inert
    wasi:clocks/monotonic-clock@0.2.0: inert Clocks
    wasi:clocks/timezone@0.2.0: inert
    wasi:clocks/wall-clock@0.3.0: refused: this host has version 0.2.12 of it
    wasi:config/store@0.2.0-rc.1: refused: no config is granted to this skill
    wasi:filesystem/preopens@0.2.6: inert
    wasi:filesystem/types@0.2.6: inert
    wasi:http/outgoing-handler@0.2.6: refused: no http is granted to this skill
    wasi:http/types@0.2.6: refused: no http is granted to this skill
    wasi:http/incoming-handler@0.2.6: refused: this host lends no such interface
    wasi:io/poll@0.2.6: handles
    wasi:io/streams@0.2.9: handles
    wasi:io/streams@0.1.0: refused: this host has version 0.2.12 of it
    wasi:keyvalue/atomics@0.2.0-draft: refused: no keyvalue is granted to this skill
    wasi:keyvalue/store@0.2.0-draft: refused: no keyvalue is granted to this skill
    wasi:keyvalue/store@0.2.0-draft2: refused: no keyvalue is granted to this skill
    wasi:keyvalue/watcher@0.2.0-draft: refused: this host lends no such interface
    wasi:logging/logging@0.1.0-draft: refused: no logging is granted to this skill
    wasi:random/insecure-seed@0.2.4: inert Random
    wasi:random/random@0.2.4: inert Random
    wasi:sockets/ip-name-lookup@0.2.6: refused: this host lends no such interface
    wasi:sockets/tcp@0.2.6: refused: this host lends no such interface
    kapell:skill/notes@0.1.0: refused: no notes is granted to this skill
    kapell:skill/notes@0.1.1: refused: no notes is granted to this skill
    kapell:skill/inference@0.1.1: refused: no inference is granted to this skill
    acme:crm/customers@1.0.0: refused: this host lends no such interface
    host-log: refused: this host lends no such interface
    "#);
}

/// A grant changes how exactly its own interfaces are met, and nothing else.
#[test]
fn each_grant_links_its_own_interfaces_and_no_other() {
    let nothing = told(&GrantSet::default());
    let mut changed = Vec::new();
    for kind in Kind::ALL {
        let with = told(&grant(authority(kind)));
        let lines = with.iter().zip(&nothing).filter(|(with, without)| with != without);
        changed.extend(lines.map(|(with, _)| format!("{kind} -> {with}")));
    }
    insta::assert_snapshot!(changed.join("\n"), @r#"
    files -> wasi:filesystem/preopens@0.2.6: granted by files
    files -> wasi:filesystem/types@0.2.6: granted by files
    keyvalue -> wasi:keyvalue/atomics@0.2.0-draft: granted by keyvalue
    keyvalue -> wasi:keyvalue/store@0.2.0-draft: granted by keyvalue
    keyvalue -> wasi:keyvalue/store@0.2.0-draft2: refused: this host has version 0.2.0-draft of it
    config -> wasi:config/store@0.2.0-rc.1: granted by config
    clock -> wasi:clocks/monotonic-clock@0.2.0: granted by clock
    random -> wasi:random/insecure-seed@0.2.4: granted by random
    random -> wasi:random/random@0.2.4: granted by random
    logging -> wasi:logging/logging@0.1.0-draft: granted by logging
    notes -> kapell:skill/notes@0.1.0: granted by notes
    notes -> kapell:skill/notes@0.1.1: granted by notes
    http -> wasi:http/outgoing-handler@0.2.6: granted by http
    http -> wasi:http/types@0.2.6: granted by http
    inference -> kapell:skill/inference@0.1.1: granted by inference
    "#);
}

#[test]
fn policy_makes_inert_what_it_names_and_no_neighbour() {
    let mut grants = GrantSet::default();
    let met = |grants: &GrantSet, import| word(&meet(import, grants));
    grants.inert = vec!["wasi:sockets/tcp".into(), "acme:crm@1.0.0".into()];
    assert_eq!(met(&grants, "wasi:sockets/tcp@0.2.6"), "inert");
    assert_eq!(met(&grants, "wasi:sockets/udp@0.2.6"), "refused: this host lends no such interface");
    assert_eq!(met(&grants, "wasi:sockets-more/tcp@0.2.6"), "refused: this host lends no such interface");
    assert_eq!(met(&grants, "acme:crm/customers@1.0.0"), "inert");
    grants.inert = vec!["wasi:sockets".into()];
    assert_eq!(met(&grants, "wasi:sockets/udp@0.2.6"), "inert");
}

#[test]
fn a_refusal_says_what_to_ask_for() {
    let imports = ["wasi:keyvalue/store@0.2.0-draft".to_owned(), "wasi:sockets/tcp@0.2.6".to_owned()];
    let told: Vec<String> = refusals(&imports, &GrantSet::default())
        .iter()
        .map(|refusal| format!("{refusal}\n  {}", refusal.advice.as_deref().unwrap_or_default()))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
        wasi:keyvalue/store@0.2.0-draft: no keyvalue is granted to this skill
          ask for it in skill.toml with `[[capability]] kind = "keyvalue"` and permit it by a rule in policy.toml
        wasi:sockets/tcp@0.2.6: this host lends no such interface
          if the skill imports it out of habit and works without, write `any = ["wasi:sockets"]` below `[inert]` in policy.toml
        "#);
}
