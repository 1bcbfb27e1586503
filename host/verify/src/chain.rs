//! Runs, each followed from entry to entry: numbers without a gap, each entry bound to the one before it by that one's
//! hash, owners that only follow each other, nothing after the end, and answers to what was shown.

use crate::digest::{Hash, Map};
use crate::entry::{Entry, Question};
use std::collections::HashMap;

/// Where every run stands.
#[derive(Default)]
pub(crate) struct Runs {
    places: Map<String, usize>,
    runs: Vec<Run>,
    /// Answers that were held against what was asked.
    pub(crate) answers: u64,
}

/// Where one run stands.
pub(crate) struct Run {
    pub(crate) id: String,
    /// The number of the first entry that was seen.
    pub(crate) first: u64,
    /// The number of the last.
    pub(crate) last: u64,
    /// How it ended, as it is written.
    pub(crate) ended: Option<String>,
    hash: Hash,
    epoch: u64,
    /// Whether what was private in it was erased.
    erased: bool,
    /// When it ended, and whether its contents were let go.
    ended_at: u64,
    dropped: bool,
    /// What was shown and waits for an answer, by step and asking.
    shown: HashMap<(String, String), Hash>,
}

impl Runs {
    /// All of them, in the order of their first entries.
    pub(crate) fn all(&self) -> &[Run] {
        &self.runs
    }

    /// Goes on with an entry's run; gives the run's place and what is wrong with the step.
    pub(crate) fn follow(&mut self, entry: &Entry<'_>, hash: Hash) -> (usize, Vec<&'static str>) {
        let place = match self.places.get(entry.run) {
            Some(place) => *place,
            None => self.begin(entry),
        };
        let Some(run) = self.runs.get_mut(place) else { return (place, Vec::new()) };
        let mut faults: Vec<&'static str> = run.step(entry).into_iter().collect();
        faults.extend(run.answer(&entry.question, &mut self.answers));
        (run.last, run.hash, run.epoch) = (entry.seq, hash, entry.epoch);
        if let Some(state) = entry.ends {
            run.ended = Some(state.to_owned());
            run.ended_at = entry.at;
        }
        (place, faults)
    }

    /// What is not known of a run is what stood before its first entry that is seen.
    fn begin(&mut self, entry: &Entry<'_>) -> usize {
        let run = Run {
            id: entry.run.into(),
            first: entry.seq,
            last: entry.seq.wrapping_sub(1),
            ended: None,
            hash: if entry.seq == 1 { [0; 32] } else { entry.prev },
            epoch: 0,
            erased: false,
            ended_at: 0,
            dropped: false,
            shown: HashMap::new(),
        };
        self.runs.push(run);
        self.places.insert(entry.run.into(), self.runs.len() - 1);
        self.runs.len() - 1
    }
}

impl Run {
    fn step(&mut self, entry: &Entry<'_>) -> Option<&'static str> {
        match () {
            () if entry.seq != self.last.wrapping_add(1) => {
                Some("does not have the number after the entry before it")
            }
            () if entry.prev != self.hash && entry.seq == 1 => Some("links to an entry before the first"),
            () if entry.prev != self.hash => {
                Some("links to another entry than the one before it, as that stands here")
            }
            () if entry.epoch < self.epoch => Some("goes back to an earlier owner"),
            () if entry.erased.is_some() => self.erase(),
            () if entry.dropped.is_some() => self.let_go(entry),
            () if self.ended.is_some() => Some("comes after the end of its run"),
            () => None,
        }
    }

    /// What is private is erased once, after the end. Of a run whose beginning is not seen the end may not be either.
    const fn erase(&mut self) -> Option<&'static str> {
        if self.ended.is_none() && self.first == 1 {
            return Some("erases what is private in a run that is not over");
        }
        match std::mem::replace(&mut self.erased, true) {
            true => Some("erases what was erased already"),
            false => None,
        }
    }

    /// Contents are let go once, after the end, and not before the time is over for which they are kept.
    fn let_go(&mut self, entry: &Entry<'_>) -> Option<&'static str> {
        let kept = entry.dropped.and_then(|rule| rule.kept).unwrap_or_default();
        match () {
            () if self.ended.is_none() && self.first == 1 => {
                Some("lets contents of a run go that is not over")
            }
            () if std::mem::replace(&mut self.dropped, true) => {
                Some("lets contents go that were let go already")
            }
            () if self.ended.is_some() && entry.at < self.ended_at.saturating_add(kept) => {
                Some("lets contents go before their time")
            }
            () => None,
        }
    }

    /// An answer is one to what was shown and waits for one. Of a run whose beginning is not seen that can't be said.
    fn answer(&mut self, question: &Question<'_>, answers: &mut u64) -> Option<&'static str> {
        if question.step.is_empty() {
            return None;
        }
        let asking = (question.step.to_owned(), question.asking.to_owned());
        if let Some(shown) = question.asked {
            return self.shown.insert(asking, shown).map(|_| "asks what is asked already");
        }
        if question.expired {
            self.shown.remove(&asking);
            return None;
        }
        let answered = question.answered?;
        match self.shown.remove(&asking) {
            None if self.first > 1 => return None,
            None => return Some("answers what was not asked, or is answered already, or has expired"),
            Some(shown) if shown == answered => *answers += 1,
            Some(_) => return Some("answers another question than was shown"),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Dropped;

    fn entry(seq: u64, prev: u8) -> Entry<'static> {
        Entry { run: "demo-1", seq, prev: [prev; 32], kind: "x", ..Entry::default() }
    }

    fn faults(entries: &[Entry<'_>]) -> Vec<&'static str> {
        let mut runs = Runs::default();
        let numbers = entries.iter().zip(1..);
        numbers.flat_map(|(entry, number)| runs.follow(entry, [number; 32]).1).collect()
    }

    #[test]
    fn each_entry_follows_the_one_before() {
        assert_eq!(faults(&[entry(1, 0), entry(2, 1), entry(3, 2)]), [""; 0]);
        assert_eq!(faults(&[entry(1, 9)]), ["links to an entry before the first"]);
        assert_eq!(faults(&[entry(5, 9), entry(6, 1)]), [""; 0], "its beginning is not seen");
        assert_eq!(
            faults(&[entry(1, 0), entry(3, 1)]),
            ["does not have the number after the entry before it"]
        );
        assert_eq!(
            faults(&[entry(1, 0), entry(1, 1)]),
            ["does not have the number after the entry before it"]
        );
        assert_eq!(
            faults(&[entry(1, 0), entry(2, 7)]),
            ["links to another entry than the one before it, as that stands here"]
        );
        let owned = |seq, prev, epoch| Entry { epoch, ..entry(seq, prev) };
        assert_eq!(faults(&[owned(1, 0, 2), owned(2, 1, 1)]), ["goes back to an earlier owner"]);
        let ended = Entry { ends: Some("done"), ..entry(1, 0) };
        assert_eq!(faults(&[ended, entry(2, 1)]), ["comes after the end of its run"]);
    }

    #[test]
    fn what_is_private_is_erased_once_and_after_the_end() {
        let erases = |seq, prev| Entry { erased: Some(("user:ada", "asked")), ..entry(seq, prev) };
        let ended = || Entry { ends: Some("done"), ..entry(1, 0) };
        assert_eq!(faults(&[ended(), erases(2, 1)]), [""; 0]);
        assert_eq!(faults(&[ended(), erases(2, 1), erases(3, 2)]), ["erases what was erased already"]);
        assert_eq!(faults(&[ended(), erases(2, 1), entry(3, 2)]), ["comes after the end of its run"]);
        assert_eq!(
            faults(&[entry(1, 0), erases(2, 1)]),
            ["erases what is private in a run that is not over"]
        );
        assert_eq!(faults(&[erases(5, 9)]), [""; 0], "its end is not seen");
    }

    #[test]
    fn contents_are_let_go_once_after_the_end_and_not_before_their_time() {
        let rule = |kept| Some(Dropped { kept: Some(kept), policy: Some([9; 32]) });
        let lets_go = |seq, prev, at| Entry { dropped: rule(5), at, ..entry(seq, prev) };
        let ended = || Entry { ends: Some("done"), at: 10, ..entry(1, 0) };
        assert_eq!(faults(&[ended(), lets_go(2, 1, 15)]), [""; 0]);
        assert_eq!(faults(&[ended(), lets_go(2, 1, 14)]), ["lets contents go before their time"]);
        assert_eq!(
            faults(&[ended(), lets_go(2, 1, 15), lets_go(3, 2, 15)]),
            ["lets contents go that were let go already"]
        );
        assert_eq!(faults(&[entry(1, 0), lets_go(2, 1, 15)]), ["lets contents of a run go that is not over"]);
        assert_eq!(faults(&[lets_go(5, 9, 1)]), [""; 0], "its end is not seen");
    }

    #[test]
    fn an_answer_is_one_to_what_was_shown() {
        let legal = |asking| Question { step: "legal", asking, ..Question::default() };
        let answer = |seq: u64, shown: u8, asking: &'static str| Entry {
            question: Question { answered: Some([shown; 32]), ..legal(asking) },
            ..entry(seq, seq as u8 - 1)
        };
        let asked = |seq: u64| Entry {
            question: Question { asked: Some([7; 32]), ..legal("1") },
            ..entry(seq, seq as u8 - 1)
        };
        let expired = Entry { question: Question { expired: true, ..legal("1") }, ..entry(2, 1) };
        let unasked = "answers what was not asked, or is answered already, or has expired";
        assert_eq!(faults(&[asked(1), answer(2, 7, "1")]), [""; 0]);
        assert_eq!(faults(&[asked(1), answer(2, 8, "1")]), ["answers another question than was shown"]);
        assert_eq!(faults(&[asked(1), answer(2, 7, "2")]), [unasked]);
        assert_eq!(faults(&[answer(1, 7, "1")]), [unasked]);
        assert_eq!(faults(&[asked(1), answer(2, 7, "1"), answer(3, 7, "1")]), [unasked]);
        assert_eq!(faults(&[asked(1), expired, answer(3, 7, "1")]), [unasked]);
        assert_eq!(faults(&[asked(1), asked(2)]), ["asks what is asked already"]);
    }
}
