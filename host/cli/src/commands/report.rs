//! `report`: the measures that matter of one flow, as text, JSON, or one page to look at.

use crate::args::Report;
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use crate::written;
use kapell_home::HomeError;
use kapell_report::measures::{Measures, html, text};
use std::path::Path;

pub(crate) fn run(session: &Session, report: &Report) -> anyhow::Result<Exit> {
    let since = report.since.as_deref().map(|said| session.home.since(said)).transpose()?;
    let flow = session.home.flow_that_ran(&report.flow)?;
    let progress = crate::live::slow("reading", Path::new("the journal"));
    let measures = session.home.measures(&flow, since, |done, of| progress.reached(done, of));
    progress.done();
    let measures = measures?;
    if let Some(file) = &report.html {
        write(&measures, file)?;
    }
    match (session.json, &report.html) {
        (true, file) => output::json(&json(&measures, file.as_deref())?),
        (false, Some(file)) => output::talk(&format!("wrote {}", file.display())),
        (false, None) => output::data(&text(&measures)),
    }
    Ok(Exit::Ok)
}

fn write(measures: &Measures, file: &Path) -> Result<(), HomeError> {
    written::write(file, html(measures).as_bytes())
}

fn json(measures: &Measures, file: Option<&Path>) -> anyhow::Result<serde_json::Value> {
    let mut json = serde_json::to_value(measures)?;
    if let serde_json::Value::Object(fields) = &mut json {
        fields.insert("schema".into(), "kapell.report/1".into());
        fields.extend(file.map(|file| ("file".into(), file.display().to_string().into())));
    }
    Ok(json)
}
