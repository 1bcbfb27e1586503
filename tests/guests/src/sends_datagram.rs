//! Sends a datagram to the address in the input, connected and unconnected, and listens for a connection.
//!
//! Expected: refused at load, naming `wasi:sockets`; where the operator made sockets inert, each of the three is told no.
//! No byte leaves the machine, and nothing listens.

use std::net::{TcpListener, UdpSocket};

kapell_guests::guest!("kapell:guests/plain", send);

fn send(input: String) -> Result<String, String> {
    let connected = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect(&input)?;
        socket.send(b"secrets")
    });
    let unconnected = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"secrets", &input));
    let listening = TcpListener::bind("0.0.0.0:0").and_then(|listener| listener.local_addr());
    let held = |done: bool| if done { "done" } else { "held" };
    Ok(format!(
        "connected {}, unconnected {}, listening {}",
        held(connected.is_ok()),
        held(unconnected.is_ok()),
        held(listening.is_ok())
    ))
}
