//! Requests of a hostile guest through a whole home: below any library, to a server that writes down every byte.
//!
//! `given`: `guest NAME` for another guest, which is granted nothing, its sockets `inert` or refused; else `methods WORDS` (else GET and POST), `most KEYS`, `path PREFIX` of the granted place, `secret` injected as
//! `authorization`, `limits KEYS` of the policy. `does` is what the guest `http_commands` understands, `PORT` the
//! server's. `left` is what arrived there, nothing unless said.

use super::table::{Case, Table};
use crate::guests::server::Server;
use crate::guests::stage::{Stage, policy};
use std::net::{TcpListener, UdpSocket};

const GUEST: &str = "http_commands";

/// The names that every run of these tests must have played. NET-1 and NET-2 are names that lie, and are played at the
/// door.
const IDS: [&str; 7] = ["NET-3", "NET-4", "NET-5", "NET-6", "NET-7", "NET-8", "NET-9"];

#[tokio::test]
async fn the_sandbox_holds_against_every_request() {
    let mut table = Table::read(include_str!("http.toml"));
    for (place, case) in table.cases() {
        let seen = match case.given.iter().find_map(|line| line.strip_prefix("guest ")) {
            Some(guest) => without_a_way_out(guest, &case).await,
            None => play(&case).await,
        };
        table.saw(place, seen);
    }
    table.finish(&IDS);
}

/// One port that is free for datagrams and for connections: what is free for the one may be taken for the other.
fn on_one_port() -> (UdpSocket, TcpListener) {
    let both = || {
        let receiver = UdpSocket::bind("127.0.0.1:0").ok()?;
        let listener = TcpListener::bind(receiver.local_addr().ok()?).ok()?;
        Some((receiver, listener))
    };
    (0..100).find_map(|_| both()).expect("a port that nobody has")
}

/// What a guest that wants sockets comes to: an interface nobody can be granted, and inert where `given` says so.
async fn without_a_way_out(guest: &str, case: &Case) -> Vec<String> {
    let (receiver, listener) = on_one_port();
    receiver.set_nonblocking(true).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = receiver.local_addr().unwrap().to_string();
    let inert = case.given.iter().any(|line| line == "inert");
    let stage = Stage::new(&policy(guest, &[], if inert { "inert.any = [\"wasi:sockets\"]" } else { "" }));
    let mut seen = Vec::new();
    for line in &case.does {
        let told = match stage.call(guest, &[], &line.replace("ADDRESS", &address)).await {
            Ok(story) => story.ending(),
            Err(error) => error.to_string(),
        };
        // Up to the version of the interface, which is the toolchain's.
        let told = told.split('@').next().unwrap_or_default().to_owned();
        seen.push(told);
    }
    if listener.accept().is_ok() || receiver.recv_from(&mut [0; 16]).is_ok() {
        seen.push("left: something arrived".into());
    }
    seen
}

async fn play(case: &Case) -> Vec<String> {
    let server = Server::start();
    let scene = Scene::of(case, &server);
    let stage = Stage::new(&scene.policy);
    let does = server.ported(&case.does.join("\n"));
    let story = stage.call(GUEST, &[&scene.ask], &does).await.unwrap();
    let told = story.ending();
    let told = told.strip_prefix("output: ").unwrap_or(&told);
    let mut seen: Vec<String> = server.unported(told).lines().map(str::to_owned).collect();
    // The key is the run's; a key there is, the same length each time.
    let key = regex::Regex::new("idempotency-key: [0-9a-f]{64}").unwrap();
    let keyed = |text: &String| key.replace(text, "idempotency-key: KEY").escape_default().to_string();
    let arrived: Vec<String> = server.seen().iter().map(keyed).collect();
    if arrived != case.left.clone().unwrap_or_default() {
        seen.extend(arrived.iter().map(|text| format!("left: {text}")));
    }
    seen
}

/// What `given` comes to.
struct Scene {
    ask: String,
    policy: String,
    _secret: tempfile::TempDir,
}

impl Scene {
    fn of(case: &Case, server: &Server) -> Self {
        let (mut methods, mut more) = (r#""GET", "POST""#.to_owned(), String::new());
        let (mut path, mut rest) = ("/".to_owned(), String::new());
        let secret = tempfile::tempdir().unwrap();
        for line in &case.given {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("methods", words) => {
                    methods = format!("{:?}", words.split(' ').collect::<Vec<_>>()).replace(['[', ']'], "")
                }
                ("most", keys) => more.push_str(&format!(", most = {{ {keys} }}")),
                ("path", prefix) => path = prefix.to_owned(),
                ("limits", keys) => rest.push_str(&format!("limits.any = {{ {keys} }}\n")),
                ("secret", _) => {
                    more.push_str(r#", inject = { authorization = "Bearer {token}" }"#);
                    rest.push_str(&format!("secret.token.from = \"file:{}\"\n", kept(secret.path())));
                }
                (other, _) => panic!("no such word: {other}"),
            }
        }
        let ask = format!(r#"kind = "http", name = "api", methods = [{methods}]"#);
        let rule = format!(
            r#"{ask}, bind = "http://{}{path}", addresses = ["127.0.0.1"]{more}"#,
            server.authority()
        );
        Self { policy: policy(GUEST, &[&rule], &rest), ask, _secret: secret }
    }
}

/// Writes the secret where only the owner reads it.
fn kept(folder: &std::path::Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let file = folder.join("token");
    std::fs::write(&file, "s3cr3t-t0ken-of-acme").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}
