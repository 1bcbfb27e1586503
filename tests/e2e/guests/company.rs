//! Attempts side by side: a guest that knows no end takes nothing from the others, and anybody can be stopped.

use super::stage::{Stage, bare, policy};
use kapell_home::{Known, Watcher};
use kapell_journal::entry::{Body, Entry, RunEnding};
use kapell_journal::fold::RunState;
use kapell_model::id::RunId;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Fuel that no deadline here can see the end of.
const TIRELESS: &str = "fuel = 900_000_000_000_000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spinning_guests_on_every_worker_leave_the_others_their_turn() {
    let limits = format!("limits.\"local:spins\" = {{ {TIRELESS}, deadline = \"6s\" }}");
    let stage = Arc::new(Stage::new(&policy("echo", &[], &limits)));
    let spinning = Arc::new(AtomicBool::new(true));
    let spinners: Vec<_> = (0..4)
        .map(|_| {
            let (stage, spinning) = (Arc::clone(&stage), Arc::clone(&spinning));
            tokio::spawn(async move {
                let story = stage.call("spins", &[], "").await.unwrap();
                spinning.store(false, Ordering::SeqCst);
                story.text()
            })
        })
        .collect();
    for turn in 0..5 {
        let input = format!("turn {turn}");
        let echo = {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.call("echo", &[], &input).await.unwrap().text() })
        };
        assert_eq!(echo.await.unwrap(), format!("output: turn {turn}"));
        assert!(spinning.load(Ordering::SeqCst), "the others had to wait for the spinning ones");
    }
    for spinner in spinners {
        assert_eq!(spinner.await.unwrap(), "trap deadline set by policy: not done within 6 s");
    }
}

/// Tells each run that has begun an attempt.
struct Begun(UnboundedSender<RunId>);

impl Watcher for Begun {
    fn saw(&self, entry: &Entry, _: &RunState, _: &Known) {
        if matches!(entry.body, Body::AttemptStarted(_)) {
            // Nobody listens any more once the one run is known.
            let _ = self.0.send(entry.run.clone());
        }
    }
}

/// Working or asleep in a call to the host: who is cancelled ends, and its run with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_ends_a_guest_that_works_and_one_that_sleeps() {
    for (guest, asks, rules) in [
        ("spins", &[][..], &[][..]),
        ("sleeps", &[r#"kind = "clock""#][..], &[r#"kind = "clock", resolution = "1s""#][..]),
    ] {
        let (begun, mut runs) = unbounded_channel();
        let limits = format!("limits.any = {{ {TIRELESS}, deadline = \"1h\" }}");
        let stage = Arc::new(Stage::watched(&policy(guest, rules, &limits), Arc::new(Begun(begun))));
        let call = {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.call(guest, asks, "").await.unwrap() })
        };
        let run = runs.recv().await.unwrap();
        // By the time another call is through, the guest is at work or asleep.
        assert_eq!(stage.call("echo", &[], "meanwhile").await.unwrap().text(), "output: meanwhile");
        let stopped = stage.home.cancel(&run, "user:ada", "enough").await.unwrap();
        let state = &stopped.standing.state;
        assert_eq!(state.cancel, Some(("user:ada".into(), "enough".into())), "{guest}");
        assert_eq!(state.ended.as_ref().unwrap().state, RunEnding::Cancelled, "{guest}");
        let story = call.await.unwrap();
        assert_eq!((story.text().as_str(), story.ended), ("cancelled", RunEnding::Cancelled), "{guest}");
    }
}

/// As many calls at once as it takes for the pool's places to be used again, all of them right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_each_get_their_own_answer() {
    let stage = Arc::new(Stage::new(&policy("echo", &[], "")));
    let calls: Vec<_> = (0..64)
        .map(|number| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move {
                let input = json!({ "input": format!("call {number}") });
                let call = stage.call_bytes("echo.wasm", bare("echo"), "run", input);
                call.await.unwrap().output.unwrap()
            })
        })
        .collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), json!({ "output": format!("call {number}") }));
    }
}
