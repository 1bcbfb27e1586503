//! The worker's side: limits first, then one component in, one compiled form out.
//!
//! Nothing here trusts the bytes, and nothing outside trusts this process for more than its answer.

use super::{CompileCaps, answer, compiled};
use crate::engine::{EngineError, compiling_engine};
use crate::load::FILE_MAX;
use std::io::{self, Read as _};

/// Why a worker gives up before it has an answer; its parent only sees that it ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A limit can't be set, and without it nothing is compiled.
    #[error("confine the compile worker: {0}")]
    Confine(io::Error),
    /// The engine can't be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The component can't be read or the answer not written.
    #[error("talk to whoever started the compile worker: {0}")]
    Talk(io::Error),
}

/// Serves as a compile worker: confines this process for good, reads a component from standard input and answers with
/// its compiled form on standard output. For the program that [`super::CompileWorker`] starts, as the first thing it
/// does: threads that run before are not all confined.
///
/// # Errors
/// When a limit can't be set, or whoever started it is gone.
pub fn serve_compiling(caps: CompileCaps) -> Result<(), ServeError> {
    confine(caps).map_err(ServeError::Confine)?;
    let engine = compiling_engine()?;
    let mut bytes = Vec::new();
    io::stdin().lock().take(FILE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(ServeError::Talk)?;
    let compiled = compiled(&engine, &bytes).map_err(|error| match error {
        super::CompileError::Invalid { cause } => cause,
        other => other.to_string(),
    });
    answer::write(&mut io::stdout().lock(), &compiled).map_err(ServeError::Talk)
}

/// Takes from this process what a compiler has no use for. None of it can be taken back.
#[cfg(unix)]
fn confine(caps: CompileCaps) -> io::Result<()> {
    use rustix::process::{Resource, nice};
    only_standard_descriptors()?;
    let seconds = caps.processor.as_secs();
    // At the first the system ends it and says for what; at the second it ends it whatever it does.
    limit(Resource::Cpu, seconds, seconds + 1)?;
    limit(Resource::Data, caps.memory.0, caps.memory.0)?;
    limit(Resource::Core, 0, 0)?;
    // Pipes have no size; a file would.
    limit(Resource::Fsize, 0, 0)?;
    // Three are open, so nothing more can be: no file, no connection.
    limit(Resource::Nofile, 3, 3)?;
    alone()?;
    // Whoever runs skills comes first. Not the very lowest, or on a busy machine nobody would ever install one.
    nice(10)?;
    Ok(())
}

#[cfg(unix)]
fn limit(of: rustix::process::Resource, soft: u64, hard: u64) -> io::Result<()> {
    let limit = rustix::process::Rlimit { current: Some(soft), maximum: Some(hard) };
    Ok(rustix::process::setrlimit(of, limit)?)
}

/// It ends with the thread that waits for it, and leaves no image of its memory behind.
#[cfg(target_os = "linux")]
fn alone() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, Signal};
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Elsewhere it ends when the pipe to whoever started it breaks.
#[cfg(all(unix, not(target_os = "linux")))]
fn alone() -> io::Result<()> {
    Ok(())
}

/// Whoever started the host may have left descriptors open to everything it starts. They are marked and this program
/// starts once more, without them.
#[cfg(unix)]
fn only_standard_descriptors() -> io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    const AGAIN: &str = "KAPELL_COMPILE_WORKER_AGAIN";
    let inherited = inherited()?;
    match inherited.first() {
        None => Ok(()),
        Some(left) if std::env::var_os(AGAIN).is_some() => {
            Err(io::Error::other(format!("descriptor {left} stays open")))
        }
        Some(_) => {
            close_fds::set_fds_cloexec(3, &[]);
            let program = std::env::current_exe()?;
            Err(std::process::Command::new(program).args(std::env::args_os().skip(1)).env(AGAIN, "1").exec())
        }
    }
}

/// Open descriptors beyond input, output and error.
#[cfg(unix)]
fn inherited() -> io::Result<Vec<u32>> {
    let folder = std::path::Path::new("/dev/fd");
    let number = |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
    let numbers: Vec<u32> = std::fs::read_dir(folder)?.filter_map(number).collect();
    // The one the folder itself was read by is closed by now.
    let is_open = |number: &u32| folder.join(number.to_string()).symlink_metadata().is_ok();
    Ok(numbers.into_iter().filter(|number| *number > 2 && is_open(number)).collect())
}

/// Elsewhere there are no such limits, so nothing is compiled apart.
#[cfg(not(unix))]
fn confine(_caps: CompileCaps) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
