//! A run told to somebody who was not there, and the document a board asks for of a flow.

use crate::stage::Stage;
use serde_json::json;

/// A flow of which nobody says whose it is, with an expectation that never holds.
const ASKS: &str = "\
flow: asks
version: '1'
purpose: \"Greet <b>*well*</b> `so`\"
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: Ada }
    expect: greeting == 'never'
    otherwise:
      - ask: editor
        question: Good enough?
        show: { greeting: greeting }
        expire: 3d
outputs: { greeting: greeting }
";

fn waiting() -> Stage {
    let stage = Stage::empty();
    stage.write("policy.toml", "version = 1\n[role.editor]\npeople = [\"user:ada\"]\n");
    stage.write("asks.yaml", ASKS);
    stage.add(&["hello"]);
    stage.kapell(&["run", "asks.yaml", "--no-wait"]).ends(5);
    stage
}

#[test]
fn explaining_and_asking_why_are_one_and_a_step_tells_of_itself_alone() {
    let stage = waiting();
    let whole = stage.kapell(&["explain", "last"]).ends(0);
    assert!(whole.out.contains("It waits for editor (user:ada), asked at `greeting` on "), "{}", whole.out);
    assert!(whole.out.contains("Not good enough: `greeting == 'never'` does not hold."), "{}", whole.out);
    assert!(
        whole.out.contains("examples: owns kapell:hello, while try 1 of `greeting` ran"),
        "{}",
        whole.out
    );
    assert_eq!(stage.kapell(&["runs", "show", "last", "--why"]).ends(0).out, whole.out);
    let step = stage.kapell(&["explain", "last", "greeting"]).ends(0);
    assert!(step.out.starts_with("Step greeting of asks-1, "), "{}", step.out);
    assert_eq!(stage.kapell(&["runs", "show", "last", "--why", "greeting"]).ends(0).out, step.out);
    let account = stage.kapell(&["explain", "last", "--json"]).ends(0).json();
    assert_eq!(
        (&account["schema"], &account["state"], &account["steps"][0]["bars"][1]["worked"]),
        (&json!("kapell.explain/1"), &json!("waiting"), &json!("open"))
    );
    assert_eq!(account["steps"][0]["events"][2]["values"], json!({ "greeting": "Hello, Ada!" }));
    stage.kapell(&["gates", "approve", "last", "--as", "ada", "--reason", "It will do"]).ends(0);
    let told = stage.kapell(&["explain", "last"]).ends(0).out;
    assert!(told.contains("1. greeting: the answer of try 1, which user:ada let stand"), "{told}");
    assert!(told.contains("user:ada: approved at `greeting`, theirs to answer for from then on"), "{told}");
}

#[test]
fn what_is_asked_for_and_not_there_is_told_with_the_nearest_name() {
    let stage = waiting();
    let said = stage.kapell(&["explain", "last", "greting"]).ends(10);
    assert!(said.err.contains("did you mean `greeting`?"), "{}", said.err);
    assert!(stage.kapell(&["explain", "asks-7"]).ends(10).err.contains("did you mean `asks-1`?"));
    assert!(stage.kapell(&["dossier", "aks"]).ends(10).err.contains("did you mean `asks`?"));
    let fresh = Stage::empty();
    assert!(fresh.kapell(&["explain", "last"]).ends(10).err.contains("there is no home here"));
    fresh.kapell(&["init"]).ends(0);
    assert!(fresh.kapell(&["explain", "last"]).ends(10).err.contains("there are no runs yet"));
    let said = fresh.kapell(&["dossier", "asks"]).ends(10);
    assert!(said.err.contains("name a flow file, or a flow that ran here"), "{}", said.err);
}

#[test]
fn a_run_that_a_revocation_ended_says_who_took_the_skill_back() {
    let stage = waiting();
    let more =
        "  - id: again\n    use: kapell:hello#greet\n    with: { name: Bo }\noutputs: { greeting: again }\n";
    stage.write("asks.yaml", ASKS.replace("outputs: { greeting: greeting }\n", more));
    stage.kapell(&["run", "asks.yaml", "--no-wait"]).ends(5);
    stage
        .kapell(&["skills", "revoke", "kapell:hello", "--as", "bo", "--reason", "It greets the wrong people"])
        .ends(0);
    stage.kapell(&["gates", "approve", "last", "--as", "ada"]).ends(4);
    let told = stage.kapell(&["explain", "last"]).ends(0).out;
    assert!(told.contains("The host refused it on ") && told.contains(" at `again`: refused: "), "{told}");
    assert!(
        told.contains("Try 1 was refused by the host: ") && told.contains("revoked by user:bo"),
        "{told}"
    );
    assert!(told.contains("2. again: the run ended here as refused"), "{told}");
}

#[test]
fn a_page_stands_alone_whatever_was_written_into_it() {
    let stage = waiting();
    for arguments in
        [&["explain", "last", "--html", "page.html"], &["dossier", "asks", "--html", "page.html"]]
    {
        let said = stage.kapell(arguments).ends(0);
        assert!(said.out.is_empty() && said.err.contains("wrote page.html"), "{} {}", said.out, said.err);
        let page = stage.read("page.html");
        assert!(page.contains("Greet &lt;b&gt;*well*&lt;/b&gt;") && !page.contains("<b>*"), "{page}");
        for outside in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
    assert!(stage.kapell(&["explain", "last", "--html", "page.html"]).ends(0).out.is_empty());
    assert!(stage.read("page.html").contains("<svg role=\"img\""));
}

#[test]
fn a_dossier_says_who_answers_what_it_may_touch_and_did_and_what_it_can_t_tell() {
    let stage = waiting();
    let written = stage.kapell(&["dossier", "asks.yaml"]).ends(0).out;
    for words in [
        "# asks 1\n",
        "Greet \\<b\\>\\*well\\*\\</b\\> `so`",
        "| the flow | nobody is named |",
        "| the skill kapell:hello | examples |",
        "| answers as editor | user:ada |",
        "- may reach nothing\n",
        "- It is deterministic: the same bytes on the same input give the same answer.",
        "1 run: 1 open. 0 were done without asking anybody.",
        "| greeting: not (greeting == 'never') | 1 |",
        "| editor has not answered yet | 1 |",
        "- nobody approved it and nobody has to: this home is for development",
        "- who is accountable for the flow: it names no owner",
    ] {
        assert!(written.contains(words), "{words} in {written}");
    }
    // The same sources make the same document, whichever way they are named and wherever it goes.
    let dateless = |text: &str| {
        let (before, rest) = text.split_once("It was made on ").unwrap();
        format!("{before}{}", rest.split_once(" from ").unwrap().1).trim_end().to_owned()
    };
    let written = dateless(&written);
    assert!(written.contains("a journal of 6 entries (root "), "{written}");
    assert!(written.contains("was read and not held against that: `kapell verify` does"), "{written}");
    assert!(written.contains("- the catalog says, which nobody signs: added by "), "{written}");
    assert_eq!(dateless(&stage.kapell(&["dossier", "asks.yaml"]).ends(0).out), written);
    stage.kapell(&["dossier", "asks.yaml", "-o", "asks.md"]).ends(0);
    assert_eq!(dateless(&stage.read("asks.md")), written);
    let ran = dateless(&stage.kapell(&["dossier", "asks"]).ends(0).out);
    assert_eq!(ran.replace("the plan of asks-1, its newest run", "asks.yaml, as it would run now"), written);
    let dossier = stage.kapell(&["dossier", "asks", "--since", "0s", "--json"]).ends(0).json();
    assert_eq!((&dossier["schema"], &dossier["period"]["runs"]), (&json!("kapell.dossier/1"), &json!(0)));
}

#[test]
fn a_dossier_of_a_locked_home_says_who_approved_what() {
    let stage = Stage::empty();
    stage.kapell(&["init", "--locked"]).ends(0);
    stage.write(
        "policy.toml",
        "version = 1\n[role.editor]\npeople = [\"user:ada\"]\n[role.security]\npeople = [\"user:bo\"]\n",
    );
    stage.write("asks.yaml", ASKS);
    stage.add(&["hello"]);
    let shown =
        |arguments: &[&str]| stage.kapell(arguments).ends(0).json()["shown"].as_str().unwrap().to_owned();
    let skill = shown(&["review", "kapell:hello", "--json"]);
    stage.kapell(&["skills", "approve", "kapell:hello", "--shown", &skill, "--as", "bo"]).ends(0);
    let before = stage.kapell(&["dossier", "asks.yaml"]).ends(0).out;
    assert!(before.contains("- not approved: nobody has approved this flow"), "{before}");
    stage.kapell(&["add", "asks.yaml", "--as", "ada"]).ends(0);
    let asked = stage.kapell(&["dossier", "asks.yaml"]).ends(0).out;
    assert!(asked.contains("- asked for by user:ada on "), "{asked}");
    let flow = shown(&["review", "asks.yaml", "--json"]);
    let approve = ["flows", "approve", "asks.yaml", "--shown", &flow, "--as", "bo", "--reason", "Read it"];
    stage.kapell(&approve).ends(0);
    let after = stage.kapell(&["dossier", "asks.yaml"]).ends(0).out;
    assert!(after.contains("- approved by user:bo on ") && after.contains(&format!("`{flow}`")), "{after}");
    assert!(after.contains("| approvals, as security | user:bo |"), "{after}");
    assert!(!after.contains("this home is for development"), "{after}");
}
