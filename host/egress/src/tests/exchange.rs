//! One exchange on the wire: what leaves, what comes back, whose certificate is believed.

use super::stage::{Does, Names, Seen, Server, egress, grant, injection, request, tls, vault};
use crate::Vault;
use kapell_model::digest::Digest;
use kapell_model::http::Method;
use kapell_model::seam::{Egress as _, Incoming, SendFailure};
use std::time::{Duration, Instant};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: 1\r\nconnection: x-b\r\nx-b: 2\r\nset-cookie: s=1\r\n\r\nok";

fn answers(text: &str) -> Does {
    Does::Answer(vec![text.into()])
}

fn told(incoming: &Result<Incoming, SendFailure>) -> String {
    match incoming {
        Err(failure) => format!("{failure} {failure:?}"),
        Ok(incoming) => {
            let headers = incoming.headers.iter();
            let headers: Vec<String> =
                headers.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect();
            let Incoming { status, body, address, sent, received, redacted, .. } = incoming;
            let body = String::from_utf8_lossy(body);
            format!(
                "{status} {headers:?} {body:?} from {address}, {sent} out, {received} in, redacted {redacted}"
            )
        }
    }
}

/// Names for loopback and a server, both writing down what they see.
async fn scene(does: Does) -> (Names, Seen, Server) {
    let names = Names::default();
    names.answer("api.acme.example", &["127.0.0.1"]);
    let seen = names.seen.clone();
    let server = Server::start(does, None, seen.clone()).await;
    (names, seen, server)
}

#[tokio::test]
async fn exactly_one_well_formed_request_leaves() {
    let (names, seen, server) = scene(answers(OK)).await;
    let url = format!("http://API.acme.example:{}/v1/../v2/a b?q=ü&r=1", server.port);
    let mut asked = request(grant(&format!("http://api.acme.example:{}/", server.port)), Method::Post, &url);
    asked.grant.inject = vec![injection("authorization", "Bearer ", "crm-token")];
    asked.headers = vec![
        ("X-Trace".into(), b"one".to_vec()),
        ("x-trace".into(), b"two".to_vec()),
        ("content-length".into(), b"11".to_vec()),
    ];
    asked.body = (*b"hello world").into();
    asked.idempotency_key = Some(Digest::of(b"run 1, step a").hex());
    let incoming = egress(names, &[], vault(&[("crm-token", "hunter2hunter2")])).send(asked).await;
    insta::assert_snapshot!(told(&incoming), @r#"
    200 ["content-length: 2", "x-a: 1"] "ok" from 127.0.0.1, 296 out, 90 in, redacted false
    "#);
    server.finish().await;
    insta::assert_snapshot!(seen.lock().unwrap().join("\n"), @r#"
    asked api.acme.example
    got POST /v2/a%20b?q=%C3%BC&r=1 HTTP/1.1
    host: api.acme.example:PORT
    x-trace: one
    x-trace: two
    idempotency-key: fd0e4caa865acc25a9484a384431b68825d84afb3c9f1827cea64d975b246372
    authorization: Bearer hunter2hunter2
    accept-encoding: identity
    content-length: 11
    connection: close

    hello world
    "#);
}

#[tokio::test]
async fn a_method_that_changes_nothing_carries_neither_key_nor_length() {
    let (names, seen, server) = scene(answers(OK)).await;
    let target = format!("http://api.acme.example:{}/", server.port);
    let mut asked = request(grant(&target), Method::Get, &target);
    asked.idempotency_key = Some(Digest::of(b"run 1, step a").hex());
    egress(names, &[], Vault::default()).send(asked).await.unwrap();
    server.finish().await;
    insta::assert_snapshot!(seen.lock().unwrap().join("\n"), @r#"
    asked api.acme.example
    got GET / HTTP/1.1
    host: api.acme.example:PORT
    connection: close
    "#);
}

#[tokio::test]
async fn tls_is_spoken_to_the_granted_name_and_no_other() {
    for (shown, expected) in [("api.acme.example", "200"), ("evil.example", "invalid peer certificate")] {
        let (root, acceptor) = tls(shown);
        let names = Names::default();
        names.answer("api.acme.example", &["127.0.0.1"]);
        let seen = names.seen.clone();
        let server = Server::start(answers(OK), Some(acceptor), seen.clone()).await;
        let target = format!("https://api.acme.example:{}/", server.port);
        let incoming = egress(names, &[root], Vault::default())
            .send(request(grant(&target), Method::Get, &target))
            .await;
        assert!(told(&incoming).contains(expected), "{shown}: {}", told(&incoming));
        server.finish().await;
        let arrived = seen.lock().unwrap().iter().any(|line| line.starts_with("got"));
        assert_eq!(arrived, incoming.is_ok(), "{shown}");
    }
}

#[tokio::test]
async fn a_certificate_nobody_known_has_signed_is_not_believed() {
    let (_, acceptor) = tls("api.acme.example");
    let names = Names::default();
    names.answer("api.acme.example", &["127.0.0.1"]);
    let server = Server::start(answers(OK), Some(acceptor), Seen::default()).await;
    let target = format!("https://api.acme.example:{}/", server.port);
    let incoming =
        egress(names, &[], Vault::default()).send(request(grant(&target), Method::Get, &target)).await;
    insta::assert_snapshot!(told(&incoming), @r#"
    invalid peer certificate: UnknownIssuer Failed { cause: "invalid peer certificate: UnknownIssuer", sent: false }
    "#);
    server.finish().await;
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_its_bound_and_not_a_byte_larger() {
    for (below, expected) in [(0, "200"), (1, "larger than the")] {
        let (names, _, server) = scene(answers(OK)).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let mut asked = request(grant(&target), Method::Get, &target);
        asked.received_max = OK.len() as u64 - below;
        let incoming = egress(names, &[], Vault::default()).send(asked).await;
        assert!(told(&incoming).contains(expected), "{below}: {}", told(&incoming));
        server.finish().await;
    }
}

#[tokio::test]
async fn a_head_may_have_so_many_headers_and_bytes_and_no_more() {
    let head = |headers: usize, bytes: usize| {
        let mut text = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n".to_owned();
        (1..headers).for_each(|number| text.push_str(&format!("x-{number}: y\r\n")));
        let left = bytes.saturating_sub(text.len() + "x: \r\n\r\n".len());
        if bytes > 0 {
            text.push_str(&format!("x: {}\r\n", "y".repeat(left)));
        }
        text + "\r\n"
    };
    let table = [
        (100, 0, "200"),
        (101, 0, "head is larger"),
        (1, 16 << 10, "200"),
        (1, (16 << 10) + 1, "head is larger"),
    ];
    for (headers, bytes, expected) in table {
        let (names, _, server) = scene(answers(&head(headers, bytes))).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let incoming =
            egress(names, &[], Vault::default()).send(request(grant(&target), Method::Get, &target)).await;
        assert!(told(&incoming).contains(expected), "{headers} {bytes}: {}", told(&incoming));
        server.finish().await;
    }
}

#[tokio::test]
async fn nothing_is_sent_once_the_time_is_over() {
    let (names, seen, server) = scene(answers(OK)).await;
    let target = format!("http://api.acme.example:{}/", server.port);
    let mut asked = request(grant(&target), Method::Get, &target);
    asked.until = Instant::now() - Duration::from_millis(1);
    let incoming = egress(names, &[], Vault::default()).send(asked).await;
    assert_eq!(incoming, Err(SendFailure::TimedOut { sent: false }));
    server.finish().await;
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_breaks_off_is_told_from_one_that_answers() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf";
    for answer in [
        cut,
        "HTTP/1.1 200",
        "",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
    ] {
        let (names, _, server) = scene(answers(answer)).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let incoming =
            egress(names, &[], Vault::default()).send(request(grant(&target), Method::Get, &target)).await;
        assert!(
            matches!(incoming, Err(SendFailure::Failed { sent: true, .. })),
            "{answer}: {}",
            told(&incoming)
        );
        server.finish().await;
    }
}

#[tokio::test]
async fn an_exchange_ends_with_its_time() {
    let (names, _, server) = scene(Does::Stall(b"HTTP/1.1 200 OK\r\n".to_vec())).await;
    let target = format!("http://api.acme.example:{}/", server.port);
    let mut asked = request(grant(&target), Method::Get, &target);
    let began = Instant::now();
    asked.until = began + Duration::from_millis(100);
    let incoming = egress(names, &[], Vault::default()).send(asked).await;
    assert_eq!(incoming, Err(SendFailure::TimedOut { sent: true }));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    server.finish().await;
}

#[tokio::test]
async fn an_answer_whose_end_is_not_said_in_one_way_is_none() {
    for head in [
        "transfer-encoding: chunked\r\ncontent-length: 3",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "content-length: 3\r\ncontent-length: 4",
        "content-length: +3",
        "content-length: 3, 3",
        "content-length: 99999999999999999999",
        "transfer-encoding: chunked\r\nx: y\r\n folded",
    ] {
        let (names, _, server) =
            scene(answers(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let incoming =
            egress(names, &[], Vault::default()).send(request(grant(&target), Method::Get, &target)).await;
        assert!(told(&incoming).contains("the answer is no HTTP"), "{head}: {}", told(&incoming));
        server.finish().await;
    }
}

#[tokio::test]
async fn chunks_are_read_as_they_are_written_and_not_otherwise() {
    for (chunks, expected) in [
        ("3\r\nabc\r\n0\r\n\r\n", "\"abc\""),
        ("1;a=b\r\na\r\n2 \r\nbc\r\n0\r\nx: y\r\n\r\n", "\"abc\""),
        ("3\r\nabcd\r\n0\r\n\r\n", "does not end where it says"),
        ("\r\n0\r\n\r\n", "a chunk has no size"),
        (";x\r\n\r\n", "a chunk has no size"),
        ("x\r\n", "a chunk has no size"),
        ("11111111111111111\r\n", "a chunk has no size"),
        ("3\r\nab", "before the answer was complete"),
        ("", "before the answer was complete"),
    ] {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let (names, _, server) = scene(answers(&format!("{head}{chunks}"))).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let incoming =
            egress(names, &[], Vault::default()).send(request(grant(&target), Method::Get, &target)).await;
        assert!(told(&incoming).contains(expected), "{chunks:?}: {}", told(&incoming));
        server.finish().await;
    }
}

#[tokio::test]
async fn an_answer_without_a_body_has_none_whatever_its_head_says() {
    for (method, answer) in [
        (Method::Head, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        (Method::Get, "HTTP/1.1 204 No Content\r\n\r\n"),
        (Method::Get, "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        (Method::Get, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        (Method::Get, "HTTP/1.0 200 OK\r\n\r\n"),
    ] {
        let (names, _, server) = scene(answers(answer)).await;
        let target = format!("http://api.acme.example:{}/", server.port);
        let incoming =
            egress(names, &[], Vault::default()).send(request(grant(&target), method, &target)).await;
        assert!(
            incoming.as_ref().is_ok_and(|incoming| incoming.body.is_empty()),
            "{answer}: {}",
            told(&incoming)
        );
        server.finish().await;
    }
}

#[tokio::test]
async fn a_server_that_answers_before_it_has_read_everything_is_heard() {
    let names = Names::default();
    names.answer("api.acme.example", &["127.0.0.1"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://api.acme.example:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 16]).await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno").await.unwrap();
        stream
    });
    let mut asked = request(grant(&target), Method::Post, &target);
    asked.body = vec![b'x'; 32 << 20].into();
    let incoming = egress(names, &[], Vault::default()).send(asked).await;
    assert!(told(&incoming).starts_with("413"), "{}", told(&incoming));
    drop(server.await.unwrap());
}
