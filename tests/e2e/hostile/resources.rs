//! Guests that want more than they may have: time, memory, handles, talk, work for the compiler.
//!
//! `given` says `limits KEYS` and `rule RULE` of the policy. `does`: `call GUEST` calls one of `tests/guests`; `loops
//! WHERE` one that never comes back from there; `holds WHAT` one that begins with so much; `answers KIND NUMBER` one that
//! claims to answer so much; `bomb WHAT NUMBER` installs a component of so many; `aborts NUMBER` lets go of so many calls
//! at once, half way. After each of them the same home answers somebody else, or that is what is seen.

use super::table::{Case, Table};
use crate::guests::stage::{Stage, policy};
use serde_json::{Value, json};
use std::sync::Arc;

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
    let guest = line.strip_prefix("call ").unwrap_or("echo");
    // Whoever comes afterwards has the limits of the house.
    let limits = format!("limits.any = {{ {limits} }}\nlimits.\"local:echo\" = {{ fuel = 100_000_000 }}");
    let stage = Arc::new(Stage::new(&policy(guest, &rules, &limits)));
    let words: Vec<&str> = line.split(' ').collect();
    let seen = match words.as_slice() {
        ["call", guest] => match stage.call(guest, &rules_as_asks(&rules), "").await {
            Ok(story) => story.ending(),
            Err(error) => error.to_string(),
        },
        ["loops", place] => hostile(&stage, &looping(place), json!({ "input": "x" })).await,
        ["holds", what] => hostile(&stage, &holding(what), json!({})).await,
        ["answers", kind, number] => hostile(&stage, &answering(kind, number), json!({})).await,
        ["bomb", what, number] => hostile(&stage, &bomb(what, number.parse().unwrap()), json!({})).await,
        ["aborts", number] => aborted(&stage, number.parse().unwrap()).await,
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

/// A guest asks for what its rule permits.
fn rules_as_asks<'r>(rules: &[&'r str]) -> Vec<&'r str> {
    rules.iter().map(|rule| rule.split_once(", ").map_or(*rule, |(kind, _)| kind)).collect()
}

/// What became of a call of a component's `run`.
async fn hostile(stage: &Stage, text: &str, arguments: Value) -> String {
    let bytes =
        wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{}", &text[..text.len().min(900)]));
    match stage.call_bytes("hostile.wasm", &bytes, "run", arguments).await {
        Ok(finished) => stage.story(&bytes, &finished).ending(),
        Err(error) => error.to_string(),
    }
}

const FOREVER: &str = "(loop $again (br $again))";

/// Everywhere the host calls the guest beside the function itself.
fn looping(place: &str) -> String {
    let (mut realloc, mut post) = ("(i32.const 64)", "");
    match place {
        "realloc" => realloc = "(loop $again (br $again)) (unreachable)",
        "post-return" => post = FOREVER,
        "destructor" => return destructor(),
        _ => panic!("no such place: {place}"),
    }
    format!(
        r#"(component
          (core module $m (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export "post") (param i32) {post})
            (func (export "run") (param i32 i32) (result i32) (i32.const 7)))
          (core instance $i (instantiate $m))
          (func (export "run") (param "input" string) (result u32)
            (canon lift (core func $i "run") (memory (core memory $i "memory"))
              (realloc (core func $i "realloc")) (post-return (core func $i "post")))))"#
    )
}

fn destructor() -> String {
    format!(
        r#"(component
          (core module $d (func (export "gone") (param i32) {FOREVER}))
          (core instance $d (instantiate $d))
          (type $thing (resource (rep i32) (dtor (core func $d "gone"))))
          (core func $new (canon resource.new $thing))
          (core func $drop (canon resource.drop $thing))
          (core module $m
            (import "own" "new" (func $new (param i32) (result i32)))
            (import "own" "drop" (func $drop (param i32)))
            (func (export "run") (param i32 i32) (result i32) (call $drop (call $new (i32.const 1))) (i32.const 7))
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
          (core instance $own (export "new" (func $new)) (export "drop" (func $drop)))
          (core instance $i (instantiate $m (with "own" (instance $own))))
          (func (export "run") (param "input" string) (result u32)
            (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    )
}

/// One that begins with so much, before it does anything.
fn holding(what: &str) -> String {
    let one = |inside: &str| format!("(core module {inside}) ");
    let modules = match what {
        // A page is 64 KiB: a hundred and twenty-nine are more than 8 MiB, a hundred less.
        "129-pages" => one("(memory 129)"),
        "100-pages" => one("(memory 100)"),
        "twice-65-pages" => one("(memory 65)").repeat(2),
        "four-gigabytes" => one("(memory 65536)"),
        _ => panic!("no such thing: {what}"),
    };
    let count = modules.matches("(core module").count();
    let instances: String =
        (0..count).map(|index| format!("(core instance (instantiate {index}))")).collect();
    format!(
        "(component {modules} {instances}
           (core module $m (func (export \"run\") (result i32) (i32.const 7)))
           (core instance $i (instantiate $m))
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    )
}

/// One that claims to answer so many of something, wherever they may be.
fn answering(kind: &str, number: &str) -> String {
    format!(
        r#"(component
          (core module $m (memory (export "memory") 4)
            (func (export "run") (result i32)
              (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const {number})) (i32.const 0)))
          (core instance $i (instantiate $m))
          (func (export "run") (result {kind})
            (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#,
        kind = if kind == "list" { "(list bool)" } else { "string" }
    )
}

/// A component of so many of something, made to keep a compiler busy.
fn bomb(what: &str, number: usize) -> String {
    let inside = match what {
        "bytes-in-a-function" => format!("(core module (func {}))", "nop ".repeat(number - 2)),
        "components" => "(component)".repeat(number - 1),
        "modules" => "(core module)".repeat(number),
        "functions" => format!("(core module {})", "(func)".repeat(number)),
        "exports" => {
            let exports: String = (0..number).map(|index| format!("(export \"{index}\" (func 0))")).collect();
            format!("(core module (func) {exports})")
        }
        "instances" => format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(number)),
        "megabytes" => format!("(core module (@custom \"x\" \"{}\"))", "x".repeat(number << 20)),
        _ => panic!("no such bomb: {what}"),
    };
    format!(
        "(component {inside}
           (core module $run (memory 1) (func (export \"run\") (result i32) (i32.const 7)))
           (core instance $i (instantiate $run))
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    )
}

/// More calls than the engine has places, each let go of while it is on its way.
async fn aborted(stage: &Arc<Stage>, number: usize) -> String {
    let call = |_| {
        let stage = Arc::clone(stage);
        tokio::spawn(async move { drop(stage.call("spins", &[], "").await) })
    };
    let calls: Vec<_> = (0..number).map(call).collect();
    // The first have begun once somebody else was answered between them.
    let between = stage.call("echo", &[], "between").await.map(|story| story.text());
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    let mut ended = 0;
    for call in calls {
        ended += usize::from(call.await.is_err_and(|error| error.is_cancelled()));
    }
    format!("{ended} let go, {}", between.unwrap_or_else(|error| error.to_string()))
}
