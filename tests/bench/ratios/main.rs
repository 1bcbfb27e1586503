//! What the house costs, as ratios against the bare parts that ran interleaved in the same process.
//!
//! Prints a table and asserts nothing: a machine's noise is no reason to fail a build. Reading order: [`rounds`]
//! measures, [`bare`] is the engine alone, [`house`] is the product put together; then one file a group of rows:
//! [`step`], [`durable`], [`interrupt`], [`outside`], [`process`], [`memory`].

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod bare;
mod durable;
mod guests;
mod house;
mod interrupt;
mod memory;
mod outside;
mod process;
mod rounds;
mod step;
mod table;

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [step::GROUP] => step::print(),
        [step::AROUND, rounds] => step::around(rounds.parse()?),
        [step::WITHIN, rounds] => step::within(rounds.parse()?),
        // Memory is measured in a child, where no compiler has left its own behind.
        [memory::SKILLS, dir] => memory::hold_skills(Path::new(dir)),
        [memory::RUNS, dir] => memory::hold_runs(Path::new(dir)),
        _ => everything(),
    }
}

fn everything() -> anyhow::Result<()> {
    table::head();
    step::print()?;
    durable::print()?;
    interrupt::print()?;
    outside::print()?;
    process::print()?;
    memory::print()
}
