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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::logging::{Host as _, Level};
    use super::*;
    use crate::capability::testing::{Bench, granted, limit};
    use crate::crossings::Crossings;
    use kapell_model::ending::TrapCause;
    use kapell_model::limits::Limits;
    use kapell_model::quantity::Bytes;

    fn log(most: u64, talk: u64) -> Bench<LoggingCtx> {
        let ctx = LoggingCtx::new(&granted("log", Authority::Logging { bytes_max: Bytes(most) }));
        Bench::with(ctx, Crossings::live(&Limits { talk: Bytes(talk), ..Limits::default() }))
    }

    #[test]
    fn a_line_is_one_line_whatever_the_guest_says() {
        let mut bench = log(1_000, 1_000);
        bench.lent().log(Level::Info, String::new(), "read 3 clauses".into()).unwrap();
        bench.lent().log(Level::Warn, "pay\n".into(), "a\n12:00 approved\u{1b}[1A".into()).unwrap();
        let (meters, left) = bench.meters();
        assert_eq!(left.log, ["info: read 3 clauses", "warn [pay ]: a 12:00 approved\u{fffd}[1A"]);
        assert_eq!(meters.crossings.get("logging"), Some(&2));
    }

    #[test]
    fn a_line_beyond_the_grant_is_cut_and_those_after_it_are_counted() {
        for (most, expected) in [(8, "info: ab"), (7, "info: a […cut]")] {
            let mut bench = log(most, 1_000);
            bench.lent().log(Level::Info, String::new(), "ab".into()).unwrap();
            assert_eq!(bench.meters().1.log, [expected], "{most}");
        }
        let mut bench = log(7, 1_000);
        for _ in 0..3 {
            bench.lent().log(Level::Info, String::new(), "ab".into()).unwrap();
        }
        let (meters, left) = bench.meters();
        assert_eq!(left.log, ["info: a […cut]"]);
        assert_eq!(meters.crossings.get("logging-dropped"), Some(&2));
    }

    #[test]
    fn talk_counts_also_what_is_dropped() {
        let mut bench = log(0, 16);
        bench.lent().log(Level::Info, String::new(), "ab".into()).unwrap();
        bench.lent().log(Level::Info, String::new(), "ab".into()).unwrap();
        let end = bench.lent().log(Level::Info, String::new(), "ab".into()).unwrap_err();
        assert_eq!(limit(&end), Some(TrapCause::Talk));
    }

    #[test]
    fn without_a_grant_nothing_is_kept() {
        let mut bench = Bench::new(LoggingCtx::new(&GrantSet::default()));
        bench.lent().log(Level::Info, String::new(), "ab".into()).unwrap();
        assert!(bench.meters().1.log.is_empty());
    }
}
