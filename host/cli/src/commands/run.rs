//! `run` and `call`: from arguments to a run, and from where it came to rest to text, JSON and an exit code.

use crate::args::{Call, Run};
use crate::commands::{account, each};
use crate::failure::Exit;
use crate::session::{Session, quoted};
use crate::{ask, cases, output};
use kapell_home::{Finished, HomeError, Kind, Program, inputs};
use kapell_journal::entry::{RunEnded, RunEnding};
use kapell_journal::fold::OpenQuestion;
use kapell_model::id::RunId;
use kapell_model::plan::AnswerShape;
use kapell_model::shape::Shape;
use kapell_report::plain;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;

pub(crate) async fn run(session: &Session, run: &Run) -> anyhow::Result<Exit> {
    output::named(&run.flow);
    let flow = session.home.check_flow(&run.flow)?;
    let pairs = run.input.iter().map(|pair| input(pair)).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(lines) = &run.each {
        return each::run(session, flow, lines, &pairs, run).await;
    }
    let given = inputs(&flow.plan, &pairs)?;
    if run.estimate {
        return account::estimate(session, &flow.plan.flow, &given);
    }
    let finished = session.home.run(flow, given, &session.user).await?;
    let asks = !run.no_wait && !session.json && output::is_conversation();
    let finished = if asks { converse(session, finished).await? } else { finished };
    Ok(tell(session, &finished, run.no_wait))
}

/// Asks the person at the terminal until the run is over, asks somebody else, or they would rather answer later.
pub(crate) async fn converse(session: &Session, mut finished: Finished) -> anyhow::Result<Finished> {
    loop {
        let run = finished.standing.state.run.clone();
        let Some(gate) = session.home.gate(&run)?.filter(|gate| gate.is_put_to(&session.user)) else {
            return Ok(finished);
        };
        let Some(reply) = ask::person(&session.home, &gate, &session.user)? else { return Ok(finished) };
        match session.home.answer(&run, reply).await {
            Ok(next) => finished = next,
            // While the person thought, time went on: the question may have expired or been answered.
            Err(error) if error.kind == Kind::Argument => {
                output::talk(&format!("that was not taken: {}", plain::lines(&error.message)));
                finished = session.home.resume(&run).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

pub(crate) async fn call(session: &Session, call: &Call) -> anyhow::Result<Exit> {
    let text = content(&call.arguments)?;
    let arguments = kapell_model::json::read(text.as_bytes()).map_err(|cause| {
        let words = format!("the arguments are no value: {cause}");
        HomeError::new(Kind::Argument, words)
            .hint("give an object by name, such as '{\"name\": \"Ada\"}', or @FILE")
    })?;
    let file = Path::new(&call.skill);
    let skill = if file.is_file() {
        let bytes = component(file)?;
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

/// The bytes of a component file.
pub(crate) fn component(path: &Path) -> Result<Vec<u8>, HomeError> {
    kapell_home::read_capped(path, kapell_home::COMPONENT_MAX)
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
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.map_err(|cause| HomeError::new(Kind::Argument, format!("read standard input: {cause}")))?;
            Ok(text(bytes, "standard input", "FILE")?)
        }
        Some(file) => Ok(read_text(Path::new(file))?),
        None => Ok(value.into()),
    }
}

fn read_text(path: &Path) -> Result<String, HomeError> {
    let bytes = kapell_home::read_capped(path, kapell_home::INPUT_MAX)?;
    let name = path.display().to_string();
    text(bytes, &name, &name)
}

/// Bytes as text. What office programs write by habit is told apart by its first bytes: those of UTF-16 say so.
fn text(bytes: Vec<u8>, what: &str, file: &str) -> Result<String, HomeError> {
    String::from_utf8(bytes).map_err(|cause| {
        let is_wide =
            cause.as_bytes().starts_with(&[0xff, 0xfe]) || cause.as_bytes().starts_with(&[0xfe, 0xff]);
        let from = if is_wide { "utf-16" } else { "windows-1252" };
        HomeError::new(Kind::Argument, format!("{what} is no UTF-8 text")).hint(format!(
            "where it is {from}: iconv -f {from} -t utf-8 {} | kapell ... -i NAME=@-",
            quoted(file)
        ))
    })
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
    let question = state.question.as_ref().filter(|_| state.ended.is_none()).map(|open| {
        json!({
            "step": open.asked.step,
            "role": open.asked.role,
            "people": open.asked.people,
            "text": open.asked.text,
            "shown": open.asked.shown.digest(),
            "show": session.home.open_value(&state.run, &open.asked.shown).and_then(|shown| shown.get("show").cloned()),
            "answer": open.asked.answer,
            "expires": open.asked.expire_at.map(kapell_report::log::rfc3339),
        })
    });
    json!({
        "schema": "kapell.run/1",
        "run": state.run,
        "state": state.word(),
        "output": finished.output,
        "error": finished.skill_error,
        "question": question,
        "trap": finished.trap,
        "reason": state.ended.as_ref().and_then(|ended| ended.reason.clone()),
        "cost": finished.cost,
        "fuel": finished.fuel,
    })
}

fn tell_text(session: &Session, finished: &Finished) {
    let state = &finished.standing.state;
    if let Some(output) = &finished.output {
        output::data(&plain::json(output));
    }
    if let Some(error) = &finished.skill_error {
        output::talk(&format!("skill error: {}", plain::json(error)));
    }
    if let (None, Some(open)) = (&state.ended, &state.question) {
        let shown = session.home.open_value(&state.run, &open.asked.shown).unwrap_or(Value::Null);
        // A journal that can't be read has said so already.
        let precedents = session.home.precedents(&state.run).unwrap_or_default();
        output::talk(&format!("\n{}\n", kapell_report::gate::text(open, &shown, &precedents)));
        output::talk(&next_commands(session, &state.run, open));
    }
    output::talk(&format!("{} is {}; {}", state.run, state.word(), price(finished)));
}

/// What it took and what it cost, beside what the outcome is declared to be worth once there is one.
fn price(finished: &Finished) -> String {
    let program = &finished.standing.program;
    let example = if program.tariff.tariff.example { " at example prices" } else { "" };
    let worth = finished.standing.state.ended.as_ref().and_then(|ended| worth(program, ended));
    let fuel = plain::number(finished.fuel);
    format!("fuel {fuel}, {}{example}{}", finished.cost, worth.unwrap_or_default())
}

/// What the outcome is declared to be worth, of a run that came to it; why not, of one that is done without it.
fn worth(program: &Program, ended: &RunEnded) -> Option<String> {
    let outcome = program.plan.outcome.as_ref()?;
    let name = plain::line(&outcome.name);
    match &ended.outcome {
        Some(judged) if !judged.held => {
            Some(format!(", not come to its outcome ({name}): `{}` does not hold", plain::line(&judged.when)))
        }
        _ if ended.has_outcome() => {
            Some(format!(", beside a declared worth of {} ({name})", outcome.worth.as_ref()?))
        }
        _ => None,
    }
}

/// How to answer, bound to what was shown: a later question is not met by this command.
pub(crate) fn next_commands(session: &Session, run: &RunId, open: &OpenQuestion) -> String {
    let program = session.command_to_answer(&open.asked);
    let shown = open.asked.shown.digest().short();
    match &open.asked.answer {
        AnswerShape::Approval => format!(
            "answer with:  {program} gates approve {run} --shown {shown}\n         or:  {program} gates reject {run} --shown {shown} --reason WHY"
        ),
        AnswerShape::Shape { shape: Shape::Variant { cases, .. } } => {
            cases::commands(cases, &format!("{program} gates answer {run}"), &shown)
        }
        _ => format!("answer with:  {program} gates answer {run} VALUE --shown {shown}"),
    }
}

pub(crate) fn exit(finished: &Finished, no_wait: bool) -> Exit {
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
