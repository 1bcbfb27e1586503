//! Does what the input's lines say with the requests it is granted, below any library that would mend them:
//! `METHOD SCHEME AUTHORITY PATH`, then headers, each after ` | `, and a body after ` || `. `\r`, `\n` and `\0` stand for
//! these characters. `given-up`, `trailers`, `twice`, `options` and `crash` before such a line do one thing more.
//! Answers with one line for each.
//!
//! Expected: exactly what a grant permits is sent, as one well-formed request; everything else is told no by
//! `wasi:http`'s own code.

use bindings::wasi::http::outgoing_handler::handle;
use bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use bindings::wasi::io::streams::StreamError;

kapell_guests::guest!("kapell:guests/with-http", obey);

fn obey(input: String) -> Result<String, String> {
    Ok(input.lines().map(answer).collect::<Vec<_>>().join("\n"))
}

fn answer(line: &str) -> String {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let asked = match word {
        "given-up" | "trailers" | "twice" | "options" | "crash" => ask(rest, word),
        _ => ask(line, ""),
    };
    asked.unwrap_or_else(|why| why)
}

fn ask(line: &str, also: &str) -> Result<String, String> {
    let (line, body) = line.split_once(" || ").map_or((line, None), |(line, body)| (line, Some(plain(body))));
    let mut parts = line.split(" | ");
    let words: Vec<&str> = parts.next().unwrap_or_default().splitn(4, ' ').collect();
    let [method, scheme, authority, path] = words[..] else { return Err(format!("no such words: {line}")) };
    let fields = Fields::new();
    for header in parts {
        let (name, value) = header.split_once(": ").ok_or("no header")?;
        fields
            .append(&plain(name), plain(value).as_bytes())
            .map_err(|error| format!("header {}: {error:?}", name.escape_debug()))?;
    }
    let request = OutgoingRequest::new(fields);
    request.set_method(&named(method)).map_err(|()| "no method")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    request.set_scheme(Some(&scheme)).map_err(|()| "no scheme")?;
    request.set_authority(Some(&plain(authority))).map_err(|()| "no authority")?;
    request.set_path_with_query(Some(&plain(path))).map_err(|()| "no path")?;
    send(request, body, also)
}

fn send(request: OutgoingRequest, body: Option<String>, also: &str) -> Result<String, String> {
    let options = (also == "options").then(RequestOptions::new);
    if let Some(options) = &options {
        options.set_connect_timeout(Some(u64::MAX)).map_err(|()| "no timeout of mine")?;
    }
    let writing =
        body.map(|body| Ok::<_, String>((request.body().map_err(|()| "no body")?, body))).transpose()?;
    let coming = handle(request, options).map_err(told)?;
    if let Some((writing, body)) = writing {
        let stream = writing.write().map_err(|()| "no stream")?;
        stream.blocking_write_and_flush(body.as_bytes()).map_err(|error| format!("write: {error:?}"))?;
        drop(stream);
        match also {
            "given-up" => drop(writing),
            "trailers" => OutgoingBody::finish(writing, Some(Fields::new())).map_err(told)?,
            _ => OutgoingBody::finish(writing, None).map_err(told)?,
        }
    }
    coming.subscribe().block();
    let answered = read(&coming)?;
    match also {
        "twice" => Ok(format!("{answered}, then {}", read(&coming).unwrap_or_else(|why| why))),
        "crash" => std::process::abort(),
        _ => Ok(answered),
    }
}

fn read(coming: &FutureIncomingResponse) -> Result<String, String> {
    let answer: IncomingResponse = coming.get().ok_or("not ready")?.map_err(|()| "taken")?.map_err(told)?;
    let headers = answer.headers().entries();
    let shown = headers.iter().filter(|(name, _)| ["location", "x-echo"].contains(&name.as_str()));
    let mut words = vec![answer.status().to_string()];
    words.extend(shown.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))));
    let body = answer.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(7) {
            Ok(more) => bytes.extend_from_slice(&more),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(format!("read: {error:?}")),
        }
    }
    if !bytes.is_empty() {
        words.push(String::from_utf8_lossy(&bytes).replace("\r\n", " / "));
    }
    Ok(words.join(" "))
}

fn named(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    }
}

fn told(code: ErrorCode) -> String {
    format!("{code:?}").trim_start_matches("ErrorCode::").to_owned()
}

fn plain(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0")
}
