//! The program: arguments in, text out, nothing else. The only place that prints, reads the environment or turns an
//! error into an exit code; what it does it asks the home for.

mod args;
mod ask;
mod cases;
mod commands;
mod compiling;
mod consent;
mod failure;
mod faults;
mod interrupt;
mod live;
mod output;
mod session;
mod written;

use clap::Parser as _;
use std::process::ExitCode;

/// Why another than the system's: see `Cargo.toml`. How it gives way to a limit: see [`compiling`].
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    output::tell_panics();
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let json = std::env::args_os().any(|argument| argument == "--json");
            return ended(failure::usage(&error, json));
        }
    };
    // Before anything else runs in this process.
    if let args::Verb::CompileWorker(worker) = &args.verb {
        return compiling::serve(worker).into();
    }
    let json = args.json;
    let outcome = faults::arm().and_then(|()| output::runtime()).and_then(|runtime| {
        let outcome = runtime.block_on(commands::run(args));
        // What is still at work here waits for a directory that does not answer, and nobody waits for that.
        runtime.shutdown_background();
        outcome
    });
    ended(match outcome {
        Ok(exit) => failure::weighed(exit),
        Err(error) => failure::weighed(failure::report(&error, json)),
    })
}

/// Who reads by the exit code must not take an answer for given that could not be written.
fn ended(exit: failure::Exit) -> ExitCode {
    match output::unwritten() {
        None => exit.into(),
        Some(cause) => {
            output::talk(&format!("error: standard output can't be written: {cause}"));
            failure::Exit::Internal.into()
        }
    }
}
