//! `replay`: recorded attempts done again and held against their record.

use crate::args::Replay;
use crate::commands::run::component;
use crate::failure::Exit;
use crate::live::Advance;
use crate::output;
use crate::session::Session;
use kapell_home::ReplayWish;
use kapell_journal::replay::RunReplayed;
use kapell_model::id::RunId;
use kapell_report::replay::{self, summary};
use serde_json::json;

pub(crate) async fn run(session: &Session, said: &Replay) -> anyhow::Result<Exit> {
    let runs = wanted(session, said)?;
    if runs.is_empty() {
        output::talk("there are no runs to do again");
        return Ok(Exit::Ok);
    }
    let with = said.with.as_deref().map(|file| session.home.stand_in(file, &component(file)?)).transpose()?;
    let wish = ReplayWish { step: said.step.clone(), with };
    let mut advance = Advance::over(Some(runs.len() as u64), session.json);
    let replayed = session.home.replay(&runs, &wish, |done| advance.done_again(done as u64)).await;
    advance.done();
    let replayed = replayed?;
    tell(session, &replayed);
    Ok(match replayed.iter().flat_map(|run| &run.attempts).any(|it| it.verdict.differs()) {
        false => Exit::Ok,
        true if wish.with.is_some() => Exit::SkillError,
        true => Exit::Integrity,
    })
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

fn tell(session: &Session, replayed: &[RunReplayed]) {
    match replayed {
        _ if session.json => output::json(&json!({ "schema": "kapell.replay/1", "runs": replayed })),
        [only] => {
            output::data(replay::run(only).trim_end());
            output::talk(&summary(replayed));
        }
        many => output::data(replay::runs(many).trim_end()),
    }
}
