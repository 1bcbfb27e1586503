//! Lends diagnostic lines (`wasi:logging`): sanitised, one line each, counted. Never lends the host's own log, its
//! levels or its format: a guest's line can't imitate one of the host's.

use super::bindings::wasi::logging::logging;
use super::{Allowance, Lends, Lent};
use kapell_model::capability::Kind;
use kapell_model::grant::{Authority, GrantSet};
use wasmtime::component::Linker;

/// The log of one attempt.
#[derive(Debug)]
pub struct LoggingCtx {
    left: Allowance,
}

impl LoggingCtx {
    /// The log as granted; of several grants the first holds.
    #[must_use]
    pub fn new(grants: &GrantSet) -> Self {
        let granted = grants.grants.iter().find_map(|grant| match grant.authority {
            Authority::Logging { bytes_max } => Some(bytes_max),
            _ => None,
        });
        Self { left: Allowance::new(granted) }
    }
}

/// Gives the log of a store.
pub trait LoggingView: Send + 'static {
    /// The log, the handles, the seam.
    fn logging(&mut self) -> Lent<'_, LoggingCtx>;
}

impl logging::Host for Lent<'_, LoggingCtx> {
    /// Never fails for the guest: what does not fit is cut with a mark, what comes after is counted as dropped.
    fn log(&mut self, level: logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        self.crossings.count(Kind::Logging.word())?;
        let line = match context.as_str() {
            "" => format!("{}: {message}", word(level)),
            context => format!("{} [{context}]: {message}", word(level)),
        };
        self.crossings.talk(line.len())?;
        match self.ctx.left.take(&line) {
            Some(line) => self.crossings.log(&line),
            None => self.crossings.dropped("logging-dropped"),
        }
        Ok(())
    }
}

const fn word(level: logging::Level) -> &'static str {
    match level {
        logging::Level::Trace => "trace",
        logging::Level::Debug => "debug",
        logging::Level::Info => "info",
        logging::Level::Warn => "warn",
        logging::Level::Error => "error",
        logging::Level::Critical => "critical",
    }
}

/// Links `wasi:logging/logging`.
///
/// # Errors
/// When it is linked already.
pub fn add_to_linker<T: LoggingView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    logging::add_to_linker::<T, Lends<LoggingCtx>>(linker, T::logging)
}
