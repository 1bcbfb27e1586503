//! Whole contracts against whole standards: verdicts, departures as people read them, and what never passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it skips"
)]

use std::path::Path;

use kapell_plugin_contract_terms::{Clause, ComparingError, Kind, Terms, Verdict, Weight, compare};
use proptest::prelude::*;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/07-onboarding");
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/contracts");

fn sample(name: &str) -> String {
    std::fs::read_to_string(Path::new(EXAMPLE).join(name)).unwrap()
}

/// A real agreement, or none on a machine without them.
fn shared(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(Path::new(SHARED).join(name)).ok();
    if text.is_none() {
        eprintln!("skipped: shared contracts not here");
    }
    text
}

/// What the reader makes of a text; the skills themselves meet only in a flow.
fn clauses(text: &str) -> Vec<Clause> {
    let facts = kapell_plugin_contract_reader::read(text).unwrap();
    let same = |clause: kapell_plugin_contract_reader::Clause| Clause {
        number: clause.number,
        section: clause.section,
        heading: clause.heading,
        text: clause.text,
    };
    facts.clauses.into_iter().map(same).collect()
}

fn compared(contract: &str, standard: &str) -> Terms {
    compare(&clauses(contract), &clauses(standard), &sample("grading.toml")).unwrap()
}

/// The departures, one line each.
fn told(terms: &Terms) -> Vec<String> {
    let weight = |weight| match weight {
        Weight::Minor => "minor",
        Weight::Major => "major",
        Weight::Critical => "critical",
    };
    let kind = |kind| match kind {
        Kind::Changed => "changed",
        Kind::Missing => "missing",
        Kind::Added => "added",
    };
    let rule = |why: &str| why.split_once(':').unwrap().0.to_owned();
    let line = |departure: &kapell_plugin_contract_terms::Departure| {
        let (weight, kind) = (weight(departure.weight), kind(departure.kind));
        format!("{weight} {kind} {}, by {}: {}", departure.heading, rule(&departure.why), departure.diff)
    };
    terms.departing.iter().map(line).collect()
}

/// Our standard with one place replaced, as a contract against it.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    let standard = sample("standard-terms.md");
    assert!(standard.contains(from), "{from}");
    let terms = compared(&standard.replacen(from, to, 1), &standard);
    assert_eq!(told(&terms), expected);
    assert_eq!(terms.verdict, if expected.is_empty() { Verdict::Standard } else { Verdict::Changed });
}

#[test]
fn the_standard_in_another_format_is_standard() {
    let terms = compared(&sample("contracts/acme-standard.md"), &sample("standard-terms.md"));
    assert_eq!((terms.verdict, terms.departing_total), (Verdict::Standard, 0));
    assert_eq!(terms.summary, "All 16 clauses are those of the standard, word for word");
}

#[test]
fn changed_clauses_are_shown_and_graded() {
    let terms = compared(&sample("contracts/birch-changed.md"), &sample("standard-terms.md"));
    assert_eq!(
        terms.summary,
        "3 clauses depart from the standard: 1 critical, 1 major, 1 minor; 13 are the same"
    );
    assert_eq!(
        told(&terms),
        [
            "critical changed Limitation of Liability, by liability: … fees paid or payable in the [-12-] {+24+} months before the claim. Neither …",
            "major changed Fees and Payment, by money: … Customer will pay each invoice within [-30-] {+60+} days of its date. Overdue …",
            "minor changed Publicity, by publicity: … of the Service on its website {+and in its brochures+}. Customer may withdraw this permission …",
        ]
    );
}

#[test]
fn another_paper_shows_the_ten_that_matter_first() {
    let terms = compared(&sample("contracts/cedar-other-paper.md"), &sample("standard-terms.md"));
    assert_eq!((terms.verdict, terms.departing.len(), terms.departing_total), (Verdict::OtherPaper, 10, 29));
    assert!(terms.departing.iter().take(5).all(|departure| departure.weight == Weight::Critical));
    assert!(
        terms.summary.starts_with("This is another paper: 0 of its 13 clauses are the standard's; 29 depart")
    );
}

#[test]
fn a_negation_a_missing_and_an_added_clause_are_graded() {
    check(
        "will not disclose it to anyone",
        "will disclose it to anyone",
        &[
            "critical changed Confidentiality, by turned-around: … with reasonable care, and will [-not-] disclose it to anyone except to …",
        ],
    );
    check(
        "## 5. Taxes\n\nFees do not include taxes. Customer is responsible for all taxes on its purchase other than taxes on Provider's income.\n",
        "",
        &[
            "major missing Taxes, by money: [-Taxes. Fees do not include taxes. Customer is responsible for all taxes on its purchase other than taxes on Provider's income.-]",
        ],
    );
    check(
        "## 6. Conf",
        "## 6. Step-in\n\nCustomer may run the Service itself.\n\n## 7. Conf",
        &["major added Step-in, by added: {+Step-in. Customer may run the Service itself.+}"],
    );
}

#[test]
fn what_can_not_be_seen_never_passes_and_is_shown() {
    check(
        "in the 12 months before",
        "in the 1\u{200b}2 months before",
        &[
            "critical changed Limitation of Liability, by deceptive: … fees paid or payable in the [-12-] {+1<U+200B>2+} months before the claim. Neither …",
        ],
    );
    check(
        "on its website. Customer",
        "on its web\u{455}ite. Customer",
        &[
            "critical changed Publicity, by deceptive: … user of the Service on its [-website-] {+web<U+0455>ite+}. Customer may withdraw this permission …",
        ],
    );
    check("on its website. Customer", "on its website.\u{a0}Customer", &[]);
    check("Provider's income", "Provider\u{2019}s income", &[]);
}

#[test]
fn a_text_can_not_forge_the_marks_of_a_difference() {
    check(
        "on its website. Customer",
        "on its website [-never-]{+always+}. Customer",
        &[
            "minor changed Publicity, by publicity: … of the Service on its website {+[ -never- ]{ +always+ }+}. Customer may withdraw this permission …",
        ],
    );
}

#[test]
fn differences_stay_short() {
    let standard = sample("standard-terms.md");
    let long = format!("on its website {} {}. Customer", "and everywhere ".repeat(400), "x".repeat(9_000));
    let terms = compared(&standard.replacen("on its website. Customer", &long, 1), &standard);
    let diff = &terms.departing.first().unwrap().diff;
    assert!(diff.chars().count() <= 1_500 && diff.contains("more words and marks"), "{diff}");
}

#[test]
fn what_is_no_contract_never_passes() {
    let standard = clauses(&sample("standard-terms.md"));
    let rules = sample("grading.toml");
    let clause = |text: &str| Clause {
        number: String::new(),
        section: String::new(),
        heading: String::new(),
        text: text.into(),
    };
    let recipe = vec![clause(&sample("contracts/not-a-contract.md"))];
    let broken = vec![clause(&format!("{}\u{fffd}", sample("standard-terms.md")))];
    let blank = vec![clause(" ")];
    for side in [&Vec::new(), &blank, &recipe, &broken] {
        assert!(matches!(compare(side, side, &rules), Err(ComparingError::NoContract(_))), "{side:?}");
        assert!(matches!(compare(&standard, side, &rules), Err(ComparingError::NoStandard(_))), "{side:?}");
        assert!(matches!(compare(side, &standard, &rules), Err(ComparingError::NoContract(_))), "{side:?}");
    }
    let many = vec![clause("Provider will."); 2_001];
    assert!(matches!(compare(&many, &standard, &rules), Err(ComparingError::TooLarge(_))));
    let long = vec![clause(&"Provider will. ".repeat(80_000))];
    assert!(matches!(compare(&standard, &long, &rules), Err(ComparingError::TooLarge(_))));
    let error = compare(&standard, &standard, "version = 1\notherwise = \"minor\"\nrulez = 1\n").unwrap_err();
    assert!(matches!(error, ComparingError::BadRules(error) if error.line == 3));
}

#[test]
fn real_agreements_get_their_verdicts() {
    let Some(old) = shared("cloud-service-agreement-1.0.md") else { return };
    let (new, nda) = (shared("cloud-service-agreement-2.1.md").unwrap(), shared("mutual-nda.md").unwrap());
    assert_eq!(compared(&old, &old).verdict, Verdict::Standard);
    assert_eq!(compared(&new, &new).verdict, Verdict::Standard);
    for (contract, standard) in [(&old, &new), (&new, &old), (&nda, &new)] {
        let terms = compared(contract, standard);
        assert_eq!((terms.verdict, terms.departing.len()), (Verdict::OtherPaper, 10));
    }
    let changed = compared(&old.replacen("more than 30 days after", "more than 45 days after", 1), &old);
    assert_eq!(
        told(&changed),
        [
            "major changed Suspension, by term: … on its account for more than [-30-] {+45+} days after the Payment Period; …"
        ]
    );
}

/// Departures without place and number.
fn essence(terms: &Terms) -> (Verdict, Vec<String>) {
    (terms.verdict, told(terms))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Numbers and order say nothing: neither verdict nor departures depend on them.
    #[test]
    fn renumbering_and_reordering_change_nothing(
        order in Just((0..16_usize).collect::<Vec<_>>()).prop_shuffle(),
        number in "[0-9.]{0,4}",
        name in prop_oneof![Just("contracts/birch-changed.md"), Just("contracts/cedar-other-paper.md"), Just("standard-terms.md")],
    ) {
        let standard = clauses(&sample("standard-terms.md"));
        let contract = clauses(&sample(name));
        let rules = sample("grading.toml");
        let moved: Vec<Clause> = order
            .iter()
            .filter_map(|place| contract.get(*place))
            .map(|clause| Clause { number: number.clone(), ..clause.clone() })
            .collect();
        let before = compare(&contract, &standard, &rules).unwrap();
        prop_assert_eq!(essence(&before), essence(&compare(&moved, &standard, &rules).unwrap()));
        let standard_moved: Vec<Clause> = order.iter().filter_map(|place| standard.get(*place)).cloned().collect();
        prop_assert_eq!(essence(&before), essence(&compare(&contract, &standard_moved, &rules).unwrap()));
    }

    /// A contract is standard against itself, and with any word put in anywhere it is not.
    #[test]
    fn only_the_same_words_are_standard(place in 0..16_usize, word in "[a-z0-9]{1,8}") {
        let standard = clauses(&sample("standard-terms.md"));
        let rules = sample("grading.toml");
        prop_assert_eq!(compare(&standard, &standard, &rules).unwrap().verdict, Verdict::Standard);
        let mut contract = standard.clone();
        if let Some(clause) = contract.get_mut(place) {
            clause.text.push_str(&format!(" {word}"));
        }
        let terms = compare(&contract, &standard, &rules).unwrap();
        prop_assert_eq!((terms.verdict, terms.departing_total), (Verdict::Changed, 1));
    }
}
