//! Repeated work: calls by hand in which what one answered was given to the next, done often enough to be a flow.
//!
//! Calls are taken in the order they began, once. Of each person the last ones are remembered by what names
//! what they answered, whole and field by field, so that the argument of a later call shows where it came from
//! ([`values`]). Calls that are connected so are one chain; what is counted are the ways such chains are wired
//! ([`pattern`]), never their values. What was done [`OFTEN`] times is written as a flow ([`flow`]).

mod flow;
mod pattern;
#[cfg(test)]
mod tests;
mod values;

use kapell_journal::entry::BlobRef;
use kapell_model::id::{RunId, SkillName};
use kapell_model::quantity::{Span, Timestamp};
use kapell_model::shape::Operation;
use pattern::{Counts, Pattern};
use serde_json::{Map, Value};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use values::{Given, Source};

/// How often a sequence must have been done to be worth a flow: less is easily chance, and a flow is one more thing to
/// own.
pub const OFTEN: u64 = 5;

/// How long what a call answered may lie before it is given to another: a working day and its night.
const LIES: Span = Span(86_400_000);

/// How many calls of one person are remembered.
const REMEMBERED: usize = 64;

/// Most calls that answered the same of which one is taken for where a value came from.
const ALIKE_MAX: usize = 8;

/// Most calls of one chain; a longer one goes on as another.
const CHAIN_MAX: usize = 12;

/// After how many calls those who have not called for long are forgotten.
const TIDIED: u64 = 256;

/// One call by hand that went well.
#[derive(Clone, Debug)]
pub struct Performed {
    /// The run it was.
    pub run: RunId,
    /// Who called.
    pub by: String,
    /// When it began.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// What was called.
    pub called: Arc<Called>,
    /// What it was given, by parameter.
    pub arguments: Map<String, Value>,
    /// What it answered; none for an operation that answers nothing.
    pub answered: Option<Answered>,
}

/// An operation of a skill.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    /// The skill.
    pub skill: SkillName,
    /// The operation with its types.
    pub operation: Operation,
}

/// What a call answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What the journal names it by.
    pub named: BlobRef,
    /// The value; none where it is too large to be looked into, and then only the whole is recognised.
    pub value: Option<Value>,
}

/// A sequence of calls that was done, wired the same way each time.
#[derive(Clone, Debug)]
pub struct Sequence {
    pattern: Pattern,
    called: Vec<Arc<Called>>,
    gaps: Vec<pattern::Gap>,
    /// Pairs of gaps that held the same value each time.
    same: BTreeSet<(usize, usize)>,
    /// How often it was done.
    pub times: u64,
    /// When it was done last.
    pub last: Timestamp,
    /// The runs of the last time, in order.
    pub runs: Vec<RunId>,
    /// By whom; at most eight are named.
    pub by: BTreeSet<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Sequences done [`OFTEN`] times or more, the most frequent first.
    pub repeated: Vec<Sequence>,
    /// Sequences done less often, the most frequent first.
    pub missing: Vec<Sequence>,
    /// Whether there were more kinds of sequences than are counted.
    pub more: bool,
}

impl Sequence {
    /// The calls in order, `SKILL#OPERATION` each.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.pattern.0.iter().map(|done| format!("{}#{}", done.skill, done.operation)).collect()
    }

    /// How many times are missing until it is proposed.
    #[must_use]
    pub fn is_missing(&self) -> u64 {
        OFTEN.saturating_sub(self.times)
    }

    /// The flow that does it, under a name that is not yet `taken`, which it then is; with its text.
    #[must_use]
    pub fn flow(&self, taken: &mut BTreeSet<String>) -> (String, String) {
        flow::write(self, taken)
    }
}

/// Looks for repeated work.
#[derive(Default)]
pub struct Percolator {
    people: HashMap<String, Person>,
    counts: Counts,
    calls: u64,
}

/// What one person did lately.
#[derive(Default)]
struct Person {
    recent: VecDeque<Recent>,
    /// Where a value came from, the newest last.
    known: HashMap<BlobRef, VecDeque<Source>>,
    chains: BTreeMap<u64, Vec<Link>>,
}

/// A call that may still be gone on from.
struct Recent {
    number: u64,
    chain: u64,
    ended: Timestamp,
    answered: Vec<BlobRef>,
}

/// A call of a chain.
struct Link {
    number: u64,
    run: RunId,
    by: String,
    at: Timestamp,
    called: Arc<Called>,
    with: BTreeMap<String, Given>,
}

impl Percolator {
    /// Takes the next call; calls come in the order they began.
    pub fn take(&mut self, performed: Performed) {
        self.calls += 1;
        let (number, now) = (self.calls, performed.began);
        if self.calls.is_multiple_of(TIDIED) {
            self.let_go(now);
        }
        let mut person = self.people.remove(&performed.by).unwrap_or_default();
        person.forget(now, REMEMBERED - 1, &mut self.counts);
        let by = performed.by.clone();
        person.perform(number, performed);
        self.people.insert(by, person);
    }

    /// What was found in all calls taken.
    #[must_use]
    pub fn finish(mut self) -> Found {
        for person in self.people.values_mut() {
            person.forget(Timestamp(u64::MAX), 0, &mut self.counts);
        }
        self.counts.finish()
    }

    /// Those who have not called for long are forgotten.
    fn let_go(&mut self, now: Timestamp) {
        for person in self.people.values_mut() {
            person.forget(now, REMEMBERED, &mut self.counts);
        }
        self.people.retain(|_, person| !person.recent.is_empty());
    }
}

impl Person {
    /// Forgets calls that have lain too long, and the oldest of more than `most`.
    fn forget(&mut self, now: Timestamp, most: usize, counts: &mut Counts) {
        let lain = |recent: &Recent| recent.ended.after(LIES) < now;
        while self.recent.len() > most || self.recent.front().is_some_and(lain) {
            let Some(gone) = self.recent.pop_front() else { return };
            for named in gone.answered {
                if let Entry::Occupied(mut known) = self.known.entry(named) {
                    known.get_mut().retain(|source| source.call != gone.number);
                    if known.get().is_empty() {
                        known.remove();
                    }
                }
            }
            if !self.recent.iter().any(|recent| recent.chain == gone.chain) {
                self.chains.remove(&gone.chain).into_iter().for_each(|chain| counts.count(&chain));
            }
        }
    }

    fn perform(&mut self, number: u64, performed: Performed) {
        let Performed { run, by, began, ended, called, arguments, answered } = performed;
        let with = values::given(arguments, &|named| self.sources(named, began));
        let before: BTreeSet<u64> = with.values().flat_map(Given::sources).collect();
        let link = Link { number, run, by, at: began, called, with };
        let chain = self.join(&before, link);
        let parts = answered.map(|answered| values::parts(&answered)).unwrap_or_default();
        for (named, path) in &parts {
            let known = self.known.entry(named.clone()).or_default();
            known.push_back(Source { call: number, path: path.clone() });
            if known.len() > ALIKE_MAX {
                known.pop_front();
            }
        }
        let answered = parts.into_iter().map(|(named, _)| named).collect();
        self.recent.push_back(Recent { number, chain, ended, answered });
    }

    /// Where a value may have come from: calls that were over when this one began, the newest last.
    fn sources(&self, named: &BlobRef, began: Timestamp) -> Vec<Source> {
        let was_over = |source: &&Source| {
            let from = self.recent.iter().find(|recent| recent.number == source.call);
            from.is_some_and(|from| from.ended <= began)
        };
        self.known.get(named).into_iter().flatten().filter(was_over).cloned().collect()
    }

    /// Puts a call into the chain of the calls it goes on from, which are one chain from then on.
    fn join(&mut self, before: &BTreeSet<u64>, link: Link) -> u64 {
        let joined: BTreeSet<u64> =
            self.recent.iter().filter(|it| before.contains(&it.number)).map(|it| it.chain).collect();
        let length: usize = joined.iter().filter_map(|chain| self.chains.get(chain)).map(Vec::len).sum();
        let chain = link.number;
        let mut links = Vec::new();
        if length < CHAIN_MAX {
            links.extend(joined.iter().filter_map(|chain| self.chains.remove(chain)).flatten());
            self.recent.iter_mut().filter(|it| joined.contains(&it.chain)).for_each(|it| it.chain = chain);
        }
        links.push(link);
        links.sort_by_key(|link| link.number);
        self.chains.insert(chain, links);
        chain
    }
}
