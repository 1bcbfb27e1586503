//! Contracts through the onboarding flow: ours and real ones; and what is no contract never passes.

use crate::stage::{Said, Stage, repository};
use serde_json::Value;
use std::fs;

/// A cover page, for texts that come without one.
const COVER: &str = "

**Customer:** Example Works Ltd
**Contact:** Jo Bloggs
**Email:** ops@works.example
**Start date:** 1 March 2026
**Plan:** Team

";

fn stage() -> Stage {
    let stage = Stage::example("07-onboarding");
    stage.add(&["contract-reader", "contract-terms", "crm-account", "letter", "kickoff-slot"]);
    stage
}

fn onboard(stage: &Stage, contract: &str) -> Said {
    let contract = format!("contract=@{contract}");
    let received = "received=2026-02-20T09:30:00Z";
    stage.kapell(&["run", "onboarding.yaml", "--json", "-i", &contract, "-i", received])
}

/// What was made in the world: nothing may be, unless the run went through.
fn made(stage: &Stage) -> Vec<String> {
    let Ok(entries) = fs::read_dir(stage.project().join("out")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn asked<'a>(run: &'a Value, step: &str) -> &'a Value {
    assert_eq!(run["state"], "waiting", "{run:#}");
    assert_eq!(run["question"]["step"], step, "{run:#}");
    &run["question"]["show"]
}

#[test]
fn our_own_terms_go_through_without_a_person() {
    let stage = stage();
    let run = onboard(&stage, "contracts/acme-standard.md").ends(0).json();
    assert_eq!(run["state"], "done", "{run:#}");
    assert_eq!(run["output"]["verdict"], "standard", "{run:#}");
    assert_eq!(run["output"]["account"], "acme-ltd", "{run:#}");
    assert_eq!(made(&stage), ["kickoff-acme-ltd.ics", "welcome-acme-ltd.txt"]);
    assert!(stage.read("out/welcome-acme-ltd.txt").contains("Dear Jane Doe"));
    assert!(stage.read("out/kickoff-acme-ltd.ics").starts_with("BEGIN:VCALENDAR"));
    let entries = stage.kapell(&["runs", "show", "last"]).ends(0).out;
    assert!(!entries.contains("question"), "{entries}");
}

#[test]
fn changed_terms_ask_about_what_is_not_minor_and_wait_for_the_answer() {
    let stage = stage();
    let run = onboard(&stage, "contracts/birch-changed.md").ends(0).json();
    let terms = asked(&run, "legal_view")["terms"].as_array().unwrap().clone();
    assert_eq!(terms.len(), 2, "{terms:#?}");
    assert!(terms.iter().all(|term| term["weight"] != "minor"), "{terms:#?}");
    assert_eq!(made(&stage), Vec::<String>::new());
    let run = stage.kapell(&["gates", "approve", "last", "--json"]).ends(0).json();
    assert_eq!((&run["state"], &run["output"]["verdict"]), (&"done".into(), &"changed".into()), "{run:#}");
    assert_eq!(made(&stage).len(), 2);
}

#[test]
fn a_no_to_changed_terms_makes_nothing() {
    let stage = stage();
    onboard(&stage, "contracts/birch-changed.md").ends(0);
    stage.kapell(&["gates", "reject", "last", "--reason", "not these terms"]).ends(6);
    assert_eq!(made(&stage), Vec::<String>::new());
}

#[test]
fn somebody_elses_paper_is_one_question_with_ten_clauses() {
    let stage = stage();
    let run = onboard(&stage, "contracts/cedar-other-paper.md").ends(0).json();
    let shown = asked(&run, "paper_view");
    assert_eq!(shown["first_ten"].as_array().unwrap().len(), 10, "{shown:#}");
    assert!(shown["in_all"].as_u64().unwrap() > 10, "{shown:#}");
    assert_eq!(made(&stage), Vec::<String>::new());
}

#[test]
fn what_is_no_contract_never_passes_and_nothing_is_made() {
    let stage = stage();
    stage.write("control.md", "\u{0}\u{1}\u{2}PK\u{3}\u{4} not a text at all \u{7f}\u{1b}");
    stage.write("picture.md", "%PDF-1.7 \n% some pages");
    let texts = ["contracts/empty.md", "contracts/not-a-contract.md", "control.md", "picture.md"];
    for text in texts {
        let run = onboard(&stage, text).ends(1).json();
        assert_eq!(run["state"], "failed", "{text}: {run:#}");
        assert_ne!(run["error"], Value::Null, "{text}: {run:#}");
    }
    stage.write("bytes.md", [0xff, 0xfe, 0x00, 0x41]);
    onboard(&stage, "bytes.md").ends(2);
    assert_eq!(made(&stage), Vec::<String>::new());
}

/// A text with a cover page below its title.
fn covered(text: &str) -> String {
    let (title, rest) = text.split_once('\n').unwrap();
    format!("{title}{COVER}{rest}")
}

/// A contract that people use, or none where the texts are not at hand.
fn real(name: &str) -> Option<String> {
    let file = repository().join("../shared/data/contracts").join(name);
    let text = fs::read_to_string(&file).ok();
    if text.is_none() {
        eprintln!("skipped: {} is not here", file.display());
    }
    text
}

#[test]
fn another_version_of_a_real_contract_is_other_paper() {
    let (Some(old), Some(new)) =
        (real("cloud-service-agreement-1.0.md"), real("cloud-service-agreement-2.1.md"))
    else {
        return;
    };
    let stage = stage();
    stage.write("standard-terms.md", new);
    stage.write("old.md", covered(&old));
    let run = onboard(&stage, "old.md").ends(0).json();
    assert_eq!(asked(&run, "paper_view")["first_ten"].as_array().unwrap().len(), 10);
}

#[test]
fn a_real_contract_against_itself_is_standard_and_one_number_is_one_clause() {
    let Some(text) = real("cloud-service-agreement-1.0.md") else { return };
    let stage = stage();
    stage.write("standard-terms.md", &text);
    stage.write("same.md", covered(&text));
    let run = onboard(&stage, "same.md").ends(0).json();
    assert_eq!((&run["state"], &run["output"]["verdict"]), (&"done".into(), &"standard".into()), "{run:#}");

    let changed = text.replacen("30 days", "90 days", 1);
    assert_ne!(changed, text, "the text has no 30 days to change");
    stage.write("changed.md", covered(&changed));
    let run = onboard(&stage, "changed.md").ends(0).json();
    let terms = asked(&run, "legal_view")["terms"].as_array().unwrap().clone();
    assert_eq!(terms.len(), 1, "{terms:#?}");
}

#[test]
fn a_real_agreement_of_another_kind_is_other_paper() {
    let Some(text) = real("mutual-nda.md") else { return };
    let stage = stage();
    stage.write("nda.md", covered(&text));
    let run = onboard(&stage, "nda.md").ends(0).json();
    asked(&run, "paper_view");
}
