//! `replay`: recorded attempts done again and held against their record, out of a home or out of an exported file.

use crate::args::{Args, Replay};
use crate::commands::run::component;
use crate::commands::verify::exported;
use crate::compiling::compiler;
use crate::failure::Exit;
use crate::live::Advance;
use crate::output;
use crate::session::{Session, open, trial};
use kapell_home::{Bundle, HomeError, Kind, ReplayWish};
use kapell_journal::replay::{RunReplayed, Verdict};
use kapell_model::id::RunId;
use kapell_report::replay::{self, summary};
use kapell_verify::{Held, Line, Report};
use serde_json::json;
use std::path::Path;
use tempfile::TempDir;

pub(crate) async fn run(args: &Args, said: &Replay) -> anyhow::Result<Exit> {
    match said.runs.split_first() {
        Some((file, runs)) if is_file(Path::new(file)) => from_file(Path::new(file), runs, said, args).await,
        _ => from_home(&open(args).await?, said).await,
    }
}

/// Whether a file is meant and no run, which may have the name of a folder; what kind of file it is shows when it is opened.
fn is_file(path: &Path) -> bool {
    path.exists() && !path.is_dir()
}

async fn from_home(session: &Session, said: &Replay) -> anyhow::Result<Exit> {
    let runs = wanted(session, said)?;
    let with = said.with.as_deref().map(|file| session.home.stand_in(file, &component(file)?)).transpose()?;
    let wish = ReplayWish { step: said.step.clone(), with, unapproved: said.unapproved };
    let mut advance = Advance::over(Some(runs.len() as u64), session.json);
    let replayed = session.home.replay(&runs, &wish, |done| advance.done_again(done as u64)).await;
    advance.done();
    Ok(tell(&replayed?, &wish, session.json))
}

/// Out of a file, once it was checked. What is compiled for it goes when it is done.
async fn from_file(file: &Path, runs: &[String], said: &Replay, args: &Args) -> anyhow::Result<Exit> {
    let (report, digest) = exported(file, &Held::default())?;
    if !report.is_sound() {
        return Err(refused(file, &report).into());
    }
    let failed =
        |cause: std::io::Error| HomeError::new(Kind::Internal, format!("make a temporary folder: {cause}"));
    let compiled = TempDir::with_prefix("kapell-replay-").map_err(failed)?;
    let mut bundle = Bundle::open(file, &digest, compiler(), compiled.path().join("compiled"))?;
    bundle.hold_against(trial(args)?);
    let runs: Vec<RunId> = match runs {
        [] => bundle.runs().to_vec(),
        named => named.iter().map(|run| bundle.find_run(run)).collect::<Result<_, _>>()?,
    };
    let with = said.with.as_deref().map(|file| bundle.stand_in(file, &component(file)?)).transpose()?;
    let wish = ReplayWish { step: said.step.clone(), with, unapproved: said.unapproved };
    let mut advance = Advance::over(Some(runs.len() as u64), args.json);
    let replayed = bundle.replay(&runs, &wish, |done| advance.done_again(done as u64)).await;
    advance.done();
    Ok(tell(&replayed?, &wish, args.json))
}

/// Why nothing is done again from a file.
fn refused(file: &Path, report: &Report) -> HomeError {
    let file = file.display();
    let more = report.broken.len() as u64 + report.more_broken;
    // A changed entry also breaks the next one's link, and the digest of the part it stands in.
    let follows = |line: &&Line| matches!(line.what.as_str(), "chain" | "file");
    let first = report.broken.iter().find(|line| !follows(line)).or(report.broken.first());
    let first = first.map(Line::told).unwrap_or_default();
    let others = if more > 1 { format!("; and {} more", more - 1) } else { String::new() };
    HomeError::new(Kind::Integrity, format!("{file} does not hold: {first}{others}"))
        .hint(format!("nothing was run; `kapell verify {file}` tells all that was found"))
}

/// The runs that are named, else all that began in the period, oldest first.
fn wanted(session: &Session, said: &Replay) -> anyhow::Result<Vec<RunId>> {
    if !said.runs.is_empty() {
        let found = said.runs.iter().map(|run| session.home.find_run(run));
        return Ok(found.collect::<Result<_, _>>()?);
    }
    let since = said.since.as_deref().map(|since| session.home.since(since)).transpose()?;
    let rows = session.home.runs()?.into_iter().rev();
    Ok(rows.filter(|row| since.is_none_or(|since| row.started >= since)).map(|row| row.run).collect())
}

/// Says what it showed, and how the program ends by that.
fn tell(replayed: &[RunReplayed], wish: &ReplayWish, json: bool) -> Exit {
    match replayed {
        _ if json => output::json(&json!({ "schema": "kapell.replay/1", "runs": replayed })),
        [] => output::talk("there are no runs to do again"),
        [only] => {
            output::data(replay::run(only).trim_end());
            output::talk(&summary(replayed));
        }
        many => output::data(replay::runs(many).trim_end()),
    }
    let attempts = || replayed.iter().flat_map(|run| &run.attempts);
    let was_done_again = || attempts().any(|it| !matches!(it.verdict, Verdict::NotReplayable(_)));
    let is_astray = replayed.iter().any(|run| !run.astray.is_empty());
    match is_astray || attempts().any(|it| it.verdict.differs()) {
        true if wish.with.is_none() => Exit::Integrity,
        true => Exit::SkillError,
        // Nothing was shown, which must not pass for evidence.
        false if attempts().next().is_some() && !was_done_again() => Exit::SkillError,
        false => Exit::Ok,
    }
}
