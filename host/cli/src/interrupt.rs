//! Ctrl-C while runs go on: whoever pressed it reads what was cut off and how it goes on. Where a question is asked it is a
//! key like any other, see [`crate::ask`]; where nothing goes on it does what it always does.

use crate::failure::{Exit, error_json};
use crate::output;
use anyhow::Context as _;
use kapell_journal::fold::RunState;
use kapell_model::id::RunId;
use kapell_report::plain::number;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What goes on in this process, for whoever cuts it off.
#[derive(Default)]
pub(crate) struct UnderWay {
    runs: Mutex<BTreeSet<RunId>>,
    /// Whether a batch goes on, which tells how far it has come by itself.
    is_batch: AtomicBool,
    cut_off: Notify,
}

impl UnderWay {
    /// A run goes on as long as it is neither over nor waits.
    pub(crate) fn saw(&self, state: &RunState) {
        let Ok(mut runs) = self.runs.lock() else { return };
        if state.ended.is_some() || state.question.is_some() {
            runs.remove(&state.run);
        } else if !runs.contains(&state.run) {
            runs.insert(state.run.clone());
        }
    }

    /// Waits until a batch is cut off; from now on the first Ctrl-C only says so here.
    pub(crate) async fn batch_cut_off(&self) {
        self.is_batch.store(true, Ordering::Relaxed);
        self.cut_off.notified().await;
    }

    /// What is said of the runs that are cut off now, and how they go on; none where none is.
    pub(crate) fn words(&self, program: &str) -> Option<(String, String)> {
        let runs = self.runs.lock().ok()?;
        let mut names = runs.iter();
        Some(match (names.next()?, names.next()) {
            (run, None) => (
                format!("{run} is cut off"),
                format!("the next command goes on with it; `{program} runs cancel {run}` stops it"),
            ),
            _ => (
                format!("{} runs are cut off", number(runs.len() as u64)),
                "the next command goes on with them".into(),
            ),
        })
    }
}

/// Listens for Ctrl-C from now on.
pub(crate) fn listen(under_way: &Arc<UnderWay>, program: String, json: bool) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT]).context("listen for Ctrl-C")?;
    let under_way = Arc::clone(under_way);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            // Whoever presses it once more does not want to wait for the batch.
            if under_way.is_batch.swap(false, Ordering::Relaxed) {
                under_way.cut_off.notify_one();
                continue;
            }
            if let Some(words) = under_way.words(&program) {
                tell(&words, json);
                std::process::exit(Exit::Interrupted as i32);
            }
            // As if nobody had listened; where that can't be done the command goes on.
            let _ = emulate_default_handler(signal);
        }
    });
    Ok(())
}

/// Says it, as an error where a program listens.
pub(crate) fn tell((what, how): &(String, String), json: bool) {
    match json {
        true => output::json(&error_json(Exit::Interrupted, what, Some(how))),
        false => output::talk(&format!("{what}; {how}")),
    }
}
