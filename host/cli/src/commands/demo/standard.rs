//! The first beat: a contract on our own terms goes through, and nobody is asked.

use super::record::{self, attempts, must_be_done, write_words};
use super::scene::Scene;
use kapell_home::Finished;
use kapell_journal::entry::Entry;
use kapell_report::log::pin;
use kapell_report::plain::{micros, number};

pub(super) async fn beat(scene: &mut Scene) -> anyhow::Result<()> {
    scene.page.beat("A contract on our own terms goes through");
    let finished = scene.onboard("acme-standard.md").await?;
    must_be_done(&finished)?;
    let state = &finished.standing.state;
    let entries = scene.session.home.entries(&state.run)?;
    scene.page.table(&rows(&entries));
    let writes = record::written(&entries)
        .iter()
        .map(|(_, write)| write_words(write, scene.root()))
        .collect::<Vec<_>>();
    scene.page.line(&format!("wrote {}", writes.join(", ")));
    let asked = match record::questions(&entries) {
        0 => "nobody was asked".to_owned(),
        n => format!("{n} questions were asked"),
    };
    scene.page.line(&format!("{} is {}; {asked}; {}", state.run, state.word(), price(&finished)));
    Ok(())
}

/// One row an attempt.
fn rows(entries: &[Entry]) -> Vec<Vec<String>> {
    let row = |attempt: &record::Attempt<'_>| {
        let meters = attempt.ended.map(|ended| &ended.receipt.meters);
        let measured =
            |words: fn(&kapell_model::ending::Meters) -> String| meters.map(words).unwrap_or_default();
        vec![
            format!(
                "{:<8} {:<7} {}",
                attempt.started.step,
                record::word(attempt),
                pin(&attempt.started.skill)
            ),
            measured(|meters| micros(meters.wall_micros)),
            measured(|meters| format!("{} fuel", number(meters.fuel))),
        ]
    };
    attempts(entries).iter().map(row).collect()
}

/// The price by the tariff, beside what the flow's owner declares.
fn price(finished: &Finished) -> String {
    let program = &finished.standing.program;
    let prices = if program.tariff.tariff.example { " at example prices" } else { "" };
    let outcome = program.plan.outcome.as_ref();
    let worth = outcome.and_then(|outcome| outcome.worth.as_ref());
    let declared = worth.map(|worth| format!(", declared worth {worth}")).unwrap_or_default();
    let by_hand = outcome
        .and_then(|outcome| outcome.by_hand)
        .map(|span| format!(", {span} by hand"))
        .unwrap_or_default();
    format!("it cost {}{prices}{declared}{by_hand}", finished.cost)
}
