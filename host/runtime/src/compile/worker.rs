//! The host's side: starts a worker, hands it one component, waits no longer than it may take.

use super::answer::{self, Answer};
use super::{CompileCaps, CompileError, FORM_MAX, FUNCTIONS_AT_ONCE};
use kapell_model::quantity::Bytes;
use std::ffi::OsString;
use std::io::{self, Read as _, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;

/// Most bytes of a dead worker's last words that are read.
const LAST_WORDS_MAX: u64 = 4 << 10;

/// The program that compiles one component a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileWorker {
    /// The program. It must come to [`super::serve_compiling`] before it does anything else.
    pub program: PathBuf,
    /// What it is called with. Two more arguments follow: seconds of processor time and bytes of memory.
    pub arguments: Vec<OsString>,
    /// How much one component may take.
    pub caps: CompileCaps,
}

impl CompileWorker {
    /// Compiles in a process of its own. Blocks until that has answered, died or reached a cap.
    pub(super) fn compile(&self, bytes: &[u8], into: &mut (impl Write + Send)) -> Result<(), CompileError> {
        let mut child = self.start()?;
        let heard = heard(&mut child, bytes, into, self.caps);
        let Some(heard) = heard else {
            let _ = child.wait();
            return Err(CompileError::Time { most: self.caps.time });
        };
        // What it said counts only when it is whole; how it ended is asked for otherwise.
        match heard? {
            Answer::Compiled => child.wait().map(drop).map_err(CompileError::Keep),
            answer => Err(self.failed(answer, &mut child)),
        }
    }

    fn start(&self) -> Result<Child, CompileError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Command::new(&self.program)
            .args(&self.arguments)
            .arg(self.caps.processor.as_secs().to_string())
            .arg(self.caps.memory.0.to_string())
            .env_clear()
            .env("RAYON_NUM_THREADS", cores.min(FUNCTIONS_AT_ONCE).to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|cause| CompileError::Start { program: self.program.clone(), cause })
    }

    fn failed(&self, answer: Answer, child: &mut Child) -> CompileError {
        let ended = child.wait();
        match answer {
            Answer::Invalid(cause) => CompileError::Invalid { cause },
            Answer::TooLarge => CompileError::Form { most: Bytes(FORM_MAX) },
            Answer::Compiled | Answer::None => {
                let words = last_words(child);
                match ended {
                    Ok(status) => self.death(status, &words),
                    Err(cause) => {
                        CompileError::Died { program: self.program.clone(), how: cause.to_string() }
                    }
                }
            }
        }
    }

    /// What a worker died of, by the status it ended with and what it said last.
    fn death(&self, status: ExitStatus, words: &str) -> CompileError {
        if is_signal(status, XCPU) {
            return CompileError::Processor { most: self.caps.processor };
        }
        if is_signal(status, ABRT) && NO_MEMORY.iter().any(|said| words.contains(said)) {
            return CompileError::Memory { most: self.caps.memory };
        }
        let first = words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let how = if first.is_empty() { status.to_string() } else { format!("{status}: {first}") };
        CompileError::Died { program: self.program.clone(), how }
    }
}

/// The worker's answer; none when it takes too long. Whichever, it is ended: it has nothing more to do.
fn heard(
    child: &mut Child,
    bytes: &[u8],
    into: &mut (impl Write + Send),
    caps: CompileCaps,
) -> Option<io::Result<Answer>> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    thread::scope(|threads| {
        // A worker that does not read to the end has died or answers why; either is heard below.
        threads.spawn(move || stdin.map(|mut stdin| stdin.write_all(bytes)));
        let (tell, told) = channel();
        threads.spawn(move || {
            let answer = match stdout {
                Some(mut stdout) => answer::read(&mut stdout, into, FORM_MAX),
                None => Ok(Answer::None),
            };
            tell.send(answer)
        });
        let answer = told.recv_timeout(caps.time).ok();
        let _ = child.kill();
        answer
    })
}

fn last_words(child: &mut Child) -> String {
    let mut words = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(LAST_WORDS_MAX).read_to_end(&mut words);
    }
    String::from_utf8_lossy(&words).into_owned()
}

/// What a Rust program says as it gives up for want of memory: an allocation that fails, and the system's own words where
/// a thread can't have its stack.
const NO_MEMORY: [&str; 2] = ["memory allocation of ", "Cannot allocate memory"];

/// The signal of too much processor time.
const XCPU: i32 = 24;
/// The signal of a program that gives up.
const ABRT: i32 = 6;

#[cfg(unix)]
fn is_signal(status: ExitStatus, signal: i32) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(signal)
}

/// Elsewhere no worker gets far enough to be ended by one.
#[cfg(not(unix))]
fn is_signal(_: ExitStatus, _: i32) -> bool {
    false
}
