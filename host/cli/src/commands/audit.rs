//! `audit`: evidence for outsiders, in the formats of transparency logs.

use crate::args::{Audit, Export, WithoutPart};
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use crate::written;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kapell_home::{Exporting, HomeError, Kind, Point, Proven, Scope, WithoutPart as Without, read_text};
use kapell_model::id::RunId;
use kapell_report::log::{instant, rfc3339};
use kapell_report::plain::line;
use serde_json::json;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use tempfile::NamedTempFile;

pub(crate) async fn run(session: &Session, audit: &Audit) -> anyhow::Result<Exit> {
    match audit {
        Audit::Key { begin_anew, reason } => {
            if *begin_anew {
                session.home.begin_log_key_anew(reason.as_deref().unwrap_or_default())?;
            }
            key(session)?;
        }
        Audit::Checkpoint => {
            let head = session.home.checkpoint()?;
            tell(
                session,
                head.note.trim_end(),
                || json!({ "schema": "kapell.audit/1", "size": head.size, "at": rfc3339(head.at), "checkpoint": head.note }),
            );
        }
        Audit::Export(asked) => export(session, asked)?,
        Audit::Erase { run, reason, yes } => return erase(session, run, reason, *yes).await,
        Audit::Prove { entry, into } => prove(session, entry, into.as_deref())?,
        Audit::Consistency { old, new } => consistency(session, old, new)?,
    }
    Ok(Exit::Ok)
}

/// That the journal only added to what it was, between two sizes or heads somebody holds.
fn consistency(session: &Session, old: &str, new: &str) -> anyhow::Result<()> {
    let shown = session.home.consistency(&point(old)?, &point(new)?)?;
    let hashes: Vec<String> = shown.hashes.iter().map(|hash| STANDARD.encode(hash.as_bytes())).collect();
    let value =
        || json!({ "schema": "kapell.audit/1", "old": shown.old, "new": shown.size, "hashes": hashes });
    tell(session, &hashes.join("\n"), value);
    if !session.json {
        output::talk(&format!(
            "the journal of {} entries only adds to that of {}, as these hashes show",
            shown.size, shown.old
        ));
    }
    Ok(())
}

/// A size, or a file with a checkpoint; a number is always a size.
fn point(said: &str) -> Result<Point, HomeError> {
    match said.parse() {
        Ok(size) => Ok(Point::Size(size)),
        Err(_) => Ok(Point::Held { name: said.into(), note: read_text(Path::new(said), CHECKPOINT_MAX)? }),
    }
}

/// The key, and how it came to be the one, where it was not always.
fn key(session: &Session) -> anyhow::Result<()> {
    let (key, all) = (session.home.log_key()?.to_string(), session.home.log_keys()?);
    tell(session, &key, || json!({ "schema": "kapell.audit/1", "key": key, "keys": all }));
    for (before, it) in all.iter().zip(all.iter().skip(1)).filter(|_| !session.json) {
        if let Some((by, reason)) = &it.anew {
            let (at, size) = (instant(it.at), it.size);
            let words = format!(
                "{} signed up to {size} entries; then {by} began another at {at}: {reason}",
                before.key
            );
            output::talk(&line(&words));
        }
    }
    Ok(())
}

/// Nothing brings it back, so a person says yes to how much it is, or a program says `--yes`.
async fn erase(session: &Session, run: &str, reason: &str, yes: bool) -> anyhow::Result<Exit> {
    let run = session.home.find_run(run)?;
    let many = session.home.erasable(&run, &session.user)?;
    if !yes && !agreed(session, &format!("Destroy {many} private contents of {run}, for ever?"))? {
        output::talk("nothing was erased");
        return Ok(Exit::Refused);
    }
    let erased = session.home.erase(&run, &session.user, reason).await?;
    let (contents, by) = (erased.entry.commitments.len(), &erased.entry.by);
    match session.json {
        true => output::json(&json!({
            "schema": "kapell.audit/1", "run": run, "erased": contents, "entry": erased.seq, "at": rfc3339(erased.at),
            "by": by, "reason": erased.entry.reason,
        })),
        false => output::talk(&format!(
            "{run}: {contents} private contents are destroyed, as entry {} says; its proofs hold as before. Copies elsewhere, \
             backups and files its skills wrote are not reached.",
            erased.seq
        )),
    }
    Ok(Exit::Ok)
}

fn agreed(session: &Session, question: &str) -> anyhow::Result<bool> {
    if session.json || !output::is_conversation() {
        let hint = "nobody can be asked here: say --yes";
        return Err(HomeError::new(Kind::Argument, "an erasure can't be undone, so it is asked for twice")
            .hint(hint)
            .into());
    }
    Ok(crate::ask::agreed(question)? == Some(true))
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
        written::write(&path, bytes)?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// Most bytes of a checkpoint.
const CHECKPOINT_MAX: u64 = 64 << 10;

/// Writes the file beside its place first, so that what has the name is whole.
/// How every file of evidence begins: the name of its first member, with the zeros after it.
const FIRST_MEMBER: &[u8] = b"BUNDLE\0\0\0\0\0\0\0\0\0\0";

fn export(session: &Session, asked: &Export) -> anyhow::Result<()> {
    let exporting = exporting(session, asked)?;
    let failed = |cause: std::io::Error| HomeError::io("write", &asked.out, &cause);
    let folder = asked.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    written::may_write(&asked.out, FIRST_MEMBER)?;
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    let progress = crate::live::slow("writing", &asked.out);
    let exported = session.home.export(&exporting, BufWriter::new(file.as_file_mut()));
    progress.done();
    let exported = exported?;
    let bytes = file.as_file().metadata().map_err(failed)?.len();
    file.persist(&asked.out).map_err(|error| failed(error.error))?;
    let (entries, absent, shown) = (exported.entries, exported.absent, asked.out.display().to_string());
    if session.json {
        output::json(&json!({
            "schema": "kapell.audit/1", "written": shown, "entries": entries, "absent": absent, "bytes": bytes,
            "size": exported.head.size, "checkpoint": exported.head.note,
        }));
        return Ok(());
    }
    let size = kapell_model::quantity::Bytes(bytes);
    let without = if absent > 0 { format!(", without {absent} contents") } else { String::new() };
    output::talk(&format!(
        "wrote {entries} entries to {shown}, {size}{without}; whoever gets it runs `kapell-verify {shown}`"
    ));
    Ok(())
}

fn exporting(session: &Session, asked: &Export) -> Result<Exporting, HomeError> {
    let scope = match (&asked.run, &asked.since) {
        (Some(run), _) => Scope::Run(session.home.find_run(run)?),
        (None, Some(since)) => Scope::Since(session.home.since(since)?),
        (None, None) => Scope::All,
    };
    let without = asked.without.iter().map(|part| match part {
        WithoutPart::Components => Without::Components,
        WithoutPart::Blobs => Without::Blobs,
    });
    let held = asked.held.iter().map(|path| read_text(path, CHECKPOINT_MAX)).collect::<Result<_, _>>()?;
    Ok(Exporting { scope, without: without.collect(), with_private: asked.with_private, held })
}
