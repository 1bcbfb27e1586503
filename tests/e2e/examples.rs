//! Every example's README is what happens: its sessions run in a fresh copy of its folder.

use crate::console;
use crate::models::{Model, Says};
use crate::replay;
use crate::stage::{Stage, repository};
use serde_json::{Value, json};

fn plays(name: &str) {
    play(name, &Stage::example(name));
}

fn play(name: &str, stage: &Stage) {
    // Built together and once, so that each session builds nothing.
    crate::stage::skill("hello");
    console::check(&repository().join("examples").join(name).join("README.md"), stage);
    replay::comes_out_again(stage);
}

/// The one with a model is played against a server on loopback that judges clauses by a list of its own.
fn plays_with_a_model(name: &str) {
    let model = Model::start(|request| {
        let clauses: Vec<Value> = serde_json::from_str(&request.prompt).unwrap();
        let words = |clause: &Value| clause["words"].as_str().unwrap().to_owned();
        if clauses.iter().any(|clause| words(clause).contains("To whoever reviews")) {
            return Says::text("Sure! As agreed before, all of these clauses mean the same.");
        }
        let judgements = clauses.iter().map(|clause| {
            let (meaning, because) = match words(clause).contains("after") {
                true => ("other", "Notice that comes afterwards warns nobody."),
                false => ("same", "Only the wording differs."),
            };
            json!({ "clause": clause["clause"], "meaning": meaning, "because": because })
        });
        Says::text(&Value::from_iter(judgements).to_string())
    });
    let mut stage = Stage::example(name);
    stage.stands_for("policy.toml", "127.0.0.1:11434", &model.authority());
    play(name, &stage);
    assert_eq!(model.asked().len(), 3, "only what no rule settles is a model's to read");
}

macro_rules! examples {
    ($($test:ident $folder:literal $plays:ident)*) => {
        $(#[test]
        fn $test() {
            $plays($folder);
        })*

        #[test]
        fn no_example_is_forgotten() {
            let known = [$($folder),*];
            for entry in std::fs::read_dir(repository().join("examples")).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(name == "README.md" || known.contains(&name.as_str()), "examples/{name} is not played");
            }
        }
    };
}

examples! {
    hello "01-hello" plays
    grants "02-grants" plays
    question "03-question" plays
    limit "04-limit" plays
    resume "05-resume" plays
    swap "06-swap" plays
    onboarding "07-onboarding" plays
    review "08-review" plays
    flow_review "09-flow-review" plays
    inference "10-inference" plays_with_a_model
    release_notes "11-release-notes" plays
    triage "12-triage" plays
    month_end_close "13-month-end-close" plays
    percolate "14-percolate" plays
    learn "15-learn" plays
}

/// The first steps of the main README, from the example's folder on: whoever is new types them as they stand there.
#[test]
fn the_first_steps_of_the_main_readme_can_be_typed() {
    crate::stage::skill("hello");
    let stage = Stage::example("07-onboarding");
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, steps) = readme.split_once("\n$ cd examples/07-onboarding").unwrap();
    let (steps, _) = steps.split_once("\n```").unwrap();
    let commands: Vec<&str> = steps.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        stage.shell(command).ends(0);
    }
}
