//! Tallies of a home's runs: what reports over many of them are made from.
//!
//! Runs that can't matter are left out by their row before an entry is read, and each plan and tariff is read once,
//! whoever many runs share it.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_journal::entry::{BlobRef, Body, Entry};
use kapell_journal::seam::{Journals as _, RunRow};
use kapell_model::digest::Digest;
use kapell_model::id::{FlowName, RunId};
use kapell_model::money::{PinnedTariff, Tariff};
use kapell_model::quantity::Timestamp;
use kapell_report::tally::{Declared, Tally};
use std::collections::hash_map::{self, HashMap};
use std::sync::Arc;

/// Which runs.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Only that one.
    pub run: Option<RunId>,
    /// Only those of a flow.
    pub flow: Option<FlowName>,
    /// Only those that were under way then or later, with what they cost from then on.
    pub since: Option<Timestamp>,
}

impl About {
    pub(crate) fn is(&self, row: &RunRow) -> bool {
        self.run.as_ref().is_none_or(|run| row.run == *run)
            && self.flow.as_ref().is_none_or(|flow| row.flow == *flow)
            && self.since.is_none_or(|since| row.changed >= since)
    }
}

/// Plans and tariffs that were read.
#[derive(Default)]
struct Read {
    tariffs: HashMap<Digest, Arc<Tariff>>,
    plans: HashMap<Digest, Arc<Declared>>,
}

impl Home {
    /// Hands over the tally of each run, newest first, with the tariff it is priced by; returns how many there were.
    ///
    /// # Errors
    /// When the journal can't be read or is damaged; the first error of `take`.
    pub fn tallies(
        &self,
        about: &About,
        mut take: impl FnMut(Tally, &Tariff) -> Result<(), HomeError>,
    ) -> Result<u64, HomeError> {
        let (mut read, mut count) = (Read::default(), 0);
        for row in self.runs()?.iter().filter(|row| about.is(row)) {
            let entries = self.entries(&row.run)?;
            let (tariff, declared) = self.pinned(&mut read, &entries)?;
            let tally = Tally::of(&row.run, &entries, &tariff, declared);
            let mut tally = tally.map_err(|cause| HomeError::new(Kind::Integrity, cause.to_string()))?;
            if let Some(since) = about.since {
                tally.since(since);
            }
            count += 1;
            take(tally, &tariff)?;
        }
        Ok(count)
    }

    /// The instant a person means by a period: a span before now, or a date or instant.
    ///
    /// # Errors
    /// `Argument` for a text that is neither.
    pub fn since(&self, said: &str) -> Result<Timestamp, HomeError> {
        let now = self.clock.now();
        let ago =
            said.parse::<kapell_model::quantity::Span>().map(|span| Timestamp(now.0.saturating_sub(span.0)));
        ago.or_else(|_| said.parse()).map_err(|_| {
            HomeError::new(Kind::Argument, format!("`{said}` is no beginning of a period"))
                .hint("a span until now such as 7d, or a date such as 2026-11-01")
        })
    }

    /// How many bytes a value has that an entry names.
    #[must_use]
    pub fn size(&self, named: &BlobRef) -> Option<u64> {
        self.store.blob(named.digest()).ok().flatten().map(|bytes| bytes.len() as u64)
    }

    fn pinned(&self, read: &mut Read, entries: &[Entry]) -> Result<(Arc<Tariff>, Arc<Declared>), HomeError> {
        let started = entries.first().and_then(|entry| match &entry.body {
            Body::RunStarted(started) => Some(started),
            _ => None,
        });
        let started =
            started.ok_or_else(|| HomeError::new(Kind::Integrity, "a run does not begin with its start"))?;
        let (tariff, plan) = (started.tariff, *started.plan.digest());
        let tariff = match read.tariffs.entry(tariff) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(Arc::new(self.tariff_of(&tariff)?)),
        };
        let declared = match read.plans.entry(plan) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(Arc::new(self.declared(&plan)?)),
        };
        Ok((Arc::clone(tariff), Arc::clone(declared)))
    }

    pub(crate) fn tariff_of(&self, digest: &Digest) -> Result<Tariff, HomeError> {
        let text = String::from_utf8(self.kept(digest)?.to_vec()).unwrap_or_default();
        let pinned = PinnedTariff::parse(&text);
        pinned.map(|it| it.tariff).map_err(|cause| HomeError::new(Kind::Integrity, cause.to_string()))
    }

    fn declared(&self, digest: &Digest) -> Result<Declared, HomeError> {
        let read = serde_json::from_slice(&self.kept(digest)?);
        read.map_err(|cause| {
            HomeError::new(Kind::Integrity, format!("the plan {digest} can't be read: {cause}"))
        })
    }

    pub(crate) fn kept(&self, digest: &Digest) -> Result<Arc<[u8]>, HomeError> {
        let missing = || HomeError::new(Kind::Integrity, format!("the text {digest} is not kept"));
        self.store.blob(digest)?.ok_or_else(missing)
    }
}
