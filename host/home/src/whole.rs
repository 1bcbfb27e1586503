//! Checking the whole home: every entry read once, in the order of the log, and the tree worked out from them alone; held
//! against every signed head, every kept subtree, every run's end, and everything entries name. An entry that is changed,
//! a run that is deleted and a tail that is cut off differ from one of these. What no head was signed over yet, what went together
//! with every head over it and the note of how far was signed, and what was signed anew with the log's key, only somebody outside
//! can tell.

use crate::checked::{At, Checked, FORKED, Held, check_row, shorter, verified};
use crate::course::Course;
use crate::error::HomeError;
use crate::gone::Gone;
use crate::home::Home;
use crate::names::{self, Kept, Names};
use crate::notary::taken_away;
use kapell_journal::chain;
use kapell_journal::entry::{Body, Entry};
use kapell_journal::fold::RunState;
use kapell_journal::note::Public;
use kapell_journal::seam::{Head, RunRow};
use kapell_journal::tree::{self, Growing, TILE};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_store::{Beside, StoredEntry};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Entries that are read at once.
const PAGE: u64 = 4096;

/// What a run's entries come to so far.
enum Fold {
    Going(Box<RunState>, Vec<Entry>),
    /// It is over; what its row must say.
    Over(RunRow),
    /// An entry did not follow, which was told.
    Lost,
}

/// The place of a kept subtree and its root; none where none can be.
fn subtree(level: i64, place: i64, hash: &[u8]) -> Option<((u32, u64), Digest)> {
    let level = u32::try_from(level).ok().filter(|level| (1..=7).contains(level))?;
    Some(((level, place.try_into().ok()?), Digest::from_bytes(hash.try_into().ok()?)))
}

/// Why contents of a run that is over may not be let go by this entry.
fn dropped_too_soon(row: &RunRow, entry: &Entry) -> Option<String> {
    let Body::ContentsDropped(dropped) = &entry.body else { return None };
    match () {
        () if !row.kept => Some("its contents were let go already".into()),
        () if entry.at < row.changed.after(dropped.kept) => {
            Some("it lets contents go before their time".into())
        }
        () => None,
    }
}

/// What is known while the log is read.
struct Reading<'b> {
    checked: Checked,
    tree: Growing,
    /// Kept subtrees by level and place; taken out as they are borne out.
    subtrees: HashMap<(u32, u64), Digest>,
    /// Signed heads by size, each with how it is told.
    heads: BTreeMap<u64, Vec<(String, Digest)>>,
    /// The names of those that only somebody outside has.
    outside: BTreeSet<String>,
    /// The last size at which leaves and heads agreed, and whether they parted after it.
    agreed: u64,
    parted: bool,
    /// How many entries the newest head that is kept here is over.
    newest: Option<u64>,
    ends: HashMap<RunId, Head>,
    folds: HashMap<RunId, Fold>,
    /// All entries of runs that are over and were not held against their plans yet.
    over: Vec<Vec<Entry>>,
    names: Names,
    gone: Gone,
    /// The first entry that names something.
    by: HashMap<(Kept, Digest), (RunId, u64)>,
    beside: &'b Beside,
}

impl Home {
    /// Checks everything a home keeps of what happened. `seen` is told how many entries of how many were read.
    ///
    /// # Errors
    /// When the store or the key can't be read. What does not hold is no error but what is told.
    pub fn check_whole(&self, held: &Held, mut seen: impl FnMut(u64, u64)) -> Result<Checked, HomeError> {
        let beside = self.store.beside()?;
        let about = format!("the home {}", self.place.folder().display());
        let mut reading = Reading::new(Checked { about, ..Checked::default() }, &beside, held);
        let shown = self.log.beside()?;
        if beside.is_empty() && held.checkpoints.is_empty() && shown.is_none() {
            reading.checked.holds("log", "it has no entries yet");
            return Ok(reading.checked);
        }
        let keys = self.check_keys(held, &mut reading.checked)?;
        reading.sign(&keys, shown, held);
        reading.signed();
        let mut course = Course::default();
        for begin in (0..beside.size).step_by(PAGE as usize) {
            let end = beside.size.min(begin + PAGE);
            let page = self.store.entries_between(begin, end)?;
            reading.page(begin, end, &page);
            self.check_courses(reading.take_over(), &mut course, &mut reading.checked)?;
            seen(end, beside.size);
        }
        self.check_courses(reading.take_going(), &mut course, &mut reading.checked)?;
        course.tell(&mut reading.checked);
        reading.log();
        reading.runs();
        let (names, by) = (std::mem::take(&mut reading.names), std::mem::take(&mut reading.by));
        let at = |name: &(Kept, Digest)| {
            by.get(name).map_or(At::Whole, |(run, seq)| At::Entry(run.clone(), *seq, None))
        };
        let mut gone = std::mem::take(&mut reading.gone);
        self.check_names(names, &mut gone, at, &mut reading.checked)?;
        reading.checked.limits(held);
        Ok(reading.checked)
    }
}

impl<'b> Reading<'b> {
    fn new(mut checked: Checked, beside: &'b Beside, held: &Held) -> Self {
        let mut subtrees = HashMap::new();
        for (level, place, hash) in &beside.subtrees {
            match subtree(*level, *place, hash) {
                Some((at, root)) => drop(subtrees.insert(at, root)),
                None => checked.broken(
                    "subtree",
                    At::Whole,
                    format!("one is kept at level {level}, place {place}, where none can be"),
                ),
            }
        }
        Self {
            checked,
            tree: Growing::default(),
            subtrees,
            heads: BTreeMap::new(),
            outside: held.checkpoints.iter().map(|(name, _)| name.clone()).collect(),
            agreed: 0,
            parted: false,
            newest: beside.checkpoints.last().map(|noted| noted.size),
            ends: HashMap::new(),
            folds: HashMap::new(),
            over: Vec::new(),
            names: Names::new(),
            gone: Gone::default(),
            by: HashMap::new(),
            beside,
        }
    }

    /// Checks the signatures of all heads, kept here and outside.
    fn sign(&mut self, keys: &[Public], shown: Option<String>, held: &Held) {
        let kept = self.beside.checkpoints.iter().map(|noted| {
            (format!("the head signed over {} entries", noted.size), noted.note.as_str(), Some(noted.size))
        });
        let outside = held.checkpoints.iter().map(|(name, note)| (name.clone(), note.as_str(), None));
        // It is one of those that are kept here, unless those were lost together with what they were signed over.
        let lost = |note: &&str| self.beside.checkpoints.iter().all(|noted| noted.note != **note);
        let shown = shown.as_deref().filter(lost).map(|note| ("the head in log.head".to_owned(), note, None));
        let here = self.beside.checkpoints.len() + usize::from(shown.is_some());
        for (number, (name, note, size)) in kept.chain(shown).chain(outside).enumerate() {
            match verified(note, keys) {
                Ok(head) if size.is_none_or(|size| size == head.size) => {
                    self.newest = self.newest.max(Some(head.size).filter(|_| number < here));
                    self.heads.entry(head.size).or_default().push((name, head.root));
                }
                Ok(_) => self.checked.broken("signature", At::Whole, format!("{name} is of another size")),
                Err(error) => self.checked.broken("signature", At::Whole, format!("{name}: {error}")),
            }
        }
    }

    /// The next entries; those that are not there are told.
    fn page(&mut self, begin: u64, end: u64, page: &[StoredEntry]) {
        let mut next = begin;
        for entry in page {
            self.missing(next, entry.leaf);
            next = entry.leaf + 1;
            self.entry(entry);
        }
        self.missing(next, end);
    }

    /// Leaves that are not there. Whatever comes after them can't be held against a head any more.
    fn missing(&mut self, from: u64, to: u64) {
        if from < to {
            self.parted = true;
            self.checked.broken("log", At::Leaves(from, to), "not there any more: entries were deleted");
        }
    }

    fn entry(&mut self, stored: &StoredEntry) {
        self.checked.entries += 1;
        let end = self.ends.entry(stored.run.clone()).or_insert_with(|| chain::genesis(0));
        let at = || At::Entry(stored.run.clone(), stored.seq, Some(stored.leaf));
        let followed = chain::follow(&stored.run, end, &stored.bytes);
        let takes_away = |body: &Body| matches!(body, Body::PrivateErased(_) | Body::ContentsDropped(_));
        let takes_away = followed.as_ref().is_ok_and(|entry| takes_away(&entry.body));
        if !takes_away && matches!(self.folds.get(&stored.run), Some(Fold::Over(_))) {
            self.checked.broken("chain", at(), "comes after the end of its run");
        }
        match followed {
            Ok(entry) => self.follows(stored, entry),
            Err(error) => {
                let (said, named) = (error.to_string(), format!(" of {} ", stored.run));
                let words = said.split_once(&named).map_or(said.as_str(), |(_, words)| words);
                self.checked.broken("chain", at(), words);
                if !matches!(self.folds.get(&stored.run), Some(Fold::Over(_))) {
                    self.folds.insert(stored.run.clone(), Fold::Lost);
                }
                // From here on by what the row says, so that one fault is told once.
                *end = Head { seq: stored.seq, ..*end };
            }
        }
        if !self.parted || self.tree.size() == stored.leaf {
            self.grow(&stored.bytes);
        }
    }

    /// What an entry that follows the one before it says beside that.
    fn follows(&mut self, stored: &StoredEntry, entry: Entry) {
        let at = |seq: u64| At::Entry(stored.run.clone(), seq, Some(stored.leaf));
        if entry.seq != stored.seq {
            let words = format!("its row says that it is number {}", stored.seq);
            self.checked.broken("chain", at(entry.seq), words);
        }
        let mut named = Names::new();
        names::of_entry(&entry, &mut named);
        self.gone.note(&entry, &named);
        if let Some(why) = self.fold(entry) {
            self.checked.broken("fold", at(stored.seq), why);
        }
        for (name, must) in named {
            self.by.entry(name).or_insert_with(|| (stored.run.clone(), stored.seq));
            *self.names.entry(name).or_default() |= must;
        }
    }

    /// What keeps an entry from following from what happened before in its run; a run that does not fold is let be.
    fn fold(&mut self, entry: Entry) -> Option<String> {
        let fold = self.folds.entry(entry.run.clone()).or_insert(Fold::Lost);
        let (state, mut entries) = match std::mem::replace(fold, Fold::Lost) {
            Fold::Over(mut row) => {
                let why = dropped_too_soon(&row, &entry);
                row.kept &= !matches!(entry.body, Body::ContentsDropped(_));
                *fold = Fold::Over(row);
                return why;
            }
            Fold::Going(mut state, entries) => {
                (state.apply(&entry).map(|()| *state).map_err(|error| error.why), entries)
            }
            Fold::Lost if entry.seq > 1 => return None,
            Fold::Lost => (RunState::begin(&entry).ok_or_else(|| "is no beginning".into()), Vec::new()),
        };
        entries.push(entry);
        match state {
            Ok(state) if state.ended.is_some() => {
                *fold = Fold::Over(state.row());
                self.over.push(entries);
            }
            Ok(state) => *fold = Fold::Going(Box::new(state), entries),
            Err(why) => return Some(format!("does not follow from what was before: {why}")),
        }
        None
    }

    fn take_over(&mut self) -> Vec<Vec<Entry>> {
        std::mem::take(&mut self.over)
    }

    /// The runs that are not over, in the order of their ids.
    fn take_going(&mut self) -> Vec<Vec<Entry>> {
        let going = self.folds.values_mut().filter_map(|fold| match fold {
            Fold::Going(_, entries) => Some(std::mem::take(entries)),
            Fold::Over(_) | Fold::Lost => None,
        });
        let mut going: Vec<_> = going.collect();
        going.sort_by(|one, other| one.first().map(|it| &it.run).cmp(&other.first().map(|it| &it.run)));
        going
    }

    fn grow(&mut self, bytes: &[u8]) {
        let (size, mut other) = (self.tree.size() + 1, None);
        let subtrees = &mut self.subtrees;
        self.tree.push(tree::leaf(bytes), |leaves, root| {
            let level = leaves.ilog2() / TILE.ilog2();
            if leaves == TILE.pow(level)
                && let Some(kept) = subtrees.remove(&(level, size / leaves - 1))
                && kept != *root
            {
                other = Some((size - leaves, size));
            }
        });
        if let Some((from, to)) = other {
            let words = "the subtree that is kept of them is of other entries";
            self.checked.broken("subtree", At::Leaves(from, to), words);
        }
        self.signed();
    }

    /// What is signed of the log at this size must be so.
    fn signed(&mut self) {
        let Some(heads) = self.heads.remove(&self.tree.size()) else { return };
        let (root, before) = (self.tree.root(), self.agreed);
        let stands = heads.iter().any(|(_, signed)| *signed == root);
        for (name, signed) in heads {
            let leaves = At::Leaves(before, self.tree.size());
            if signed == root {
                self.agreed = self.tree.size();
            } else if stands {
                let words = format!("{name} and another head{FORKED}");
                self.checked.broken("fork", leaves, words);
            } else if !self.parted {
                self.parted = true;
                self.checked.broken("log", leaves, format!("{name} is over other entries than stand here"));
            }
        }
    }

    /// What is left to say of the log once every entry was read.
    fn log(&mut self) {
        let size = self.beside.size;
        for (over, heads) in std::mem::take(&mut self.heads).into_iter().filter(|(over, _)| *over > size) {
            for (name, _) in heads {
                let (what, words) = match self.outside.contains(&name) {
                    true => ("rollback or fork", format!("{name} is over {over} entries, {}", shorter(size))),
                    false => (
                        "rollback",
                        format!("{name} is over more entries than there are: the last were taken away"),
                    ),
                };
                self.checked.broken(what, At::Leaves(size, over), words);
            }
        }
        for ((level, place), _) in self.subtrees.drain().filter(|_| !self.parted) {
            let leaves = TILE.saturating_pow(level);
            let at = At::Leaves(place.saturating_mul(leaves), place.saturating_add(1).saturating_mul(leaves));
            self.checked.broken("subtree", at, "a subtree is kept of entries that are not there");
        }
        if self.newest < Some(self.beside.signed).filter(|signed| *signed > 0) {
            let words = taken_away(self.beside.signed, self.newest);
            self.checked.broken("heads", At::Whole, words);
        }
        let signed = self.beside.checkpoints.len();
        if self.checked.broken.is_empty() {
            self.checked.holds("log", format!("{size} entries, without a gap; the tree over them is what each of {signed} signed heads says"));
        }
        if self.agreed < size && !self.parted {
            self.checked.unknown(
                "log",
                format!("the last {}: they are under no signed head yet", size - self.agreed),
            );
        }
    }

    /// Each run ends where its row says.
    fn runs(&mut self) {
        let faults = self.checked.broken.len();
        for stored in &self.beside.runs {
            let (run, Head { seq, hash, epoch }) = (&stored.row.run, &stored.head);
            let words = match self.ends.remove(run) {
                Some(end) if (end.seq, end.hash) == (*seq, *hash) && end.epoch > *epoch => {
                    format!("its row goes back to owner {epoch}, its last entry is of {}", end.epoch)
                }
                Some(end) if (end.seq, end.hash) == (*seq, *hash) => {
                    match self.folds.get(run) {
                        Some(Fold::Going(state, _)) => check_row(&state.row(), stored, &mut self.checked),
                        Some(Fold::Over(row)) => check_row(row, stored, &mut self.checked),
                        Some(Fold::Lost) | None => {}
                    }
                    continue;
                }
                Some(end) => format!(
                    "its last entry is {}, its row names {seq} or another one of that number",
                    end.seq
                ),
                None => "it has a row and no entries".into(),
            };
            self.checked.broken("runs", At::Entry(run.clone(), *seq, None), words);
        }
        for run in std::mem::take(&mut self.ends).into_keys() {
            self.checked.broken("runs", At::Entry(run, 1, None), "it has entries and no row");
        }
        if self.checked.broken.is_empty() && faults == 0 {
            self.checked.holds(
                "runs",
                format!(
                    "{} chains, each ending where its run's row says, and as it says",
                    self.beside.runs.len()
                ),
            );
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use kapell_journal::chain::{genesis, seal};
    use kapell_journal::entry::ContentsDropped;
    use kapell_model::quantity::{Span, Timestamp};
    use std::collections::BTreeSet;

    #[test]
    fn contents_that_were_let_go_too_soon_or_twice_are_told() {
        let zero = Digest::from_bytes([0; 32]);
        let row = |kept| RunRow {
            run: "demo-1".parse().unwrap(),
            flow: "demo".parse().unwrap(),
            state: "done".into(),
            over: true,
            started: Timestamp(1),
            changed: Timestamp(10),
            due: None,
            line: None,
            kept,
        };
        let dropped = |at| {
            let (commitments, digests) = (BTreeSet::new(), BTreeSet::from([zero]));
            let body =
                Body::ContentsDropped(ContentsDropped { commitments, digests, kept: Span(5), policy: zero });
            (**seal(&row(true).run, &mut genesis(1), Timestamp(at), body).unwrap().entry()).clone()
        };
        assert_eq!(dropped_too_soon(&row(true), &dropped(15)), None);
        let soon = dropped_too_soon(&row(true), &dropped(14)).unwrap();
        assert_eq!(soon, "it lets contents go before their time");
        let twice = dropped_too_soon(&row(false), &dropped(15)).unwrap();
        assert_eq!(twice, "its contents were let go already");
    }
}
