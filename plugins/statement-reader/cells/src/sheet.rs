//! A table on its way into a file: every text harmless, every number a number.

use crate::cell::harmless;
use crate::{Amount, Day};

/// Days that are remembered.
const DAYS: usize = 92;

/// What a cell holds.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// Somebody's text. Where a spreadsheet could run it, an apostrophe stands before it.
    Text(&'a str),
    /// An amount, written as a number.
    Amount(Amount),
    /// A day.
    Day(Day),
    /// A number of a line or a pair.
    Number(u32),
    /// Nothing.
    Empty,
}

/// Rows of comma-separated values, as RFC 4180 has them, with plain line breaks.
pub struct Sheet {
    writer: csv::Writer<Vec<u8>>,
    /// Days by their number within a quarter, with their texts: a file has few, again and again.
    days: Vec<Option<(Day, String)>>,
    /// Where numbers are written before they are put down.
    number: String,
}

impl Sheet {
    /// Begins with a header.
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        Self::sized(header, 0)
    }

    /// The same with room for so many bytes, for a table of which it is known how large it will be about.
    #[must_use]
    pub fn sized(header: &[&str], bytes: usize) -> Self {
        let writer = csv::WriterBuilder::new().from_writer(Vec::with_capacity(bytes));
        let mut sheet = Self { writer, days: vec![None; DAYS], number: String::new() };
        header.iter().for_each(|name| sheet.put(name));
        sheet.end_row();
        sheet
    }

    /// Writes a row, of as many cells as the header has.
    pub fn row(&mut self, cells: &[Cell<'_>]) {
        for cell in cells {
            match *cell {
                Cell::Text(text) => self.put(&harmless(text)),
                Cell::Amount(amount) => self.put_amount(amount),
                Cell::Number(number) => self.put(itoa::Buffer::new().format(number)),
                Cell::Day(day) => self.put_day(day),
                Cell::Empty => self.put(""),
            }
        }
        self.end_row();
    }

    /// The text.
    #[must_use]
    pub fn done(self) -> String {
        let bytes = self.writer.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn put_day(&mut self, day: Day) {
        let place = day.within(DAYS);
        let known = self.days.get_mut(place).and_then(Option::take).filter(|(known, _)| *known == day);
        let text = known.map_or_else(|| day.to_string(), |(_, text)| text);
        self.put(&text);
        if let Some(slot) = self.days.get_mut(place) {
            *slot = Some((day, text));
        }
    }

    fn put_amount(&mut self, amount: Amount) {
        let mut text = std::mem::take(&mut self.number);
        text.clear();
        amount.write_to(&mut text);
        self.put(&text);
        self.number = text;
    }

    fn put(&mut self, cell: &str) {
        // Memory takes whatever is written.
        let _ = self.writer.write_field(cell);
    }

    fn end_row(&mut self) {
        let _ = self.writer.write_record(None::<&[u8]>);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_kept_from_running_and_numbers_are_not() {
        let mut sheet = Sheet::new(&["a", "b", "c", "d"]);
        let amount = Amount::parse("-12.50").unwrap_or_default();
        let day = Day::parse("2026-10-03");
        let day = day.map_or(Cell::Empty, Cell::Day);
        sheet.row(&[Cell::Text("=1+1"), Cell::Amount(amount), day, Cell::Number(7)]);
        sheet.row(&[Cell::Text("a,\"b\"\nc"), Cell::Empty, day, Cell::Text("-3")]);
        let expected = "a,b,c,d\n'=1+1,-12.50,2026-10-03,7\n\"a,\"\"b\"\" c\",,2026-10-03,-3\n";
        assert_eq!(sheet.done(), expected);
    }
}
