//! How long one waits for the measures of a flow, by how many entries its journal has.
//!
//! One run is driven for real; the others are its entries, sealed anew under their own ids and instants.

use crate::guests;
use crate::house::{self, conductor, drive_through, fixed};
use crate::step::one_thread;
use crate::table::{self, Goal};
use anyhow::{Context, Result, ensure};
use kapell_home::{Home, Options as HomeOptions, Place};
use kapell_journal::chain;
use kapell_journal::content::Content;
use kapell_journal::entry::Entry;
use kapell_journal::fold::RunState;
use kapell_journal::seam::{Commit, Journals as _, Owner};
use kapell_model::quantity::Timestamp;
use kapell_model::writes::HeldWrites;
use kapell_store::{Durability, Options, SqliteStore};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "report";

const SIZES: [u64; 2] = [1_000, 1_000_000];
/// How long a report may take, the opening of its home included.
const REPORT_MAX: Duration = Duration::from_secs(5);
/// Steps of a run, and the time between the beginnings of two.
const STEPS: u32 = 2;
const APART: u64 = 6_000;

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    table::group("The measures of a flow, from its whole journal");
    for entries in SIZES {
        let folder = house::folder()?;
        let runs = fill(folder.path(), entries)?;
        let took = report(folder.path(), runs)?;
        let name = format!("a report over {entries} entries of {runs} runs");
        let ratio = took.as_secs_f64() / REPORT_MAX.as_secs_f64();
        table::against(&name, &table::time(took), ratio, Goal::AtMost(1.0));
    }
    Ok(())
}

fn report(folder: &Path, runs: u64) -> Result<Duration> {
    let began = Instant::now();
    let options = HomeOptions { compiler: Some(house::compiler()), ..HomeOptions::default() };
    let home = Home::open(Place::at(folder)?, options)?;
    let measures = home.measures(&fixed("bench"), None, |_, _| {})?;
    let took = began.elapsed();
    ensure!(measures.velocity.outcomes.n == runs, "every run counts once");
    Ok(took)
}

/// Fills the store of the home in a folder with so many entries or a few more; how many runs they are.
fn fill(folder: &Path, entries: u64) -> Result<u64> {
    let (tokio, sandbox) = (one_thread()?, Arc::new(house::sandbox(folder)?));
    let options = Options { durability: Durability::Unsynced };
    let store = Arc::new(SqliteStore::open_with(&folder.join(".kapell"), options)?);
    let owner = store.new_owner()?;
    let skill = house::install(&sandbox, "bench:echo", &guests::distinct_echo(0)?)?;
    let (conductor, program) = (conductor(&sandbox, &store, owner.owner()), skill.program(STEPS)?);
    let driven = tokio.block_on(drive_through(&conductor, &program, 0))?;
    let first = store.entries(&driven.state.run)?;
    let kept = house::kept_by(&store, &driven.state.run, &first)?;
    let runs = entries.div_ceil(first.len() as u64);
    for nth in 1..runs {
        let commit = again(&store, owner.owner(), (&first, &kept), nth * APART)?;
        tokio.block_on(store.commit(commit))?;
    }
    Ok(runs)
}

/// The same run, so much earlier.
fn again(
    store: &SqliteStore,
    owner: &Owner,
    (entries, kept): (&[Entry], &[Content]),
    earlier: u64,
) -> Result<Commit> {
    let run = store.next_id(&fixed("bench"))?;
    let expected = store.claim(&run, owner)?;
    let mut head = expected;
    let seal = |entry: &Entry| {
        let at = Timestamp(entry.at.0.saturating_sub(earlier));
        chain::seal(&run, &mut head, at, entry.body.clone())
    };
    let sealed = entries.iter().map(seal).collect::<Result<Vec<_>, _>>()?;
    let (first, rest) = sealed.split_first().context("a run has entries")?;
    let mut state = RunState::begin(first.entry()).context("a run begins with its start")?;
    rest.iter().try_for_each(|entry| state.apply(entry.entry()))?;
    let (row, writes, blobs) = (state.row(), HeldWrites::default(), kept.to_vec());
    let (charges, bounds) = (Vec::new(), Vec::new());
    let (writes_private, erased, dropped) = (false, BTreeSet::new(), BTreeSet::new());
    Ok(Commit {
        run,
        expected,
        entries: sealed,
        blobs,
        shared: Vec::new(),
        writes,
        writes_private,
        erased,
        dropped,
        row,
        charges,
        bounds,
    })
}
