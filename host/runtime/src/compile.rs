//! Compiling: where a component's bytes become native code, who does that, and with which bytes.
//!
//! A compiler reads what a stranger wrote, and the time and memory it takes can't be told from the size of the file.
//! So components are compiled by a process of their own ([`CompileWorker`]), which sets its own limits before it reads
//! a byte, opens nothing and answers with the compiled form. That bounds the compiler's time and memory, and a crash
//! of it is a crash of that process alone.
//!
//! It does not bound what comes back: a compiled form is native code that this process maps and runs. Bytes that took
//! the compiler over could answer with code of their own, which runs as soon as the skill does, and until then the
//! worker acts as this user. Only an approval by somebody who looked stands against that.

mod answer;
mod confined;
mod worker;

use kapell_model::digest::Digest;
use kapell_model::quantity::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Engine;

pub use confined::{ServeError, serve_compiling};
pub use worker::CompileWorker;

/// Says of a component's digest whether its bytes are approved.
pub type Approved = Arc<dyn Fn(&Digest) -> bool + Send + Sync>;

/// Who compiles. There is no choice that compiles a stranger's bytes in this process by default: whoever embeds the
/// sandbox names a program for it, or answers for the bytes.
#[derive(Clone)]
pub enum Compiler {
    /// A process of its own, one a component, whether its bytes are approved or not.
    Apart(CompileWorker),
    /// This process, and only components that are approved; all others are not compiled.
    Here(Approved),
}

/// How much compiling one component may take. Not to be widened by any manifest or policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileCaps {
    /// Processor time over all threads, in whole seconds.
    pub processor: Duration,
    /// Time by the clock.
    pub time: Duration,
    /// Memory of the whole process.
    pub memory: Bytes,
}

/// A Python skill takes 12 to 19 s on one core, JavaScript 15 to 22: three times that, for slower machines.
const PROCESSOR: Duration = Duration::from_secs(60);
/// A busy machine may leave a process of low priority a third of one core.
const TIME: Duration = Duration::from_secs(180);
/// The compiler takes about 100 MiB for each MiB of code in one function, and no function has more than half of one:
/// with four at work this is several times what an honest component needs.
const MEMORY: Bytes = Bytes(1 << 30);
/// Most bytes of a compiled form: eight times the code that is let in; honest ones have up to three times it.
const FORM_MAX: u64 = 8 * crate::load::CODE_MAX as u64;
/// Functions compiled at one time: each takes memory of its own, so a machine of many cores must not multiply it.
const FUNCTIONS_AT_ONCE: usize = 4;

impl Default for CompileCaps {
    fn default() -> Self {
        Self { processor: PROCESSOR, time: TIME, memory: MEMORY }
    }
}

/// Why there is no compiled form of bytes that were let in.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The engine does not take them: damaged, or using something that is off.
    #[error("the component is not valid: {cause}")]
    Invalid {
        /// What the engine says.
        cause: String,
    },
    /// More processor time than [`CompileCaps::processor`].
    #[error("compiling took more than {} s of processor time", most.as_secs())]
    Processor {
        /// The cap.
        most: Duration,
    },
    /// More time than [`CompileCaps::time`].
    #[error("compiling took longer than {} s", most.as_secs_f64())]
    Time {
        /// The cap.
        most: Duration,
    },
    /// More memory than [`CompileCaps::memory`].
    #[error("compiling took more than {most} of memory")]
    Memory {
        /// The cap.
        most: Bytes,
    },
    /// A compiled form that no honest component has.
    #[error("the compiled form has more than {most}")]
    Form {
        /// The cap.
        most: Bytes,
    },
    /// Nobody answers for the bytes, and no program was named that compiles apart.
    #[error("nobody approved these bytes, and there is no process of its own to compile them in")]
    NobodyApproved,
    /// The worker ended without an answer.
    #[error("the compile worker {} died: {how}", program.display())]
    Died {
        /// The program.
        program: PathBuf,
        /// The status it ended with and what it said.
        how: String,
    },
    /// The worker can't be started.
    #[error("start the compile worker {}: {cause}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The form was written and can't be trusted: somebody changed it, or this system can't say who did.
    #[error("the compiled form can't be trusted as soon as it was written")]
    Untrusted,
    /// The form can't be kept.
    #[error("keep the compiled form: {0}")]
    Keep(#[from] std::io::Error),
}

impl CompileError {
    /// What to do about it, one line.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "fetch or build the file again; it may have been cut short",
            Self::Processor { .. } | Self::Time { .. } | Self::Memory { .. } | Self::Form { .. } => {
                "build it with optimisation and a toolchain's usual settings, or split it into several skills"
            }
            Self::NobodyApproved => {
                "name a program that compiles apart, `kapell compile-worker`, or approve the bytes"
            }
            Self::Died { .. } | Self::Start { .. } => "the host is unharmed; run the same command again",
            Self::Untrusted => "find out who else writes to the folder of compiled forms",
            Self::Keep(_) => "free space or mend permissions, then run the same command again",
        }
    }
}

/// The compiled form of a component's bytes, by an engine that may be of another process.
fn compiled(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    engine.precompile_component(bytes).map_err(|error| CompileError::Invalid { cause: format!("{error:#}") })
}

impl Compiler {
    /// Writes the compiled form of these bytes.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        digest: &Digest,
        bytes: &[u8],
        into: &mut (impl std::io::Write + Send),
    ) -> Result<(), CompileError> {
        match self {
            Self::Apart(worker) => worker.compile(bytes, into),
            Self::Here(approved) if approved(digest) => Ok(into.write_all(&compiled(engine, bytes)?)?),
            Self::Here(_) => Err(CompileError::NobodyApproved),
        }
    }
}
