//! A request through the egress against the same bytes sent and read by a bare client, to a server on loopback.

use crate::rounds::{interleaved, per_unit};
use crate::step::one_thread;
use crate::table::{self, Goal};
use anyhow::{Context, Result, ensure};
use kapell_egress::{HttpEgress, Vault};
use kapell_model::http::{HttpGrant, Injection, Method};
use kapell_model::policy::SecretSource;
use kapell_model::quantity::Bytes;
use kapell_model::seam::{Egress as _, Outgoing};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime as Tokio;

const ROUNDS: usize = 9;
const CALLS: u32 = 200;
/// Bytes of a body, each way.
const BODY: usize = 1024;
const SECRET: &str = "bench-secret-of-32-bytes-exactly";

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    let (tokio, server) = (one_thread()?, serve()?);
    let plain = HttpEgress::new(Vault::default())?;
    let sources = [("bench".parse()?, SecretSource::Environment("BENCH".into()))].into();
    let secret = HttpEgress::new(Vault::read_with(&sources, |_| Some(SECRET.into()))?)?;
    let mut injecting = asked(server)?;
    injecting.grant.inject = vec![Injection {
        header: "authorization".into(),
        before: "Bearer ".into(),
        secret: "bench from env:BENCH".parse()?,
        after: String::new(),
    }];
    let without = asked(server)?;
    let [bare, egress, redacting] = interleaved(
        ROUNDS,
        [
            Box::new(|| per_unit(CALLS, || bare_calls(&tokio, server))),
            Box::new(|| per_unit(CALLS, || calls(&tokio, &plain, &without))),
            Box::new(|| per_unit(CALLS, || calls(&tokio, &secret, &injecting))),
        ],
    )?;
    table::group("A request to loopback: 1 KiB there and back, a connection each");
    table::shown("base: a bare client", &table::time(bare.median()), Some(1.0));
    let row = |name, taken: &crate::rounds::Taken| {
        table::against(name, &table::time(taken.median()), taken.ratio_to(&bare), Goal::AtMost(1.5));
    };
    row("through the egress", &egress);
    row("with a secret sent and looked for in the answer", &redacting);
    Ok(())
}

/// A server that answers every connection once.
fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n{}", "a".repeat(BODY));
    thread::spawn(move || -> Result<()> {
        loop {
            let (mut stream, _) = listener.accept()?;
            let (mut request, mut part) = (Vec::new(), [0; 8192]);
            while !is_whole(&request) {
                let read = stream.read(&mut part)?;
                ensure!(read > 0, "the client hung up");
                request.extend_from_slice(part.get(..read).context("more than asked for")?);
            }
            stream.write_all(answer.as_bytes())?;
        }
    });
    Ok(address)
}

fn is_whole(request: &[u8]) -> bool {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n");
    end.is_some_and(|end| request.len() >= end + 4 + BODY)
}

fn asked(server: SocketAddr) -> Result<Outgoing> {
    let target = format!("http://{server}/");
    Ok(Outgoing {
        grant: HttpGrant {
            target: target.parse()?,
            methods: [Method::Post].into(),
            addresses: vec!["127.0.0.1/32".parse()?],
            inject: Vec::new(),
            vouched_by: None,
            calls_max: 1,
            sent_max: Bytes(1 << 20),
            received_max: Bytes(1 << 20),
            hosts_max: 1,
        },
        method: Method::Post,
        url: target.parse()?,
        headers: vec![("content-type".into(), b"text/plain".to_vec())],
        body: vec![b'q'; BODY].into(),
        received_max: 1 << 20,
        until: Instant::now(),
        idempotency_key: None,
    })
}

fn calls(tokio: &Tokio, egress: &HttpEgress, asked: &Outgoing) -> Result<()> {
    tokio.block_on(async {
        for _ in 0..CALLS {
            let until = Instant::now() + Duration::from_secs(5);
            let answer = egress.send(Outgoing { until, ..asked.clone() }).await?;
            ensure!(answer.body.len() == BODY, "the answer was cut");
        }
        Ok(())
    })
}

fn bare_calls(tokio: &Tokio, server: SocketAddr) -> Result<()> {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {server}\r\ncontent-type: text/plain\r\ncontent-length: {BODY}\r\nconnection: close\r\n\r\n"
    );
    let request = [head.as_bytes(), &[b'q'; BODY]].concat();
    tokio.block_on(async {
        for _ in 0..CALLS {
            let mut stream = TcpStream::connect(server).await?;
            stream.set_nodelay(true)?;
            stream.write_all(&request).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            ensure!(answer.len() > BODY, "the answer was cut");
        }
        Ok(())
    })
}
