//! One exchange over one connection of its own: connect to an address that was checked, speak TLS to the host that
//! was granted, send one request, read one answer, all within one deadline and one bound of bytes.
//!
//! There is no pool, so that no request meets what another left on a connection; no redirect is followed, no proxy
//! of the environment asked, no cookie kept, nothing decompressed. Dropping the future ends everything.

use crate::address;
use crate::authorities::Authorities;
use crate::meter::{Meter, Metered};
use crate::network::Network;
use crate::wire::{self, Broken, Message, Read};
use ipnet::IpNet;
use kapell_model::http::{CertificateAuthority, Scheme};
use kapell_model::seam::{Denial, SendFailure};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use url::Host;

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
    /// Who vouches for the place; none for whoever browsers trust.
    pub(crate) vouched_by: Option<&'a CertificateAuthority>,
    /// When all of it must be done.
    pub(crate) until: Instant,
}

/// An answer as it came, secrets and all; see [`crate::answer`] for what of it a guest may see.
pub(crate) struct Answer {
    /// What was read.
    pub(crate) read: Read,
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
    authorities: Authorities,
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
        let mut trusted = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.iter().try_for_each(|root| trusted.add(root.clone().into_owned()))?;
        Ok(Self { network, tls: connector(trusted)?, authorities: Authorities::default() })
    }

    /// The same, with these authorities for the places that name one.
    pub(crate) fn knowing(self, authorities: Authorities) -> Self {
        Self { authorities, ..self }
    }

    /// What a place is known by: the one authority it names and no other, else those that browsers trust.
    fn known_by(&self, vouched_by: Option<&CertificateAuthority>) -> Result<&TlsConnector, SendFailure> {
        let Some(authority) = vouched_by else { return Ok(&self.tls) };
        let unread = || SendFailure::Denied(Denial::Authority(authority.name.clone()));
        self.authorities.get(&authority.digest).ok_or_else(unread)
    }

    /// Sends `message` and waits for the whole answer.
    ///
    /// # Errors
    /// `Denied` for a forbidden address and an answer beyond its bounds, `TimedOut` at the deadline, `Failed` for
    /// everything the network or the server did wrong.
    pub(crate) async fn exchange(
        &self,
        place: &Place,
        message: &Message,
        bounds: &Bounds<'_>,
    ) -> Result<Answer, SendFailure> {
        if bounds.until <= Instant::now() {
            return Err(SendFailure::TimedOut { sent: false });
        }
        let meter = Arc::new(Meter::new(bounds.received_max));
        match tokio::time::timeout_at(bounds.until.into(), self.unhurried(place, message, bounds, &meter))
            .await
        {
            Ok(done) => done,
            Err(_) => Err(SendFailure::TimedOut { sent: meter.sent() > 0 }),
        }
    }

    async fn unhurried(
        &self,
        place: &Place,
        message: &Message,
        bounds: &Bounds<'_>,
        meter: &Arc<Meter>,
    ) -> Result<Answer, SendFailure> {
        let tls = self.known_by(bounds.vouched_by)?;
        let addresses = address::reachable(&*self.network, &place.host, bounds.addresses).await?;
        let (stream, address) = connect(&addresses, place.port, bounds.until).await.map_err(not_reached)?;
        let read = match place.scheme {
            Scheme::Http => wire::exchange(Metered::new(stream, meter.clone()), message).await,
            Scheme::Https => {
                let stream = secure(tls, stream, &place.host).await.map_err(not_reached)?;
                wire::exchange(Metered::new(stream, meter.clone()), message).await
            }
        };
        let read = read.map_err(|broken| told(broken, meter, bounds.received_max))?;
        Ok(Answer { read, address, sent: meter.sent(), received: meter.received() })
    }
}

/// TLS to the server that shows the host's own name.
async fn secure(
    tls: &TlsConnector,
    stream: TcpStream,
    host: &Host<String>,
) -> io::Result<TlsStream<TcpStream>> {
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(io::Error::other)?,
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    tls.connect(name, stream).await
}

/// No session is taken up again: what one attempt did must not show in another.
pub(crate) fn connector(trusted: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
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

fn told(broken: Broken, meter: &Meter, received_max: u64) -> SendFailure {
    match broken {
        _ if meter.is_over() => SendFailure::Denied(Denial::TooLarge(received_max)),
        Broken::HeadTooLarge => SendFailure::Denied(Denial::HeadTooLarge),
        broken => SendFailure::Failed { cause: broken.to_string(), sent: meter.sent() > 0 },
    }
}
