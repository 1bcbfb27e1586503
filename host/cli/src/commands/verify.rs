//! `verify`: checks evidence, whatever form it has: a file somebody exported, one run of a home, or all of it.
//!
//! A file is checked by the outsider's own code, which knows nothing of homes; a home by its own.

use crate::args::{Args, Verify};
use crate::failure::Exit;
use crate::output;
use crate::session::{Session, open, open_at, place};
use kapell_home::{At, Checked, Hashing, HomeError, Kind, open_regular, read_text};
use kapell_model::digest::Digest;
use kapell_verify::{Place, Report};
use std::io::{BufReader, Read as _};
use std::path::Path;

/// Most bytes of a key or a checkpoint.
const SMALL: u64 = 64 << 10;
/// How much of a file tells whether it is evidence.
const BEGINNING: u64 = 1024;

pub(crate) async fn run(args: &Args, asked: &Verify) -> anyhow::Result<Exit> {
    let report = match asked.what.as_deref().map(Path::new) {
        Some(path) if path.is_dir() => whole(&at(args, path).await?, asked)?,
        Some(path) if path.exists() => file(path, asked)?,
        Some(_) => one(&open(args).await?, asked)?,
        None => whole(&open(args).await?, asked)?,
    };
    match args.json {
        true => output::json(&report.json()),
        false => output::data(&report.text()),
    }
    // What was asked and is not answered is no success: nobody reads a text who goes by the exit code.
    Ok(if report.is_sound() && report.is_answered() { Exit::Ok } else { Exit::Integrity })
}

fn file(path: &Path, asked: &Verify) -> anyhow::Result<Report> {
    let held = kapell_verify::Held {
        key: asked.key.as_deref().map(key).transpose()?,
        checkpoints: checkpoints(asked)?.into_iter().map(|(name, note)| (name, note.into_bytes())).collect(),
    };
    Ok(exported(path, &held)?.0)
}

/// Checks an exported file; no home is looked for or made. With the digest of what was checked.
pub(crate) fn exported(path: &Path, held: &kapell_verify::Held) -> anyhow::Result<(Report, Digest)> {
    let failed = |cause: std::io::Error| HomeError::io("read", path, &cause);
    let mut file = open_regular(path)?;
    let mut beginning = Vec::new();
    file.by_ref().take(BEGINNING).read_to_end(&mut beginning).map_err(failed)?;
    if !kapell_verify::is_bundle(&beginning) {
        let error = HomeError::new(Kind::Invalid, format!("{} is no evidence of a journal", path.display()));
        return Err(error.hint("`kapell audit export RUN -o FILE` writes such a file").into());
    }
    let mut whole = BufReader::with_capacity(1 << 20, Hashing::new(beginning.as_slice().chain(file)));
    let progress = crate::live::slow("checking", path);
    let report = kapell_verify::verify(&mut whole, held);
    progress.done();
    let unread = |cause| HomeError::new(Kind::Invalid, format!("check {}: {cause}", path.display()));
    Ok((report.map_err(unread)?, whole.into_inner().digest()))
}

fn one(session: &Session, asked: &Verify) -> anyhow::Result<Report> {
    let run = session.home.find_run(asked.what.as_deref().unwrap_or_default())?;
    Ok(told(session.home.check_run(&run, &held(asked)?)?))
}

fn whole(session: &Session, asked: &Verify) -> anyhow::Result<Report> {
    let progress = crate::live::slow("checking", &session.home.place.folder());
    let checked = session.home.check_whole(&held(asked)?, |_, _| {});
    progress.done();
    Ok(told(checked?))
}

/// The home of a folder that was named: one that is there.
async fn at(args: &Args, folder: &Path) -> anyhow::Result<Session> {
    let folder = if folder.ends_with(".kapell") { folder.parent().unwrap_or(folder) } else { folder };
    let place = place(Some(folder))?;
    if !place.found {
        let error = HomeError::new(Kind::NotFound, format!("there is no home in {}", folder.display()));
        return Err(error.into());
    }
    open_at(args, place).await
}

fn held(asked: &Verify) -> anyhow::Result<kapell_home::Held> {
    let key = asked.key.as_deref().map(key).transpose()?.map(|text| text.trim().parse());
    let key = key
        .transpose()
        .map_err(|error| HomeError::new(Kind::Argument, format!("the key you gave: {error}")))?;
    Ok(kapell_home::Held { key, checkpoints: checkpoints(asked)? })
}

/// A key, or the file it stands in.
fn key(said: &str) -> Result<String, HomeError> {
    let path = Path::new(said);
    if path.exists() || !said.contains('+') { read_text(path, SMALL) } else { Ok(said.into()) }
}

fn checkpoints(asked: &Verify) -> Result<Vec<(String, String)>, HomeError> {
    let read = asked.checkpoint.iter().map(|path| Ok((path.display().to_string(), read_text(path, SMALL)?)));
    read.collect()
}

/// What a home found of itself, told as evidence is.
pub(crate) fn told(checked: Checked) -> Report {
    let mut report = Report { about: checked.about, entries: checked.entries, ..Report::default() };
    checked.holds.into_iter().for_each(|(what, words)| report.holds(what, words));
    for fault in checked.broken {
        let place = match fault.at {
            At::Whole => Place::Whole,
            At::Entry(run, seq, leaf) => Place::Entry { run: Some(run.to_string()), seq, leaf },
            At::Leaves(from, to) => Place::Leaves(from, to),
        };
        report.broken(fault.what, place, fault.words);
    }
    checked.unknown.into_iter().for_each(|(what, words)| report.unknown(what, words));
    report
}
