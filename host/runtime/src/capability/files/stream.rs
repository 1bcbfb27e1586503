//! Streams over files: every read and write goes through the tree, so that rights, quotas and counts hold for
//! streams as they do for calls. They never wait: what they are over was brought up when they were made.

use super::{FilesError, SharedTree};
use crate::capability::bindings::wasi::filesystem::types::ErrorCode;
use kapell_model::capability::Kind;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::bytes::Bytes;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// Most bytes of one read or write.
pub(super) const CHUNK_MAX: usize = 64 << 10;

/// An operation on a stream failed; `filesystem-error-code` gives the guest its code.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.name())]
pub(super) struct StreamFailed(pub(super) ErrorCode);

/// Reads a file onwards.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) tree: SharedTree,
    pub(super) path: String,
    pub(super) offset: u64,
}

/// Writes a file onwards.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) tree: SharedTree,
    pub(super) path: String,
    /// Where to write next; none to append.
    pub(super) offset: Option<u64>,
}

fn failed(error: FilesError) -> StreamError {
    match error {
        FilesError::Told(code) | FilesError::Refused(code) => {
            StreamError::LastOperationFailed(StreamFailed(code).into())
        }
        FilesError::Ends(error) => StreamError::Trap(error),
        // What a stream is over was found out when it was made.
        FilesError::Unknown(_) => StreamError::LastOperationFailed(StreamFailed(ErrorCode::Io).into()),
    }
}

#[async_trait]
impl InputStream for Reading {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut tree = self.tree.lock();
        tree.crossings.count(Kind::Files.word()).map_err(StreamError::Trap)?;
        let bytes = tree.read(&self.path, self.offset, size.min(CHUNK_MAX)).map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(bytes.into())
    }
}

#[async_trait]
impl OutputStream for Writing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut tree = self.tree.lock();
        tree.crossings.count(Kind::Files.word()).map_err(StreamError::Trap)?;
        if bytes.len() > CHUNK_MAX {
            return Err(StreamError::trap("wrote more than check-write permits"));
        }
        match &mut self.offset {
            None => tree.append(&self.path, &bytes).map_err(failed),
            Some(offset) => {
                tree.write(&self.path, *offset, &bytes).map_err(failed)?;
                *offset = offset.saturating_add(bytes.len() as u64);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_MAX)
    }
}

#[async_trait]
impl Pollable for Reading {
    async fn ready(&mut self) {}
}

#[async_trait]
impl Pollable for Writing {
    async fn ready(&mut self) {}
}
