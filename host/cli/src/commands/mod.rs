//! One file a verb.

mod account;
mod audit;
mod author;
mod demo;
mod doctor;
mod dossier;
mod each;
mod explain;
mod flows;
mod gates;
mod judge;
mod learning;
mod percolate;
mod policy;
mod replay;
mod report;
mod run;
mod runs;
mod skills;
mod start;
mod test;
mod verify;

use crate::args::{Args, Verb};
use crate::failure::Exit;
use crate::session::open;

/// Does what the arguments say.
pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    match &args.verb {
        Verb::Demo(demo) => demo::run(&args, demo).await,
        Verb::DemoChild(child) => demo::child(&args, child).await,
        Verb::CompileWorker(worker) => Ok(crate::compiling::serve(worker)),
        Verb::Init(init) => start::init(&args, init),
        Verb::Doctor { recount } => doctor::run(&args, *recount).await,
        Verb::Version => start::version(&args),
        Verb::Completions(completions) => start::completions(completions),
        Verb::Build(build) => author::build(&args, build),
        Verb::Check(check) => author::check(&args, check).await,
        Verb::Inspect(inspect) => author::inspect(&args, inspect),
        Verb::Schema(schema) => author::schema(&args, schema).await,
        Verb::Test(test) => test::run(&args, test).await,
        Verb::Policy(policy) => policy::run(&open(&args).await?, policy),
        Verb::Call(call) => run::call(&open(&args).await?, call).await,
        Verb::Review(review) => judge::review(&open(&args).await?, review),
        Verb::Flows(flows) => flows::run(&open(&args).await?, flows),
        Verb::Lock(lock) => judge::lock(&open(&args).await?, lock),
        Verb::Add(add) => skills::add(&open(&args).await?, add),
        Verb::Skills(skills) => skills::run(&open(&args).await?, skills),
        Verb::Run(flow) => run::run(&open(&args).await?, flow).await,
        Verb::Runs(runs) => runs::run(&open(&args).await?, runs).await,
        Verb::Gates(gates) => gates::run(&open(&args).await?, gates).await,
        Verb::Replay(replay) => replay::run(&args, replay).await,
        Verb::Audit(audit) => audit::run(&open(&args).await?, audit).await,
        Verb::Explain(explain) => explain::run(&open(&args).await?, explain),
        Verb::Dossier(dossier) => dossier::run(&open(&args).await?, dossier),
        Verb::Percolate(percolate) => percolate::run(&open(&args).await?, percolate),
        Verb::Verify(asked) => verify::run(&args, asked).await,
        Verb::Cost(cost) => account::run(&open(&args).await?, cost),
        Verb::Report(report) => report::run(&open(&args).await?, report),
    }
}
