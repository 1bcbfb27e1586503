//! `dossier`: the document a board asks for of a flow, as Markdown, JSON or one page.

use crate::args::Dossier as DossierArgs;
use crate::commands::explain::write_page;
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use kapell_report::dossier::{html, text};
use std::path::Path;

pub(crate) fn run(session: &Session, said: &DossierArgs) -> anyhow::Result<Exit> {
    let since = said.since.as_deref().map(|since| session.home.since(since)).transpose()?;
    let progress = crate::live::slow("reading", Path::new("the journal"));
    let made = session.home.dossier(&said.flow, since);
    progress.done();
    let dossier = made?;
    match (&said.html, &said.out) {
        (Some(file), _) => write_page(session, file, &html(&dossier), "kapell.dossier-page/1")?,
        (None, Some(file)) => write_page(session, file, &text(&dossier), "kapell.dossier-file/1")?,
        (None, None) if session.json => output::json(&serde_json::to_value(&dossier)?),
        (None, None) => output::data(text(&dossier).trim_end()),
    }
    Ok(Exit::Ok)
}
