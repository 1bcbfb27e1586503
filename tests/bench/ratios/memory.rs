//! Memory of what only lies there: a skill nobody calls, a run that waits for a person.
//!
//! Each is held by a child of this program, which says what its own memory grew by: private bytes, because pages of
//! a mapped file are the system's to take back.

use crate::guests;
use crate::house::{self, conductor, drive};
use crate::step::one_thread;
use crate::table;
use anyhow::{Context, Result, ensure};
use kapell_model::seam::Performer;
use kapell_store::{Durability, Options, SqliteStore};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// The argument that makes this program hold skills.
pub(crate) const SKILLS: &str = "hold-skills";
/// The argument that makes this program hold waiting runs.
pub(crate) const RUNS: &str = "hold-runs";

const SKILLS_HELD: u32 = 100;
const RUNS_HELD: u32 = 1_000;
/// Held before counting begins, so that what the first ones bring for all is not counted.
const BEFORE: u32 = 20;

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    let dir = house::folder()?;
    let sandbox = house::sandbox(dir.path())?;
    for number in 0..BEFORE + SKILLS_HELD {
        house::install(&sandbox, "bench:echo", &guests::distinct_echo(number)?)?;
    }
    table::group("Memory at rest, private to the process");
    table::shown("an installed skill that was called once", &grown(SKILLS, dir.path())?, None);
    table::shown("a run that waits for a person", &grown(RUNS, dir.path())?, None);
    Ok(())
}

fn grown(what: &str, dir: &Path) -> Result<String> {
    let child = Command::new(std::env::current_exe()?).arg(what).arg(dir).output()?;
    ensure!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let bytes: f64 = String::from_utf8(child.stdout)?.trim().parse().context("a child says a number")?;
    Ok(table::kib(bytes))
}

/// Maps skills whose compiled forms lie in `dir`, calls each once, and says how many bytes each added.
pub(crate) fn hold_skills(dir: &Path) -> Result<()> {
    let (tokio, sandbox) = (one_thread()?, house::sandbox(dir)?);
    let call = |number| {
        let skill = house::install(&sandbox, "bench:echo", &guests::distinct_echo(number)?)?;
        tokio.block_on(sandbox.perform(skill.job(json!({ "text": "once" }))))?;
        Ok(())
    };
    report(SKILLS_HELD, call)
}

/// Starts runs that wait, and says how many bytes each added.
pub(crate) fn hold_runs(dir: &Path) -> Result<()> {
    let tokio = one_thread()?;
    let sandbox = Arc::new(house::sandbox(dir)?);
    let options = Options { durability: Durability::Unsynced };
    let store = Arc::new(SqliteStore::open_with(&dir.join("waiting"), options)?);
    let owner = store.new_owner()?;
    let (conductor, program) = (conductor(&sandbox, &store, owner.owner()), house::asking()?);
    report(RUNS_HELD, |number| {
        let standing = tokio.block_on(drive(&conductor, &program, number.into()))?;
        ensure!(standing.state.question.is_some(), "the run asks");
        Ok(())
    })
}

fn report(held: u32, mut hold: impl FnMut(u32) -> Result<()>) -> Result<()> {
    (0..BEFORE).try_for_each(&mut hold)?;
    let before = private_bytes()?;
    (BEFORE..BEFORE + held).try_for_each(&mut hold)?;
    println!("{}", (private_bytes()? - before) / f64::from(held));
    Ok(())
}

/// Memory of this process that is shared with nobody.
fn private_bytes() -> Result<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").context("only Linux says")?;
    let lines = rollup.lines().filter(|line| line.starts_with("Private_"));
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok());
    Ok(lines.filter_map(kib).sum::<f64>() * 1024.0)
}
