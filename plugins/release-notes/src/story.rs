//! Which commits are told, where, and which are left out and why.

use crate::item::{self, Section};
use crate::log::{Commit, Log};
use crate::{LeftOut, count};
use std::collections::{BTreeMap, HashMap};

/// The notes before they are written down.
#[derive(Debug)]
pub(crate) struct Story {
    /// In the order of the notes.
    pub(crate) items: Vec<Item>,
    left_out: BTreeMap<Why, u32>,
}

/// One item of the notes.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) section: Section,
    /// What is said, as plain text.
    pub(crate) text: String,
    /// The commits it tells of, by their places in the log.
    pub(crate) commits: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    Merge,
    Reverted,
    Unfinished,
    Cut,
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Why::Merge => "merges",
            Why::Reverted => "reverted again",
            Why::Unfinished => "unfinished",
            Why::Cut => "cut off",
        }
    }
}

impl Story {
    /// Counts a commit that no item tells of any more.
    pub(crate) fn leave_out(&mut self, why: Why) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// What is left out, by why.
    pub(crate) fn left_out(&self) -> Vec<LeftOut> {
        self.left_out
            .iter()
            .map(|(why, count)| LeftOut { count: *count, why: why.words().to_owned() })
            .collect()
    }
}

/// Tells the commits of a log.
pub(crate) fn tell(log: &Log) -> Story {
    let undone = undone(&log.commits);
    // Where each branch comes in by a merge and only those are listed, the merges are what there is to tell.
    let merges = log.commits.iter().filter(|commit| commit.is_merge).count();
    let tells_merges = merges * 2 > log.commits.len();
    let mut story = Story { items: Vec::new(), left_out: BTreeMap::new() };
    for (place, commit) in log.commits.iter().enumerate() {
        let told =
            if commit.is_merge { merged(commit).filter(|_| tells_merges) } else { Some(commit.clone()) };
        match told {
            _ if commit.is_cut => story.leave_out(Why::Cut),
            _ if undone.get(place) == Some(&true) => story.leave_out(Why::Reverted),
            None => story.leave_out(Why::Merge),
            Some(told) => {
                let (section, text) = item::of(&told);
                story.items.push(Item { section, text, commits: vec![place] });
            }
        }
    }
    story.items.sort_by_key(|item| item.section);
    story
}

/// A merge by the title of what it brings in, which a forge writes as the first line below.
fn merged(commit: &Commit) -> Option<Commit> {
    let title = commit.body.iter().find(|line| !line.is_empty())?;
    Some(Commit { subject: title.clone(), body: Vec::new(), ..commit.clone() })
}

/// Commits that a later one takes back, and those that do.
fn undone(commits: &[Commit]) -> Vec<bool> {
    let mut by_subject: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, commit) in commits.iter().enumerate() {
        by_subject.entry(&commit.subject).or_default().push(place);
    }
    let mut undone = vec![false; commits.len()];
    for (place, commit) in commits.iter().enumerate() {
        let is_undone = undone.get(place) == Some(&true);
        let Some(subject) = taken_back(&commit.subject) else { continue };
        let named = by_subject.get(subject).into_iter().flatten();
        // Newest first: what is taken back was made before.
        let taken_back = named.copied().find(|other| *other > place && undone.get(*other) == Some(&false));
        if let (Some(other), false) = (taken_back, is_undone) {
            for place in [place, other] {
                if let Some(undone) = undone.get_mut(place) {
                    *undone = true;
                }
            }
        }
    }
    undone
}

/// The subject of what a commit takes back: as `git revert` words it, or as the type of a conventional commit.
fn taken_back(subject: &str) -> Option<&str> {
    let worded = subject.strip_prefix("Revert \"").and_then(|rest| rest.strip_suffix('"'));
    worded.or_else(|| subject.strip_prefix("revert: "))
}

/// How many commits a story tells and leaves out.
pub(crate) fn counted(story: &Story) -> (u32, u32) {
    let told = story.items.iter().map(|item| item.commits.len()).sum();
    (count(told), story.left_out.values().sum())
}
