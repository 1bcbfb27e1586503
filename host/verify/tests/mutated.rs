//! Thousands of files of evidence that were changed at random, always the same ones: checking one ends, without a panic, and
//! never well, unless what was changed is bound to nothing. `KAPELL_FUZZ_MINUTES` goes on from another seed for so long.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests stop at the first surprise and say how far they came"
)]

mod parts;

use kapell_verify::{Held, verify};
use parts::{LOG, RUN, SINCE, apart, together};
use std::panic::catch_unwind;
use std::thread;
use std::time::{Duration, Instant};

const KEY: &str = include_str!("corpus/log.pub");
const OLDER: &[u8] = include_bytes!("corpus/older.checkpoint");
/// Files of each of two threads, where nobody asks for more.
const FILES: u64 = 4_000;

/// What numbers, lengths and letters turn over at.
const EDGES: &[u8] = &[0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xc0, 0xff];
/// What texts of ours are held together by.
const GRAMMAR: &[u8] = b"{}[]\",:0123456789-+./ \n\\";

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A byte that something turns on, or any.
    fn byte(&mut self) -> u8 {
        match self.below(3) {
            0 => EDGES[self.below(EDGES.len())],
            1 => GRAMMAR[self.below(GRAMMAR.len())],
            _ => self.next() as u8,
        }
    }

    /// One change of some bytes.
    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let length = self.below(64).min(bytes.len() - at);
        let from = self.below(other.len());
        let to = other.len().min(from + self.below(600));
        match self.below(7) {
            _ if bytes.is_empty() => bytes.push(self.byte()),
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.byte(),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let again = bytes[at..at + length].to_vec();
                drop(bytes.splice(at..at, again));
            }
            4 => drop(bytes.splice(at..at, other[from..to].iter().copied())),
            5 => bytes.truncate(at),
            _ => {
                let more = (0..self.below(9)).map(|_| self.byte()).collect::<Vec<_>>();
                drop(bytes.splice(at..at + length, more));
            }
        }
    }

    /// A file that was changed, and whether something that is bound was.
    fn file(&mut self) -> (Vec<u8>, bool) {
        let (original, other) = ([RUN, LOG, SINCE][self.below(3)], [RUN, LOG, SINCE][self.below(3)]);
        if self.below(2) == 0 {
            let mut file = original.to_vec();
            (0..=self.below(4)).for_each(|_| self.change(&mut file, other));
            let differs = file != original;
            return (file, differs);
        }
        // Below the tar and its digests, which are mended.
        let mut parts = apart(original);
        let at = self.below(parts.len() - 1);
        (0..=self.below(3)).for_each(|_| self.change(&mut parts[at].1, other));
        let free = |name: &str| {
            name == "README"
                || name == "approvals.toml"
                || name.starts_with("manifests/")
                || name == "SHA256SUMS"
        };
        let file = together(&parts);
        let differs = file != original && !free(&parts[at].0);
        (file, differs)
    }
}

/// Checks files from a seed on, for so many or so long; how many.
fn checked(seed: u64, goes_on: impl Fn(u64) -> bool) -> u64 {
    let held = Held { key: Some(KEY.into()), checkpoints: vec![("older".into(), OLDER.to_vec())] };
    let (mut random, mut files) = (Random(seed), 0);
    while goes_on(files) {
        let (file, differs) = random.file();
        let told = catch_unwind(|| verify(file.as_slice(), &held))
            .unwrap_or_else(|_| panic!("seed {seed}, file {files}"));
        let sound = told.is_ok_and(|report| report.is_sound());
        assert!(!(sound && differs), "seed {seed}, file {files} holds");
        files += 1;
    }
    files
}

#[test]
fn no_changed_file_makes_it_panic_or_holds() {
    let minutes = std::env::var("KAPELL_FUZZ_MINUTES").ok().and_then(|minutes| minutes.parse::<f64>().ok());
    let began = Instant::now();
    let seeds = match minutes {
        None => [1, 2],
        Some(_) => [1, 2].map(|thread| thread + (u64::from(std::process::id()) << 20)),
    };
    let files: u64 = thread::scope(|scope| {
        let at_work = seeds.map(|seed| {
            scope.spawn(move || match minutes {
                None => checked(seed, |files| files < FILES),
                Some(minutes) => {
                    let most = Duration::from_secs_f64(minutes * 60.0);
                    checked(seed, |_| began.elapsed() < most)
                }
            })
        });
        at_work.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    eprintln!("{files} files, from seeds {seeds:?}");
}
