//! Live lines of a run: what the person sees while it goes on.

use crate::interrupt::UnderWay;
use crate::output;
use kapell_home::{Known, Watcher};
use kapell_journal::entry::Entry;
use kapell_journal::fold::RunState;
use kapell_report::live::Lines;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Prints a line for each entry that a person wants to see at once.
pub(crate) struct Live {
    talks: bool,
    lines: Mutex<Lines>,
    under_way: Arc<UnderWay>,
}

impl Live {
    pub(crate) fn new(talks: bool, under_way: Arc<UnderWay>) -> Self {
        Self { talks, lines: Mutex::default(), under_way }
    }
}

impl Watcher for Live {
    fn saw(&self, entry: &Entry, state: &RunState, known: &Known) {
        self.under_way.saw(state);
        if !self.talks {
            return;
        }
        let Ok(mut lines) = self.lines.lock() else { return };
        if let Some(line) = lines.told(entry, state, &|named| known.get(named).map(|it| (*it).clone())) {
            output::talk(&line);
        }
    }
}

/// Work that may take over a second: after that a bar is shown, on a terminal only.
pub(crate) struct Slow {
    shared: Arc<Shared>,
    bar: Option<std::thread::JoinHandle<()>>,
}

/// What the one who works tells the one who draws.
#[derive(Default)]
struct Shared {
    finished: AtomicBool,
    done: AtomicU64,
    /// 0 as long as nobody knows.
    of: AtomicU64,
}

/// Begins such work.
pub(crate) fn slow(doing: &'static str, what: &std::path::Path) -> Slow {
    let shared = Arc::new(Shared::default());
    let (seen, words) = (shared.clone(), format!("{doing} {}", what.display()));
    let bar = output::talks_to_terminal().then(|| {
        std::thread::spawn(move || {
            std::thread::park_timeout(std::time::Duration::from_secs(1));
            if !seen.finished.load(Ordering::Acquire) {
                draw(&seen, words);
            }
        })
    });
    Slow { shared, bar }
}

/// A spinner, or a bar once it is known how much there is to do.
fn draw(seen: &Shared, words: String) {
    let bar = indicatif::ProgressBar::new_spinner().with_message(words);
    while !seen.finished.load(Ordering::Acquire) {
        let (done, of) = (seen.done.load(Ordering::Relaxed), seen.of.load(Ordering::Relaxed));
        if of > 0 && bar.length() != Some(of) {
            bar.set_length(of);
            if let Ok(style) =
                indicatif::ProgressStyle::with_template("{msg} {wide_bar} {percent} %, {eta} left")
            {
                bar.set_style(style);
            }
        }
        bar.set_position(done);
        bar.tick();
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    bar.finish_and_clear();
}

impl Slow {
    /// So much of so much is done.
    pub(crate) fn reached(&self, done: u64, of: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
        self.shared.of.store(of, Ordering::Relaxed);
    }

    /// The work is done.
    pub(crate) fn done(self) {
        self.shared.finished.store(true, Ordering::Release);
        if let Some(bar) = self.bar {
            bar.thread().unpark();
            // A bar that could not be drawn is no reason to fail.
            let _ = bar.join();
        }
    }
}

/// How far many runs have come: a bar on a terminal, else a line now and then.
pub(crate) struct Advance {
    bar: Option<indicatif::ProgressBar>,
    talks: bool,
    told: u64,
}

/// Lines between two that are told where nobody watches a bar.
const STRIDE: u64 = 1_000;

impl Advance {
    /// Begins; `bytes` is the length of what is read, where it is known.
    pub(crate) fn over(bytes: Option<u64>, json: bool) -> Self {
        let bar = (!json && output::talks_to_terminal()).then(|| match bytes {
            Some(bytes) => {
                let style = indicatif::ProgressStyle::with_template("{wide_bar} {msg}, {eta} left");
                let bar = indicatif::ProgressBar::new(bytes);
                style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
            }
            None => indicatif::ProgressBar::new_spinner(),
        });
        Self { talks: !json && bar.is_none(), bar, told: 0 }
    }

    /// So many bytes are read, so many lines have come to rest, so many of them wait.
    pub(crate) fn reached(&mut self, bytes: u64, lines: u64, waiting: u64) {
        let words = || {
            let number = kapell_report::plain::number;
            let noun = if lines == 1 { "line" } else { "lines" };
            format!("{} {noun}, {} waiting", number(lines), number(waiting))
        };
        if let Some(bar) = &self.bar {
            bar.set_message(words());
            bar.set_position(bytes);
        } else if self.talks && lines >= self.told + STRIDE {
            self.told = lines;
            output::talk(&words());
        }
    }

    /// So many runs are done again.
    pub(crate) fn done_again(&mut self, runs: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} runs", kapell_report::plain::number(runs)));
            bar.set_position(runs);
        }
    }

    /// The batch has come to rest.
    pub(crate) fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
