//! Secrets: read with care, sent to the granted host alone, found in every spelling, shown to nobody.

use super::stage::{Does, Names, Server, egress, grant, injection, request, vault};
use crate::{Redactor, Vault};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kapell_model::crossing::{Answer, Crossing, Exchange, Failure, Note};
use kapell_model::digest::Digest;
use kapell_model::ending::{Attempt, Ending, Left, Meters};
use kapell_model::grant::Refusal;
use kapell_model::http::Method;
use kapell_model::policy::SecretSource;
use kapell_model::seam::{Denial, Egress as _, SendFailure};
use kapell_model::writes::{FileSeen, FileWrite, HeldWrites, KeyWrite, Undone, UndoneWrite};
use proptest::prelude::*;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

const VALUE: &str = "s3cr3t/\"tok\\en+42=";

fn redactor() -> std::sync::Arc<Redactor> {
    vault(&[("crm-token", VALUE)]).redactor().unwrap().clone()
}

/// Every spelling that is promised, between two texts.
fn spelled(value: &str) -> Vec<(&'static str, String)> {
    let percent = |byte: u8| format!("%{byte:02x}");
    let some = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") }
    };
    let json = serde_json::to_string(value).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let unicode: String = value.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let named = [("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#x27;")];
    let folded = |text: &str, end: &str| {
        text.as_bytes().chunks(5).map(String::from_utf8_lossy).collect::<Vec<_>>().join(end)
    };
    let aligned = |before: &str| STANDARD.encode(format!("{before}{value}zz"));
    vec![
        ("raw", value.to_owned()),
        ("base64", STANDARD.encode(value)),
        ("base64, one before", aligned("x")),
        ("base64, two before", aligned("xx")),
        ("base64, three before", aligned("xxx")),
        ("base64 url", URL_SAFE_NO_PAD.encode(value)),
        ("base64 url, one before", URL_SAFE_NO_PAD.encode(format!("x{value}"))),
        ("base64 url, two before", URL_SAFE_NO_PAD.encode(format!("xx{value}"))),
        ("hex", value.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ("hex, upper case", value.bytes().map(|byte| format!("{byte:02X}")).collect()),
        ("percent", value.bytes().map(some).collect()),
        ("percent, all of it", value.bytes().map(percent).collect()),
        ("json", json.clone()),
        ("json, all of it", unicode),
        ("json in json", json.replace('\\', "\\\\").replace('"', "\\\"")),
        ("percent in json", value.bytes().map(percent).collect::<String>().replace('%', "\\u0025")),
        (
            "html",
            named.iter().fold(value.replace('&', "&amp;"), |text, (sign, name)| text.replace(sign, name)),
        ),
        ("html, all of it", value.bytes().map(|byte| format!("&#{byte};")).collect()),
        ("base64 in lines", folded(&aligned("x"), "\r\n")),
        ("base64 in lines in json", folded(&STANDARD.encode(value), "\\n")),
    ]
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let redactor = redactor();
    for (how, text) in spelled(VALUE) {
        let whole = format!("before {text} after");
        let clean = redactor.redacted_text(&whole).unwrap_or_else(|| panic!("not found: {how}"));
        assert!(clean.starts_with("before ") && clean.ends_with(" after"), "{how}: {clean}");
        assert!(clean.contains("[secret crm-token]"), "{how}: {clean}");
        // At most the letters a neighbour shares are left.
        assert!(clean.len() <= "before [secret crm-token] after".len() + 12, "{how}: {clean}");
        assert!(redactor.finds(whole.as_bytes()), "{how}");
    }
    assert_eq!(redactor.redacted_text("s3cr3t/\"tok\\en+42 is not all of it; 100% \\u0041"), None);
}

proptest! {
    /// Wherever it stands and whatever stands around it: what is left holds it no more, and what was around it stays.
    #[test]
    fn what_is_redacted_holds_no_secret(value in "[!-~]{8,40}", before in ".{0,20}", after in ".{0,20}", which in 0..20_usize) {
        let redactor = vault(&[("crm-token", &value)]).redactor().unwrap().clone();
        let (how, text) = &spelled(&value)[which];
        let clean = redactor.redacted_text(&format!("{before} {text} {after}"));
        let clean = clean.unwrap_or_else(|| panic!("not found: {how} of {value}"));
        prop_assert!(!clean.contains(&value) && !redactor.finds(clean.as_bytes()), "{how}: {clean}");
    }

    /// Ordinary text is left alone.
    #[test]
    fn text_without_a_secret_is_left_alone(text in "[a-z0-9 %\\\\\"]{0,80}") {
        prop_assert_eq!(vault(&[("crm-token", "NEVER-THERE")]).redactor().unwrap().redacted_text(&text), None);
    }
}

#[test]
fn two_secrets_in_one_text_are_told_apart() {
    let vault = vault(&[("one", "first-secret"), ("two", "first-secret-and-more")]);
    let clean = vault.redactor().unwrap().redacted_text("a first-secret b first-secret-and-more c").unwrap();
    assert_eq!(clean, "a [secret one] b [secret two] c");
}

#[test]
fn everything_an_attempt_leaves_is_redacted_before_it_is_hashed() {
    let content = format!("token={VALUE}").into_bytes();
    let (text, digest) = (|| format!("a {VALUE} b"), Digest::of(&content));
    let crossing = |object: String, answer| Crossing {
        kind: kapell_model::capability::Kind::Http,
        call: "send".into(),
        object,
        answer,
        rule: None,
        redacted: false,
    };
    let exchange = Exchange {
        address: "192.0.2.1".parse().unwrap(),
        sent: 1,
        received: 1,
        request: digest,
        status: 200,
        headers: vec![("x".into(), text())],
        body: digest,
        redacted: false,
    };
    let mut attempt = Attempt {
        ending: Ending::Output(json!({ "text": text(), VALUE: [1, { "deep": text() }], "bytes": content })),
        meters: Meters::default(),
        writes: HeldWrites {
            keys: vec![KeyWrite { namespace: "n".into(), key: text(), value: Some(content.clone()) }],
            files: vec![FileWrite {
                grant: "out".parse().unwrap(),
                root: "/r".into(),
                path: text(),
                seen: FileSeen::Absent,
                content: Some(content.clone()),
            }],
            seen: Vec::new(),
        },
        undone: Undone {
            objects: vec![
                UndoneWrite::Key { namespace: "n".into(), key: text() },
                UndoneWrite::File { grant: "out".parse().unwrap(), path: text() },
            ],
            more: 0,
        },
        left: Left::Nothing,
        crossings: vec![
            crossing(text(), Answer::Text(text())),
            crossing("b".into(), Answer::Bytes(STANDARD.encode(&content))),
            crossing("c".into(), Answer::Content(digest)),
            crossing("d".into(), Answer::Names(vec![text()])),
            crossing("e".into(), Answer::Refused(text())),
            crossing("f".into(), Answer::Exchange(Box::new(exchange))),
            crossing(
                "g".into(),
                Answer::Failed(Box::new(Failure {
                    code: "x".into(),
                    cause: text(),
                    sent: true,
                    ..Failure::default()
                })),
            ),
        ],
        contents: vec![content],
        notes: vec![Note { topic: text(), text: text() }],
        log: vec![text()],
    };
    redactor().redact_attempt(&mut attempt);
    let clean = Digest::of(b"token=[secret crm-token]");
    assert!(matches!(attempt.crossings[2].answer, Answer::Content(digest) if digest == clean));
    assert_eq!(attempt.contents, [b"token=[secret crm-token]"]);
    let Answer::Exchange(exchange) = &attempt.crossings[5].answer else { panic!() };
    assert_eq!((exchange.request, exchange.body), (clean, clean));
    let token = Some(b"token=[secret crm-token]".to_vec());
    assert_eq!([&attempt.writes.keys[0].value, &attempt.writes.files[0].content], [&token, &token]);
    let told = format!("{attempt:?}");
    assert!(!redactor().finds(told.as_bytes()), "{told}");
    let Ending::Output(output) = &attempt.ending else { panic!() };
    let list = |text: &[u8]| text.iter().map(|byte| u64::from(*byte)).collect::<Vec<_>>();
    let name = "[secret crm-token]";
    let expected = json!({
        "text": format!("a {name} b"),
        name: [1, { "deep": format!("a {name} b") }],
        "bytes": list(b"token=[secret crm-token]"),
    });
    assert_eq!(*output, expected);

    for mut ending in [
        Ending::SkillError(json!([text()])),
        Ending::Refusal(Refusal {
            subject: text(),
            why: text(),
            rule: None,
            asked_at: None,
            advice: Some(text()),
        }),
        Ending::Trap(kapell_model::ending::Trap {
            cause: kapell_model::ending::TrapCause::Crash,
            origin: None,
            detail: text(),
        }),
    ] {
        std::mem::swap(&mut attempt.ending, &mut ending);
        redactor().redact_attempt(&mut attempt);
        assert!(!redactor().finds(format!("{attempt:?}").as_bytes()), "{attempt:?}");
    }
}

#[test]
fn nothing_that_can_be_printed_prints_a_secret() {
    let vault = vault(&[("crm-token", VALUE)]);
    let told = format!(
        "{vault:?} {:#?} {:?}",
        vault.redactor(),
        vault.around("Bearer ", &"crm-token from env:crm_token".parse().unwrap(), "")
    );
    assert!(told.contains("crm-token") && !redactor().finds(told.as_bytes()), "{told}");
}

fn read(source: SecretSource) -> String {
    let environment = |name: &str| match name {
        "SHORT" => Some("1234567".into()),
        "LEAST" => Some("12345678".into()),
        "SPACED" => Some("two words".into()),
        "LONG" => Some("x".repeat(crate::SECRET_MAX + 1).into()),
        "MOST" => Some("x".repeat(crate::SECRET_MAX).into()),
        _ => None,
    };
    let read = Vault::read_with(&[("crm-token".parse().unwrap(), source)].into(), environment);
    read.map_or_else(|error| error.to_string(), |vault| format!("{vault:?}"))
}

#[test]
fn a_secret_that_cannot_be_used_is_named_with_its_place_and_never_shown() {
    let names = ["ABSENT", "SHORT", "LEAST", "SPACED", "LONG", "MOST"];
    let told: Vec<String> =
        names.iter().map(|name| read(SecretSource::Environment((*name).into()))).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    read the secret `crm-token` from the environment variable ABSENT: it is not set
    read the secret `crm-token` from the environment variable SHORT: it has fewer than 8 bytes, which would be found in ordinary text
    {"crm-token"}
    read the secret `crm-token` from the environment variable SPACED: it holds a space, a line break or something else than printable ASCII
    read the secret `crm-token` from the environment variable LONG: it has more than 4096 bytes
    {"crm-token"}
    "#);
}

#[test]
fn a_secret_file_is_regular_reached_through_no_link_and_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let put = |name: &str, text: &str, mode: u32| {
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    put("good", "hunter2hunter2\n", 0o600);
    put("large", &"x".repeat(crate::SECRET_MAX + 1), 0o600);
    put("group", "hunter2hunter2", 0o640);
    put("world", "hunter2hunter2", 0o604);
    symlink("good", folder.join("link")).unwrap();
    symlink(".", folder.join("way")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
    assert!(made.success());
    let names = ["good", "large", "group", "world", "link", "way/good", "pipe", ".", "absent"];
    let read = |name: &&str| {
        read(SecretSource::File(folder.join(name))).replace(&folder.display().to_string(), "DIR")
    };
    insta::assert_snapshot!(names.iter().map(read).collect::<Vec<_>>().join("\n"), @r#"
    {"crm-token"}
    read the secret `crm-token` from DIR/large: it has more than 4096 bytes
    read the secret `crm-token` from DIR/group: others than its owner may open it; make it mode 600
    read the secret `crm-token` from DIR/world: others than its owner may open it; make it mode 600
    read the secret `crm-token` from DIR/link: the path leads through a link
    read the secret `crm-token` from DIR/way/good: the path leads through a link
    read the secret `crm-token` from DIR/pipe: it is no regular file
    read the secret `crm-token` from DIR/.: it is no regular file
    read the secret `crm-token` from DIR/absent: No such file or directory (os error 2)
    "#);
}

#[tokio::test]
async fn a_secret_reflected_over_the_border_of_two_chunks_is_taken_out() {
    let pieces: Vec<Vec<u8>> = ["HTTP/1.1 200 OK\r\nx-echo: Bearer hunter2hunter2\r\nx-hunter2hunter2: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        "9\r\nyou: hunt\r\n", "e\r\ner2hunter2 bye\r\n", "0\r\nx-trailer: hunter2hunter2\r\n\r\n"].map(Into::into).into();
    let names = Names::default();
    names.answer("api.acme.example", &["127.0.0.1"]);
    let server = Server::start(Does::Answer(pieces), None, names.seen.clone()).await;
    let target = format!("http://api.acme.example:{}/", server.port);
    let mut asked = request(grant(&target), Method::Get, &target);
    asked.grant.inject = vec![injection("authorization", "Bearer ", "crm-token")];
    let incoming = egress(names, &[], vault(&[("crm-token", "hunter2hunter2")])).send(asked).await.unwrap();
    server.finish().await;
    assert_eq!(String::from_utf8_lossy(&incoming.body), "you: [secret crm-token] bye");
    assert_eq!(incoming.headers, [("x-echo".to_owned(), b"Bearer [secret crm-token]".to_vec())]);
    assert!(incoming.redacted);
}

#[tokio::test]
async fn a_compressed_answer_to_a_request_with_a_secret_is_not_handed_over() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b".to_vec();
    for inject in [true, false] {
        let names = Names::default();
        names.answer("api.acme.example", &["127.0.0.1"]);
        let server = Server::start(Does::Answer(vec![answer.clone()]), None, names.seen.clone()).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let mut asked = request(grant(&target), Method::Get, &target);
        if inject {
            asked.grant.inject = vec![injection("authorization", "Bearer ", "crm-token")];
        }
        let incoming = egress(names, &[], vault(&[("crm-token", "hunter2hunter2")])).send(asked).await;
        server.finish().await;
        assert_eq!(incoming.is_err(), inject, "{incoming:?}");
    }
}

#[tokio::test]
async fn a_guest_that_holds_a_secret_cannot_carry_it_out() {
    let target = "http://api.acme.example/";
    let plain = || request(grant(target), Method::Post, target);
    let hex: String = "hunter2hunter2".bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut asked = [plain(), plain(), plain(), plain()];
    asked[0].url.set_query(Some("t=%68unter2hunter2"));
    asked[1].headers = vec![("x-token".into(), STANDARD.encode("t:hunter2hunter2").into())];
    asked[2].body = hex.into_bytes().into();
    // Not even to the place it belongs to: there the host writes it.
    asked[3].grant.inject = vec![injection("authorization", "Bearer ", "crm-token")];
    asked[3].body = (*b"hunter2hunter2").into();
    for asked in asked {
        let sent = egress(Names::default(), &[], vault(&[("crm-token", "hunter2hunter2")])).send(asked).await;
        assert_eq!(sent, Err(SendFailure::Denied(Denial::Secret)));
    }
}

/// What is granted is the secret that is kept there: one of its name from elsewhere is not sent in its place.
#[tokio::test]
async fn a_secret_that_is_read_from_elsewhere_than_it_was_granted_is_not_sent() {
    let vault = vault(&[("crm-token", "hunter2hunter2")]);
    for (from, told) in [
        ("env:crm_token", Ok(200)),
        ("env:other", Err("crm-token from env:other")),
        ("file:/run/crm_token", Err("crm-token from file:/run/crm_token")),
    ] {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
        let names = Names::default();
        names.answer("api.acme.example", &["127.0.0.1"]);
        let server = Server::start(Does::Answer(vec![answer]), None, names.seen.clone()).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let mut asked = request(grant(&target), Method::Get, &target);
        let mut header = injection("authorization", "Bearer ", "crm-token");
        header.secret.from = from.parse().unwrap();
        asked.grant.inject = vec![header];
        let sent = egress(names, &[], vault.clone()).send(asked).await;
        server.finish().await;
        match (sent, told) {
            (Ok(incoming), Ok(status)) => assert_eq!(incoming.status, status),
            (Err(SendFailure::Denied(denial)), Err(words)) => {
                assert!(denial.to_string().contains(words), "{denial}");
            }
            (sent, _) => panic!("{from}: {sent:?}"),
        }
    }
}
