//! What all runs of a flow together may cost in a period, through the real program: held over many runs at once and
//! over processes, told where it is read, raised and wrong, and always what the journal adds up to.

use crate::stage::Stage;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::fmt::Write as _;

const FLOW: &str = "\
flow: hi
version: '1'
inputs: { name: string }
steps:
  - id: greeting
    use: kapell:hello#greet
    with: { name: \"${{ inputs.name }}\" }
outputs: { greeting: greeting }
";

const ROLE: &str = "[role.lead]\npeople = [\"user:ada\"]\n";

fn budget(flow: &str, most: &str, more: &str) -> String {
    format!("[[budget]]\nflow = \"{flow}\"\nper = \"month\"\nmost = \"{most} EUR\"\n{more}\n")
}

/// A home in which an attempt costs a cent and a little, with that policy.
fn stage(policy: &str) -> Stage {
    let stage = Stage::empty();
    stage.kapell(&["init"]).ends(0);
    let tariff = stage.read("tariff.toml");
    stage.write("tariff.toml", tariff.replace("per-attempt = \"0.00001\"", "per-attempt = \"0.01\""));
    stage.write("policy.toml", format!("version = 1\n{policy}{ROLE}"));
    stage.write("hi.yaml", FLOW);
    stage.add(&["hello"]);
    stage
}

fn run(name: &str) -> [&str; 5] {
    ["run", "hi.yaml", "-i", name, "--no-wait"]
}

#[test]
fn many_runs_at_once_in_two_processes_never_spend_more_than_all_may() {
    const LINES: usize = 60;
    let stage = stage(&budget("hi", "0.50", ""));
    for file in ["a", "b"] {
        let lines = (0..LINES).fold(String::new(), |mut lines, number| {
            let _ = writeln!(lines, "{}", json!({ "name": format!("{file}{number}") }));
            lines
        });
        stage.write(&format!("{file}.jsonl"), lines);
    }
    let begun = ["a.jsonl", "b.jsonl"].map(|lines| {
        let arguments = ["run", "hi.yaml", "--each", lines, "--json", "--jobs", "8"];
        stage.command(&arguments).spawn().unwrap()
    });
    let mut told = String::new();
    for child in begun {
        let said = child.wait_with_output().unwrap();
        assert_eq!(said.status.code(), Some(1), "some of each did not get through");
        told += &String::from_utf8(said.stdout).unwrap();
    }
    let states: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |state: &str| states.iter().filter(|line| line["state"] == state).count();
    let (done, over) = (count("done"), count("over-budget"));
    assert_eq!(done + over, 2 * LINES, "{told}");
    // Towards the end what others have set aside keeps the last ones from beginning, never more than there are jobs.
    assert!((30..50).contains(&done), "{done} done");

    let cost = stage.kapell(&["cost", "--by", "flow", "--json"]).ends(0).json();
    let amount =
        |text: &Value| -> Decimal { text.as_str().unwrap().trim_end_matches(" EUR").parse().unwrap() };
    let row = &cost["rows"][0];
    assert!(amount(&row["total"]) <= Decimal::new(50, 2), "{row}");
    assert_eq!(row["budgets"][0]["spent"], row["total"], "nothing is left set aside");
    assert!(stage.kapell(&["doctor"]).ends(0).out.contains("ok   spending"));
}

#[test]
fn a_run_past_it_ends_so_or_asks_and_each_says_which() {
    let stage = stage(&budget("hi", "0.02", ""));
    stage.kapell(&run("name=Ada")).ends(0);
    let said = stage.kapell(&run("name=Bo")).ends(7);
    assert!(said.err.contains("EUR this month, 0.02 EUR at most"), "{}", said.err);
    let log = stage.kapell(&["runs", "show", "last"]).ends(0).out;
    assert!(log.contains("greeting      does not begin: all runs would come to "), "{log}");
    let used = stage.kapell(&["cost", "--by", "flow"]).ends(0).out;
    assert!(used.contains("50.1 % of 0.02 EUR a month for machines"), "{used}");

    stage.write("policy.toml", format!("version = 1\n{}{ROLE}", budget("hi", "0.02", "over = \"ask lead\"")));
    let said = stage.kapell(&run("name=Bo")).ends(5);
    let gains = "flow hi gains a budget of 0.02 EUR a month for machines, past it lead is asked (before: 0.02 EUR a month for machines)";
    assert!(said.err.contains(gains), "{}", said.err);
    stage.kapell(&["gates", "approve", "last", "--as", "user:bob"]).ends(4);
    stage.kapell(&["gates", "approve", "last", "--as", "user:ada", "--minutes", "1"]).ends(0);
    stage.kapell(&run("name=Cy")).ends(5);
    let no = ["gates", "reject", "last", "--as", "user:ada", "--reason", "too dear"];
    assert!(stage.kapell(&no).ends(7).err.contains("user:ada said no: too dear"));
    let shown = stage.kapell(&["review", "hi.yaml"]).ends(0).out;
    assert!(
        shown.contains("; all runs together 0.02 EUR a month for machines, past it lead is asked"),
        "{shown}"
    );
}

#[test]
fn what_is_wrong_with_a_budget_is_told_where_it_stands() {
    let stage = stage("");
    let check = |text: &str, code| {
        stage.write("other.toml", format!("version = 1\n{text}{ROLE}"));
        stage.kapell(&["policy", "check", "other.toml"]).ends(code).err
    };
    let told = check(&budget("hi", "0.5", "over = \"ask nobody\""), 3);
    assert!(told.contains("nobody holds the role `nobody`") && told.contains("other.toml:6:8"), "{told}");
    let told = check(&budget("hi", "0.5", "").replace("month", "mouth"), 3);
    assert!(told.contains("`mouth` is no period") && told.contains("did you mean `month`?"), "{told}");
    let told = check(&budget("hi", "0.5", "").replace("EUR", "USD"), 3);
    assert!(
        told.contains("other.toml:2: the budget of hi is in USD, the tariff's prices are in EUR"),
        "{told}"
    );
    stage.kapell(&run("name=Ada")).ends(0);
    assert!(check(&budget("hello", "0.5", ""), 0).contains("no flow `hello` has run here or is approved"));
    let told = check(&budget("hi", "0.5", ""), 0);
    assert!(told.contains("1 budget") && !told.contains("warning"), "{told}");
}

#[test]
fn a_budget_that_was_raised_waits_for_approval_where_flows_do() {
    let stage = stage("[approval]\nfour-eyes = false\nrole = \"lead\"\n");
    let policy = |most: &str| {
        let approval = "[approval]\nfour-eyes = false\nrole = \"lead\"\n";
        stage.write("policy.toml", format!("version = 1\n{}{approval}{ROLE}", budget("hi", most, "")));
    };
    policy("0.02");
    let digest = |said: &str| {
        let review: Value = serde_json::from_str(said).unwrap();
        review["shown"].as_str().unwrap().to_owned()
    };
    stage.kapell(&["init", "--locked"]).ends(0);
    for subject in ["kapell:hello", "hi.yaml"] {
        let shown = digest(&stage.kapell(&["review", subject, "--json"]).ends(0).out);
        let noun = if subject == "hi.yaml" { "flows" } else { "skills" };
        stage.kapell(&[noun, "approve", subject, "--shown", &shown, "--as", "user:ada"]).ends(0);
    }
    stage.kapell(&run("name=Ada")).ends(0);
    policy("9");
    let said = stage.kapell(&run("name=Bo")).ends(4);
    assert!(said.err.contains("the flow's monthly budget was 0.02 EUR and is 9.00 EUR"), "{}", said.err);
    policy("0.01");
    stage.kapell(&run("name=Bo")).ends(7);
}

#[test]
fn spending_that_is_not_what_the_journal_says_is_named_and_mended() {
    let stage = stage(&budget("hi", "0.50", ""));
    stage.kapell(&run("name=Ada")).ends(0);
    let sound = stage.kapell(&["cost", "--by", "flow", "--json"]).ends(0).json();
    let journal = rusqlite::Connection::open(stage.project().join(".kapell/journal.sqlite")).unwrap();
    journal.execute("UPDATE spending SET money = '0.40 EUR'", []).unwrap();
    drop(journal);
    let said = stage.kapell(&["doctor"]).ends(9);
    assert!(said.out.contains("MEND spending") && said.out.contains("0.40 EUR is kept"), "{}", said.out);
    assert!(stage.kapell(&["doctor", "--recount"]).ends(0).out.contains("ok   spending"));
    assert_eq!(stage.kapell(&["cost", "--by", "flow", "--json"]).ends(0).json(), sound);
}
