//! Opens a TCP connection to the address in the input, such as `127.0.0.1:80`, and sends a line.
//!
//! Expected: refused at load, naming `wasi:sockets`; where the operator made sockets inert, the skill's own error
//! says that access is denied. No byte leaves the machine either way.

use std::io::Write;
use std::net::TcpStream;

kapell_guests::guest!("kapell:guests/plain", connect);

fn connect(input: String) -> Result<String, String> {
    let mut stream = TcpStream::connect(&input).map_err(|error| format!("connect: {error}"))?;
    stream.write_all(b"secrets\n").map_err(|error| format!("send: {error}"))?;
    Ok(format!("connected to {input}"))
}
