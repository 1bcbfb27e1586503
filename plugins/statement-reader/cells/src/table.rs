//! A text of separated values as a table: flat, since a million rows of small texts would be mostly bookkeeping.
//!
//! A quote that is never closed would swallow every line after it. So each line is read on its own, a cell may go over
//! a few lines at most, and the line where that fails is named and left out; the next one is read as if nothing had
//! happened.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// The most that is read, in bytes.
pub const LONGEST_BYTES: u32 = 64 << 20;
/// Lines that a cell with line breaks may go over.
const LINES_MAX: usize = 10;
/// Cells of a row.
const CELLS_MAX: usize = 256;

/// Bytes and cells that a row is expected to have when room is made for all of them.
const SHORTEST_ROW: usize = 16;
const CELLS_EXPECTED: usize = 5;

/// How values are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Stands between two cells.
    pub separator: u8,
    /// Stands around a cell; two of them within it are one.
    pub quote: u8,
}

/// A line that is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line, from 1.
    pub line: u32,
    /// Why.
    pub why: &'static str,
}

/// Rows of cells, with the line each begins on.
#[derive(Debug, Default)]
pub struct Table {
    cells: String,
    /// Where cells end in `cells`, and where the first begins.
    ends: Vec<u32>,
    rows: Vec<Begin>,
    /// Lines that could not be read, in their order.
    pub broken: Vec<Broken>,
}

#[derive(Clone, Copy, Debug)]
struct Begin {
    line: u32,
    /// The place in `ends` of where its first cell begins.
    cell: u32,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    table: &'a Table,
    /// The line it begins on, from 1.
    pub line: u32,
    from: usize,
    to: usize,
}

impl Table {
    /// Reads a text. Blank lines are no rows. Of a text longer than [`LONGEST_BYTES`] that much is read; whoever calls
    /// refuses it before.
    #[must_use]
    pub fn read(text: &str, form: Form) -> Self {
        Self::read_rows(text, form, usize::MAX)
    }

    /// The same, up to so many rows and broken lines.
    #[must_use]
    pub fn read_rows(text: &str, form: Form, most: usize) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lines = TextLines::of(text.as_bytes());
        let mut reading = Reading::of(form);
        let mut table = Self { ends: vec![0], ..Self::default() };
        if most == usize::MAX {
            table.make_room(text);
        }
        while table.rows.len() + table.broken.len() < most && !lines.is_empty() {
            let (line, before) = (lines.number, lines);
            match reading.row(&mut lines) {
                Ok(true) => table.take(&reading, line),
                Ok(false) => {}
                Err(why) => {
                    table.broken.push(Broken { line, why });
                    lines = before;
                    lines.next();
                }
            }
        }
        table
    }

    /// Room for all of a text at once: growing by doubling would take as much again while it is moved.
    fn make_room(&mut self, text: &str) {
        self.cells.reserve(text.len());
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let rows = (breaks + 1).min(text.len() / SHORTEST_ROW + 1);
        self.rows.reserve(rows);
        self.ends.reserve(rows * CELLS_EXPECTED);
    }

    fn take(&mut self, reading: &Reading, line: u32) {
        let cell = to_u32(self.ends.len() - 1);
        let begin = self.cells.len();
        // Cells are parts of a text, cut at single bytes of ASCII, so this is the text itself.
        self.cells.push_str(&String::from_utf8_lossy(reading.cells()));
        self.ends.extend(reading.ends().iter().map(|end| to_u32(begin + end)));
        self.rows.push(Begin { line, cell });
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A row by its place, from 0.
    #[must_use]
    pub fn row(&self, place: usize) -> Option<Row<'_>> {
        let begin = self.rows.get(place)?;
        let next = self.rows.get(place + 1).map_or(self.ends.len() - 1, |next| next.cell as usize);
        Some(Row { table: self, line: begin.line, from: begin.cell as usize, to: next })
    }

    /// All rows in their order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).filter_map(|place| self.row(place))
    }

    fn between(&self, from: usize, to: usize) -> &str {
        let at = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        self.cells.get(at(from)..at(to)).unwrap_or_default()
    }
}

impl<'a> Row<'a> {
    /// A cell by its place, from 0; nothing where the row is shorter.
    #[must_use]
    pub fn cell(&self, place: usize) -> &'a str {
        let from = self.from + place;
        if from < self.to { self.table.between(from, from + 1) } else { "" }
    }

    /// How many cells it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.to - self.from
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.to == self.from
    }

    /// Its cells in their order.
    pub fn cells(&self) -> impl Iterator<Item = &'a str> {
        let row = *self;
        (0..self.len()).map(move |place| row.cell(place))
    }

    /// All that stands in its cells, one behind the other: equal rows are equal here.
    #[must_use]
    pub fn whole(&self) -> &'a str {
        self.table.between(self.from, self.to)
    }
}

/// The lines of a text that are still to be read.
#[derive(Clone, Copy)]
struct TextLines<'a> {
    rest: &'a [u8],
    end: u8,
    /// The number of the next line.
    number: u32,
}

impl<'a> TextLines<'a> {
    fn of(text: &'a [u8]) -> Self {
        let rest = text.get(..text.len().min(LONGEST_BYTES as usize)).unwrap_or(text);
        let end = if memchr::memchr(b'\n', rest).is_some() { b'\n' } else { b'\r' };
        Self { rest, end, number: 1 }
    }

    const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for TextLines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(self.end, self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        self.number += 1;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// One row while it is read.
struct Reading {
    reader: Reader,
    separator: u8,
    cells: Vec<u8>,
    ends: Vec<usize>,
    written: usize,
    ended: usize,
}

impl Reading {
    fn of(form: Form) -> Self {
        let reader = ReaderBuilder::new().delimiter(form.separator).quote(form.quote).build();
        Self {
            reader,
            separator: form.separator,
            cells: Vec::new(),
            ends: vec![0; CELLS_MAX],
            written: 0,
            ended: 0,
        }
    }

    fn cells(&self) -> &[u8] {
        self.cells.get(..self.written).unwrap_or_default()
    }

    fn ends(&self) -> &[usize] {
        self.ends.get(..self.ended).unwrap_or_default()
    }

    /// Reads the row that begins here, over as many lines as it goes; false where the line is blank.
    fn row(&mut self, lines: &mut TextLines<'_>) -> Result<bool, &'static str> {
        self.reader.reset();
        (self.written, self.ended) = (0, 0);
        for taken in 0..LINES_MAX {
            let Some(line) = lines.next() else { break };
            if taken == 0 && line.trim_ascii().is_empty() {
                return Ok(false);
            }
            if self.feed(line)? || self.feed(b"\n")? {
                return if taken == 0 || !self.swallowed() { Ok(true) } else { Err(NEVER_CLOSED) };
            }
        }
        Err(NEVER_CLOSED)
    }

    /// Whether the row is complete after these bytes.
    fn feed(&mut self, bytes: &[u8]) -> Result<bool, &'static str> {
        let room = self.written + bytes.len() + 1;
        if self.cells.len() < room {
            self.cells.resize(room.next_power_of_two(), 0);
        }
        let mut rest = bytes;
        loop {
            let cells = self.cells.get_mut(self.written..).unwrap_or_default();
            let ends = self.ends.get_mut(self.ended..).unwrap_or_default();
            let (result, read, written, ended) = self.reader.read_record(rest, cells, ends);
            rest = rest.get(read..).unwrap_or_default();
            self.written += written;
            self.ended += ended;
            match result {
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::OutputEndsFull => return Err(TOO_MANY),
                // Nothing is left to read: the end of the text is never told, so a row is complete or within a quote.
                _ if rest.is_empty() => return Ok(false),
                _ => {}
            }
        }
    }

    /// Whether a cell over several lines may hold rows behind a quote that nobody closed: a row has a separator, so
    /// a cell that has one is never believed. That names a few good lines as broken and lets none vanish.
    fn swallowed(&self) -> bool {
        let begins = std::iter::once(&0).chain(self.ends());
        let mut cells =
            begins.zip(self.ends()).map(|(from, to)| self.cells.get(*from..*to).unwrap_or_default());
        let holds = |cell: &[u8], byte: u8| memchr::memchr(byte, cell).is_some();
        cells.any(|cell| holds(cell, b'\n') && holds(cell, self.separator))
    }
}

const NEVER_CLOSED: &str = "a quote is opened and not closed";
const TOO_MANY: &str = "it has more than 256 cells";

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMAS: Form = Form { separator: b',', quote: b'"' };

    /// Rows as `LINE:cell|cell`, then the lines that are broken.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let table = Table::read(text, COMMAS);
        let rows =
            table.rows().map(|row| format!("{}:{}", row.line, row.cells().collect::<Vec<_>>().join("|")));
        let broken = table.broken.iter().map(|broken| format!("{} {}", broken.line, broken.why));
        assert_eq!(rows.chain(broken).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[test]
    fn rows_are_read_with_their_lines() {
        check("a,b\n\n \nc,d\n", &["1:a|b", "4:c|d"]);
        check("a,b\r\nc,\r\n", &["1:a|b", "2:c|"]);
        check("\u{feff}a,b\rc,d", &["1:a|b", "2:c|d"]);
        check("\"a\"\"b\",\"c,d\"\n", &["1:a\"b|c,d"]);
        check("\"a\nb\",c\nd,e\n", &["1:a\nb|c", "3:d|e"]);
        check("5\" pipe,b\nc,d\n", &["1:5\" pipe|b", "2:c|d"]);
        check("", &[]);
    }

    #[test]
    fn a_quote_nobody_closed_costs_its_own_line() {
        let never = "a quote is opened and not closed";
        check("a,b\n\"c,d\ne,f\n", &["1:a|b", "3:e|f", &format!("2 {never}")]);
        check("a,\"b", &[&format!("1 {never}")]);
        let swallowing = "a,\"b,c,d\ne,f,\"g,h\ni,j,k,l\n";
        check(swallowing, &["3:i|j|k|l", &format!("1 {never}"), &format!("2 {never}")]);
        check(&format!("{}\na,b\n", "x,".repeat(300)), &["2:a|b", "1 it has more than 256 cells"]);
    }

    #[test]
    fn many_open_quotes_cost_a_few_lines_each() {
        let table = Table::read(&"\"a,b\n".repeat(10_000), COMMAS);
        assert_eq!((table.len(), table.broken.len()), (0, 10_000));
    }

    proptest! {
        /// Any text is read without a panic, and each line is told at most once.
        #[test]
        fn any_text_is_read(text in "([\",;\n\r]|[a-z]{1,3}|\\PC){0,60}") {
            let table = Table::read(&text, COMMAS);
            let mut lines: Vec<u32> = table.rows().map(|row| row.line).collect();
            lines.extend(table.broken.iter().map(|broken| broken.line));
            lines.sort_unstable();
            prop_assert!(lines.is_sorted_by(|one, next| one < next), "{:?}", lines);
        }

        /// What is written is read back.
        #[test]
        fn rows_survive(rows in proptest::collection::vec(proptest::collection::vec("[a-z,\" ]{0,6}", 2..5), 1..6)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).map_err(|error| TestCaseError::fail(error.to_string()))?;
            }
            let bytes = writer.into_inner().map_err(|error| TestCaseError::fail(error.to_string()))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let table = Table::read(&text, COMMAS);
            let read: Vec<Vec<String>> = table.rows().map(|row| row.cells().map(str::to_owned).collect()).collect();
            prop_assert_eq!(read, rows);
        }
    }
}
