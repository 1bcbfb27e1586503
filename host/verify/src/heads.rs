//! Signed heads: the log's key, the head a bundle is under, older heads in it, and those somebody held outside all along.
//! The last are what a forger of everything else can't have reached.

use crate::digest::Hash;
use crate::keys;
use crate::note::{Head, Key, hashes};
use crate::report::{Place, Report, count, day};
use crate::tree::{Growing, is_consistent};
use std::collections::BTreeMap;

/// What whoever checks was given before, by another way than the bundle.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The log's key, as `NAME+HASH+BASE64`.
    pub key: Option<String>,
    /// Checkpoints, each with the name it is told by.
    pub checkpoints: Vec<(String, Vec<u8>)>,
}

/// A head that the bundle must agree with.
struct Point {
    /// How it is told: where it comes from.
    from: String,
    head: Head,
    held: bool,
    /// Whether the leaves or a proof have shown that the log agrees with it.
    shown: bool,
}

/// What is known of heads so far.
#[derive(Default)]
pub(crate) struct Heads {
    key: Option<Key>,
    /// The one in the bundle, whichever counts.
    stated: Option<Key>,
    /// The head the bundle is under.
    pub(crate) head: Option<Head>,
    /// Its note, byte for byte: proofs must lead to the same.
    pub(crate) note: Vec<u8>,
    points: Vec<Point>,
    /// Points by their size, for the leaves as they come.
    by_size: BTreeMap<u64, Vec<usize>>,
    /// The last size at which leaves and heads agreed, and whether they did not after it.
    agreed: u64,
    parted: bool,
}

impl Heads {
    /// The bundle's key, held against the one that was given.
    pub(crate) fn key(&mut self, bytes: &[u8], held: &Held, report: &mut Report) {
        let place = || Place::Member("log.pub".into());
        let text =
            std::str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')).unwrap_or_default();
        let key = match Key::read(text) {
            Ok(key) => key,
            Err(why) => return report.broken("key", place(), why),
        };
        let name = key.shown();
        self.stated = Some(key.clone());
        match held.key.as_deref().map(|text| Key::read(text.trim())) {
            None => {
                report.unkeyed = true;
                report.unknown(
                    "key",
                    format!(
                        "{name} was found in this file only: whoever made the file may have made the key; \
                         compare all of it with what you were given another way, or give that with --key"
                    ),
                );
            }
            Some(Err(why)) => report.broken("key", Place::Whole, format!("the key you hold: {why}")),
            Some(Ok(given)) if given == key => report.holds("key", format!("{name} is the one you hold")),
            Some(Ok(given)) => {
                report.broken(
                    "key",
                    place(),
                    format!("{name} is another than the one you hold, {}", given.shown()),
                );
                // What you hold is what counts.
                return self.hold(given, held, report);
            }
        }
        self.hold(key, held, report);
    }

    /// Every key the log had, as whoever made the file tells: where one was begun in the place of another.
    pub(crate) fn keys(&mut self, bytes: &[u8], held: &Held, report: &mut Report) {
        let place = || Place::Member("keys".into());
        let begun = match keys::read(bytes) {
            Ok(begun) => begun,
            Err(why) => return report.broken("key", place(), why),
        };
        if begun.last().map(|last| &last.key) != self.stated.as_ref() {
            return report.broken("key", place(), "the last key it lists is another than log.pub");
        }
        let given = held.key.as_deref().and_then(|text| Key::read(text.trim()).ok());
        for (before, after) in begun.iter().zip(begun.iter().skip(1)) {
            let is_yours =
                if given.as_ref() == Some(&before.key) { ", which is the one you hold" } else { "" };
            report.unknown("key", format!(
                "{} began {} on {} after {}, in the place of {}{is_yours}: {}; so says whoever made this file, and nothing binds the two keys",
                after.by, after.key.shown(), day(after.at), entries(after.size), before.key.shown(), after.reason
            ));
        }
    }

    fn hold(&mut self, key: Key, held: &Held, report: &mut Report) {
        for (name, note) in &held.checkpoints {
            let from = format!("the checkpoint you hold ({})", name.escape_debug());
            match key.head(note) {
                Ok(head) => self.put(Point { from, head, held: true, shown: false }, report),
                Err(why) => report.broken("held", Place::Whole, format!("{from}: {why}")),
            }
        }
        self.key = Some(key);
    }

    /// Notes a head. A log of no entries is led on from by any.
    fn put(&mut self, mut point: Point, report: &mut Report) {
        if point.head.size == 0 {
            point.shown = point.head.root == Growing::default().root();
            if !point.shown {
                report.broken(
                    "log",
                    Place::Whole,
                    format!("{} is over no entries, and not the root of none", point.from),
                );
            }
        }
        self.by_size.entry(point.head.size).or_default().push(self.points.len());
        self.points.push(point);
    }

    /// The checkpoint the bundle is under.
    pub(crate) fn checkpoint(&mut self, note: &[u8], report: &mut Report) {
        if let Some(head) = self.signed("checkpoint", note, report) {
            let size = head.size;
            report.holds("signature", format!("the checkpoint over {} is signed by the key", entries(size)));
            self.put(Point { from: "the checkpoint".into(), head, held: false, shown: false }, report);
            (self.head, self.note) = (Some(head), note.to_vec());
        }
    }

    /// An older checkpoint, named by its size.
    pub(crate) fn older(&mut self, name: &str, number: u64, note: &[u8], report: &mut Report) {
        if let Some(head) = self.signed(name, note, report) {
            match head.size == number {
                true => self.put(Point { from: name.into(), head, held: false, shown: false }, report),
                false => report.broken(
                    "signature",
                    Place::Member(name.into()),
                    "it is of another size than its name says",
                ),
            }
        }
    }

    fn signed(&self, name: &str, note: &[u8], report: &mut Report) -> Option<Head> {
        let read = self.key.as_ref().ok_or("there is no key to check it with").and_then(|key| key.head(note));
        read.map_err(|why| report.broken("signature", Place::Member(name.into()), why)).ok()
    }

    /// A proof that the bundle's head only adds to the head of a size.
    pub(crate) fn consistency(&mut self, name: &str, size: u64, bytes: &[u8], report: &mut Report) {
        let (Some(shown), Some(new)) = (hashes(bytes), self.head) else {
            return report.broken(
                "consistency",
                Place::Member(name.into()),
                "it is no list of hashes under a head",
            );
        };
        let points = self.points.iter_mut().filter(|point| point.head.size == size);
        let mut led = 0;
        for point in points {
            led += 1;
            match is_consistent((size, &point.head.root), (new.size, &new.root), &shown) {
                true => point.shown = true,
                false => report.broken(
                    "consistency",
                    Place::Member(name.into()),
                    format!("it does not lead from {} to the head", point.from),
                ),
            }
        }
        if led == 0 {
            report.broken("consistency", Place::Member(name.into()), "there is no head of that size");
        }
    }

    /// The tree has grown: what is signed of it at this size must be so.
    pub(crate) fn grown(&mut self, tree: &Growing, report: &mut Report) {
        let Some(places) = self.by_size.get(&tree.size()) else { return };
        let root = tree.root();
        for place in places {
            let Some(point) = self.points.get_mut(*place) else { continue };
            point.shown = true;
            if point.head.root == root {
                self.agreed = tree.size();
            } else if point.held || !self.parted {
                self.parted = true;
                let leaves = Place::Leaves(self.agreed, tree.size());
                let what = if point.held { "fork" } else { "log" };
                report.broken(what, leaves, format!("{} is over other entries than stand here", point.from));
            }
        }
    }

    /// Whether a root is the one of the bundle's head.
    pub(crate) fn is_root(&self, root: Option<Hash>) -> bool {
        self.head.is_some_and(|head| Some(head.root) == root)
    }

    /// What is left to say of heads once everything was read; of a file that breaks off, not what is missing from it.
    pub(crate) fn finish(&mut self, whole: bool, report: &mut Report) {
        let Some(now) = self.head else { return };
        let mut older = 0;
        for point in &mut self.points {
            let from = &point.from;
            match () {
                () if point.head == now => point.shown = true,
                () if point.head.size == now.size => report.broken("fork", Place::Whole, format!(
                    "{from} and the checkpoint of this file are both signed, over as many entries, and differ: \
                     the log was shown in two versions"
                )),
                () if point.head.size > now.size => report.broken("rollback or fork", Place::Whole, format!(
                    "{from} is over {}, the checkpoint of this file over {}: the file is older, the last entries were taken away, or \
                     it is another history; ask for one that is exported now, which tells them apart", entries(point.head.size), now.size
                )),
                () if point.shown => older += u64::from(!point.held),
                () if !whole => {}
                () if point.held => {
                    report.unanswered += 1;
                    report.unknown("held", format!(
                        "{from} is over {}, and nothing in this file leads from there to its head; \
                         ask for it with `kapell audit export … --held FILE`", entries(point.head.size)
                    ));
                }
                () => report.broken("consistency", Place::Member(from.clone()), "nothing leads from it to the head"),
            }
        }
        self.tell(older, report);
    }

    fn tell(&self, older: u64, report: &mut Report) {
        if older > 0 && !self.parted {
            report.holds(
                "heads",
                format!("the log only adds to {}", count(older, "older head", "older heads")),
            );
        }
        let held = self.points.iter().filter(|point| point.held && point.shown);
        let held: Vec<&str> = held.map(|point| point.from.as_str()).collect();
        match held.as_slice() {
            [] if self.points.iter().any(|point| point.held) => {}
            [] => report.unknown(
                "history",
                "whoever could write to the home may have taken heads away before this file was made, back to any older one or all of \
                them, and written anew whatever came after, which the host itself then signed; whoever holds the log's key could \
                have written another history from the beginning; only a checkpoint that somebody outside kept shows that, given \
                with --checkpoint",
            ),
            held if report.is_sound() => {
                report.holds("history", format!("the log only adds to {}", held.join(" and ")))
            }
            _ => {}
        }
    }
}

pub(crate) fn entries(number: u64) -> String {
    count(number, "entry", "entries")
}
