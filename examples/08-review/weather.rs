//! Somebody else's program: it asks a server for the weather, looks into a file when there is none, and has never heard
//! of the host it will run in.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

fn main() {
    let weather = ask().or_else(|_| std::fs::read_to_string("weather.txt"));
    println!("{}", weather.unwrap_or_else(|cause| format!("nobody knows the weather: {cause}")));
}

fn ask() -> std::io::Result<String> {
    let mut server = TcpStream::connect("192.0.2.7:80")?;
    server.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    Ok(answer)
}
