//! The outsider's program: one file in, what holds and what does not out.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it found; nothing else of this crate does"
)]

use kapell_verify::{Held, Report, verify};
use lexopt::{Arg, Parser, ValueExt as _};
use std::fs::{self, File};
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Checks evidence that was exported from a Kapell journal, without the journal and without its host

Usage: kapell-verify [--json] [--key FILE|KEY] [--checkpoint FILE]... BUNDLE

  --key FILE|KEY      the journal's key as you were given it, another way than with the bundle
  --checkpoint FILE   a checkpoint of the journal that you were given earlier; may be given several times
  --json              answer with one JSON object

Exit codes: 0 it holds, 1 it does not hold, 2 it can't be read, 3 it holds as far as it goes: no key was given, or it does not
lead on from a checkpoint you gave, 64 usage";

/// Most bytes of a key or a checkpoint.
const SMALL: u64 = 64 << 10;

const BROKEN: u8 = 1;
const UNREADABLE: u8 = 2;
const UNANSWERED: u8 = 3;
const USAGE: u8 = 64;

/// What was asked for.
#[derive(Default)]
struct Asked {
    bundle: PathBuf,
    json: bool,
    key: Option<String>,
    checkpoints: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let asked = match asked(Parser::from_env()) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("error: {error}\nhint: see --help");
            return ExitCode::from(USAGE);
        }
    };
    match check(&asked) {
        Ok(report) => ExitCode::from(match (report.is_sound(), report.is_answered()) {
            (false, _) => BROKEN,
            (true, true) => 0,
            (true, false) => UNANSWERED,
        }),
        Err(error) => {
            match asked.json {
                true => {
                    let told = serde_json::json!({ "schema": "kapell.verify/1", "error": error });
                    say(&format!("{told:#}")).unwrap_or_else(|unsaid| eprintln!("error: {unsaid}"));
                }
                false => eprintln!("error: {error}"),
            }
            ExitCode::from(UNREADABLE)
        }
    }
}

fn asked(mut arguments: Parser) -> Result<Option<Asked>, lexopt::Error> {
    let (mut asked, mut bundle) = (Asked::default(), None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long("json") => asked.json = true,
            Arg::Long("key") => asked.key = Some(arguments.value()?.string()?),
            Arg::Long("checkpoint") => asked.checkpoints.push(arguments.value()?.into()),
            Arg::Value(path) if bundle.is_none() => bundle = Some(path.into()),
            other => return Err(other.unexpected()),
        }
    }
    asked.bundle = bundle.ok_or("no bundle is named")?;
    Ok(Some(asked))
}

/// What was found, once it was told.
fn check(asked: &Asked) -> Result<Report, String> {
    let held = held(asked)?;
    let failed = |cause: &dyn std::fmt::Display| format!("check {}: {cause}", asked.bundle.display());
    let file = regular(&asked.bundle).map_err(|cause| failed(&cause))?;
    let report = verify(BufReader::with_capacity(1 << 20, file), &held).map_err(|cause| failed(&cause))?;
    say(&if asked.json { format!("{:#}", report.json()) } else { report.text() })?;
    Ok(report)
}

/// Whoever reads no further has read enough; an answer that nobody can read is none.
fn say(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("print the answer: {cause}"))
        }
        _ => Ok(()),
    }
}

/// A file that ends: a pipe would be waited on for ever.
fn regular(path: &Path) -> std::io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(std::io::Error::other("it is no regular file")),
    }
}

fn held(asked: &Asked) -> Result<Held, String> {
    let key = match &asked.key {
        // A key has `+` in it, which few paths have; where both are possible the file is meant.
        Some(said) if !Path::new(said).exists() && said.contains('+') => Some(said.clone()),
        Some(path) => Some(String::from_utf8_lossy(&small(Path::new(path))?).into_owned()),
        None => None,
    };
    let checkpoints = asked.checkpoints.iter().map(|path| Ok((path.display().to_string(), small(path)?)));
    Ok(Held { key, checkpoints: checkpoints.collect::<Result<_, String>>()? })
}

fn small(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |cause: std::io::Error| format!("read {}: {cause}", path.display());
    let mut bytes = Vec::new();
    regular(path).map_err(failed)?.take(SMALL + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > SMALL {
        true => Err(format!("{} is too large for a key or a checkpoint", path.display())),
        false => Ok(bytes),
    }
}
