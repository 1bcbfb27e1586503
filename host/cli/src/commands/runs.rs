//! `runs`: list, show, resume, cancel.

use crate::args::Runs;
use crate::commands::explain;
use crate::commands::run::tell;
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use kapell_home::{HomeError, Kind};
use kapell_journal::entry::{BlobRef, RunEnding};
use kapell_report::cost::listed;
use kapell_report::log::{self, instant, rfc3339};
use kapell_report::plain;
use serde_json::json;

pub(crate) async fn run(session: &Session, runs: &Runs) -> anyhow::Result<Exit> {
    match runs {
        Runs::List => list(session),
        Runs::Show { run, why, private } => match (run, why) {
            (Some(run), None) => show(session, run, *private),
            (Some(run), Some(step)) => explain::tell(session, run, step.as_deref(), None, *private),
            // What is named behind `--why` alone is the run.
            (None, Some(Some(run))) => explain::tell(session, run, None, None, *private),
            (None, _) => Err(HomeError::new(Kind::Argument, "no run is named")
                .hint("a run id, a prefix only one run has, or `last`")
                .into()),
        },
        Runs::Resume { run } => {
            let finished = session.home.resume(&session.home.find_run(run)?).await?;
            Ok(tell(session, &finished, false))
        }
        Runs::Cancel { run, reason } => {
            let run = session.home.find_run(run)?;
            let finished = session.home.cancel(&run, &session.user, reason).await?;
            let exit = tell(session, &finished, false);
            let cancelled =
                finished.standing.state.ended.as_ref().is_some_and(|it| it.state == RunEnding::Cancelled);
            Ok(if cancelled { Exit::Ok } else { exit })
        }
    }
}

fn list(session: &Session) -> anyhow::Result<Exit> {
    let rows = session.home.runs()?;
    if session.json {
        let runs = rows.iter().map(|row| {
            json!({
                "run": row.run, "flow": row.flow, "state": row.state,
                "started": rfc3339(row.started), "changed": rfc3339(row.changed), "due": row.due.map(rfc3339),
            })
        });
        output::json(&json!({ "schema": "kapell.runs/1", "runs": runs.collect::<Vec<_>>() }));
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        output::talk("there are no runs yet");
        return Ok(Exit::Ok);
    }
    let head = ["run", "state", "started", "changed"].map(str::to_owned).to_vec();
    let mut lines = vec![head];
    for row in &rows {
        let held = !row.over && session.home.held(&row.run)?.is_some();
        let state = if held { "held".into() } else { row.state.to_string() };
        lines.push(vec![row.run.to_string(), state, instant(row.started), instant(row.changed)]);
    }
    output::data(&listed(&lines));
    Ok(Exit::Ok)
}

fn show(session: &Session, said: &str, private: bool) -> anyhow::Result<Exit> {
    let run = session.home.find_run(said)?;
    let home = &session.home;
    let entries = if private { home.open_entries(&run)? } else { home.entries(&run)? };
    let value =
        |named: &BlobRef| if private { home.open_value(&run, named) } else { home.value(&run, named) };
    if session.json {
        output::json(&json!({ "schema": "kapell.journal/1", "run": run, "entries": entries }));
    } else {
        output::data(&format!("{run}\n{}", log::run(&entries, &value)));
        if let Some(why) = session.home.held(&run)? {
            let why = plain::line(&why.to_string());
            output::talk(&format!(
                "{run} is held: of its flow {why}; it goes on once the flow is approved anew"
            ));
        }
    }
    Ok(Exit::Ok)
}
