//! Completions through the host function, over an egress that asks nobody: what is asked, what it counts, what is told
//! and what is recorded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use super::inference::Host as _;
use super::*;
use crate::capability::testing::{Bench, Scripted, grant, granted, limit, lines};
use crate::crossings::Crossings;
use kapell_model::crossing::{Counted, Lost};
use kapell_model::digest::Digest;
use kapell_model::ending::TrapCause;
use kapell_model::inference::Answering;
use kapell_model::limits::Limits;
use kapell_model::seam::{Incoming, Leaving, Outgoing, SendFailure};
use std::time::Duration;

fn eur(amount: &str) -> Money {
    format!("{amount} EUR").parse().unwrap()
}

fn cheap(calls_max: u64, tokens_max: u64, money: Option<&str>) -> InferenceGrant {
    InferenceGrant {
        tier: Tier::Cheap,
        calls_max,
        tokens_max,
        money_max: money.map(eur),
        answered_by: vec![answering()],
    }
}

fn answering() -> Answering {
    Answering {
        id: "hosted".parse().unwrap(),
        base: "https://models.acme.example/v1/".parse().unwrap(),
        addresses: Vec::new(),
        model: "small-1".into(),
        secret: None,
        vouched_by: None,
    }
}

fn completed(tokens_in: u64, tokens_out: u64, money: Money) -> Completed {
    let record = Completion {
        provider: "hosted".parse().unwrap(),
        failed: Vec::new(),
        model: "small-1".into(),
        prompt: Digest::of(b""),
        text: Digest::of(b""),
        tokens_in,
        tokens_out,
        money,
        counted: Counted::Reported,
        lost: None,
        truncated: false,
    };
    Completed { text: "a queue".into(), record }
}

/// Whoever is asked spends 30 tokens in, 20 out and two cents.
fn answers() -> Arc<Scripted> {
    Scripted::completing(|_| Ok(completed(30, 20, eur("0.02"))))
}

struct Stage {
    bench: Bench<InferenceCtx>,
    egress: Arc<Scripted>,
}

fn stage(granted: InferenceGrant, egress: Arc<Scripted>) -> Stage {
    let grants = GrantSet::of(vec![grant("cheap", Authority::Inference(granted))]);
    Stage { bench: Bench::new(InferenceCtx::new(&grants, egress.clone())), egress }
}

fn request(most_tokens: u32) -> Request {
    Request {
        tier: inference::Tier::Cheap,
        system: "Be brief".into(),
        prompt: "Which queue?".into(),
        most_tokens,
    }
}

impl Stage {
    async fn told(&mut self, request: Request) -> String {
        match self.bench.lent().complete(request).await.unwrap() {
            Ok(told) => format!(
                "{} {}+{} {} {} {}",
                told.text, told.tokens_in, told.tokens_out, told.model, told.cost, told.currency
            ),
            Err(no) => format!("{no:?}"),
        }
    }
}

const ANSWER: &str = "a queue 30+20 small-1 0.02 EUR";

#[tokio::test]
async fn a_granted_tier_is_asked_paid_and_recorded() {
    let mut stage = stage(cheap(9, 1_000, Some("1.00")), answers());
    assert_eq!(stage.told(request(60)).await, ANSWER);
    let asked = stage.egress.asked.lock().unwrap().pop().unwrap();
    assert_eq!(
        (asked.tier, asked.system.as_str(), asked.text.as_str()),
        (Tier::Cheap, "Be brief", "Which queue?")
    );
    assert_eq!((asked.tokens_max, asked.budget, asked.money_max), (60, 1_000, Some(eur("1.00"))));
    assert_eq!(asked.until, stage.bench.crossings.over_at());
    let (meters, left) = stage.bench.meters();
    assert_eq!((meters.inference, meters.crossings["inference"]), (Some(eur("0.02")), 1));
    let prompt = br#"{"prompt":"Which queue?","system":"Be brief"}"#.to_vec();
    assert_eq!(left.contents, [prompt.clone(), b"a queue".to_vec()]);
    let crossing::Answer::Completion(record) = &left.crossings[0].answer else { panic!("{left:?}") };
    assert_eq!((record.prompt, record.text), (Digest::of(&prompt), Digest::of(b"a queue")));
    assert_eq!((left.crossings[0].object.as_str(), record.money.clone()), ("cheap", eur("0.02")));
}

#[tokio::test]
async fn another_tier_and_what_is_no_question_are_denied() {
    let mut stage = stage(cheap(9, 100, None), answers());
    let frontier = Request { tier: inference::Tier::Frontier, ..request(1) };
    assert_eq!(stage.told(frontier).await, r#"Failure::Denied("the tier frontier is not granted")"#);
    let empty = Request { prompt: String::new(), ..request(1) };
    assert_eq!(stage.told(empty).await, r#"Failure::Denied("there is no prompt")"#);
    assert_eq!(stage.told(request(0)).await, r#"Failure::Denied("an answer has one token at least")"#);
    assert!(stage.egress.asked.lock().unwrap().is_empty());
    let lines = lines(&stage.bench.meters().1.crossings);
    assert_eq!(lines[0], r#"inference complete frontier {"refused":"denied"}"#);
    assert_eq!(lines[1], r#"inference complete cheap {"refused":"denied"}"#);
}

#[tokio::test]
async fn calls_end_at_exactly_what_is_granted() {
    for (granted, second) in [(3, ANSWER), (2, ANSWER), (1, r#"Failure::Budget("calls")"#)] {
        let mut stage = stage(cheap(granted, 1_000, None), answers());
        assert_eq!(stage.told(request(1)).await, ANSWER);
        assert_eq!(stage.told(request(1)).await, second);
    }
}

#[tokio::test]
async fn tokens_are_reserved_before_and_settled_after() {
    // 50 are spent by the first call; the second may take 60 and the 20 bytes of its prompt and 128 around them.
    for (granted, second) in [(259, ANSWER), (258, ANSWER), (257, r#"Failure::Budget("tokens")"#)] {
        let mut stage = stage(cheap(9, granted, None), answers());
        assert_eq!(stage.told(request(60)).await, ANSWER);
        assert_eq!(stage.told(request(60)).await, second);
    }
}

#[tokio::test]
async fn tokens_that_brought_no_answer_are_spent_all_the_same() {
    let lost = Lost { tokens: 60, money: eur("0.01") };
    let answer = move |_: &Prompt| {
        let Completed { text, record } = completed(30, 20, eur("0.03"));
        Ok(Completed { text, record: Completion { lost: Some(lost.clone()), ..record } })
    };
    // 110 are spent by a call with an answer, and by one without.
    let mut stage = stage(cheap(9, 348, None), Scripted::completing(answer));
    stage.told(request(60)).await;
    assert_eq!(stage.told(request(91)).await, r#"Failure::Budget("tokens")"#);
    assert_eq!(stage.told(request(90)).await, "a queue 30+20 small-1 0.03 EUR");
    let failed = CompletionFailure::Failed { failed: Vec::new(), money: eur("0.01"), tokens: 110 };
    let mut stage = self::stage(cheap(9, 348, None), Scripted::completing(move |_| Err(failed.clone())));
    stage.told(request(60)).await;
    assert_eq!(stage.told(request(91)).await, r#"Failure::Budget("tokens")"#);
    assert!(stage.told(request(90)).await.starts_with("Failure::Failed"));
}

#[tokio::test]
async fn the_egress_is_told_what_money_is_left() {
    let mut stage = stage(cheap(9, 1_000, Some("0.05")), answers());
    for _ in 0..4 {
        stage.told(request(1)).await;
    }
    let left: Vec<_> =
        stage.egress.asked.lock().unwrap().iter().map(|asked| asked.money_max.clone()).collect();
    assert_eq!(left, [Some(eur("0.05")), Some(eur("0.03")), Some(eur("0.01")), Some(eur("0.00"))]);
    assert_eq!(stage.bench.meters().0.inference, Some(eur("0.08")));
}

#[tokio::test]
async fn what_a_provider_reports_beyond_what_was_set_aside_is_charged_and_told() {
    let answer = |_: &Prompt| {
        let Completed { text, record } = completed(4_000, 20, eur("4.00"));
        Ok(Completed { text, record: Completion { counted: Counted::Over(3_900), ..record } })
    };
    let mut stage = stage(cheap(9, 999, Some("1.00")), Scripted::completing(answer));
    stage.told(request(60)).await;
    let meters = stage.bench.meters().0;
    assert_eq!((meters.inference, meters.inference_over), (Some(eur("4.00")), 3_900));
    assert_eq!(stage.told(request(1)).await, r#"Failure::Budget("tokens")"#);
}

#[tokio::test]
async fn without_money_no_price_is_paid() {
    let mut stage = stage(cheap(9, 1_000, None), answers());
    stage.told(request(1)).await;
    assert_eq!(stage.egress.asked.lock().unwrap()[0].money_max, None);
}

#[tokio::test]
async fn a_failure_is_told_recorded_and_paid() {
    let failed = CompletionFailure::Failed {
        failed: vec![("hosted".parse().unwrap(), "status 500".into())],
        money: eur("0.01"),
        tokens: 90,
    };
    let table = [
        (failed, r#"Failure::Failed("no provider answered: hosted: status 500")"#, Some(eur("0.01"))),
        (CompletionFailure::TimedOut, "Failure::TimedOut", None),
        (CompletionFailure::NoProvider(Tier::Cheap), "Failure::NoProvider", None),
        (CompletionFailure::Budget("money"), r#"Failure::Budget("money")"#, None),
    ];
    let mut recorded = Vec::new();
    for (failure, told, paid) in table {
        let mut stage =
            stage(cheap(9, 1_000, Some("1.00")), Scripted::completing(move |_| Err(failure.clone())));
        assert_eq!(stage.told(request(1)).await, told);
        let (meters, left) = stage.bench.meters();
        assert_eq!(meters.inference, paid);
        recorded.extend(lines(&left.crossings));
    }
    insta::assert_snapshot!(recorded.join("\n"), @r#"
    inference complete cheap {"failed":{"code":"failed","cause":"no provider answered: hosted: status 500","sent":true,"money":"0.01 EUR","tokens":90}}
    inference complete cheap {"failed":{"code":"timed-out","cause":"not answered in time","sent":true}}
    inference complete cheap {"refused":"no-provider"}
    inference complete cheap {"refused":"budget money"}
    "#);
}

/// Whoever is asked sets so much aside and never answers.
struct Silent(Option<Money>);

impl Egress for Silent {
    fn send(&self, _: Outgoing) -> Leaving<'_, Result<Incoming, SendFailure>> {
        Box::pin(std::future::pending())
    }

    fn complete(&self, prompt: Prompt) -> Leaving<'_, Result<Completed, CompletionFailure>> {
        prompt.at_stake.set(self.0.clone());
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn an_answer_the_attempt_does_not_live_to_see_is_charged_at_its_most() {
    let granted = || granted("cheap", Authority::Inference(cheap(9, 999, Some("1.00"))));
    let cut = async |at_stake: Option<Money>| {
        let mut bench = Bench::new(InferenceCtx::new(&granted(), Arc::new(Silent(at_stake))));
        let asking = tokio::time::timeout(Duration::ZERO, bench.lent().complete(request(60))).await;
        assert!(asking.is_err(), "nobody answers");
        let (meters, left) = bench.meters();
        (meters.inference, meters.inference_at_most, lines(&left.crossings).join("\n"))
    };
    let (paid, at_most, recorded) = cut(Some(eur("0.02"))).await;
    assert_eq!((paid, at_most), (Some(eur("0.02")), Some(eur("0.02"))));
    insta::assert_snapshot!(recorded, @r#"
    inference complete cheap {"failed":{"code":"cut","cause":"the attempt ended before the answer came","sent":true,"money":"0.02 EUR"}}
    "#);
    // Nothing had left, so nothing is charged.
    assert_eq!(cut(None).await, (None, None, String::new()));
    // What was answered is charged as it was settled.
    let mut stage = stage(cheap(9, 999, Some("1.00")), answers());
    stage.told(request(60)).await;
    assert_eq!(stage.bench.meters().0.inference_at_most, None);
}

/// What a guest is answered is what the words of a use say of the grant.
#[tokio::test]
async fn a_use_is_answered_as_the_grant_says() {
    let least = Request { system: String::new(), prompt: "?".into(), ..request(1) };
    for granted in [
        cheap(1, 130, None),
        cheap(1, 131, None),
        cheap(1, 129, None),
        cheap(1, 0, None),
        cheap(0, 999, None),
    ] {
        for (tier, named) in [("local", inference::Tier::Local), ("cheap", inference::Tier::Cheap)] {
            let used = format!("inference {tier}").parse().unwrap();
            let allowed = Authority::Inference(granted.clone()).allows(&used);
            let told = stage(granted.clone(), answers()).told(Request { tier: named, ..least.clone() }).await;
            assert_eq!(told == ANSWER, allowed, "{tier} of {granted:?}: {told}");
        }
    }
}

#[tokio::test]
async fn every_call_counts_up_to_the_limit() {
    let grants = GrantSet {
        grants: vec![grant("cheap", Authority::Inference(cheap(9, 999, None)))],
        ..GrantSet::default()
    };
    let crossings = Crossings::live(&Limits { host_calls: 1, ..Limits::default() });
    let mut bench = Bench::with(InferenceCtx::new(&grants, answers()), crossings);
    assert!(bench.lent().complete(request(1)).await.is_ok());
    assert_eq!(limit(&bench.lent().complete(request(1)).await.unwrap_err()), Some(TrapCause::HostCalls));
}
