//! The record: every reading of the world stands in the journal with its answer, and what a guest says stays its own.

use super::stage::{Stage, policy};
use kapell_journal::entry::BlobRef;
use kapell_model::digest::Digest;
use kapell_report::log;

const READ_FILES: &str = r#"kind = "files", name = "data", access = "read""#;

#[tokio::test]
async fn clock_readings_are_recorded_with_their_answers() {
    let stage = Stage::new(&policy("reads_clock", &[r#"kind = "clock", resolution = "1ms""#], ""));
    let story = stage.call("reads_clock", &[r#"kind = "clock""#], "").await.unwrap();
    let answer: Vec<&str> = story.words().lines().collect();
    assert_eq!(answer[0], "wall 1796115600.000000000");
    let monotonic = |line: &str| line.split(' ').next_back().unwrap().to_owned();
    let expected = format!(
        "clock now  {{\"number\":\"1796115600000000000\"}} by rule-1\n\
         clock monotonic  {{\"number\":\"{}\"}} by rule-1\n\
         clock monotonic  {{\"number\":\"{}\"}} by rule-1",
        monotonic(answer[1]),
        monotonic(answer[2])
    );
    assert_eq!(story.crossed(), expected);
    assert_eq!(story.calls("clock"), 3);
}

/// The twin: without a grant there is nothing of the world to record, only calls to count.
#[tokio::test]
async fn what_is_inert_is_counted_and_nothing_is_recorded() {
    for guest in ["reads_clock", "reads_random"] {
        let stage = Stage::new(&policy(guest, &[], ""));
        let story = stage.call(guest, &[], "").await.unwrap();
        assert_eq!(story.crossed(), "", "{guest}");
        assert!(story.attempt.crossings.is_none());
        assert!(story.calls("inert") > 0, "{guest}");
    }
}

#[tokio::test]
async fn random_bytes_are_recorded_as_they_were_drawn() {
    let stage = Stage::new(&policy("reads_random", &[r#"kind = "random""#], ""));
    let call = || stage.call("reads_random", &[r#"kind = "random""#], "3");
    let (one, other) = (call().await.unwrap(), call().await.unwrap());
    for story in [&one, &other] {
        let [crossing] = story.crossings.as_slice() else { panic!("{}", story.crossed()) };
        let drawn: Vec<u8> = (0..3)
            .map(|place| u8::from_str_radix(&story.words()[place * 2..place * 2 + 2], 16).unwrap())
            .collect();
        let recorded = serde_json::to_value(&crossing.answer).unwrap();
        assert_eq!(recorded["bytes"].as_str().unwrap(), base64_of(&drawn));
    }
}

/// Three bytes as four letters.
fn base64_of(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let number = bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    (0..4).rev().map(|place| LETTERS[(number >> (6 * place) & 63) as usize] as char).collect()
}

#[tokio::test]
async fn settings_are_recorded_also_those_that_are_not_there() {
    let rule = r#"kind = "config", bind = { greeting = "Good morning" }"#;
    let stage = Stage::new(&policy("reads_config", &[rule], ""));
    let call = |input: &'static str| stage.call("reads_config", &[r#"kind = "config""#], input);
    assert_eq!(
        call("greeting").await.unwrap().crossed(),
        r#"config get greeting {"text":"Good morning"} by rule-1"#
    );
    assert_eq!(call("HOME").await.unwrap().crossed(), r#"config get HOME "absent""#);
    assert_eq!(
        call("").await.unwrap().crossed(),
        "config names  {\"names\":[\"greeting\"]}\nconfig get greeting {\"text\":\"Good morning\"} by rule-1"
    );
}

/// The first touch of each key is a reading of the world; the attempt's own writes are not.
#[tokio::test]
async fn keys_are_recorded_at_first_touch() {
    let rule = r#"kind = "keyvalue", name = "data", access = "read-write", bind = "namespace:tests""#;
    let ask = r#"kind = "keyvalue", name = "data", access = "read-write""#;
    let stage = Stage::new(&policy("keyvalue_commands", &[rule], ""));
    stage.call("keyvalue_commands", &[ask], "set a abc").await.unwrap();
    let story =
        stage.call("keyvalue_commands", &[ask], "get a\nget a\nset a 2\nget a\nget b\nlist").await.unwrap();
    assert_eq!(story.words(), "abc\nabc\nset\n2\nnone\na");
    assert_eq!(
        story.crossed(),
        "keyvalue get data/a {\"bytes\":\"YWJj\"} by rule-1\n\
         keyvalue get data/b \"absent\" by rule-1\n\
         keyvalue list data/ {\"names\":[\"a\"]} by rule-1"
    );
}

#[tokio::test]
async fn files_are_recorded_by_the_digest_of_what_was_read() {
    let rule = r#"kind = "files", name = "data", access = "read", bind = "./data""#;
    let stage = Stage::new(&policy("reads_file", &[rule], ""));
    stage.put("data/letter.json", r#""Dear Ada""#);
    let story = stage.call("reads_file", &[READ_FILES], "letter.json").await.unwrap();
    let digest = Digest::of(br#""Dear Ada""#);
    assert_eq!(
        story.crossed(),
        format!(
            "files stat data/letter.json {{\"number\":\"10\"}} by rule-1\n\
             files read data/letter.json {{\"content\":\"{digest}\"}} by rule-1"
        )
    );
    // What was read is kept, so that the step can be answered again when the file has changed.
    assert_eq!(stage.home.value(&story.run, &BlobRef::Digest(digest)), Some("Dear Ada".into()));
}

#[tokio::test]
async fn notes_and_log_lines_stand_beside_the_attempt() {
    let both = [r#"kind = "notes""#, r#"kind = "logging""#];
    let stage = Stage::new(&policy("writes_note", &both, ""));
    let story = stage.call("writes_note", &both, "clause 7 shares a title").await.unwrap();
    assert_eq!(
        story.text(),
        "output: written\nnote [seen] clause 7 shares a title\nlog info [seen]: clause 7 shares a title"
    );
    assert_eq!((story.calls("notes"), story.calls("logging")), (1, 1));
}

#[tokio::test]
async fn a_forged_line_is_one_line_of_the_guests_own() {
    let both = [r#"kind = "notes""#, r#"kind = "logging""#];
    let stage = Stage::new(&policy("logs_forged_line", &both, ""));
    let story = stage.call("logs_forged_line", &both, "").await.unwrap();
    assert_eq!(story.attempt.notes.len(), 6);
    assert_eq!(story.attempt.log.len(), 6);
    let said =
        story.attempt.notes.iter().flat_map(|note| [&note.topic, &note.text]).chain(&story.attempt.log);
    for line in said {
        let deceives =
            |letter: char| letter.is_control() || matches!(letter, '\u{200b}'..='\u{202e}' | '\u{feff}');
        assert!(!line.contains(deceives), "{line:?}");
    }
    assert!(story.attempt.log.iter().all(|line| line.starts_with("critical [")), "{:?}", story.attempt.log);
    // Nor does the printed run log have a line that begins with what it forged.
    let log =
        log::run(&stage.home.entries(&story.run).unwrap(), &|named| stage.home.value(&story.run, named));
    assert!(log.contains("approved"), "the log does not show what was said:\n{log}");
    for line in log.lines() {
        let forged = ["2026-12-01T09:00:00Z legal_view answered", "approved by", "{\"entry\""];
        assert!(!forged.iter().any(|start| line.trim_start().starts_with(start)), "{line}");
    }
}

/// A replay asks nobody: what the attempt read is as it was then, whatever has become of it.
#[tokio::test]
async fn a_replay_needs_nothing_of_the_world() {
    let stage = Stage::new(&policy("reads_file", &[&format!(r#"{READ_FILES}, bind = "./data""#)], ""));
    stage.put("data/letter.txt", "as it was");
    let story = stage.call("reads_file", &[READ_FILES], "letter.txt").await.unwrap();
    assert_eq!(story.words(), "as it was");
    std::fs::remove_dir_all(stage.data()).unwrap();
    assert_eq!(stage.again(&story.run).await, ["same"]);
}
