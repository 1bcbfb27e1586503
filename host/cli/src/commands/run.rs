//! `run` and `call`: from arguments to a run, and from where it came to rest to text, JSON and an exit code.

use crate::args::{Call, Run};
use crate::failure::Exit;
use crate::session::Session;
use crate::{ask, output};
use anyhow::Context as _;
use kapell_home::{Finished, HomeError, Kind, inputs};
use kapell_journal::entry::RunEnding;
use kapell_report::plain;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;

pub(crate) async fn run(session: &Session, run: &Run) -> anyhow::Result<Exit> {
    output::named(&run.flow);
    let flow = session.home.check_flow(&run.flow)?;
    let pairs = run.input.iter().map(|pair| input(pair)).collect::<anyhow::Result<Vec<_>>>()?;
    let given = inputs(&flow.plan, &pairs)?;
    let finished = session.home.run(flow, given, &session.user).await?;
    let asks = !run.no_wait && !session.json && output::is_conversation();
    let finished = if asks { converse(session, finished).await? } else { finished };
    Ok(tell(session, &finished, run.no_wait))
}

/// Asks the person at the terminal until the run is over or they would rather answer later.
async fn converse(session: &Session, mut finished: Finished) -> anyhow::Result<Finished> {
    loop {
        let run = finished.standing.state.run.clone();
        let Some(gate) = session.home.gate(&run)? else { return Ok(finished) };
        let Some(reply) = ask::person(&gate, &session.user)? else { return Ok(finished) };
        match session.home.answer(&run, reply).await {
            Ok(next) => finished = next,
            Err(error) if error.kind == Kind::Argument => {
                output::talk(&format!("that was not taken: {error}"))
            }
            Err(error) => return Err(error.into()),
        }
    }
}

pub(crate) async fn call(session: &Session, call: &Call) -> anyhow::Result<Exit> {
    let text = content(&call.arguments)?;
    let arguments: Value = serde_json::from_str(&text).map_err(|cause| {
        let words = format!("the arguments are no JSON: {cause}");
        HomeError::new(Kind::Argument, words)
            .hint("give an object by name, such as '{\"name\": \"Ada\"}', or @FILE")
    })?;
    let file = Path::new(&call.skill);
    let skill = if file.is_file() {
        let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let progress = crate::live::slow("compiling", file);
        let loaded = session.home.load(file, &bytes, &call.operation, &arguments);
        progress.done();
        loaded?
    } else {
        session.home.skill(&call.skill).map_err(|error| missing(error, &call.skill))?
    };
    let finished = session.home.call(skill, &call.operation, arguments, &session.user).await?;
    Ok(tell(session, &finished, false))
}

fn missing(error: HomeError, named: &str) -> HomeError {
    match named.ends_with(".wasm") {
        true => HomeError::new(Kind::NotFound, format!("there is no file {named}")),
        false => error,
    }
}

/// One `name=value`, `name=@FILE` or `name=@-`.
pub(crate) fn input(pair: &str) -> anyhow::Result<(String, String)> {
    let split = pair.split_once('=').ok_or_else(|| {
        HomeError::new(Kind::Argument, format!("`{pair}` is no input"))
            .hint("write -i NAME=VALUE or -i NAME=@FILE")
    });
    let (name, value) = split?;
    Ok((name.into(), content(value)?))
}

/// A text as given, from a file, or from standard input.
pub(crate) fn content(value: &str) -> anyhow::Result<String> {
    match value.strip_prefix('@') {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("read standard input as text")?;
            Ok(text)
        }
        Some(file) => Ok(read_text(Path::new(file))?),
        None => Ok(value.into()),
    }
}

fn read_text(path: &Path) -> Result<String, HomeError> {
    let bytes = std::fs::read(path).map_err(|cause| HomeError::io("read", path, &cause))?;
    String::from_utf8(bytes)
        .map_err(|_| HomeError::new(Kind::Argument, format!("{} is no UTF-8 text", path.display())))
}

/// Prints where a run came to rest and says how to end.
pub(crate) fn tell(session: &Session, finished: &Finished, no_wait: bool) -> Exit {
    if session.json {
        output::json(&as_json(session, finished))
    } else {
        tell_text(session, finished)
    }
    exit(finished, no_wait)
}

fn as_json(session: &Session, finished: &Finished) -> Value {
    let state = &finished.standing.state;
    let question = state.question.as_ref().map(|open| {
        json!({
            "step": open.asked.step,
            "role": open.asked.role,
            "people": open.asked.people,
            "text": open.asked.text,
            "shown": open.asked.shown.digest(),
            "show": session.home.value(&open.asked.shown).and_then(|shown| shown.get("show").cloned()),
            "answer": open.asked.answer,
            "expires": open.asked.expire_at.map(kapell_report::log::instant),
        })
    });
    json!({
        "schema": "kapell.run/1",
        "run": state.run,
        "state": state.word(),
        "output": finished.output,
        "error": finished.skill_error,
        "question": question,
        "reason": state.ended.as_ref().and_then(|ended| ended.reason.clone()),
        "cost": finished.cost,
        "fuel": finished.fuel,
    })
}

fn tell_text(session: &Session, finished: &Finished) {
    let state = &finished.standing.state;
    if let Some(output) = &finished.output {
        output::data(&format!("{output:#}"));
    }
    if let Some(error) = &finished.skill_error {
        output::talk(&format!("skill error: {}", plain::lines(&format!("{error:#}"))));
    }
    if let (None, Some(open)) = (&state.ended, &state.question) {
        let shown = session.home.value(&open.asked.shown).unwrap_or(Value::Null);
        output::talk(&format!("\n{}\n", kapell_report::gate::text(open, &shown)));
        output::talk(&next_commands(session, finished));
    }
    let example = if finished.standing.program.tariff.tariff.example { " at example prices" } else { "" };
    let fuel = plain::number(finished.fuel);
    output::talk(&format!("{} is {}; fuel {fuel}, {}{example}", state.run, state.word(), finished.cost));
}

fn next_commands(session: &Session, finished: &Finished) -> String {
    use kapell_model::plan::AnswerShape;
    let (program, run) = (&session.program, &finished.standing.state.run);
    match finished.standing.state.question.as_ref().map(|open| &open.asked.answer) {
        Some(AnswerShape::Approval) => {
            format!(
                "answer with:  {program} gates approve {run}\n         or:  {program} gates reject {run} --reason WHY"
            )
        }
        _ => format!("answer with:  {program} gates answer {run} VALUE"),
    }
}

fn exit(finished: &Finished, no_wait: bool) -> Exit {
    let Some(ended) = &finished.standing.state.ended else {
        return if no_wait { Exit::Waiting } else { Exit::Ok };
    };
    match ended.state {
        RunEnding::Done => Exit::Ok,
        RunEnding::Failed | RunEnding::Escalated | RunEnding::Cancelled => Exit::SkillError,
        RunEnding::Refused => Exit::Refused,
        RunEnding::Trapped => Exit::Trap,
        RunEnding::Rejected | RunEnding::Expired => Exit::Rejected,
        RunEnding::OverBudget => Exit::OverBudget,
    }
}
