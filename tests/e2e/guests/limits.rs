//! Limits: each is reached by a guest that knows no end, and the ending says which it was and who set it.

use super::stage::{Stage, policy};

const CLOCK: &str = r#"kind = "clock""#;
const CLOCK_RULE: &str = r#"kind = "clock", resolution = "1ms""#;
const NOTES: &str = r#"kind = "notes""#;
const LOGGING: &str = r#"kind = "logging""#;

/// Everybody's ceiling; the guests here set none themselves.
fn most(limits: &str) -> String {
    format!("limits.any = {{ {limits} }}")
}

async fn ends(guest: &str, input: &str, limits: &str) -> String {
    let stage = Stage::new(&policy(guest, &[], &most(limits)));
    let ending = stage.call(guest, &[], input).await.unwrap().ending();
    // Whatever became of it, the home goes on.
    assert_eq!(stage.call("echo", &[], "next").await.unwrap().text(), "output: next");
    ending
}

#[tokio::test]
async fn a_loop_ends_at_its_fuel_or_at_its_deadline_whichever_comes_first() {
    assert_eq!(
        ends("spins", "", "fuel = 3_000_000").await,
        "trap fuel set by policy: more than 3,000,000 units of work"
    );
    assert_eq!(
        ends("spins", "", r#"fuel = 900_000_000_000_000, deadline = "200ms""#).await,
        "trap deadline set by policy: not done within 200 ms"
    );
}

/// Instantiation is inside the limits.
#[tokio::test]
async fn a_loop_before_the_first_call_ends_the_same_way() {
    assert_eq!(
        ends("spins_on_start", "", "fuel = 3_000_000").await,
        "trap fuel set by policy: more than 3,000,000 units of work"
    );
    assert_eq!(
        ends("spins_on_start", "", r#"fuel = 900_000_000_000_000, deadline = "200ms""#).await,
        "trap deadline set by policy: not done within 200 ms"
    );
}

#[tokio::test]
async fn nobody_has_to_set_a_limit_for_there_to_be_one() {
    assert_eq!(ends("spins", "", "").await, "trap fuel set by default: more than 100,000,000 units of work");
}

/// The limit is exact: what an attempt burns is what it needs, one unit less is too little.
#[tokio::test]
async fn fuel_is_enough_at_exactly_what_is_burnt() {
    let stage = Stage::new(&policy("burns_fuel", &[], ""));
    let plenty = stage.call("burns_fuel", &[], "100000").await.unwrap();
    let needed = plenty.fuel();
    for (fuel, enough) in [(needed + 1, true), (needed, true), (needed - 1, false)] {
        let ending = ends("burns_fuel", "100000", &format!("fuel = {fuel}")).await;
        let expected = match enough {
            true => plenty.ending(),
            false => {
                let fuel = kapell_model::quantity::thousands(fuel);
                format!("trap fuel set by policy: more than {fuel} units of work")
            }
        };
        assert_eq!(ending, expected);
    }
}

#[tokio::test]
async fn memory_is_enough_at_exactly_what_is_held() {
    let stage = Stage::new(&policy("echo", &[], ""));
    let peak = stage.call("echo", &[], "small").await.unwrap().receipt().meters.memory_peak;
    assert_eq!(ends("echo", "small", &format!("memory = \"{peak}B\"")).await, "output: small");
    let ending = ends_alone("echo", "small", &format!("memory = \"{}B\"", peak - 1)).await;
    let wanted = format!(
        "trap memory set by policy: memories and tables wanted {peak} bytes together, the limit is {}",
        peak - 1
    );
    assert_eq!(ending, wanted);
}

/// As `ends`, where the limit is too small for any guest.
async fn ends_alone(guest: &str, input: &str, limits: &str) -> String {
    let stage = Stage::new(&policy(guest, &[], &most(limits)));
    stage.call(guest, &[], input).await.unwrap().ending()
}

#[tokio::test]
async fn memory_without_end_ends_at_the_limit() {
    let ending = ends("grows_memory", "", r#"memory = "8MiB""#).await;
    assert!(ending.starts_with("trap memory set by policy: memories and tables wanted "), "{ending}");
    assert!(ending.ends_with(" bytes together, the limit is 8388608"), "{ending}");
}

/// A byte of the answer is its tag.
#[tokio::test]
async fn an_answer_is_measured_before_it_is_taken() {
    let limit = r#"output = "1KiB""#;
    for length in [1_022, 1_023] {
        assert_eq!(
            ends("returns_too_much", &length.to_string(), limit).await,
            format!("output: {}", "x".repeat(length))
        );
    }
    assert_eq!(
        ends("returns_too_much", "1024", limit).await,
        "trap output set by policy: it has 1025 bytes, the limit is 1024"
    );
    let ending = ends("returns_too_much", "", "").await;
    assert!(ending.starts_with("trap output set by default: "), "{ending}");
}

/// A skill's own error is an answer too.
#[tokio::test]
async fn an_error_without_end_is_too_large_as_well() {
    let long = "x".repeat(2_000);
    let ending = ends("fails", &long, r#"output = "1KiB""#).await;
    assert_eq!(ending, "trap output set by policy: it has 2001 bytes, the limit is 1024");
}

#[tokio::test]
async fn an_hour_of_sleep_ends_at_the_deadline() {
    let stage = Stage::new(&policy("sleeps", &[CLOCK_RULE], &most(r#"deadline = "200ms""#)));
    let story = stage.call("sleeps", &[CLOCK], "").await.unwrap();
    assert_eq!(story.text(), "trap deadline set by policy: not done within 200 ms");
    // Sleeping is no work.
    assert!(story.fuel() < 1_000_000, "{}", story.fuel());
}

#[tokio::test]
async fn an_hour_of_sleep_is_over_at_once_where_nobody_granted_a_clock() {
    assert_eq!(ends("sleeps", "", "").await, "output: slept for an hour");
}

#[tokio::test]
async fn handles_without_end_end_at_the_limit() {
    for asks in [&[][..], &[CLOCK][..]] {
        let stage = Stage::new(&policy("sprays_handles", &[CLOCK_RULE], &most("handles = 50")));
        let story = stage.call("sprays_handles", asks, "").await.unwrap();
        assert_eq!(story.text(), "trap handles set by policy: more than 50 live handles");
    }
}

#[tokio::test]
async fn calls_without_end_end_at_the_limit() {
    for asks in [&[][..], &[CLOCK][..]] {
        let stage = Stage::new(&policy("calls_without_end", &[CLOCK_RULE], &most("host-calls = 500")));
        let story = stage.call("calls_without_end", asks, "").await.unwrap();
        assert_eq!(story.text(), "trap host-calls set by policy: more than 500 calls to the host");
        assert_eq!(story.receipt().meters.crossings.values().sum::<u64>(), 500);
    }
}

/// Calls cost next to no fuel, so it is the calls that look at the clock.
#[tokio::test]
async fn calls_without_end_end_at_the_deadline_too() {
    let limits = most(r#"host-calls = 9_000_000_000, deadline = "200ms", fuel = 900_000_000_000_000"#);
    let stage = Stage::new(&policy("calls_without_end", &[], &limits));
    let story = stage.call("calls_without_end", &[], "").await.unwrap();
    assert_eq!(story.text(), "trap deadline set by policy: not done within 200 ms");
}

#[tokio::test]
async fn printing_without_end_ends_at_the_limit_and_what_was_said_is_kept() {
    let stage = Stage::new(&policy("prints_without_end", &[], &most(r#"talk = "3KiB""#)));
    let story = stage.call("prints_without_end", &[], "").await.unwrap();
    assert_eq!(
        story.ending(),
        "trap talk set by policy: more than 3072 bytes of notes, log lines and printed text"
    );
    let kept: usize = story.attempt.log.iter().map(String::len).sum();
    assert!((1..=3_072).contains(&kept), "{kept} bytes kept");
    assert!(story.attempt.log.iter().all(|line| line.bytes().all(|byte| byte == b'x')), "{}", story.text());
}

#[tokio::test]
async fn notes_without_end_end_at_the_limit_and_fill_no_more_than_was_granted() {
    let asks = [NOTES, LOGGING];
    let rules = [r#"kind = "notes", most = { bytes = "2KiB" }"#, LOGGING];
    let stage = Stage::new(&policy("notes_without_end", &rules, &most(r#"talk = "8KiB""#)));
    let story = stage.call("notes_without_end", &asks, "").await.unwrap();
    assert_eq!(
        story.ending(),
        "trap talk set by policy: more than 8192 bytes of notes, log lines and printed text"
    );
    let kept: usize = story.attempt.notes.iter().map(|note| note.topic.len() + note.text.len()).sum();
    assert!((2_048..2_048 + 32).contains(&kept), "{kept} bytes kept of 2048 granted");
    assert!(story.calls("notes-dropped") > 0, "nothing says that notes were dropped");
}
