//! Takes away one control of the host at a time and looks whether the test that guards it dies.
//!
//! A test that passes with its control removed guards nothing. The list `tests/mutations.toml` names for each control
//! the edit that removes it and the test; `cargo run -p kapell-mutations [WORD…]` tries all of them, or those whose
//! control or test holds one of the words, in a copy of the workspace under `target/mutations`. It never edits the
//! workspace itself. Exit code 1 when a test survives, or when an edit does not compile and so shows nothing.
#![allow(clippy::print_stdout, reason = "it is a program, and the table is what it is for")]

mod copy;
mod list;
mod trial;

use copy::Copy;
use list::Mutation;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use trial::{Trials, Verdict};

fn main() -> anyhow::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let workspace = workspace();
    let list = list::read(&workspace)?;
    let wanted: Vec<&Mutation> = list.iter().filter(|mutation| is_wanted(mutation, &words)).collect();
    let copy = Copy::of(&workspace)?;
    let mut trials = Trials::new(&copy, workspace.join("target/mutations/build"));
    let mut shown = 0;
    for mutation in &wanted {
        let verdict = trials.try_one(mutation)?;
        shown += usize::from(verdict == Verdict::Died);
        println!("{:16} {} ({})", verdict.word(), mutation.control, mutation.test);
    }
    println!("{shown} of {} controls are shown by a test that dies without them", wanted.len());
    Ok(if shown == wanted.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_wanted(mutation: &Mutation, words: &[String]) -> bool {
    let named = |word: &String| mutation.control.contains(word) || mutation.test.contains(word);
    words.is_empty() || words.iter().any(named)
}

/// The folder of the workspace this program was built from.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf()
}
