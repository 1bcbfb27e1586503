//! What the client asks of the network it stands on: which addresses a name has, and which are this machine's own.
//!
//! A trait, so that tests answer with addresses nobody would publish. The real one asks the system's own resolver,
//! so that names mean the same here as for every other program of the operator's.

use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The network the host stands on.
pub trait Network: Send + Sync + 'static {
    /// Every address of a name, as of now.
    ///
    /// # Errors
    /// When the name can't be resolved.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;

    /// Whether an address is one of this machine's own.
    ///
    /// # Errors
    /// When that can't be told.
    fn is_own(&self, address: IpAddr) -> io::Result<bool>;
}

/// The addresses of a name, once they are known.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Lookups at one time. A lookup that nobody waits for any more goes on in its thread until the system gives up, so
/// that without a bound a dead name server would collect threads.
const LOOKUPS: usize = 8;

/// The system's resolver and interfaces.
pub struct SystemNetwork {
    lookups: Arc<Semaphore>,
}

impl Default for SystemNetwork {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }
}

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(look_up(self.lookups.clone(), name.to_owned(), system_addresses))
    }

    /// The kernel lets a socket be bound to its own addresses only; asking it also finds those that no interface
    /// lists.
    fn is_own(&self, address: IpAddr) -> io::Result<bool> {
        match UdpSocket::bind((address, 0)) {
            Ok(_) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::AddrNotAvailable => Ok(false),
            Err(cause) => Err(cause),
        }
    }
}

fn system_addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// Asks in a thread of its own. The permit goes with the question, not with whoever waits for the answer.
async fn look_up(
    lookups: Arc<Semaphore>,
    name: String,
    ask: impl FnOnce(&str) -> io::Result<Vec<IpAddr>> + Send + 'static,
) -> io::Result<Vec<IpAddr>> {
    let permit = lookups.acquire_owned().await.map_err(io::Error::other)?;
    let asked = tokio::task::spawn_blocking(move || {
        let answer = ask(&name);
        drop(permit);
        answer
    });
    asked.await.map_err(io::Error::other)?
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    #[tokio::test]
    async fn a_lookup_nobody_waits_for_keeps_its_place_until_it_is_over() {
        let lookups = Arc::new(Semaphore::new(1));
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let stalled = move |_: &str| {
            begun.send(()).unwrap();
            released.recv().unwrap();
            Ok(Vec::new())
        };
        let mut asked = Box::pin(look_up(lookups.clone(), "dead.example".into(), stalled));
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        has_begun.recv().unwrap();
        drop(asked);

        let mut next = Box::pin(look_up(lookups.clone(), "next.example".into(), |_| Ok(Vec::new())));
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(lookups.available_permits(), 0);
        release.send(()).unwrap();
        assert_eq!(next.await.unwrap(), Vec::<IpAddr>::new());
    }

    #[test]
    fn the_machine_knows_its_own_addresses() {
        let network = SystemNetwork::default();
        assert!(network.is_own("127.0.0.1".parse().unwrap()).unwrap());
        assert!(!network.is_own("192.0.2.1".parse().unwrap()).unwrap());
    }
}
