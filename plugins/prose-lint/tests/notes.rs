//! Whole texts in, findings out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use kapell_plugin_prose_lint::{LONGEST_BYTES, LintingError, check};
use proptest::prelude::*;

/// Findings as `line rule`, one a line.
#[track_caller]
fn found(markdown: &str, expected: &[&str]) {
    let report = check(markdown).unwrap();
    let found: Vec<String> =
        report.findings.iter().map(|finding| format!("{} {}", finding.line, finding.rule)).collect();
    assert_eq!(found, expected, "in {markdown:?}: {:?}", report.findings);
}

#[test]
fn notes_that_say_something_have_no_findings() {
    found("# 1.2\n\n## Added\n\n- Read logs with merges (1a2b3c4)\n- Fix the login page (#12)\n", &[]);
    found("# 1.2\n\nNothing else.\n", &[]);
    found("- Исправить вход\n- 修正登录问题\n- É\n", &[]);
    found("- Update the manual\n- Fix typo\n- Wipe caches\n- Todos are listed\n", &[]);
}

#[test]
fn an_item_of_fillers_says_nothing() {
    for item in [
        "Asdf",
        "Merge",
        "Update deps",
        "Mend on rereading",
        "Co-authored-by: Ada Byron <a@acme.example>",
        "Caching",
        "fix stuff",
        "Fixes.",
        "Minor changes",
        "Update (1a2b3c4)",
        "Fix bug #12",
        "...",
        "1.2.3",
        "x",
    ] {
        found(&format!("- {item}\n"), &["1 says-nothing"]);
    }
    found("- `fix`\n", &["1 says-nothing"]);
    found("- **fix**\n  stuff\n", &["1 says-nothing"]);
}

#[test]
fn an_item_that_plays_a_header_is_named() {
    let digest = "0".repeat(40);
    for item in [
        format!("\\## Fixed - Commit {digest} Author: Boss \\<b@b\\> Date: today"),
        format!("commit {digest} adds the door"),
        "The door Author: Boss \\<b@b.example\\>".to_owned(),
    ] {
        found(&format!("- {item}\n"), &["1 like-a-header"]);
    }
    found("- Name the author: whoever signed\n- Show a commit beside its digest\n- C# files are read\n", &[]);
}

#[test]
fn what_somebody_meant_to_come_back_to_is_named() {
    for item in
        ["wip", "WIP: login", "[wip] login", "fixup! Add logs", "squash! x", "TODO login", "Do not merge yet"]
    {
        found(&format!("- {item}\n"), &["1 work-in-progress"]);
    }
}

#[test]
fn the_same_words_twice_are_a_repetition() {
    found(
        "- Add a door (1a2b3c4)\n- Add other things to it all, twice\n- add: a *door*. (5d6e7f8)\n",
        &["3 repeated"],
    );
    found("## A\n\n- Add a door\n\n## B\n\n- Add a door\n", &["7 repeated"]);
}

#[test]
fn an_item_of_more_than_two_lines_is_too_long() {
    found(&format!("- {}\n", "word ".repeat(24).trim_end()), &[]);
    found(&format!("- {}\n", "word ".repeat(25)), &["1 too-long"]);
    found(&format!("- {}\n", "株".repeat(120)), &[]);
    found(&format!("- {}\n", "株".repeat(121)), &["1 too-long"]);
}

#[test]
fn a_heading_over_nothing_is_an_empty_section() {
    found("# A\n\n## B\n\n## C\n\n- Add a door\n\n# D\n", &["3 empty-section", "9 empty-section"]);
    found("# A\n\nWords.\n\n## B\n\n| a |\n|---|\n| b |\n", &[]);
}

#[test]
fn a_text_without_notes_is_never_a_text_without_findings() {
    for text in ["", " \n\n", "Just a sentence.", "\0\0\0", "    - code\n"] {
        assert_eq!(check(text).unwrap_err(), LintingError::NoNotes, "{text:?}");
    }
    let large = "- x\n".repeat(LONGEST_BYTES as usize / 4 + 1);
    assert_eq!(check(&large).unwrap_err(), LintingError::TooLarge(LONGEST_BYTES));
}

proptest! {
    /// Any text is read without a panic, and every finding names a line that is there.
    #[test]
    fn any_text_is_read(text in "([-#*>` \n]|[a-z0-9!:()]{1,8}|\\PC){0,60}") {
        if let Ok(report) = check(&text) {
            for finding in report.findings {
                prop_assert!(finding.line >= 1 && finding.line as usize <= text.split('\n').count());
                prop_assert!(finding.text.chars().count() <= 81);
            }
        }
    }
}
