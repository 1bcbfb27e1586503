//! Directories: read, write and both, each with the twin that is told no; quotas; no way out; nothing half done.

use super::stage::{Stage, Story, policy, refused};

fn ask(access: &str) -> String {
    format!(r#"kind = "files", name = "data", access = "{access}""#)
}

fn rule(access: &str, most: &str) -> String {
    let most = if most.is_empty() { String::new() } else { format!(", most = {{ {most} }}") };
    format!(r#"kind = "files", name = "data", access = "{access}", bind = "./data"{most}"#)
}

/// A stage whose rule permits `access`, with `letter.txt` in the directory.
fn stage(guest: &str, access: &str, most: &str) -> Stage {
    let stage = Stage::new(&policy(guest, &[&rule(access, most)], ""));
    stage.put("data/letter.txt", "Dear Ada");
    stage
}

async fn call(stage: &Stage, guest: &str, access: &str, input: &str) -> Story {
    stage.call(guest, &[&ask(access)], input).await.unwrap()
}

const LETTER: (&str, &str) = ("data/letter.txt", "Dear Ada");

fn assert_files(stage: &Stage, files: &[(&str, &str)]) {
    let found = stage.files();
    let found: Vec<_> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(found, files);
}

#[tokio::test]
async fn who_may_read_reads_and_who_may_only_write_does_not() {
    for access in ["read", "read-write"] {
        let stage = stage("reads_file", access, "");
        let story = call(&stage, "reads_file", access, "letter.txt").await;
        assert_eq!(story.text(), "output: Dear Ada");
        assert_eq!(story.receipt().meters.bytes_read, 8);
        let story = call(&stage, "reads_file", access, "no-such.txt").await;
        assert!(story.text().starts_with("skill error: read no-such.txt: No such file"), "{}", story.text());
    }
    let stage = stage("reads_file", "write", "");
    let story = call(&stage, "reads_file", "write", "letter.txt").await;
    assert!(
        story.text().starts_with("skill error: read letter.txt: Operation not permitted"),
        "{}",
        story.text()
    );
    assert!(story.crossed().contains(r#"{"refused":"not-permitted"} by rule-1"#), "{}", story.crossed());
    assert_eq!((story.receipt().meters.bytes_read, story.calls("refused")), (0, 1));
}

#[tokio::test]
async fn who_may_write_writes_and_who_may_only_read_does_not() {
    for access in ["write", "read-write"] {
        let stage = stage("writes_file", access, "");
        let story = call(&stage, "writes_file", access, "new.txt\nDear Bob").await;
        assert_eq!(story.text(), "output: 8 bytes\nfile data/new.txt 8 bytes");
        assert_eq!(story.receipt().meters.bytes_written, 8);
        assert_files(&stage, &[LETTER, ("data/new.txt", "Dear Bob")]);
    }
    let stage = stage("writes_file", "read", "");
    for name in ["new.txt", "letter.txt"] {
        let story = call(&stage, "writes_file", "read", &format!("{name}\nDear Bob")).await;
        let expected = format!("skill error: write {name}: Read-only file system");
        assert!(story.text().starts_with(&expected), "{}", story.text());
        assert!(story.crossed().contains(r#"{"refused":"read-only"} by rule-1"#), "{}", story.crossed());
    }
    assert_files(&stage, &[LETTER]);
}

/// Asked for to read, permitted to do both: granted is what was asked for.
#[tokio::test]
async fn a_grant_is_no_wider_than_what_was_asked_for() {
    let stage = stage("writes_file", "read-write", "");
    let story = call(&stage, "writes_file", "read", "new.txt\nDear Bob").await;
    assert!(
        story.text().starts_with("skill error: write new.txt: Read-only file system"),
        "{}",
        story.text()
    );
    assert_files(&stage, &[LETTER]);
}

#[tokio::test]
async fn a_rule_to_read_refuses_who_asks_to_write() {
    let stage = stage("writes_file", "read", "");
    let text = refused(stage.call("writes_file", &[&ask("write")], "new.txt\nDear Bob").await);
    assert!(text.contains("it is asked for to write, the rule permits to read"), "{text}");
    assert_files(&stage, &[LETTER]);
}

#[tokio::test]
async fn written_bytes_end_at_exactly_what_is_granted() {
    for (granted, fits) in [(9, true), (8, true), (7, false)] {
        let stage = stage("writes_file", "write", &format!("files = 1, bytes = \"{granted}B\""));
        let story = call(&stage, "writes_file", "write", "new.txt\nDear Bob").await;
        if fits {
            assert_eq!(story.text(), "output: 8 bytes\nfile data/new.txt 8 bytes");
            assert_files(&stage, &[LETTER, ("data/new.txt", "Dear Bob")]);
        } else {
            assert_eq!(story.text(), "trap quota: files `data`: 8 bytes written, 7 granted by rule rule-1");
            assert_files(&stage, &[LETTER]);
        }
    }
}

#[tokio::test]
async fn files_without_end_end_at_their_number_or_their_bytes_and_none_is_kept() {
    for (most, ending) in [
        (r#"files = 3, bytes = "1MiB""#, "4 files made or changed, 3 granted"),
        (r#"files = 100, bytes = "2KiB""#, "3072 bytes written, 2048 granted"),
    ] {
        let stage = stage("keeps_writing_files", "write", most);
        let story = call(&stage, "keeps_writing_files", "write", "").await;
        assert_eq!(story.text(), format!("trap quota: files `data`: {ending} by rule rule-1"));
        assert_files(&stage, &[LETTER]);
    }
}

#[tokio::test]
async fn what_a_broken_attempt_wrote_is_nowhere() {
    for (guest, limits, ending) in [
        ("writes_then_traps", "", "trap crash: "),
        ("writes_then_spins", "limits.any = { fuel = 2_000_000 }", "trap fuel set by policy: "),
        (
            "writes_then_spins",
            "limits.any = { deadline = \"300ms\", fuel = 900_000_000_000_000 }",
            "trap deadline set by policy: ",
        ),
    ] {
        let stage = Stage::new(&policy(guest, &[&rule("write", "")], limits));
        let story = call(&stage, guest, "write", "").await;
        assert!(story.text().starts_with(ending), "{}", story.text());
        assert!(story.receipt().meters.bytes_written > 0, "{guest} never wrote");
        assert_files(&stage, &[]);
    }
}

#[tokio::test]
async fn a_listing_is_sorted_whatever_the_disk_says() {
    let stage = stage("lists_directory", "read", "");
    for name in ["zebra.txt", "apple.txt", "inner/b.txt", "inner/a.txt", "Zulu.txt", "10.txt", "9.txt"] {
        stage.put(&format!("data/{name}"), "");
    }
    let story = call(&stage, "lists_directory", "read", "").await;
    assert_eq!(story.words(), "10.txt\n9.txt\nZulu.txt\napple.txt\ninner\nletter.txt\nzebra.txt");
    assert_eq!(call(&stage, "lists_directory", "read", "inner").await.words(), "a.txt\nb.txt");
    let writer = self::stage("lists_directory", "write", "");
    let story = call(&writer, "lists_directory", "write", "").await;
    assert!(story.text().starts_with("skill error: list: Operation not permitted"), "{}", story.text());
}

/// Upwards, absolute, through links found and made, by renaming, by linking: every way is held.
#[cfg(unix)]
#[tokio::test]
async fn no_way_leads_out_of_a_directory() {
    let stage = stage("escapes_directory", "read-write", "");
    stage.put("secret.txt", "for nobody");
    std::os::unix::fs::symlink("../secret.txt", stage.data().join("link")).unwrap();
    let before = stage.files();
    let story = call(&stage, "escapes_directory", "read-write", "secret.txt").await;
    let tries = story.words();
    assert!(tries.lines().count() >= 18, "{tries}");
    assert!(tries.lines().all(|line| line.starts_with("held ")), "{tries}");
    assert!(!tries.contains("for nobody"), "{tries}");
    let after: Vec<_> = stage.files().into_iter().filter(|(name, _)| name != "data/mine").collect();
    assert_eq!(after, before);
    assert!(story.calls("refused") >= 10, "{}", story.crossed());
}

/// Between approval and run somebody put a link in the directory's place.
#[cfg(unix)]
#[tokio::test]
async fn a_granted_directory_that_became_a_link_is_not_opened() {
    let stage = stage("reads_file", "read", "");
    stage.put("elsewhere/letter.txt", "for nobody");
    std::fs::remove_dir_all(stage.data()).unwrap();
    std::os::unix::fs::symlink("elsewhere", stage.data()).unwrap();
    let text = refused(stage.call("reads_file", &[&ask("read")], "letter.txt").await);
    assert!(text.starts_with("refused: the run is refused: files `data`: "), "{text}");
    assert!(text.contains("`data` is a symbolic link"), "{text}");
}

/// A pipe would hold whoever opens it for ever.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_not_opened() {
    let stage = stage("reads_file", "read", "");
    let made = std::process::Command::new("mkfifo").arg(stage.data().join("pipe")).status();
    assert!(made.unwrap().success());
    let story = call(&stage, "reads_file", "read", "pipe").await;
    assert!(story.text().starts_with("skill error: read pipe: Operation not permitted"), "{}", story.text());
    assert!(story.crossed().contains(r#"{"refused":"not-permitted"}"#), "{}", story.crossed());
}
