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

/// Serves as that process.
pub(crate) fn serve(worker: &CompileWorker) -> Exit {
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
