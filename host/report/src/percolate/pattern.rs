//! Patterns: how the calls of a chain are wired, without their values, and how often each way was taken.

use super::values::Given;
use super::{Called, Found, Link, OFTEN, Sequence};
use kapell_journal::entry::BlobRef;
use kapell_model::id::SkillName;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Most patterns counted: a journal of calls that never repeat is not held in memory.
const PATTERNS_MAX: usize = 10_000;

/// Most gaps of a pattern that are compared with each other.
const PAIRED_MAX: usize = 64;

/// Most people named.
const NAMED_MAX: usize = 8;

/// Calls in order, each with where its arguments come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pattern(pub(super) Vec<Done>);

/// One call of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Done {
    pub(super) skill: SkillName,
    pub(super) operation: String,
    pub(super) with: BTreeMap<String, Wire>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wire {
    /// It is given by hand.
    Given,
    /// From what an earlier call answered.
    From { step: usize, path: Vec<String> },
    /// An object, put together from its parts.
    Parts(BTreeMap<String, Wire>),
}

/// A place that is given by hand.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub(super) step: usize,
    /// The parameter, then the fields in it.
    pub(super) path: Vec<String>,
    /// Whether it held the same value each time.
    pub(super) constant: bool,
    /// Whether it held null at any time.
    pub(super) null: bool,
    /// What it held last, where that is small.
    pub(super) value: Option<Value>,
    named: BlobRef,
}

impl Pattern {
    /// The pattern of some calls of a chain with what was given by hand; none when they are not all connected.
    fn of(links: &[Link]) -> Option<(Self, Vec<Gap>)> {
        let places: HashMap<u64, usize> =
            links.iter().enumerate().map(|(at, link)| (link.number, at)).collect();
        let mut gaps = Vec::new();
        let mut done = Vec::new();
        for (step, link) in links.iter().enumerate() {
            let with = link.with.iter().map(|(name, given)| {
                let wire = wire(given, &places, &mut (step, vec![name.clone()]), &mut gaps);
                (name.clone(), wire)
            });
            let with = with.collect();
            let (skill, operation) = (link.called.skill.clone(), link.called.operation.name.clone());
            done.push(Done { skill, operation, with });
        }
        let pattern = Self(done);
        pattern.is_connected().then_some((pattern, gaps))
    }

    fn is_connected(&self) -> bool {
        let mut group: Vec<usize> = (0..self.0.len()).collect();
        for (at, done) in self.0.iter().enumerate() {
            for before in done.with.values().flat_map(Wire::steps) {
                let (one, other) = (group.get(at).copied(), group.get(before).copied());
                group.iter_mut().filter(|it| Some(**it) == other).for_each(|it| *it = one.unwrap_or(at));
            }
        }
        group.windows(2).all(|pair| pair.first() == pair.last())
    }

    /// Some of its calls in a row as a pattern of their own; none when they are not connected by themselves.
    fn slice(&self, from: usize, to: usize) -> Option<Self> {
        let done = self.0.get(from..to)?.iter().map(|done| {
            let with = done.with.iter().map(|(name, wire)| (name.clone(), wire.since(from)));
            Done { with: with.collect(), ..done.clone() }
        });
        Some(Self(done.collect())).filter(Self::is_connected)
    }
}

impl Wire {
    /// The calls it takes something from.
    pub(super) fn steps(&self) -> BTreeSet<usize> {
        match self {
            Wire::Given => BTreeSet::new(),
            Wire::From { step, .. } => [*step].into(),
            Wire::Parts(parts) => parts.values().flat_map(Wire::steps).collect(),
        }
    }

    /// The same where calls before `first` are not part of the pattern.
    fn since(&self, first: usize) -> Wire {
        match self {
            Wire::From { step, path } if *step >= first => {
                Wire::From { step: step - first, path: path.clone() }
            }
            Wire::Given | Wire::From { .. } => Wire::Given,
            Wire::Parts(parts) => {
                together(parts.iter().map(|(name, part)| (name.clone(), part.since(first))).collect())
            }
        }
    }
}

/// An object that is given by hand in every part is given by hand.
fn together(parts: BTreeMap<String, Wire>) -> Wire {
    match parts.values().all(|part| *part == Wire::Given) {
        true => Wire::Given,
        false => Wire::Parts(parts),
    }
}

fn wire(
    given: &Given,
    places: &HashMap<u64, usize>,
    at: &mut (usize, Vec<String>),
    gaps: &mut Vec<Gap>,
) -> Wire {
    let from = given.from.as_ref().and_then(|source| Some((*places.get(&source.call)?, source.path.clone())));
    if let Some((step, path)) = from {
        return Wire::From { step, path };
    }
    let before = gaps.len();
    let parts = given.parts.iter().map(|(name, part)| {
        at.1.push(name.clone());
        let wire = wire(part, places, at, gaps);
        at.1.pop();
        (name.clone(), wire)
    });
    let wire = together(parts.collect());
    if wire == Wire::Given {
        gaps.truncate(before);
        gaps.push(Gap {
            step: at.0,
            path: at.1.clone(),
            constant: true,
            null: given.value == Some(Value::Null),
            value: given.value.clone(),
            named: given.named.clone(),
        });
    }
    wire
}

/// How often each pattern was met.
#[derive(Default)]
pub(super) struct Counts {
    known: BTreeMap<Pattern, Sequence>,
    more: bool,
}

impl Counts {
    /// Counts a whole chain, and whatever of it in a row hangs together by itself: who does three things one after the
    /// other has done the first two.
    pub(super) fn count(&mut self, chain: &[Link]) {
        for from in 0..chain.len() {
            for to in from + 2..=chain.len() {
                let links = chain.get(from..to).unwrap_or_default();
                if let Some((pattern, gaps)) = Pattern::of(links) {
                    self.add(pattern, gaps, links);
                }
            }
        }
    }

    fn add(&mut self, pattern: Pattern, gaps: Vec<Gap>, links: &[Link]) {
        let same = equal(&gaps);
        let (Some(last), runs) = (links.last(), links.iter().map(|link| link.run.clone()).collect()) else {
            return;
        };
        let called: Vec<Arc<Called>> = links.iter().map(|link| link.called.clone()).collect();
        let full = self.known.len() >= PATTERNS_MAX;
        match self.known.get_mut(&pattern) {
            Some(known) => known.again(gaps, &same, last, runs, called),
            None if full => self.more = true,
            None => {
                let by = [last.by.clone()].into();
                let times = 1;
                let sequence =
                    Sequence { pattern: pattern.clone(), called, gaps, same, times, last: last.at, runs, by };
                self.known.insert(pattern, sequence);
            }
        }
    }

    /// What was repeated and what not often enough, each without what is only a part of something longer.
    pub(super) fn finish(self) -> Found {
        let mut within: BTreeMap<Pattern, u64> = BTreeMap::new();
        for (pattern, sequence) in &self.known {
            for part in parts_of(pattern) {
                let most = within.entry(part).or_default();
                *most = sequence.times.max(*most);
            }
        }
        let stands = |sequence: &Sequence| {
            let longer = within.get(&sequence.pattern).copied().unwrap_or_default();
            let alone = sequence.times.saturating_sub(longer);
            match sequence.times {
                OFTEN.. => longer < OFTEN || alone >= OFTEN,
                _ => alone > 0,
            }
        };
        let mut standing: Vec<Sequence> = self.known.into_values().filter(stands).collect();
        standing.sort_by(|one, other| {
            let longer = |it: &Sequence| it.pattern.0.len();
            (other.times, longer(other))
                .cmp(&(one.times, longer(one)))
                .then_with(|| one.pattern.cmp(&other.pattern))
        });
        let (repeated, missing) = standing.into_iter().partition(|it| it.times >= OFTEN);
        Found { repeated, missing, more: self.more }
    }
}

impl Sequence {
    /// It was done once more.
    fn again(
        &mut self,
        gaps: Vec<Gap>,
        same: &BTreeSet<(usize, usize)>,
        last: &Link,
        runs: Vec<kapell_model::id::RunId>,
        called: Vec<Arc<Called>>,
    ) {
        self.times += 1;
        self.same.retain(|pair| same.contains(pair));
        for (known, now) in self.gaps.iter_mut().zip(gaps) {
            known.constant &= known.named == now.named;
            known.null |= now.null;
            known.value = now.value;
        }
        if self.by.len() < NAMED_MAX {
            self.by.insert(last.by.clone());
        }
        if last.at >= self.last {
            (self.last, self.runs, self.called) = (last.at, runs, called);
        }
    }
}

/// Whatever of a pattern in a row hangs together by itself, but for the whole.
fn parts_of(pattern: &Pattern) -> Vec<Pattern> {
    let length = pattern.0.len();
    let places = (0..length).flat_map(|from| (from + 2..=length).map(move |to| (from, to)));
    places.filter(|place| *place != (0, length)).filter_map(|(from, to)| pattern.slice(from, to)).collect()
}

/// The pairs of gaps that hold the same; of very many none are looked for.
fn equal(gaps: &[Gap]) -> BTreeSet<(usize, usize)> {
    let few = gaps.get(..gaps.len().min(PAIRED_MAX)).unwrap_or_default();
    let second = few.iter().enumerate();
    second
        .flat_map(|(second, gap)| {
            let first = few.iter().take(second).enumerate();
            first.filter(|(_, other)| other.named == gap.named).map(move |(first, _)| (first, second))
        })
        .collect()
}
