//! The bare parts: the engine alone, set for speed, with none of the house around it.

use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Linker, Lower,
};
use wasmtime::{
    Config, Enabled, Engine, Error, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store,
};

/// Enough fuel for everything measured here, and little enough to be a number.
pub(crate) const FUEL: u64 = 1 << 40;

/// How a bare engine is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting {
    /// Whether it counts fuel.
    pub(crate) fuel: bool,
    /// Whether a stack is cleared before another guest gets it.
    pub(crate) cleared_stacks: bool,
}

/// One component on a bare engine.
pub(crate) struct Bare {
    engine: Engine,
    pre: InstancePre<()>,
    run: ComponentExportIndex,
    fuel: bool,
}

impl Bare {
    /// Compiles the component and resolves what can be resolved ahead of a call.
    pub(crate) fn new(bytes: &[u8], setting: Setting) -> anyhow::Result<Self> {
        Self::compiled(bytes, setting).map_err(said)
    }

    /// A step: instantiate, call with a text, drop.
    pub(crate) async fn echo(&self, text: &str) -> anyhow::Result<String> {
        self.call::<_, String>((text,)).await.map_err(said)
    }

    /// The same for a guest that computes.
    pub(crate) async fn compute(&self, rounds: u32) -> anyhow::Result<u32> {
        self.call::<_, u32>((rounds,)).await.map_err(said)
    }

    fn compiled(bytes: &[u8], setting: Setting) -> Result<Self> {
        let engine = engine(setting)?;
        let component = Component::from_binary(&engine, bytes)?;
        let run = component.get_export_index(None, "run");
        let run = run.ok_or_else(|| Error::msg("the guest exports no `run`"))?;
        let pre = Linker::new(&engine).instantiate_pre(&component)?;
        Ok(Self { engine, pre, run, fuel: setting.fuel })
    }

    async fn call<P, R>(&self, given: P) -> Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: Lift + Send + Sync + 'static,
    {
        let mut store = self.store()?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let run = instance.get_typed_func::<P, (R,)>(&mut store, &self.run)?;
        Ok(run.call_async(&mut store, given).await?.0)
    }

    fn store(&self) -> Result<Store<()>> {
        let mut store = Store::new(&self.engine, ());
        if self.fuel {
            store.set_fuel(FUEL)?;
        }
        Ok(store)
    }
}

/// An engine set for speed.
pub(crate) fn engine(setting: Setting) -> Result<Engine> {
    Engine::new(&config(setting))
}

fn config(setting: Setting) -> Config {
    let mut config = Config::new();
    config.consume_fuel(setting.fuel);
    config.concurrency_support(false);
    config.async_stack_zeroing(setting.cleared_stacks);
    // Part of what is computed, so the base has it too.
    config.cranelift_nan_canonicalization(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    config
}

/// Reset in place where the kernel can say which pages are dirty: the fastest pool there is.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes);
        pool.linear_memory_keep_resident(1 << 20);
    }
    pool.async_stack_keep_resident(16 << 10);
    pool
}

/// The engine has an error type of its own.
pub(crate) fn said(error: Error) -> anyhow::Error {
    anyhow::anyhow!("the bare engine: {error:#}")
}
