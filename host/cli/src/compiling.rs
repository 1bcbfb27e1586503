//! The process that compiles: this program once more, told to do that and nothing else.

use crate::args::CompileWorker;
use crate::failure::Exit;
use crate::output;
use kapell_home::{CompileCaps, Compiler, HomeError, Options};
use kapell_model::quantity::Bytes;
use kapell_report::plain::lines;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The hidden verb.
const VERB: &str = "compile-worker";

/// How this program opens a home: whatever it compiles, approved or not, it compiles in a process of its own.
pub(crate) fn options() -> Options {
    let unsigned = |error: &HomeError| {
        let advice = error.hint.as_ref().map(|hint| format!("\nhint: {}", lines(hint))).unwrap_or_default();
        output::talk(&format!(
            "warning: the journal's head is not signed: {}{advice}",
            lines(&error.message)
        ));
    };
    Options { compiler: Some(compiler()), unsigned: Arc::new(unsigned), ..Options::default() }
}

/// This program as a compile worker.
pub(crate) fn compiler() -> Compiler {
    Compiler::Apart(kapell_home::CompileWorker {
        program: this_program(),
        arguments: vec![VERB.into()],
        caps: CompileCaps::default(),
    })
}

/// The image this process runs, also when the file was replaced since by a newer one.
fn this_program() -> PathBuf {
    match cfg!(target_os = "linux") {
        true => "/proc/self/exe".into(),
        // Without a name to start it by, starting it is what fails and says so.
        false => std::env::current_exe().unwrap_or_else(|_| "kapell".into()),
    }
}

/// What makes this program's allocator take memory as it is asked for it. By default it takes a gibibyte as the program
/// starts, and what is taken before a limit is set is not limited.
const ALLOCATOR: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");

/// Serves as that process.
pub(crate) fn serve(worker: &CompileWorker) -> Exit {
    if let Err(error) = with_little_memory() {
        output::talk(&format!("start the compile worker with little memory: {error}"));
        return Exit::Internal;
    }
    let caps = CompileCaps {
        processor: Duration::from_secs(worker.seconds),
        memory: Bytes(worker.memory),
        ..CompileCaps::default()
    };
    match kapell_home::serve_compiling(caps) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            output::talk(&error.to_string());
            Exit::Internal
        }
    }
}

/// Starts this program once more, now with an allocator that gives way to limits; returns in the one that has it.
#[cfg(unix)]
fn with_little_memory() -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let (name, value) = ALLOCATOR;
    match std::env::var_os(name) {
        Some(set) if set == value => Ok(()),
        _ => {
            let arguments = std::env::args_os().skip(1);
            Err(std::process::Command::new(this_program()).args(arguments).env(name, value).exec())
        }
    }
}

/// Elsewhere nothing is limited, and no worker serves.
#[cfg(not(unix))]
fn with_little_memory() -> std::io::Result<()> {
    Ok(())
}
