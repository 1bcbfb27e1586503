//! `cost`: what runs and their outcomes cost, in exact decimals, as tables, JSON, or lines for finance tools; and what
//! past runs let one expect of the next.

use crate::args::{Cost, CostBy};
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use crate::written;
use kapell_home::{About, HomeError, Kind};
use kapell_model::id::FlowName;
use kapell_model::money::MoneyError;
use kapell_report::cost::{By, FlowOutcomes, Outcomes, Row, Rows, focus, outcomes_table, table, total};
use kapell_report::estimate::{self, Past};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

pub(crate) fn run(session: &Session, cost: &Cost) -> anyhow::Result<Exit> {
    let about = About {
        run: cost.run.as_deref().map(|said| session.home.find_run(said)).transpose()?,
        since: cost.since.as_deref().map(|said| session.home.since(said)).transpose()?,
        ..About::default()
    };
    match &cost.focus {
        Some(file) => export(session, &about, file),
        None => summary(session, &about, cost.by),
    }
}

fn summary(session: &Session, about: &About, said: CostBy) -> anyhow::Result<Exit> {
    let (mut rows, mut outcomes, mut example) = (Rows::by(by(said)), Outcomes::default(), false);
    let progress = crate::live::slow("reading", Path::new("the journal"));
    let read = session.home.tallies_told(
        about,
        |done, of| progress.reached(done, of),
        |tally, tariff| {
            rows.add(&tally.lines).map_err(currencies)?;
            if let Some(used) = tally.budget() {
                rows.used(&tally.run, used);
            }
            example |= tariff.example;
            outcomes.add(&tally).map_err(currencies)
        },
    );
    progress.done();
    read?;
    for (flow, used) in session.home.budgets_used()? {
        rows.used_together(&flow, used);
    }
    let (rows, outcomes) = (rows.finish(), outcomes.finish());
    match session.json {
        true => output::json(&json!({
            "schema": "kapell.cost/1", "example-prices": example, "rows": rows, "outcomes": outcomes,
            "total": total(&rows),
        })),
        false => tell(&rows, &outcomes, said, example, about.since.is_some()),
    }
    Ok(Exit::Ok)
}

fn tell(rows: &[Row], outcomes: &[FlowOutcomes], said: CostBy, example: bool, in_period: bool) {
    if rows.is_empty() {
        let none = if in_period {
            "nothing has cost anything in the period"
        } else {
            "nothing has cost anything yet"
        };
        return output::talk(none);
    }
    output::data(&table(rows, heading(said)));
    if matches!(said, CostBy::Flow) {
        output::data(&format!("\n{}", outcomes_table(outcomes)));
    }
    if example {
        output::talk("at example prices: put your own into tariff.toml");
    }
}

fn currencies(cause: MoneyError) -> HomeError {
    HomeError::new(Kind::Argument, format!("{cause}; ask for one run"))
}

/// One line a charge, written while the journal is read.
fn export(session: &Session, about: &About, file: &Path) -> anyhow::Result<Exit> {
    let failed = |cause: std::io::Error| HomeError::io("write", file, &cause);
    let head = focus::head();
    written::may_write(file, &head)?;
    let mut out = BufWriter::new(File::create(file).map_err(failed)?);
    out.write_all(&head).map_err(failed)?;
    let (account, mut charges) = (account(session), 0_u64);
    let progress = crate::live::slow("writing", file);
    let written = session.home.tallies_told(
        about,
        |done, of| progress.reached(done, of),
        |tally, tariff| {
            charges += tally.lines.len() as u64;
            let mut lines = tally.lines.iter().map(|line| focus::line(line, &account, tariff.example));
            lines.try_for_each(|line| out.write_all(&line)).map_err(failed)
        },
    );
    progress.done();
    written?;
    out.flush().map_err(failed)?;
    let version = focus::VERSION;
    match session.json {
        true => output::json(&json!({
            "schema": "kapell.focus/1", "focus": version, "file": file.display().to_string(), "charges": charges,
        })),
        false => output::talk(&format!("wrote {charges} charges to {} as FOCUS {version}", file.display())),
    }
    Ok(Exit::Ok)
}

/// What past runs of a flow took, for an input of the same size; nothing runs.
pub(crate) fn estimate(session: &Session, flow: &FlowName, inputs: &Value) -> anyhow::Result<Exit> {
    let about = About { flow: Some(flow.clone()), ..About::default() };
    let mut past = Vec::new();
    let progress = crate::live::slow("reading", Path::new("the journal"));
    let read = session.home.tallies_told(
        &about,
        |done, of| progress.reached(done, of),
        |tally, _| {
            let input = session.home.size(&tally.run, &tally.inputs).unwrap_or_default();
            past.extend(Past::of(&tally, input).map_err(currencies)?);
            Ok(())
        },
    );
    progress.done();
    read?;
    let estimate = estimate::estimate(&past, inputs.to_string().len() as u64);
    match (session.json, &estimate) {
        (true, _) => {
            let runs = estimate.as_ref().map_or(0, |estimate| estimate.runs);
            output::json(&json!({
                "schema": "kapell.estimate/1", "flow": flow, "runs": runs, "estimate": estimate,
            }));
        }
        (false, Some(estimate)) => output::data(&estimate::text(estimate)),
        (false, None) => output::talk(&format!("there are no past runs of {flow} to rest an estimate on")),
    }
    Ok(Exit::Ok)
}

/// What the charges are billed to: the folder whose home it is.
fn account(session: &Session) -> String {
    let folder = &session.home.place.root;
    folder.file_name().map_or_else(|| "home".into(), |name| name.to_string_lossy().into_owned())
}

const fn by(by: CostBy) -> By {
    match by {
        CostBy::Run => By::Run,
        CostBy::Step => By::Step,
        CostBy::Skill => By::Skill,
        CostBy::Lane => By::Lane,
        CostBy::Flow => By::Flow,
        CostBy::Day => By::Day,
    }
}

const fn heading(by: CostBy) -> &'static str {
    match by {
        CostBy::Run => "run",
        CostBy::Step => "step",
        CostBy::Skill => "skill",
        CostBy::Lane => "lane",
        CostBy::Flow => "flow",
        CostBy::Day => "day",
    }
}
