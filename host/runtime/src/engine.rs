//! The one engine constructor. Every option is written out with its reason, also where it repeats a default, so that a
//! default that changes upstream changes nothing here.

use kapell_model::digest::Digest;
use sha2::{Digest as _, Sha256};
use std::hash::{Hash, Hasher};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig,
    RegallocAlgorithm, Strategy,
};

/// The engine's version, as built; a test holds it against the lock file.
pub const ENGINE_VERSION: &str = "48.0.8";

/// Attempts that may run at one time; the pool below is sized so that none of them can find it empty.
pub(crate) const ATTEMPTS_AT_ONCE: u32 = 256;
/// Core instances in one component: componentize-py's stubbed output has 38.
pub(crate) const CORE_INSTANCES_MAX: u32 = 64;
/// Linear memories in one component.
pub(crate) const MEMORIES_MAX: u32 = 4;
/// Tables in one component.
pub(crate) const TABLES_MAX: u32 = 16;
/// Elements in one table: componentize-js needs 7,688.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 20_000;

/// Guest work between two looks at deadline and cancel flag: 40 to 130 µs, at no measurable cost.
pub(crate) const FUEL_SLICE: u64 = 1_000_000;

/// Address space of one memory slot; with all of it reserved the compiler needs no bounds checks (up to 1.16x).
const MEMORY_SLOT_BYTES: u64 = 4 << 30;
/// Pages up to this much of a memory are reset in place instead of unmapped, where the kernel can say which are dirty.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;

/// The engine could not be made on this machine.
#[derive(Debug, thiserror::Error)]
#[error("start the WebAssembly engine: {cause}")]
pub struct EngineError {
    /// What the engine said.
    pub(crate) cause: String,
}

/// Makes the engine of this process.
///
/// # Errors
/// When the machine gives no address space for the pool or lacks what the compiler needs.
pub(crate) fn engine() -> Result<Engine, EngineError> {
    of(InstanceAllocationStrategy::Pooling(pool()))
}

/// Makes the engine of a process that only compiles: what it compiles is the same, byte for byte, and it reserves no
/// place to run anything.
///
/// # Errors
/// When the machine lacks what the compiler needs.
pub(crate) fn compiling_engine() -> Result<Engine, EngineError> {
    of(InstanceAllocationStrategy::OnDemand)
}

fn of(places: InstanceAllocationStrategy) -> Result<Engine, EngineError> {
    let mut config = Config::new();
    metering(&mut config);
    stacks(&mut config);
    memories(&mut config);
    compiler(&mut config);
    languages(&mut config);
    config.allocation_strategy(places);
    Engine::new(&config).map_err(|error| EngineError { cause: format!("{error:#}") })
}

/// The name of everything that decides whether a compiled form fits this engine: version, options, target, processor.
pub(crate) fn settings_digest(engine: &Engine) -> Digest {
    let mut hasher = Sha256Hasher(Sha256::new());
    ENGINE_VERSION.hash(&mut hasher);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    Digest::from_bytes(hasher.0.finalize().into())
}

/// The engine hands out a `Hash`, not bytes; this takes its bytes into SHA-256, since a 64-bit hash is no name.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

fn metering(config: &mut Config) {
    // Fuel is the bill, the budget and the clock of interruption.
    config.consume_fuel(true);
    // Growing touches a page of 64 KiB but costs nothing by default; this is the dearest a table entry can say.
    let mut cost = OperatorCost::new();
    cost.variable.memory_grow_per_page = 255;
    config.operator_cost(cost);
    // Fuel and epochs together cost three times either alone, and fuel slices interrupt as fast.
    config.epoch_interruption(false);
    // A crash names its function; frames beyond these say nothing to a skill's author.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8));
}

fn stacks(config: &mut Config) {
    // Guest stack. Host functions get the difference to the whole; an overflow of theirs would end the process.
    config.max_wasm_stack(512 << 10);
    config.async_stack_size(2 << 20);
    // A stack passes from one skill to the next: nothing of the former may be on it.
    config.async_stack_zeroing(true);
    // Fatal signals become traps of the guest.
    config.signals_based_traps(true);
}

fn memories(config: &mut Config) {
    config.memory_reservation(MEMORY_SLOT_BYTES);
    config.memory_guard_size(32 << 20);
    // A memory that never moves needs no reload of its base after each call.
    config.memory_may_move(false);
    // A fresh instance maps the initial image instead of copying it: 5 µs instead of 16.
    config.memory_init_cow(true);
    // Tables are filled when touched.
    config.table_lazy_init(true);
    // Unsound before 2025 and not needed by any skill.
    config.shared_memory(false);
}

fn compiler(config: &mut Config) {
    config.strategy(Strategy::Cranelift);
    config.cranelift_opt_level(OptLevel::Speed);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking);
    // Compiling happens once, at install.
    config.parallel_compilation(true);
    // One bit pattern for every NaN, or the same step answers differently on another processor.
    config.cranelift_nan_canonicalization(true);
    // The verifier is for engine authors.
    config.cranelift_debug_verifier(false);
    config.debug_info(false);
    // Maps a fault to its place in the code, for the line a crash leaves.
    config.generate_address_map(true);
    // Host profilers and debuggers are not attached to guests, but Windows and macOS unwind through guest frames.
    config.native_unwind_info(true);
}

/// What a component may be written in: WebAssembly 3.0 less what has no use in a skill or had the year's advisories.
fn languages(config: &mut Config) {
    config.wasm_component_model(true);
    config.concurrency_support(false);
    config.gc_support(false);
    config.wasm_memory64(false);
    config.wasm_stack_switching(false);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_shared_everything_threads(false);
    // The answers of relaxed instructions depend on the processor.
    config.wasm_relaxed_simd(false);
    config.wasm_component_model_error_context(false);
    config.wasm_component_model_gc(false);
    config.wasm_component_model_memory64(false);
    config.wasm_component_model_implements(false);
    // Two plain-data types that have a JSON form.
    config.wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true);
    // What Rust, C, Python and JavaScript toolchains emit.
    config.wasm_bulk_memory(true);
    config.wasm_multi_value(true);
    config.wasm_multi_memory(true);
    config.wasm_extended_const(true);
    config.wasm_simd(true);
    config.wasm_tail_call(true);
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(ATTEMPTS_AT_ONCE);
    pool.total_core_instances(ATTEMPTS_AT_ONCE * CORE_INSTANCES_MAX);
    pool.total_memories(ATTEMPTS_AT_ONCE * MEMORIES_MAX);
    pool.total_tables(ATTEMPTS_AT_ONCE * TABLES_MAX);
    pool.total_stacks(ATTEMPTS_AT_ONCE);
    pool.max_core_instances_per_component(CORE_INSTANCES_MAX);
    pool.max_memories_per_component(MEMORIES_MAX);
    pool.max_tables_per_component(TABLES_MAX);
    pool.max_memories_per_module(MEMORIES_MAX);
    pool.max_tables_per_module(TABLES_MAX);
    pool.table_elements(TABLE_ELEMENTS_MAX);
    pool.max_component_instance_size(1 << 20);
    pool.max_core_instance_size(1 << 20);
    // Each attempt's own limit is smaller; this is the slot.
    pool.max_memory_size(usize::try_from(MEMORY_SLOT_BYTES).unwrap_or(usize::MAX));
    // A hot skill finds its own slot again, already mapped, up to this many skills.
    pool.max_unused_warm_slots(ATTEMPTS_AT_ONCE);
    // What ended attempts leave is given back to the system a few at a time: a twentieth of a small attempt, and fewer
    // interruptions of the other cores. None of their places is used again before that.
    pool.decommit_batch_size(8);
    resident(&mut pool);
    pool
}

/// Resetting in place pays only where the kernel says which pages are dirty (Linux 6.7, `PAGEMAP_SCAN`): there it
/// makes a used instance six times cheaper and lets two workers scale; elsewhere it costs and is left off.
fn resident(pool: &mut PoolingAllocationConfig) {
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    pool.pagemap_scan(if scan { Enabled::Yes } else { Enabled::No });
    pool.linear_memory_keep_resident(if scan { KEEP_RESIDENT_BYTES } else { 0 });
    pool.table_keep_resident(if scan { TABLE_ELEMENTS_MAX * 8 } else { 0 });
    // Stacks have no such scan: the part a shallow call dirties is cleared by hand, used or not, at every attempt.
    pool.async_stack_keep_resident(16 << 10);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;

    /// Security fixes arrive as patch releases, so the floor is a test, and a second engine in the tree would be
    /// an unpatched one.
    #[test]
    fn one_engine_at_or_above_the_patched_floor() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
        for package in ["wasmtime", "wasmtime-wasi", "wasmtime-wasi-io"] {
            let versions = locked_versions(&lock, package);
            let [version] = versions.as_slice() else { panic!("{package}: {versions:?}") };
            assert!(patch_of(version) >= Some(8), "{package} {version} is below 48.0.8");
        }
        assert_eq!(locked_versions(&lock, "wasmtime"), [ENGINE_VERSION]);
    }

    fn locked_versions(lock: &str, package: &str) -> Vec<String> {
        let name = format!("name = \"{package}\"");
        let versions = lock.split("[[package]]").filter(|entry| entry.lines().any(|line| line == name));
        let version = |entry: &str| {
            Some(entry.lines().find_map(|line| line.strip_prefix("version = "))?.trim_matches('"').into())
        };
        versions.filter_map(version).collect()
    }

    fn patch_of(version: &str) -> Option<u64> {
        version.strip_prefix("48.0.")?.parse().ok()
    }

    #[test]
    fn the_same_settings_have_the_same_name() {
        assert_eq!(settings_digest(&engine().unwrap()), settings_digest(&engine().unwrap()));
    }

    #[test]
    fn what_compiles_apart_compiles_the_same() {
        let (here, apart) = (engine().unwrap(), compiling_engine().unwrap());
        assert_eq!(settings_digest(&here), settings_digest(&apart));
        let bytes = wat::parse_str("(component (core module (memory 1) (func (result i32) (i32.const 7))))");
        let [here, apart] = [here, apart].map(|engine| engine.precompile_component(bytes.as_ref().unwrap()));
        assert!(here.unwrap() == apart.unwrap(), "the compiled forms differ");
    }
}
