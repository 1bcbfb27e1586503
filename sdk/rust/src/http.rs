//! Requests to the places a skill is granted: one function for a request of any kind, two for the common ones.
//!
//! The host sends at most what the grant says, follows no redirect, keeps no cookie and adds the secrets the operator
//! named, which a skill never sees. A request is sent whole and its answer comes whole.
//!
//! A skill that calls anything here imports `wasi:http` and has to ask for the capability `http` in its manifest. In a
//! native build, such as a unit test, there is no host to ask and every request ends with [`HttpError::NoHost`].

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::restriction,
    reason = "generated: crossing the sandbox boundary is raw memory, and the docs stand in the WIT"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package kapell:sdk; world http { import wasi:http/outgoing-handler@0.2.12; }",
        world: "kapell:sdk/http",
        generate_all,
    });
}

pub use bindings::wasi::http::types::{ErrorCode, Method};
use std::borrow::Cow;
use std::fmt;

/// A request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Where to: `https://api.acme.example/v1/orders?open`.
    pub url: &'a str,
    /// Headers, in order. The host writes `Host`, `Content-Length` and whatever belongs to the connection.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty for none.
    pub body: &'a [u8],
}

/// A whole answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The first value of a header, when it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        named.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum HttpError {
    /// The text has no scheme and host.
    Url(String),
    /// The host takes no header of that name, or not with that value.
    Header(String),
    /// The body is larger than the grant lets be sent.
    Body,
    /// The host did not send it, or no answer came: its own code says which.
    NotAnswered(ErrorCode),
    /// A native build has no host to ask.
    NoHost,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Url(url) => write!(f, "`{url}` is no URL"),
            HttpError::Header(name) => write!(f, "the header `{name}` can't be sent"),
            HttpError::Body => f.write_str("the body is larger than may be sent"),
            HttpError::NotAnswered(code) => write!(f, "not answered: {code:?}"),
            HttpError::NoHost => f.write_str("a native build has no host to ask"),
        }
    }
}

impl std::error::Error for HttpError {}

/// Reads what is at `url`.
///
/// # Errors
/// As [`request`].
pub fn get(url: &str) -> Result<Answer, HttpError> {
    request(&Request { method: Method::Get, url, headers: &[], body: &[] })
}

/// Sends `body` to `url`, said to be of `content_type`.
///
/// # Errors
/// As [`request`].
pub fn post(url: &str, content_type: &str, body: &[u8]) -> Result<Answer, HttpError> {
    request(&Request { method: Method::Post, url, headers: &[("content-type", content_type)], body })
}

/// Sends a request and waits for its whole answer.
///
/// # Errors
/// When it can't be put together, when no grant permits it, and when no answer came. An answer with a status that says
/// no is an answer.
pub fn request(request: &Request<'_>) -> Result<Answer, HttpError> {
    let place = Place::of(request.url)?;
    wire::send(request, &place)
}

/// A URL in the parts `wasi:http` wants. What they are worth is for the host to say.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: Cow<'a, str>,
}

impl<'a> Place<'a> {
    fn of(url: &'a str) -> Result<Self, HttpError> {
        let no_url = || HttpError::Url(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(no_url)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { Cow::Borrowed(path) } else { Cow::Owned(format!("/{path}")) };
        if scheme.is_empty() || authority.is_empty() {
            Err(no_url())
        } else {
            Ok(Self { scheme, authority, path })
        }
    }
}

#[cfg(target_family = "wasm")]
mod wire {
    //! The exchange itself, over the handles of `wasi:http`.

    use super::bindings::wasi::http::outgoing_handler::handle;
    use super::bindings::wasi::http::types::{
        Fields, IncomingBody, IncomingResponse, OutgoingBody, OutgoingRequest, Scheme,
    };
    use super::bindings::wasi::io::streams::StreamError;
    use super::{Answer, ErrorCode, HttpError, Place, Request};

    /// Most bytes asked for at once.
    const CHUNK: u64 = 64 << 10;

    pub(super) fn send(request: &Request<'_>, place: &Place<'_>) -> Result<Answer, HttpError> {
        let outgoing = OutgoingRequest::new(fields(request)?);
        let no_url = |()| HttpError::Url(request.url.to_owned());
        let scheme = match place.scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        outgoing.set_method(&request.method).map_err(no_url)?;
        outgoing.set_scheme(Some(&scheme)).map_err(no_url)?;
        outgoing.set_authority(Some(place.authority)).map_err(no_url)?;
        outgoing.set_path_with_query(Some(&place.path)).map_err(no_url)?;
        let body = match request.body {
            [] => None,
            bytes => Some((outgoing.body().map_err(|()| HttpError::Body)?, bytes)),
        };
        let coming = handle(outgoing, None).map_err(HttpError::NotAnswered)?;
        if let Some((body, bytes)) = body {
            write(body, bytes)?;
        }
        coming.subscribe().block();
        match coming.get() {
            Some(Ok(Ok(answer))) => read(answer),
            Some(Ok(Err(code))) => Err(HttpError::NotAnswered(code)),
            None | Some(Err(())) => Err(HttpError::NotAnswered(ErrorCode::HttpResponseIncomplete)),
        }
    }

    fn fields(request: &Request<'_>) -> Result<Fields, HttpError> {
        let fields = Fields::new();
        for (name, value) in request.headers {
            fields.append(name, value.as_bytes()).map_err(|_| HttpError::Header((*name).to_owned()))?;
        }
        Ok(fields)
    }

    fn write(body: OutgoingBody, mut bytes: &[u8]) -> Result<(), HttpError> {
        let stream = body.write().map_err(|()| HttpError::Body)?;
        while !bytes.is_empty() {
            let room = stream.check_write().map_err(|_| HttpError::Body)?;
            let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            stream.write(now).map_err(|_| HttpError::Body)?;
            bytes = later;
        }
        drop(stream);
        OutgoingBody::finish(body, None).map_err(HttpError::NotAnswered)
    }

    fn read(answer: IncomingResponse) -> Result<Answer, HttpError> {
        let incomplete = || HttpError::NotAnswered(ErrorCode::HttpResponseIncomplete);
        let (status, headers) = (answer.status(), answer.headers().entries());
        let body = answer.consume().map_err(|()| incomplete())?;
        let stream = body.stream().map_err(|()| incomplete())?;
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(CHUNK) {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(_)) => return Err(incomplete()),
            }
        }
        drop(stream);
        drop(IncomingBody::finish(body));
        Ok(Answer { status, headers, body: bytes })
    }
}

#[cfg(not(target_family = "wasm"))]
mod wire {
    use super::{Answer, HttpError, Place, Request};

    pub(super) fn send(_: &Request<'_>, _: &Place<'_>) -> Result<Answer, HttpError> {
        Err(HttpError::NoHost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_judged_by_the_host() {
        let parts =
            |url| Place::of(url).map(|place| format!("{} {} {}", place.scheme, place.authority, place.path));
        let table = [
            ("https://a.example/v1?q=1#top", "https a.example /v1?q=1"),
            ("http://[::1]:8080", "http [::1]:8080 /"),
            ("https://a.example?q", "https a.example /?q"),
            ("https://good@evil.example/", "https good@evil.example /"),
        ];
        for (url, expected) in table {
            assert_eq!(parts(url).ok().as_deref(), Some(expected));
        }
        for url in ["", "a.example", "https:///path", "://a.example"] {
            assert!(matches!(parts(url), Err(HttpError::Url(_))), "{url}");
        }
    }

    #[test]
    fn a_native_build_has_nobody_to_ask() {
        assert!(matches!(get("https://a.example/"), Err(HttpError::NoHost)));
    }
}
