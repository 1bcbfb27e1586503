//! What is committed is what the program makes of the tickets.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use kapell_plugin_triage_deep::judge::Weights;
use kapell_plugin_triage_words::model::Model;
use kapell_triage_train::{figures, learn};

#[test]
fn weights_and_figures_are_those_of_the_committed_tickets() {
    let learned = learn();
    assert!(learned.model == Model::committed(), "run `cargo run -p kapell-triage-train`");
    assert_eq!(learned.weights, Weights::committed());
    for (skill, told) in
        [("triage-words", figures::words(&learned)), ("triage-deep", figures::deep(&learned))]
    {
        let path = format!("{}/../../{skill}/README.md", env!("CARGO_MANIFEST_DIR"));
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, after) = figures::parted(&readme).unwrap();
        assert_eq!(readme, format!("{before}{told}{after}"), "{skill}");
    }
}
