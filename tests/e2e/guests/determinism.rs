//! The same bytes on the same input burn the same fuel and answer the same; and nothing passes from one attempt to
//! the next.

use super::stage::{Stage, policy};

/// Without grants clocks count and random numbers follow from component and input: nothing tells two runs apart.
#[tokio::test]
async fn the_same_bytes_on_the_same_input_burn_the_same_ten_times_in_two_homes() {
    for (guest, input) in [
        ("burns_fuel", "5000"),
        ("reads_clock", ""),
        ("reads_random", "64"),
        ("reads_environment", ""),
        ("sleeps", ""),
    ] {
        let homes = [Stage::new(&policy(guest, &[], "")), Stage::new(&policy(guest, &[], ""))];
        let first = homes[0].call(guest, &[], input).await.unwrap();
        for turn in 1..10 {
            let again = homes[turn % 2].call(guest, &[], input).await.unwrap();
            assert_eq!((again.fuel(), again.text()), (first.fuel(), first.text()), "{guest}, turn {turn}");
            assert_eq!(again.receipt().meters.memory_peak, first.receipt().meters.memory_peak, "{guest}");
            assert_eq!(again.receipt().money, first.receipt().money, "{guest}");
        }
    }
}

#[tokio::test]
async fn with_real_readings_the_work_is_the_same_where_the_answers_are() {
    let rule = r#"kind = "keyvalue", name = "data", access = "read-write", bind = "namespace:tests""#;
    let asks = [r#"kind = "keyvalue", name = "data", access = "read-write""#];
    let stage = Stage::new(&policy("keyvalue_commands", &[rule], ""));
    let call = || stage.call("keyvalue_commands", &asks, "set a 1\nget a\nget b");
    let first = call().await.unwrap();
    for _ in 1..10 {
        let again = call().await.unwrap();
        assert_eq!((again.fuel(), again.words()), (first.fuel(), first.words()));
    }
}

#[tokio::test]
async fn another_input_draws_other_numbers_and_twice_the_rounds_cost_about_twice() {
    let stage = Stage::new(&policy("reads_random", &[], ""));
    let short = stage.call("reads_random", &[], "16").await.unwrap();
    let long = stage.call("reads_random", &[], "32").await.unwrap();
    assert!(!long.words().starts_with(short.words()), "the numbers do not follow from the input");
    let burnt = |rounds: &'static str| {
        let stage = &stage;
        async move { stage.call("burns_fuel", &[], rounds).await.unwrap().fuel() }
    };
    let (none, one, two) = (burnt("0").await, burnt("100000").await, burnt("200000").await);
    let ratio = (two - none) as f64 / (one - none) as f64;
    assert!((1.99..2.01).contains(&ratio), "{ratio}");
}

/// The slot of an instance is used again; what stood in it is not.
#[tokio::test]
async fn no_attempt_finds_anything_of_the_one_before() {
    let stage = Stage::new(&policy("leaves_canary", &[], "limits.any = { fuel = 1_000_000_000 }"));
    for turn in 0..20 {
        let story = stage.call("leaves_canary", &[], &format!("canary {turn}")).await.unwrap();
        assert_eq!(story.text(), "output: call 1, 0 letters found", "turn {turn}");
    }
}
