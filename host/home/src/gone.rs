//! What entries say is not kept any more: erased by somebody, or let go by policy. What runs share is gone once the last
//! of them has let it go.

use crate::checked::Checked;
use crate::names::{Kept, Names};
use kapell_journal::entry::{Body, Entry};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use std::collections::{BTreeSet, HashMap};

/// Most runs whose contents were let go that are told one by one.
const TOLD: usize = 8;
/// Stands for what keeps something without being a run's own entry: a plan or a record of crossings that names it.
const NESTED: u32 = u32::MAX;

/// What is gone, and who keeps what, by the entries that were noted.
#[derive(Default)]
pub(crate) struct Gone {
    erased: BTreeSet<Digest>,
    dropped: BTreeSet<Digest>,
    /// What entries name and their runs have not let go, with the number of the run.
    keeps: BTreeSet<(Digest, u32)>,
    runs: HashMap<RunId, u32>,
    /// What was done, each in words.
    erasures: Vec<String>,
    let_go: Vec<String>,
}

impl Gone {
    /// Takes an entry in, with what it names.
    pub(crate) fn note(&mut self, entry: &Entry, named: &Names) {
        let next = u32::try_from(self.runs.len()).unwrap_or(NESTED);
        let run = *self.runs.entry(entry.run.clone()).or_insert(next);
        let shared = named.keys().filter(|(kept, _)| !kept.is_private());
        self.keeps.extend(shared.map(|(_, digest)| (*digest, run)));
        let (id, at) = (&entry.run, entry.at);
        match &entry.body {
            Body::PrivateErased(it) => {
                let many = it.commitments.len();
                let words = format!(
                    "what was private in {id} ({many} contents): on {at} by {} because {}",
                    it.by, it.reason
                );
                self.erasures.push(words);
                self.erased.extend(&it.commitments);
            }
            Body::ContentsDropped(it) => {
                let many = it.commitments.len() + it.digests.len();
                let (kept, policy) = (it.kept, it.policy.short());
                let words = format!(
                    "the contents of {id} ({many}): not kept since {at}, by policy {policy}, which keeps contents for {kept}"
                );
                self.let_go.push(words);
                self.dropped.extend(it.commitments.iter().chain(&it.digests));
                for digest in &it.digests {
                    self.keeps.remove(&(*digest, run));
                }
            }
            _ => {}
        }
    }

    /// Takes in what is named by something that entries name and that is kept.
    pub(crate) fn keep(&mut self, nested: &Names) {
        let shared = nested.keys().filter(|(kept, _)| !kept.is_private());
        self.keeps.extend(shared.map(|(_, digest)| (*digest, NESTED)));
    }

    /// What was done; of contents that were let go, each run by itself where there are few.
    pub(crate) fn tell(&mut self, checked: &mut Checked) {
        self.erasures.drain(..).for_each(|words| checked.holds("erased", words));
        let rest = self.let_go.split_off(self.let_go.len().min(TOLD)).len();
        self.let_go.drain(..).for_each(|words| checked.holds("dropped", words));
        if rest > 0 {
            let words = format!("the contents of {rest} more runs: not kept any longer either, by policy");
            checked.holds("dropped", words);
        }
    }

    /// How it is gone, in the word of an exported file; none for what must be kept.
    pub(crate) fn how(&self, kept: Kept, digest: &Digest) -> Option<&'static str> {
        let is_kept =
            || !kept.is_private() && self.keeps.range((*digest, 0)..=(*digest, NESTED)).next().is_some();
        match () {
            () if self.erased.contains(digest) => Some("erased"),
            () if self.dropped.contains(digest) && !is_kept() => Some("dropped"),
            () => None,
        }
    }
}
