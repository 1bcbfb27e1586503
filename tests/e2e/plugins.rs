//! Every skill's own examples, run as they would be for its users: built from source, granted what it asks for by the
//! rules its refusals print, called through a home.

use crate::stage::{Stage, options, repository, skill};
use kapell_home::{Home, Place};
use kapell_model::limits::WishedLimits;
use kapell_model::manifest::{Example, Expected};
use std::path::Path;

/// A home whose policy holds exactly the rules that the skill's refusals say to paste.
fn home_for(stage: &Stage, name: &str, bytes: &[u8]) -> Home {
    let open = || Home::open(Place::at(stage.project()).unwrap(), options()).unwrap();
    let home = open();
    let inspected = home.inspect(Path::new(name), bytes).unwrap().skill;
    let refusals = home.grants(&inspected, None, &WishedLimits::default()).err().unwrap_or_default();
    let rules: Vec<String> = refusals.into_iter().filter_map(|refusal| refusal.advice).collect();
    let generous = "[limits.any]\nfuel = 2_000_000_000\nmemory = \"64MiB\"\ndeadline = \"30s\"\n";
    stage.write("policy.toml", format!("version = 1\n\n{}\n{generous}", rules.join("\n")));
    open()
}

fn differs(home: &Home, runtime: &tokio::runtime::Runtime, name: &str, example: &Example) -> Option<String> {
    let skill = home.skill(name).unwrap();
    let called = home.call(skill, &example.operation, example.input.clone(), "user:author");
    let finished = runtime.block_on(called).unwrap();
    let reason = finished.standing.state.ended.as_ref().and_then(|ended| ended.reason.clone());
    let answered = finished.output.as_ref().and_then(|outputs| outputs.get("output"));
    let same = match &example.expected {
        Expected::Output(expected) => answered == Some(expected),
        Expected::Error(expected) => finished.skill_error.as_ref() == Some(expected),
        Expected::Anything => answered.is_some(),
    };
    (!same).then(|| {
        format!(
            "skill.toml:{}: expected {:?}\n  answered {answered:?}, said no with {:?}, ended for {reason:?}",
            example.line, example.expected, finished.skill_error
        )
    })
}

#[test]
fn every_example_of_every_skill_is_what_the_skill_answers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut differences = Vec::new();
    for folder in std::fs::read_dir(repository().join("plugins")).unwrap().map(|entry| entry.unwrap().path())
    {
        if !folder.join("skill.toml").is_file() {
            continue;
        }
        let folder = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (stage, bytes) = (Stage::empty(), skill(&folder));
        let home = home_for(&stage, &folder, bytes);
        let added = home.add(Path::new(&folder), bytes, "user:author").unwrap();
        assert!(added.refusals.is_empty(), "{folder}: {:?}", added.refusals);
        let name = added.skill.pin.name.to_string();
        assert!(!added.skill.manifest.examples.is_empty(), "{folder} has no example");
        let examples = added.skill.manifest.examples.iter();
        differences.extend(examples.filter_map(|example| differs(&home, &runtime, &name, example)));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
