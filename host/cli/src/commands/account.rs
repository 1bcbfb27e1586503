//! `cost`: what runs cost, by run, step, skill or lane, in exact decimals.

use crate::args::{Cost, CostBy};
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use kapell_home::{HomeError, Kind};
use kapell_report::cost::{By, Line, Row, summed, table, total};
use serde_json::json;

pub(crate) fn run(session: &Session, cost: &Cost) -> anyhow::Result<Exit> {
    let runs = match &cost.run {
        Some(said) => vec![session.home.find_run(said)?],
        None => session.home.runs()?.into_iter().map(|row| row.run).collect(),
    };
    let (mut lines, mut example): (Vec<Line>, bool) = (Vec::new(), false);
    for run in &runs {
        let (ledger, tariff) = session.home.ledger(run)?;
        lines.extend(ledger);
        example |= tariff.example;
    }
    let rows = sum(&lines, by(cost.by))?;
    if session.json {
        output::json(&json!({
            "schema": "kapell.cost/1", "example-prices": example, "rows": rows, "lines": lines,
            "total": total(&rows),
        }));
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        output::talk("nothing has cost anything yet");
        return Ok(Exit::Ok);
    }
    output::data(&table(&rows, heading(cost.by)));
    if example {
        output::talk("at example prices: put your own into tariff.toml");
    }
    Ok(Exit::Ok)
}

fn sum(lines: &[Line], by: By) -> Result<Vec<Row>, HomeError> {
    let currencies = |cause| HomeError::new(Kind::Argument, format!("{cause}; ask for one run"));
    summed(lines, by).map_err(currencies)
}

const fn by(by: CostBy) -> By {
    match by {
        CostBy::Run => By::Run,
        CostBy::Step => By::Step,
        CostBy::Skill => By::Skill,
        CostBy::Lane => By::Lane,
    }
}

const fn heading(by: CostBy) -> &'static str {
    match by {
        CostBy::Run => "run",
        CostBy::Step => "step",
        CostBy::Skill => "skill",
        CostBy::Lane => "lane",
    }
}
