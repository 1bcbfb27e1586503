//! The harness: a server on loopback that speaks the OpenAI-compatible interface and says what a test tells it to.

use crate::guests::server::{read, whole};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The bytes of a text that count as one token here.
const TOKEN_BYTES: usize = 4;

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    /// The model's name.
    pub(crate) model: String,
    /// Who it is to be.
    pub(crate) system: String,
    /// What it is asked.
    pub(crate) prompt: String,
    /// Most tokens of the answer.
    pub(crate) most_tokens: u64,
}

/// What a model says.
pub(crate) enum Says {
    /// An answer.
    Text(String),
    /// An error.
    Status(u16),
    /// Nothing, until the other side hangs up.
    Nothing,
}

impl Says {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A running server; its threads end with the test program.
pub(crate) struct Model {
    port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Model {
    pub(crate) fn start(says: impl Fn(&Request) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let (says, noted) = (Arc::new(says), asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (says, noted) = (says.clone(), noted.clone());
                thread::spawn(move || serve(stream, &*says, &noted));
            }
        });
        Self { port, asked }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The inside of a `[[provider]]` at this server: `desk`, with the model `small`.
    pub(crate) fn provider(&self, tier: &str) -> String {
        format!(
            "id = \"desk\"\ntier = \"{tier}\"\nbind = \"http://{}/v1/\"\naddresses = [\"127.0.0.1\"]\nmodel = \"small\"\n",
            self.authority()
        )
    }

    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, says: &dyn Fn(&Request) -> Says, asked: &Mutex<Vec<Request>>) {
    let Some(text) = read(&mut stream) else { return };
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    let request = request(&body);
    asked.lock().unwrap().push(request.clone());
    let answer = match says(&request) {
        Says::Text(text) => completion(&request, &text),
        Says::Status(status) => whole(&format!("{status} X"), "", ""),
        Says::Nothing => return drop(stream.read(&mut [0])),
    };
    let _ = stream.write_all(answer.as_bytes());
}

fn request(body: &Value) -> Request {
    let said = |role: &str| {
        let messages = body["messages"].as_array().unwrap();
        let message = messages.iter().find(|message| message["role"] == role);
        message.map(|message| message["content"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    Request {
        model: body["model"].as_str().unwrap().to_owned(),
        system: said("system"),
        prompt: said("user"),
        most_tokens: body["max_tokens"].as_u64().unwrap(),
    }
}

fn completion(request: &Request, text: &str) -> String {
    let tokens = |bytes: usize| bytes.div_ceil(TOKEN_BYTES);
    let body = json!({
        "model": request.model,
        "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
        "usage": {
            "prompt_tokens": tokens(request.system.len() + request.prompt.len()),
            "completion_tokens": tokens(text.len()),
        },
    });
    whole("200 OK", "content-type: application/json\r\n", &body.to_string())
}
