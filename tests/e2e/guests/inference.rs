//! Completions from a guest through a whole home to a provider on loopback: what is answered, what is refused, what
//! stands on the receipt.

use super::stage::{Stage, Story, policy, refused};
use crate::models::{Model, Request, Says};
use kapell_journal::entry::BlobRef;
use kapell_model::digest::Digest;
use kapell_model::money::Money;
use std::time::Duration;

/// What the guest's question could cost at worst: 31 bytes of it and 128 tokens around them in, 20 out.
const WORST: (u64, &str) = (179, "0.000359 EUR");

fn ask(tier: &str) -> String {
    format!(r#"kind = "inference", name = "{tier}""#)
}

/// A home in which the provider `desk` answers for the tier `cheap`, at 1 EUR for a million tokens in and 10 out.
fn stage(most: &str, model: &Model, rest: &str) -> Stage {
    let rule = format!("{}, most = {{ calls = 3, {most} }}", ask("cheap"));
    let provider = format!("{rest}\n[[provider]]\n{}", model.provider("cheap"));
    let price = "[[model]]\nname = \"small\"\ninput-per-million = \"1\"\noutput-per-million = \"10\"\n";
    Stage::priced(&policy("asks_model", &[&rule], &provider), price)
}

fn answers() -> Model {
    Model::start(|_| Says::text("sales"))
}

async fn question(stage: &Stage) -> Story {
    stage.call("asks_model", &[&ask("cheap")], "cheap Which queue?").await.unwrap()
}

/// The money on the receipt: for models, and how much of it is the most it can have been.
fn paid(story: &Story) -> (String, String) {
    let meters = &story.receipt().meters;
    let told = |money: &Option<Money>| money.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
    (told(&meters.inference), told(&meters.inference_at_most))
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

#[tokio::test]
async fn a_granted_question_is_answered_paid_and_kept() {
    let model = answers();
    let stage = stage(r#"tokens = 2_000, money = "0.01 EUR""#, &model, "");
    let story = question(&stage).await;
    assert_eq!(story.text(), "output: sales; 8 + 2 tokens of small, 0.000028 EUR");
    assert_eq!(paid(&story), ("0.000028 EUR".into(), "nothing".into()));
    let asked = Request {
        model: "small".into(),
        system: "Answer in one word.".into(),
        prompt: "Which queue?".into(),
        most_tokens: 20,
    };
    assert_eq!(model.asked(), [asked]);
    let crossed: serde_json::Value = serde_json::to_value(&story.crossings).unwrap();
    let completion = &crossed[0]["answer"]["completion"];
    assert_eq!((&crossed[0]["rule"], &completion["provider"]), (&"rule-1".into(), &"desk".into()));
    let prompt = BlobRef::Digest(completion["prompt"].as_str().unwrap().parse().unwrap());
    let told = serde_json::json!({ "prompt": "Which queue?", "system": "Answer in one word." });
    assert_eq!(stage.home.value(&story.run, &prompt), Some(told));
    assert_eq!(completion["text"], Digest::of(b"sales").to_string());
}

#[tokio::test]
async fn what_could_cost_more_than_is_granted_is_never_asked() {
    let (tokens, money) = WORST;
    for (most, told) in [
        (
            format!(r#"tokens = {tokens}, money = "{money}""#),
            "output: sales; 8 + 2 tokens of small, 0.000028 EUR",
        ),
        (
            format!(r#"tokens = {}, money = "{money}""#, tokens - 1),
            "skill error: Failure::Budget(\"tokens\")",
        ),
        (format!(r#"tokens = {tokens}, money = "0.000358 EUR""#), "skill error: Failure::Budget(\"money\")"),
        (format!("tokens = {tokens}"), "skill error: Failure::Budget(\"money\")"),
    ] {
        let model = answers();
        let story = question(&stage(&most, &model, "")).await;
        assert_eq!(story.text(), told, "{most}");
        let is_asked = told.starts_with("output");
        assert_eq!(
            (model.asked().len(), paid(&story).0 == "nothing"),
            (usize::from(is_asked), !is_asked),
            "{most}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_told_and_costs_nothing() {
    let model = Model::start(|_| Says::Status(404));
    let stage = stage(r#"tokens = 2_000, money = "0.01 EUR""#, &model, "");
    let story = question(&stage).await;
    let told = "skill error: Failure::Failed(\"no provider answered: desk: status 404 (it knows no such path or model)\")";
    assert_eq!((story.text().as_str(), paid(&story).0.as_str()), (told, "0.00 EUR"));
}

/// What is charged and recorded of an answer that its attempt did not live to see.
fn assert_cut(story: &Story) {
    assert_eq!(paid(story), (WORST.1.into(), WORST.1.into()));
    let recorded = format!(
        r#"inference complete cheap {{"failed":{{"code":"cut","cause":"the attempt ended before the answer came","sent":true,"money":"{}"}}}} by rule-1"#,
        WORST.1
    );
    assert_eq!(story.crossed(), recorded);
    let charged = &story.receipt().money;
    assert!(*charged > WORST.1.parse().unwrap(), "the work comes on top: {charged}");
}

#[tokio::test]
async fn an_answer_the_deadline_cuts_off_is_charged_at_its_most() {
    let model = Model::start(|_| Says::Nothing);
    let most = r#"tokens = 2_000, money = "0.01 EUR""#;
    let story = question(&stage(most, &model, "limits.any = { deadline = \"400ms\" }")).await;
    assert_eq!(story.text(), "trap deadline set by policy: not done within 400 ms");
    assert_cut(&story);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_a_cancel_cuts_off_is_charged_at_its_most() {
    let model = Model::start(|_| Says::Nothing);
    let most = r#"tokens = 2_000, money = "0.01 EUR""#;
    let stage = stage(most, &model, "limits.any = { deadline = \"1h\" }");
    let stop = async {
        while model.asked().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let run = stage.home.runs().unwrap().remove(0).run;
        stage.home.cancel(&run, "user:ada", "enough").await.unwrap();
    };
    let (story, ()) = tokio::join!(question(&stage), stop);
    assert_eq!(story.ending(), "cancelled");
    assert_cut(&story);
}
