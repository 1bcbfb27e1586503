//! The second beat: a contract with one clause changed runs up to that clause, and asks.

use super::record::output;
use super::scene::{Scene, surprise};
use crate::commands::run::{converse, next_commands};
use kapell_home::{Finished, Gate};
use kapell_report::plain::{line, short};
use serde_json::Value;
use std::time::Instant;

pub(super) async fn beat(scene: &mut Scene) -> anyhow::Result<()> {
    scene.page.beat("A contract with a changed clause stops at that clause");
    let finished = scene.onboard("dune-one-clause.md").await?;
    let run = finished.standing.state.run.clone();
    let gate =
        scene.session.home.gate(&run)?.ok_or_else(|| surprise(format!("{run} should ask and does not")))?;
    let terms = output(&scene.session.home, &scene.session.home.entries(&run)?, "terms");
    let summary =
        terms.as_ref().and_then(|terms| terms.get("summary")).and_then(Value::as_str).unwrap_or_default();
    scene.page.line(&format!("{run}: {}", short(summary, 110)));
    match scene.may_ask() {
        true => ask(scene, finished).await,
        false => leave(scene, &finished, &gate),
    }
}

/// The viewer is the person.
async fn ask(scene: &mut Scene, finished: Finished) -> anyhow::Result<()> {
    let began = Instant::now();
    let finished = converse(&scene.session, finished).await?;
    scene.asked += began.elapsed();
    let state = &finished.standing.state;
    scene.page.line(&format!("{} is {}", state.run, state.word()));
    if state.ended.is_none() {
        commands(scene, &finished);
    }
    Ok(())
}

/// Nobody sits there: the question is told, and stays.
fn leave(scene: &mut Scene, finished: &Finished, gate: &Gate) -> anyhow::Result<()> {
    let clauses = gate.shown.pointer("/show/terms").and_then(Value::as_array);
    let clauses =
        clauses.ok_or_else(|| surprise(format!("{} should show clauses and does not", gate.run)))?;
    scene.page.line(&format!("{} is asked: {}", gate.open.asked.role, line(&gate.open.asked.text)));
    for clause in clauses {
        let field = |name: &str| line(clause.get(name).and_then(Value::as_str).unwrap_or_default());
        scene.page.line(&format!(
            "  {} {}, {}; {}",
            field("number"),
            field("heading"),
            field("weight"),
            field("why")
        ));
        scene.page.line(&format!("  {}", field("diff")));
    }
    scene.page.line(&format!(
        "{} is {}: no process, no memory, only its journal",
        gate.run,
        finished.standing.state.word()
    ));
    commands(scene, finished);
    Ok(())
}

fn commands(scene: &mut Scene, finished: &Finished) {
    let state = &finished.standing.state;
    let Some(open) = &state.question else { return };
    let how = next_commands(&scene.session, &state.run, open);
    how.lines().for_each(|command| scene.page.line(command));
}
