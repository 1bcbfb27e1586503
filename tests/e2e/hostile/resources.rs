//! Guests that want more than they may have: time, memory, handles, talk, work for the compiler.
//!
//! `given` says `limits KEYS` and `rule RULE` of the policy, the first kind of them for the whole house. `does`: `call
//! GUEST INPUT` calls one of `tests/guests`; `loops WHERE` one that never comes back from there; `returns WHERE` one whose
//! calls come back to it; `holds WHAT` one that begins with so much; `answers KIND NUMBER` and `tells KIND NUMBER` one
//! that answers so, or hands the host so; `bomb WHAT NUMBER` installs a component of so many; `aborts NUMBER` lets go of
//! so many calls at once, half way; `storm GUEST NUMBER` calls a guest on every worker and so many others meanwhile.
//! After each of them the same home answers somebody else, or that is what is seen.

use super::components::{answering, binary, bomb, holding, looping, returning, telling};
use super::table::{Case, Table};
use crate::guests::stage::{Stage, asking_bytes, policy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The names that every run of these tests must have played or said why not.
const IDS: [&str; 11] =
    ["RES-1", "RES-2", "RES-3", "RES-4", "RES-5", "RES-6", "RES-7", "RES-8", "RES-9", "RES-10", "RES-11"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_against_every_case() {
    let mut table = Table::read(include_str!("resources.toml"));
    for (place, case) in table.cases() {
        let mut seen = Vec::new();
        for line in &case.does {
            seen.push(play(&case, line).await);
        }
        table.saw(place, seen);
    }
    table.finish(&IDS);
}

async fn play(case: &Case, line: &str) -> String {
    let said = |word: &str| case.given.iter().filter_map(|it| it.strip_prefix(word)).collect::<Vec<_>>();
    let (rules, limits) = (said("rule "), said("limits ").join(", "));
    let words: Vec<&str> = line.split(' ').collect();
    let guest = match words.as_slice() {
        ["call" | "storm", guest, ..] => guest,
        _ => HOSTILE,
    };
    // Whoever comes afterwards has the limits of the house.
    let limits = format!("limits.any = {{ {limits} }}\nlimits.\"local:echo\" = {{ fuel = 100_000_000 }}");
    let stage = Arc::new(Stage::new(&policy(guest, &rules, &limits)));
    stage.put("data/file", "");
    let asks = asks(&rules);
    let asks: Vec<&str> = asks.iter().map(String::as_str).collect();
    let hostile = async |bytes: &[u8], arguments| hostile(&stage, bytes, &asks, arguments).await;
    let seen = match words.as_slice() {
        ["call", guest, input @ ..] => match stage.call(guest, &asks, &input.join(" ")).await {
            Ok(story) => story.ending(),
            Err(error) => error.to_string(),
        },
        ["loops", place] => hostile(&binary(&looping(place)), json!({ "input": "x" })).await,
        ["returns", place] => hostile(&binary(&returning(place)), json!({})).await,
        ["holds", what] => hostile(&binary(&holding(what)), json!({})).await,
        ["answers", kind, number] => hostile(&binary(&answering(kind, number)), json!({})).await,
        ["tells", kind, number] => hostile(&binary(&telling(kind, number)), json!({})).await,
        ["bomb", what, number] => hostile(&bomb(what, number.parse().unwrap()), json!({})).await,
        ["aborts", number] => aborted(&stage, number.parse().unwrap()).await,
        ["storm", guest, number] => storm(&stage, guest, &asks, number.parse().unwrap()).await,
        _ => panic!("no such words: {line}"),
    };
    // How much it wanted is the toolchain's affair.
    let seen =
        seen.split_once(" wanted ").map_or(seen.clone(), |(front, _)| format!("{front} wanted too much"));
    match stage.call("echo", &[], "next").await {
        Ok(story) if story.text() == "output: next" => seen,
        Ok(story) => format!("the next one: {}", story.text()),
        Err(error) => format!("the next one: {error}"),
    }
}

/// What a component written by hand goes by.
const HOSTILE: &str = "hostile";

/// A guest asks for what its rules permit; to what a rule binds it is the operator's.
fn asks(rules: &[&str]) -> Vec<String> {
    let wished = |part: &&str| ["kind", "name", "access", "methods"].iter().any(|key| part.starts_with(key));
    rules.iter().map(|rule| rule.split(", ").filter(wished).collect::<Vec<_>>().join(", ")).collect()
}

/// What became of a call of a component's `run`.
async fn hostile(stage: &Stage, bytes: &[u8], asks: &[&str], arguments: Value) -> String {
    let bytes = if asks.is_empty() { bytes.to_vec() } else { asking_bytes(bytes, HOSTILE, asks) };
    match stage.call_bytes("hostile.wasm", &bytes, "run", arguments).await {
        Ok(finished) => stage.story(&bytes, &finished).ending(),
        Err(error) => error.to_string(),
    }
}

/// Two that call the host without end, one a worker, and so many others meanwhile, one after the other; then the two
/// are cancelled. How long all that takes is printed, the others beside what they take alone; only that they are
/// answered is asserted.
async fn storm(stage: &Arc<Stage>, guest: &str, asks: &[&str], number: usize) -> String {
    let alone = others(stage, number).await;
    let asks: Vec<String> = asks.iter().map(|ask| (*ask).to_owned()).collect();
    let call = |_| {
        let (stage, guest, asks) = (Arc::clone(stage), guest.to_owned(), asks.clone());
        tokio::spawn(async move {
            let asks: Vec<&str> = asks.iter().map(String::as_str).collect();
            stage.call(&guest, &asks, "").await.map_or_else(|error| error.to_string(), |story| story.ending())
        })
    };
    let storm = [0, 1].map(call);
    let beside = others(stage, number).await;
    let still = stage.home.attempts_under_way();
    let began = Instant::now();
    for row in stage.home.runs().unwrap().iter().filter(|row| !row.over) {
        stage.home.cancel(&row.run, "user:test", "enough").await.unwrap();
    }
    let mut ended = Vec::new();
    for call in storm {
        ended.push(call.await.unwrap());
    }
    let (alone, beside, stopped) = (spread(alone), spread(beside), began.elapsed());
    eprintln!("{number} calls: alone {alone}; beside {guest} {beside}; both stopped in {stopped:.1?}");
    format!("{number} answered beside {still} of them, then {}", ended.join(" and "))
}

/// How long each of so many calls took that were answered as they should be.
async fn others(stage: &Arc<Stage>, number: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..number {
        let began = Instant::now();
        assert_eq!(stage.call("echo", &[], "other").await.unwrap().text(), "output: other");
        took.push(began.elapsed());
    }
    took
}

fn spread(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |percent: usize| took[took.len() * percent / 100];
    format!("p50 {:.1?}, p99 {:.1?}", at(50), at(99))
}

/// More calls than the engine has places, each let go of while it is on its way or waits for a place; then another finds
/// one.
async fn aborted(stage: &Arc<Stage>, number: usize) -> String {
    let call = |_| {
        let stage = Arc::clone(stage);
        tokio::spawn(async move { drop(stage.call("spins", &[], "").await) })
    };
    let calls: Vec<_> = (0..number).map(call).collect();
    // Their time is long, so that none ends by itself, and nobody else would be given a place before them.
    while stage.home.attempts_under_way() == 0 {
        tokio::task::yield_now().await;
    }
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    let mut ended = 0;
    for call in calls {
        ended += usize::from(call.await.is_err_and(|error| error.is_cancelled()));
    }
    let after = stage.call("echo", &[], "after").await.map(|story| story.text());
    format!("{ended} let go, {}", after.unwrap_or_else(|error| error.to_string()))
}
