//! `init`, `version`, `completions`.

use crate::args::{Args, Completions, Init};
use crate::compiling::options;
use crate::failure::Exit;
use crate::output;
use clap::CommandFactory as _;
use kapell_home::{ENGINE, Home};
use serde_json::json;

pub(crate) fn init(args: &Args, init: &Init) -> anyhow::Result<Exit> {
    // A home is made where the person stands, even inside another one.
    let here = args.home.clone().unwrap_or_else(|| ".".into());
    let place = kapell_home::Place::at(&here)?;
    let found = place.found;
    let made = Home::write_defaults(&place)?;
    let home = Home::open(place, options())?;
    if init.locked {
        home.make_locked()?;
    }
    let (folder, locked) = (home.place.folder(), home.is_locked()?);
    if args.json {
        output::json(
            &json!({ "schema": "kapell.init/1", "home": folder, "found": found, "locked": locked, "made": made }),
        );
        return Ok(Exit::Ok);
    }
    let what = match (found, locked) {
        (true, false) => "found the home",
        (true, true) => "found the home, in which nothing runs that is not approved,",
        (false, true) => "made a home in which nothing runs that is not approved",
        (false, false) => "made a home for development",
    };
    output::talk(&format!("{what} in {}", folder.display()));
    made.iter().for_each(|file| {
        output::talk(&format!("wrote {file}: what may be reached, or what it costs, is said there"))
    });
    Ok(Exit::Ok)
}

pub(crate) fn version(args: &Args) -> anyhow::Result<Exit> {
    let (program, engine) = (env!("CARGO_PKG_VERSION"), ENGINE);
    match args.json {
        true => output::json(&json!({ "schema": "kapell.version/1", "kapell": program, "engine": engine })),
        false => output::data(&format!("kapell {program}\nengine {engine}")),
    }
    Ok(Exit::Ok)
}

pub(crate) fn completions(completions: &Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Args::command(), "kapell", &mut script);
    output::data(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Ok)
}
