//! Requests of skills, through a whole home to a server on loopback: granted and not, once and idempotent, recorded.

use super::server::Server;
use super::stage::{Stage, Story, asking, asking_as, policy, refused};
use kapell_home::Finished;
use kapell_journal::entry::{AskReason, Body};
use kapell_model::digest::Digest;
use serde_json::json;

fn ask(methods: &str) -> String {
    format!(r#"kind = "http", name = "api", methods = [{methods}]"#)
}

/// A stage whose rule lets a guest send to the server.
fn stage(guest: &str, server: &Server, methods: &str, rest: &str) -> Stage {
    let bind = format!("http://{}/", server.authority());
    let rule = format!(r#"{}, bind = "{bind}", addresses = ["127.0.0.1"]"#, ask(methods));
    Stage::new(&policy(guest, &[&rule], rest))
}

/// A certificate authority of nobody's.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBlDCCATmgAwIBAgIUZNfdsq6sq/LdV5cR+JpkDLCeFZYwCgYIKoZIzj0EAwIw\n\
HjEcMBoGA1UEAwwTQWNtZSB0ZXN0IGF1dGhvcml0eTAgFw0yNjExMjExMjU4MTda\n\
GA8yMTI2MTAyODEyNTgxN1owHjEcMBoGA1UEAwwTQWNtZSB0ZXN0IGF1dGhvcml0\n\
eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAj/5vUclG8KmtcCY/6vuI1+3jlz\n\
4OE2ERfGxvP+Lo0NsBUQOmyLFaGyw6BwkStvWQ1hguhGc8fp2/AVeC9WNf+jUzBR\n\
MB0GA1UdDgQWBBQOapnlvj4KI00cFtsOX3fmTis6vzAfBgNVHSMEGDAWgBQOapnl\n\
vj4KI00cFtsOX3fmTis6vzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kA\n\
MEYCIQDQ+rKTh6u/vow7pT7lZFXDeSRf/DZpRjsihAvVrzD66AIhAMFXNszPnccS\n\
qj793J0+tOAevfp0ebdHvE6vXxMb44zA\n\
-----END CERTIFICATE-----\n\
";

/// A home that was handed an authority goes as far as to connect, and finds nobody there.
#[tokio::test]
async fn a_home_reads_the_authorities_its_policy_names_and_no_others() {
    // Closed again at once.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("https://{nobody}/");
    let with = |digest: &str| {
        let bound = r#"addresses = ["127.0.0.1"], authority = "acme-ca""#;
        let rule = format!(r#"{}, bind = "{url}", {bound}"#, ask(READS));
        let named = format!("[authority.acme-ca]\nfile = \"./acme-ca.pem\"\ndigest = \"{digest}\"");
        policy("fetches", &[&rule], &named)
    };
    let digest = Digest::of(AUTHORITY.as_bytes());
    let stage = Stage::beside("acme-ca.pem", AUTHORITY, &with(&digest.to_string())).unwrap();
    let told = stage.call("fetches", &[&ask(READS)], &url).await.unwrap().text();
    assert!(told.contains("DestinationUnavailable"), "{told}");

    let other = Digest::of(b"another file");
    let refused = Stage::beside("acme-ca.pem", AUTHORITY, &with(&other.to_string())).err().unwrap();
    assert!(refused.to_string().contains("it is not the file whose digest the policy has"), "{refused}");
    assert_eq!(
        refused.hint.unwrap(),
        format!("once somebody has looked at its certificates: digest = \"{digest}\"")
    );
    let refused = Stage::beside("other.pem", AUTHORITY, &with(&digest.to_string())).err().unwrap();
    assert!(refused.to_string().starts_with("read the authority `acme-ca` from "), "{refused}");
    let refused =
        Stage::beside("acme-ca.pem", "a letter", &with(&Digest::of(b"a letter").to_string())).err().unwrap();
    assert!(refused.to_string().ends_with("it holds no certificate in PEM"), "{refused}");
}

const READS: &str = r#""GET""#;
const BOTH: &str = r#""GET", "POST""#;

#[tokio::test]
async fn a_skill_fetches_what_it_is_granted_and_the_record_names_it() {
    let server = Server::start();
    let stage = stage("fetches", &server, READS, "");
    let url = format!("http://{}/greeting?id=7", server.authority());
    let story = stage.call("fetches", &[&ask(READS)], &url).await.unwrap();
    assert_eq!(story.text(), "output: 200 text/plain hello");
    assert_eq!(
        server.seen(),
        ["GET /greeting?id=7 HTTP/1.1\r\nhost: 127.0.0.1:PORT\r\nconnection: close\r\n\r\n"]
    );
    let crossed = server.unported(&story.crossed());
    assert!(crossed.starts_with("http GET http://127.0.0.1:PORT/greeting?id=7 "), "{crossed}");
    assert!(crossed.contains(r#""address":"127.0.0.1""#) && crossed.ends_with("by rule-1"), "{crossed}");
    let meters = &story.receipt().meters;
    assert!(meters.bytes_read >= 5 && meters.bytes_written >= 40, "{meters:?}");
}

#[tokio::test]
async fn without_a_grant_a_skill_that_imports_http_does_not_start() {
    let stage = Stage::new(&policy("fetches", &[], ""));
    let text = refused(stage.call("fetches", &[], "http://127.0.0.1:1/").await);
    assert!(text.contains("wasi:http/outgoing-handler@0.2"), "{text}");
    assert!(text.contains("no http is granted to this skill"), "{text}");
    assert!(stage.home.runs().unwrap().is_empty());
}

#[tokio::test]
async fn elsewhere_and_with_another_method_it_is_told_no() {
    let (server, other) = (Server::start(), Server::start());
    let stage = stage("fetches", &server, READS, "");
    let denied = "skill error: not answered: ErrorCode::HttpRequestDenied";
    for input in [format!("http://{}/", other.authority()), format!("http://{}/\nbody", server.authority())] {
        let story = stage.call("fetches", &[&ask(READS)], &input).await.unwrap();
        assert_eq!(story.text(), denied);
        assert_eq!(story.calls("refused"), 1);
    }
    assert_eq!((server.seen(), other.seen()), (Vec::<String>::new(), Vec::new()));
}

/// A skill that only reads can't ask for what writes, whatever the rule would permit.
#[tokio::test]
async fn what_an_operation_does_is_no_more_than_its_class_of_effect() {
    let server = Server::start();
    let stage = stage("fetches", &server, BOTH, "");
    let url = format!("http://{}/orders", server.authority());
    let writes = asking_as("fetches", &[&ask(BOTH)], "reads");
    let arguments = json!({ "input": url });
    let text = stage.call_bytes("guest.wasm", &writes, "run", arguments).await.err().unwrap().to_string();
    assert!(text.contains("http `api` is asked for to write, but no operation has effects"), "{text}");
    for (effects, methods, input, expected) in [
        ("reads", READS, url.clone(), "output: 200 text/plain hello"),
        ("reads", READS, format!("{url}\nbody"), "skill error: not answered: ErrorCode::HttpRequestDenied"),
        ("idempotent", BOTH, format!("{url}\nbody"), "output: 200 text/plain hello"),
        ("once", BOTH, format!("{url}\nbody"), "output: 200 text/plain hello"),
    ] {
        let bytes = asking_as("fetches", &[&ask(methods)], effects);
        let story = called(&stage, &bytes, &input).await;
        assert_eq!(story.text(), expected, "{effects}");
    }
    let keys = server.seen().iter().filter(|request| request.contains("\r\nidempotency-key: ")).count();
    assert_eq!((keys, server.seen().len()), (2, 3));
}

async fn called(stage: &Stage, bytes: &[u8], input: &str) -> Story {
    let finished = finished(stage, bytes, input).await;
    stage.story(bytes, &finished)
}

async fn finished(stage: &Stage, bytes: &[u8], input: &str) -> Finished {
    stage.call_bytes("guest.wasm", bytes, "run", json!({ "input": input })).await.unwrap()
}

/// A request went out, nobody answered, the guest broke: whether it happened is for a person to say.
#[tokio::test]
async fn an_unanswered_request_that_must_not_happen_twice_leaves_the_run_in_doubt() {
    let server = Server::start();
    let stage = stage("http_commands", &server, BOTH, "");
    let breaks = server
        .ported("crash POST http 127.0.0.1:PORT /orders || one\nPOST http 127.0.0.1:PORT /breaks || two");
    for (effects, input, word) in [
        ("once", "POST http 127.0.0.1:PORT /breaks || one\ncrash GET http 127.0.0.1:PORT /", "in-doubt"),
        ("idempotent", "POST http 127.0.0.1:PORT /breaks || one\ncrash GET http 127.0.0.1:PORT /", "trapped"),
        ("once", "GET http 127.0.0.1:PORT /breaks\ncrash GET http 127.0.0.1:PORT /", "trapped"),
        ("once", "POST http 127.0.0.1:PORT /breaks || one", "done"),
        ("once", breaks.as_str(), "trapped"),
    ] {
        let bytes = asking_as("http_commands", &[&ask(BOTH)], effects);
        let run = finished(&stage, &bytes, &server.ported(input)).await;
        assert_eq!(run.standing.state.word(), word, "{effects} {input}");
        let asked = run.standing.state.question.as_ref().map(|question| question.asked.reason);
        assert_eq!(asked, (word == "in-doubt").then_some(AskReason::Doubt));
        let entries = stage.home.entries(&run.standing.state.run).unwrap();
        let kept = entries.iter().any(|entry| match &entry.body {
            Body::DoubtRaised { broke, .. } => broke.as_ref().is_some_and(|broke| broke.crossings.is_some()),
            _ => false,
        });
        assert_eq!(kept, word == "in-doubt");
    }
}

/// The server gets it back as what it is; guest, journal and every answer hold only its name.
#[tokio::test]
async fn a_secret_goes_to_its_place_and_comes_back_to_nobody() {
    let server = Server::start();
    let stage = with_secret(&server);
    let input = server.ported("GET http 127.0.0.1:PORT /echo");
    let bytes = asking("http_commands", &[&ask(READS)]);
    let run = finished(&stage, &bytes, &input).await;
    assert!(
        server.seen()[0].contains("\r\nauthorization: Bearer s3cr3t-t0ken-of-acme\r\n"),
        "{:?}",
        server.seen()
    );
    let story = stage.story(&bytes, &run);
    assert!(story.words().starts_with("200 x-echo: Bearer "), "{}", story.words());
    let mut told = vec![story.text(), story.crossed()];
    for entry in stage.home.entries(&run.standing.state.run).unwrap() {
        told.push(serde_json::to_string(&entry).unwrap());
    }
    for text in told {
        assert!(!text.contains("s3cr3t") && !text.contains("czNjcjN0"), "{text}");
    }
}

fn with_secret(server: &Server) -> Stage {
    let folder = tempfile::tempdir().unwrap().keep();
    let file = folder.join("token");
    std::fs::write(&file, "s3cr3t-t0ken-of-acme").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let bind = format!("http://{}/", server.authority());
    let rule = format!(
        r#"{}, bind = "{bind}", addresses = ["127.0.0.1"], inject = {{ authorization = "Bearer {{crm-token}}" }}"#,
        ask(READS)
    );
    let rest = format!("secret.crm-token.from = \"file:{}\"", file.display());
    Stage::new(&policy("http_commands", &[&rule], &rest))
}
