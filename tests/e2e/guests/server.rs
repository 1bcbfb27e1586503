//! A server on loopback that writes down what arrives, byte for byte, and answers by path: `/echo` with the request
//! itself, `/moved` to somewhere forbidden, `/breaks` and `/slow` not at all, everything else with a greeting, `/later` after
//! a while.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A running server; its thread ends with the test program.
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let noted = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = noted.clone();
                thread::spawn(move || serve(stream, &noted));
            }
        });
        Self { port, seen }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The text with this server's port for `PORT`.
    pub(crate) fn ported(&self, text: &str) -> String {
        text.replace("PORT", &self.port.to_string())
    }

    /// The text with `PORT` for this server's port.
    pub(crate) fn unported(&self, text: &str) -> String {
        text.replace(&self.port.to_string(), "PORT")
    }

    /// What arrived, in order, `PORT` for the port.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|text| self.unported(text)).collect()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>) {
    let Some(request) = read(&mut stream) else { return };
    seen.lock().unwrap().push(request.clone());
    let path = request.split(' ').nth(1).unwrap_or_default();
    let authorization = request.lines().find_map(|line| line.strip_prefix("authorization: "));
    let answer = match path {
        "/echo" => whole("200 OK", &format!("x-echo: {}\r\n", authorization.unwrap_or("none")), &request),
        "/moved" => whole("302 Found", "location: http://169.254.169.254/latest/\r\n", ""),
        "/breaks" => return,
        "/slow" => {
            // Until the other side has had enough.
            let _ = stream.read(&mut [0]);
            return;
        }
        _ => whole("200 OK", "content-type: text/plain\r\n", "hello"),
    };
    if path == "/later" {
        // As long as an order may take: whoever asked may die meanwhile.
        thread::sleep(Duration::from_millis(15));
    }
    let _ = stream.write_all(answer.as_bytes());
}

pub(crate) fn whole(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// One request by the length its head tells; none when the connection ends before.
pub(crate) fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
    }
}
