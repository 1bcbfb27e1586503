//! HTTP/1.1 on a connection that carries one request: writing it, and reading its one answer (RFC 9112).
//!
//! Heads and chunk sizes are parsed by `httparse`. With no second message on the connection nothing can be taken for
//! the beginning of another one, so that what is left is to know where the body ends.

use bytes::{Buf as _, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use httparse::Status;
use kapell_model::fault::{self, FaultPoint};
use kapell_model::http::Method;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

/// Most bytes of a head, and of all informational answers (1xx) before it.
pub(crate) const HEAD_MAX: usize = 16 << 10;

/// Most headers of a head.
pub(crate) const HEADERS_MAX: usize = 100;

/// Most bytes of the line a chunk begins with.
const CHUNK_LINE_MAX: usize = 1 << 10;

/// Bytes read at one time.
const READ: usize = 16 << 10;

/// A request as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The method.
    pub(crate) method: Method,
    /// Path and query, nothing but visible ASCII.
    pub(crate) target: String,
    /// Every header, those that frame the message included.
    pub(crate) headers: HeaderMap,
    /// The whole body.
    pub(crate) body: Arc<[u8]>,
}

/// An answer as it was read.
pub(crate) struct Read {
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The whole body; trailers are nobody's.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the connection was closed before the answer was complete")]
    Cut,
    #[error("the answer is no HTTP: {0}")]
    NoHttp(String),
    #[error("the head is too large")]
    HeadTooLarge,
}

fn no_http(why: impl ToString) -> Broken {
    Broken::NoHttp(why.to_string())
}

/// Writes `message` and reads the answer at the same time: a server may answer before it has read everything.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite>(
    stream: S,
    message: &Message,
) -> Result<Read, Broken> {
    let (reader, writer) = tokio::io::split(stream);
    let mut writing = std::pin::pin!(write(writer, message));
    let mut reading = std::pin::pin!(Reader::new(reader).read(message.method));
    let written = tokio::select! {
        biased;
        written = &mut writing => written,
        read = &mut reading => return read,
    };
    // A server that has heard enough stops listening and may still have answered.
    match (reading.await, written) {
        (Err(_), Err(cause)) => Err(cause.into()),
        (read, _) => read,
    }
}

async fn write(mut stream: impl AsyncWrite + Unpin, message: &Message) -> io::Result<()> {
    let head = head_of(message);
    // Both at once where the system can: a head alone in a packet makes a server wait for the next.
    let mut all = bytes::Buf::chain(head.as_slice(), &*message.body);
    stream.write_all_buf(&mut all).await?;
    stream.flush().await?;
    fault::reach(FaultPoint::RequestSent)
}

/// Overwritten when it is let go, since a secret may stand in it.
fn head_of(message: &Message) -> Zeroizing<Vec<u8>> {
    let headers: usize =
        message.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let mut head = Zeroizing::new(Vec::with_capacity(headers + message.target.len() + 32));
    let mut put = |text: &[u8]| head.extend_from_slice(text);
    [message.method.word(), " ", &message.target, " HTTP/1.1\r\n"]
        .map(str::as_bytes)
        .into_iter()
        .for_each(&mut put);
    for (name, value) in &message.headers {
        [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].into_iter().for_each(&mut put);
    }
    put(b"\r\n");
    head
}

/// Where a body ends.
enum Body {
    None,
    Length(u64),
    Chunked,
    UntilClosed,
}

struct Reader<R> {
    stream: R,
    /// Read and not yet used.
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    async fn read(mut self, method: Method) -> Result<Read, Broken> {
        let (status, headers) = self.head().await?;
        let body = match body_of(method, status, &headers)? {
            Body::None => Vec::new(),
            Body::Length(length) => {
                let mut body = Vec::new();
                self.take(length, &mut body).await?;
                body
            }
            Body::Chunked => self.chunks().await?,
            Body::UntilClosed => {
                while self.more().await? {}
                self.buffer.into()
            }
        };
        Ok(Read { status, headers, body })
    }

    /// Whether anything more came.
    async fn more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// The first head that is no informational one.
    async fn head(&mut self) -> Result<(u16, HeaderMap), Broken> {
        let mut passed = 0;
        loop {
            match parse_head(&self.buffer)? {
                None if self.buffer.len() >= HEAD_MAX => return Err(Broken::HeadTooLarge),
                None if !self.more().await? => return Err(Broken::Cut),
                None => {}
                Some((length, ..)) if passed + length > HEAD_MAX => return Err(Broken::HeadTooLarge),
                Some((_, 101, _)) => return Err(no_http("it switches to another protocol")),
                Some((length, status, headers)) => {
                    self.buffer.advance(length);
                    passed += length;
                    if status >= 200 {
                        return Ok((status, headers));
                    }
                }
            }
        }
    }

    /// So many bytes, whatever chunks they came in.
    async fn take(&mut self, mut length: u64, body: &mut Vec<u8>) -> Result<(), Broken> {
        while length > 0 {
            if self.buffer.is_empty() && !self.more().await? {
                return Err(Broken::Cut);
            }
            let part = self.buffer.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            body.extend_from_slice(&self.buffer.split_to(part));
            length -= part as u64;
        }
        Ok(())
    }

    /// Every chunk up to the empty one (RFC 9112, 7.1).
    async fn chunks(&mut self) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        loop {
            let size = self.chunk_size().await?;
            if size == 0 {
                return Ok(body);
            }
            self.take(size, &mut body).await?;
            let mut end = Vec::new();
            self.take(2, &mut end).await?;
            if end != b"\r\n" {
                return Err(no_http("a chunk does not end where it says"));
            }
        }
    }

    async fn chunk_size(&mut self) -> Result<u64, Broken> {
        loop {
            let begins_well = self.buffer.first().is_none_or(u8::is_ascii_hexdigit);
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((length, size))) if begins_well => {
                    self.buffer.advance(length);
                    return Ok(size);
                }
                Ok(Status::Partial) if begins_well && self.buffer.len() < CHUNK_LINE_MAX => {
                    if !self.more().await? {
                        return Err(Broken::Cut);
                    }
                }
                _ => return Err(no_http("a chunk has no size")),
            }
        }
    }
}

/// Length, status and headers of a head; none when it is not all there.
fn parse_head(bytes: &[u8]) -> Result<Option<(usize, u16, HeaderMap)>, Broken> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut slots);
    let length = match parsed.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Broken::HeadTooLarge),
        Err(cause) => return Err(no_http(cause)),
    };
    let mut headers = HeaderMap::new();
    for header in &*parsed.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(no_http)?;
        headers.append(name, HeaderValue::from_bytes(header.value).map_err(no_http)?);
    }
    Ok(Some((length, parsed.code.unwrap_or_default(), headers)))
}

/// How long the body is (RFC 9112, 6.3). Two ways to say it at once are none.
fn body_of(method: Method, status: u16, headers: &HeaderMap) -> Result<Body, Broken> {
    if method == Method::Head || matches!(status, 204 | 304) {
        return Ok(Body::None);
    }
    let codings: Vec<&HeaderValue> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let lengths: Vec<&HeaderValue> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Body::UntilClosed),
        ([coding], []) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Body::Chunked),
        ([], [length, rest @ ..]) if rest.iter().all(|other| other == length) => read_length(length),
        _ => Err(no_http("it says in several ways, or in none we know, where its body ends")),
    }
}

fn read_length(length: &HeaderValue) -> Result<Body, Broken> {
    let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    length.map(Body::Length).ok_or_else(|| no_http("its length is no number"))
}
