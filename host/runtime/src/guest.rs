//! What the host keeps for one attempt: the data of its store, made before it and dropped with it.

use crate::capability::clock::{ClockCtx, ClockView};
use crate::capability::config::{ConfigCtx, ConfigView};
use crate::capability::files::{FilesCtx, FilesView};
use crate::capability::http::{HttpCtx, HttpView};
use crate::capability::inference::{InferenceCtx, InferenceView};
use crate::capability::keyvalue::{KeyvalueCtx, KeyvalueView};
use crate::capability::logging::{LoggingCtx, LoggingView};
use crate::capability::notes::{NotesCtx, NotesView};
use crate::capability::random::{RandomCtx, RandomView};
use crate::capability::{Capabilities, Lent};
use crate::inert::InertCtx;
use crate::io::Counted;
use crate::meter::MemoryMeter;
use kapell_model::limits::Limits;
use wasmtime::component::ResourceTable;

/// Everything the host functions of one attempt work on.
pub(crate) struct Guest {
    pub(crate) lent: Capabilities,
    pub(crate) table: ResourceTable,
    pub(crate) memory: MemoryMeter,
    pub(crate) inert: InertCtx,
}

impl Guest {
    /// Ready for one attempt under these limits.
    pub(crate) fn new(lent: Capabilities, inert: InertCtx, limits: &Limits) -> Self {
        let mut table = ResourceTable::new();
        // The engine counts the guest's handles exactly. The host keeps two entries for some of them (a pollable and
        // what it waits for), so its table stands behind with twice the room.
        table.set_max_capacity((limits.handles as usize).saturating_mul(2));
        Self { lent, table, memory: MemoryMeter::new(limits.memory.0), inert }
    }

    /// The handles behind the count of calls.
    pub(crate) fn io(&mut self) -> Counted<'_> {
        Counted { table: &mut self.table, crossings: &self.lent.crossings, time: self.lent.clock.rule() }
    }
}

/// Gives the context of one kind out of the store's data; the same for each.
macro_rules! lends {
    ($view:ident, $field:ident, $ctx:ty) => {
        impl $view for Guest {
            fn $field(&mut self) -> Lent<'_, $ctx> {
                Lent { ctx: &mut self.lent.$field, table: &mut self.table, crossings: &self.lent.crossings }
            }
        }
    };
}

lends!(FilesView, files, FilesCtx);
lends!(KeyvalueView, keyvalue, KeyvalueCtx);
lends!(ConfigView, config, ConfigCtx);
lends!(ClockView, clock, ClockCtx);
lends!(RandomView, random, RandomCtx);
lends!(LoggingView, logging, LoggingCtx);
lends!(NotesView, notes, NotesCtx);
lends!(HttpView, http, HttpCtx);
lends!(InferenceView, inference, InferenceCtx);
