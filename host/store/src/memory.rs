//! The store in memory, for tests and for runs nobody wants kept: the same promises but the one of surviving.
//!
//! Written files are put in their place on the disk all the same; that is what they are.

use crate::error::{StoreError, unwritten};
use crate::owner::{OwnerLock, Registry};
use crate::skills::{Components, Installed, SkillEvent, Skills, What, arranged};
use crate::spending::hold;
use crate::{admit, placed, salt};
use kapell_journal::chain;
use kapell_journal::content::{Content, Salt};
use kapell_journal::entry::Entry;
use kapell_journal::seam::{About, Commit, Head, JournalError, Journals, Owner, RunRow};
use kapell_journal::spending::{self, Spending, Spent};
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, RunId, SkillName};
use kapell_model::quantity::Timestamp;
use kapell_model::seam::{HostFault, KeyvalueReads, Skill};
use kapell_model::writes::{FileWrite, HeldWrites, KeySeen};
use semver::Version;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store that ends with the process. A clone is another handle of the same store.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Inner>);

#[derive(Default)]
struct Inner {
    owners: Registry,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runs: HashMap<RunId, Run>,
    /// What all runs share.
    shared: HashMap<Digest, Arc<[u8]>>,
    /// By commitment, with the run they are of.
    private: HashMap<Digest, (RunId, Content)>,
    /// By namespace and key.
    keys: BTreeMap<(String, String), Versioned>,
    /// Files that could not be put in their place yet, by root and path.
    pending: BTreeMap<(String, String), (RunId, FileWrite)>,
    /// The runs that were begun for lines of batches.
    lines: HashMap<Digest, RunId>,
    numbers: HashMap<FlowName, u64>,
    spending: Spending,
    began: u64,
    skills: Vec<Installed>,
    events: Vec<SkillEvent>,
    components: HashMap<Digest, Arc<[u8]>>,
}

/// A value, none once it is deleted, and the version, which stays then.
type Versioned = (Option<Vec<u8>>, u64);

struct Run {
    head: Head,
    owner: Option<String>,
    entries: Vec<Arc<[u8]>>,
    /// What it keeps for itself.
    blobs: HashMap<Digest, Arc<[u8]>>,
    /// None until its first commit.
    row: Option<RunRow>,
    /// Which run of the store it is; of two that began in the same millisecond it says which is newer.
    nth: u64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new owner to claim runs with, alive as long as the value.
    #[must_use]
    pub fn new_owner(&self) -> OwnerLock {
        self.0.owners.add()
    }

    /// Every change is checked whole before it begins, so what a panic left behind is whole too.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journals for MemoryStore {
    fn next_id(&self, flow: &FlowName) -> Result<RunId, JournalError> {
        let mut state = self.state();
        let number = state.numbers.entry(flow.clone()).or_default();
        *number += 1;
        format!("{flow}-{number}").parse().map_err(unwritten)
    }

    fn claim(&self, run: &RunId, owner: &Owner) -> Result<Head, JournalError> {
        let mut state = self.state();
        state.claim(run, owner, |other| self.0.owners.lives(other))
    }

    fn release(&self, run: &RunId, epoch: u64) -> Result<(), JournalError> {
        if let Some(run) = self.state().runs.get_mut(run).filter(|run| run.head.epoch == epoch) {
            run.owner = None;
        }
        Ok(())
    }

    async fn commit(&self, commit: Commit) -> Result<(), JournalError> {
        admit::check(&commit)?;
        let mut state = self.state();
        match commit.writes.files.is_empty() {
            true => state.append(commit),
            false => {
                let run = commit.run.clone();
                state.append(commit)?;
                state.place(&run)
            }
        }
    }

    fn place_pending(&self, run: &RunId) -> Result<(), JournalError> {
        self.state().place(run)
    }

    fn entries(&self, run: &RunId) -> Result<Vec<Entry>, JournalError> {
        let state = self.state();
        match state.runs.get(run) {
            Some(begun) if begun.row.is_some() => chain::verify(run, &begun.entries),
            _ => Err(JournalError::NotFound(run.clone())),
        }
    }

    fn claimed(&self) -> Result<u64, JournalError> {
        Ok(self.state().began)
    }

    fn stretch(&self, about: &About, numbers: RangeInclusive<u64>) -> Result<Vec<Vec<Entry>>, JournalError> {
        let state = self.state();
        let asked =
            |run: &&Run| numbers.contains(&run.nth) && run.row.as_ref().is_some_and(|row| about.is(row));
        let mut runs: Vec<(&RunId, &Run)> = state.runs.iter().filter(|(_, run)| asked(run)).collect();
        runs.sort_by_key(|(_, run)| Reverse(run.nth));
        runs.into_iter().map(|(id, run)| chain::verify(id, &run.entries)).collect()
    }

    fn blob(&self, run: &RunId, digest: &Digest) -> Result<Option<Arc<[u8]>>, JournalError> {
        let state = self.state();
        let own = state.runs.get(run).and_then(|run| run.blobs.get(digest));
        Ok(own.or_else(|| state.shared.get(digest)).cloned())
    }

    fn private(&self, commitment: &Digest) -> Result<Option<Content>, JournalError> {
        Ok(self.state().private.get(commitment).map(|(_, content)| content.clone()))
    }

    fn private_of(&self, run: &RunId) -> Result<BTreeSet<Digest>, JournalError> {
        let state = self.state();
        Ok(state.private.iter().filter(|(_, (of, _))| of == run).map(|(name, _)| *name).collect())
    }

    fn salt(&self) -> Result<Salt, JournalError> {
        salt()
    }

    fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        let state = self.state();
        let mut begun: Vec<_> =
            state.runs.values().filter_map(|run| Some((run.row.clone()?, run.nth))).collect();
        begun.sort_by_key(|(row, nth)| Reverse((row.started, *nth)));
        Ok(begun.into_iter().map(|(row, _)| row).collect())
    }

    fn runs_like(&self, beginning: &str, most: usize) -> Result<Vec<RunId>, JournalError> {
        let state = self.state();
        let begun = state.runs.iter().filter(|(_, run)| run.row.is_some()).map(|(run, _)| run);
        let mut like: Vec<RunId> = begun.filter(|run| run.as_str().starts_with(beginning)).cloned().collect();
        like.sort();
        like.truncate(most);
        Ok(like)
    }

    fn last_run(&self) -> Result<Option<RunId>, JournalError> {
        let state = self.state();
        let begun = state.runs.iter().filter(|(_, run)| run.row.is_some());
        Ok(begun.max_by_key(|(_, run)| run.nth).map(|(run, _)| run.clone()))
    }

    fn newest_runs(&self) -> Result<Vec<RunRow>, JournalError> {
        let state = self.state();
        let mut newest: BTreeMap<FlowName, (u64, RunRow)> = BTreeMap::new();
        for (nth, row) in state.runs.values().filter_map(|run| Some((run.nth, run.row.clone()?))) {
            let known = newest.entry(row.flow.clone()).or_insert_with(|| (nth, row.clone()));
            if known.0 < nth {
                *known = (nth, row);
            }
        }
        Ok(newest.into_values().map(|(_, row)| row).collect())
    }

    fn run_of_line(&self, line: &Digest) -> Result<Option<RunRow>, JournalError> {
        let state = self.state();
        let run = state.lines.get(line).and_then(|run| state.runs.get(run));
        Ok(run.and_then(|run| run.row.clone()))
    }

    fn spending(&self) -> Result<Vec<Spent>, JournalError> {
        let all = self.state().spending.clone().into_iter();
        Ok(all.map(|((flow, day, _), money)| Spent { flow, day, money }).collect())
    }

    fn due(&self, now: Timestamp) -> Result<Vec<RunId>, JournalError> {
        let state = self.state();
        let mut due: Vec<_> = state.runs.values().filter_map(|run| run.due_by(now)).collect();
        due.sort();
        Ok(due.into_iter().map(|(_, _, run)| run).collect())
    }

    fn over_by(&self, then: Timestamp) -> Result<Vec<RunId>, JournalError> {
        let state = self.state();
        let kept = |row: &&RunRow| row.over && row.kept && row.changed <= then;
        let runs = state.runs.values().filter_map(|run| Some((run.row.as_ref().filter(kept)?, run.nth)));
        let mut over: Vec<_> = runs.map(|(row, nth)| (row.changed, nth, row.run.clone())).collect();
        over.sort();
        Ok(over.into_iter().map(|(_, _, run)| run).collect())
    }

    /// What is let go was dropped with its commit.
    fn let_go(&self) -> Result<(), JournalError> {
        Ok(())
    }
}

impl Run {
    fn due_by(&self, now: Timestamp) -> Option<(Timestamp, u64, RunId)> {
        let row = self.row.as_ref().filter(|row| !row.over)?;
        let due = row.due.filter(|due| *due <= now)?;
        Some((due, self.nth, row.run.clone()))
    }
}

impl State {
    fn claim(
        &mut self,
        run: &RunId,
        owner: &Owner,
        lives: impl Fn(&str) -> bool,
    ) -> Result<Head, JournalError> {
        let Some(known) = self.runs.get_mut(run) else {
            let head = chain::genesis(1);
            let owner = Some(owner.id.clone());
            self.began += 1;
            let (entries, blobs, nth) = (Vec::new(), HashMap::new(), self.began);
            self.runs.insert(run.clone(), Run { head, owner, entries, blobs, row: None, nth });
            return Ok(head);
        };
        if known.owner.as_ref().is_some_and(|other| *other != owner.id && lives(other)) {
            return Err(JournalError::Owned(run.clone()));
        }
        known.owner = Some(owner.id.clone());
        known.head.epoch += 1;
        Ok(known.head)
    }

    fn append(&mut self, commit: Commit) -> Result<(), JournalError> {
        let moved = self.first_moved(&commit.writes).cloned();
        let run = self.runs.get_mut(&commit.run).filter(|run| run.head == commit.expected);
        let Some(run) = run else { return Err(JournalError::Fenced(commit.run)) };
        let line = commit.row.line.filter(|_| commit.expected.seq == 0);
        if let Some(other) = line.and_then(|line| self.lines.get(&line)) {
            return Err(JournalError::Begun(other.clone()));
        }
        if let Some(KeySeen { namespace, key, .. }) = moved {
            return Err(JournalError::Conflict { namespace, key });
        }
        if let Some(changed) = placed::first_changed(&commit.writes.files) {
            return Err(placed::conflict(changed));
        }
        let spending = charged(&self.spending, &commit)?;
        for sealed in &commit.entries {
            run.entries.push(Arc::clone(sealed.bytes()));
            run.head = Head { seq: sealed.entry().seq, hash: *sealed.hash(), ..run.head };
        }
        self.spending.extend(spending);
        run.row = Some(commit.row);
        self.lines.extend(line.map(|line| (line, commit.run.clone())));
        // Every step comes through here, and hardly any erases or lets go.
        if !commit.erased.is_empty() {
            self.private.retain(|name, (run, _)| *run != commit.run || !commit.erased.contains(name));
        }
        for content in commit.blobs {
            match content.salt() {
                Some(_) => drop(self.private.insert(*content.digest(), (commit.run.clone(), content))),
                None => run.blobs.extend([content.into_parts()]),
            }
        }
        self.shared.extend(commit.shared.into_iter().map(Content::into_parts));
        for name in &commit.dropped {
            run.blobs.remove(name);
        }
        self.write(&commit.run, commit.writes, commit.writes_private);
        Ok(())
    }

    fn first_moved<'a>(&self, writes: &'a HeldWrites) -> Option<&'a KeySeen> {
        let version = |seen: &KeySeen| match self.keys.get(&(seen.namespace.clone(), seen.key.clone())) {
            Some((Some(_), version)) => *version,
            _ => 0,
        };
        let mut seen = writes.seen.iter().filter(|_| !writes.keys.is_empty());
        seen.find(|seen| version(seen) != seen.version)
    }

    fn write(&mut self, run: &RunId, writes: HeldWrites, private: bool) {
        for key in writes.keys {
            let (value, version) = self.keys.entry((key.namespace, key.key)).or_default();
            *value = key.value;
            *version += 1;
        }
        for file in writes.files {
            let content = file.content.as_ref().filter(|_| !private);
            if let (Some(content), Some(keeper)) = (content, self.runs.get_mut(run)) {
                keeper.blobs.extend([Content::of(content.as_slice()).into_parts()]);
            }
            self.pending.insert((file.root.clone(), file.path.clone()), (run.clone(), file));
        }
    }

    /// Puts the run's files in their place; one that can't be stays pending.
    fn place(&mut self, run: &RunId) -> Result<(), JournalError> {
        let mut outcome = Ok(());
        self.pending.retain(|_, (owner, file)| {
            if owner != run {
                return true;
            }
            let placed = placed::place(&file.root, &file.path, file.content.as_deref());
            placed
                .map_err(|cause| outcome = Err(placed::unplaced(run, &file.root, &file.path, cause)))
                .is_err()
        });
        outcome
    }
}

/// What a commit changes of what its flow has spent, when that stays within its bounds.
fn charged(before: &Spending, commit: &Commit) -> Result<Spending, JournalError> {
    let flow = &commit.row.flow;
    let own = before.iter().filter(|((of, ..), _)| of == flow);
    let mut after: Spending = own.map(|(place, money)| (place.clone(), money.clone())).collect();
    for charge in &commit.charges {
        spending::add(&mut after, flow, charge).map_err(unwritten)?;
    }
    for bound in &commit.bounds {
        let within = after
            .iter()
            .filter(|((_, day, currency), _)| bound.days.contains(day) && *currency == bound.most.currency);
        hold(bound, &within.map(|(_, money)| money.clone()).collect::<Vec<_>>())?;
    }
    Ok(after)
}

impl KeyvalueReads for MemoryStore {
    fn get(&self, namespace: &str, key: &str) -> Result<Option<(Vec<u8>, u64)>, HostFault> {
        let state = self.state();
        let found = state.keys.get(&(namespace.into(), key.into()));
        Ok(found.and_then(|(value, version)| Some((value.clone()?, *version))))
    }

    fn keys(&self, namespace: &str, cursor: Option<&str>, limit: usize) -> Result<Vec<String>, HostFault> {
        let state = self.state();
        let from = (namespace.to_owned(), cursor.unwrap_or_default().to_owned());
        let there = state.keys.range(from..).take_while(|((space, _), _)| space == namespace);
        let after = there.filter(|((_, key), (value, _))| Some(key.as_str()) != cursor && value.is_some());
        Ok(after.map(|((_, key), _)| key.clone()).take(limit).collect())
    }
}

impl Skills for MemoryStore {
    fn put_skill(&self, skill: &Skill, source: &str, installed: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.components.contains_key(&skill.pin.component) {
            return Err(StoreError::NoComponent(skill.pin.component));
        }
        state.skills.retain(|known| known.skill.pin != skill.pin);
        let skill = Arc::new(skill.clone());
        state.skills.push(Installed { skill, source: source.into(), installed, in_use: false });
        Ok(())
    }

    fn use_skill(
        &self,
        name: &SkillName,
        version: &Version,
        at: Timestamp,
        by: &str,
    ) -> Result<SkillEvent, StoreError> {
        let mut state = self.state();
        let all = arranged(state.skills.clone(), &[]);
        let found = all.iter().rfind(|one| (&one.skill.pin.name, &one.skill.pin.version) == (name, version));
        let (name, version) = (name.clone(), version.clone());
        let Some(found) = found else { return Err(StoreError::NotInstalled { name, version }) };
        let pin = found.skill.pin.clone();
        let used = SkillEvent { what: What::InUse, pin, at, by: by.into(), why: None };
        state.events.push(used.clone());
        Ok(used)
    }

    fn record_event(&self, event: &SkillEvent) -> Result<(), StoreError> {
        self.state().events.push(event.clone());
        Ok(())
    }

    fn installed(&self) -> Result<Vec<Installed>, StoreError> {
        let state = self.state();
        Ok(arranged(state.skills.clone(), &state.events))
    }

    fn events(&self, name: &SkillName) -> Result<Vec<SkillEvent>, StoreError> {
        let state = self.state();
        Ok(state.events.iter().filter(|event| event.pin.name == *name).cloned().collect())
    }
}

impl Components for MemoryStore {
    fn put_component(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        self.state().components.insert(digest, bytes.into());
        Ok(digest)
    }

    fn component(&self, digest: &Digest) -> Result<Arc<[u8]>, StoreError> {
        self.state().components.get(digest).cloned().ok_or(StoreError::NoComponent(*digest))
    }
}
