//! Checking what a home has against itself: whether a run is what its entries, their names and the signed heads say. What
//! is found is told in three parts: what holds, what does not and where, what can't be known.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::names::{self, Kept, Names};
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::note::Public;
use kapell_journal::seam::Journals as _;
use kapell_journal::tree::{self, is_consistent, is_included};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_store::Components as _;

/// What somebody outside was given earlier: what a home can't have changed.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The log's key.
    pub key: Option<Public>,
    /// Checkpoints, each with the name it is told by.
    pub checkpoints: Vec<(String, String)>,
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
                let mut named = Names::new();
                for entry in &entries {
                    names::of_entry(entry, &mut named);
                }
                self.check_names(named, |_| At::Whole, &mut checked)?;
            }
        }
        let key = self.check_key(held, &mut checked)?;
        if let Some(key) = key {
            self.check_inclusion(run, &key, held, &mut checked)?;
        }
        checked.unknown(
            "others",
            "anything of other runs, such as whether one was deleted: `kapell verify` of the home shows that",
        );
        checked.limits(held);
        Ok(checked)
    }

    /// The log's key, if there is one; held against the one that was given.
    pub(crate) fn check_key(&self, held: &Held, checked: &mut Checked) -> Result<Option<Public>, HomeError> {
        let Some(key) = self.log.made()? else {
            checked.broken(
                "key",
                At::Whole,
                "there is no log.key: no signed head can be checked, and none made",
            );
            return Ok(held.key.clone());
        };
        match &held.key {
            Some(given) if *given == key => checked.holds("key", format!("{key} is the one you hold")),
            Some(given) => {
                checked.broken("key", At::Whole, format!("the home's is {key}, you hold {given}"));
                return Ok(held.key.clone());
            }
            None => {}
        }
        Ok(Some(key))
    }

    /// Everything that is named, read back under its digest.
    pub(crate) fn check_names(
        &self,
        mut named: Names,
        at: impl Fn(&(Kept, Digest)) -> At,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let (mut sound, faults) = (0_u64, checked.broken.len());
        while let Some((name, must)) = named.pop_first() {
            let (kept, digest) = name;
            let read = match kept {
                Kept::Component => self.store.component(&digest).map(Some).map_err(HomeError::from),
                _ => self.store.blob(&digest).map_err(HomeError::from),
            };
            match read {
                Ok(Some(bytes)) => {
                    sound += 1;
                    let read = names::within(kept, &bytes, &mut named);
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
        }
        Ok(())
    }

    /// That each entry stands under the newest head that was signed, and that this only adds to what is held outside.
    fn check_inclusion(
        &self,
        run: &RunId,
        key: &Public,
        held: &Held,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let Some(head) = self.newest_head(key, checked)? else { return Ok(()) };
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
        self.check_held(&head, key, held, checked)
    }

    /// The newest head, where one was signed and still says what it is kept as.
    fn newest_head(&self, key: &Public, checked: &mut Checked) -> Result<Option<Checkpoint>, HomeError> {
        let Some(noted) = self.store.checkpoint(i64::MAX as u64)? else {
            checked.unknown("inclusion", "no head was signed yet");
            return Ok(None);
        };
        match Checkpoint::verified(&noted.note, key) {
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
        key: &Public,
        held: &Held,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        for (name, note) in &held.checkpoints {
            let old = match Checkpoint::verified(note, key) {
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
