//! The fourth beat: the demo kills its own child between two steps, with no time to say goodbye, and goes on.

use super::record::{self, must_be_done, of_step, word};
use super::scene::{RECEIVED, Scene, surprise};
use anyhow::Context as _;
use kapell_home::Finished;
use kapell_journal::entry::{Body, Entry};
use kapell_journal::fold::RunState;
use kapell_model::writes::WriteSummary;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};

/// The step after whose ending the child is killed.
const LAST: &str = "account";

pub(super) async fn beat(scene: &mut Scene) -> anyhow::Result<()> {
    scene.page.beat("kill -9 between two steps, and on");
    let killed = tokio::task::block_in_place(|| drive_and_kill(scene))?;
    let run = &killed.last.run;
    scene.page.line(&format!(
        "process {} drove {run} and was killed when entry {}, the end of {LAST}, was durable: {}",
        killed.process, killed.last.seq, killed.status
    ));
    let left = scene.session.home.standing(run)?.state;
    let open = left.open.as_ref().map(|it| format!("{} had begun and not ended", it.step));
    let held = scene.session.home.entries(run)?.len();
    let open = open.unwrap_or_else(|| "no step was open".into());
    scene.page.line(&format!("its journal holds {held} entries; {open}"));
    let finished = scene.session.home.resume(run).await?;
    must_be_done(&finished)?;
    tell(scene, &finished)
}

/// What the journal says of the run, from both processes.
fn tell(scene: &mut Scene, finished: &Finished) -> anyhow::Result<()> {
    let state = &finished.standing.state;
    let entries = scene.session.home.entries(&state.run)?;
    let resumed = record::count(&entries, |body| matches!(body, Body::RunResumed { .. }));
    let letter = of_step(&entries, "letter")
        .iter()
        .map(|it| format!("try {} {}", it.started.attempt, word(it)))
        .collect::<Vec<_>>();
    scene.page.line(&format!(
        "resumed {resumed} time by process {}: letter {}; {}",
        std::process::id(),
        letter.join(", "),
        state.word()
    ));
    made_once(scene, state, &entries)
}

/// One write of one key, which was not there before.
fn made_once(scene: &mut Scene, state: &RunState, entries: &[Entry]) -> anyhow::Result<()> {
    let keys: Vec<_> = record::written(entries)
        .into_iter()
        .filter(|(_, write)| matches!(write, WriteSummary::Key { .. }))
        .collect();
    let [(entry, write @ WriteSummary::Key { key, .. })] = keys.as_slice() else {
        return Err(surprise(format!(
            "{} should have made one account and wrote {} keys",
            state.run,
            keys.len()
        )));
    };
    if !was_absent(entry, key) {
        return Err(surprise(format!("{} wrote over an account that was there", state.run)));
    }
    let tries = of_step(entries, LAST).len();
    let words = record::write_words(write, scene.root());
    scene.page.line(&format!(
        "the account was made once: {tries} try, entry {} wrote {words}, absent before",
        entry.seq
    ));
    Ok(())
}

/// Whether the attempt had looked for the key and not found it.
fn was_absent(entry: &Entry, key: &str) -> bool {
    let Body::AttemptEnded(ended) = &entry.body else { return false };
    ended.seen.iter().any(|seen| seen.key == *key && seen.version == 0)
}

/// A child that was killed, and the last entry it is known to have written.
struct Killed {
    process: u32,
    last: Entry,
    status: ExitStatus,
}

fn drive_and_kill(scene: &Scene) -> anyhow::Result<Killed> {
    let mut driver = Driver::start(scene)?;
    let last = driver.follow_to(LAST)?;
    let (process, status) = (driver.0.id(), driver.kill()?);
    Ok(Killed { process, last, status })
}

/// The child, which does not outlive this value.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // A child that has ended already is what is wanted.
        let _ = self.kill();
    }
}

impl Driver {
    fn start(scene: &Scene) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        let contract = format!("contract=@{}", scene.root().join("contracts/elm-standard.md").display());
        let mut command = Command::new(program);
        command.arg("--home").arg(scene.root()).args(["--as", &scene.session.user, "demo-child"]);
        command.arg(scene.root().join("onboarding.yaml")).args([
            "-i",
            &contract,
            "-i",
            &format!("received={RECEIVED}"),
        ]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Ok(Self(child.context("start a process for the run")?))
    }

    /// Lets the child go on entry by entry up to the ending of that step.
    fn follow_to(&mut self, step: &str) -> anyhow::Result<Entry> {
        let stdout = self.0.stdout.take().context("the child has no output")?;
        let mut stdin = self.0.stdin.take().context("the child has no input")?;
        for line in BufReader::new(stdout).lines() {
            let entry: Entry =
                serde_json::from_str(&line.context("read what the child did")?).context("read an entry")?;
            if matches!(&entry.body, Body::AttemptEnded(ended) if ended.step.as_str() == step) {
                return Ok(entry);
            }
            writeln!(stdin).context("let the child go on")?;
        }
        Err(surprise(format!("the child ended before {step} did")))
    }

    /// SIGKILL, and the status the system then tells.
    fn kill(&mut self) -> std::io::Result<ExitStatus> {
        self.0.kill()?;
        self.0.wait()
    }
}
