//! The network under attack, played at the door: a guest that asks for everything, names and servers that lie.
//!
//! `given`: `grant TARGET` (else `http://api.acme.example:PORT/`), `methods WORDS`, `names NETWORK` (else loopback;
//! `names none`), `resolves NAME ADDRESS...` (each line answers once, the last one stays), `own ADDRESS`,
//! `secret VALUE` injected as `authorization: Bearer`, `received BYTES`, `within MILLISECONDS`, and what the server
//! does: `answers TEXT`, `endless FIRST|AGAIN`, `drips FIRST|BYTE` (a hundred thousand, a millisecond each), `stalls TEXT`. `does` is `METHOD URL`, then headers, each
//! after ` | `, and a body after ` || `. `PORT` is the server's. `left` is what names and server saw, nothing unless
//! said.

#[path = "../../../../tests/e2e/hostile/table.rs"]
#[allow(dead_code, reason = "loopback is on every machine, so that nothing is skipped")]
mod table;

use super::stage::{Does, Names, Server, egress, grant, injection, request, vault};
use crate::{HttpEgress, Vault};
use kapell_model::http::{HttpGrant, Method};
use kapell_model::seam::{Egress as _, Incoming, Outgoing, SendFailure};
use std::time::{Duration, Instant};
use table::{Case, Table};
use url::Url;

/// The names that every run of these tests must have played. NET-7 is a guest's alone and is played there.
const IDS: [&str; 8] = ["NET-1", "NET-2", "NET-3", "NET-4", "NET-5", "NET-6", "NET-8", "NET-9"];

#[tokio::test]
async fn the_door_holds_against_every_case() {
    let mut table = Table::read(include_str!("../../../../tests/e2e/hostile/net.toml"));
    for (place, case) in table.cases() {
        let seen = play(&case).await;
        table.saw(place, seen);
    }
    table.finish(&IDS);
}

/// What is given, as far as it is the same for all requests of a case.
struct Scene {
    grant: HttpGrant,
    received_max: u64,
    within: Duration,
    port: u16,
}

async fn play(case: &Case) -> Vec<String> {
    let mut names = Names::default();
    let seen = names.seen.clone();
    let mut does = Does::Answer(vec![b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()]);
    for line in &case.given {
        read_server(line, &mut does);
        read_names(line, &mut names);
    }
    let server = Server::start(does, None, seen.clone()).await;
    let (scene, vault) = scene(case, server.port);
    if !case.given.iter().any(|line| line.starts_with("resolves api.acme.example")) {
        names.answer("api.acme.example", &["127.0.0.1"]);
    }
    let egress = egress(names, &[], vault);
    let mut answers = Vec::new();
    for line in &case.does {
        answers.push(ask(&egress, &scene, line).await);
    }
    server.finish().await;
    let left: Vec<String> =
        seen.lock().unwrap().iter().map(|line| line.escape_default().to_string()).collect();
    let expected = case.left.clone().unwrap_or_default();
    if left != expected {
        answers.extend(left.iter().map(|line| format!("left: {line}")));
    }
    answers
}

fn read_server(line: &str, does: &mut Does) {
    let text = |text: &str| text.as_bytes().to_vec();
    match line.split_once(' ') {
        Some(("answers", answer)) => *does = Does::Answer(vec![text(answer)]),
        Some(("endless", both)) => {
            let (first, again) = both.split_once('|').unwrap();
            *does = Does::Endless(text(first), text(again));
        }
        Some(("drips", both)) => {
            let (first, byte) = both.split_once('|').unwrap();
            *does = Does::Drip(text(first), text(byte).repeat(100_000));
        }
        Some(("stalls", answer)) => *does = Does::Stall(text(answer)),
        _ => {}
    }
}

fn read_names(line: &str, names: &mut Names) {
    let words: Vec<&str> = line.split(' ').collect();
    match words[0] {
        "resolves" => names.answer(words[1], &words[2..]),
        "own" => names.own.push(words[1].parse().unwrap()),
        _ => {}
    }
}

fn scene(case: &Case, port: u16) -> (Scene, Vault) {
    let target = format!("http://api.acme.example:{port}/");
    let mut scene =
        Scene { grant: grant(&target), received_max: 1 << 20, within: Duration::from_secs(60), port };
    let mut secrets = Vec::new();
    for line in &case.given {
        match line.split_once(' ').unwrap() {
            ("grant", target) => {
                scene.grant.target = target.replace("PORT", &port.to_string()).parse().unwrap()
            }
            ("methods", words) => scene.grant.methods = words.split(' ').map(method).collect(),
            ("names", "none") => scene.grant.addresses.clear(),
            ("names", net) => scene.grant.addresses = vec![net.parse().unwrap()],
            ("secret", value) => {
                scene.grant.inject = vec![injection("authorization", "Bearer ", "token")];
                secrets.push(("token", value));
            }
            ("received", bytes) => scene.received_max = bytes.parse().unwrap(),
            ("within", time) => scene.within = Duration::from_millis(time.parse().unwrap()),
            _ => {}
        }
    }
    (scene, vault(&secrets))
}

fn method(word: &str) -> Method {
    Method::ALL.into_iter().find(|method| method.word() == word).unwrap()
}

/// The answer in one line.
async fn ask(egress: &HttpEgress, scene: &Scene, line: &str) -> String {
    let line = line.replace("PORT", &scene.port.to_string());
    let asked = match read_request(scene, &line) {
        Ok(asked) => asked,
        Err(cause) => return format!("no URL: {cause}"),
    };
    let told = match egress.send(asked).await {
        Ok(Incoming { status, headers, body, .. }) => {
            let shown =
                |(name, value): &(String, Vec<u8>)| format!("{name}: {}", String::from_utf8_lossy(value));
            let kept = headers.iter().filter(|(name, _)| name != "content-length");
            let parts = kept.map(shown).chain([String::from_utf8_lossy(&body).into_owned()]);
            parts.fold(
                status.to_string(),
                |told, part| if part.is_empty() { told } else { format!("{told} {part}") },
            )
        }
        Err(SendFailure::TimedOut { sent }) => format!("not answered in time, sent: {sent}"),
        Err(failure) => failure.to_string(),
    };
    told.replace(&scene.port.to_string(), "PORT")
}

fn read_request(scene: &Scene, line: &str) -> Result<Outgoing, url::ParseError> {
    let (line, body) = line.split_once(" || ").unwrap_or((line, ""));
    let mut parts = line.split(" | ");
    let (word, url) = parts.next().unwrap().split_once(' ').unwrap();
    let url: Url = url.parse()?;
    let mut asked = request(scene.grant.clone(), method(word), url.as_str());
    let header = |text: &str| {
        let (name, value) = text.split_once(": ").unwrap();
        (name.to_owned(), value.as_bytes().to_vec())
    };
    asked.headers = parts.map(header).collect();
    asked.body = body.as_bytes().into();
    asked.received_max = scene.received_max;
    asked.until = Instant::now() + scene.within;
    Ok(asked)
}
