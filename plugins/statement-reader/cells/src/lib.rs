//! Rows of money, and how they are kept: exact amounts, days of the calendar, tables of text read and written, and the
//! one form in which lines of an account travel from the skill that reads exports to the skill that matches them.
//!
//! It never decides what a column means or which lines belong together, never rounds an amount, and never writes a
//! cell that a spreadsheet takes for a formula.

mod amount;
mod cell;
mod day;
mod lines;
mod sheet;
mod table;

pub use amount::{Amount, DECIMALS_MAX, DIGITS_MAX, NoAmount};
pub use cell::{is_formula, on_one_line};
pub use day::Day;
pub use lines::{HEADER, Line, Lines, NoLines};
pub use sheet::{Cell, Sheet};
pub use table::{Broken, Form, LONGEST_BYTES, Row, Table};
