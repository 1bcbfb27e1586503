//! The process the fourth beat kills: it drives one run, says each entry once it is durable, and waits to be told
//! to go on, so that whoever kills it knows between which entries.

use crate::args::{Args, DemoChild};
use crate::commands::run::{exit, input};
use crate::compiling::options;
use crate::failure::Exit;
use crate::{output, session};
use kapell_home::{Home, Known, Options, Watcher, inputs};
use kapell_journal::entry::Entry;
use kapell_journal::fold::RunState;
use std::sync::Arc;

pub(super) async fn run(args: &Args, child: &DemoChild) -> anyhow::Result<Exit> {
    let place = session::place(args.home.as_deref())?;
    let home = Home::open(place, Options { watcher: Arc::new(StepByStep), ..options() })?;
    let flow = home.check_flow(&child.flow)?;
    let pairs = child.input.iter().map(|pair| input(pair)).collect::<anyhow::Result<Vec<_>>>()?;
    let given = inputs(&flow.plan, &pairs)?;
    let finished = home.run(flow, given, &session::user(args)?).await?;
    Ok(exit(&finished, false))
}

struct StepByStep;

impl Watcher for StepByStep {
    fn saw(&self, entry: &Entry, _: &RunState, _: &Known) {
        let Ok(text) = serde_json::to_string(entry) else { return };
        output::data(&text);
        // When nobody tells it to go on any more it goes on, and comes to its end.
        let _ = std::io::stdin().read_line(&mut String::new());
    }
}
