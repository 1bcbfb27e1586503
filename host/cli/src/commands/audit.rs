//! `audit`: evidence for outsiders, in the formats of transparency logs.

use crate::args::Audit;
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_home::{HomeError, Kind, Proven};
use kapell_model::id::RunId;
use kapell_report::log::instant;
use serde_json::json;
use std::fs;
use std::path::Path;

pub(crate) fn run(session: &Session, audit: &Audit) -> anyhow::Result<Exit> {
    match audit {
        Audit::Key => {
            let key = session.home.log_key()?.to_string();
            tell(session, &key, || json!({ "schema": "kapell.audit/1", "key": key }));
        }
        Audit::Checkpoint => {
            let head = session.home.checkpoint()?;
            tell(
                session,
                head.note.trim_end(),
                || json!({ "schema": "kapell.audit/1", "size": head.size, "at": instant(head.at), "checkpoint": head.note }),
            );
        }
        Audit::Prove { entry, into } => prove(session, entry, into.as_deref())?,
        Audit::Consistency { old, new } => {
            let hashes = session.home.consistency(*old, *new)?;
            let hashes: Vec<String> = hashes.iter().map(|hash| STANDARD.encode(hash.as_bytes())).collect();
            tell(session, &hashes.join("\n"), || json!({ "schema": "kapell.audit/1", "hashes": hashes }));
        }
    }
    Ok(Exit::Ok)
}

fn tell(session: &Session, text: &str, value: impl FnOnce() -> serde_json::Value) {
    match session.json {
        true => output::json(&value()),
        false => output::data(text),
    }
}

fn prove(session: &Session, said: &str, into: Option<&Path>) -> anyhow::Result<()> {
    let (run, number) = named(session, said)?;
    let proven = session.home.proof(&run, number)?;
    let Some(folder) = into else {
        tell(session, proven.proof.trim_end(), || {
            json!({
                "schema": "kapell.audit/1", "run": run, "entry": number, "leaf": proven.index,
                "bytes": STANDARD.encode(&proven.entry), "proof": proven.proof,
            })
        });
        return Ok(());
    };
    let written = write(session, folder, &format!("{run}-{number}"), &proven)?;
    match session.json {
        true => output::json(&json!({ "schema": "kapell.audit/1", "written": written })),
        false => output::talk(&format!("written to {}: {}", folder.display(), written.join(", "))),
    }
    Ok(())
}

/// `RUN/NUMBER`.
fn named(session: &Session, said: &str) -> Result<(RunId, u64), HomeError> {
    let misnamed = || {
        HomeError::new(Kind::Argument, format!("`{said}` names no entry"))
            .hint("an entry is RUN/NUMBER, such as last/1; `kapell runs show RUN` numbers them")
    };
    let (run, number) = said.rsplit_once('/').ok_or_else(misnamed)?;
    let number = number.parse().map_err(|_| misnamed())?;
    Ok((session.home.find_run(run)?, number))
}

/// The three files whoever checks needs, and no journal.
fn write(session: &Session, folder: &Path, stem: &str, proven: &Proven) -> anyhow::Result<Vec<String>> {
    let key = format!("{}\n", session.home.log_key()?);
    let files: [(String, &[u8]); 3] = [
        (format!("{stem}.json"), &proven.entry),
        (format!("{stem}.tlog-proof"), proven.proof.as_bytes()),
        ("log.pub".into(), key.as_bytes()),
    ];
    fs::create_dir_all(folder).map_err(|cause| HomeError::io("make the folder", folder, &cause))?;
    for (name, bytes) in &files {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|cause| HomeError::io("write", &path, &cause))?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}
