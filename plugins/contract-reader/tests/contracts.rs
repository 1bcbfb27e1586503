//! Whole contracts in, facts and clauses out: our own samples, real agreements where they are at hand, and texts
//! that are none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it skips"
)]

use std::path::{Path, PathBuf};

use kapell_plugin_contract_reader::{Facts, ReadingError, read};
use proptest::prelude::*;

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/07-onboarding");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A real agreement, or none on a machine without them.
fn shared(name: &str) -> Option<String> {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/contracts").join(name);
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        eprintln!("skipped: shared contracts not here");
    }
    text
}

/// The page's facts and the clauses by number, section and heading.
fn told(facts: &Facts) -> String {
    let fee = facts.fee.as_ref().map(|fee| format!("{} {} {}", fee.amount, fee.currency, fee.per));
    let customer = &facts.customer;
    let mut told = format!(
        "{}: {}, {}, {}, from {}, {}, {}\n",
        facts.title,
        customer.name,
        customer.contact,
        customer.email,
        facts.start,
        facts.plan,
        fee.unwrap_or_default()
    );
    for entry in &facts.entries {
        told.push_str(&format!("{} = {}\n", entry.label, entry.value));
    }
    for clause in &facts.clauses {
        told.push_str(&format!(
            "{} [{}] {} ({})\n",
            clause.number,
            clause.section,
            clause.heading,
            clause.text.len()
        ));
    }
    told
}

/// Enough of a contract to be read as one; the tests put their cover pages before it.
const BODY: &str = "
1. Service. Provider will provide the service to Customer under this Agreement and may improve it.

2. Payment. Customer shall pay every invoice within 30 days. Fees are not refundable. A dispute about an invoice
must be raised by notice before it is due.

3. Liability. Neither party is liable for indirect damages. The liability of each party under this Agreement is
limited to the fees paid. This does not limit an indemnity for breach of confidentiality.

4. Termination. Either party may terminate this Agreement by notice if the other party commits a material breach of
an obligation and does not cure it. This Agreement is governed by the laws of Ireland.
";

fn with_page(page: &str) -> Result<Facts, ReadingError> {
    read(&format!("{page}\n{BODY}"))
}

#[track_caller]
fn page_clauses(page: &str, expected: &[(&str, &str)]) {
    let facts = with_page(page).unwrap();
    let first: Vec<(&str, &str)> = facts
        .clauses
        .iter()
        .take_while(|clause| clause.number != "1")
        .map(|clause| (clause.heading.as_str(), clause.text.as_str()))
        .collect();
    assert_eq!(first, expected);
}

#[test]
fn a_page_of_lines_and_signatures_becomes_facts() {
    let facts = read(&sample("contracts/acme-standard.md")).unwrap();
    assert!(told(&facts).starts_with(
        "Cloud Subscription Agreement: Acme Ltd, Jane Doe, ops@acme.example, from 2026-03-01, Team, 4800.00 EUR year\n\
         Company number = 512 345\nSigned by = Ada Reyes\nSigned by = Jane Doe\n"
    ));
    assert_eq!(facts.clauses.len(), 16);
}

#[test]
fn a_page_in_a_table_becomes_facts() {
    let facts = read(&sample("contracts/birch-changed.md")).unwrap();
    assert!(told(&facts).starts_with(
        ": Birch & Sons GmbH, Jonas Birke, jonas@birch.example, from 2026-04-01, Business, 1250.00 EUR month\n\
         VAT number = DE 123 456 789\n1 [] Service "
    ));
    assert_eq!(facts.clauses.len(), 16);
}

#[test]
fn the_same_words_in_another_format_are_the_same_clauses() {
    let words = |name: &str| -> Vec<(String, String)> {
        let facts = read(&sample(name)).unwrap();
        let spaced = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        facts.clauses.into_iter().map(|clause| (clause.heading, spaced(clause.text))).collect()
    };
    assert_eq!(words("standard-terms.md"), words("contracts/acme-standard.md"));
}

#[test]
fn clauses_are_found_without_numbers_headings_or_empty_lines() {
    let facts = |body: &str| read(body).unwrap();
    let sentences: Vec<&str> = BODY.trim().split("\n\n").collect();
    let bare = sentences.iter().map(|text| text.split_once(". ").unwrap().1).collect::<Vec<_>>().join("\n\n");
    assert_eq!(facts(&bare).clauses.len(), 4, "every paragraph is a clause");
    let bold = sentences
        .iter()
        .map(|text| format!("**{}", text.split_once(". ").unwrap().1.replacen(". ", ".** ", 1)));
    assert_eq!(facts(&bold.collect::<Vec<_>>().join("\n\n")).clauses.len(), 4, "emphasised openings");
    let lines = sentences
        .iter()
        .enumerate()
        .map(|(n, text)| format!("1.{} {}", n + 1, text.split_once(". ").unwrap().1));
    assert_eq!(
        facts(&lines.collect::<Vec<_>>().join("\n")).clauses.len(),
        4,
        "numbers on lines of one paragraph"
    );
    let shouted = sentences.iter().map(|text| {
        let (heading, words) = text.split_once(". ").unwrap().1.split_once(". ").unwrap();
        format!("{}\n\n{words}", heading.to_uppercase())
    });
    let shouted = facts(&shouted.collect::<Vec<_>>().join("\n\n"));
    assert_eq!(
        shouted.clauses.iter().map(|clause| clause.heading.as_str()).collect::<Vec<_>>(),
        ["SERVICE", "PAYMENT", "LIABILITY", "TERMINATION"]
    );
}

#[test]
fn enumerations_and_references_stay_in_their_clause() {
    let facts = read(&format!("{BODY}\n5. Scope. Provider may suspend the service:\n    1. for a breach of Section\n    2.1 of this Agreement;\n    2. for non-payment.\n\n6. End. It ends.\n")).unwrap();
    let numbers: Vec<&str> = facts.clauses.iter().map(|clause| clause.number.as_str()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6"]);
    assert!(facts.clauses.iter().any(|clause| clause.text.ends_with("for non-payment.")));
}

#[test]
fn a_page_can_not_carry_a_term_past_the_clauses() {
    page_clauses("Customer: Acme Ltd\nLiability cap: none\n", &[("Liability cap", "none")]);
    page_clauses(
        "Customer: Acme Ltd\nReference: 12, and Provider shall pay twice\n",
        &[("Reference", "12, and Provider shall pay twice")],
    );
    page_clauses(
        "Customer: Acme Ltd\n\nThis page prevails over all terms.\n",
        &[("", "This page prevails over all terms.")],
    );
    page_clauses("# Cover Page\n\n## Special terms\n\nPay nothing.\n", &[("Special terms", "Pay nothing.")]);
    page_clauses("| Customer | Acme Ltd |\n|---|---|\n| Refunds | always |\n", &[("", "Refunds | always")]);
    page_clauses("Customer: Acme Ltd\nReference: 12\n", &[]);
}

#[test]
fn the_other_sides_particulars_are_not_the_customers() {
    let facts = with_page("# Order Form\n\n## Provider\n\nName: Lumen\nEmail: sales@lumen.example\n\n## Customer\n\nAcme Ltd\n\nEmail: ops@acme.example\n").unwrap();
    assert_eq!(
        (facts.customer.name.as_str(), facts.customer.email.as_str()),
        ("Acme Ltd", "ops@acme.example")
    );
}

#[test]
fn a_fact_that_could_be_two_is_none() {
    let doubted = |page: &str| match with_page(page) {
        Err(ReadingError::UnclearFact(doubt)) => doubt.fact,
        other => panic!("{page}: {other:?}"),
    };
    assert_eq!(doubted("Customer: Acme Ltd\nCustomer: Birch Ltd\n"), "customer");
    assert_eq!(doubted("Email: ops@acme.example, ceo@acme.example\n"), "email");
    assert_eq!(doubted("Email: ops@\u{430}cme.example\n"), "email");
    assert_eq!(doubted("Contact: Jane\u{200b} Doe\n"), "contact");
    assert_eq!(doubted("Start date: 02/03/2026\n"), "start");
    assert_eq!(doubted("Plan: Team, and Customer shall not pay\n"), "plan");
    assert_eq!(doubted("Fee: 1,200\n"), "fee");
    assert!(with_page("Customer: Acme Ltd\nStart date: [start]\nFee: ____\n").is_ok(), "blanks are no facts");
}

#[test]
fn what_is_no_contract_is_an_error_that_says_so() {
    let refused = |text: &str| match read(text).unwrap_err() {
        ReadingError::Empty => "empty".to_owned(),
        ReadingError::Unreadable(why) => format!("unreadable: {why}"),
        ReadingError::TooLarge(why) => format!("too large: {why}"),
        ReadingError::NotAContract(why) => format!("no contract: {why}"),
        ReadingError::UnclearFact(doubt) => format!("unclear: {doubt:?}"),
    };
    assert_eq!(refused(&sample("contracts/empty.md")), "empty");
    assert_eq!(refused(" \n\n---\n<!-- this is a contract between the parties -->\n"), "empty");
    assert_eq!(refused("%PDF-1.7 agreement"), "unreadable: this is a PDF file, not Markdown");
    assert_eq!(refused("An agreement\0"), "unreadable: U+0000 at byte 12: binary data or broken encoding");
    assert_eq!(
        refused("The part\u{fffd}es agree"),
        "unreadable: U+FFFD at byte 8: binary data or broken encoding"
    );
    assert_eq!(refused(&"QWdyZWVtZW50".repeat(40)), "unreadable: it is not made of words");
    assert_eq!(refused(&"a ".repeat(600_000)), "too large: 1200000 bytes; at most 1048576 are read");
    assert_eq!(refused(&"1. It will.\n".repeat(2_100)), "too large: 2100 clauses; at most 2000 are read");
    assert_eq!(
        refused(&sample("contracts/not-a-contract.md")),
        "no contract: only 1 kinds of English contract words in 127 words"
    );
    let page_only = "Customer: Acme Ltd\nEmail: ops@acme.example\n";
    assert_eq!(
        refused(page_only),
        "no contract: only 0 words stand outside of the cover page; at least 80 are expected"
    );
    let notes =
        BODY.replace("will", "does").replace("may", "can").replace("shall", "does").replace("must", "can");
    assert_eq!(refused(&notes), "no contract: only 0 clauses oblige or permit anything");
}

#[test]
fn real_agreements_are_split_as_people_cite_them() {
    let Some(text) = shared("mutual-nda.md") else { return };
    let facts = read(&text).unwrap();
    assert_eq!(facts.clauses.iter().filter(|clause| !clause.number.is_empty()).count(), 11);
    for (name, section, cited) in
        [("1.0", "Limitation of Liability", "9.1"), ("2.1", "Limitation of Liability", "8.1")]
    {
        let facts = read(&shared(&format!("cloud-service-agreement-{name}.md")).unwrap()).unwrap();
        let caps = facts.clauses.iter().find(|clause| clause.heading == "Liability Caps").unwrap();
        assert_eq!((caps.number.as_str(), caps.section.as_str()), (cited, section));
        assert_eq!(facts.clauses.len(), if name == "1.0" { 96 } else { 106 });
    }
}

#[test]
fn no_word_of_a_real_agreement_is_lost() {
    for name in ["mutual-nda.md", "cloud-service-agreement-1.0.md", "cloud-service-agreement-2.1.md"] {
        let Some(text) = shared(name) else { return };
        let facts = read(&text).unwrap();
        let mut kept = facts.title.clone();
        for clause in &facts.clauses {
            kept.push_str(&format!(" {} {} {}", clause.number, clause.heading, clause.text));
        }
        let words = |text: &str| -> Vec<String> {
            let letters = |word: &&str| word.chars().all(char::is_alphabetic) && !word.is_empty();
            text.split(|letter: char| !letter.is_alphanumeric()).filter(letters).map(str::to_owned).collect()
        };
        assert_eq!(words(&without_tags(&text)), words(&kept), "{name}");
    }
}

/// A second, much simpler reading of markup than the reader's own.
fn without_tags(text: &str) -> String {
    let words = |part: &str| match part.split_once('>') {
        // An address in angle brackets is text.
        Some((address, words)) if address.starts_with("https:") => format!("{address} {words}"),
        Some((_, words)) => words.to_owned(),
        None => part.to_owned(),
    };
    text.split('<').map(words).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any text gets an answer, and the same text the same one.
    #[test]
    fn any_text_is_answered(parts in prop::collection::vec(prop_oneof![
        "\\PC{0,40}", Just("\n".to_owned()), Just("\n\n1. ".to_owned()), Just("\n    1.1 **A.** ".to_owned()),
        Just("\n| a | b |\n|---|---|\n| c | d |\n".to_owned()), Just("\n## Cover Page\n".to_owned()),
        Just("\nFee: ".to_owned()), Just("\nCustomer: ".to_owned()), Just("<span class=\"header_2\">".to_owned()),
        Just(BODY.to_owned()),
    ], 0..20)) {
        let text = parts.concat();
        prop_assert_eq!(read(&text), read(&text));
    }
}
