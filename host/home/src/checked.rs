//! Checking what a home has against itself: whether a run is what its entries, their names and the signed heads say. What
//! is found is told in three parts: what holds, what does not and where, what can't be known.

use crate::course::Course;
use crate::error::{HomeError, Kind};
use crate::gone::Gone;
use crate::home::Home;
use crate::keys::LogKey;
use crate::names::{self, Kept, Names};
use crate::notary::taken_away;
use kapell_journal::checkpoint::Checkpoint;
use kapell_journal::entry::Entry;
use kapell_journal::fold::RunState;
use kapell_journal::note::{NoteError, Public};
use kapell_journal::seam::{Journals as _, RunRow};
use kapell_journal::tree::{self, is_consistent, is_included};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_store::{Components as _, StoredEntry, StoredRun};
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

/// What two signed heads of one size show that differ.
pub(crate) const FORKED: &str =
    " are both signed, over as many entries, and differ: the log was shown in two versions";

/// What a smaller log than one somebody holds a head of can't tell.
pub(crate) fn shorter(size: u64) -> String {
    format!(
        "the log here over {size}: either its last entries were taken away, or it is another history than that one; \
         only what has all of them shows which"
    )
}

/// Entries of a run and that they stand somewhere.
fn numbered(entries: &[StoredEntry]) -> String {
    match entries {
        [] => "none of this run stands".into(),
        [one] => format!("entry {} stands", one.seq),
        [first, .., last] => format!("entries {} to {} stand", first.seq, last.seq),
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
            let words = "whoever may write to the home could have taken heads away, back to any older one or all of them, and \
                written anew whatever came after, which the host itself then signs; whoever holds the log's key could have written \
                another history from the beginning; only a checkpoint that somebody outside kept shows that, given with --checkpoint";
            self.unknown("history", words);
        }
        self.unknown("truth", "that the host told the truth when it wrote, and that its clock was right");
    }
}

/// Adds what `bytes` names to what is still to be looked at, as far as they can be read.
fn name_within(
    (kept, by): (Kept, &Digest),
    bytes: &[u8],
    named: &mut Names,
    gone: &mut Gone,
) -> Result<(), HomeError> {
    let mut nested = Names::new();
    let read = names::within(kept, bytes, &mut nested);
    gone.keep(by, &nested);
    nested.into_iter().for_each(|(name, must)| *named.entry(name).or_default() |= must);
    read
}

fn tell_sound(checked: &mut Checked, sound: u64, private: u64) {
    checked.holds("contents", format!("{sound} blobs and components, each under its own digest"));
    if private > 0 {
        checked.holds("private", format!("{private} private contents, each what its commitment is of"));
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
                self.check_names(named, &mut gone, |_| At::Whole, &mut checked)?;
                self.check_entries(run, entries, &mut checked)?;
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

    /// That a run's entries fold, follow from its plan, and come to what its row says.
    pub(crate) fn check_entries(
        &self,
        run: &RunId,
        entries: Vec<Entry>,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let (state, row) = (RunState::fold(run, &entries), self.store.stored_run(run)?);
        match (&state, row) {
            (Err(error), _) => checked.broken("fold", At::Whole, error.to_string()),
            (Ok(state), Some(stored)) => check_row(&state.row(), &stored, checked),
            (Ok(_), None) => checked.broken("runs", At::Whole, "it has entries and no row"),
        }
        if state.is_ok() {
            let mut course = Course::default();
            self.check_course(entries, &mut course, checked)?;
            course.tell(checked);
        }
        Ok(())
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
        let all = self.log.keys.all()?;
        let since = all.last();
        for anew in all.iter().filter_map(|key| Some((key, key.anew.as_ref()?))) {
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
            (None, Some(key)) => {
                let words = format!(
                    "whether {key}, which this home names, is the one to trust{}: compare it with the one you were given, or give that with --key",
                    since
                        .map(|since| format!(" (since {}, {} entries)", since.at, since.size))
                        .unwrap_or_default()
                );
                checked.unknown("key", words);
            }
            (None, None) => {}
        }
        Ok(keys)
    }

    /// What is kept under a digest or a commitment, held against it; none where nobody has it, or a run that must.
    fn kept_bytes(
        &self,
        (kept, digest): (Kept, &Digest),
        gone: &Gone,
    ) -> Result<Option<Arc<[u8]>>, HomeError> {
        let mut found = None;
        match kept {
            Kept::Told | Kept::Private => {
                found = self.store.private(digest)?.map(|content| Arc::clone(content.bytes()));
            }
            Kept::Component => found = Some(self.store.component(digest)?),
            // All runs share them.
            Kept::Plan | Kept::Tariff => found = self.kept_by(&gone.keepers(digest), digest)?,
            Kept::Crossings | Kept::Blob => {
                for (nth, (run, must)) in gone.keepers(digest).into_iter().enumerate() {
                    match self.store.blob(&run, digest)? {
                        None if must && self.keeps_contents(&run)? => return Ok(None),
                        kept => found = kept.or(found),
                    }
                    // What all share is there for all, and need not be read for each.
                    if nth == 0 && found.is_some() && !self.store.keeps_itself(&run, digest)? {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether a run keeps its contents now: another process may let them go while this one reads.
    fn keeps_contents(&self, run: &RunId) -> Result<bool, HomeError> {
        Ok(self.store.stored_run(run)?.is_none_or(|stored| stored.row.kept))
    }

    /// Whether something must be there. What is a run's own must be with one that keeps it and has to, whatever others did
    /// that let it go.
    pub(crate) fn must_keep(&self, (kept, digest): (Kept, &Digest), gone: &Gone) -> Result<bool, HomeError> {
        if !matches!(kept, Kept::Crossings | Kept::Blob) {
            return Ok(true);
        }
        for (run, must) in gone.keepers(digest) {
            if must && self.keeps_contents(&run)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What some of these runs keep.
    pub(crate) fn kept_by(
        &self,
        runs: &[(RunId, bool)],
        digest: &Digest,
    ) -> Result<Option<Arc<[u8]>>, HomeError> {
        for (run, _) in runs {
            if let Some(bytes) = self.store.blob(run, digest)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Whether something is still there that whoever had it says it is not.
    fn is_left(&self, (kept, digest): (Kept, &Digest), gone: &Gone) -> Result<bool, HomeError> {
        if kept.is_private() {
            return Ok(gone.how(kept, digest).is_some() && self.store.private(digest)?.is_some());
        }
        let runs = gone.let_go_by(digest);
        for run in &runs {
            if self.store.keeps_itself(run, digest)? {
                return Ok(true);
            }
        }
        Ok(!runs.is_empty() && self.store.is_left_over(digest)?)
    }

    /// Everything that is named, read back under its digest from each run that keeps it.
    pub(crate) fn check_names(
        &self,
        mut named: Names,
        gone: &mut Gone,
        at: impl Fn(&(Kept, Digest)) -> At,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let (mut sound, mut private, faults) = (0_u64, 0_u64, checked.broken.len());
        while let Some((name, must)) = named.pop_first() {
            let (kept, digest) = name;
            let how = gone.how(kept, &digest);
            let looked = match self.is_left((kept, &digest), gone) {
                Ok(true) => {
                    let how = how.unwrap_or("dropped");
                    checked.broken("erased", at(&name), format!("{digest} was {how} and is still kept"));
                    continue;
                }
                Ok(false) => self.kept_bytes((kept, &digest), gone),
                Err(error) => Err(error),
            };
            match looked {
                Ok(Some(bytes)) => {
                    *(if kept.is_private() { &mut private } else { &mut sound }) += 1;
                    let read = name_within((kept, &digest), &bytes, &mut named, gone);
                    read.unwrap_or_else(|error| checked.broken("contents", at(&name), error.message));
                }
                Ok(None) if how.is_some() || !must || !self.must_keep((kept, &digest), gone)? => {}
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
            tell_sound(checked, sound, private);
        }
        gone.tell(checked);
        Ok(())
    }

    /// That each entry stands under the newest head that was signed, and that this only adds to what is held outside.
    pub(crate) fn check_inclusion(
        &self,
        run: &RunId,
        keys: &[Public],
        held: &Held,
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let Some(head) = self.newest_head(keys, checked)? else { return Ok(()) };
        let (size, entries) = (head.size, self.store.entries_within(run, head.size)?);
        let apart = match self.apart(&entries, &head) {
            Err(error) if error.kind == Kind::Integrity => {
                checked.broken("inclusion", At::Whole, error.message);
                return Ok(());
            }
            apart => apart?,
        };
        match apart.is_empty() {
            true => checked.holds(
                "inclusion",
                format!("{} of them stand in the log of {size} entries that is signed", entries.len()),
            ),
            false => self.locate(&entries, &apart, &head, keys, checked)?,
        }
        let later = checked.entries.saturating_sub(entries.len() as u64);
        if later > 0 {
            checked.unknown("inclusion", format!("the last {later}: they are under no signed head yet"));
        }
        self.check_held(&head, keys, held, checked)
    }

    /// Those of some entries that do not stand in the log a head is signed over.
    fn apart<'e>(
        &self,
        entries: &'e [StoredEntry],
        head: &Checkpoint,
    ) -> Result<Vec<&'e StoredEntry>, HomeError> {
        let leaves: Vec<u64> = entries.iter().map(|entry| entry.leaf).collect();
        let beside = self.store.inclusions(&leaves, head.size)?;
        let stands = |entry: &StoredEntry, beside: &[Digest]| {
            is_included(&tree::leaf(&entry.bytes), entry.leaf, head.size, beside, &head.root)
        };
        let all = entries.iter().zip(beside);
        Ok(all.filter(|(entry, beside)| !stands(entry, beside)).map(|(entry, _)| entry).collect())
    }

    /// Says where a run parts from what was signed: between the greatest head that still holds and the next one; entry by
    /// entry where every head does, because only what is kept of their subtrees is otherwise.
    fn locate(
        &self,
        entries: &[StoredEntry],
        apart: &[&StoredEntry],
        newest: &Checkpoint,
        keys: &[Public],
        checked: &mut Checked,
    ) -> Result<(), HomeError> {
        let Some((before, next)) = self.parting(keys)? else {
            let words = format!("does not stand in the log of {} entries that is signed", newest.size);
            for entry in apart {
                let at = At::Entry(entry.run.clone(), entry.seq, Some(entry.leaf));
                checked.broken("inclusion", at, words.clone());
            }
            return Ok(());
        };
        let from = before.as_ref().map_or(0, |head| head.size);
        let (early, rest) = entries.split_at(entries.partition_point(|entry| entry.leaf < from));
        let (among, late) = rest.split_at(rest.partition_point(|entry| entry.leaf < next.size));
        let words = format!(
            "the head signed over {} entries is over other entries than stand here; {} among them",
            next.size,
            numbered(among)
        );
        checked.broken("inclusion", At::Leaves(from, next.size), words);
        if let Some(head) = before.filter(|_| !early.is_empty())
            && self.apart(early, &head)?.is_empty()
        {
            let words = format!("{} in the log of {from} entries that is signed", numbered(early));
            checked.holds("inclusion", words);
        }
        if !late.is_empty() {
            let words =
                format!("whether {} where they were: they come after what is otherwise", numbered(late));
            checked.unknown("inclusion", words);
        }
        Ok(())
    }

    /// The greatest head that is over what stands here, and the next one, which is not; none where all are.
    fn parting(&self, keys: &[Public]) -> Result<Option<(Option<Checkpoint>, Checkpoint)>, HomeError> {
        let kept = self.store.checkpoints()?.into_iter().map(|noted| noted.note);
        let mut heads: Vec<Checkpoint> =
            kept.chain(self.log.beside()?).filter_map(|note| verified(&note, keys).ok()).collect();
        heads.sort_by_key(|head| head.size);
        let mut before = None;
        for head in heads {
            let root = match self.store.tree_root(head.size).map_err(HomeError::from) {
                Err(error) if error.kind == Kind::Integrity => None,
                root => root?,
            };
            if root != Some(head.root) {
                return Ok(Some((before, head)));
            }
            before = Some(head);
        }
        Ok(None)
    }

    /// The newest head, in the database or beside it, where one was signed and still says what it is kept as.
    fn newest_head(&self, keys: &[Public], checked: &mut Checked) -> Result<Option<Checkpoint>, HomeError> {
        // In this order, as where one is signed.
        let (signed, beside) = (self.store.signed()?, self.log.beside()?);
        let kept = self.store.checkpoint(i64::MAX as u64)?;
        let beside = beside.filter(|note| kept.as_ref().is_none_or(|kept| kept.note != *note));
        let beside = beside.map(|note| ("the head in log.head", note, None));
        let kept = kept.map(|noted| ("the newest head", noted.note, Some(noted.size)));
        let (mut newest, faults): (Option<Checkpoint>, _) = (None, checked.broken.len());
        for (name, note, size) in kept.into_iter().chain(beside) {
            match verified(&note, keys) {
                Ok(head) if size.is_some_and(|size| size != head.size) => {
                    checked.broken("signature", At::Whole, format!("{name} is kept as one of another size"));
                }
                Ok(head) if newest.as_ref().is_some_and(|newest| newest.size >= head.size) => {}
                Ok(head) => newest = Some(head),
                Err(error) => checked.broken("signature", At::Whole, format!("{name}: {error}")),
            }
        }
        let over = newest.as_ref().map(|head| head.size);
        match over {
            _ if checked.broken.len() > faults => {}
            _ if over.unwrap_or_default() < signed => {
                checked.broken("heads", At::Whole, taken_away(signed, over));
            }
            None => checked.unknown("inclusion", "no head was signed yet"),
            Some(_) => {}
        }
        Ok(newest)
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
                    let words = format!("{name} is over {} entries, {}", old.size, shorter(head.size));
                    checked.broken("rollback or fork", At::Whole, words);
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
                false if old.size == head.size => {
                    checked.broken("fork", At::Whole, format!("{name} and the newest head here{FORKED}"));
                }
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
