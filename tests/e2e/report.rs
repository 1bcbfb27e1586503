//! The measures of a flow, through the real program: as text, as JSON, as a page, and of runs nobody has.

use crate::stage::{Stage, options};
use kapell_home::{About, Home, Place};
use serde_json::json;
use std::fmt::Write as _;

const FLOW: &str = "\
flow: hi
version: '1'
outcome: { name: somebody is greeted, worth: 0.50 EUR, by-hand: 1m }
inputs: { name: string }
steps:
  - id: agreed
    when: inputs.name.startsWith('the ')
    ask: editor
    question: Do we greet them?
    expire: 3d
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
outputs: { greeting: greeting }
";

const POLICY: &str = "version = 1\n\n[role.editor]\npeople = [\"user:*\"]\n";

fn stage(names: impl IntoIterator<Item = String>) -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", POLICY);
    stage.write("hi.yaml", FLOW);
    stage.add(&["hello"]);
    let lines = names.into_iter().fold(String::new(), |mut lines, name| {
        let _ = writeln!(lines, "{}", json!({ "name": name }));
        lines
    });
    stage.write("lines.jsonl", lines);
    stage.kapell(&["run", "hi.yaml", "--each", "lines.jsonl", "--jobs", "1"]).ends(0);
    stage
}

#[test]
fn a_report_tells_what_came_out_and_why_not() {
    let stage = stage(["Ada", "the board", "the press", "the king"].map(str::to_owned));
    stage.kapell(&["gates", "approve", "hi-2", "--minutes", "1"]).ends(0);
    stage.kapell(&["gates", "reject", "hi-3", "--reason", "no \u{1b}[2J<script>", "--minutes", "3"]).ends(6);

    let said = stage.kapell(&["report", "hi"]).ends(0);
    for line in [
        "runs            4 began: 2 done, 1 rejected, 1 waiting for an answer\n",
        "outcomes        2 of 4 runs (50.0 %); no rate: the period is shorter than an hour; 1 of 2 (50.0 %) without a person\n",
        "exceptions      3 of 4 runs (75.0 %); 3 asked a person, 1 ended without an outcome\n",
        "judgment yield  3 of 4 minutes (75.0 %) went into the 1 of 2 answers (50.0 %) that changed the result\n",
        "agreed  3     3      1     editor  inputs.name.startsWith('the ')\n",
        "agreed  1      no    no \\u{1b}[2J<script>\n",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }

    let json = stage.kapell(&["report", "hi", "--since", "1d", "--json"]).ends(0).json();
    assert_eq!(json["schema"], "kapell.report/1");
    assert_eq!(json["value"]["worth"], json!({ "known": "1.00 EUR" }));
    assert_eq!(json["exceptions"]["runs"], json!({ "n": 3, "of": 4, "percent": "75.0" }));

    stage.kapell(&["report", "hi", "--html", "page.html"]).ends(0);
    let page = stage.read("page.html");
    assert!(page.contains("no \\u{1b}[2J&lt;script&gt;") && !page.contains("<script"), "{page}");
}

#[test]
fn a_flow_that_never_ran_has_no_report_and_the_nearest_name_is_told() {
    let stage = stage(["Ada".to_owned()]);
    let said = stage.kapell(&["report", "hii"]).ends(10);
    assert!(said.err.contains("there is no run of a flow `hii`\nhint: did you mean `hi`?"), "{}", said.err);
    let said = stage.kapell(&["report", "\u{1b}[2J"]).ends(10);
    assert!(!said.err.contains('\u{1b}'), "{}", said.err);
    stage.kapell(&["report", "hi", "--since", "yesterday"]).ends(2);
    let said = stage.kapell(&["report", "hi", "--since", "2999-01-01"]).ends(2);
    assert!(said.err.contains("after now"), "{}", said.err);
    stage.kapell(&["report", "hi", "--html", "nowhere/page.html"]).ends(10);
    let said = stage.kapell(&["report", "hi", "--since", "0s"]).ends(0);
    assert!(said.out.contains("none began in the period"), "{}", said.out);
}

#[test]
fn a_journal_that_is_read_in_stretches_is_read_whole_and_in_order() {
    const RUNS: u64 = 300;
    let stage = stage((0..RUNS).map(|nth| format!("n{nth}")));
    let home = Home::open(Place::at(stage.project()).unwrap(), options()).unwrap();
    let (mut seen, mut told) = (Vec::new(), Vec::new());
    let take = |tally: kapell_report::tally::Tally, _: &_| {
        seen.push(tally.run.to_string());
        Ok(())
    };
    let count = home.tallies_told(&About::default(), |done, of| told.push((done, of)), take).unwrap();
    assert_eq!(count, RUNS);
    assert_eq!(seen, (1..=RUNS).rev().map(|nth| format!("hi-{nth}")).collect::<Vec<_>>());
    assert_eq!(told, [(128, RUNS), (256, RUNS), (RUNS, RUNS)]);

    let mut taken = 0;
    let stop = |_, _: &_| {
        taken += 1;
        Err(kapell_home::HomeError::new(kapell_home::Kind::Argument, "enough"))
    };
    assert!(home.tallies(&About::default(), stop).is_err_and(|error| error.message == "enough"));
    assert_eq!(taken, 1);
}

#[test]
fn a_journal_that_was_rewritten_has_no_report() {
    let stage = stage(["Ada".to_owned(), "Eve".to_owned()]);
    let journal = rusqlite::Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    let forged = "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"done\"', '\"failed\"') AS BLOB) WHERE run = 'hi-1'";
    journal.execute(forged, []).unwrap();
    let said = stage.kapell(&["report", "hi"]).ends(9);
    assert!(said.err.contains("hi-1"), "{}", said.err);
}

#[test]
fn what_happened_is_read_without_the_policy_of_today_and_nothing_runs_without_it() {
    let stage = stage(["Ada", "the board"].map(str::to_owned));
    stage.write("policy.toml", format!("{POLICY}\n[role.editor\n"));
    for reads in [
        &["runs", "list"][..],
        &["runs", "show", "hi-1"],
        &["runs", "show", "hi-1", "--why"],
        &["explain", "hi-1"],
        &["report", "hi"],
        &["cost", "--by", "flow"],
        &["gates", "list"],
        &["gates", "show", "hi-2"],
        &["verify"],
    ] {
        let said = stage.kapell(reads).ends(0);
        assert!(said.err.starts_with("warning: "), "{reads:?}: {}", said.err);
        assert!(said.err.contains(" --> policy.toml:6:13\n"), "{reads:?}: {}", said.err);
        assert!(
            said.err.contains("nothing runs, is answered or changes before that is mended"),
            "{}",
            said.err
        );
        assert!(!said.out.is_empty() || !said.err.is_empty(), "{reads:?}");
    }
    for acts in [
        &["run", "hi.yaml", "-i", "name=Bob"][..],
        &["call", "kapell:hello#greet", "name=Bob"],
        &["gates", "approve", "hi-2"],
        &["runs", "cancel", "hi-2"],
        &["runs", "resume", "hi-2"],
        &["skills", "list"],
        &["dossier", "hi.yaml"],
    ] {
        let said = stage.kapell(acts).ends(3);
        let is_told = said.err.starts_with("error: ") && said.err.contains(" --> policy.toml:6:13\n");
        assert!(is_told, "{acts:?}: {}", said.err);
    }
    // Nothing of it was taken for the policy in effect.
    stage.write("policy.toml", POLICY);
    let said = stage.kapell(&["report", "hi"]).ends(0);
    assert!(!said.err.contains("policy.toml has changed"), "{}", said.err);
    stage.kapell(&["gates", "approve", "hi-2"]).ends(0);
}

#[test]
fn every_verb_refuses_a_period_that_has_not_begun() {
    let stage = stage(["Ada"].map(str::to_owned));
    for verb in [
        &["cost"][..],
        &["report", "hi"],
        &["percolate"],
        &["gates", "learn", "hi.yaml"],
        &["replay"],
        &["dossier", "hi.yaml"],
    ] {
        let said = stage.kapell(&[verb, &["--since", "2999-01-01"]].concat()).ends(2);
        assert!(
            said.err.contains("the period would begin at 2999-01-01T00:00:00Z, after now"),
            "{}",
            said.err
        );
    }
}
