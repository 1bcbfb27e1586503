//! Flows in a locked home: what waits, who may let it run, and what is shown of it.

use crate::stage::Stage;

/// The project of the example: a locked home with its two skills approved.
fn locked() -> Stage {
    let stage = Stage::example("09-flow-review");
    stage.kapell(&["init", "--locked"]).ends(0);
    for skill in ["crm-account", "letter"] {
        let file = stage.write(&format!("skills/{skill}.wasm"), crate::stage::skill(skill));
        stage.kapell(&["add", &file.display().to_string()]).ends(0);
        let name = format!("kapell:{skill}");
        let shown = shown(&stage, &name);
        stage.kapell(&["skills", "approve", &name, "--as", "grace", "--shown", &shown]).ends(0);
    }
    stage
}

fn shown(stage: &Stage, what: &str) -> String {
    stage.kapell(&["review", what, "--json"]).ends(0).json()["shown"].as_str().unwrap().to_owned()
}

fn run(stage: &Stage, flow: &str, worth: &str) -> crate::stage::Said {
    let inputs = ["-i", "name=Acme Ltd", "-i", "email=ops@acme.example", "-i", worth];
    stage.kapell(&[&["run", flow, "--no-wait"], &inputs[..]].concat())
}

#[test]
fn a_flow_waits_until_somebody_else_approves_exactly_what_was_shown() {
    let stage = locked();
    let refused = run(&stage, "flow.yaml", "worth=5").ends(4);
    assert!(refused.err.contains("nobody has approved this flow"), "{}", refused.err);
    let digest = shown(&stage, "flow.yaml");
    let approve = |by: &str, shown: &str| {
        stage.kapell(&["flows", "approve", "flow.yaml", "--as", by, "--shown", shown])
    };
    let unasked = approve("grace", &digest).ends(4);
    assert!(unasked.err.contains("nobody has asked for customer-letter as it is now"), "{}", unasked.err);
    stage.kapell(&["add", "flow.yaml"]).ends(0);
    let own = approve("ada", &digest).ends(4);
    assert!(own.err.contains("nobody approves what they asked for"), "{}", own.err);
    let stranger = approve("mallory", &digest).ends(4);
    assert!(stranger.err.contains("is not of the role `security`"), "{}", stranger.err);
    let other = approve("grace", "000000000000").ends(4);
    assert!(
        other.err.contains("what is shown of customer-letter now is not what was shown"),
        "{}",
        other.err
    );
    run(&stage, "flow.yaml", "worth=5").ends(4);
    approve("grace", &digest).ends(0);
    run(&stage, "flow.yaml", "worth=5").ends(0);
    // What was approved holds wherever the lock is taken, and a flow that changed since is asked for anew.
    assert!(stage.read("skills.lock").contains("[[flow]]\nname = \"customer-letter\""));
    stage.kapell(&["flows", "revoke", "customer-letter", "--as", "mallory"]).ends(4);
    let listed = || stage.kapell(&["lock"]).ends(0).out;
    assert!(listed().contains("flow customer-letter"), "{}", listed());
    let waiting = run(&stage, "flow.yaml", "worth=5000").ends(5).err;
    assert!(waiting.contains("customer-letter-2 is waiting"), "{waiting}");
    let back = ["flows", "revoke", "customer-letter", "--as", "grace", "--reason", "wrong people"];
    stage.kapell(&back).ends(0);
    let refused = run(&stage, "flow.yaml", "worth=5").ends(4);
    assert!(refused.err.contains("it was revoked by user:grace: wrong people"), "{}", refused.err);
    stage.kapell(&["flows", "revoke", "another-letter", "--as", "grace"]).ends(10);
    // What waits stays where it is and says why, until the flow is approved anew.
    let held = stage.kapell(&["--as", "lee", "gates", "approve", "customer-letter-2"]).ends(4);
    assert!(held.err.contains("customer-letter-2 is held"), "{}", held.err);
    assert!(held.err.contains("kapell flows approve"), "{}", held.err);
    assert!(stage.kapell(&["runs", "list"]).ends(0).out.contains("held"));
    assert!(stage.kapell(&["runs", "show", "last"]).ends(0).err.contains("is held"));
    for what in ["revoked", "by user:grace"] {
        assert!(listed().contains(what), "{}", listed());
        assert!(stage.kapell(&["flows", "list"]).ends(0).out.contains(what));
    }
    stage.kapell(&["add", "flow.yaml"]).ends(0);
    approve("grace", &shown(&stage, "flow.yaml")).ends(0);
    stage.kapell(&["--as", "lee", "gates", "approve", "customer-letter-2"]).ends(0);
}

#[test]
fn a_flow_is_compared_with_another_file_of_it() {
    let stage = Stage::example("09-flow-review");
    stage.add(&["crm-account", "letter"]);
    stage.write("later.yaml", stage.read("flow.yaml").replace("> 1000", "> 5000"));
    let compared = stage.kapell(&["review", "later.yaml", "--against", "flow.yaml"]).ends(0);
    assert!(compared.out.contains("it was asked when `inputs.worth > 1000`"), "{}", compared.out);
    assert!(!compared.err.contains("approve it with"), "{}", compared.err);
    let same = stage.kapell(&["review", "flow.yaml", "--against", "flow.yaml", "--json"]).ends(0).json();
    assert_eq!(same["changes"], serde_json::json!([]));
    stage.kapell(&["review", "flow.yaml", "--against", "1.0.0"]).ends(2);
    stage.kapell(&["review", "flow.yaml", "--against", "nowhere.yaml"]).ends(10);
    stage.kapell(&["review", "kapell:letter", "--against", "flow.yaml"]).ends(2);
}

#[test]
fn an_operation_that_changes_something_is_not_called_past_the_questions_of_its_flow() {
    let stage = locked();
    let customer =
        r#"{"customer": {"name": "Acme Ltd", "email": "ops@acme.example", "contact": ""}, "accepted": []}"#;
    let refused = stage.kapell(&["call", "kapell:crm-account", "create", customer]).ends(4);
    assert!(refused.err.contains("no question of a flow stands before a call of its own"), "{}", refused.err);
    assert!(refused.err.contains("direct-calls = \"allow\""), "{}", refused.err);
    stage.kapell(&["runs", "list"]).ends(0);
    let policy = stage.read("policy.toml");
    let allowed = "role = \"security\"\ndirect-calls = \"allow\"";
    stage.write("policy.toml", policy.replacen("role = \"security\"", allowed, 1));
    stage.kapell(&["call", "kapell:crm-account", "create", customer]).ends(0);
}

/// A batch is handed its lines one at a time, and between two of them the approval is taken back.
#[test]
fn no_line_of_a_batch_begins_once_the_approval_of_its_flow_is_taken_back() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let stage = locked();
    // A batch names its lines by their digests, which what is private must not have.
    stage.write("flow.yaml", stage.read("flow.yaml").replace(", marks: [private]", ""));
    stage.kapell(&["add", "flow.yaml"]).ends(0);
    let digest = shown(&stage, "flow.yaml");
    stage.kapell(&["flows", "approve", "flow.yaml", "--as", "grace", "--shown", &digest]).ends(0);
    let arguments = ["run", "flow.yaml", "--each", "-", "--jobs", "1", "--json"];
    let mut child = stage.command(&arguments).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = |name: &str| {
        writeln!(lines, "{{\"name\": \"{name}\", \"email\": \"ops@acme.example\", \"worth\": 5}}").unwrap();
    };
    line("Acme Ltd");
    assert!(said.next().unwrap().unwrap().contains("\"state\":\"done\""));
    stage.kapell(&["flows", "revoke", "customer-letter", "--as", "grace"]).ends(0);
    line("Birch Ltd");
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let runs = stage.kapell(&["runs", "list", "--json"]).ends(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_widened_flow_is_refused_with_each_line_that_is_more() {
    let stage = locked();
    stage.kapell(&["add", "flow.yaml"]).ends(0);
    let digest = shown(&stage, "flow.yaml");
    stage.kapell(&["flows", "approve", "flow.yaml", "--as", "grace", "--shown", &digest]).ends(0);
    let text = stage.read("flow.yaml");
    stage.write("wider.yaml", text.replace("> 1000", "> 5000").replace("0.50 EUR", "5 EUR"));
    let refused = run(&stage, "wider.yaml", "worth=5").ends(4);
    let told = |words: &str| assert!(refused.err.contains(words), "{words}\n{}", refused.err);
    told("it was asked when `inputs.worth > 1000` and is only when `inputs.worth > 5000`");
    told("the budget was 0.50 EUR and is 5.00 EUR");
    told("wider.yaml:18:11");
    told("wider.yaml:9:18");
    stage.write("sooner.yaml", text.replace("> 1000", "> 4"));
    run(&stage, "sooner.yaml", "worth=5").ends(5);
    stage.write("other.yaml", text.replace("customer-letter", "another-letter"));
    run(&stage, "other.yaml", "worth=5").ends(4);
    // The policy is part of what was approved: a rule that is loosened does not loosen the flow with it.
    let policy = stage.read("policy.toml");
    stage.write(
        "policy.toml",
        policy.replace("people = [\"user:ada\", \"user:lee\"]", "people = [\"user:*\"]"),
    );
    let refused = run(&stage, "flow.yaml", "worth=5").ends(4);
    assert!(refused.err.contains("user:* may answer"), "{}", refused.err);
}

#[test]
fn a_review_warns_where_private_data_untrusted_content_and_a_way_out_meet() {
    let stage = Stage::example("09-flow-review");
    stage.add(&["crm-account", "letter"]);
    let review = stage.kapell(&["review", "flow.yaml", "--json"]).ends(0).json();
    assert_eq!(review["meetings"][0]["step"], "letter");
    assert_eq!(review["standing"]["state"], "development");
    let page = stage.kapell(&["review", "flow.yaml", "--html", "-o", "page.html"]).ends(0);
    assert!(page.out.is_empty());
    let page = stage.read("page.html");
    assert!(page.contains("private data, untrusted content and a way out meet in `letter`"), "{page}");
    // Taken away from the rule, nothing leaves and nothing is warned of.
    let policy = stage.read("policy.toml");
    stage.write("policy.toml", policy.replace("marks = [\"outbound\"]", "marks = []"));
    let review = stage.kapell(&["review", "flow.yaml", "--json"]).ends(0).json();
    assert_eq!(review["meetings"], serde_json::json!([]));
}

#[test]
fn a_step_that_may_not_reach_what_its_skill_needs_is_refused_before_anything_runs() {
    let stage = Stage::example("09-flow-review");
    stage.add(&["crm-account", "letter"]);
    let text = stage.read("flow.yaml");
    stage.write("tight.yaml", text.replace("grants: { out: write }", "grants: []"));
    let refused = run(&stage, "tight.yaml", "worth=5").ends(4);
    assert!(refused.err.contains("`kapell:letter` is refused files `out`"), "{}", refused.err);
    run(&stage, "flow.yaml", "worth=5").ends(0);
}

#[test]
fn a_run_that_waits_goes_on_under_the_policy_as_it_is_now() {
    let stage = locked();
    stage.kapell(&["add", "flow.yaml"]).ends(0);
    let digest = shown(&stage, "flow.yaml");
    stage.kapell(&["flows", "approve", "flow.yaml", "--as", "grace", "--shown", &digest]).ends(0);
    let policy = stage.read("policy.toml");
    for run_id in ["customer-letter-1", "customer-letter-2"] {
        let waiting = run(&stage, "flow.yaml", "worth=5000").ends(5).err;
        assert!(waiting.contains(&format!("{run_id} is waiting")), "{waiting}");
    }
    let approve = |by: &str, run: &str| stage.kapell(&["--as", by, "gates", "approve", run]);
    // Whoever has left the role decides nothing more.
    stage.write("policy.toml", policy.replace("user:lee", "user:noor"));
    let left = approve("lee", "customer-letter-1").ends(4);
    assert!(left.err.contains("user:lee is not of the role"), "{}", left.err);
    approve("noor", "customer-letter-1").ends(4);
    // What it has come to deny is not reached.
    let denial = "[[rule]]\nid = \"nothing-out\"\neffect = \"deny\"\nskill = \"any\"\nkind = \"files\"\naccess = \"write\"\n";
    stage.write("policy.toml", format!("{policy}\n{denial}"));
    let denied = approve("lee", "customer-letter-1");
    let why = "the policy has come to deny files `out` since the run began";
    assert!(denied.err.contains("refused: (private)"), "{}", denied.err);
    let told = stage.kapell(&["runs", "show", "customer-letter-1", "--private"]).ends(0).out;
    assert!(told.contains(why), "{told}");
    assert_eq!(std::fs::read_dir(stage.project().join("out")).unwrap().count(), 0);
    stage.write("policy.toml", policy);
    approve("lee", "customer-letter-2").ends(0);
}
