//! The real program, from outside: arguments and files in, text and exit codes out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests end on the first surprise"
)]

mod approvals; // what is shown, who may say yes, what is not as approved
mod audit; // what an outsider checks a journal by
mod budgets; // a budget that would be passed asks, and a no ends the run
mod cli; // verbs, exit codes, JSON: what scripts rely on
mod close; // two exports through the flow: clean, dirty, no exports at all
mod compiling; // in a process of its own, within limits: what it makes, what ends it
mod console; // the harness: sessions written in a README, run and compared
mod crash; // killed with -9, resumed by the next command
mod demo; // five beats on one page, each as its journal says
mod each; // a flow for each line of a file, each line once
mod examples; // every example's README is what happens
mod explained; // a run told to who was not there, and the document a board asks for
mod flow_budgets; // what all runs of a flow together may cost, over runs at once and processes
mod flows; // what of a flow waits for approval, who lets it run, what is shown of it
mod guests; // misbehaving guests: what each is answered, and what it can't touch
mod hostile; // hostile cases under stable names, in one table: case, expected, seen
mod keep; // contents kept for as long as the policy says, and said to be gone after that
mod learning; // precedents, what answers teach, work done by hand that becomes a flow
mod models; // the harness: a server that speaks as models do and says what a test tells it to
mod onboarding; // contracts through the flow: ours, changed, somebody else's, none
mod plugins; // every skill's own examples, through a home
mod policy; // what skills may reach, asked and told
mod private; // what can be erased is nowhere else, and gone once it is
mod python; // a skill written in Python, where its builder is installed
mod replay; // runs done again from their record: the same, or where they depart
mod report; // the measures of a flow, from its journal alone: text, JSON, a page
mod secrets; // a secret is nowhere in a home, and in nothing that is printed
mod stage; // the harness: a project of its own for each test, skills built once
mod stalled; // a file system that never answers holds up no command
mod swap; // a newer skill comes in while a run waits
mod terminal; // a person at a terminal: what a yes comes to, and a no
mod tickets_and_logs; // what the world sends to the examples' flows: empty, binary, huge, forged, giving orders
mod tidy; // what the house promises about itself, read off its own files

#[test]
fn no_file_of_this_folder_is_forgotten() {
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(stage::repository().join("tests/e2e")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            assert!(entry.path().is_dir() || name == "main.rs", "{name} is no test");
            continue;
        };
        assert!(
            listed.contains(&format!("\nmod {module}; // ")),
            "{name} has no line with a reason in main.rs"
        );
    }
}
