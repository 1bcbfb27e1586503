//! Grants: all seven kinds, each permitted by a rule, refused without one, and permitted by the rule that the
//! refusal prints. What is granted is never more than what was asked for, nor more than the rule permits.

use super::stage::{Stage, policy, refused, skill_of};
use kapell_home::Kind;

/// One kind: a guest that uses it, what it asks, a rule that permits it, and the answer it then gives.
struct Granted {
    guest: &'static str,
    ask: &'static str,
    rule: &'static str,
    input: &'static str,
    answer: &'static str,
}

const FILES: Granted = Granted {
    guest: "reads_file",
    ask: r#"kind = "files", name = "data", access = "read""#,
    rule: r#"kind = "files", name = "data", access = "read", bind = "./data""#,
    input: "letter.txt",
    answer: "output: Dear Ada",
};

const KEYVALUE: Granted = Granted {
    guest: "keyvalue_counter",
    ask: r#"kind = "keyvalue", name = "counter", access = "read-write""#,
    rule: r#"kind = "keyvalue", name = "counter", access = "read-write", bind = "namespace:tests""#,
    input: "",
    answer: "output: 1\nkey tests/count 1 bytes",
};

const CONFIG: Granted = Granted {
    guest: "reads_config",
    ask: r#"kind = "config""#,
    rule: r#"kind = "config", bind = { greeting = "Good morning" }"#,
    input: "greeting",
    answer: "output: Good morning",
};

/// The monotonic clock is real, so only the wall clock's line is the same each time.
const CLOCK: Granted = Granted {
    guest: "reads_clock",
    ask: r#"kind = "clock""#,
    rule: r#"kind = "clock", resolution = "1h""#,
    input: "",
    answer: "output: wall 1796115600.000000000\nfirst 0\nsecond 0",
};

const RANDOM: Granted = Granted {
    guest: "reads_random",
    ask: r#"kind = "random""#,
    rule: r#"kind = "random", most = { bytes = "16B" }"#,
    input: "0",
    answer: "output: ",
};

const BOTH: [&str; 2] = [r#"kind = "notes""#, r#"kind = "logging""#];

async fn runs(granted: &Granted) -> String {
    let stage = Stage::new(&policy(granted.guest, &[granted.rule], ""));
    stage.put("data/letter.txt", "Dear Ada");
    stage.call(granted.guest, &[granted.ask], granted.input).await.unwrap().text()
}

#[tokio::test]
async fn what_is_asked_for_and_permitted_is_granted() {
    for granted in [FILES, KEYVALUE, CONFIG, CLOCK, RANDOM] {
        assert_eq!(runs(&granted).await, granted.answer, "{}", granted.guest);
    }
    let stage = Stage::new(&policy("writes_note", &BOTH, ""));
    let story = stage.call("writes_note", &BOTH, "three clauses").await.unwrap();
    assert_eq!(story.text(), "output: written\nnote [seen] three clauses\nlog info [seen]: three clauses");
}

/// The refused twin of each; and the advice is the cure.
#[tokio::test]
async fn what_no_rule_permits_is_refused_before_anything_runs_and_the_rule_it_prints_permits_it() {
    for granted in [FILES, KEYVALUE, CONFIG, CLOCK, RANDOM] {
        let stage = Stage::new(&policy(granted.guest, &[], ""));
        stage.put("data/letter.txt", "Dear Ada");
        stage.put("counter/.keep", "");
        let error =
            stage.call(granted.guest, &[granted.ask], granted.input).await.err().expect("no rule permits it");
        assert_eq!(error.kind, Kind::Refused, "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("no rule of policy.toml permits it to {}", skill_of(granted.guest))),
            "{error}"
        );
        assert_eq!(error.refusals[0].asked_at.as_deref(), Some("skill.toml:2"), "{error}");
        assert!(stage.home.runs().unwrap().is_empty(), "a refused call left a run");
        let rule = error.refusals[0].advice.clone().unwrap();
        let stage = stage.under(&format!("version = 1\n{rule}"));
        let story = stage.call(granted.guest, &[granted.ask], granted.input).await;
        assert!(story.is_ok(), "{rule}\n{}", refused(story));
    }
}

#[tokio::test]
async fn one_of_two_asks_refused_refuses_the_call() {
    for kind in ["notes", "logging"] {
        let other: Vec<_> = BOTH.into_iter().filter(|rule| !rule.contains(kind)).collect();
        let stage = Stage::new(&policy("writes_note", &other, ""));
        let text = refused(stage.call("writes_note", &BOTH, "x").await);
        assert!(
            text.contains(&format!(
                "{kind} `{kind}`: no rule of policy.toml permits it to local:writes-note"
            )),
            "{text}"
        );
    }
}

/// A component without a manifest asks for nothing, whatever policy would permit.
#[tokio::test]
async fn what_is_not_asked_for_is_not_granted() {
    for (guest, rule, interface) in [
        ("keyvalue_counter", KEYVALUE.rule, "wasi:keyvalue/"),
        ("reads_config", CONFIG.rule, "wasi:config/store@0.2.0-rc.1"),
        ("writes_note", BOTH[0], "kapell:skill/notes@0.1.1"),
    ] {
        let stage = Stage::new(&policy(guest, &[rule], ""));
        let text = refused(stage.call(guest, &[], "").await);
        assert!(text.starts_with("refused: "), "{text}");
        assert!(text.contains(interface), "{text}");
        assert!(text.contains("ask for it in skill.toml with `[[capability]] kind = "), "{text}");
        assert!(stage.home.runs().unwrap().is_empty());
    }
    // What toolchains import out of habit is linked empty instead.
    let stage = Stage::new(&policy("reads_file", &[FILES.rule], ""));
    stage.put("data/letter.txt", "Dear Ada");
    let story = stage.call("reads_file", &[], "letter.txt").await.unwrap();
    assert!(story.text().starts_with("skill error: read letter.txt: "), "{}", story.text());
}

#[tokio::test]
async fn a_rule_that_permits_less_than_is_asked_for_refuses_and_says_the_word_to_change() {
    let ask = r#"kind = "keyvalue", name = "counter", access = "read-write""#;
    let rule = r#"kind = "keyvalue", name = "counter", access = "read", bind = "namespace:tests""#;
    let stage = Stage::new(&policy("keyvalue_counter", &[rule], ""));
    let text = refused(stage.call("keyvalue_counter", &[ask], "").await);
    assert!(
        text.contains("keyvalue `counter`: it is asked for to read-write, the rule permits to read"),
        "{text}"
    );
    assert!(text.contains("in rule `rule-1` (policy.toml:3) write: access = \"read-write\""), "{text}");
}

/// A rule for one skill is none for another, nor for another name or namespace of the same skill.
#[tokio::test]
async fn a_rule_is_for_one_skill_and_one_name() {
    let stage = Stage::new(&policy("lists_directory", &[FILES.rule], ""));
    let text = refused(stage.call("reads_file", &[FILES.ask], "letter.txt").await);
    assert!(text.contains("permits it to local:reads-file"), "{text}");
    let other = r#"kind = "files", name = "other", access = "read", bind = "./data""#;
    let stage = Stage::new(&policy("reads_file", &[other], ""));
    let text = refused(stage.call("reads_file", &[FILES.ask], "letter.txt").await);
    assert!(text.contains("files `data`: no rule of policy.toml permits it"), "{text}");
}

#[tokio::test]
async fn random_bytes_end_at_what_is_granted() {
    for (bytes, ending) in
        [(15, None), (16, None), (17, Some("trap quota: 17 random bytes, 16 granted by rule rule-1"))]
    {
        let stage = Stage::new(&policy(RANDOM.guest, &[RANDOM.rule], ""));
        let story = stage.call(RANDOM.guest, &[RANDOM.ask], &bytes.to_string()).await.unwrap();
        match ending {
            Some(ending) => assert_eq!(story.text(), ending),
            None => assert_eq!(story.words().len(), bytes * 2),
        }
    }
}

#[tokio::test]
async fn a_setting_nobody_granted_is_as_if_it_did_not_exist() {
    let stage = Stage::new(&policy(CONFIG.guest, &[CONFIG.rule], ""));
    let call = |input: &'static str| stage.call(CONFIG.guest, &[CONFIG.ask], input);
    assert_eq!(call("PATH").await.unwrap().text(), "skill error: no value for PATH");
    assert_eq!(call("").await.unwrap().text(), "output: greeting=Good morning\n");
}
