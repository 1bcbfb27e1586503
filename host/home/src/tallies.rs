//! Tallies of a home's runs: what reports over many of them are made from.
//!
//! A journal is read a stretch of runs at a time by as many threads as there are cores, so that a million entries are a
//! matter of seconds and never in memory at once. Runs that can't matter are left out by their row before an entry is
//! read, and a thread reads each plan and tariff once, however many runs share it.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_journal::entry::{BlobRef, Body, Entry, RunStarted};
pub use kapell_journal::seam::About;
use kapell_journal::seam::Journals as _;
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::money::{PinnedTariff, Tariff};
use kapell_model::plan::Plan;
use kapell_model::quantity::Timestamp;
use kapell_report::tally::{Declared, Tally};
use std::collections::hash_map::{self, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, Scope};

/// How many runs are read at a time: enough that handing them over costs nothing, few enough to be small.
const STRETCH: u64 = 128;

/// How many stretches a thread may be ahead.
const AHEAD: usize = 2;

/// Plans and tariffs that were read.
#[derive(Default)]
struct Read {
    tariffs: HashMap<Digest, Arc<Tariff>>,
    plans: HashMap<Digest, Arc<Declared>>,
}

/// A tally, and the tariff it is priced by.
type Priced = (Tally, Arc<Tariff>);

impl Home {
    /// Hands over the tally of each run, newest first, with the tariff it is priced by; returns how many there were.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged; the first error of `take`.
    pub fn tallies(
        &self,
        about: &About,
        take: impl FnMut(Tally, &Tariff) -> Result<(), HomeError>,
    ) -> Result<u64, HomeError> {
        self.tallies_told(about, |_, _| {}, take)
    }

    /// The same, and says now and then how many of how many runs are behind, those that are left out too.
    ///
    /// # Errors
    /// As [`tallies`](Self::tallies).
    pub fn tallies_told(
        &self,
        about: &About,
        mut tell: impl FnMut(u64, u64),
        mut take: impl FnMut(Tally, &Tariff) -> Result<(), HomeError>,
    ) -> Result<u64, HomeError> {
        let (claimed, mut count) = (self.store.claimed()?, 0);
        let stretches = claimed.div_ceil(STRETCH);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(stretches.max(1) as usize);
        thread::scope(|scope| {
            let lanes: Vec<_> =
                (0..threads).map(|lane| self.lane(scope, about, claimed, (lane, threads))).collect();
            // Stretch by stretch from one lane after the other, which is the order of the journal.
            for (stretch, lane) in (0..stretches).zip(lanes.iter().cycle()) {
                let read =
                    lane.recv().unwrap_or_else(|_| Err(HomeError::new(Kind::Internal, "reading stopped")));
                for (tally, tariff) in read? {
                    count += 1;
                    take(tally, &tariff)?;
                }
                tell(((stretch + 1) * STRETCH).min(claimed), claimed);
            }
            Ok(count)
        })
    }

    /// A thread that tallies every `of`th stretch, beginning with its own. It ends with the first error, and when nobody
    /// listens any more.
    fn lane<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        about: &'env About,
        claimed: u64,
        (lane, of): (usize, usize),
    ) -> Receiver<Result<Vec<Priced>, HomeError>> {
        let (hand_over, handed_over) = sync_channel(AHEAD);
        scope.spawn(move || {
            let mut read = Read::default();
            for stretch in (0..claimed.div_ceil(STRETCH)).skip(lane).step_by(of) {
                let last = claimed - stretch * STRETCH;
                let tallied = self.stretch(&mut read, about, last.saturating_sub(STRETCH - 1).max(1)..=last);
                let failed = tallied.is_err();
                if hand_over.send(tallied).is_err() || failed {
                    return;
                }
            }
        });
        handed_over
    }

    fn stretch(
        &self,
        read: &mut Read,
        about: &About,
        numbers: std::ops::RangeInclusive<u64>,
    ) -> Result<Vec<Priced>, HomeError> {
        let runs = self.store.stretch(about, numbers)?;
        runs.iter().map(|entries| self.priced(read, about, entries)).collect()
    }

    fn priced(&self, read: &mut Read, about: &About, entries: &[Entry]) -> Result<Priced, HomeError> {
        let (run, started) = begun(entries)?;
        let (tariff, declared) = self.pinned(read, run, started)?;
        let tally = Tally::of(run, entries, &tariff, declared, &|named| self.value(run, named));
        let mut tally = tally.map_err(|cause| HomeError::new(Kind::Integrity, cause.to_string()))?;
        if let Some(since) = about.since {
            tally.since(since);
        }
        Ok((tally, tariff))
    }

    /// The instant a person means by a period: a span before now, or a date or instant.
    ///
    /// # Errors
    /// `Argument` for a text that is neither, and for a period that has not begun.
    pub fn since(&self, said: &str) -> Result<Timestamp, HomeError> {
        let now = self.clock.now();
        let ago =
            said.parse::<kapell_model::quantity::Span>().map(|span| Timestamp(now.0.saturating_sub(span.0)));
        let since = ago.or_else(|_| said.parse()).map_err(|_| {
            HomeError::new(Kind::Argument, format!("`{said}` is no beginning of a period"))
                .hint("a span until now such as 7d, or a date such as 2026-11-01")
        })?;
        match since > now {
            true => {
                Err(HomeError::new(Kind::Argument, format!("the period would begin at {since}, after now")))
            }
            false => Ok(since),
        }
    }

    /// How many bytes a value has that an entry of a run names.
    #[must_use]
    pub fn size(&self, run: &RunId, named: &BlobRef) -> Option<u64> {
        kapell_journal::seam::JournalReads::named(&*self.store, run, named)
            .ok()
            .flatten()
            .map(|bytes| bytes.len() as u64)
    }

    fn pinned(
        &self,
        read: &mut Read,
        run: &RunId,
        started: &RunStarted,
    ) -> Result<(Arc<Tariff>, Arc<Declared>), HomeError> {
        let (tariff, plan) = (started.tariff, *started.plan.digest());
        let tariff = match read.tariffs.entry(tariff) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(Arc::new(self.tariff_of(run, &tariff)?)),
        };
        let declared = match read.plans.entry(plan) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(Arc::new(self.declared(run, &plan)?)),
        };
        Ok((Arc::clone(tariff), Arc::clone(declared)))
    }

    pub(crate) fn tariff_of(&self, run: &RunId, digest: &Digest) -> Result<Tariff, HomeError> {
        let text = String::from_utf8(self.kept(run, digest)?.to_vec()).unwrap_or_default();
        let pinned = PinnedTariff::parse(&text);
        pinned.map(|it| it.tariff).map_err(|cause| HomeError::new(Kind::Integrity, cause.to_string()))
    }

    /// What a plan that is kept declares.
    pub(crate) fn declared(&self, run: &RunId, digest: &Digest) -> Result<Declared, HomeError> {
        let read = serde_json::from_slice::<Plan>(&self.kept(run, digest)?);
        read.map(|plan| Declared::of(&plan)).map_err(|cause| {
            HomeError::new(Kind::Integrity, format!("the plan {digest} can't be read: {cause}"))
        })
    }

    pub(crate) fn kept(&self, run: &RunId, digest: &Digest) -> Result<Arc<[u8]>, HomeError> {
        let missing = || HomeError::new(Kind::Integrity, format!("the text {digest} is not kept"));
        self.store.blob(run, digest)?.ok_or_else(missing)
    }
}

/// The run that entries are of, and how it began.
fn begun(entries: &[Entry]) -> Result<(&RunId, &RunStarted), HomeError> {
    match entries.first().map(|entry| (&entry.run, &entry.body)) {
        Some((run, Body::RunStarted(started))) => Ok((run, started)),
        _ => Err(HomeError::new(Kind::Integrity, "a run does not begin with its start")),
    }
}
