//! Which addresses are refused unless a rule names them: everything that is not an ordinary public host.
//!
//! The registries: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates). An IPv6 address
//! that carries an IPv4 one is refused whatever it carries: who means the IPv4 address says so.

use crate::network::Network;
use ipnet::IpNet;
use kapell_model::seam::{Denial, SendFailure};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Host;

/// The special blocks of IPv4: first address and length of the prefix.
const SPECIAL_V4: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network, and "any of mine"
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // shared by a carrier's customers
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // a cloud's own services, metadata among them
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local; cloud metadata at 169.254.169.254
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24),  // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24),  // automatic multicast tunnels
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays, deprecated
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 3),      // multicast, reserved, broadcast
];

/// What is ordinary in IPv6: the one block that is given out.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The special blocks within it. Loopback, unspecified, link-local, unique local, multicast, IPv4-mapped,
/// IPv4-compatible, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48) and all the rest lie outside of it.
const SPECIAL_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo, ORCHID, benchmarking
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4: an IPv4 address in disguise
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether an address is no ordinary public host's.
pub(crate) fn is_special(address: IpAddr) -> bool {
    let within =
        |(first, length): (IpAddr, u8)| IpNet::new(first, length).is_ok_and(|block| block.contains(&address));
    match address {
        IpAddr::V4(_) => SPECIAL_V4.into_iter().any(|(first, length)| within((first.into(), length))),
        IpAddr::V6(_) => {
            !within((GLOBAL_V6.0.into(), GLOBAL_V6.1))
                || SPECIAL_V6.into_iter().any(|(first, length)| within((first.into(), length)))
        }
    }
}

/// The addresses a host may be connected at: resolved once, each of them checked. One that is refused refuses all of
/// them, because a name that is public and private at the same time is trying something.
///
/// # Errors
/// `Denied` for a special address, or one of this machine's own, that `named` does not hold; `Failed` when the name
/// has no address or it can't be told whose an address is.
pub(crate) async fn reachable(
    network: &dyn Network,
    host: &Host<String>,
    named: &[IpNet],
) -> Result<Vec<IpAddr>, SendFailure> {
    let failed = |cause: String| SendFailure::Failed { cause, sent: false };
    let addresses = match host {
        Host::Ipv4(address) => vec![IpAddr::V4(*address)],
        Host::Ipv6(address) => vec![IpAddr::V6(*address)],
        Host::Domain(name) => {
            network.resolve(name).await.map_err(|cause| failed(format!("resolve {name}: {cause}")))?
        }
    };
    for address in &addresses {
        let own = || network.is_own(*address).map_err(|cause| failed(format!("look at {address}: {cause}")));
        let is_named = named.iter().any(|net| net.contains(address));
        if !is_named && (is_special(*address) || own()?) {
            return Err(SendFailure::Denied(Denial::Address(host.to_string(), *address)));
        }
    }
    match addresses.is_empty() {
        true => Err(failed(format!("resolve {host}: it has no address"))),
        false => Ok(addresses),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn verdict(address: &str) -> &'static str {
        if is_special(address.parse().unwrap()) { "special" } else { "public" }
    }

    #[test]
    fn each_block_ends_where_its_registry_says() {
        let table = [
            ["0.0.0.0", "0.255.255.255", "1.0.0.0"],
            ["10.0.0.0", "10.255.255.255", "11.0.0.0"],
            ["100.64.0.0", "100.127.255.255", "100.128.0.0"],
            ["127.0.0.1", "127.255.255.255", "128.0.0.0"],
            ["168.63.129.16", "168.63.129.16", "168.63.129.17"],
            ["169.254.0.0", "169.254.169.254", "169.255.0.0"],
            ["172.16.0.0", "172.31.255.255", "172.32.0.0"],
            ["192.0.0.0", "192.0.0.255", "192.0.1.0"],
            ["192.0.2.0", "192.0.2.255", "192.0.3.0"],
            ["192.31.196.0", "192.31.196.255", "192.31.197.0"],
            ["192.52.193.0", "192.52.193.255", "192.52.194.0"],
            ["192.88.99.0", "192.88.99.255", "192.88.100.0"],
            ["192.168.0.0", "192.168.255.255", "192.169.0.0"],
            ["198.18.0.0", "198.19.255.255", "198.20.0.0"],
            ["198.51.100.0", "198.51.100.255", "198.51.101.0"],
            ["203.0.113.0", "203.0.113.255", "203.0.114.0"],
            ["224.0.0.0", "255.255.255.255", "223.255.255.255"],
            ["::", "::1", "2606:4700::1"],
            ["::127.0.0.1", "::8.8.8.8", "2a00::1"],
            ["::ffff:127.0.0.1", "::ffff:8.8.8.8", "2a00::1"],
            ["64:ff9b::7f00:1", "64:ff9b:1::808:808", "2a00::1"],
            ["2001::1", "2001:1ff:ffff::1", "2001:200::1"],
            ["2001:db8::", "2001:db8:ffff::1", "2001:db9::"],
            ["2002:7f00:1::", "2002:808:808::1", "2003::1"],
            ["2620:4f:8000::", "2620:4f:8000:ffff::1", "2620:4f:8001::1"],
            ["3fff::", "3fff:fff:ffff::1", "3ffe:ffff::1"],
            ["fc00::1", "fdff:ffff::1", "3000::1"],
            ["fe80::1", "febf::1", "3000::1"],
            ["ff02::1", "ffff::1", "3000::1"],
            ["100::1", "5f00::1", "3000::1"],
        ];
        for [first, last, beyond] in table {
            assert_eq!(
                [verdict(first), verdict(last), verdict(beyond)],
                ["special", "special", "public"],
                "{first}"
            );
        }
    }
}
