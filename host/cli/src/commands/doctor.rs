//! `doctor`: looks at everything a run needs and says what to mend.

use crate::args::Args;
use crate::failure::Exit;
use crate::output;
use crate::session::{open, place};
use kapell_report::cost::listed;
use serde_json::json;
use std::process::Command;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    sound: bool,
    words: String,
    mend: Option<String>,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut findings = vec![tool("rust", "cargo", &["--version"], "install Rust from rustup")];
    findings.push(targets());
    findings.extend(home(args).await);
    let sound = findings.iter().all(|finding| finding.sound);
    if args.json {
        let list = findings
            .iter()
            .map(|it| json!({ "what": it.what, "sound": it.sound, "words": it.words, "mend": it.mend }));
        output::json(
            &json!({ "schema": "kapell.doctor/1", "sound": sound, "findings": list.collect::<Vec<_>>() }),
        );
    } else {
        let rows = findings.iter().map(|it| {
            vec![format!("{} {}", if it.sound { "ok  " } else { "MEND" }, it.what), it.words.clone()]
        });
        output::data(&listed(&rows.collect::<Vec<_>>()));
        findings
            .iter()
            .filter_map(|it| it.mend.as_ref())
            .for_each(|mend| output::talk(&format!("hint: {mend}")));
    }
    Ok(if sound { Exit::Ok } else { Exit::Internal })
}

fn tool(what: &'static str, program: &str, arguments: &[&str], mend: &str) -> Finding {
    let said = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    match said {
        Some(output) => {
            let words = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
            Finding { what, sound: true, words, mend: None }
        }
        None => {
            Finding { what, sound: false, words: format!("{program} does not run"), mend: Some(mend.into()) }
        }
    }
}

/// Skills are built for these; `build` adds them itself, so a missing one is no fault.
fn targets() -> Finding {
    let said = Command::new("rustup").args(["target", "list", "--installed"]).output().ok();
    let installed =
        said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let missing: Vec<&str> = ["wasm32-wasip2", "wasm32-unknown-unknown"]
        .into_iter()
        .filter(|it| !installed.lines().any(|line| line == *it))
        .collect();
    let words = match missing.as_slice() {
        [] => "wasm32-wasip2 and wasm32-unknown-unknown are installed".into(),
        missing => format!("{} will be added by the first build", missing.join(" and ")),
    };
    Finding { what: "wasm targets", sound: true, words, mend: None }
}

async fn home(args: &Args) -> Vec<Finding> {
    match place(args.home.as_deref()) {
        Ok(place) if !place.found => {
            let words = "there is none here yet; the first command makes it".into();
            return vec![Finding { what: "home", sound: true, words, mend: None }];
        }
        _ => {}
    }
    match open(args).await {
        Err(error) => {
            let mend = Some("mend what the message names, then look again".into());
            vec![Finding { what: "home", sound: false, words: format!("{error:#}"), mend }]
        }
        Ok(session) => {
            let words = format!(
                "{} opens; its policy has {} rules",
                session.home.place.folder().display(),
                session.home.policy.rules.len()
            );
            let home = Finding { what: "home", sound: true, words, mend: None };
            vec![home, engine(&session), journal(&session), files(&session)]
        }
    }
}

fn engine(session: &crate::session::Session) -> Finding {
    Finding { what: "engine", sound: true, words: session.home.engine(), mend: None }
}

/// Reads every run back, link by link, and folds it.
fn journal(session: &crate::session::Session) -> Finding {
    let checked = session.home.runs().and_then(|rows| {
        rows.iter().try_for_each(|row| session.home.standing(&row.run).map(|_| ()))?;
        Ok(rows.len())
    });
    match checked {
        Ok(runs) => Finding {
            what: "journal",
            sound: true,
            words: format!("{runs} runs read back whole"),
            mend: None,
        },
        Err(error) => Finding { what: "journal", sound: false, words: error.to_string(), mend: error.hint },
    }
}

/// Names what runs wrote that is recorded but could not be put in its place.
fn files(session: &crate::session::Session) -> Finding {
    let what = "written files";
    match session.home.pending_files() {
        Ok(pending) => match pending.first() {
            None => Finding { what, sound: true, words: "all are in their place".into(), mend: None },
            Some(first) => {
                let names: Vec<&str> = pending.iter().map(|file| file.path.as_str()).collect();
                let words = format!("not in their place: {}", names.join(", "));
                let mend = format!("mend the directory, then `kapell runs resume {}`", first.run);
                Finding { what, sound: false, words, mend: Some(mend) }
            }
        },
        Err(error) => Finding { what, sound: false, words: error.to_string(), mend: error.hint },
    }
}
