//! Failures: the one place that turns an error into text, JSON and an exit code.

use crate::output;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use kapell_home::{HomeError, Kind};
use kapell_model::source::Diagnostic;
use kapell_report::plain::lines;
use kapell_workshop::BuildError;
use serde_json::json;
use std::process::ExitCode;

/// How the program ends. The numbers are documented on the help page and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    SkillError = 1,
    Usage = 2,
    Invalid = 3,
    Refused = 4,
    Waiting = 5,
    Rejected = 6,
    OverBudget = 7,
    Trap = 8,
    Integrity = 9,
    NotFound = 10,
    Internal = 70,
}

impl Exit {
    /// The stable word in JSON.
    const fn word(self) -> &'static str {
        match self {
            Exit::Ok => "ok",
            Exit::SkillError => "skill-error",
            Exit::Usage => "usage",
            Exit::Invalid => "invalid",
            Exit::Refused => "refused",
            Exit::Waiting => "waiting",
            Exit::Rejected => "rejected",
            Exit::OverBudget => "over-budget",
            Exit::Trap => "trap",
            Exit::Integrity => "integrity",
            Exit::NotFound => "not-found",
            Exit::Internal => "internal",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Prints an error and says how to end.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    let exit = exit_of(error);
    if json {
        report_json(error, exit)
    } else {
        report_text(error)
    }
    exit.into()
}

/// Arguments that don't parse, and the help and completions that are asked for by them.
pub(crate) fn usage(error: &clap::Error, json: bool) -> ExitCode {
    if error.use_stderr() && json {
        let message = error.render().to_string();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        output::json(&json!({
            "schema": "kapell.error/1",
            "error": { "code": Exit::Usage.word(), "message": message, "hint": "see --help", "places": null, "refusals": null },
        }));
        return Exit::Usage.into();
    }
    // clap knows where each of its texts goes; a closed pipe ends output, not the program.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
}

/// How the program ends for an error.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    match (error.downcast_ref::<HomeError>(), error.downcast_ref::<BuildError>()) {
        (Some(error), _) => match error.kind {
            Kind::Argument => Exit::Usage,
            Kind::Invalid => Exit::Invalid,
            Kind::Refused => Exit::Refused,
            Kind::NotFound => Exit::NotFound,
            Kind::Integrity => Exit::Integrity,
            Kind::Taken | Kind::Internal => Exit::Internal,
        },
        (None, Some(_)) => Exit::Invalid,
        (None, None) => Exit::Internal,
    }
}

/// Tells what is wrong and goes on.
pub(crate) fn warn(error: &HomeError) {
    match &error.diagnostics {
        Some(diagnostics) => {
            diagnostics.0.iter().for_each(|it| output::talk(&place(it).replacen("error: ", "warning: ", 1)));
        }
        None => output::talk(&format!("warning: {}", lines(&error.message))),
    }
}

fn report_json(error: &anyhow::Error, exit: Exit) {
    let home = error.downcast_ref::<HomeError>();
    let places = home.and_then(|error| error.diagnostics.as_ref()).map(|diagnostics| {
        let places = diagnostics.0.iter().map(|it| {
            json!({ "file": it.file, "line": it.line, "column": it.column, "message": it.message, "hint": it.hint })
        });
        places.collect::<Vec<_>>()
    });
    let refusals = home.map(|error| &error.refusals).filter(|refusals| !refusals.is_empty());
    output::json(&json!({
        "schema": "kapell.error/1",
        "error": {
            "code": exit.word(),
            "message": format!("{error:#}"),
            "hint": home.and_then(|error| error.hint.clone()),
            "places": places,
            "refusals": refusals,
        },
    }));
}

fn report_text(error: &anyhow::Error) {
    let Some(home) = error.downcast_ref::<HomeError>() else {
        output::talk(&format!("error: {}", lines(&format!("{error:#}"))));
        return;
    };
    match &home.diagnostics {
        Some(diagnostics) => diagnostics.0.iter().for_each(|it| output::talk(&place(it))),
        None => output::talk(&format!("error: {}", lines(&home.message))),
    }
    // Several refusals of one kind share their advice; it is said once.
    let advice: std::collections::BTreeSet<&String> =
        home.refusals.iter().filter_map(|refusal| refusal.advice.as_ref()).collect();
    advice.iter().for_each(|advice| {
        output::talk(&format!(
            "
{advice}"
        ))
    });
    if let Some(hint) = &home.hint {
        output::talk(&format!("hint: {}", lines(hint)));
    }
}

/// A problem with its source line, when the file is at hand.
fn place(it: &Diagnostic) -> String {
    let plain = match &it.hint {
        Some(hint) => lines(&format!("error: {it}\n  hint: {hint}")),
        None => lines(&format!("error: {it}")),
    };
    // The source line is the author's own text; one that tries to deceive is not quoted.
    let source = output::source_of(&it.file).filter(|source| lines(source) == *source);
    let Some(source) = source else { return plain };
    let Some(span) = span(&source, it) else { return plain };
    let renderer = if output::colours() { Renderer::styled() } else { Renderer::plain() };
    let snippet = Snippet::source(source.as_str())
        .path(it.file.as_str())
        .annotation(AnnotationKind::Primary.span(span));
    let title = Level::ERROR.primary_title(it.message.as_str()).element(snippet);
    let report = match &it.hint {
        Some(hint) => vec![title.element(Level::HELP.message(hint.as_str()))],
        None => vec![title],
    };
    renderer.render(&report).to_string()
}

/// The bytes a problem is about.
fn span(source: &str, it: &Diagnostic) -> Option<std::ops::Range<usize>> {
    let line = usize::try_from(it.line).ok()?.checked_sub(1)?;
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let text = source.get(start..)?.lines().next()?;
    let bytes = |characters: u32| text.chars().take(characters as usize).map(char::len_utf8).sum::<usize>();
    match it.column {
        0 => Some(start..start + text.len()),
        column => Some(start + bytes(column - 1)..start + bytes(column - 1 + it.length.max(1))),
    }
}
