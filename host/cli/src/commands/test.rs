//! `test`: a skill's own examples, run in a home that is thrown away, with everything it asks for or without some of it.

use crate::args::{Args, Test};
use crate::commands::author::built;
use crate::commands::{flows, learning};
use crate::compiling::compiler;
use crate::failure::Exit;
use crate::output;
use crate::session::{open, trial};
use kapell_home::{HomeError, Kind, Rehearsal, Tried};
use kapell_report::plain::{line, short};
use serde_json::json;
use std::path::{Path, PathBuf};

pub(crate) async fn run(args: &Args, test: &Test) -> anyhow::Result<Exit> {
    let flow = Path::new(&test.skill);
    if flows::is_flow(flow) && test.without.is_empty() {
        return learning::test(flow, args.json);
    }
    let (path, bytes) = component(args, test).await?;
    let trial = (!test.unapproved).then(|| trial(args)).transpose()?;
    let scratch = tempfile::Builder::new().prefix("kapell-test-").tempdir();
    let scratch =
        scratch.map_err(|cause| HomeError::io("make a folder in", &std::env::temp_dir(), &cause))?;
    let progress = crate::live::slow("compiling", &path);
    let rehearsal =
        Rehearsal::stage(scratch.path(), &path, &bytes, &test.without, compiler(), trial.as_ref());
    progress.done();
    let rehearsal = rehearsal?;
    let tried = rehearsal.run().await?;
    let failed = tried.iter().filter(|it| it.differs.is_some()).count();
    match args.json {
        true => tell_json(&rehearsal, test, &tried),
        false => tell(&rehearsal, test, &tried, failed),
    }
    Ok(if failed == 0 && !tried.is_empty() { Exit::Ok } else { Exit::SkillError })
}

/// The bytes: of a folder that is built, of a file, or of an installed skill.
async fn component(args: &Args, test: &Test) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let path = Path::new(&test.skill);
    if path.is_dir() {
        let component = built(&[path.to_path_buf()])?.into_iter().next();
        let component = component
            .ok_or_else(|| HomeError::new(Kind::NotFound, format!("{} builds nothing", path.display())))?;
        return Ok((component.path, component.bytes));
    }
    if path.is_file() {
        return Ok((path.to_path_buf(), crate::commands::run::component(path)?));
    }
    let session = open(args).await?;
    let skill = session.home.skill(&test.skill)?;
    let bytes = session.home.component(&skill.pin.component)?;
    Ok((PathBuf::from(skill.pin.name.as_str()), bytes))
}

fn tell(rehearsal: &Rehearsal, test: &Test, tried: &[Tried], failed: usize) {
    for it in tried {
        let place = format!("skill.toml:{}  {}", it.line, it.operation);
        match &it.differs {
            None => output::data(&format!("pass  {}", line(&place))),
            Some(differs) => {
                output::data(&format!("FAIL  {}\n        {}", line(&place), short(differs, 400)))
            }
        }
    }
    output::talk(&verdict(rehearsal, test, tried.len(), failed));
}

fn verdict(rehearsal: &Rehearsal, test: &Test, all: usize, failed: usize) -> String {
    let name = &rehearsal.skill().pin.name;
    if all == 0 {
        return format!("{name} has no example, so nothing is proved");
    }
    let without: Vec<String> = test.without.iter().map(ToString::to_string).collect();
    let without = without.join(" and ");
    let some = match (all, failed) {
        (1, _) => "the one example".to_owned(),
        (_, 0) => format!("all {all} examples"),
        _ => format!("{failed} of {all} examples"),
    };
    let is_one = all == 1 || failed == 1;
    let (be, hold, fail) = if is_one { ("is", "holds", "fails") } else { ("are", "hold", "fail") };
    match (without.is_empty(), failed) {
        (true, 0) => format!("{some} of {name} {be} as its manifest says"),
        (true, _) => format!("{some} of {name} {be} not as its manifest says"),
        (false, 0) => format!("{name} works without {without}: {some} {hold}"),
        (false, _) => format!("{name} does not work without {without}: {some} {fail}"),
    }
}

fn tell_json(rehearsal: &Rehearsal, test: &Test, tried: &[Tried]) {
    let examples = tried.iter().map(|it| {
        json!({ "operation": it.operation, "line": it.line, "pass": it.differs.is_none(), "differs": it.differs })
    });
    let without: Vec<String> = test.without.iter().map(ToString::to_string).collect();
    output::json(&json!({
        "schema": "kapell.test/1", "skill": rehearsal.skill().pin, "without": without,
        "holds": !tried.is_empty() && tried.iter().all(|it| it.differs.is_none()),
        "examples": examples.collect::<Vec<_>>(),
    }));
}
