//! What a user would take instead: a native process for each step, on the same bytes.

use crate::bare::{Bare, Setting};
use crate::guests;
use crate::rounds::{interleaved, per_unit};
use crate::step::one_thread;
use crate::table::{self, Goal};
use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

const ROUNDS: usize = 15;
const CALLS: u32 = 20;

/// Prints the group: `cat` is as trivial as a native program that answers can be.
pub(crate) fn print() -> Result<()> {
    let (tokio, text) = (one_thread()?, guests::text(0));
    let bare = Bare::new(&guests::echo()?, Setting { fuel: true, ..Setting::default() })?;
    let echoes = || (0..CALLS).try_for_each(|_| tokio.block_on(bare.echo(&text)).map(drop));
    let spawns = || (0..CALLS).try_for_each(|_| spawned(&text));
    let [base, process] =
        interleaved(ROUNDS, [Box::new(|| per_unit(CALLS, echoes)), Box::new(|| per_unit(CALLS, spawns))])?;
    table::group("A process for each step instead");
    let ratio = process.ratio_to(&base);
    table::against(
        "`cat` on the same bytes, to base",
        &table::time(process.median()),
        ratio,
        Goal::AtLeast(50.0),
    );
    Ok(())
}

fn spawned(text: &str) -> Result<()> {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("its input")?.write_all(text.as_bytes())?;
    let mut answer = String::new();
    child.stdout.take().context("its output")?.read_to_string(&mut answer)?;
    ensure!(child.wait()?.success() && answer == text, "`cat` answers what it was given");
    Ok(())
}
