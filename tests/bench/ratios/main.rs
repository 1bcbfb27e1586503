//! What the house costs, as ratios against the bare parts that ran interleaved in the same process.
//!
//! Prints a table and asserts nothing: a machine's noise is no reason to fail a build. Reading order: [`rounds`]
//! measures, [`bare`] and [`bare_files`] are the engine alone, [`house`] is the product put together; then one file a
//! group of rows: [`step`], [`unused`], [`durable`], [`interrupt`], [`files`], [`outside`], [`review`], [`report`],
//! [`many`], [`growth`], [`proof`], [`process`], [`memory`].

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod bare;
mod bare_files;
mod durable;
mod files;
mod growth;
mod guests;
mod house;
mod interrupt;
mod many;
mod memory;
mod outside;
mod process;
mod proof;
mod report;
mod review;
mod rounds;
mod step;
mod table;
mod unused;

use std::path::Path;

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [step::GROUP] => step::print(),
        [unused::GROUP] => unused::print(),
        [interrupt::GROUP] => interrupt::print(),
        [files::GROUP] => files::print(),
        [review::GROUP] => review::print(),
        [report::GROUP] => report::print(),
        [many::GROUP] => many::print(),
        [growth::GROUP] => growth::print(),
        [proof::GROUP] => proof::print(),
        [step::AROUND, rounds] => step::around(rounds.parse()?),
        [step::WITHIN, rounds] => step::within(rounds.parse()?),
        [step::WHOLE, rounds] => step::whole(rounds.parse()?),
        // Memory is measured in a child, where no compiler has left its own behind.
        [memory::SKILLS, dir] => memory::hold_skills(Path::new(dir)),
        [memory::RUNS, dir] => memory::hold_runs(Path::new(dir)),
        [many::PEAK, runs, dir] => many::say_peak(runs.parse()?, Path::new(dir)),
        [growth::START, dir] => growth::start_home(Path::new(dir)),
        _ => everything(),
    }
}

fn everything() -> anyhow::Result<()> {
    table::head();
    step::print()?;
    unused::print()?;
    durable::print()?;
    interrupt::print()?;
    files::print()?;
    outside::print()?;
    review::print()?;
    report::print()?;
    many::print()?;
    growth::print()?;
    proof::print()?;
    process::print()?;
    memory::print()
}
