//! Standard output and error: lines kept as diagnostics, counted as talk.

use super::WORD;
use crate::crossings::{Crossings, cut, one_line};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime_wasi_io::bytes::Bytes;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{OutputStream, StreamError, StreamResult};

/// Bytes one write may have. What a guest may say in all is its talk limit.
const WRITE_MAX: usize = 4 << 10;
/// Longest line that is kept whole.
const LINE_MAX: usize = 1 << 10;
/// Lines that a crash's detail may quote, and how long the quote may be.
const LAST_LINES: usize = 3;
const QUOTE_MAX: usize = 300;

/// What a guest printed so far. A cheap handle: streams outlive the host call that made them.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    crossings: Crossings,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    last: VecDeque<String>,
}

impl Printed {
    /// Nothing yet.
    pub(crate) fn new(crossings: Crossings) -> Self {
        Self { crossings, lines: Arc::default() }
    }

    /// The last lines as one, for the detail of a crash; none when nothing was printed.
    pub(crate) fn quote(&self) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: Vec<&str> = lines.last.iter().map(String::as_str).collect();
        (!kept.is_empty()).then(|| cut(&kept.join(" / "), QUOTE_MAX))
    }

    /// Ends a line that the guest began and did not end.
    pub(crate) fn finish(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = std::mem::take(&mut lines.begun);
        self.keep(&mut lines, &rest);
    }

    fn print(&self, bytes: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            lines.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut lines.begun);
                self.keep(&mut lines, &line);
            }
        }
    }

    fn keep(&self, lines: &mut Lines, line: &[u8]) {
        let text = one_line(String::from_utf8_lossy(line).trim_end());
        if text.is_empty() {
            return;
        }
        let text = cut(&text, LINE_MAX);
        self.crossings.log(&text);
        // Advice of the guest's runtime about the guest's own environment tells nobody here anything.
        if !text.starts_with("note: run with `RUST_BACKTRACE") {
            lines.last.push_back(text);
        }
        if lines.last.len() > LAST_LINES {
            lines.last.pop_front();
        }
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.crossings.count(WORD).map_err(StreamError::Trap)?;
        self.crossings.talk(bytes.len()).map_err(|limit| StreamError::Trap(limit.into()))?;
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_MAX)
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use kapell_model::limits::Limits;
    use kapell_model::quantity::Bytes as Size;

    fn printed(pieces: &[&str]) -> (Vec<String>, Option<String>) {
        let crossings = Crossings::live(&Limits::default());
        let mut printed = Printed::new(crossings.clone());
        pieces.iter().for_each(|piece| printed.write(Bytes::copy_from_slice(piece.as_bytes())).unwrap());
        printed.finish();
        (crossings.take().log, printed.quote())
    }

    #[test]
    fn printed_lines_are_kept_whole_and_made_safe() {
        let (log, _) = printed(&["one\ntw", "o\n\n", "\u{1b}[31mred", "\u{202e}"]);
        assert_eq!(log, ["one", "two", "\u{fffd}[31mred\u{fffd}"]);
    }

    #[test]
    fn a_crash_quotes_the_last_lines_without_the_runtimes_advice() {
        let panic = "thread panicked at src/lib.rs:3:5:\nboom\nnote: run with `RUST_BACKTRACE=1` …\n";
        assert_eq!(printed(&["x\ny\n", panic]).1.unwrap(), "y / thread panicked at src/lib.rs:3:5: / boom");
        assert_eq!(printed(&[]).1, None);
    }

    #[test]
    fn printing_is_talk_up_to_the_limit() {
        let crossings = Crossings::live(&Limits { talk: Size(10), ..Limits::default() });
        let mut printed = Printed::new(crossings);
        printed.write(Bytes::from_static(b"0123456789")).unwrap();
        assert!(matches!(printed.write(Bytes::from_static(b"0")), Err(StreamError::Trap(_))));
    }
}
