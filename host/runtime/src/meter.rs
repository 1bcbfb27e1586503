//! The aggregate memory limit of an attempt, and what it held at most.

use crate::crossings::LimitReached;
use kapell_model::ending::TrapCause;
use wasmtime::ResourceLimiter;

/// A table element is a function reference with its signature check: two machine words.
const TABLE_ELEMENT_BYTES: usize = 16;

/// Counts bytes of all memories and tables of one store together, and refuses the growth that would pass the limit.
///
/// The engine's own limiter counts each memory alone, so that sixteen of them may hold sixteen times the limit.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    limit: usize,
    held: usize,
    peak: usize,
    asked_last: usize,
}

impl MemoryMeter {
    /// A meter that lets `limit` bytes pass.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), held: 0, peak: 0, asked_last: 0 }
    }

    /// Most bytes held at one time.
    pub(crate) fn peak(&self) -> u64 {
        self.peak as u64
    }

    /// Growth beyond the limit ends the guest instead of answering "no memory": the ending then names the limit,
    /// and not whatever the guest's allocator does about it.
    fn grow(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        let held = self.held.saturating_add(bytes);
        if held > self.limit {
            let detail =
                format!("memories and tables wanted {held} bytes together, the limit is {}", self.limit);
            return Err(LimitReached { cause: TrapCause::Memory, detail }.into());
        }
        self.asked_last = bytes;
        self.held = held;
        self.peak = self.peak.max(held);
        Ok(true)
    }

    /// The engine could not do what the meter had let pass; what was not given is not counted.
    fn undo(&mut self) {
        self.held = self.held.saturating_sub(std::mem::take(&mut self.asked_last));
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Beyond its own declared maximum the growth fails by the guest's own rule, which is no overrun.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT_BYTES))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn instances(&self) -> usize {
        crate::engine::CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        crate::engine::TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        crate::engine::MEMORIES_MAX as usize
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_count_together() {
        let mut meter = MemoryMeter::new(1000);
        assert!(meter.memory_growing(0, 600, None).unwrap());
        assert!(meter.table_growing(0, 25, None).unwrap());
        assert_eq!(meter.peak(), 1000);
        let stop = meter.memory_growing(600, 601, None).unwrap_err();
        assert_eq!(stop.downcast_ref::<LimitReached>().map(|limit| limit.cause), Some(TrapCause::Memory));
    }

    #[test]
    fn what_the_engine_could_not_give_is_not_counted() {
        let mut meter = MemoryMeter::new(1000);
        assert!(meter.memory_growing(0, 900, None).unwrap());
        meter.memory_grow_failed(wasmtime::Error::msg("no room")).unwrap();
        assert!(meter.memory_growing(0, 900, None).unwrap());
        // A failure that no permitted growth came before takes nothing away.
        meter.memory_grow_failed(wasmtime::Error::msg("no room")).unwrap();
        meter.memory_grow_failed(wasmtime::Error::msg("no room")).unwrap();
        assert!(meter.memory_growing(0, 1000, None).unwrap());
    }

    #[test]
    fn growth_beyond_the_declared_maximum_is_the_guests_own_rule() {
        let mut meter = MemoryMeter::new(1000);
        assert!(!meter.memory_growing(0, 5000, Some(100)).unwrap());
        assert_eq!(meter.peak(), 0);
    }
}
