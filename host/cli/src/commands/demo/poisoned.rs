//! The third beat: a poisoned build of a skill tries what it can; each try is stopped, and the ladder carries the
//! run on with the sound version.

use super::record::{self, Attempt, must_be_done, of_step};
use super::scene::{Scene, surprise};
use kapell_home::{Added, Finished, HomeError};
use kapell_journal::entry::{AttemptEnded, Body, Entry, RecordedEnding};
use kapell_model::capability::Kind;
use kapell_model::ending::Trap;
use kapell_model::grant::GrantSet;
use kapell_model::limits::LimitOrigin;
use kapell_report::log::pin;
use kapell_report::plain::{micros, number, short};
use serde_json::{Value, json};

/// The steps, and what the poisoned build tries in each.
const TRIES: [(&str, &str); 4] = [
    ("reads_file", "reads a file"),
    ("opens_socket", "opens a socket"),
    ("forges_log", "forges the log"),
    ("loops", "loops for ever"),
];
/// How wide a line about a try may be.
const WIDTH: usize = 96;

pub(super) async fn beat(scene: &mut Scene) -> anyhow::Result<()> {
    scene.page.beat("A poisoned build of a specialist (a test guest, tests/guests/poisoned-terms)");
    let added = scene.install_poisoned()?;
    refused_as_it_comes(scene, &added)?;
    scene.let_it_try()?;
    let inputs = json!({ "contract": scene.contract("acme-standard.md")? });
    let finished = scene.run("poisoned.yaml", inputs).await?;
    must_be_done(&finished)?;
    let entries = scene.session.home.entries(&finished.standing.state.run)?;
    for (step, tries) in TRIES {
        let [got, stopped] = tell(scene, &finished, &entries, step)?;
        scene.page.line(&format!("{tries:<14}  {got}"));
        scene.page.line(&format!("{:<14}  {stopped}", ""));
    }
    ladder(scene, &finished, &entries)
}

/// The policy of the onboarding lends it nothing, so it does not even load.
fn refused_as_it_comes(scene: &mut Scene, added: &Added) -> anyhow::Result<()> {
    let pinned = pin(&added.skill.pin);
    let of_sockets = added.refusals.iter().find(|refusal| refusal.subject.starts_with("wasi:sockets"));
    let (Some(first), more) = (of_sockets, added.refusals.len().saturating_sub(1)) else {
        return Err(surprise(format!("{pinned} should be refused as it comes and is not")));
    };
    scene
        .page
        .line(&format!("{pinned} as it comes is refused: {}; {more} more", short(&first.to_string(), 90)));
    scene.page.line("so the demo adds let-it-try.toml to the policy, and it is loaded and called:");
    Ok(())
}

/// What the first rung of a step got, and what stopped it.
fn tell(scene: &Scene, finished: &Finished, entries: &[Entry], step: &str) -> anyhow::Result<[String; 2]> {
    let missing = || surprise(format!("{step} should have been tried and was not"));
    let attempts = of_step(entries, step);
    let ended = attempts.first().and_then(|attempt| attempt.ended).ok_or_else(missing)?;
    let plan = &finished.standing.program.plan;
    let call = plan.calls().find(|(id, _)| id.as_str() == step).map(|(_, call)| call).ok_or_else(missing)?;
    match &ended.ending {
        RecordedEnding::Trap(trap) => Ok(limit(ended, trap)),
        RecordedEnding::SkillError(named) => {
            let said =
                said(scene.session.home.value(&finished.standing.state.run, named)).ok_or_else(missing)?;
            if said.contains("stole") {
                return Err(surprise(format!("the sandbox has a hole: {}", short(&said, 120))));
            }
            Ok(match step {
                "forges_log" => own_words(ended, &call.grants, entries),
                _ => [format!("was told: {}", short(&said, WIDTH)), wall(step, &call.grants, ended)],
            })
        }
        _ => Err(surprise(format!("{step} should have been stopped and was not"))),
    }
}

/// What the skill says each try got: the text in its error.
fn said(error: Option<Value>) -> Option<String> {
    let text = error?.get("val")?.as_str()?.to_owned();
    (!text.is_empty()).then_some(text)
}

/// A limit of the attempt was reached.
fn limit(ended: &AttemptEnded, trap: &Trap) -> [String; 2] {
    let meters = &ended.receipt.meters;
    let by = match trap.origin {
        Some(LimitOrigin::Default) | None => "by default",
        Some(LimitOrigin::Manifest) => "in its manifest",
        Some(LimitOrigin::Policy) => "in the policy",
        Some(LimitOrigin::Flow) => "in the flow",
    };
    [
        format!("was stopped after {} fuel, {}", number(meters.fuel), micros(meters.wall_micros)),
        format!("limit {} {by}: {}", trap.cause.word(), short(&trap.detail, WIDTH)),
    ]
}

/// Nothing was lent, so nothing was there.
fn wall(step: &str, grants: &GrantSet, ended: &AttemptEnded) -> String {
    let empty = ended.receipt.meters.crossings.get("inert").copied().unwrap_or_default();
    let rule = match (step, grants.of_kind(Kind::Files).next()) {
        ("reads_file", None) => "no rule lends it files".to_owned(),
        ("reads_file", Some(grant)) => format!("rule {} lends it files", grant.rule),
        _ => format!("rule [inert] has {}", grants.inert.join(", ")),
    };
    let calls = if empty == 1 { "call" } else { "calls" };
    format!("{rule}: {empty} {calls} out of the sandbox answered with nothing")
}

/// What it forged stands in the journal as what it is: words of the skill, on one line, escaped.
fn own_words(ended: &AttemptEnded, grants: &GrantSet, entries: &[Entry]) -> [String; 2] {
    let rule = grants
        .of_kind(Kind::Notes)
        .next()
        .map_or_else(|| "no rule".into(), |grant| format!("rule {}", grant.rule));
    let note =
        ended.notes.iter().map(|note| note.text.as_str()).chain(ended.log.iter().map(String::as_str)).next();
    let answers = record::count(entries, |body| matches!(body, Body::QuestionAnswered(_)));
    [
        format!("wrote: {}", short(note.unwrap_or_default(), WIDTH)),
        format!(
            "{rule} keeps it as the skill's own words, on one line, escaped ({} kept); answers in the journal: {answers}",
            ended.notes.len() + ended.log.len()
        ),
    ]
}

/// Every step was answered by the next rung.
fn ladder(scene: &mut Scene, finished: &Finished, entries: &[Entry]) -> anyhow::Result<()> {
    let answered: Vec<Attempt<'_>> =
        TRIES.iter().filter_map(|(step, _)| of_step(entries, step).pop()).collect();
    let carried =
        answered.iter().filter(|attempt| attempt.started.rung > 0 && record::word(attempt) == "ok").count();
    let last =
        answered.last().ok_or_else(|| HomeError::new(kapell_home::Kind::Internal, "no step was answered"))?;
    let verdict = finished
        .output
        .as_ref()
        .and_then(|output| output.get("verdict"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let state = &finished.standing.state;
    scene.page.line(&format!(
        "the ladder went on: {carried} of {} steps answered by {}, terms {}; {} is {}",
        TRIES.len(),
        pin(&last.started.skill),
        short(verdict, 20),
        state.run,
        state.word()
    ));
    Ok(())
}
