//! `percolate`: work that was done by hand, call by call, again and again, as a flow to run.

use crate::args::Percolate;
use crate::failure::Exit;
use crate::output;
use crate::session::{Session, quoted};
use kapell_home::{HomeError, Kind, Proposal, Repeated};
use kapell_report::answered::times;
use kapell_report::log::rfc3339;
use kapell_report::percolate::{OFTEN, Sequence};
use kapell_report::plain::{line, lines};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Most sequences told of that were not done often enough.
const MISSING_SHOWN: usize = 20;

pub(crate) fn run(session: &Session, percolate: &Percolate) -> anyhow::Result<Exit> {
    let since = percolate.since.as_deref().map(|said| session.home.since(said)).transpose()?;
    let progress = crate::live::slow("reading", Path::new("the journal"));
    let repeated = session.home.percolate(since);
    progress.done();
    let repeated = repeated?;
    let chosen = chosen(&repeated, percolate)?;
    let problem = chosen.iter().any(|proposal| proposal.problem.is_some());
    if let Some(out) = &percolate.out {
        write_one(&chosen, out)?;
    }
    match session.json {
        true => output::json(&as_json(&repeated, &chosen, percolate.out.as_deref())),
        false => tell(session, &repeated, &chosen, percolate.out.as_deref()),
    }
    Ok(if problem { Exit::Invalid } else { Exit::Ok })
}

/// All that was found, or the one that is named.
fn chosen<'r>(repeated: &'r Repeated, percolate: &Percolate) -> Result<Vec<&'r Proposal>, HomeError> {
    let all = repeated.proposals.iter();
    let Some(name) = &percolate.name else { return Ok(all.collect()) };
    let named = all.clone().find(|proposal| proposal.name == *name);
    let missing = || HomeError::not_found("repeated work", name, all.map(|it| it.name.as_str()));
    named.map(|proposal| vec![proposal]).ok_or_else(missing)
}

/// One flow into one file that is not there yet.
fn write_one(chosen: &[&Proposal], out: &Path) -> Result<(), HomeError> {
    let [proposal] = chosen else {
        let names: Vec<&str> = chosen.iter().map(|proposal| proposal.name.as_str()).collect();
        return Err(match names.is_empty() {
            true => HomeError::new(
                Kind::NotFound,
                format!("nothing was done {OFTEN} times, so there is nothing to write"),
            ),
            false => {
                HomeError::new(Kind::Argument, format!("{} flows are found and one is written", names.len()))
                    .hint(format!("name one of {}", names.join(", ")))
            }
        });
    };
    let failed = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::AlreadyExists => {
            HomeError::new(Kind::Argument, format!("{} is there already", out.display()))
                .hint("nothing is written over; choose another name")
        }
        _ => HomeError::io("write", out, &cause),
    };
    let mut file = File::create_new(out).map_err(failed)?;
    file.write_all(proposal.text.as_bytes()).map_err(failed)
}

fn tell(session: &Session, repeated: &Repeated, chosen: &[&Proposal], out: Option<&Path>) {
    for proposal in chosen {
        match out {
            Some(out) => output::talk(&format!("wrote {} to {}", proposal.name, out.display())),
            None => output::data(&lines(proposal.text.trim_end_matches('\n'))),
        }
        output::talk(&said(session, proposal, out));
    }
    for sequence in repeated.missing.iter().take(MISSING_SHOWN) {
        output::talk(&missing(sequence));
    }
    if let more @ 1.. = repeated.missing.len().saturating_sub(MISSING_SHOWN) {
        output::talk(&format!("and {more} others done less often"));
    }
    if repeated.more {
        output::talk("there were more kinds of sequences than are counted; --since looks at fewer");
    }
    if repeated.proposals.is_empty() && repeated.missing.is_empty() {
        output::talk("no call was given what another one had answered");
    }
}

fn said(session: &Session, proposal: &Proposal, out: Option<&Path>) -> String {
    let words = format!("{} was done {}", in_words(&proposal.sequence), times(proposal.sequence.times));
    match (&proposal.problem, out) {
        (Some(problem), _) => {
            format!("{words}; as a flow it does not check here:\n{}", lines(&problem.message))
        }
        (None, Some(out)) => {
            format!("{words}; the flow is checked: run it with  {} run {}", session.program, quoted(out))
        }
        (None, None) => format!(
            "{words}; the flow is checked: keep it with  {} percolate {} -o FILE",
            session.program, proposal.name
        ),
    }
}

fn missing(sequence: &Sequence) -> String {
    let words = in_words(sequence);
    format!(
        "{words} was done {}; {} more and it is proposed as a flow",
        times(sequence.times),
        sequence.is_missing()
    )
}

fn in_words(sequence: &Sequence) -> String {
    line(&sequence.calls().join(", then "))
}

fn as_json(repeated: &Repeated, chosen: &[&Proposal], out: Option<&Path>) -> Value {
    let found = chosen.iter().map(|it| {
        let mut told = sequence_json(&it.sequence);
        if let Some(fields) = told.as_object_mut() {
            fields.insert("flow".into(), json!(it.name));
            fields.insert("text".into(), json!(it.text));
            fields.insert("problem".into(), json!(it.problem.as_ref().map(|problem| &problem.message)));
        }
        told
    });
    let missing = repeated.missing.iter().map(|it| {
        let mut told = sequence_json(it);
        if let Some(fields) = told.as_object_mut() {
            fields.insert("missing".into(), json!(it.is_missing()));
        }
        told
    });
    json!({
        "schema": "kapell.percolate/1", "often": OFTEN, "found": found.collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(), "more": repeated.more, "file": out,
    })
}

fn sequence_json(sequence: &Sequence) -> Value {
    json!({
        "calls": sequence.calls(), "times": sequence.times, "last": rfc3339(sequence.last),
        "runs": sequence.runs, "by": sequence.by,
    })
}
