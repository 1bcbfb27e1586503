//! Lends a place in the journal for what a skill wants remembered (`kapell:skill/notes`): sanitised, one line each,
//! counted. Never lends a way to decide anything: a note is the skill's own claim and no code reads it.

use super::bindings::kapell::skill::notes;
use super::{Allowance, Lends, Lent};
use kapell_model::capability::Kind;
use kapell_model::grant::{Authority, GrantSet};
use wasmtime::component::Linker;

/// The notes of one attempt.
#[derive(Debug)]
pub struct NotesCtx {
    left: Allowance,
}

impl NotesCtx {
    /// Notes as granted; of several grants the first holds.
    #[must_use]
    pub fn new(grants: &GrantSet) -> Self {
        let granted = grants.grants.iter().find_map(|grant| match grant.authority {
            Authority::Notes { bytes_max } => Some(bytes_max),
            _ => None,
        });
        Self { left: Allowance::new(granted) }
    }
}

/// Gives the notes of a store.
pub trait NotesView: Send + 'static {
    /// The notes, the handles, the seam.
    fn notes(&mut self) -> Lent<'_, NotesCtx>;
}

impl notes::Host for Lent<'_, NotesCtx> {
    /// Never fails for the guest: what does not fit is cut with a mark, what comes after is counted as dropped.
    fn note(&mut self, topic: String, text: String) -> wasmtime::Result<()> {
        self.crossings.count(Kind::Notes.word())?;
        self.crossings.talk(topic.len().saturating_add(text.len()))?;
        let Some(topic) = self.ctx.left.take(&topic) else {
            self.crossings.dropped("notes-dropped");
            return Ok(());
        };
        let text =
            self.ctx.left.take(&text).unwrap_or_else(|| crate::crossings::CUT_MARK.trim_start().into());
        self.crossings.note(&topic, &text);
        Ok(())
    }
}

/// Links `kapell:skill/notes`.
///
/// # Errors
/// When it is linked already.
pub fn add_to_linker<T: NotesView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    notes::add_to_linker::<T, Lends<NotesCtx>>(linker, T::notes)
}
