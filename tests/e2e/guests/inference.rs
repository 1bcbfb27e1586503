//! Completions: refused without a grant, told no where nobody answers.

use super::stage::{Stage, policy, refused};

fn ask(tier: &str) -> String {
    format!(r#"kind = "inference", name = "{tier}""#)
}

#[tokio::test]
async fn without_a_grant_a_skill_that_asks_models_does_not_start() {
    let stage = Stage::new(&policy("asks_model", &[], ""));
    let text = refused(stage.call("asks_model", &[], "cheap Which queue?").await);
    assert!(text.contains("kapell:skill/inference@0.1"), "{text}");
    assert!(text.contains("no inference is granted to this skill"), "{text}");
}

#[tokio::test]
async fn a_tier_nobody_answers_for_and_one_that_is_not_granted_are_told_apart() {
    let stage = Stage::new(&policy("asks_model", &[&ask("cheap")], ""));
    for (input, told, recorded) in [
        (
            "cheap Which queue?",
            "skill error: Failure::NoProvider",
            "inference complete cheap {\"refused\":\"no-provider\"} by rule-1",
        ),
        (
            "local Which queue?",
            "skill error: Failure::Denied(\"the tier local is not granted\")",
            "inference complete local {\"refused\":\"denied\"}",
        ),
    ] {
        let story = stage.call("asks_model", &[&ask("cheap")], input).await.unwrap();
        assert_eq!((story.text().as_str(), story.crossed().as_str()), (told, recorded));
    }
}
