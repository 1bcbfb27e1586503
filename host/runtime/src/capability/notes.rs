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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::notes::Host as _;
    use super::*;
    use crate::capability::testing::{Bench, granted, limit};
    use crate::crossings::Crossings;
    use kapell_model::ending::TrapCause;
    use kapell_model::limits::Limits;
    use kapell_model::quantity::Bytes;

    fn notes(most: u64, talk: u64) -> Bench<NotesCtx> {
        let ctx = NotesCtx::new(&granted("notes", Authority::Notes { bytes_max: Bytes(most) }));
        Bench::with(ctx, Crossings::live(&Limits { talk: Bytes(talk), ..Limits::default() }))
    }

    fn kept(most: u64, said: &[(&str, &str)]) -> (Vec<String>, Option<u64>) {
        let mut bench = notes(most, 1_000);
        for (topic, text) in said {
            bench.lent().note((*topic).into(), (*text).into()).unwrap();
        }
        let (meters, left) = bench.meters();
        let lines = left.notes.iter().map(|note| format!("{}|{}", note.topic, note.text));
        (lines.collect(), meters.crossings.get("notes-dropped").copied())
    }

    #[test]
    fn a_note_is_kept_as_one_line() {
        let (lines, dropped) = kept(1_000, &[("terms", "two clauses\nshare a title\u{202e}")]);
        assert_eq!(lines, ["terms|two clauses share a title\u{fffd}"]);
        assert_eq!(dropped, None);
    }

    #[test]
    fn notes_beyond_the_grant_are_cut_then_counted() {
        assert_eq!(kept(4, &[("ab", "c")]), (vec!["ab|c".into()], None));
        assert_eq!(kept(4, &[("ab", "cd")]), (vec!["ab|cd".into()], None));
        assert_eq!(kept(4, &[("ab", "cde"), ("x", "y")]), (vec!["ab|cd […cut]".into()], Some(1)));
        assert_eq!(kept(1, &[("ab", "cd")]), (vec!["a […cut]|[…cut]".into()], None));
    }

    #[test]
    fn talk_beyond_the_limit_ends_the_guest() {
        let mut bench = notes(0, 8);
        bench.lent().note("ab".into(), "cd".into()).unwrap();
        bench.lent().note("ab".into(), "cd".into()).unwrap();
        let end = bench.lent().note("a".into(), String::new()).unwrap_err();
        assert_eq!(limit(&end), Some(TrapCause::Talk));
    }

    #[test]
    fn without_a_grant_nothing_is_kept() {
        let mut bench = Bench::new(NotesCtx::new(&GrantSet::default()));
        bench.lent().note("a".into(), "b".into()).unwrap();
        assert!(bench.meters().1.notes.is_empty());
    }
}
