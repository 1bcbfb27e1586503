//! `wasi:io` as every toolchain imports it: the handles of streams and pollables, each call counted.
//!
//! The work is the io crate's own over the table of handles. This only stands in front of it, so that a guest that
//! polls or writes in tiny pieces without end reaches its limit of host calls.

use crate::crossings::Crossings;
use crate::guest::Guest;
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
}

impl Counted<'_> {
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
        poll::Host::poll(self.table()?, pollables).await
    }
}

impl poll::HostPollable for Counted<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        poll::HostPollable::block(self.table()?, pollable).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        poll::HostPollable::ready(self.table()?, pollable).await
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
