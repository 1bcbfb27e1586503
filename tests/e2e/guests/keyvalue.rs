//! Keys and values: read, write and both, quotas, and writes that are real only with the ending that records them.

use super::stage::{Stage, Story, policy};

fn ask(access: &str) -> String {
    format!(r#"kind = "keyvalue", name = "data", access = "{access}""#)
}

fn rule(access: &str, most: &str) -> String {
    let most = if most.is_empty() { String::new() } else { format!(", most = {{ {most} }}") };
    format!(r#"kind = "keyvalue", name = "data", access = "{access}", bind = "namespace:tests"{most}"#)
}

fn stage(guest: &str, access: &str, most: &str) -> Stage {
    Stage::new(&policy(guest, &[&rule(access, most)], ""))
}

async fn obey(stage: &Stage, access: &str, commands: &str) -> Story {
    stage.call("keyvalue_commands", &[&ask(access)], commands).await.unwrap()
}

#[tokio::test]
async fn an_attempt_reads_its_own_writes_and_the_next_one_reads_them_too() {
    let stage = stage("keyvalue_commands", "read-write", "");
    let story = obey(&stage, "read-write", "get a\nset a 1\nget a\nset b 2\ndelete a\nlist\nexists a").await;
    assert_eq!(
        story.text(),
        "output: none\nset\n1\nset\ndeleted\nb\nfalse\nkey tests/a removed\nkey tests/b 1 bytes"
    );
    assert_eq!(obey(&stage, "read-write", "list\nget b").await.text(), "output: b\n2");
}

/// The twin: the same writes, and an ending that is no output.
#[tokio::test]
async fn what_a_failed_attempt_wrote_is_not_there() {
    let stage = stage("keyvalue_commands", "read-write", "");
    obey(&stage, "read-write", "set kept 1").await;
    let story = obey(&stage, "read-write", "set a 1\ndelete kept\nget a\nfail").await;
    assert_eq!(story.text(), "skill error: told to fail: fail");
    assert_eq!(obey(&stage, "read-write", "list").await.text(), "output: kept");
}

#[tokio::test]
async fn who_may_only_read_does_not_write_and_who_may_only_write_does_not_read() {
    let stage = stage("keyvalue_commands", "read-write", "");
    obey(&stage, "read-write", "set a 1").await;
    assert_eq!(obey(&stage, "read", "get a\nlist\nexists a").await.text(), "output: 1\na\ntrue");
    assert_eq!(obey(&stage, "write", "set b 2").await.text(), "output: set\nkey tests/b 1 bytes");
    for (access, command, call) in [
        ("read", "set a 2", "set"),
        ("read", "delete a", "delete"),
        ("write", "get a", "get"),
        ("write", "exists a", "exists"),
        ("write", "list", "list"),
    ] {
        let story = obey(&stage, access, command).await;
        assert_eq!(story.text(), format!("skill error: {command}: Error::AccessDenied"));
        let recorded = format!("keyvalue {call} data/");
        assert!(story.crossed().contains(&recorded), "{}", story.crossed());
        assert!(story.crossed().contains(r#"{"refused":"access-denied"} by rule-1"#), "{}", story.crossed());
    }
    assert_eq!(obey(&stage, "read", "list\nget a").await.text(), "output: a b\n1");
}

#[tokio::test]
async fn a_bucket_nobody_granted_is_not_opened() {
    let rule = r#"kind = "keyvalue", name = "counter", access = "read-write", bind = "namespace:tests""#;
    let stage = Stage::new(&policy("keyvalue_counter", &[rule], ""));
    let ask = r#"kind = "keyvalue", name = "counter", access = "read-write""#;
    let story = stage.call("keyvalue_counter", &[ask], "crm").await.unwrap();
    assert_eq!(story.text(), "skill error: open crm: Error::AccessDenied");
    assert_eq!(story.crossed(), r#"keyvalue open crm {"refused":"access-denied"}"#);
}

#[tokio::test]
async fn keys_end_at_exactly_the_number_granted() {
    for (granted, fits) in [(3, true), (2, true), (1, false)] {
        let stage = stage("keyvalue_commands", "read-write", &format!("keys = {granted}, bytes = \"1KiB\""));
        let story = obey(&stage, "read-write", "set a 1\nset a 2\nset b 3").await;
        let expected = match fits {
            true => "output: set\nset\nset\nkey tests/a 1 bytes\nkey tests/b 1 bytes".to_owned(),
            false => "trap quota: keyvalue `data`: 2 keys written, 1 granted by rule rule-1".to_owned(),
        };
        assert_eq!(story.text(), expected);
        let kept = if fits { "output: a b" } else { "output: " };
        assert_eq!(obey(&stage, "read-write", "list").await.text(), kept);
    }
}

/// Key and value count together.
#[tokio::test]
async fn bytes_end_at_exactly_what_is_granted() {
    for (granted, ending) in [
        (7, "output: set\nkey tests/abc 3 bytes"),
        (6, "output: set\nkey tests/abc 3 bytes"),
        (5, "trap quota: keyvalue `data`: 6 bytes written, 5 granted by rule rule-1"),
    ] {
        let stage = stage("keyvalue_commands", "read-write", &format!("keys = 9, bytes = \"{granted}B\""));
        assert_eq!(obey(&stage, "read-write", "set abc 123").await.text(), ending);
    }
}

#[tokio::test]
async fn keys_without_end_end_at_their_number_or_their_bytes_and_none_is_kept() {
    for (most, ending) in [
        (r#"keys = 5, bytes = "1MiB""#, "6 keys written, 5 granted"),
        (r#"keys = 100, bytes = "2KiB""#, "2058 bytes written, 2048 granted"),
    ] {
        let both = [
            policy("keyvalue_hoards", &[&rule("write", most)], ""),
            policy("keyvalue_commands", &[&rule("read", "")], ""),
        ];
        let stage = Stage::new(&both[0]);
        let story = stage.call("keyvalue_hoards", &[&ask("write")], "").await.unwrap();
        assert_eq!(story.text(), format!("trap quota: keyvalue `data`: {ending} by rule rule-1"));
        let stage = stage.under(&both[1]);
        assert_eq!(obey(&stage, "read", "list").await.text(), "output: ");
    }
}

#[tokio::test]
async fn a_counter_counts_one_more_each_run_and_in_two_runs_at_once() {
    let rule = r#"kind = "keyvalue", name = "counter", access = "read-write", bind = "namespace:tests""#;
    let asks = [r#"kind = "keyvalue", name = "counter", access = "read-write""#];
    let stage = Stage::new(&policy("keyvalue_counter", &[rule], ""));
    let count = || stage.call("keyvalue_counter", &asks, "");
    assert_eq!(count().await.unwrap().text(), "output: 1\nkey tests/count 1 bytes");
    let (one, other, third) = tokio::join!(count(), count(), count());
    let mut counts: Vec<_> = [one, other, third].map(|it| it.unwrap().words().to_owned()).into();
    counts.sort();
    assert_eq!(counts, ["2", "3", "4"]);
}
