//! Letting contents go once the policy keeps them no longer. What happened stays: entries, plans, prices, policies, the
//! flow's own texts and the bytes that ran.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::names::{self, Kept, Names};
use kapell_journal::content::Content;
use kapell_journal::entry::{BlobRef, Body, Entry};
use kapell_journal::seam::Journals as _;
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::quantity::Span;
use std::collections::BTreeSet;

/// Most runs of one command, so that nobody waits long for a policy that was made shorter; the next one goes on.
const AT_ONCE: usize = 256;

/// Runs whose contents were let go.
#[derive(Debug, Default)]
pub struct LetGo {
    /// Of which they were.
    pub runs: Vec<RunId>,
    /// Of which they could not be, and why.
    pub failed: Vec<(RunId, HomeError)>,
    /// How many more are due.
    pub left: usize,
}

impl Home {
    /// Lets go of the contents of runs that have been over for as long as the policy keeps contents, the first to end
    /// first, a few hundred at most. A run that is not over, or whose contents another process lets go, is left alone.
    ///
    /// # Errors
    /// When the journal fails; when somebody reads it for so long that what was let go could not be taken out of its file.
    pub async fn let_go_due(&self) -> Result<LetGo, HomeError> {
        let rules = &self.policy.keep;
        let (Some(kept), Some(then)) = (rules.contents, rules.ended_by(self.clock.now())) else {
            return Ok(LetGo::default());
        };
        let mut due = self.store.over_by(then)?;
        let mut told = LetGo { left: due.len().saturating_sub(AT_ONCE), ..LetGo::default() };
        due.truncate(AT_ONCE);
        for run in due {
            match self.let_go(&run, kept).await {
                Ok(()) => told.runs.push(run),
                Err(error) if error.kind == Kind::Taken => {}
                Err(error) => told.failed.push((run, error)),
            }
        }
        if !told.runs.is_empty() {
            self.store.let_go()?;
        }
        Ok(told)
    }

    async fn let_go(&self, run: &RunId, kept: Span) -> Result<(), HomeError> {
        let contents = self.contents(run, &self.store.entries(run)?)?;
        let policy = Content::of(self.policy_text.as_bytes());
        Ok(self.conductor.drop_contents(run, contents, kept, policy).await.map(drop)?)
    }

    /// What a run was given, saw and answered, as far as it is kept and not private.
    fn contents(&self, run: &RunId, entries: &[Entry]) -> Result<BTreeSet<Digest>, HomeError> {
        let (mut named, mut contents) = (Names::new(), BTreeSet::new());
        entries.iter().for_each(|entry| names::of_entry(entry, &mut named));
        let rests = self.rests_on(entries)?;
        while let Some(((kept, digest), _)) = named.pop_first() {
            if !matches!(kept, Kept::Crossings | Kept::Blob) || rests.contains(&digest) {
                continue;
            }
            if let Some(bytes) = self.store.blob(run, &digest)? {
                names::within(kept, &bytes, &mut named)?;
                contents.insert(digest);
            }
        }
        Ok(contents)
    }

    /// What a run rests on: the texts that say what was to be done, by whose rules, at what prices.
    fn rests_on(&self, entries: &[Entry]) -> Result<BTreeSet<Digest>, HomeError> {
        let mut rests = BTreeSet::new();
        for entry in entries {
            let Body::RunStarted(started) = &entry.body else { continue };
            rests.extend([started.text, started.policy, started.tariff, *started.plan.digest()]);
            let mut named = Names::new();
            if let BlobRef::Digest(plan) = &started.plan {
                names::within(Kept::Plan, &self.kept(&entry.run, plan)?, &mut named)?;
            }
            rests.extend(named.into_keys().map(|(_, digest)| digest));
        }
        Ok(rests)
    }
}
