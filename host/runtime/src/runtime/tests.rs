//! Whole attempts of small components: each limit at its edge, each ending, each with its permitted twin.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed assumption must fail the test")]

use super::*;
use crate::capability::files::Walk;
use kapell_model::ending::TrapCause;
use kapell_model::grant::{Authority, Grant};
use kapell_model::limits::{EffectiveLimits, LimitOrigin, Limits, WishedLimits};
use kapell_model::plan::{Effects, SkillPin};
use kapell_model::quantity::{Bytes, Span, Timestamp};
use serde_json::{Value, json};

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

struct Empty;

impl KeyvalueReads for Empty {
    fn get(&self, _: &str, _: &str) -> Result<Option<(Vec<u8>, u64)>, HostFault> {
        Ok(None)
    }

    fn keys(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, HostFault> {
        Ok(Vec::new())
    }
}

/// A runtime with one component installed, and a job for its operation `run`.
struct Stage {
    _folder: tempfile::TempDir,
    runtime: Runtime,
    job: Job,
}

fn started(folder: &tempfile::TempDir, components: impl Components) -> Runtime {
    let config = RuntimeConfig {
        cache: folder.path().join("compiled"),
        keyvalue: Arc::new(Empty),
        egress: crate::capability::testing::Scripted::nobody(),
        clock: Arc::new(Still),
        components: Arc::new(components),
        walk: Walk::here(),
        // What the tests wrote themselves.
        compiler: Compiler::Here(Arc::new(|_| true)),
    };
    Runtime::new(config).unwrap()
}

fn missing(digest: &Digest) -> Result<Vec<u8>, HostFault> {
    Err(HostFault { doing: format!("find {digest}"), cause: "there is none".into() })
}

fn stage(component: &str) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let runtime = started(&folder, missing);
    let installed = runtime.install(&wat::parse_str(component).unwrap(), |_| {}).unwrap();
    let job = Job {
        run: "test-1".parse().unwrap(),
        flow: "test".parse().unwrap(),
        step: "step".parse().unwrap(),
        skill: SkillPin {
            name: "test:skill".parse().unwrap(),
            version: semver::Version::new(1, 0, 0),
            component: installed.digest,
        },
        operation: installed.operations.into_iter().find(|it| it.name == "run").unwrap().into(),
        arguments: Arc::new(json!({})),
        grants: Arc::default(),
        grant: GrantSet::default().digest(),
        limits: EffectiveLimits::smallest(
            &WishedLimits::default(),
            &WishedLimits::default(),
            &WishedLimits::default(),
        ),
        effects: Effects::None,
        idempotency_key: None,
        cancel: Cancel::default(),
    };
    Stage { _folder: folder, runtime, job }
}

impl Stage {
    fn on(mut self, arguments: Value) -> Self {
        self.job.arguments = Arc::new(arguments);
        self
    }

    fn limited(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.job.limits.limits);
        self
    }

    fn granted(mut self, authority: Authority) -> Self {
        let grant = Grant { name: "it".parse().unwrap(), rule: "rule".parse().unwrap(), authority };
        self.job.grants = Arc::new(GrantSet::of(vec![grant]));
        self
    }

    fn inert(mut self, interface: &str) -> Self {
        self.job.grants = Arc::new(GrantSet { inert: vec![interface.into()], ..GrantSet::default() });
        self
    }

    async fn run(&self) -> Attempt {
        self.runtime.perform(self.job.clone()).await.unwrap()
    }

    /// The ending in a word: the output, or the cause.
    async fn told(&self) -> String {
        match self.run().await.ending {
            Ending::Output(value) => value.to_string(),
            Ending::SkillError(value) => format!("error {value}"),
            Ending::Refusal(refusal) => format!("refused {refusal}"),
            Ending::Trap(trap) => trap.cause.word().into(),
            Ending::Cancelled => "cancelled".into(),
        }
    }
}

/// A component with `run: func() -> u32` over a core function of this body; `before` stands beside it.
fn number(before: &str, body: &str) -> String {
    format!(
        "(component
           (core module $m {before} (func (export \"run\") (result i32) {body}))
           (core instance $i (instantiate $m))
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    )
}

/// A component with `run: func(input: string) -> string` that answers its input.
const ECHO: &str = r#"(component
  (core module $m
    (memory (export "memory") 40)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $free)
      (global.set $free (i32.add (global.get $free) (local.get 3))))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 8) (local.get 0))
      (i32.store (i32.const 12) (local.get 1))
      (i32.const 8)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "input" string) (result string)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#;

const LOOP: &str = "(loop $again (br_if $again (i32.const 1))) (unreachable)";

#[tokio::test]
async fn an_answer_leaves_an_output_and_what_it_used() {
    let attempt = stage(ECHO).on(json!({ "input": "héllo" })).run().await;
    assert_eq!(attempt.ending, Ending::Output(json!("héllo")));
    assert_eq!((attempt.meters.bytes_in, attempt.meters.bytes_out), (6, 6));
    assert_eq!(attempt.meters.memory_peak, 40 << 16);
    assert!(attempt.meters.fuel > 0);
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused_before_anything_runs() {
    let attempt = stage(ECHO).on(json!({ "input": 1 })).run().await;
    assert!(matches!(attempt.ending, Ending::Refusal(_)), "{:?}", attempt.ending);
    assert_eq!(attempt.meters.fuel, 0);
}

#[tokio::test]
async fn the_same_bytes_on_the_same_input_burn_the_same() {
    let spent = async |input: &str| stage(ECHO).on(json!({ "input": input })).run().await.meters.fuel;
    assert_eq!(spent("some words").await, spent("some words").await);
}

/// Counts down from a thousand, so that there are loop heads at which the engine looks.
const COUNTS: &str = "(local $left i32) (local.set $left (i32.const 1000))
    (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 7)";

#[tokio::test]
async fn fuel_is_exact_to_the_unit() {
    let spent = stage(&number("", COUNTS)).run().await.meters.fuel;
    assert!(spent > 1000);
    let with = async |fuel| stage(&number("", COUNTS)).limited(|limits| limits.fuel = fuel).run().await;
    assert_eq!(with(spent + 1).await.ending, Ending::Output(json!(7)));
    assert_eq!(with(spent).await.ending, Ending::Output(json!(7)));
    let stopped = with(spent - 1).await;
    let Ending::Trap(trap) = stopped.ending else { panic!("{:?}", stopped.ending) };
    assert_eq!((trap.cause, trap.origin), (TrapCause::Fuel, Some(LimitOrigin::Default)));
    assert_eq!(stopped.meters.fuel, spent - 1);
}

#[tokio::test]
async fn a_start_function_pays_too() {
    let guest = number(&format!("(func $start {LOOP}) (start $start)"), "(i32.const 1)");
    assert_eq!(stage(&guest).limited(|limits| limits.fuel = 100_000).told().await, "fuel");
}

#[tokio::test]
async fn memory_is_limited_in_sum_over_all_memories_and_tables() {
    // Two modules with a page each, and a table of 100 elements of 16 bytes.
    let guest = r#"(component
        (core module $other (memory 1) (table 100 funcref))
        (core instance (instantiate $other))
        (core module $m (memory 1) (func (export "run") (result i32)
          (i32.eq (memory.grow (i32.const 1)) (i32.const 1))))
        (core instance $i (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
    let all = 3 * 65_536 + 1_600;
    let with = async |memory| stage(guest).limited(|limits| limits.memory = Bytes(memory)).run().await;
    let whole = with(all).await;
    assert_eq!((whole.ending, whole.meters.memory_peak), (Ending::Output(json!(1)), all));
    // Growing beyond it, and beginning beyond it.
    for too_little in [all - 1, 2 * 65_536, 65_536] {
        let stopped = with(too_little).await;
        assert!(
            matches!(&stopped.ending, Ending::Trap(trap) if trap.cause == TrapCause::Memory),
            "{:?}",
            stopped.ending
        );
        assert!(stopped.meters.memory_peak <= too_little);
    }
}

#[tokio::test]
async fn growing_costs_by_the_page() {
    let spent = async |pages: u32| {
        let grows = format!("(memory.grow (i32.const {pages}))");
        stage(&number("(memory 1)", &grows)).run().await.meters.fuel
    };
    assert_eq!(spent(3).await - spent(0).await, 3 * 255);
}

#[tokio::test]
async fn every_nan_has_the_same_bits() {
    let adds = "(i32.reinterpret_f32 (f32.add (f32.const nan:0x200001) (global.get $one)))";
    let guest = stage(&number("(global $one (mut f32) (f32.const 1))", adds));
    assert_eq!(guest.told().await, 0x7fc0_0000_u32.to_string());
}

#[tokio::test]
async fn a_spinning_guest_is_stopped_at_its_deadline() {
    let guest = stage(&number("", LOOP)).limited(|limits| {
        limits.fuel = u64::from(u32::MAX) << 20;
        limits.deadline = Span(20);
    });
    let attempt = guest.run().await;
    assert!(matches!(&attempt.ending, Ending::Trap(trap) if trap.cause == TrapCause::Deadline));
    assert!(attempt.meters.wall_micros >= 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_stops_a_spinning_guest_and_one_that_has_not_begun() {
    let guest = stage(&number("", LOOP)).limited(|limits| {
        limits.fuel = u64::from(u32::MAX) << 20;
        limits.deadline = Span(10_000);
    });
    let cancel = guest.job.cancel.clone();
    let running = tokio::spawn(async move { (guest.told().await, guest.told().await) });
    tokio::task::yield_now().await;
    cancel.raise();
    assert_eq!(running.await.unwrap(), ("cancelled".into(), "cancelled".into()));
}

#[tokio::test]
async fn deep_recursion_and_a_crash_are_told_apart() {
    let deep = number("(func $deep (call $deep) (call $deep))", "(call $deep) (i32.const 1)");
    assert_eq!(stage(&deep).told().await, "stack");
    assert_eq!(stage(&number("", "(unreachable)")).told().await, "crash");
    let outside = number("(memory 1)", "(i32.load (i32.const -1))");
    assert_eq!(stage(&outside).told().await, "crash");
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_the_limit_and_no_larger() {
    let with = async |output| {
        let guest = stage(ECHO).on(json!({ "input": "x".repeat(100) }));
        guest.limited(|limits| limits.output = Bytes(output)).told().await
    };
    assert_ne!(with(101).await, "output");
    assert_ne!(with(100).await, "output");
    assert_eq!(with(99).await, "output");
}

/// Fifty truths cross in fifty bytes, and each is written in five.
#[tokio::test]
async fn an_answer_may_be_as_large_as_json_as_the_limit_and_no_larger() {
    let guest = r#"(component
      (core module $m
        (memory (export "memory") 1)
        (func (export "run") (result i32)
          (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 50)) (i32.const 0)))
      (core instance $i (instantiate $m))
      (func (export "run") (result (list bool))
        (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#;
    // With commas between them, in brackets.
    let text = 50 * 5 + 49 + 2;
    let with = async |output| stage(guest).limited(|limits| limits.output = Bytes(output)).run().await;
    for enough in [text + 1, text] {
        let attempt = with(enough).await;
        assert!(matches!(attempt.ending, Ending::Output(_)), "{:?}", attempt.ending);
        assert_eq!(attempt.meters.bytes_out, 50);
    }
    let Ending::Trap(trap) = with(text - 1).await.ending else { panic!("it was let through") };
    assert_eq!(trap.cause, TrapCause::Output);
    assert_eq!(trap.detail, format!("as JSON it has more bytes than the limit of {}", text - 1));
}

#[tokio::test]
async fn each_attempt_has_a_store_of_its_own() {
    let guest = stage(&number(
        "(global $runs (mut i32) (i32.const 0))",
        "(global.set $runs (i32.add (global.get $runs) (i32.const 1))) (global.get $runs)",
    ));
    assert_eq!((guest.told().await, guest.told().await), ("1".into(), "1".into()));
}

/// Waits for an hour and answers 1; `before` runs first, over `wait`, which makes a pollable, and `block`.
fn sleeper(before: &str, after: &str) -> String {
    format!(
        r#"(component
          (import "wasi:io/poll@0.2.0" (instance $poll
            (export "pollable" (type $pollable (sub resource)))
            (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
          (alias export $poll "pollable" (type $pollable))
          (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
            (alias outer 1 $pollable (type $shared))
            (export "pollable" (type $p (eq $shared)))
            (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
          (core func $wait (canon lower (func $clock "subscribe-duration")))
          (core func $block (canon lower (func $poll "[method]pollable.block")))
          (core module $m
            (import "host" "wait" (func $wait (param i64) (result i32)))
            (import "host" "block" (func $block (param i32)))
            (func (export "run") (result i32) {before}
              (call $block (call $wait (i64.const 3600000000000))) {after} (i32.const 1)))
          (core instance $host (export "wait" (func $wait)) (export "block" (func $block)))
          (core instance $i (instantiate $m (with "host" (instance $host))))
          (func (export "run") (result u32) (canon lift (core func $i "run"))))"#
    )
}

fn real_clock() -> Authority {
    Authority::Clock { resolution: Span(1) }
}

#[tokio::test]
async fn a_guest_that_sleeps_in_a_host_call_is_stopped_at_its_deadline() {
    let guest = stage(&sleeper("", "")).granted(real_clock()).limited(|limits| limits.deadline = Span(20));
    // A task of its own, so that the test's own timer can't be what wakes it.
    let running = tokio::spawn(async move { guest.told().await });
    let told = tokio::time::timeout(std::time::Duration::from_secs(30), running).await;
    assert_eq!(told.unwrap().unwrap(), "deadline");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_sleeps_in_a_host_call_is_woken_by_a_cancel() {
    let guest =
        stage(&sleeper("", "")).granted(real_clock()).limited(|limits| limits.deadline = Span(10_000));
    let cancel = guest.job.cancel.clone();
    let running = tokio::spawn(async move { guest.told().await });
    tokio::task::yield_now().await;
    cancel.raise();
    assert_eq!(running.await.unwrap(), "cancelled");
}

#[tokio::test]
async fn with_an_inert_clock_waiting_is_over_at_once() {
    let attempt = stage(&sleeper("", "")).run().await;
    assert_eq!(attempt.ending, Ending::Output(json!(1)));
    assert_eq!(attempt.meters.crossings, [("inert".to_owned(), 1), ("io".to_owned(), 1)].into());
}

#[tokio::test]
async fn host_calls_are_limited_whoever_answers_them() {
    let with = async |calls| stage(&sleeper("", "")).limited(|limits| limits.host_calls = calls).told().await;
    assert_eq!((with(3).await, with(2).await, with(1).await), ("1".into(), "1".into(), "host-calls".into()));
}

#[tokio::test]
async fn handles_are_limited() {
    // Three waits that are never given back, then the one of the sleeper, which is lent once more to be waited for.
    let spray = "(drop (call $wait (i64.const 0)))".repeat(3);
    let with =
        async |handles| stage(&sleeper(&spray, "")).limited(|limits| limits.handles = handles).told().await;
    assert_eq!((with(6).await, with(5).await, with(4).await), ("1".into(), "1".into(), "handles".into()));
}

/// Calls one of two functions of an interface nobody here knows: one that can say no, one that can't.
const FOREIGN: &str = r#"(component
  (import "acme:crm/customers@1.0.0" (instance $crm
    (type $code' (enum "busy" "access-denied"))
    (export "code" (type $code (eq $code')))
    (export "save" (func (result (result (error $code)))))
    (export "count" (func (result u32)))))
  (core func $count (canon lower (func $crm "count")))
  (core module $memory (memory (export "memory") 1))
  (core instance $shared (instantiate $memory))
  (core func $save-to (canon lower (func $crm "save") (memory (core memory $shared "memory"))))
  (core module $calls
    (import "host" "save" (func $save (param i32)))
    (import "host" "count" (func $count (result i32)))
    (import "host" "memory" (memory 1))
    (func (export "run") (param $really i32) (result i32)
      (if (result i32) (local.get $really)
        (then (call $count))
        (else
          (call $save (i32.const 16))
          (i32.add (i32.mul (i32.load8_u (i32.const 16)) (i32.const 10)) (i32.load8_u (i32.const 17)))))))
  (alias core export $shared "memory" (core memory $kept))
  (core instance $host
    (export "save" (func $save-to)) (export "count" (func $count)) (export "memory" (memory $kept)))
  (core instance $i (instantiate $calls (with "host" (instance $host))))
  (func (export "run") (param "count" bool) (result u32) (canon lift (core func $i "run"))))"#;

#[tokio::test]
async fn an_import_nobody_grants_is_refused_before_anything_runs() {
    let attempt = stage(FOREIGN).on(json!({ "count": false })).run().await;
    let Ending::Refusal(refusal) = attempt.ending else { panic!("{:?}", attempt.ending) };
    assert_eq!(refusal.subject, "acme:crm/customers@1.0.0");
    assert_eq!(attempt.meters.fuel, 0);
}

#[tokio::test]
async fn an_inert_interface_says_no_where_it_can_and_ends_the_guest_where_not() {
    // The error case, and of its enum the second: access-denied.
    let no = stage(FOREIGN).on(json!({ "count": false })).inert("acme:crm");
    let answered = no.run().await;
    assert_eq!(answered.ending, Ending::Output(json!(11)));
    assert_eq!(answered.meters.crossings, [("inert".to_owned(), 1)].into());
    let attempt = stage(FOREIGN).on(json!({ "count": true })).inert("acme:crm").run().await;
    let Ending::Trap(trap) = attempt.ending else { panic!("{:?}", attempt.ending) };
    assert_eq!(trap.cause, TrapCause::Inert);
    assert_eq!(trap.detail, "acme:crm/customers@1.0.0#count is inert and has no empty answer");
}

#[tokio::test]
async fn a_linking_serves_only_the_grants_it_was_made_for() {
    let mut guest = stage(FOREIGN).on(json!({ "count": false })).inert("acme:crm");
    assert_eq!(guest.told().await, "11");
    guest.job.grants = Arc::default();
    assert!(guest.told().await.starts_with("refused"));
}

#[test]
fn a_component_is_compiled_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = wat::parse_str(ECHO).unwrap();
    let compiled = |runtime: &Runtime| {
        let mut compiled = false;
        runtime.install(&bytes, |_| compiled = true).unwrap();
        compiled
    };
    assert!(compiled(&started(&folder, missing)));
    assert!(!compiled(&started(&folder, missing)));
}

#[test]
fn a_component_that_many_bring_at_once_is_compiled_once() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = started(&folder, missing);
    let bytes = wat::parse_str(ECHO).unwrap();
    let compiled = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let count = |_: &Inspection| {
                    compiled.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                };
                runtime.install(&bytes, count).unwrap();
            });
        }
    });
    assert_eq!(compiled.into_inner(), 1);
}

#[tokio::test]
async fn without_a_compiled_form_it_is_made_again_from_the_very_bytes() {
    let mut guest = stage(ECHO).on(json!({ "input": "x" }));
    let other = tempfile::tempdir().unwrap();
    guest.runtime = started(&other, |_: &Digest| Ok(wat::parse_str(ECHO).unwrap()));
    assert_eq!(guest.told().await, "\"x\"");
    // Bytes of another digest are not the skill.
    let third = tempfile::tempdir().unwrap();
    guest.runtime = started(&third, |_: &Digest| Ok(wat::parse_str("(component)").unwrap()));
    let fault = guest.runtime.perform(guest.job.clone()).await.unwrap_err();
    assert!(fault.cause.contains("the stored bytes are"), "{fault}");
}

#[test]
fn what_the_engine_does_not_take_is_refused_at_install() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = started(&folder, missing);
    let refused = |module: &str| {
        let bytes =
            wat::parse_str(format!("(component (core module $m {module}) (core instance (instantiate $m)))"))
                .unwrap();
        matches!(runtime.install(&bytes, |_| {}), Err(InstallError::Compile(CompileError::Invalid { .. })))
    };
    assert!(!refused("(memory 1)"));
    for module in [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(tag)",
        "(type (struct))",
        "(func (param v128) (result v128) local.get 0 i32x4.relaxed_trunc_f32x4_s)",
        "(table 20001 funcref)",
        &"(memory 1)".repeat(5),
        &"(table 1 funcref)".repeat(17),
    ] {
        assert!(refused(module), "{module}");
    }
}

#[tokio::test]
async fn an_attempt_that_waits_for_a_place_is_cancelled_there() {
    let stage = stage(&number("", "i32.const 7"));
    let _all = stage.runtime.0.places.acquire_many(ATTEMPTS_AT_ONCE).await.unwrap();
    let mut waiting = pin!(stage.told());
    let still = std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending()));
    assert!(still.await);
    stage.job.cancel.raise();
    let patience = std::time::Duration::from_secs(5);
    assert_eq!(tokio::time::timeout(patience, waiting).await.unwrap(), "cancelled");
}

/// Ten thousand attempts at once, each let go of: at work, asleep in a call, or still waiting for a place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_are_let_go_of_give_everything_back() {
    let long = |guest: Stage| guest.limited(|limits| limits.deadline = Span(3_600_000));
    let spins = long(stage(&number("", "(loop $again (br $again)) (unreachable)")))
        .limited(|limits| limits.fuel = u64::MAX >> 1);
    let sleeps = long(stage(&sleeper("", "")).granted(real_clock()));
    for guest in [spins, sleeps] {
        let attempt = |_| {
            let (runtime, job) = (guest.runtime.clone(), guest.job.clone());
            tokio::spawn(async move { drop(runtime.perform(job).await) })
        };
        let attempts: Vec<_> = (0..5_000).map(attempt).collect();
        while guest.runtime.under_way() < ATTEMPTS_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        attempts.iter().for_each(tokio::task::JoinHandle::abort);
        for attempt in attempts {
            assert!(attempt.await.is_err_and(|error| error.is_cancelled()));
        }
        assert_eq!(guest.runtime.under_way(), 0);
        let pool = guest.runtime.0.engine.pooling_allocator_metrics().unwrap();
        let held = [pool.component_instances(), pool.core_instances(), pool.stacks() as u64];
        assert_eq!((held, pool.memories(), pool.tables()), ([0; 3], 0, 0));
    }
}
