//! The handles of a request on its way and of its answer: a request with the body that is still being written, the
//! future of its answer, the answer and its parts.

use super::bindings::types::ErrorCode;
use super::{Code, Fields, Parts};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::bytes::Bytes;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// Most bytes of one write to a body or read of an answer.
const CHUNK_MAX: usize = 64 << 10;

/// What a request came to.
pub(super) type Answered = Result<Answer, Code>;

/// A request being put together.
#[derive(Debug)]
pub struct Request {
    pub(super) parts: Parts,
    pub(super) body: Option<Body>,
}

/// Bytes that may still be written to bodies in this attempt: never more than its grants would let it send.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Mutex<u64>>);

impl Room {
    pub(super) fn of(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }

    fn left(&self) -> u64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: usize) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = left.checked_sub(bytes as u64);
        *left = after.unwrap_or(*left);
        after.is_some()
    }
}

/// A request's body. A cheap handle: the request, the guest's own handle and the stream are the same body.
#[derive(Clone, Debug)]
pub struct Body(Arc<Mutex<Writing>>);

#[derive(Debug)]
struct Writing {
    bytes: Vec<u8>,
    room: Room,
    streamed: bool,
    state: State,
    /// The request that was handed over before its body was whole, and where its answer goes.
    waiting: Option<(Parts, Future)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// More was written than could be sent.
    Overfull,
    Whole,
    /// Given up before it was whole.
    Broken,
}

/// How far a body is when its request is handed over.
pub(super) enum Progress {
    Whole(Arc<[u8]>),
    Broken,
    /// The answer comes when the body is whole.
    Waits,
}

/// A request that is whole: its parts, where its answer goes, its body.
pub(super) type Whole = (Parts, Future, Arc<[u8]>);

impl Body {
    pub(super) fn new(room: &Room) -> Self {
        let room = room.clone();
        let writing = Writing { bytes: Vec::new(), room, streamed: false, state: State::Open, waiting: None };
        Self(Arc::new(Mutex::new(writing)))
    }

    /// The stream to write to; it is given once.
    pub(super) fn stream(&self) -> Option<BodyStream> {
        let mut writing = self.writing();
        let first = !writing.streamed;
        writing.streamed = true;
        first.then(|| BodyStream(self.clone()))
    }

    /// Hands the request over; when the body is not whole yet, it keeps the request until then.
    pub(super) fn handed_over(&self, parts: &Parts, answer: &Future) -> Progress {
        let mut writing = self.writing();
        match writing.state {
            State::Whole => Progress::Whole(std::mem::take(&mut writing.bytes).into()),
            State::Broken => Progress::Broken,
            State::Open | State::Overfull => {
                writing.waiting = Some((parts.clone(), answer.clone()));
                Progress::Waits
            }
        }
    }

    /// Nothing more is written. Gives the request that waited for this, with the body.
    pub(super) fn finish(&self) -> Result<Option<Whole>, Code> {
        let mut writing = self.writing();
        if writing.state == State::Overfull {
            writing.give_up(Code::RequestSize);
            return Err(Code::RequestSize);
        }
        writing.state = State::Whole;
        let waiting = writing.waiting.take();
        Ok(waiting.map(|(parts, answer)| (parts, answer, std::mem::take(&mut writing.bytes).into())))
    }

    /// The guest let go of a body: one that is not whole is never sent.
    pub(super) fn let_go(&self, code: Code) {
        let mut writing = self.writing();
        if writing.state != State::Whole {
            writing.give_up(code);
        }
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    fn give_up(&mut self, code: Code) {
        self.state = State::Broken;
        self.bytes = Vec::new();
        if let Some((_, answer)) = self.waiting.take() {
            answer.set(Err(code));
        }
    }
}

/// Writes a body onwards; never waits.
pub(super) struct BodyStream(Body);

/// A body could not take more; `http-error-code` gives the guest its code.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.word())]
pub(super) struct StreamFailed(pub(super) Code);

impl From<&StreamFailed> for ErrorCode {
    fn from(failed: &StreamFailed) -> Self {
        failed.0.into()
    }
}

#[async_trait]
impl OutputStream for BodyStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut writing = self.0.writing();
        if bytes.len() > CHUNK_MAX {
            return Err(StreamError::trap("wrote more than check-write permits"));
        }
        match writing.state {
            State::Whole | State::Broken => Err(StreamError::Closed),
            State::Open if writing.room.take(bytes.len()) => {
                writing.bytes.extend_from_slice(&bytes);
                Ok(())
            }
            State::Open | State::Overfull => {
                writing.state = State::Overfull;
                Err(StreamError::LastOperationFailed(wasmtime::Error::new(StreamFailed(Code::RequestSize))))
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    /// One byte at least, so that a guest that has more to say is told why it can't.
    fn check_write(&mut self) -> StreamResult<usize> {
        let writing = self.0.writing();
        match writing.state {
            State::Whole | State::Broken => Err(StreamError::Closed),
            State::Open | State::Overfull => {
                Ok(usize::try_from(writing.room.left()).unwrap_or(usize::MAX).clamp(1, CHUNK_MAX))
            }
        }
    }
}

#[async_trait]
impl Pollable for BodyStream {
    async fn ready(&mut self) {}
}

/// The answer to come. A cheap handle: the guest's and the body's are the same.
#[derive(Clone, Debug, Default)]
pub struct Future(Arc<Mutex<Outcome>>);

#[derive(Debug, Default)]
enum Outcome {
    #[default]
    Waits,
    Came(Answered),
    Taken,
}

impl Future {
    pub(super) fn set(&self, answered: Answered) {
        *self.outcome() = Outcome::Came(answered);
    }

    /// None while it waits; then once the answer, then that it was taken.
    pub(super) fn take(&self) -> Option<Result<Answered, ()>> {
        let mut outcome = self.outcome();
        match &*outcome {
            Outcome::Waits => None,
            Outcome::Taken => Some(Err(())),
            Outcome::Came(_) => match std::mem::replace(&mut *outcome, Outcome::Taken) {
                Outcome::Came(answered) => Some(Ok(answered)),
                _ => None,
            },
        }
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Pollable for Future {
    /// Only the guest itself can bring the answer about, by finishing the body. One that waits instead waits for
    /// ever, until its time is over.
    async fn ready(&mut self) {
        if matches!(*self.outcome(), Outcome::Waits) {
            std::future::pending::<()>().await;
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) fields: Fields,
    body: Option<Arc<[u8]>>,
}

impl Answer {
    pub(super) fn new(status: u16, fields: Fields, body: Arc<[u8]>) -> Self {
        Self { status, fields, body: Some(body) }
    }

    /// The body; it is given once.
    pub(super) fn consume(&mut self) -> Option<IncomingBody> {
        self.body.take().map(|bytes| IncomingBody { bytes: Some(bytes) })
    }
}

/// An answer's body.
#[derive(Debug)]
pub struct IncomingBody {
    bytes: Option<Arc<[u8]>>,
}

impl IncomingBody {
    /// The stream to read from; it is given once.
    pub(super) fn stream(&mut self) -> Option<AnswerStream> {
        self.bytes.take().map(|bytes| AnswerStream { bytes: Bytes::from_owner(bytes) })
    }
}

/// Reads an answer onwards; never waits.
pub(super) struct AnswerStream {
    bytes: Bytes,
}

#[async_trait]
impl InputStream for AnswerStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.bytes.is_empty() {
            return Err(StreamError::Closed);
        }
        Ok(self.bytes.split_to(size.min(CHUNK_MAX).min(self.bytes.len())))
    }
}

#[async_trait]
impl Pollable for AnswerStream {
    async fn ready(&mut self) {}
}

/// The trailers of an answer: there are none, at once.
#[derive(Debug, Default)]
pub struct Trailers {
    pub(super) taken: bool,
}

#[async_trait]
impl Pollable for Trailers {
    async fn ready(&mut self) {}
}
