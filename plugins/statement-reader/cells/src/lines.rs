//! The one form in which lines of an account go from skill to skill: comma-separated values under a fixed header, with
//! the line of the export each comes from, so that whatever is said later can be looked up there.

use crate::{Amount, Day, Form, Table};

/// What stands above the lines.
pub const HEADER: [&str; 5] = ["line", "date", "amount", "reference", "text"];

const FORM: Form = Form { separator: b',', quote: b'"' };

/// Lines of one account, in the order of the export.
#[derive(Debug)]
pub struct Lines {
    table: Table,
    lines: Vec<Line>,
}

/// What of a line is counted with.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The line of the export, from 1.
    pub number: u32,
    /// The day it was booked.
    pub day: Day,
    /// What came in; what went out is negative.
    pub amount: Amount,
}

/// A text that is not in this form: the line of it, from 1, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoLines {
    /// The line of the text.
    pub line: u32,
    /// What is wrong there.
    pub why: String,
}

impl Lines {
    /// Reads lines that [`crate::Sheet`] wrote under [`HEADER`].
    ///
    /// # Errors
    ///
    /// The first line that is not in this form; nothing is skipped.
    pub fn read(text: &str) -> Result<Self, NoLines> {
        let failed = |line: u32, why: &str| NoLines { line, why: why.to_owned() };
        let table = Table::read(text, FORM);
        if let Some(broken) = table.broken.first() {
            return Err(failed(broken.line, broken.why));
        }
        if !table.row(0).is_some_and(|row| row.cells().eq(HEADER)) {
            return Err(failed(1, "it does not begin with line,date,amount,reference,text"));
        }
        let mut lines = Vec::with_capacity(table.len());
        let mut last = ("", None);
        for row in table.rows().skip(1) {
            let date = row.cell(1);
            if last.0 != date {
                last = (date, Day::parse(date));
            }
            let line = (row.len() == HEADER.len()).then_some(()).and_then(|()| {
                let (number, amount) = (row.cell(0).parse().ok()?, Amount::parse(row.cell(2)).ok()?);
                Some(Line { number, day: last.1?, amount })
            });
            lines.push(line.ok_or_else(|| failed(row.line, "it is no line of an account"))?);
        }
        Ok(Self { table, lines })
    }

    /// The lines.
    #[must_use]
    pub fn all(&self) -> &[Line] {
        &self.lines
    }

    /// The reference and the text of a line by its place, from 0.
    #[must_use]
    pub fn words(&self, place: usize) -> (&str, &str) {
        self.table.row(place + 1).map_or(("", ""), |row| (row.cell(3), row.cell(4)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn lines_are_read_whole_or_not_at_all() {
        let text = "line,date,amount,reference,text\n7,2026-10-03,-12.50,INV-1,\"a, b\"\n";
        let lines = Lines::read(text).unwrap();
        assert_eq!(lines.words(0), ("INV-1", "a, b"));
        assert_eq!((lines.all().len(), lines.all().first().unwrap().number), (1, 7));
        for (bad, line) in [
            ("", 1),
            ("date,amount\n", 1),
            ("line,date,amount,reference,text\n7,2026-10-03,1\n", 2),
            ("line,date,amount,reference,text\n7,3.10.2026,1,,\n", 2),
            ("line,date,amount,reference,text\n7,2026-10-03,\"1,5\",,\n", 2),
            ("line,date,amount,reference,text\n7,2026-10-03,1,,\"\n", 2),
        ] {
            assert_eq!(Lines::read(bad).unwrap_err().line, line, "{bad}");
        }
    }
}
