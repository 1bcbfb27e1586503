//! The fifth beat: a newer version of a skill is added while a run waits. Runs that begin take it; the one that
//! waits keeps the bytes it began with.

use super::record::{must_be_done, of_step};
use super::scene::{Scene, surprise};
use kapell_home::{Finished, Reply, Said};
use kapell_journal::entry::BlobRef;
use kapell_model::id::RunId;
use kapell_report::log;

/// The step whose skill is swapped.
const STEP: &str = "letter";
/// Says yes in the viewer's place, so that the waiting run comes to the step.
const BY: &str = "user:demo";

pub(super) async fn beat(scene: &mut Scene) -> anyhow::Result<()> {
    scene.page.beat("A newer specialist comes while a run waits");
    let waiting = scene.onboard("birch-changed.md").await?.standing.state;
    let add = scene.install_newer()?;
    let before =
        add.before.ok_or_else(|| surprise("the newer version should take another's place".into()))?;
    scene.page.line(&format!(
        "{} is {}; added {} in place of {before}",
        waiting.run,
        waiting.word(),
        log::pin(&add.skill.pin)
    ));
    let new = scene.onboard("acme-standard.md").await?;
    must_be_done(&new)?;
    let old = approve(scene, &waiting.run).await?;
    must_be_done(&old)?;
    scene.page.line(&format!("{BY} then says yes to {}; from the two logs:", waiting.run));
    let digests = [tell(scene, &old)?, tell(scene, &new)?];
    match digests {
        [old, new] if old != new => Ok(()),
        _ => Err(surprise("both runs should have run other bytes and ran the same".into())),
    }
}

async fn approve(scene: &Scene, run: &RunId) -> anyhow::Result<Finished> {
    let reason = Some("the demo says yes in your place".into());
    let reply = Reply { said: Said::Approve, shown: None, by: BY.into(), reason, minutes: None };
    Ok(scene.session.home.answer(run, reply).await?)
}

/// The line of a run's log in which the step begins, and the digest it names.
fn tell(scene: &mut Scene, finished: &Finished) -> anyhow::Result<String> {
    let run = &finished.standing.state.run;
    let entries = scene.session.home.entries(run)?;
    let attempt =
        of_step(&entries, STEP).pop().ok_or_else(|| surprise(format!("{run} should have come to {STEP}")))?;
    let begun = entries.iter().find(|entry| {
        matches!(&entry.body, kapell_journal::entry::Body::AttemptStarted(it) if **it == *attempt.started)
    });
    let values = |named: &BlobRef| scene.session.home.value(run, named);
    let line = begun.map(|entry| log::line(entry, &values)).unwrap_or_default();
    scene.page.line(&format!("{run}  {}", line.trim_start()));
    Ok(attempt.started.skill.component.to_string())
}
