//! Checking what a home has against itself: whether a run is what its entries, their names and the signed heads say. What
//! is found is told in three parts: what holds, what does not and where, what can't be known.

use crate::error::{HomeError, Kind};
use crate::gone::Gone;
use crate::home::Home;
use crate::keys::LogKey;
use crate::names::{self, Kept, Names};
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::fold::RunState;
use kapell_journal::note::{NoteError, Public};
use kapell_journal::seam::{Journals as _, RunRow};
use kapell_journal::tree::{self, is_consistent, is_included};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_store::{Components as _, StoredRun};
use std::sync::Arc;

/// What somebody outside was given earlier: what a home can't have changed.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The log's key.
    pub key: Option<Public>,
    /// Checkpoints, each with the name it is told by.
    pub checkpoints: Vec<(String, String)>,
}

/// The head a note is of, by the key it names; by the newest where it names none of them.
pub(crate) fn verified(note: &str, keys: &[Public]) -> Result<Checkpoint, NoteError> {
    let name = note.lines().next().unwrap_or_default();
    let key = keys.iter().rev().find(|key| key.name() == name).or(keys.last());
    Checkpoint::verified(note, key.ok_or(NoteError::Form("there is no key to check it with"))?)
}

/// Holds a run's row against what its entries fold to, and tells the first difference.
pub(crate) fn check_row(folded: &RunRow, stored: &StoredRun, checked: &mut Checked) {
    let row = &stored.row;
    let parts = [
        ("flow", folded.flow == row.flow),
        ("state", folded.state == row.state && folded.over == row.over),
        ("beginning", folded.started == row.started),
        ("last change", folded.changed == row.changed),
        ("due time", folded.due == row.due),
        ("line", folded.line == row.line),
        ("word on its contents", folded.kept == row.kept),
    ];
    if let Some((what, _)) = parts.into_iter().find(|(_, is)| !is) {
        let at = At::Entry(folded.run.clone(), stored.head.seq, None);
        checked.broken("runs", at, format!("its row has another {what} than its entries come to"));
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What was looked at, one line.
    pub about: String,
    /// What holds: what was looked at, and what was found.
    pub holds: Vec<(&'static str, String)>,
    /// What does not.
    pub broken: Vec<Fault>,
    /// What can't be known.
    pub unknown: Vec<(&'static str, String)>,
    /// How many entries were read.
    pub entries: u64,
}

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was looked at.
    pub what: &'static str,
    /// Where.
    pub at: At,
    /// What was found.
    pub words: String,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// Nowhere in particular.
    Whole,
    /// At this entry: its run, its number, its leaf where that is known.
    Entry(RunId, u64, Option<u64>),
    /// At one of these leaves of the log, from 0, the end not among them.
    Leaves(u64, u64),
}

impl Checked {
    pub(crate) fn holds(&mut self, what: &'static str, words: impl Into<String>) {
        self.holds.push((what, words.into()));
    }

    pub(crate) fn broken(&mut self, what: &'static str, at: At, words: impl Into<String>) {
        self.broken.push(Fault { what, at, words: words.into() });
    }

    pub(crate) fn unknown(&mut self, what: &'static str, words: impl Into<String>) {
        self.unknown.push((what, words.into()));
    }

    /// The parts every check of a home ends with.
    pub(crate) fn limits(&mut self, held: &Held) {
        if held.checkpoints.is_empty() {
            let words = "whoever may write to the home could have taken the last entries away with the heads over them, \
                or put others after the last head, and whoever holds the log's key could have written another \
                history; only a checkpoint that somebody outside kept shows that, given with --checkpoint";
            self.unknown("history", words);
        }
        self.unknown("truth", "that the host told the truth when it wrote, and that its clock was right");
    }
}

impl Home {
    /// Checks one run: its chain, what it names, and that each of its entries stands under the newest signed head.
    ///
    /// # Errors
    /// When the store or the key can't be read. What does not hold is no error but what is told.
    pub fn check_run(&self, run: &RunId, held: &Held) -> Result<Checked, HomeError> {
        let mut checked = Checked { about: format!("run {run}"), ..Checked::default() };
        match self.store.entries(run).map_err(HomeError::from) {
            Err(error) if error.kind == Kind::Integrity => checked.broken("chain", At::Whole, error.message),
            Err(error) => return Err(error),
            Ok(entries) => {
                checked.entries = entries.len() as u64;
                let number = entries.len();
                checked.holds(
                    "chain",
                    format!("{number} entries, numbered without a gap, each linked to the one before"),
                );
                let (mut named, mut gone) = (Names::new(), Gone::default());
                for entry in &entries {
                    names::of_entry(entry, &mut named);
                    gone.note(entry, &named);
                }
                self.check_names(named, &mut gone, false, |_| At::Whole, &mut checked)?;
                let (state, row) = (RunState::fold(run, &entries), self.store.stored_run(run)?);
                match (state, row) {
                    (Err(error), _) => checked.broken("fold", At::Whole, error.to_string()),
                    (Ok(state), Some(stored)) => check_row(&state.row(), &stored, &mut checked),
                    (Ok(_), None) => checked.broken("runs", At::Whole, "it has entries and no row"),
                }
            }
        }
        let keys = self.check_keys(held, &mut checked)?;
        self.check_inclusion(run, &keys, held, &mut checked)?;
        checked.unknown(
            "others",
            "anything of other runs, such as whether one was deleted: `kapell verify` of the home shows that",
        );
        checked.limits(held);
        Ok(checked)
    }

    /// The log's keys, held against the one that was given. Of which key a head must be says the head; the one given counts
    /// where it is none of them.
    pub(crate) fn check_keys(&self, held: &Held, checked: &mut Checked) -> Result<Vec<Public>, HomeError> {
        // A journal that lost its last entries may have forgotten its key; the file has it still.
        let secret = self.log.secret();
        let mut keys = self.log.keys.publics()?;
        if let Err(error) = secret {
            checked.broken("key", At::Whole, error.message);
        }
        for anew in self.log.keys.all()?.iter().filter_map(|key| Some((key, key.anew.as_ref()?))) {
            let (LogKey { size, key, .. }, (by, reason)) = anew;
            let words = format!(
                "{by} began {key} after {size} entries, in the place of another: {reason}; nothing but their word binds the two"
            );
            checked.unknown("key", words);
        }
        match (&held.key, keys.last()) {
            (Some(given), Some(key)) if given == key => {
                checked.holds("key", format!("{key} is the one you hold"))
            }
            (Some(given), Some(key)) => {
                checked.broken("key", At::Whole, format!("the home's is {key}, you hold {given}"));
                keys = vec![given.clone()];
            }
            (Some(given), None) => keys.push(given.clone()),
            (None, _) => {}
        }
        Ok(keys)
    }

    /// What is kept under a digest or a commitment, held against it; none where nothing is.
    fn kept_bytes(&self, kept: Kept, digest: &Digest) -> Result<Option<Arc<[u8]>>, HomeError> {
        Ok(match kept {
            Kept::Told | Kept::Private => {
                self.store.private(digest)?.map(|content| Arc::clone(content.bytes()))
            }
            Kept::Component => Some(self.store.component(digest)?),
            _ => self.store.blob(digest)?,
        })
    }

    /// Everything that is named, read back under its digest. Unless the entries are `of_all` runs, others may keep what these
    /// have let go.
    pub(crate) fn check_names(
        &self,
        mut named: Names,
        gone: &mut Gone,
        of_all: bool,
        at: impl Fn(&(Kept, Digest)) -> At,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let (mut sound, mut private, faults) = (0_u64, 0_u64, checked.broken.len());
        while let Some((name, must)) = named.pop_first() {
            let (kept, digest) = name;
            let how = gone.how(kept, &digest);
            let must_be_gone = how.is_some() && (of_all || kept.is_private());
            match self.kept_bytes(kept, &digest) {
                Ok(Some(_)) if must_be_gone => {
                    let how = how.unwrap_or_default();
                    checked.broken("erased", at(&name), format!("{digest} was {how} and is still kept"));
                }
                Ok(None) if how.is_some() => {}
                Ok(Some(bytes)) => {
                    *(if kept.is_private() { &mut private } else { &mut sound }) += 1;
                    let mut nested = Names::new();
                    let read = names::within(kept, &bytes, &mut nested);
                    gone.keep(&nested);
                    nested.into_iter().for_each(|(name, must)| *named.entry(name).or_default() |= must);
                    read.err()
                        .into_iter()
                        .for_each(|error| checked.broken("contents", at(&name), error.message));
                }
                Ok(None) if !must => {}
                Ok(None) => {
                    checked.broken("contents", at(&name), format!("{digest}, which it names, is missing"))
                }
                Err(error) if matches!(error.kind, Kind::Integrity | Kind::NotFound) => {
                    checked.broken("contents", at(&name), error.message);
                }
                Err(error) => return Err(error),
            }
        }
        if checked.broken.len() == faults {
            checked.holds("contents", format!("{sound} blobs and components, each under its own digest"));
            if private > 0 {
                checked
                    .holds("private", format!("{private} private contents, each what its commitment is of"));
            }
        }
        gone.tell(checked);
        Ok(())
    }

    /// That each entry stands under the newest head that was signed, and that this only adds to what is held outside.
    fn check_inclusion(
        &self,
        run: &RunId,
        keys: &[Public],
        held: &Held,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let Some(head) = self.newest_head(keys, checked)? else { return Ok(()) };
        let (size, faults) = (head.size, checked.broken.len());
        let entries = self.store.entries_within(run, size)?;
        let leaves: Vec<u64> = entries.iter().map(|entry| entry.leaf).collect();
        let beside = match self.store.inclusions(&leaves, size).map_err(HomeError::from) {
            Err(error) if error.kind == Kind::Integrity => {
                checked.broken("inclusion", At::Whole, error.message);
                return Ok(());
            }
            beside => beside?,
        };
        for (entry, beside) in entries.iter().zip(beside) {
            if !is_included(&tree::leaf(&entry.bytes), entry.leaf, size, &beside, &head.root) {
                let at = At::Entry(run.clone(), entry.seq, Some(entry.leaf));
                checked.broken(
                    "inclusion",
                    at,
                    format!("does not stand in the log of {size} entries that is signed"),
                );
            }
        }
        if checked.broken.len() == faults {
            checked.holds(
                "inclusion",
                format!("{} of them stand in the log of {size} entries that is signed", leaves.len()),
            );
        }
        let later = checked.entries.saturating_sub(leaves.len() as u64);
        if later > 0 {
            checked.unknown("inclusion", format!("the last {later}: they are under no signed head yet"));
        }
        self.check_held(&head, keys, held, checked)
    }

    /// The newest head, where one was signed and still says what it is kept as.
    fn newest_head(&self, keys: &[Public], checked: &mut Checked) -> Result<Option<Checkpoint>, HomeError> {
        let Some(noted) = self.store.checkpoint(i64::MAX as u64)? else {
            checked.unknown("inclusion", "no head was signed yet");
            return Ok(None);
        };
        match verified(&noted.note, keys) {
            Ok(head) if head.size == noted.size => return Ok(Some(head)),
            Ok(_) => checked.broken("signature", At::Whole, "the newest head is kept as one of another size"),
            Err(error) => checked.broken("signature", At::Whole, format!("the newest head: {error}")),
        }
        Ok(None)
    }

    /// That a head only adds to what is held outside.
    fn check_held(
        &self,
        head: &Checkpoint,
        keys: &[Public],
        held: &Held,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        for (name, note) in &held.checkpoints {
            let old = match verified(note, keys) {
                Ok(old) if old.size <= head.size => old,
                Ok(old) => {
                    let words = format!(
                        "{name} is over {} entries, the newest head here over {}: entries were taken away",
                        old.size, head.size
                    );
                    checked.broken("rollback", At::Whole, words);
                    continue;
                }
                Err(error) => {
                    checked.broken("held", At::Whole, format!("{name}: {error}"));
                    continue;
                }
            };
            let shown = self.store.consistency(old.size, head.size)?;
            match is_consistent((old.size, &old.root), (head.size, &head.root), &shown) {
                true => checked
                    .holds("history", format!("the log only adds to {name}, over {} entries", old.size)),
                false => checked.broken(
                    "history",
                    At::Leaves(0, old.size),
                    format!("{name} is over other entries than stand here"),
                ),
            }
        }
        Ok(())
    }
}
