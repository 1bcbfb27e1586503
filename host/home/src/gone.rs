//! What entries say is not kept any more, erased by somebody or let go by policy, and which runs keep what. What several
//! keep is gone once the last of them has let it go.

use crate::checked::Checked;
use crate::names::{Kept, Names};
use kapell_journal::entry::{Body, Entry};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most runs whose contents were let go that are told one by one.
const TOLD: usize = 8;

/// What is gone, and who keeps what, by the entries that were noted.
#[derive(Default)]
pub(crate) struct Gone {
    erased: BTreeSet<Digest>,
    /// What runs have let go, each with the number of the run here.
    dropped: BTreeMap<(Digest, u32), ()>,
    /// The same of what their entries name and they have not let go, and whether they must have it.
    keeps: BTreeMap<(Digest, u32), bool>,
    numbers: HashMap<RunId, u32>,
    runs: Vec<RunId>,
    /// What was done, each in words.
    erasures: Vec<String>,
    let_go: Vec<String>,
}

impl Gone {
    /// Takes an entry in, with what it names.
    pub(crate) fn note(&mut self, entry: &Entry, named: &Names) {
        let run = self.number(&entry.run);
        self.add(run, named);
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
                for digest in it.commitments.iter().chain(&it.digests) {
                    self.keeps.remove(&(*digest, run));
                    self.dropped.insert((*digest, run), ());
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, run: &RunId) -> u32 {
        if let Some(known) = self.numbers.get(run) {
            return *known;
        }
        let next = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        self.numbers.insert(run.clone(), next);
        self.runs.push(run.clone());
        next
    }

    /// Takes in what is named by something that is kept: whoever keeps that keeps what it names.
    pub(crate) fn keep(&mut self, by: &Digest, nested: &Names) {
        let runs: Vec<u32> = of(&self.keeps, by).map(|(run, _)| run).collect();
        runs.into_iter().for_each(|run| self.add(run, nested));
    }

    fn add(&mut self, run: u32, named: &Names) {
        for ((_, digest), must) in named.iter().filter(|((kept, _), _)| !kept.is_private()) {
            *self.keeps.entry((*digest, run)).or_default() |= must;
        }
    }

    /// The runs that keep something, as far as they had it where they need not.
    pub(crate) fn keepers(&self, digest: &Digest) -> Vec<(RunId, bool)> {
        self.named(of(&self.keeps, digest))
    }

    /// The runs that have let something go.
    pub(crate) fn let_go_by(&self, digest: &Digest) -> Vec<RunId> {
        self.named(of(&self.dropped, digest)).into_iter().map(|(run, ())| run).collect()
    }

    fn named<T>(&self, runs: impl Iterator<Item = (u32, T)>) -> Vec<(RunId, T)> {
        runs.filter_map(|(run, how)| Some((self.runs.get(run as usize)?.clone(), how))).collect()
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
        let is_kept = || !kept.is_private() && of(&self.keeps, digest).next().is_some();
        match () {
            () if self.erased.contains(digest) => Some("erased"),
            () if of(&self.dropped, digest).next().is_some() && !is_kept() => Some("dropped"),
            () => None,
        }
    }
}

/// The runs something stands with, and how.
fn of<T: Copy>(all: &BTreeMap<(Digest, u32), T>, digest: &Digest) -> impl Iterator<Item = (u32, T)> {
    all.range((*digest, 0)..=(*digest, u32::MAX)).map(|((_, run), how)| (*run, *how))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use kapell_model::quantity::Timestamp;

    fn entry(run: &str) -> Entry {
        let mut head = kapell_journal::chain::genesis(1);
        let body = Body::RunResumed { by: "x".into() };
        let sealed =
            kapell_journal::chain::seal(&run.parse().unwrap(), &mut head, Timestamp(1), body).unwrap();
        (**sealed.entry()).clone()
    }

    /// What one run must have another one may only have read.
    #[test]
    fn who_must_keep_something_is_told_from_who_may() {
        let (mut gone, text) = (Gone::default(), Digest::of(b"text"));
        for (run, must) in [("a-1", false), ("b-1", true), ("c-1", false)] {
            gone.note(&entry(run), &Names::from([((Kept::Blob, text), must)]));
        }
        gone.keep(&text, &Names::from([((Kept::Blob, Digest::of(b"within")), true)]));
        let keepers = |digest| {
            let runs = gone.keepers(&digest);
            runs.into_iter().map(|(run, must)| format!("{run} {must}")).collect::<Vec<_>>()
        };
        assert_eq!(keepers(text), ["a-1 false", "b-1 true", "c-1 false"]);
        assert_eq!(keepers(Digest::of(b"within")), ["a-1 true", "b-1 true", "c-1 true"]);
        assert_eq!(keepers(Digest::of(b"another")), [""; 0]);
    }
}
