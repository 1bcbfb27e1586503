//! `explain`, and `runs show --why`: a run told to somebody who was not there, as text, JSON or one page.

use crate::args::Explain;
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use crate::written;
use kapell_report::explain::{html, text};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(session: &Session, explain: &Explain) -> anyhow::Result<Exit> {
    tell(session, &explain.run, explain.step.as_deref(), explain.html.as_deref(), explain.private)
}

/// The account of a run, or of one step of it.
pub(crate) fn tell(
    session: &Session,
    run: &str,
    step: Option<&str>,
    page: Option<&Path>,
    private: bool,
) -> anyhow::Result<Exit> {
    let run = session.home.find_run(run)?;
    let account = session.home.account(&run, step, private)?;
    match (page, session.json) {
        (Some(file), _) => write_page(session, file, &html(&account), "kapell.explain-page/1")?,
        (None, true) => output::json(&serde_json::to_value(&account)?),
        (None, false) => output::data(&text(&account)),
    }
    // What does not hold is told on top of it; a program that reads no further sees it too.
    Ok(if account.checked.broken.is_empty() { Exit::Ok } else { Exit::Integrity })
}

/// Writes a page and says where.
pub(crate) fn write_page(session: &Session, file: &Path, page: &str, schema: &str) -> anyhow::Result<()> {
    written::write(file, page.as_bytes())?;
    match session.json {
        true => output::json(&json!({ "schema": schema, "file": file })),
        false => output::talk(&format!("wrote {}", file.display())),
    }
    Ok(())
}
