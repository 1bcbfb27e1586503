//! Files as wasmtime-wasi lends them: its context, its descriptors, its streams, on the bare engine.

use crate::bare::{Setting, engine, said};
use std::path::{Path, PathBuf};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, ResourceTable};
use wasmtime::{Engine, Error, Result, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// One component with a directory of its own to read.
pub(crate) struct BareFiles {
    engine: Engine,
    pre: InstancePre<Lent>,
    run: ComponentExportIndex,
    folder: PathBuf,
}

struct Lent {
    context: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Lent {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.context, table: &mut self.table }
    }
}

impl BareFiles {
    /// Compiles the component and links it to wasmtime-wasi.
    pub(crate) fn new(bytes: &[u8], folder: &Path) -> anyhow::Result<Self> {
        Self::linked(bytes, folder).map_err(said)
    }

    /// Opens the directory, reads the file in it to its end and says how long it was.
    pub(crate) async fn read(&self) -> anyhow::Result<u32> {
        self.call().await.map_err(said)
    }

    fn linked(bytes: &[u8], folder: &Path) -> Result<Self> {
        let engine = engine(Setting { fuel: true, ..Setting::default() })?;
        let component = Component::from_binary(&engine, bytes)?;
        let run = component.get_export_index(None, "run");
        let run = run.ok_or_else(|| Error::msg("the guest exports no `run`"))?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let pre = linker.instantiate_pre(&component)?;
        Ok(Self { engine, pre, run, folder: folder.to_owned() })
    }

    async fn call(&self) -> Result<u32> {
        let mut builder = WasiCtxBuilder::new();
        builder.preopened_dir(&self.folder, "it", FsPerms::ReadOnly)?;
        let lent = Lent { context: builder.build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, lent);
        store.set_fuel(crate::bare::FUEL)?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, &self.run)?;
        Ok(run.call_async(&mut store, (1,)).await?.0)
    }
}
