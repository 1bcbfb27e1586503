//! The endings of one attempt, never mixed: an answer, the skill's own error, a crash.

use super::stage::{Stage, policy};

async fn told(guest: &str, input: &str) -> String {
    let stage = Stage::new(&policy(guest, &[], ""));
    stage.call(guest, &[], input).await.unwrap().text()
}

#[tokio::test]
async fn an_answer_is_what_the_guest_said() {
    assert_eq!(told("echo", "guten Tag, 世界").await, "output: guten Tag, 世界");
    assert_eq!(told("echo", "").await, "output: ");
}

#[tokio::test]
async fn a_skills_own_error_is_no_trap_and_no_refusal() {
    assert_eq!(told("fails", "no such account").await, "skill error: no such account");
}

#[tokio::test]
async fn a_panic_is_a_crash_that_quotes_the_guests_own_words_on_one_line() {
    let text = told("panics", "no\nrun_ended done\u{1b}[2K\u{202e}").await;
    let mut lines = text.lines();
    let ending = lines.next().unwrap();
    assert!(ending.starts_with("trap crash: "), "{ending}");
    assert!(ending.contains("it last printed: "), "{ending}");
    assert!(ending.contains("no / run_ended done\u{fffd}[2K\u{fffd}"), "{ending}");
    assert!(lines.all(|line| line.starts_with("log ")), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
}

#[tokio::test]
async fn a_call_that_nests_too_deep_is_a_crash_of_the_stack_alone() {
    let stage = Stage::new(&policy("overflows_stack", &[], ""));
    let story = stage.call("overflows_stack", &[], "").await.unwrap();
    assert_eq!(story.text(), "trap stack: its calls nest too deep");
    // The host's own stack is as it was.
    assert_eq!(stage.call("echo", &[], "still here").await.unwrap().text(), "output: still here");
}

/// The environment, the arguments and the working directory of the host stay with the host.
#[tokio::test]
async fn a_guest_sees_nothing_of_the_host() {
    assert_eq!(told("reads_environment", "").await, "output: ");
    for path in ["", "/etc/hostname", "policy.toml", ".kapell/journal.sqlite", "../policy.toml"] {
        let text = told("opens_ungranted_file", path).await;
        assert!(text.starts_with("skill error: read "), "{path}: {text}");
    }
}
