//! `gates`: questions that wait for people, and what their answers teach.

use crate::args::{Gates, Saying};
use crate::cases::parse;
use crate::commands::learning;
use crate::commands::run::{content, next_commands, tell};
use crate::failure::Exit;
use crate::output;
use crate::session::Session;
use kapell_home::{Gate, HomeError, Kind, Reply, Said};
use kapell_journal::fold::OpenQuestion;
use kapell_model::id::RunId;
use kapell_report::cost::listed;
use kapell_report::log::{instant, rfc3339};
use kapell_report::plain::short;
use serde_json::{Value, json};

pub(crate) async fn run(session: &Session, gates: &Gates) -> anyhow::Result<Exit> {
    match gates {
        Gates::List => list(session),
        Gates::Show { run } => show(session, run),
        Gates::Learn(learn) => learning::run(session, learn),
        Gates::Approve { run, with } => answer(session, run, Said::Approve, with).await,
        Gates::Reject { run, with } => answer(session, run, Said::Reject, with).await,
        Gates::Override { run, reason, minutes, shown } => {
            let with = Saying { reason: Some(reason.clone()), minutes: *minutes, shown: shown.clone() };
            answer(session, run, Said::Override, &with).await
        }
        Gates::Answer { run, value, with } => {
            let gate = gate(session, run)?;
            let said = Said::Value(parse(&gate.open.asked.answer, content(value)?)?);
            answer(session, run, said, with).await
        }
    }
}

fn gate(session: &Session, said: &str) -> anyhow::Result<Gate> {
    let run = session.home.find_run(said)?;
    let gate = session.home.gate(&run)?;
    Ok(gate.ok_or_else(|| HomeError::new(Kind::Argument, format!("run {run} asks nothing now")))?)
}

fn as_json(run: &RunId, open: &OpenQuestion) -> Value {
    let asked = &open.asked;
    json!({
        "run": run, "step": asked.step, "role": asked.role, "people": asked.people, "text": asked.text,
        "shown": asked.shown.digest(), "answer": asked.answer,
        "asked": rfc3339(open.asked_at), "expires": asked.expire_at.map(rfc3339),
        "reminded": open.reminded, "escalated": open.escalated,
    })
}

fn list(session: &Session) -> anyhow::Result<Exit> {
    let gates = session.home.gates()?;
    if session.json {
        let gates = gates.iter().map(|gate| as_json(&gate.run, &gate.open)).collect::<Vec<_>>();
        output::json(&json!({ "schema": "kapell.gates/1", "gates": gates }));
        return Ok(Exit::Ok);
    }
    if gates.is_empty() {
        output::talk("nobody is asked anything");
        return Ok(Exit::Ok);
    }
    let head = ["run", "step", "role", "expires", "question"].map(str::to_owned).to_vec();
    let lines = gates.iter().map(|gate| {
        let asked = &gate.open.asked;
        let expires = asked.expire_at.map_or_else(|| "never".into(), instant);
        vec![
            gate.run.to_string(),
            asked.step.to_string(),
            asked.role.to_string(),
            expires,
            short(&asked.text, 72),
        ]
    });
    output::data(&listed(&std::iter::once(head).chain(lines).collect::<Vec<_>>()));
    Ok(Exit::Ok)
}

fn show(session: &Session, said: &str) -> anyhow::Result<Exit> {
    let gate = gate(session, said)?;
    let precedents = session.home.precedents(&gate.run)?;
    match session.json {
        true => {
            let mut told = as_json(&gate.run, &gate.open);
            if let Some(fields) = told.as_object_mut() {
                fields.insert("show".into(), gate.shown.get("show").cloned().unwrap_or_default());
            }
            output::json(&json!({ "schema": "kapell.gate/1", "gate": told, "precedents": precedents }));
        }
        false => {
            let text = kapell_report::gate::text(&gate.open, &gate.shown, &precedents);
            let how = next_commands(session, &gate.run, &gate.open);
            output::data(&format!("{}\n{text}\n\n{how}", gate.run));
        }
    }
    Ok(Exit::Ok)
}

async fn answer(session: &Session, run: &str, said: Said, with: &Saying) -> anyhow::Result<Exit> {
    let run = session.home.find_run(run)?;
    let shown = with.shown.clone();
    let (reason, minutes) = (with.reason.clone(), with.minutes);
    let reply = Reply { said, shown, by: session.user.clone(), reason, minutes };
    let finished = session.home.answer(&run, reply).await?;
    Ok(tell(session, &finished, false))
}
