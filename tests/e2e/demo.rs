//! The demo, piped: one page, and every line of it is what the journals beside it say.

use crate::stage::{Said, Stage};
use regex::Regex;

/// The first group of a pattern that must be in the text.
#[track_caller]
fn found<'a>(text: &'a str, pattern: &str) -> &'a str {
    let pattern = Regex::new(pattern).unwrap();
    let found = pattern.captures(text).unwrap_or_else(|| panic!("{pattern} is not in\n{text}"));
    found.get(1).unwrap().as_str()
}

fn log(stage: &Stage, run: &str) -> String {
    let said = stage.kapell(&["--home", "kept", "runs", "show", run]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.out
}

#[test]
fn five_beats_stand_on_one_page_and_in_the_journals() {
    let stage = Stage::empty();
    let Said { code, out, err } = stage.kapell(&["demo", "--keep", "kept"]);
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert!(out.lines().count() <= 60, "{out}");
    assert!(!out.contains('\u{1b}'), "neither colours nor what a guest wrote may reach a pipe: {out}");

    goes_through(&stage, &out);
    is_stopped(&stage, &out);
    is_made_once(&stage, &out);
    names_both(&stage, &out);
    asks_and_is_answered(&stage, &out);
}

/// The files the page lists are there, in the length it says.
fn goes_through(stage: &Stage, page: &str) {
    let run = found(
        page,
        r"(customer-onboarding-\d+) is done; nobody was asked; it cost [\d.]+ EUR at example prices",
    );
    assert!(!log(stage, run).contains("question"));
    for file in ["welcome-acme-ltd.txt", "kickoff-acme-ltd.ics"] {
        let said = found(page, &format!(r"out/{} \((\d+) B\)", regex::escape(file)));
        assert_eq!(stage.read(&format!("kept/out/{file}")).len().to_string(), said, "{file}");
    }
}

/// Each try of the poisoned build ends at the rule or limit the page names, and the sound build answers.
fn is_stopped(stage: &Stage, page: &str) {
    found(page, r"as it comes is refused: (wasi:sockets/\S+): ");
    found(page, r"reads a file +was told: (file: [^\n]+)\n +no rule lends it files: ");
    found(page, r"opens a socket +was told: (socket: [^\n]+)\n +rule \[inert\] has wasi:sockets: ");
    found(page, r"forges the log +wrote: ([^\n]*legal_view answered yes)[^\n]*\n +rule terms-notes keeps it");
    let limit = found(page, r"loops for ever +was stopped[^\n]+\n +(limit fuel in its manifest: [^\n]+)\n");
    let log = log(stage, found(page, r"4 of 4 steps answered by [^\n]+; (\S+) is done"));
    assert!(log.contains(&limit.replace("limit fuel in its manifest", "stopped by fuel")), "{log}");
    let forged = log.lines().find(|line| line.contains("legal_view answered yes")).unwrap();
    assert!(forged.starts_with("      note ") || forged.starts_with("      said "), "{forged}");
}

/// The child is gone, its run went on in the other process, and the account's step has one attempt.
fn is_made_once(stage: &Stage, page: &str) {
    let process = found(page, r"process (\d+) drove \S+ and was killed [^\n]+ signal: 9");
    assert!(!std::path::Path::new("/proc").join(process).exists(), "{process} still runs");
    found(page, r"(the account was made once: 1 try)");
    let log = log(stage, found(page, r"process \d+ drove (\S+) and"));
    let of = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(
        (of("  account       try 1: output"), of("  account       try 2"), of("resumed by another process")),
        (1, 0, 1),
        "{log}"
    );
    assert_eq!((of("try 1: lost"), of("wrote key elm-works-ltd")), (1, 1), "{log}");
}

/// The log of the run that waited and of the one that began later name different bytes.
fn names_both(stage: &Stage, page: &str) {
    let line = |version: &str| {
        let version = regex::escape(version);
        let run = found(
            page,
            &format!(r"(?m)^  (customer-onboarding-\d+)  [^\n]+ letter +try 1: kapell:letter {version} \("),
        )
        .to_owned();
        let log = log(stage, &run);
        found(&log, &format!(r"letter +try 1: kapell:letter {version} \(([0-9a-f]{{12}})\)")).to_owned()
    };
    assert_ne!(line("1.0.0"), line("1.1.0"));
}

/// The clause that departs is shown word by word, and the command the page prints answers for it.
fn asks_and_is_answered(stage: &Stage, page: &str) {
    found(page, r"(\[-12-\] \{\+36\+\})");
    let run = found(page, r"(customer-onboarding-\d+) is waiting");
    let said = stage.shell(found(page, r"answer with: +([^\n]+)"));
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains(&format!("{run} is done")), "{}", said.out);
}

#[test]
fn it_fills_no_folder_that_holds_something_and_takes_no_home() {
    let stage = Stage::empty();
    stage.write("full/a.txt", "mine");
    let said = stage.kapell(&["demo", "--keep", "full"]);
    assert_eq!((said.code, said.err.contains("full is not empty")), (Some(2), true), "{}", said.err);
    let said = stage.kapell(&["--home", "other", "demo"]);
    assert_eq!((said.code, said.err.contains("takes none")), (Some(2), true), "{}", said.err);
    assert!(!stage.project().join("other").exists());
    assert_eq!(stage.read("full/a.txt"), "mine");
}
