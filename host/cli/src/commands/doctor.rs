//! `doctor`: looks at everything a run needs and says what to mend.

use crate::args::Args;
use crate::commands::verify::told;
use crate::failure::{Exit, exit_of};
use crate::output;
use crate::session::{open, place};
use kapell_home::Place;
use kapell_report::cost::listed;
use serde_json::json;
use std::process::Command;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    sound: bool,
    words: String,
    mend: Option<String>,
    /// How the program ends for it alone.
    exit: Exit,
}

impl Finding {
    fn sound(what: &'static str, words: String) -> Self {
        Self { what, sound: true, words, mend: None, exit: Exit::Ok }
    }

    /// What is not as it should be and nobody else's error: a tool that is missing, a file out of its place.
    fn unsound(what: &'static str, words: String, mend: String) -> Self {
        Self { what, sound: false, words, mend: Some(mend), exit: Exit::Internal }
    }

    /// What another command would end with, said and ended the same way.
    fn failed(what: &'static str, error: &anyhow::Error, mend: Option<String>) -> Self {
        Self { what, sound: false, words: format!("{error:#}"), mend, exit: exit_of(error) }
    }
}

pub(crate) async fn run(args: &Args, recount: bool) -> anyhow::Result<Exit> {
    let mut findings = vec![tool("rust", "cargo", &["--version"], "install Rust from rustup")];
    findings.push(targets());
    findings.extend(home(args, recount).await);
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
    Ok(ending(&findings))
}

/// Damage is told before everything else; of several other faults the first.
fn ending(findings: &[Finding]) -> Exit {
    let mut faults = findings.iter().map(|finding| finding.exit).filter(|exit| *exit != Exit::Ok);
    let first = faults.clone().next().unwrap_or(Exit::Ok);
    faults.find(|exit| *exit == Exit::Integrity).unwrap_or(first)
}

fn tool(what: &'static str, program: &str, arguments: &[&str], mend: &str) -> Finding {
    let said = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    match said {
        Some(output) => {
            let words = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned();
            Finding::sound(what, words)
        }
        None => Finding::unsound(what, format!("{program} does not run"), mend.into()),
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
    Finding::sound("wasm targets", words)
}

async fn home(args: &Args, recount: bool) -> Vec<Finding> {
    match place(args.home.as_deref()) {
        Ok(place) if !place.found => {
            let words = "there is none here yet; the first command makes it".into();
            vec![Finding::sound("home", words)]
        }
        Ok(place) => {
            // Before it is opened: what is damaged may keep it from being.
            let mut findings = kept(&place);
            findings.extend(opened(args, recount).await);
            findings
        }
        Err(_) => opened(args, recount).await,
    }
}

/// What can only be seen of a home that opens.
async fn opened(args: &Args, recount: bool) -> Vec<Finding> {
    match open(args).await {
        Err(error) => {
            let mend = Some("mend what the message names, then look again".into());
            vec![Finding::failed("home", &error, mend)]
        }
        Ok(session) => {
            let words = format!(
                "{} opens; its policy has {} rules",
                session.home.place.folder().display(),
                session.home.policy.rules.len()
            );
            let home = Finding::sound("home", words);
            let (journal, skills, evidence) = (journal(&session), skills(&session), evidence(&session));
            let (spending, files) = (spending(&session, recount), files(&session));
            vec![home, engine(&session), journal, skills, evidence, spending, files]
        }
    }
}

/// Every file that is damaged, one by one.
fn kept(place: &Place) -> Vec<Finding> {
    let what = "files kept";
    let flaws = kapell_home::flaws(place);
    if flaws.is_empty() {
        return vec![Finding::sound(what, "are what was written, and the disk takes more".into())];
    }
    let finding = |flaw: kapell_home::Flaw| Finding {
        exit: if flaw.is_damage { Exit::Integrity } else { Exit::Internal },
        ..Finding::unsound(what, format!("{}: {}", flaw.file.display(), flaw.words), flaw.mend.into())
    };
    flaws.into_iter().map(finding).collect()
}

/// Holds what is kept of skills against their bytes.
fn skills(session: &crate::session::Session) -> Finding {
    let what = "skills";
    match session.home.skills_apart() {
        Ok(none) if none.is_empty() => Finding::sound(what, "are what their bytes say".into()),
        Ok(apart) => {
            let mend = "`kapell add` of the same bytes puts it right";
            Finding { exit: Exit::Integrity, ..Finding::unsound(what, apart.join("; "), mend.into()) }
        }
        Err(error) => {
            let mend = error.hint.clone();
            Finding::failed(what, &error.into(), mend)
        }
    }
}

fn engine(session: &crate::session::Session) -> Finding {
    Finding::sound("engine", session.home.engine())
}

/// Reads every run back, link by link, and folds it.
fn journal(session: &crate::session::Session) -> Finding {
    let checked = session.home.runs().and_then(|rows| {
        rows.iter().try_for_each(|row| session.home.standing(&row.run).map(|_| ()))?;
        Ok(rows.len())
    });
    match checked {
        Ok(runs) => Finding::sound("journal", format!("{runs} runs read back whole")),
        Err(error) => {
            let mend = error.hint.clone();
            Finding::failed("journal", &error.into(), mend)
        }
    }
}

/// Adds up again what each flow has spent; budgets are held against what is kept of it.
fn spending(session: &crate::session::Session, recount: bool) -> Finding {
    let what = "spending";
    let counted = if recount { session.home.recount_spending() } else { Ok(()) };
    match counted.and_then(|()| session.home.spending_differences()) {
        Ok(none) if none.is_empty() => Finding::sound(what, "is what the runs of each flow come to".into()),
        Ok(differences) => {
            let words = format!("is not what the runs come to: {}", differences.join("; "));
            let mend = "the journal is right and what is kept beside it is not: `kapell doctor --recount` writes it anew";
            Finding { exit: Exit::Integrity, ..Finding::unsound(what, words, mend.into()) }
        }
        Err(error) => {
            let mend = error.hint.clone();
            Finding::failed(what, &error.into(), mend)
        }
    }
}

/// Works the log out from its entries alone and holds it against everything that was signed or kept of it.
fn evidence(session: &crate::session::Session) -> Finding {
    let what = "evidence";
    match session.home.check_whole(&kapell_home::Held::default(), |_, _| {}) {
        Ok(checked) => {
            let report = told(checked);
            match report.broken.first() {
                None => Finding::sound(
                    what,
                    format!("nothing that was signed of {} entries is otherwise", report.entries),
                ),
                Some(first) => Finding {
                    exit: Exit::Integrity,
                    ..Finding::unsound(what, first.told(), "`kapell verify` says all of it".into())
                },
            }
        }
        Err(error) => {
            let mend = error.hint.clone();
            Finding::failed(what, &error.into(), mend)
        }
    }
}

/// Names what runs wrote that is recorded but could not be put in its place.
fn files(session: &crate::session::Session) -> Finding {
    let what = "written files";
    match session.home.pending_files() {
        Ok(pending) => match pending.first() {
            None => Finding::sound(what, "all are in their place".into()),
            Some(first) => {
                let names: Vec<&str> = pending.iter().map(|file| file.path.as_str()).collect();
                let words = format!("not in their place: {}", names.join(", "));
                let mend = format!("mend the directory, then `kapell runs resume {}`", first.run);
                Finding::unsound(what, words, mend)
            }
        },
        Err(error) => {
            let mend = error.hint.clone();
            Finding::failed(what, &error.into(), mend)
        }
    }
}
