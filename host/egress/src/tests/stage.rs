//! A scripted network, a server that does one thing, and requests under a grant.

use crate::network::{Network, Resolving};
use crate::{CertificateDer, HttpEgress, Vault};
use kapell_model::http::{HttpGrant, Injection, Method};
use kapell_model::policy::SecretSource;
use kapell_model::quantity::Bytes;
use kapell_model::seam::Outgoing;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What was asked and what arrived, in order.
pub(super) type Seen = Arc<Mutex<Vec<String>>>;

/// Names with the answers they give, one after the other; the last one stays.
#[derive(Default)]
pub(super) struct Names {
    pub(super) answers: Mutex<BTreeMap<String, VecDeque<Vec<IpAddr>>>>,
    pub(super) own: Vec<IpAddr>,
    pub(super) seen: Seen,
}

impl Names {
    pub(super) fn answer(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.lock().unwrap().entry(name.into()).or_default().push_back(addresses);
    }
}

impl Network for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        self.seen.lock().unwrap().push(format!("asked {name}"));
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.get_mut(name).and_then(|answers| match answers.len() {
            1 => answers.front().cloned(),
            _ => answers.pop_front(),
        });
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }

    fn is_own(&self, address: IpAddr) -> io::Result<bool> {
        Ok(self.own.contains(&address))
    }
}

/// What a server does with every connection.
#[derive(Clone)]
pub(super) enum Does {
    /// Reads one request and writes these pieces, each on its own.
    Answer(Vec<Vec<u8>>),
    /// Reads one request, writes the first text, then the second without end.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes a text and then nothing more, leaving the connection open.
    Stall(Vec<u8>),
    /// Reads one request, writes the first text, then the second byte by byte, a millisecond each.
    Drip(Vec<u8>, Vec<u8>),
    /// One after the other; the last one stays.
    InTurn(Arc<Mutex<VecDeque<Does>>>),
}

impl Does {
    /// What is done with the next connection.
    fn next(&self) -> Does {
        let Does::InTurn(turns) = self else { return self.clone() };
        let mut turns = turns.lock().unwrap();
        match turns.len() {
            1 => turns[0].clone(),
            _ => turns.pop_front().unwrap(),
        }
    }
}

/// A server on loopback.
pub(super) struct Server {
    pub(super) port: u16,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(does: Does, tls: Option<TlsAcceptor>, seen: Seen) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = tokio::select! {
                    biased;
                    accepted = listener.accept() => accepted.unwrap(),
                    _ = &mut stopped => return,
                };
                let does = does.next();
                let got = match &tls {
                    None => serve(stream, &does, &seen, port).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => serve(stream, &does, &seen, port).await,
                        Err(cause) => Err(cause),
                    },
                };
                if let Err(cause) = got {
                    seen.lock().unwrap().push(format!("broke off: {}", cause.kind()));
                }
            }
        });
        Self { port, stop, task }
    }

    /// Waits until every connection is over.
    pub(super) async fn finish(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    does: &Does,
    seen: &Seen,
    port: u16,
) -> io::Result<()> {
    if let Does::Stall(text) = does {
        stream.write_all(text).await?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        return Ok(());
    }
    let request = read_request(&mut stream).await?;
    let text = String::from_utf8_lossy(&request).replace(&port.to_string(), "PORT");
    seen.lock().unwrap().push(format!("got {text}"));
    match does {
        Does::Answer(pieces) => {
            for piece in pieces {
                stream.write_all(piece).await?;
                stream.flush().await?;
            }
            stream.shutdown().await?;
        }
        Does::Endless(first, again) => {
            stream.write_all(first).await?;
            let block = again.repeat(1 + 4096 / again.len());
            // Until the client has had enough.
            while stream.write_all(&block).await.is_ok() {}
            return Ok(());
        }
        Does::Drip(first, bytes) => {
            stream.write_all(first).await?;
            for byte in bytes {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                if stream.write_all(&[*byte]).await.is_err() {
                    return Ok(());
                }
            }
        }
        Does::Stall(_) | Does::InTurn(_) => {}
    }
    let mut more = Vec::new();
    let _ = stream.read_to_end(&mut more).await;
    if !more.is_empty() {
        seen.lock().unwrap().push(format!("got more: {}", String::from_utf8_lossy(&more)));
    }
    Ok(())
}

/// A whole request by the length its head tells.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(request);
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Ok(request);
        }
    }
}

/// An authority of the tests' own and a server certificate it gave for a name.
pub(super) fn tls(name: &str) -> (CertificateDer<'static>, TlsAcceptor) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec![name.into()]).unwrap().signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (root.der().clone(), TlsAcceptor::from(Arc::new(config)))
}

/// A grant for everything below a target, reaching loopback.
pub(super) fn grant(target: &str) -> HttpGrant {
    HttpGrant {
        target: target.parse().unwrap(),
        methods: Method::ALL.into(),
        addresses: vec!["127.0.0.1/32".parse().unwrap()],
        inject: Vec::new(),
        vouched_by: None,
        calls_max: 1,
        sent_max: Bytes(1 << 20),
        received_max: Bytes(1 << 20),
        hosts_max: 1,
    }
}

/// A header that carries a secret.
pub(super) fn injection(header: &str, before: &str, secret: &str) -> Injection {
    Injection {
        header: header.into(),
        before: before.into(),
        secret: format!("{secret} from env:{}", variable(secret)).parse().unwrap(),
        after: String::new(),
    }
}

/// A request that is given ample time and room.
pub(super) fn request(grant: HttpGrant, method: Method, url: &str) -> Outgoing {
    Outgoing {
        grant,
        method,
        url: url.parse().unwrap(),
        headers: Vec::new(),
        body: Arc::from([]),
        received_max: 1 << 20,
        until: Instant::now() + Duration::from_secs(60),
        idempotency_key: None,
    }
}

/// The environment variable a secret is in.
fn variable(secret: &str) -> String {
    secret.replace('-', "_")
}

/// A vault with these secrets, as if from the environment.
pub(super) fn vault(secrets: &[(&str, &str)]) -> Vault {
    let sources =
        secrets.iter().map(|(name, _)| (name.parse().unwrap(), SecretSource::Environment(variable(name))));
    let value = |wanted: &str| {
        secrets.iter().find(|(name, _)| variable(name) == wanted).map(|(_, value)| value.into())
    };
    Vault::read_with(&sources.collect(), value).unwrap()
}

/// An egress over these names.
pub(super) fn egress(names: Names, roots: &[CertificateDer<'_>], vault: Vault) -> HttpEgress {
    HttpEgress::over(Arc::new(names), roots, vault).unwrap()
}
