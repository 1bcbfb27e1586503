//! What answers and calls by hand teach, through the real program: precedents, proposals that apply, flows that run, and
//! nothing written on the way.

use crate::stage::{Said, Stage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const LOG: &str = "1bbe0d2 feat: open the door by itself\n2cc9f11 fix: close the door in the wind\n";

/// A call by hand, and what it answered.
fn call(stage: &Stage, skill: &str, operation: &str, arguments: &Value) -> Value {
    let said = stage.kapell(&["call", skill, operation, &arguments.to_string(), "--json"]).ends(0);
    said.json()["output"]["output"].clone()
}

/// What somebody does by hand for each release.
fn draft_and_check(stage: &Stage, version: &str) -> Value {
    let draft = call(stage, "kapell:release-notes", "draft", &json!({ "version": version, "log": LOG }));
    call(stage, "kapell:prose-lint", "check", &json!({ "markdown": draft["markdown"] }))
}

#[test]
fn what_was_done_five_times_by_hand_is_found_and_runs_as_a_flow() {
    let stage = Stage::empty();
    stage.add(&["release-notes", "prose-lint"]);
    let said = stage.kapell(&["percolate"]).ends(0);
    assert!(said.err.contains("no call was given what another one had answered"), "{}", said.err);
    (1..=4).for_each(|number| drop(draft_and_check(&stage, &format!("1.{number}.0"))));
    let said = stage.kapell(&["percolate"]).ends(0);
    assert_eq!(said.out, "");
    assert!(said.err.contains("was done 4 times; 1 more and it is proposed"), "{}", said.err);
    stage.kapell(&["percolate", "-o", "found.yaml"]).ends(10);
    let by_hand = draft_and_check(&stage, "1.5.0");
    let found = stage.kapell(&["percolate", "--json"]).ends(0).json();
    let first = &found["found"][0];
    assert_eq!(
        (&first["flow"], &first["times"], &first["problem"]),
        (&json!("draft-check"), &json!(5), &Value::Null)
    );
    assert_eq!(first["calls"], json!(["kapell:release-notes#draft", "kapell:prose-lint#check"]));
    assert_eq!(stage.kapell(&["percolate"]).ends(0).out, first["text"].as_str().unwrap());
    stage.kapell(&["percolate", "draft-check", "-o", "found.yaml"]).ends(0);
    assert_eq!(Some(stage.read("found.yaml").as_str()), first["text"].as_str());
    stage.kapell(&["check", "found.yaml"]).ends(0);
    // The log was the same each time, so it stands in the flow.
    let run = stage.kapell(&["run", "found.yaml", "-i", "version=1.5.0", "--json"]).ends(0).json();
    assert_eq!(run["output"]["check"], by_hand);
    let again = stage.kapell(&["percolate", "-o", "found.yaml"]).ends(2);
    assert!(again.err.contains("is there already"), "{}", again.err);
    stage.kapell(&["percolate", "draft-chek"]).ends(10);
    assert!(stage.kapell(&["percolate", "--since", "0s"]).ends(0).err.contains("no call was given"));
}

#[test]
fn several_that_are_found_are_written_by_name_and_one_that_can_t_run_here_says_why() {
    let stage = Stage::empty();
    stage.add(&["release-notes", "prose-lint", "outbox"]);
    stage.write("policy.toml", "version = 1\n[[rule]]\nid = \"out\"\nskill = \"kapell:outbox\"\nkind = \"files\"\nname = \"out\"\nbind = \"./out\"\naccess = \"write\"\nmost = { files = 9, bytes = \"1MiB\" }\n");
    fs::create_dir(stage.project().join("out")).unwrap();
    for number in 0..5 {
        draft_and_check(&stage, &format!("1.{number}.0"));
        let draft = call(
            &stage,
            "kapell:release-notes",
            "draft",
            &json!({ "version": format!("2.{number}.0"), "log": LOG }),
        );
        let put = json!({ "name": format!("notes-{number}"), "kind": "markdown", "text": draft["markdown"] });
        call(&stage, "kapell:outbox", "put", &put);
    }
    let several = stage.kapell(&["percolate", "-o", "found.yaml"]).ends(2);
    assert!(several.err.contains("name one of draft-put, draft-check"), "{}", several.err);
    assert!(!stage.project().join("found.yaml").exists());
    stage.kapell(&["percolate", "draft-put", "-o", "found.yaml"]).ends(0);
    let run = ["run", "found.yaml", "-i", "version=3.0.0", "-i", "name=notes-9"];
    stage.kapell(&run).ends(0);
    assert!(stage.read("out/notes-9.md").contains("3.0.0"));
    // Without the rule what was done by hand can't be done by a flow either.
    stage.write("policy.toml", "version = 1\n");
    let refused = stage.kapell(&["percolate", "draft-put"]).ends(3);
    assert!(
        refused.err.contains("it does not check here") && refused.err.contains("draft-put.yaml:"),
        "{}",
        refused.err
    );
}

const FLOW: &str = "\
flow: letters
version: '1'
inputs: { words: integer, name: string }
steps:
  - id: agreed   # long letters only
    when: inputs.words > 100 # words
    ask: editor
    question: Shall we say this?
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
outputs: { greeting: greeting }
";

fn letters() -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", "version = 1\n[role.editor]\npeople = [\"user:*\"]\n");
    stage.add(&["hello"]);
    stage.write("letters.yaml", FLOW);
    stage
}

fn ask(stage: &Stage, words: u32) -> Said {
    let words = format!("words={words}");
    stage.kapell(&["run", "letters.yaml", "-i", "name=Bo", "-i", &words, "--no-wait"])
}

/// One letter of that many words, with what is said to it.
fn answered(stage: &Stage, words: u32, verdict: &str, reason: &str) {
    ask(stage, words).ends(5);
    let code = if verdict == "approve" { 0 } else { 6 };
    stage.kapell(&["gates", verdict, "last", "--reason", reason]).ends(code);
}

/// Every file of the project, and the journal's size and root.
fn everything(stage: &Stage) -> (BTreeMap<String, Vec<u8>>, String) {
    let files = fs::read_dir(stage.project()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    let files = files.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect();
    let head = stage.kapell(&["audit", "checkpoint"]).ends(0).out;
    let unsigned = head.split("\n\n").next().unwrap().to_owned();
    (files, unsigned)
}

#[test]
fn a_question_shows_how_it_was_answered_before_and_no_terminal_is_moved_by_it() {
    let stage = letters();
    answered(&stage, 120, "approve", "It is short enough");
    answered(&stage, 130, "approve", "");
    answered(&stage, 500, "reject", "Too \u{1b}[2J\u{202e}long");
    let asked = ask(&stage, 140).ends(5);
    for shown in [&asked.err, &stage.kapell(&["gates", "show", "last"]).ends(0).out] {
        assert!(shown.contains("before: approved 2 times, last 20"), "{shown}");
        assert!(shown.contains("by user:ada as editor: It is short enough"), "{shown}");
        assert!(
            shown.contains("rejected once, last 20") && shown.contains("Too \\u{1b}[2J\\u{202e}long"),
            "{shown}"
        );
        assert!(!shown.contains(['\u{1b}', '\u{202e}']));
    }
    let told = stage.kapell(&["gates", "show", "last", "--json"]).ends(0).json();
    let precedents = told["precedents"].as_array().unwrap();
    assert_eq!((&precedents[0]["verdict"], &precedents[0]["times"]), (&json!("approved"), &json!(2)));
    assert_eq!((&precedents[1]["verdict"], &precedents[1]["run"]), (&json!("rejected"), &json!("letters-3")));
    // Another condition is another question.
    stage.write("letters.yaml", FLOW.replace("> 100", "> 99"));
    assert!(!ask(&stage, 140).ends(5).err.contains("before:"));
}

#[test]
fn what_is_always_approved_becomes_a_difference_that_applies_and_nothing_is_written() {
    let stage = letters();
    for words in [101, 140, 120, 101] {
        answered(&stage, words, "approve", "fine");
    }
    let said = stage.kapell(&["gates", "learn", "letters.yaml"]).ends(0);
    assert!(
        said.out.is_empty() && said.err.contains("yes 4, by 1 person; 1 more"),
        "{}{}",
        said.out,
        said.err
    );
    answered(&stage, 115, "approve", "fine");
    let before = everything(&stage);
    let said = stage.kapell(&["gates", "learn", "letters.yaml"]).ends(0);
    let told = stage.kapell(&["gates", "learn", "letters.yaml", "--json"]).ends(0).json();
    assert!(everything(&stage) == before, "something was written");
    assert_eq!(told["diff"], said.out);
    assert!(
        said.out.contains("-    when: inputs.words > 100 # words\n+    when: inputs.words > 140 # words\n"),
        "{}",
        said.out
    );
    assert!(said.err.contains("widens; in a locked home it would wait for approval"), "{}", said.err);
    assert!(said.err.contains("nothing was changed"), "{}", said.err);
    assert!(stage.kapell(&["gates", "learn", "letters.yaml", "--after", "6"]).ends(0).out.is_empty());
    stage.write("learned.diff", &said.out);
    let applied = stage.shell("patch -p1 < learned.diff");
    assert_eq!(applied.code, Some(0), "{}", applied.out);
    stage.kapell(&["check", "letters.yaml"]).ends(0);
    ask(&stage, 140).ends(0);
    ask(&stage, 141).ends(5);
}

#[test]
fn a_condition_is_put_in_however_it_is_written() {
    let stage = letters();
    (0..5).for_each(|_| answered(&stage, 140, "approve", "fine"));
    let long = "    when: inputs.words > 100 # words\n    ask: editor\n    question: Shall we say this?\n";
    let step = format!("  - id: agreed   # long letters only\n{long}");
    let ways = [
        "  - { id: agreed, when: 'inputs.words > 100', ask: editor, question: Shall we }\n",
        "  - { id: agreed, when: \"inputs.words > 100\", ask: editor, question: Shall we }\n",
        "  - {\"id\": \"agreed\", \"when\": \"inputs.words > 100\", \"ask\": \"editor\", \"question\": \"Shall we\"}\n",
    ];
    for way in ways {
        stage.write("letters.yaml", FLOW.replace(&step, way));
        let said = stage.kapell(&["gates", "learn", "letters.yaml"]).ends(0);
        assert!(said.out.contains("inputs.words > 140"), "{way}{}{}", said.out, said.err);
        stage.write("learned.diff", &said.out);
        assert_eq!(stage.shell("patch -p1 < learned.diff").code, Some(0));
        stage.kapell(&["check", "letters.yaml"]).ends(0);
        ask(&stage, 140).ends(0);
    }
    // Over several lines it is changed, or left alone; never broken.
    stage.write(
        "letters.yaml",
        FLOW.replace("when: inputs.words > 100 # words", "when: >-\n      inputs.words\n      > 100"),
    );
    let said = stage.kapell(&["gates", "learn", "letters.yaml"]).ends(0);
    stage.write("learned.diff", &said.out);
    assert_eq!(stage.shell("patch -p1 < learned.diff || test ! -s learned.diff").code, Some(0));
    stage.kapell(&["check", "letters.yaml"]).ends(0);
}

#[test]
fn what_is_always_rejected_becomes_a_case_that_holds_the_flow_to_asking() {
    let stage = letters();
    (0..5).for_each(|_| answered(&stage, 500, "reject", "Too long\u{1b}[2J"));
    let said = stage.kapell(&["gates", "learn", "letters.yaml"]).ends(0);
    assert!(
        !said.out.contains('\u{1b}') && said.out.starts_with("--- /dev/null\n+++ b/letters.test.yaml\n"),
        "{}",
        said.out
    );
    stage.kapell(&["test", "letters.yaml"]).ends(1);
    stage.write("learned.diff", &said.out);
    assert_eq!(stage.shell("git apply learned.diff").code, Some(0));
    let held = stage.kapell(&["test", "letters.yaml"]).ends(0);
    assert!(held.out.contains("pass  letters.test.yaml:2  agreed"), "{}", held.out);
    stage.write("letters.yaml", FLOW.replace("> 100", "> 1000"));
    let failed = stage.kapell(&["test", "letters.yaml"]).ends(1);
    assert!(failed.out.contains("FAIL  letters.test.yaml:2  agreed: it does not ask"), "{}", failed.out);
    stage.write("letters.yaml", FLOW);
    let again = stage.kapell(&["gates", "learn", "letters.yaml"]).ends(0);
    assert!(again.out.is_empty() && again.err.contains("stand beside the flow already"), "{}", again.err);
    answered(&stage, 101, "approve", "fine");
    let mixed = stage.kapell(&["gates", "learn", "letters.yaml"]).ends(0);
    assert!(mixed.err.contains("no 5, yes 1, by 1 person; mixed"), "{}", mixed.err);
}
