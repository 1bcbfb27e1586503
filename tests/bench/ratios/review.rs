//! How long a reviewer waits for a large component, and how soon a revocation ends what runs.

use crate::guests;
use crate::house;
use crate::table::{self, Goal};
use anyhow::{Context, Result, ensure};
use kapell_home::{Home, Options, Place, Revoking, Subject};
use kapell_journal::entry::RunEnding;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// The argument that asks for this group alone.
pub(crate) const GROUP: &str = "review";

const STOPS: usize = 5;
/// How long a review may take.
const REVIEW_MAX: Duration = Duration::from_secs(2);
/// How late a revocation may end an attempt.
const REVOKE_MAX: Duration = Duration::from_millis(100);

/// Work enough for a guest that spins until somebody stops it.
const POLICY: &str = "version = 1\n[limits.any]\nfuel = 9_000_000_000_000\ndeadline = \"60s\"\n";

/// Prints the group.
pub(crate) fn print() -> Result<()> {
    table::group("What people wait for");
    let large = guests::large()?;
    let (reviewed, megabytes) = (review(&large)?, large.len() / 1_000_000);
    against(&format!("review of a component of {megabytes} MB"), reviewed, REVIEW_MAX);
    let mut latest = Duration::ZERO;
    for _ in 0..STOPS {
        latest = latest.max(revoked()?);
    }
    against("latest end after a revocation by another process", latest, REVOKE_MAX);
    Ok(())
}

/// The ratio is to the longest that is allowed.
fn against(name: &str, took: Duration, most: Duration) {
    table::against(name, &table::time(took), took.as_secs_f64() / most.as_secs_f64(), Goal::AtMost(1.0));
}

fn open(folder: &Path) -> Result<Home> {
    let compiler = Some(house::compiler());
    Ok(Home::open(Place::at(folder)?, Options { user: USER.into(), compiler, ..Options::default() })?)
}

const USER: &str = "user:bench";

fn review(large: &[u8]) -> Result<Duration> {
    let folder = house::folder()?;
    let home = open(folder.path())?;
    let began = Instant::now();
    let review = home.review(Subject::File(Path::new("large.wasm"), large), None)?;
    let took = began.elapsed();
    ensure!(review.operations.len() == 1, "it has one operation");
    Ok(took)
}

/// A call that never ends by itself, in one open home, and its skill revoked through another.
fn revoked() -> Result<Duration> {
    let folder = house::folder()?;
    fs::write(folder.path().join("policy.toml"), POLICY)?;
    let (home, other) = (open(folder.path())?, open(folder.path())?);
    let added = home.add(Path::new("spin.wasm"), &guests::spin()?, USER)?;
    let skill = home.skill(added.skill.pin.name.as_str())?;
    let tokio = Builder::new_multi_thread().enable_all().build()?;
    let revoking =
        Revoking { name: skill.pin.name.to_string(), version: None, by: USER.into(), reason: None };
    tokio.block_on(async {
        let running = home.call(skill, "run", json!({ "rounds": 1 }), USER);
        let revoke = async {
            while home.attempts_under_way() == 0 {
                tokio::task::yield_now().await;
            }
            other.revoke(&revoking).map(|_| Instant::now())
        };
        let (finished, at) = tokio::join!(running, revoke);
        let ended = finished?.standing.state.ended.context("the run is over")?;
        ensure!(ended.state == RunEnding::Refused, "it ended as {:?}", ended.state);
        Ok(at?.elapsed())
    })
}
