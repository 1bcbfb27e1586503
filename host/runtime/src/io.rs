//! `wasi:io` as every toolchain imports it: the handles of streams and pollables, each call counted.
//!
//! The work is the io crate's own over the table of handles. This only stands in front of it, so that a guest that
//! polls or writes in tiny pieces without end reaches its limit of host calls.
//!
//! What is ready is recorded where a skill is lent time: only an alarm is ready now and not a moment ago. Files and
//! answers are ready frames from the start, and clocks that are not lent never make anybody wait.

use crate::capability::unfit;
use crate::crossings::{Ask, Crossings, Reply};
use crate::guest::Guest;
use kapell_model::capability::Kind;
use kapell_model::id::RuleId;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};
use wasmtime_wasi_io::poll::DynPollable;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream, Error, StreamError, StreamResult};

/// What these calls are counted under.
const WORD: &str = "io";

/// The handles of one attempt, behind the count.
pub(crate) struct Counted<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) crossings: &'a Crossings,
    /// The rule that lends time.
    pub(crate) time: Option<&'a RuleId>,
}

impl Counted<'_> {
    /// Records what was ready, by the places in the list that was asked about, and tells it: where a record answers,
    /// what was ready then.
    fn was_ready(&self, call: &'static str, places: Vec<u32>) -> Result<Vec<u32>> {
        if self.time.is_none() {
            return Ok(places);
        }
        let ask = Ask { kind: Kind::Clock, call, object: "", rule: self.time };
        let live = || Ok(Reply::Names(places.iter().map(u32::to_string).collect()));
        match self.crossings.observe(&ask, live)? {
            Reply::Names(places) => Ok(places.iter().filter_map(|place| place.parse().ok()).collect()),
            _ => Err(unfit(&ask)),
        }
    }

    fn table(&mut self) -> Result<&mut ResourceTable> {
        self.crossings.count(WORD)?;
        Ok(self.table)
    }

    /// As `table`, where the interface has an error of its own: the limit is none of it and ends the guest.
    fn stream(&mut self) -> StreamResult<&mut ResourceTable> {
        self.table().map_err(StreamError::Trap)
    }
}

struct Io;

impl HasData for Io {
    type Data<'a> = Counted<'a>;
}

/// Links `wasi:io/error`, `poll` and `streams`.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    error::add_to_linker::<Guest, Io>(linker, Guest::io)?;
    poll::add_to_linker::<Guest, Io>(linker, Guest::io)?;
    streams::add_to_linker::<Guest, Io>(linker, Guest::io)
}

impl poll::Host for Counted<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let ready = poll::Host::poll(self.table()?, pollables).await?;
        self.was_ready("poll", ready)
    }
}

impl poll::HostPollable for Counted<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        poll::HostPollable::block(self.table()?, pollable).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        let is_ready = poll::HostPollable::ready(self.table()?, pollable).await?;
        let ready = self.was_ready("ready", if is_ready { vec![0] } else { Vec::new() })?;
        Ok(!ready.is_empty())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}

impl error::Host for Counted<'_> {}

impl error::HostError for Counted<'_> {
    fn to_debug_string(&mut self, error: Resource<Error>) -> Result<String> {
        error::HostError::to_debug_string(self.table()?, error)
    }

    fn drop(&mut self, error: Resource<Error>) -> Result<()> {
        error::HostError::drop(self.table, error)
    }
}

impl streams::Host for Counted<'_> {
    fn convert_stream_error(&mut self, error: StreamError) -> Result<streams::StreamError> {
        streams::Host::convert_stream_error(self.table, error)
    }
}

impl streams::HostInputStream for Counted<'_> {
    fn read(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<Vec<u8>> {
        streams::HostInputStream::read(self.stream()?, stream, length)
    }

    async fn blocking_read(
        &mut self,
        stream: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<Vec<u8>> {
        streams::HostInputStream::blocking_read(self.stream()?, stream, length).await
    }

    fn skip(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<u64> {
        streams::HostInputStream::skip(self.stream()?, stream, length)
    }

    async fn blocking_skip(&mut self, stream: Resource<DynInputStream>, length: u64) -> StreamResult<u64> {
        streams::HostInputStream::blocking_skip(self.stream()?, stream, length).await
    }

    fn subscribe(&mut self, stream: Resource<DynInputStream>) -> Result<Resource<DynPollable>> {
        streams::HostInputStream::subscribe(self.table()?, stream)
    }

    async fn drop(&mut self, stream: Resource<DynInputStream>) -> Result<()> {
        streams::HostInputStream::drop(self.table, stream).await
    }
}

impl streams::HostOutputStream for Counted<'_> {
    fn check_write(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        streams::HostOutputStream::check_write(self.stream()?, stream)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        streams::HostOutputStream::write(self.stream()?, stream, bytes)
    }

    async fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        streams::HostOutputStream::blocking_write_and_flush(self.stream()?, stream, bytes).await
    }

    fn flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        streams::HostOutputStream::flush(self.stream()?, stream)
    }

    async fn blocking_flush(&mut self, stream: Resource<DynOutputStream>) -> StreamResult<()> {
        streams::HostOutputStream::blocking_flush(self.stream()?, stream).await
    }

    fn subscribe(&mut self, stream: Resource<DynOutputStream>) -> Result<Resource<DynPollable>> {
        streams::HostOutputStream::subscribe(self.table()?, stream)
    }

    fn write_zeroes(&mut self, stream: Resource<DynOutputStream>, length: u64) -> StreamResult<()> {
        streams::HostOutputStream::write_zeroes(self.stream()?, stream, length)
    }

    async fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        length: u64,
    ) -> StreamResult<()> {
        streams::HostOutputStream::blocking_write_zeroes_and_flush(self.stream()?, stream, length).await
    }

    fn splice(
        &mut self,
        stream: Resource<DynOutputStream>,
        source: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        streams::HostOutputStream::splice(self.stream()?, stream, source, length)
    }

    async fn blocking_splice(
        &mut self,
        stream: Resource<DynOutputStream>,
        source: Resource<DynInputStream>,
        length: u64,
    ) -> StreamResult<u64> {
        streams::HostOutputStream::blocking_splice(self.stream()?, stream, source, length).await
    }

    async fn drop(&mut self, stream: Resource<DynOutputStream>) -> Result<()> {
        streams::HostOutputStream::drop(self.table, stream).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::limits::Limits;
    use wasmtime_wasi_io::poll::{Pollable, subscribe};

    /// Ready at once, or never.
    struct Alarm(bool);

    #[wasmtime_wasi_io::async_trait]
    impl Pollable for Alarm {
        async fn ready(&mut self) {
            if !self.0 {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What is recorded of a poll of three alarms and a look at the first.
    async fn recorded(time: Option<&RuleId>) -> Vec<String> {
        let (mut table, crossings) = (ResourceTable::new(), Crossings::live(&Limits::default()));
        let alarms = [false, true, true].map(|ready| table.push(Alarm(ready)).unwrap());
        let [never, one, two] = alarms.map(|alarm| subscribe(&mut table, alarm).unwrap());
        let first = Resource::new_borrow(never.rep());
        let mut counted = Counted { table: &mut table, crossings: &crossings, time };
        assert_eq!(poll::Host::poll(&mut counted, vec![never, one, two]).await.unwrap(), [1, 2]);
        assert!(!poll::HostPollable::ready(&mut counted, first).await.unwrap());
        let crossed = crossings.take().crossings;
        crossed.iter().map(|it| format!("{} {} {:?}", it.kind.word(), it.call, it.answer)).collect()
    }

    #[tokio::test]
    async fn what_is_ready_is_on_record_where_time_is_lent() {
        let rule = "clock".parse().unwrap();
        let lent = recorded(Some(&rule)).await;
        assert_eq!(lent, ["clock poll Names([\"1\", \"2\"])", "clock ready Names([])"]);
        assert!(recorded(None).await.is_empty());
    }
}
