//! One exchange over one connection of its own: connect to an address that was checked, speak TLS to the host that
//! was granted, send one request, read one answer, all within one deadline and one bound of bytes.
//!
//! There is no pool, so that no request meets what another left on a connection; no redirect is followed, no proxy
//! of the environment asked, no cookie kept, nothing decompressed. Dropping the future ends everything.

use crate::address;
use crate::meter::{Meter, Metered};
use crate::network::Network;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use kapell_model::http::Scheme;
use kapell_model::seam::{Denial, SendFailure};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use url::Host;

/// Most bytes of an answer's head.
pub(crate) const HEAD_MAX: usize = 16 << 10;

/// Most headers of an answer.
pub(crate) const HEADERS_MAX: usize = 100;

/// Most bytes that come before the head is read: informational answers (1xx) before it, and what of the body came
/// along with it.
const BEFORE_BODY_MAX: u64 = 4 * HEAD_MAX as u64;

/// Most addresses of a host that are tried; all of them were checked.
const TRIED_MAX: usize = 4;

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// In the clear or over TLS.
    pub(crate) scheme: Scheme,
    /// The host; over TLS the name the server must show.
    pub(crate) host: Host<String>,
    /// The port.
    pub(crate) port: u16,
}

/// What an exchange may use.
#[derive(Clone, Debug)]
pub(crate) struct Bounds<'a> {
    /// Special addresses that may be connected to.
    pub(crate) addresses: &'a [IpNet],
    /// Most bytes of the answer, head and body.
    pub(crate) received_max: u64,
    /// When all of it must be done.
    pub(crate) until: Instant,
}

/// An answer as it came, secrets and all; see [`crate::answer`] for what of it a guest may see.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The address that was connected to.
    pub(crate) address: IpAddr,
    /// Bytes sent, above TLS.
    pub(crate) sent: u64,
    /// Bytes received, above TLS.
    pub(crate) received: u64,
}

/// Makes exchanges.
pub(crate) struct Client {
    network: Arc<dyn Network>,
    tls: TlsConnector,
}

impl Client {
    /// A client that trusts the roots browsers trust, and those given here.
    ///
    /// # Errors
    /// When a root is no certificate.
    pub(crate) fn new(
        network: Arc<dyn Network>,
        roots: &[CertificateDer<'_>],
    ) -> Result<Self, rustls::Error> {
        Ok(Self { network, tls: TlsConnector::from(Arc::new(tls_config(roots)?)) })
    }

    /// Sends `request` and waits for the whole answer.
    ///
    /// # Errors
    /// `Denied` for a forbidden address and an answer beyond its bounds, `TimedOut` at the deadline, `Failed` for
    /// everything the network or the server did wrong.
    pub(crate) async fn exchange(
        &self,
        place: &Place,
        request: Request<Full<Bytes>>,
        bounds: &Bounds<'_>,
    ) -> Result<Answer, SendFailure> {
        let meter = Arc::new(Meter::new(bounds.received_max.min(BEFORE_BODY_MAX)));
        if bounds.until <= Instant::now() {
            return Err(SendFailure::TimedOut { sent: false });
        }
        let work = self.unhurried(place, request, bounds, &meter);
        match tokio::time::timeout_at(bounds.until.into(), work).await {
            Ok(done) => done,
            Err(_) => Err(SendFailure::TimedOut { sent: meter.sent() > 0 }),
        }
    }

    async fn unhurried(
        &self,
        place: &Place,
        request: Request<Full<Bytes>>,
        bounds: &Bounds<'_>,
        meter: &Arc<Meter>,
    ) -> Result<Answer, SendFailure> {
        let addresses = address::reachable(&*self.network, &place.host, bounds.addresses).await?;
        let (stream, address) = connect(&addresses, place.port, bounds.until).await.map_err(not_reached)?;
        let spoken = match place.scheme {
            Scheme::Http => speak(stream, request, meter, bounds.received_max).await,
            Scheme::Https => {
                let stream = self.secure(stream, &place.host).await.map_err(not_reached)?;
                speak(stream, request, meter, bounds.received_max).await
            }
        };
        let (head, body) = spoken.map_err(|stopped| stopped.told(meter, bounds.received_max))?;
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            address,
            sent: meter.sent(),
            received: meter.received(),
        })
    }

    /// TLS to the server that shows the host's own name.
    async fn secure(&self, stream: TcpStream, host: &Host<String>) -> io::Result<TlsStream<TcpStream>> {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(io::Error::other)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        self.tls.connect(name, stream).await
    }
}

/// No session is taken up again: what one attempt did must not show in another.
fn tls_config(roots: &[CertificateDer<'_>]) -> Result<ClientConfig, rustls::Error> {
    let mut trusted = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in roots {
        trusted.add(root.clone().into_owned())?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn not_reached(cause: io::Error) -> SendFailure {
    SendFailure::Failed { cause: cause.to_string(), sent: false }
}

/// The first address that answers. Each gets its share of the time, so that a dead one does not use up the others'.
async fn connect(addresses: &[IpAddr], port: u16, until: Instant) -> io::Result<(TcpStream, IpAddr)> {
    let tried: Vec<&IpAddr> = addresses.iter().take(TRIED_MAX).collect();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (number, address) in tried.iter().enumerate() {
        let left = u32::try_from(tried.len() - number).unwrap_or(1);
        let share = until.saturating_duration_since(Instant::now()) / left;
        let connected = TcpStream::connect(SocketAddr::new(**address, port));
        match tokio::time::timeout(share, connected).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok((stream, **address));
            }
            Ok(Err(cause)) => last = io::Error::other(format!("connect to {address}: {cause}")),
            Err(_) => last = io::Error::other(format!("connect to {address}: no answer")),
        }
    }
    Err(last)
}

/// Why an exchange stopped.
enum Stopped {
    Http(hyper::Error),
    SwitchedProtocols,
}

impl From<hyper::Error> for Stopped {
    fn from(error: hyper::Error) -> Self {
        Stopped::Http(error)
    }
}

impl Stopped {
    fn told(self, meter: &Meter, received_max: u64) -> SendFailure {
        let sent = meter.sent() > 0;
        match self {
            _ if meter.received() > received_max => SendFailure::Denied(Denial::TooLarge(received_max)),
            _ if meter.is_over() => SendFailure::Denied(Denial::HeadTooLarge),
            Stopped::Http(error) if is_head_too_large(&error) => SendFailure::Denied(Denial::HeadTooLarge),
            Stopped::Http(error) => SendFailure::Failed { cause: with_sources(&error), sent },
            Stopped::SwitchedProtocols => {
                SendFailure::Failed { cause: "the server switched to another protocol".into(), sent }
            }
        }
    }
}

/// Hyper tells it apart by its words alone where only its client is built in.
fn is_head_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string() == "message head is too large"
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told
}

/// One request and one answer over a stream that is closed afterwards.
async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<Full<Bytes>>,
    meter: &Arc<Meter>,
    received_max: u64,
) -> Result<(hyper::http::response::Parts, Vec<u8>), Stopped> {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_MAX)
        .max_buf_size(HEAD_MAX)
        .handshake(TokioIo::new(Metered::new(stream, meter.clone())))
        .await?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        meter.allow(received_max);
        read(answer).await
    };
    let (connection, mut exchange) = (pin!(connection), pin!(exchange));
    tokio::select! {
        biased;
        done = &mut exchange => done,
        // Its error is told to the exchange too, which may also have an answer waiting.
        _ = connection => exchange.await,
    }
}

/// The whole body; trailers are not read by anybody.
async fn read(answer: Response<Incoming>) -> Result<(hyper::http::response::Parts, Vec<u8>), Stopped> {
    let (head, mut frames) = answer.into_parts();
    if head.status == hyper::StatusCode::SWITCHING_PROTOCOLS {
        return Err(Stopped::SwitchedProtocols);
    }
    let mut body = Vec::new();
    while let Some(frame) = frames.frame().await {
        if let Ok(data) = frame?.into_data() {
            body.extend_from_slice(&data);
        }
    }
    Ok((head, body))
}
