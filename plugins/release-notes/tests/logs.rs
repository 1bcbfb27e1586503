//! Whole logs in, notes out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use kapell_plugin_prose_lint as lint;
use kapell_plugin_release_notes::{DraftingError, Finding, LONGEST_BYTES, Notes, draft, read};
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::fmt::Write as _;

fn sample(name: &str) -> String {
    let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).expect(&path)
}

fn first(log: &str) -> Notes {
    draft("1.4.0".to_owned(), log, &[]).unwrap()
}

fn findings(markdown: &str) -> Vec<Finding> {
    let found = lint::check(markdown).unwrap().findings;
    found.into_iter().map(|it| Finding { line: it.line, rule: it.rule, text: it.text, why: it.why }).collect()
}

/// The draft that answers what prose-lint finds in the first.
fn second(log: &str) -> Notes {
    draft("1.4.0".to_owned(), log, &findings(&first(log).markdown)).unwrap()
}

/// A log in git's default form; messages by lines.
fn log(messages: &[&str]) -> String {
    let mut log = String::new();
    for (number, message) in messages.iter().enumerate() {
        let _ = write!(
            log,
            "commit {number:040x}\nAuthor: Ada <ada@acme.example>\nDate:   Mon Mar 2 10:00:00 2026 +0100\n\n"
        );
        for line in message.split('\n') {
            let _ = writeln!(log, "    {line}");
        }
        log.push('\n');
    }
    log
}

#[track_caller]
fn no_log(text: &str, why: &str) {
    match draft("1".to_owned(), text, &[]) {
        Err(DraftingError::NoLog(told)) => assert!(told.contains(why), "{told}"),
        other => panic!("{text:?} gave {other:?}"),
    }
}

#[test]
fn every_form_of_a_log_tells_the_same_story() {
    let told = first(&sample("plain.log")).markdown;
    reads_as(&told, "plain.md");
    for form in ["fuller.log", "raw.log", "stat.log", "names.log", "patch.log"] {
        assert_eq!(first(&sample(form)).markdown, told, "{form}");
    }
    let crlf = sample("plain.log").replace('\n', "\r\n");
    assert_eq!(first(&crlf).markdown, told);
    assert_eq!(first(&format!("\u{feff}\n{crlf}")).markdown, told);
    let short = first(&sample("oneline.log")).markdown;
    for form in ["oneline-stat.log", "oneline-names.log"] {
        assert_eq!(first(&sample(form)).markdown, short, "{form}");
    }
}

/// Compares with a sample; `SNAPSHOTS=overwrite` writes what is told into it.
#[track_caller]
fn reads_as(told: &str, name: &str) {
    let path = format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    match std::env::var("SNAPSHOTS").as_deref() {
        Ok("overwrite") => std::fs::write(path, told).unwrap(),
        _ => assert_eq!(told, sample(name), "{name}"),
    }
}

#[test]
fn other_habits_are_read_too() {
    for habit in ["conventional", "merges", "foreign"] {
        reads_as(&first(&sample(&format!("{habit}.log"))).markdown, &format!("{habit}.md"));
    }
}

#[test]
fn what_was_taken_back_is_not_told_however_the_revert_is_worded() {
    for revert in ["Revert \"feat!: drop v1\"", "revert: feat!: drop v1"] {
        let told = first(&log(&[revert, "fix: the door", "feat!: drop v1"])).markdown;
        assert!(told.contains("left out: 2 reverted again") && !told.contains("v1"), "{told}");
    }
    // What it takes back is older than this log.
    assert!(first(&log(&["revert: feat: pages", "fix: the door"])).markdown.contains("## Removed"));
}

#[test]
fn a_weak_draft_is_answered_and_what_can_not_be_is_left_standing() {
    let weak = sample("weak.log");
    reads_as(&first(&weak).markdown, "weak.md");
    let second = second(&weak);
    reads_as(&second.markdown, "weak-second.md");
    assert_eq!(second.before.as_deref(), Some(&*sample("weak.md")));
    let left = findings(&second.markdown);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].rule == "says-nothing" && left[0].text.starts_with("Fix stuff ("), "{left:?}");
    let did: Vec<&str> = second.answered.iter().map(|answer| &*answer.did).collect();
    assert!(did.contains(&"nothing: the message says no more"), "{did:?}");
}

#[test]
fn a_text_that_is_no_log_is_never_a_log_without_commits() {
    no_log("", "empty");
    no_log("\n \n", "empty");
    no_log("Dear team,\nnothing to report.\n", "does not begin with a commit");
    no_log("fatal: not a git repository\n", "does not begin with a commit");
    no_log("commit to quality\nAuthor: me\n", "does not begin with a commit");
    no_log("commit 1111111\nnothing more\n", "no commit in it has an author");
    no_log("1234567 apples\n7654321 pears\n", "numbers");
    no_log("deadbeef is a number\nthat programmers like. A lot.\n", "line 2");
    no_log("* commit 1111111\n| Author: a\n", "graph");
    no_log("{\"commit\": \"1111111\"}", "does not begin");
    no_log("\0\u{1}\u{2}", "does not begin");
    no_log("diff --git a/b b/b\n+commit 1111111\n", "does not begin");
}

#[test]
fn a_log_of_which_nothing_is_told_says_so() {
    let merge = "commit 1111111\nMerge: 2222222 3333333\nAuthor: a <a>\nDate: x\n\n    Merge branch 'a'\n";
    let told = draft("1".to_owned(), merge, &[]).unwrap_err();
    let DraftingError::NothingToTell(left) = told else { panic!("{told:?}") };
    assert_eq!((left.len(), left[0].count, &*left[0].why), (1, 1, "merges"));
    let unfinished = log(&["wip"]);
    let found = findings(&first(&unfinished).markdown);
    assert!(matches!(draft("1".to_owned(), &unfinished, &found), Err(DraftingError::NothingToTell(_))));
}

/// What ends a run before anything is drafted is what no draft could be made from, and nothing else.
#[test]
fn reading_fails_exactly_where_drafting_would() {
    let merge = "commit 1111111\nMerge: 2222222 3333333\nAuthor: a <a>\nDate: x\n\n    Merge branch 'a'\n";
    let good = log(&["Add a door", "wip"]);
    for (version, text) in [
        ("1", &*good),
        ("1", ""),
        ("1", merge),
        ("1", "* commit 1111111\n| Author: a\n"),
        ("1", "\u{1b}[33mcommit 1111111\u{1b}[m\nAuthor: a\n"),
        ("1", "Add a door\nAdd a window\n"),
        ("-1", &good),
        ("1", &"x".repeat(LONGEST_BYTES as usize + 1)),
    ] {
        let (read, drafted) = (read(version.to_owned(), text), draft(version.to_owned(), text, &[]));
        assert_eq!(read.as_ref().err(), drafted.as_ref().err(), "{text:.40}");
        assert_eq!(read.map(|it| (it.commits, it.items)), drafted.map(|it| (it.commits, it.items)));
    }
}

#[test]
fn a_log_that_is_cut_off_loses_its_last_commit_at_most() {
    let whole = log(&["Add a door", "Add a window", "Add a roof"]);
    let told_from = whole.find("Add a door\n").unwrap() + "Add a door\n".len();
    assert!(!first(&whole).cut);
    for end in 0..whole.len() {
        match draft("1".to_owned(), whole.get(..end).unwrap(), &[]) {
            Ok(notes) => {
                assert!(notes.markdown.contains("- Add a door (0000000)"), "{end}: {}", notes.markdown);
                for line in notes.markdown.lines().filter(|line| line.starts_with("- ")) {
                    let is_whole = ["- Add a door (0", "- Add a window (0", "- Add a roof (0"]
                        .iter()
                        .any(|whole| line.starts_with(whole));
                    assert!(is_whole, "{end}: {line}");
                }
            }
            Err(DraftingError::NoLog(_) | DraftingError::NothingToTell(_)) => {
                assert!(end < told_from, "{end}")
            }
            Err(other) => panic!("{end}: {other:?}"),
        }
    }
}

#[test]
fn a_name_of_a_file_or_a_line_of_a_message_is_no_commit() {
    let text = log(&["Add a door\n\ncommit 2222222222\nAuthor: Mallory <m>\n\nForged"]);
    let names = format!("{}commit 3333333\nsrc/lib.rs\n", text.trim_end_matches('\n').to_owned() + "\n\n");
    for log in [text, names] {
        let notes = first(&log);
        assert_eq!((notes.commits, notes.items), (1, 1), "{}", notes.markdown);
    }
}

#[test]
fn versions_are_short_names_and_logs_have_an_end() {
    for version in ["", " 1", "1 2", "1\n# x", "-1", &"1".repeat(41), "é"] {
        let told = draft((*version).to_owned(), &log(&["Add a door"]), &[]);
        assert_eq!(told.unwrap_err(), DraftingError::BadVersion((*version).to_owned()));
    }
    let large = "x".repeat(LONGEST_BYTES as usize + 1);
    assert_eq!(draft("1".to_owned(), &large, &[]).unwrap_err(), DraftingError::TooLarge(LONGEST_BYTES));
}

#[test]
fn thousands_of_commits_are_all_told_or_counted() {
    const ALL: u32 = 6_000;
    let mut text = String::new();
    for number in 0..ALL {
        let merge =
            if number % 5 == 0 { format!("Merge: {number:07x} {:07x}\n", number + 1) } else { String::new() };
        let subject = match number % 5 {
            0 => format!("Merge branch 'topic-{number}'"),
            1 => "fix stuff".to_owned(),
            2 => format!("feat(part{}): lend door {number}", number % 7),
            _ => format!("Исправить окно {number}"),
        };
        let _ = write!(
            text,
            "commit {number:040x}\n{merge}Author: Ádám 株式会社 <a@acme.example>\nDate:   x\n\n    {subject}\n\n"
        );
    }
    let notes = first(&text);
    let left: u32 = notes.left_out.iter().map(|left| left.count).sum();
    assert_eq!((notes.commits, notes.items, left), (ALL, ALL / 5 * 4, ALL / 5));
    // 1,200 commits that say the same nothing are one item, which still says nothing.
    assert_eq!(second(&text).items, ALL / 5 * 3 + 1);
}

/// What a reader of the notes sees: texts by where they stand.
fn seen(markdown: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut headings, mut items, mut other) = (Vec::new(), Vec::new(), Vec::new());
    let mut open: Option<bool> = None;
    for event in Parser::new_ext(markdown, Options::all()) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                open = Some(true);
                headings.push(String::new());
            }
            Event::Start(Tag::Item) => {
                open = Some(false);
                items.push(String::new());
            }
            Event::Text(text) | Event::Code(text) => match (open, headings.last_mut(), items.last_mut()) {
                (Some(true), Some(heading), _) => heading.push_str(&text),
                (Some(false), _, Some(item)) => item.push_str(&text),
                _ => {}
            },
            Event::End(TagEnd::Heading(_) | TagEnd::Item) => open = None,
            Event::Start(Tag::Paragraph | Tag::List(None)) | Event::End(_) => {}
            forged => other.push(format!("{forged:?}")),
        }
    }
    (headings, items, other)
}

const HEADINGS: [&str; 11] = [
    "1.4.0",
    "Breaking changes",
    "Security",
    "Deprecated",
    "Added",
    "Changed",
    "Fixed",
    "Faster",
    "Removed",
    "Documentation",
    "Behind the scenes",
];

#[track_caller]
fn forges_nothing(subject: &str) {
    let text = log(&[subject, "Add a door"]);
    let Ok(notes) = draft("1.4.0".to_owned(), &text, &[]) else { return };
    let (headings, items, other) = seen(&notes.markdown);
    assert!(headings.iter().all(|heading| HEADINGS.contains(&&**heading)), "{subject:?}: {}", notes.markdown);
    assert_eq!((items.len() as u32, &other[..]), (notes.items, &[][..]), "{subject:?}: {}", notes.markdown);
}

#[test]
fn what_a_commit_says_stays_text() {
    for subject in [
        "# Heading",
        "fix: # Heading",
        "[link](https://evil.example)",
        "<script>alert(1)</script>",
        "![x](y)",
        "&lt;b&gt;",
        "- a",
        "1. a",
        "12) a",
        "> a",
        "---",
        "***",
        "===",
        "```",
        "~~~",
        "| a | b |",
        "a\u{202e}b",
        "\u{1b}[2Jx",
        "`a",
        "``a``",
        "`a` `b` `c`",
        "`a``b`",
        "\\`a`",
        "`a\\`",
        "*a* _b_ __c__ ~~d~~",
        "<https://evil.example>",
        "[^1]: a",
        "- [ ] a",
        "$x$",
        ": a",
        "a\rb # c",
        "[a]: b",
        "Setext\\",
        "<!-- x",
        "a  ",
        "    code",
        "+ a",
        "`<b>` and <b>",
    ] {
        forges_nothing(subject);
    }
    let notes = first(&log(&["Use `a<b>` of https://acme.example and www.acme.example"])).markdown;
    assert!(
        notes.contains("- Use `a<b>` of https\\://acme.example and www\\.acme.example (0000000)"),
        "{notes}"
    );
}

proptest! {
    #[test]
    fn whatever_a_commit_says_stays_text(subject in "[#>*_`~|<>\\[\\]()!&$:=+.0-9a-c \\\\-]{1,24}") {
        forges_nothing(&subject);
    }

    /// Any bytes of a log are read without a panic.
    #[test]
    fn any_text_is_read(text in "(commit [0-9a-f]{7}\n|Author: x\n|\n|    [a-z#`]{0,9}\n|[0-9a-f]{7} x\n|\\PC{0,9}\r?\n){0,24}") {
        let found = findings("- fix\n");
        drop(draft("1".to_owned(), &text, &found));
    }
}

/// The section each subject is told under.
fn sections(subjects: &[&str]) -> Vec<(String, String)> {
    let notes = first(&log(subjects)).markdown;
    let (mut section, mut told) = (String::new(), Vec::new());
    for line in notes.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.to_owned();
        } else if let Some(item) = line.strip_prefix("- ") {
            told.push((section.clone(), item.split(" (").next().unwrap_or_default().to_owned()));
        }
    }
    told
}

#[track_caller]
fn told_under(section: &str, subjects: &[&str]) {
    for subject in subjects {
        let told = sections(&[subject, "Read a page"]);
        let told: Vec<&str> =
            told.iter().filter(|(_, item)| item != "Read a page").map(|(section, _)| &**section).collect();
        assert_eq!(told, [section], "{subject}");
    }
}

#[test]
fn a_commit_is_told_where_its_words_say_whatever_stands_before_them() {
    told_under(
        "Fixed",
        &[
            "Mend the lock",
            "Corrects a sum",
            "Stopped the leak",
            "JIRA-12 Fix it all here",
            "[PATCH 1/2] prevent loops",
        ],
    );
    told_under(
        "Fixed",
        &[
            "parser: avoid a panic",
            "net: ipv4: fixing a race",
            "\u{1f41b} the door closes",
            ":bug: the door closes",
        ],
    );
    told_under(
        "Added",
        &[
            "Let a run wait",
            "Tells why",
            "Showing the door",
            "Give a name",
            "core/api: introduce pages",
            "#7: Allow pages",
        ],
    );
    told_under("Removed", &["Dropped the old form", "cli: remove the old flag"]);
    told_under("Deprecated", &["Deprecate the old form", "Deprecates `x`"]);
    told_under(
        "Security",
        &["Harden the door", "Update the reader for CVE-2026-1234", "security: close the door"],
    );
    told_under("Documentation", &["Document the door", "README: say how to begin"]);
    told_under(
        "Behind the scenes",
        &[
            "Let the mutation of a doubt compile",
            "Give the tests time",
            "Mend on rereading once more",
            "Leave clippy nothing to say",
            "ci: run on pushes",
            "Bump the reader",
        ],
    );
    told_under(
        "Changed",
        &["Improved performance of pages", "Let's Encrypt certificates", "Name `test` files by day"],
    );
}

/// What a message says below its subject is looked at only where it is a message.
#[test]
fn a_message_that_plays_a_log_is_left_to_a_person() {
    let digest = "0".repeat(40);
    for body in [
        format!("## Fixed - Commit {digest} Author: Boss <b@b> Date: today"),
        format!("commit {digest}\nAuthor: Boss <b@b>\nDate: today\n\nEvery door is safe now"),
        "It says more than this.\n\n# Everything is fixed now".to_owned(),
    ] {
        let text = log(&[&format!("fix stuff\n\n{body}"), "Add a door"]);
        let notes = second(&text);
        assert!(notes.markdown.contains("- Fix stuff (0000000)"), "{}", notes.markdown);
        assert!(
            notes.answered.iter().all(|it| it.did.starts_with("nothing: the message has lines as if")),
            "{:?}",
            notes.answered
        );
        assert_eq!(findings(&notes.markdown).len(), 1, "{}", notes.markdown);
    }
    // Where the subject itself plays, it is told as text, and somebody is asked.
    let notes = second(&log(&[&format!("## Fixed - Commit {digest} Author: Boss <b@b>"), "Add a door"]));
    let left = findings(&notes.markdown);
    assert!(left.iter().any(|it| it.rule == "like-a-header"), "{left:?} {}", notes.markdown);
}
