//! The demo's page: beats with their lines, printed as they come, or one JSON object at the end.

use crate::output;
use kapell_report::cost::aligned;
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use std::time::Duration;

/// What the demo has said so far.
pub(crate) struct Page {
    json: bool,
    beats: Vec<Beat>,
}

struct Beat {
    title: String,
    lines: Vec<String>,
}

impl Page {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, beats: Vec::new() }
    }

    /// Begins a beat.
    pub(crate) fn beat(&mut self, title: &str) {
        if !self.json {
            let gap = if self.beats.is_empty() { "" } else { "\n" };
            output::data(&format!("{gap}{} {}", (self.beats.len() + 1).bold(), title.bold()));
        }
        self.beats.push(Beat { title: title.into(), lines: Vec::new() });
    }

    /// Says one thing of the present beat. What guests or strangers wrote must have been made safe before.
    pub(crate) fn line(&mut self, text: &str) {
        if !self.json {
            output::data(&format!("  {text}"));
        }
        if let Some(beat) = self.beats.last_mut() {
            beat.lines.push(text.into());
        }
    }

    /// Says rows of one width a column: the first column on the left, the others on the right.
    pub(crate) fn table(&mut self, rows: &[Vec<String>]) {
        aligned(rows).lines().for_each(|row| self.line(row));
    }

    /// The last words, and all of it at once for a program.
    pub(crate) fn close(&self, words: &[String], took: Duration) {
        if !self.json {
            output::data(&format!("\n{}", words.join("\n")));
            return;
        }
        let beats = self.beats.iter().map(|beat| json!({ "title": beat.title, "lines": beat.lines }));
        output::json(&json!({
            "schema": "kapell.demo/1",
            "beats": beats.collect::<Vec<Value>>(),
            "words": words,
            "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }));
    }
}
