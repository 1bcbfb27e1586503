//! What scripts rely on: verbs, exit codes, JSON, and errors that say where and what to do.

use crate::stage::{Said, Stage, repository, skill};
use serde_json::{Value, json};

/// A flow of one greeting, for tests that need some run.
const HELLO: &str = "\
flow: hello
version: '1'
inputs: { name: string }
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
outputs: { greeting: greeting }
";

/// The same, and then a person is asked.
const ASKS: &str = "\
flow: asks
version: '1'
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: Ada }
  - id: agreed
    ask: editor
    question: Shall we?
    show: { greeting: greeting }
    expire: 3d
outputs: { greeting: greeting }
";

const EDITORS: &str = "version = 1\n[role.editor]\npeople = [\"user:ada\"]\n";

fn greeting() -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", EDITORS);
    stage.write("hello.yaml", HELLO);
    stage.write("asks.yaml", ASKS);
    stage.add(&["hello"]);
    stage
}

#[test]
fn the_help_page_is_what_a_review_has_seen() {
    let said = Stage::empty().kapell(&["--help"]).ends(0);
    let golden = repository().join("tests/golden/help.txt");
    let golden = snapbox::Data::read_from(&golden, Some(snapbox::data::DataFormat::Text)).raw();
    snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(said.out, golden);
}

#[test]
fn each_ending_has_an_exit_code_of_its_own() {
    let stage = greeting();
    stage.kapell(&["run", "hello.yaml", "-i", "name=Ada"]).ends(0);
    stage.kapell(&["call", "kapell:hello", "greet", r#"{"name": ""}"#]).ends(1);
    stage.kapell(&["call", "kapell:hello", "greet", r#"{"name": 7}"#]).ends(2);
    stage.write("broken.yaml", "flow: broken\nsteps: []\n");
    stage.kapell(&["run", "broken.yaml"]).ends(3);
    let letter = stage.write("letter.wasm", skill("letter"));
    let write = r#"{"name": "a", "template": "b", "fields": []}"#;
    stage.kapell(&["call", &letter.display().to_string(), "write", write]).ends(4);
    stage.kapell(&["run", "asks.yaml", "--no-wait"]).ends(5);
    stage.kapell(&["gates", "reject", "last", "--reason", "no"]).ends(6);
    stage.write("dear.yaml", HELLO.replace("steps:", "budget: { money: 0.000001 EUR }\nsteps:"));
    stage.kapell(&["run", "dear.yaml", "-i", "name=Ada"]).ends(7);
    stage.write("long.yaml", HELLO.replace("outputs:", "    limits: { fuel: 10 }\noutputs:"));
    stage.kapell(&["run", "long.yaml", "-i", "name=Ada"]).ends(8);
    stage.kapell(&["runs", "show", "nobody-7"]).ends(10);
}

#[test]
fn a_journal_that_was_changed_behind_our_back_is_told_and_nothing_runs_on_it() {
    let stage = greeting();
    stage.kapell(&["run", "hello.yaml", "-i", "name=Ada"]).ends(0);
    stage.kapell(&["runs", "show", "last"]).ends(0);
    let changed = replace_in_home(&stage, b"user:ada", b"user:eve");
    assert!(changed > 0, "nothing was changed");
    let said = stage.kapell(&["runs", "show", "last"]).ends(9);
    assert!(said.err.contains("nothing was run"), "{}", said.err);
    assert!(stage.kapell(&["doctor"]).ends(9).out.contains("MEND journal"));
}

/// Changes bytes in every file of the home, as somebody with an editor could.
fn replace_in_home(stage: &Stage, from: &[u8], to: &[u8]) -> usize {
    let mut changed = 0;
    for entry in std::fs::read_dir(stage.project().join(".kapell")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let mut bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len().saturating_sub(from.len()) {
            if bytes[at..].starts_with(from) {
                bytes[at..at + from.len()].copy_from_slice(to);
                changed += 1;
            }
        }
        std::fs::write(&path, bytes).unwrap();
    }
    changed
}

#[test]
fn with_json_a_run_is_one_object_wherever_it_came_to_rest() {
    let stage = greeting();
    let done = stage.kapell(&["run", "hello.yaml", "-i", "name=Ada", "--json"]).ends(0);
    assert_eq!(done.err, "");
    let done = done.json();
    assert_eq!(done["schema"], "kapell.run/1");
    assert_eq!((&done["run"], &done["state"]), (&json!("hello-1"), &json!("done")));
    assert_eq!(done["output"], json!({ "greeting": "Hello, Ada!" }));
    assert_eq!(done["question"], Value::Null);
    assert!(done["cost"].as_str().unwrap().ends_with(" EUR"), "{done}");
    assert!(done["fuel"].as_u64().unwrap() > 0, "{done}");

    let waits = stage.kapell(&["run", "asks.yaml", "--json"]).ends(0).json();
    assert_eq!((&waits["state"], &waits["output"]), (&json!("waiting"), &Value::Null));
    let question = &waits["question"];
    assert_eq!((&question["step"], &question["role"]), (&json!("agreed"), &json!("editor")));
    assert_eq!(question["show"], json!({ "greeting": "Hello, Ada!" }));
    let shown = question["shown"].as_str().unwrap();
    let answered = stage.kapell(&["gates", "approve", "asks-1", "--shown", shown, "--json"]).ends(0).json();
    assert_eq!(answered["state"], "done");
}

#[test]
fn with_json_an_error_has_a_code_that_stays_and_every_place() {
    let stage = greeting();
    let error = |said: Said| said.json()["error"].clone();
    let misfit = error(stage.kapell(&["call", "kapell:hello", "greet", r#"{"name": 7}"#, "--json"]).ends(2));
    assert_eq!(misfit["code"], "usage");
    assert!(misfit["message"].as_str().unwrap().contains("name: expected string"), "{misfit}");
    stage.write("broken.yaml", HELLO.replace("with:", "wiht:"));
    let invalid = error(stage.kapell(&["check", "broken.yaml", "--json"]).ends(3));
    assert_eq!(invalid["code"], "invalid");
    let place = &invalid["places"][0];
    assert_eq!(
        (&place["file"], &place["line"], &place["column"]),
        (&json!("broken.yaml"), &json!(7), &json!(5))
    );
    let lost = error(stage.kapell(&["runs", "show", "hello-9", "--json"]).ends(10));
    assert_eq!(lost["code"], "not-found");
}

#[test]
fn a_broken_flow_is_shown_with_its_line_and_what_was_meant() {
    let stage = greeting();
    stage.write("broken.yaml", HELLO.replace("with:", "wiht:"));
    let said = stage.kapell(&["run", "broken.yaml", "-i", "name=Ada"]).ends(3);
    assert_eq!(said.out, "");
    for part in ["broken.yaml:7:5", "wiht: { name:", "did you mean `with`?"] {
        assert!(said.err.contains(part), "{part} is not in\n{}", said.err);
    }
    assert!(stage.kapell(&["runs", "list"]).ends(0).err.contains("no runs"));
}

#[test]
fn inputs_come_as_text_from_files_and_from_standard_input() {
    let stage = greeting();
    stage.write("name.txt", "Grace");
    let greets = |said: Said| said.ends(0).json()["output"]["greeting"].as_str().unwrap().to_owned();
    let run = |input| ["run", "hello.yaml", "--json", "-i", input];
    assert_eq!(greets(stage.kapell(&run("name=Ada"))), "Hello, Ada!");
    assert_eq!(greets(stage.kapell(&run("name=@name.txt"))), "Hello, Grace!");
    assert_eq!(greets(stage.kapell_fed(&run("name=@-"), "Edsger")), "Hello, Edsger!");
    stage.kapell(&run("name=@nothing.txt")).ends(10);
    stage.kapell(&run("nmae=Ada")).ends(2);
    stage.kapell(&run("Ada")).ends(2);
    stage.kapell(&["run", "hello.yaml"]).ends(2);
}

#[test]
fn runs_are_found_by_name_by_last_and_by_what_only_one_begins_with() {
    let stage = greeting();
    stage.kapell(&["run", "hello.yaml", "-i", "name=Ada"]).ends(0);
    stage.kapell(&["run", "asks.yaml"]).ends(0);
    stage.kapell(&["run", "hello.yaml", "-i", "name=Ada"]).ends(0);
    let shown = |said: &str| {
        let said = stage.kapell(&["runs", "show", said]).ends(0);
        said.out.lines().next().unwrap().to_owned()
    };
    assert_eq!(shown("hello-1"), "hello-1");
    assert_eq!(shown("last"), "hello-2");
    assert_eq!(shown("a"), "asks-1");
    let several = stage.kapell(&["runs", "show", "hello"]).ends(2);
    assert!(several.err.contains("hello-2") && several.err.contains("hello-1"), "{}", several.err);
}

#[test]
fn a_verb_that_is_not_there_is_told_with_the_nearest() {
    let said = Stage::empty().kapell(&["rnu"]).ends(2);
    assert!(said.err.contains("similar subcommand"), "{}", said.err);
    assert!(!Stage::empty().kapell(&["version"]).ends(0).out.is_empty());
}

#[test]
fn a_home_is_made_once_and_what_was_edited_stays() {
    let stage = Stage::empty();
    let first = stage.kapell(&["init"]).ends(0);
    assert!(first.err.contains("made a home") && first.err.contains("wrote policy.toml"), "{}", first.err);
    stage.write("policy.toml", EDITORS);
    let second = stage.kapell(&["init"]).ends(0);
    assert!(second.err.contains("found the home") && !second.err.contains("wrote"), "{}", second.err);
    assert_eq!(stage.read("policy.toml"), EDITORS);
    let looked = stage.kapell(&["doctor", "--json"]).ends(0).json();
    assert_eq!(looked["sound"], true, "{looked}");
}

#[test]
fn a_folder_below_a_home_uses_it() {
    let stage = greeting();
    stage.write("below/it/hello.yaml", HELLO);
    let mut command = stage.command(&["run", "hello.yaml", "-i", "name=Ada"]);
    assert!(command.current_dir(stage.project().join("below/it")).output().unwrap().status.success());
    assert!(stage.kapell(&["runs", "list"]).ends(0).out.contains("hello-1"));
}

#[test]
fn shells_are_told_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Stage::empty().kapell(&["completions", shell]).ends(0).out;
        assert!(script.contains("gates") && script.contains("approve"), "{shell}");
    }
}

#[test]
fn only_who_is_named_may_answer() {
    let stage = greeting();
    stage.kapell(&["run", "asks.yaml"]).ends(0);
    stage.kapell(&["gates", "approve", "last", "--as", "user:mallory"]).ends(4);
    stage.kapell(&["gates", "approve", "last", "--as", "user:ada"]).ends(0);
}

#[test]
fn cost_tells_what_an_outcome_cost_and_finance_tools_get_the_same_money() {
    let stage = greeting();
    let worth =
        "outcome: { name: somebody greeted, worth: 2 EUR, by-hand: 5m }\nbudget: { money: 1 EUR }\nsteps:";
    stage.write("hello.yaml", HELLO.replace("steps:", worth));
    stage.kapell(&["run", "hello.yaml", "-i", "name=Ada"]).ends(0);
    stage.kapell(&["run", "hello.yaml", "-i", "name="]).ends(1);
    let cost = stage.kapell(&["cost", "--by", "flow", "--since", "1d", "--json"]).ends(0).json();
    let flow = &cost["outcomes"][0];
    assert_eq!(
        (&flow["runs"], &flow["outcomes"], &flow["worth"]),
        (&json!(2), &json!(1), &json!("2.00 EUR"))
    );
    assert_eq!(flow["per-outcome"], cost["total"], "the run that came to nothing is paid for too");
    let said = stage.kapell(&["run", "hello.yaml", "-i", "name=Bob", "--estimate", "--json"]).ends(0).json();
    // The one that broke off says nothing of a whole run.
    assert_eq!((&said["runs"], &said["estimate"]["of-like-size"]), (&json!(1), &json!(true)));
    let said = stage.kapell(&["run", "asks.yaml", "--estimate"]).ends(0);
    assert!(said.err.contains("there are no past runs of asks"), "{}", said.err);
    assert_eq!(stage.kapell(&["runs", "list", "--json"]).ends(0).json()["runs"].as_array().unwrap().len(), 2);
    stage.kapell(&["cost", "--focus", "charges.csv"]).ends(0);
    let csv = stage.read("charges.csv");
    let costs =
        csv.lines().skip(1).map(|line| line.split(',').next().unwrap().parse::<rust_decimal::Decimal>());
    let sum: rust_decimal::Decimal = costs.map(Result::unwrap).sum();
    assert_eq!(cost["total"], json!(format!("{sum} EUR")));
    let said = stage.kapell(&["cost", "--since", "2099-01-01"]).ends(2);
    assert!(said.err.contains("the period would begin at 2099-01-01"), "{}", said.err);
    let said = stage.kapell(&["cost", "--since", "yesterday"]).ends(2);
    assert!(said.err.contains("`yesterday` is no beginning of a period"), "{}", said.err);
}

#[test]
fn an_answer_that_can_not_be_written_is_no_success() {
    let stage = greeting();
    for command in ["kapell runs list --json", "kapell version", "kapell --help"] {
        let full = stage.shell(&format!("{command} > /dev/full; echo $?")).out;
        assert!(full.starts_with("error: standard output can't be written: "), "{command}: {full}");
        assert!(full.ends_with("\n70\n"), "{command}: {full}");
        // Whoever has read enough closes the pipe, which is their right.
        let gone = stage.shell(&format!("exec 3> >(:); wait $!; {command} >&3; echo $?")).out;
        assert_eq!(gone, "0\n", "{command}");
    }
}

#[test]
fn a_home_whose_journal_was_emptied_does_not_read_like_a_new_one() {
    let stage = greeting();
    stage.kapell(&["run", "hello.yaml", "-i", "name=Ada"]).ends(0);
    for gone in ["journal.sqlite-wal", "journal.sqlite-shm"] {
        let _ = std::fs::remove_file(stage.project().join(".kapell").join(gone));
    }
    stage.write(".kapell/journal.sqlite", "");
    let told = "the journal does not go with its signed head in log.head: ";
    for reads in [&["runs", "list"][..], &["gates", "list"], &["cost"], &["skills", "list"], &["lock"]] {
        let said = stage.kapell(reads).ends(9);
        assert!(said.err.starts_with(&format!("warning: {told}")), "{reads:?}: {}", said.err);
    }
    for changes in [&["add", "skills/hello.wasm"][..], &["run", "hello.yaml", "-i", "name=Ada"]] {
        let said = stage.kapell(changes).ends(9);
        assert!(said.err.starts_with(&format!("error: {told}")), "{changes:?}: {}", said.err);
    }
    assert_eq!(stage.kapell(&["skills", "list"]).ends(9).out, "", "nothing was added");
}

/// A step that goes on until somebody ends it.
const SPINS: &str =
    "flow: spins\nversion: '1'\nsteps:\n  - { id: work, use: 'local:spins#run', with: { input: '' } }\n";

#[test]
fn control_c_says_what_is_cut_off_and_how_it_goes_on() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let stage = Stage::empty();
    let limits = "limits.\"local:spins\" = { fuel = 900_000_000_000_000, deadline = \"60s\" }";
    stage.write("policy.toml", crate::guests::stage::policy("spins", &[], limits));
    let skill = stage.write("spins.wasm", crate::guests::stage::asking("spins", &[]));
    stage.kapell(&["add", skill.to_str().unwrap()]).ends(0);
    stage.write("spins.yaml", SPINS);
    let mut running = stage.command(&["run", "spins.yaml"]).spawn().unwrap();
    let mut said = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "spins-1  spins 1\n");
    std::process::Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let words =
        "spins-1 is cut off; the next command goes on with it; `kapell runs cancel spins-1` stops it\n";
    assert_eq!((running.wait().unwrap().code(), rest.as_str()), (Some(130), words));
    // And so it is: whoever stops it finds it where it was.
    assert!(stage.kapell(&["runs", "cancel", "spins-1"]).err.contains("spins-1 is cancelled"));
}

#[test]
fn what_is_printed_to_be_pasted_is_quoted_for_the_shell() {
    let stage = greeting();
    stage.write("a house/asks.yaml", ASKS);
    stage.write("a house/policy.toml", EDITORS);
    let hello = stage.project().join("skills/hello.wasm").display().to_string();
    stage.kapell(&["--home", "a house", "add", &hello]).ends(0);
    let said = stage.kapell(&["--home", "a house", "--as", "ada", "run", "a house/asks.yaml"]).ends(0).err;
    let (_, command) = said.split_once("answer with:  ").unwrap();
    let command = command.lines().next().unwrap();
    assert!(command.starts_with("kapell --home 'a house' --as ada gates approve asks-1"), "{command}");
    assert!(stage.shell(command).ends(0).out.contains("asks-1 is done"), "{command}");
}

#[test]
fn everything_that_lacks_of_arguments_and_inputs_is_told_at_once() {
    let stage = greeting();
    let told = stage.kapell(&["--json", "call"]).ends(2).json();
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("<SKILL>") && message.contains("<OPERATION>"), "{message}");
    stage.write("two.yaml", HELLO.replace("{ name: string }", "{ name: string, title: string }"));
    let missing = stage.kapell(&["run", "two.yaml"]).ends(2).err;
    let words =
        "error: the inputs `name`, `title` are missing\nhint: give -i name=VALUE -i title=VALUE, or @FILE";
    assert!(missing.contains(words), "{missing}");
    let unknown = stage.kapell(&["run", "two.yaml", "-i", "zz=1"]).ends(2).err;
    assert!(unknown.contains("there is no input `zz`\nhint: it takes `name`, `title`"), "{unknown}");
}

#[test]
fn whatever_program_wrote_a_file_its_line_is_shown() {
    let stage = greeting();
    let broken = HELLO.replace("kapell:hello#greet", "kapell:hello#great");
    let plain = {
        stage.write("broken.yaml", &broken);
        stage.kapell(&["run", "broken.yaml"]).ends(3).err
    };
    assert!(plain.contains("use: kapell:hello#great"), "{plain}");
    stage.write("broken.yaml", broken.replace('\n', "\r\n"));
    assert_eq!(stage.kapell(&["run", "broken.yaml"]).ends(3).err, plain);
    stage.write("broken.yaml", format!("\u{feff}{broken}"));
    assert_eq!(stage.kapell(&["run", "broken.yaml"]).ends(3).err, plain);
    stage.write(
        "broken.yaml",
        broken.replace("greet}", "greet}\t# a tab").replace("flow: hello", "flow: hello\t# a tab"),
    );
    assert_eq!(stage.kapell(&["run", "broken.yaml"]).ends(3).err, plain);
}

#[test]
fn other_bytes_of_a_version_that_is_there_are_told() {
    let stage = greeting();
    let same = stage.kapell(&["add", "skills/hello.wasm"]).ends(0).err;
    assert!(!same.contains("in place of"), "{same}");
    // A section of its own at the end: other bytes, the same skill.
    let others = [skill("hello"), &[0, 3, 1, b'x', 0][..]].concat();
    stage.write("others.wasm", others);
    let told = stage.kapell(&["add", "others.wasm"]).ends(0).err;
    assert!(told.contains(") in place of other bytes (") && told.contains(") of the same version"), "{told}");
}

#[test]
fn a_bare_amount_and_a_second_document_are_told_for_what_they_are() {
    let stage = greeting();
    stage.write("bare.yaml", HELLO.replace("steps:", "budget: { work: 5, money: 1 }\nsteps:"));
    let bare = stage.kapell(&["check", "bare.yaml"]).ends(3).err;
    assert!(bare.contains("such as `work: 5s`") && bare.contains("such as `money: 1 EUR`"), "{bare}");
    stage.write("two.yaml", format!("{HELLO}---\n{HELLO}"));
    let two = stage.kapell(&["check", "two.yaml"]).ends(3).err;
    assert!(two.starts_with("error: a file is one document, and here a second one begins"), "{two}");
}
