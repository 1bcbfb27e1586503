//! Inert interfaces that must answer with values, or no program starts: clocks that go up by a fixed step, random
//! numbers that follow from the inputs, standard streams.

use super::{Printed, WORD};
use crate::crossings::{Crossings, LimitReached};
use crate::guest::Guest;
use kapell_model::digest::Digest;
use kapell_model::ending::TrapCause;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi_io::bytes::Bytes;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream, InputStream, StreamError, StreamResult};

/// How far a clock goes with each reading: a millisecond, so that a guest that waits by looking gets there.
const STEP_NANOSECONDS: u64 = 1_000_000;
/// Where the wall clock begins: 2000-01-01T00:00:00Z, a date no library takes for an error.
const BEGIN_SECONDS: u64 = 946_684_800;
/// Most random bytes in one call: the host makes them all at once.
const RANDOM_MAX: u64 = 64 << 10;

/// The empty forms of one attempt.
#[derive(Debug)]
pub(crate) struct InertCtx {
    component: Digest,
    arguments: Arc<Value>,
    readings: u64,
    drawn: Option<Drawn>,
    pub(crate) printed: Printed,
}

/// Random numbers that follow from component and arguments: SHA-256 over both and a counter.
#[derive(Debug)]
struct Drawn {
    seed: Digest,
    blocks: u64,
}

/// The guest called `exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the skill called exit {} instead of answering", if *succeeded { "with success" } else { "with failure" })]
pub(super) struct Exited {
    succeeded: bool,
}

impl InertCtx {
    /// For an attempt of these bytes on these arguments; nothing else about the attempt ever shows.
    pub(crate) fn new(component: Digest, arguments: Arc<Value>, crossings: Crossings) -> Self {
        Self { component, arguments, readings: 0, drawn: None, printed: Printed::new(crossings) }
    }

    fn read_clock(&mut self) -> u64 {
        self.readings += 1;
        self.readings.saturating_mul(STEP_NANOSECONDS)
    }

    /// The arguments are hashed at the first draw: most skills never draw.
    fn draw(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > RANDOM_MAX {
            let detail = format!("{length} random bytes in one call, {RANDOM_MAX} at most");
            return Err(LimitReached { cause: TrapCause::Inert, detail }.into());
        }
        let (component, arguments) = (self.component, &self.arguments);
        let drawn = self.drawn.get_or_insert_with(|| Drawn::from(component, arguments));
        let mut bytes = Vec::with_capacity(usize::try_from(length)? + 32);
        while (bytes.len() as u64) < length {
            bytes.extend_from_slice(&drawn.block());
        }
        bytes.truncate(usize::try_from(length)?);
        Ok(bytes)
    }

    fn draw_number(&mut self) -> Result<u64> {
        Ok(self.draw(8)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl Drawn {
    fn from(component: Digest, arguments: &Value) -> Self {
        let mut hash = Sha256::new();
        hash.update(component.as_bytes());
        hash.update(arguments.to_string());
        Self { seed: Digest::from_bytes(hash.finalize().into()), blocks: 0 }
    }

    fn block(&mut self) -> [u8; 32] {
        self.blocks += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.as_bytes());
        hash.update(self.blocks.to_le_bytes());
        hash.finalize().into()
    }
}

/// The empty forms with the table of handles, behind the count.
struct Inert<'a> {
    ctx: &'a mut InertCtx,
    table: &'a mut ResourceTable,
    crossings: &'a Crossings,
}

/// What these host functions work on, out of a store's data.
fn of(guest: &mut Guest) -> Inert<'_> {
    Inert { ctx: &mut guest.inert, table: &mut guest.table, crossings: &guest.lent.crossings }
}

impl Inert<'_> {
    fn counted(&mut self) -> Result<&mut InertCtx> {
        self.crossings.count(WORD)?;
        Ok(self.ctx)
    }
}

impl HasData for Inert<'static> {
    type Data<'a> = Inert<'a>;
}

impl wall_clock::Host for Inert<'_> {
    fn now(&mut self) -> Result<wall_clock::Datetime> {
        let reading = self.counted()?.read_clock();
        let nanoseconds = u32::try_from(reading % 1_000_000_000).unwrap_or_default();
        Ok(wall_clock::Datetime { seconds: BEGIN_SECONDS + reading / 1_000_000_000, nanoseconds })
    }

    fn resolution(&mut self) -> Result<wall_clock::Datetime> {
        self.counted()?;
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

impl monotonic_clock::Host for Inert<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(self.counted()?.read_clock())
    }

    fn resolution(&mut self) -> Result<u64> {
        self.counted()?;
        Ok(STEP_NANOSECONDS)
    }

    fn subscribe_instant(&mut self, _when: u64) -> Result<Resource<DynPollable>> {
        self.subscribe_duration(0)
    }

    /// Waiting is over at once: without a real clock nobody can tell.
    fn subscribe_duration(&mut self, _when: u64) -> Result<Resource<DynPollable>> {
        self.counted()?;
        let over = self.table.push(Over)?;
        subscribe(self.table, over)
    }
}

/// A wait that is over.
struct Over;

#[wasmtime_wasi_io::async_trait]
impl Pollable for Over {
    async fn ready(&mut self) {}
}

impl random::Host for Inert<'_> {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.counted()?.draw(length)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        self.counted()?.draw_number()
    }
}

impl insecure::Host for Inert<'_> {
    fn get_insecure_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        self.counted()?.draw(length)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        self.counted()?.draw_number()
    }
}

impl insecure_seed::Host for Inert<'_> {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        let ctx = self.counted()?;
        Ok((ctx.draw_number()?, ctx.draw_number()?))
    }
}

/// Links the clocks that go up by a fixed step.
pub(crate) fn add_clocks(linker: &mut Linker<Guest>) -> Result<()> {
    wall_clock::add_to_linker::<Guest, Inert<'static>>(linker, of)?;
    monotonic_clock::add_to_linker::<Guest, Inert<'static>>(linker, of)
}

/// Links random numbers that follow from the inputs.
pub(crate) fn add_random(linker: &mut Linker<Guest>) -> Result<()> {
    random::add_to_linker::<Guest, Inert<'static>>(linker, of)?;
    insecure::add_to_linker::<Guest, Inert<'static>>(linker, of)?;
    insecure_seed::add_to_linker::<Guest, Inert<'static>>(linker, of)
}

/// Links an empty standard input, an output and an error that are kept as diagnostics, and an exit that ends the
/// attempt.
pub(crate) fn add_stdio(linker: &mut Linker<Guest>) -> Result<()> {
    linker.instance("wasi:cli/stdin@0.2.12")?.func_wrap("get-stdin", |mut store, ()| {
        let inert = of(store.data_mut());
        inert.crossings.count(WORD)?;
        Ok((inert.table.push(Box::new(Over) as DynInputStream)?,))
    })?;
    for (instance, function) in
        [("wasi:cli/stdout@0.2.12", "get-stdout"), ("wasi:cli/stderr@0.2.12", "get-stderr")]
    {
        linker.instance(instance)?.func_wrap(function, |mut store, ()| {
            let inert = of(store.data_mut());
            inert.crossings.count(WORD)?;
            Ok((inert.table.push(Box::new(inert.ctx.printed.clone()) as DynOutputStream)?,))
        })?;
    }
    let mut exit = linker.instance("wasi:cli/exit@0.2.12")?;
    exit.func_wrap("exit", |_, (status,): (std::result::Result<(), ()>,)| -> wasmtime::Result<()> {
        Err(Exited { succeeded: status.is_ok() }.into())
    })?;
    exit.func_wrap("exit-with-code", |_, (code,): (u8,)| -> wasmtime::Result<()> {
        Err(Exited { succeeded: code == 0 }.into())
    })
}

/// Nothing to read and never anything.
impl InputStream for Over {
    fn read(&mut self, _size: usize) -> StreamResult<Bytes> {
        Err(StreamError::Closed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use kapell_model::limits::Limits;
    use serde_json::json;

    fn drawn(component: &[u8], arguments: Value, length: u64) -> Vec<u8> {
        let crossings = Crossings::live(&Limits::default());
        let mut ctx = InertCtx::new(Digest::of(component), Arc::new(arguments), crossings);
        ctx.draw(length).unwrap()
    }

    #[test]
    fn random_numbers_follow_from_component_and_arguments_alone() {
        let bytes = drawn(b"a", json!({ "n": 1 }), 33);
        assert_eq!(bytes.len(), 33);
        assert_eq!(bytes, drawn(b"a", json!({ "n": 1 }), 33));
        assert_ne!(bytes, drawn(b"b", json!({ "n": 1 }), 33));
        assert_ne!(bytes, drawn(b"a", json!({ "n": 2 }), 33));
        assert!(drawn(b"a", json!(null), 0).is_empty());
    }

    #[test]
    fn one_draw_is_bounded() {
        let crossings = Crossings::live(&Limits::default());
        let mut ctx = InertCtx::new(Digest::of(b"a"), Arc::default(), crossings);
        assert_eq!(ctx.draw(RANDOM_MAX).unwrap().len() as u64, RANDOM_MAX);
        assert!(ctx.draw(RANDOM_MAX + 1).is_err());
    }
}
