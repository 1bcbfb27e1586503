//! Failures: the one place that turns an error into text, JSON and an exit code.

use crate::output;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use kapell_home::{HomeError, Kind};
use kapell_model::source::Diagnostic;
use kapell_report::plain::lines;
use kapell_workshop::BuildError;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

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
    Interrupted = 130,
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
            Exit::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Prints an error and says how to end.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> Exit {
    let exit = exit_of(error);
    if json {
        report_json(error, exit)
    } else {
        report_text(error)
    }
    exit
}

/// Arguments that don't parse, and the help and completions that are asked for by them.
pub(crate) fn usage(error: &clap::Error, json: bool) -> Exit {
    if error.use_stderr() && json {
        output::json(&error_json(Exit::Usage, &said(&error.render().to_string()), Some("see --help")));
        return Exit::Usage;
    }
    // clap knows where each of its texts goes.
    let written = error.print();
    if error.use_stderr() {
        return Exit::Usage;
    }
    output::heed(written);
    Exit::Ok
}

/// What is wrong with the arguments in one line: the words before the usage, with the names of what is missing below them.
fn said(rendered: &str) -> String {
    let paragraph = rendered.lines().take_while(|line| !line.trim().is_empty());
    let words = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
    words.trim_start_matches("error: ").to_owned()
}

/// An error in the form all of them have.
pub(crate) fn error_json(exit: Exit, message: &str, hint: Option<&str>) -> Value {
    json!({
        "schema": "kapell.error/1",
        "error": { "code": exit.word(), "message": message, "hint": hint, "places": null, "refusals": null },
    })
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

/// Whether something was told that was kept and is not what was written.
static DAMAGED: AtomicBool = AtomicBool::new(false);

/// How the program ends: with what a warning weighs, where it told of damage. Whatever was told after it is of what is left.
pub(crate) fn weighed(exit: Exit) -> Exit {
    if DAMAGED.load(Ordering::Relaxed) { Exit::Integrity } else { exit }
}

/// Tells what is wrong and goes on.
pub(crate) fn warn(error: &HomeError) {
    if error.kind == Kind::Integrity {
        DAMAGED.store(true, Ordering::Relaxed);
    }
    match &error.diagnostics {
        Some(diagnostics) => {
            diagnostics.0.iter().for_each(|it| output::talk(&place(it).replacen("error: ", "warning: ", 1)));
        }
        None => output::talk(&format!("warning: {}", lines(&error.message))),
    }
    if let Some(hint) = &error.hint {
        output::talk(&format!("hint: {}", lines(hint)));
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
    let source = output::source_of(&it.file).map(|source| as_lines(&source));
    let Some(source) = source.filter(|source| lines(source) == source.replace('\t', &lines("\t"))) else {
        return plain;
    };
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

/// A source by its lines alone, whatever program wrote it: without the mark some put before a text, and with one kind of
/// line break.
fn as_lines(source: &str) -> String {
    source.strip_prefix('\u{feff}').unwrap_or(source).replace("\r\n", "\n")
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
