//! The harness: sessions written in a README, run line by line and compared with what is printed there.
//!
//! A session is a block marked `console`: a line after `$ ` is given to the shell, a line after `> ` goes on with it,
//! and what stands below is what is said. Where a command does not end well, its exit code stands in the last line.
//! What differs from machine to machine is taken out of both texts before they are compared: instants, durations,
//! digests, fuel, money and sizes of memory. `SNAPSHOTS=overwrite` writes what was said into the README.

use crate::stage::Stage;
use regex::{Captures, Regex};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Runs the sessions of a README in a project and compares.
pub(crate) fn check(readme: &Path, stage: &Stage) {
    let written = fs::read_to_string(readme).unwrap();
    let said = perform(&written, stage);
    if steady(&said) == steady(&written) {
        return;
    }
    match std::env::var("SNAPSHOTS").as_deref() {
        Ok("overwrite") => fs::write(readme, said).unwrap(),
        _ => snapbox::assert_data_eq!(steady(&said), snapbox::IntoData::raw(steady(&written))),
    }
}

/// The README as it would read if it told what happens here.
fn perform(written: &str, stage: &Stage) -> String {
    let mut told = String::new();
    let mut lines = written.lines().peekable();
    let mut in_session = false;
    while let Some(line) = lines.next() {
        in_session = if in_session { line != "```" } else { line == "```console" };
        let Some(command) = line.strip_prefix("$ ").filter(|_| in_session) else {
            if !in_session || line == "```console" {
                told.push_str(line);
                told.push('\n');
            }
            continue;
        };
        let mut command = command.to_owned();
        let _ = writeln!(told, "{line}");
        while let Some(more) = lines.next_if(|line| line.starts_with("> ") || *line == ">") {
            let _ = writeln!(told, "{more}");
            command.push('\n');
            command.push_str(more.get(2..).unwrap_or_default());
        }
        told.push_str(&answer(&command, stage));
    }
    told
}

fn answer(command: &str, stage: &Stage) -> String {
    let said = stage.shell(command);
    let mut text = stage.as_written(&said.out);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if said.code != Some(0) {
        let _ = writeln!(text, "(exit {})", said.code.unwrap_or(-1));
    }
    text
}

/// A text without what differs from machine to machine, and without the padding that hangs on it.
pub(crate) fn steady(text: &str) -> String {
    const CHANGING: [(&str, &str); 13] = [
        (r"\b[0-9a-f]{64}\b", "DIGEST"),
        (r"\b[0-9a-f]{12}\b", "DIGEST"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\b", "INSTANT"),
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "INSTANT"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b", "MINUTE"),
        (r"\b\d{4}-\d\d-\d\d \(UTC\)", "DAY"),
        (r"\b\d\d:\d\d:\d\d\.\d{3}\b", "TIME"),
        (r"\b(\d+ min )?\d+(\.\d+)? (µs|ms|s)\b", "SPAN"),
        (r"\b\d+\.\d % of it\b", "PERCENT of it"),
        (r"\b\d+(\.\d+)? (B|KiB|MiB)\b", "SIZE"),
        (r"\bfuel \d+(,\d{3})*", "fuel FUEL"),
        (r"\b\d+(\.\d+)? EUR\b", "MONEY"),
        (r"\b\d+\.\d{4,}\b|\b\d{1,3}(,\d{3})+\b", "AMOUNT"),
    ];
    let taken = CHANGING.iter().fold(text.to_owned(), |text, (changing, name)| {
        Regex::new(changing).unwrap().replace_all(&text, *name).into_owned()
    });
    let padding = Regex::new(r"(\S) {2,}").unwrap();
    padding.replace_all(&taken, |found: &Captures<'_>| format!("{}  ", &found[1])).into_owned()
}

#[test]
fn what_differs_from_machine_to_machine_is_taken_out_and_nothing_else() {
    let line = "   3  10:02:03.120  facts   try 1: output \"10\"; fuel 1,204, 1.1 MiB, 12.5 ms, 2 crossings, 0.0001 EUR";
    assert_eq!(
        steady(line),
        "   3  TIME  facts  try 1: output \"10\"; fuel FUEL, SIZE, SPAN, 2 crossings, MONEY"
    );
    assert_eq!(steady("kapell:hello 1.0.0 (3f2a99c01b77)"), "kapell:hello 1.0.0 (DIGEST)");
}

#[test]
fn a_session_that_says_something_else_is_told_apart() {
    let stage = Stage::empty();
    let written =
        "# A page\n\n```console\n$ echo one\ntwo\n$ cat <<END; exit 3\n> three\n> END\n```\n\nText.\n";
    let said = "# A page\n\n```console\n$ echo one\none\n$ cat <<END; exit 3\n> three\n> END\nthree\n(exit 3)\n```\n\nText.\n";
    assert_eq!(perform(written, &stage), said);
    assert_eq!(perform(said, &stage), said);
}
