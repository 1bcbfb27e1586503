//! Dates as exports have them, and what stands first in them: found in all of them together, and in the month the
//! export is for, since `03/10/2026` alone can be read in two ways.

use crate::Order;
use crate::decimals::short;
use jiff::civil::Date;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A date as it can be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Read {
    /// In one way.
    Only(Date),
    /// By what stands first; two different days.
    Either { day_first: Date, month_first: Date },
    /// With the day first only, or with the month first only.
    With(Order, Date),
}

impl Read {
    /// The day, in this order.
    pub(crate) fn day(self, order: Order) -> Option<Date> {
        match (self, order) {
            (Read::Only(date), _) => Some(date),
            (Read::Either { day_first, .. }, Order::DayFirst) => Some(day_first),
            (Read::Either { month_first, .. }, Order::MonthFirst) => Some(month_first),
            (Read::With(only, date), order) => (only == order).then_some(date),
        }
    }
}

/// Reads a cell. A time behind the date is left away.
///
/// Fails with why it is no date.
pub(crate) fn read(cell: &str) -> Result<Read, String> {
    let text = cell.trim();
    parts(without_time(text)).and_then(of_parts).ok_or_else(|| match text {
        "" => "it has no date".to_owned(),
        _ => format!("`{}` is no day of the calendar", short(text)),
    })
}

fn without_time(text: &str) -> &str {
    match text.split_once(['T', ' ']) {
        Some((date, time)) if time.contains(':') && date.bytes().any(|byte| byte.is_ascii_digit()) => date,
        _ => text,
    }
}

/// Three parts of a date and what stands between them.
struct Parts<'a> {
    parts: [&'a str; 3],
    separator: char,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let parts = [text.get(..4)?, text.get(4..6)?, text.get(6..)?];
        return Some(Parts { parts, separator: '-' });
    }
    let separator = text.chars().find(|letter| matches!(letter, '-' | '/' | '.' | ' '))?;
    let mut split = text.splitn(3, separator);
    let parts = [split.next()?, split.next()?, split.next()?];
    Some(Parts { parts, separator })
}

fn of_parts(Parts { parts: [a, b, c], separator }: Parts<'_>) -> Option<Read> {
    if a.len() == 4 {
        return date(a, b, c).map(Read::Only);
    }
    if !b.bytes().all(|byte| byte.is_ascii_digit()) {
        return date(c, &named(b)?, a).map(Read::Only);
    }
    // With points between the day always stands first.
    if separator == '.' {
        return date(c, b, a).map(Read::Only);
    }
    match (date(c, b, a), date(c, a, b)) {
        (Some(day_first), Some(month_first)) if day_first == month_first => Some(Read::Only(day_first)),
        (Some(day_first), Some(month_first)) => Some(Read::Either { day_first, month_first }),
        (Some(day_first), None) => Some(Read::With(Order::DayFirst, day_first)),
        (None, Some(month_first)) => Some(Read::With(Order::MonthFirst, month_first)),
        (None, None) => None,
    }
}

/// The number of a month by its name or the first three letters of it.
fn named(month: &str) -> Option<String> {
    let begin = month.get(..3)?.to_ascii_lowercase();
    let place = MONTHS.iter().position(|name| **name == begin)?;
    Some((place + 1).to_string())
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    let number = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse::<i16>().ok()).flatten()
    };
    let full = match year.len() {
        4 => number(year, 4)?,
        2 => 2000 + number(year, 2)?,
        _ => return None,
    };
    let narrow = |number: i16| i8::try_from(number).ok();
    Date::new(full, narrow(number(month, 2)?)?, narrow(number(day, 2)?)?).ok()
}

/// What all dates of an export say together.
#[derive(Debug, Default)]
pub(crate) struct Votes {
    day_first: u32,
    month_first: u32,
    /// The first dates that can be read in two ways.
    open: Vec<String>,
}

impl Votes {
    /// Counts a date; of two ways the one within the month is it.
    pub(crate) fn count(&mut self, cell: &str, month: Option<Date>) {
        let order = match read(cell) {
            Ok(Read::With(order, _)) => order,
            Ok(Read::Either { day_first, month_first }) => {
                let fits =
                    |date: Date| month.is_some_and(|month| month.first_of_month() == date.first_of_month());
                match (fits(day_first), fits(month_first)) {
                    (true, false) => Order::DayFirst,
                    (false, true) => Order::MonthFirst,
                    _ if self.open.len() < 3 => return self.open.push(short(cell)),
                    _ => return,
                }
            }
            _ => return,
        };
        match order {
            Order::DayFirst => self.day_first += 1,
            Order::MonthFirst => self.month_first += 1,
        }
    }

    /// The order and why, or why it can't be told.
    pub(crate) fn decide(&self, said: Option<Order>) -> Result<(Order, String), String> {
        let seen = |count: u32| format!("{count} dates can only be read so, or fall into the month only so");
        match (said, self.day_first, self.month_first) {
            (Some(said), ..) => Ok((said, "it was said".to_owned())),
            (None, 0, 0) if self.open.is_empty() => {
                Ok((Order::DayFirst, "every date says it itself".to_owned()))
            }
            (None, day, month) if day > 0 && day / 10 >= month => Ok((Order::DayFirst, seen(day))),
            (None, day, month) if month > 0 && month / 10 >= day => Ok((Order::MonthFirst, seen(month))),
            (None, 0, 0) => {
                let open = self.open.join("`, `");
                Err(format!(
                    "dates: `{open}` can be read in two ways; say `dates`: `day-first` or `month-first`"
                ))
            }
            (None, day, month) => Err(format!(
                "dates: {day} can only be read with the day first and {month} only with the month first; \
                 say `dates`: `day-first` or `month-first`"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, expected: &str) {
        let told = match read(cell) {
            Ok(Read::Only(date)) => date.to_string(),
            Ok(Read::Either { day_first, month_first }) => format!("{day_first} or {month_first}"),
            Ok(Read::With(Order::DayFirst, date)) => format!("{date} day first"),
            Ok(Read::With(Order::MonthFirst, date)) => format!("{date} month first"),
            Err(why) => why,
        };
        assert_eq!(told, expected, "{cell}");
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        for cell in [
            "2026-10-03",
            "20261003",
            "2026/10/03",
            "03.10.2026",
            "3.10.26",
            "3 Oct 2026",
            "03-October-2026",
            "2026-10-03T10:00:00Z",
            "2026-10-03 10:00",
        ] {
            check(cell, "2026-10-03");
        }
        check("03/10/2026", "2026-10-03 or 2026-03-10");
        check("3/10/26", "2026-10-03 or 2026-03-10");
        check("13/10/2026", "2026-10-13 day first");
        check("10-13-2026", "2026-10-13 month first");
        check("10/10/2026", "2026-10-10");
    }

    #[test]
    fn what_is_no_date_says_so() {
        check("", "it has no date");
        for cell in [
            "2026-02-30",
            "31.11.2026",
            "soon",
            "1/2",
            "45933",
            "=A1",
            "2026-10-03-01",
            "3 Foo 2026",
            "０３.10.2026",
        ] {
            check(cell, &format!("`{cell}` is no day of the calendar"));
        }
    }

    #[test]
    fn the_order_is_found_in_all_dates_together_or_in_the_month() {
        let decided = |cells: &[&str], month: Option<Date>| {
            let mut votes = Votes::default();
            cells.iter().for_each(|cell| votes.count(cell, month));
            votes.decide(None).map(|(order, _)| order)
        };
        let october = Date::new(2026, 10, 1).ok();
        assert_eq!(decided(&["03/10/2026", "13/10/2026"], None), Ok(Order::DayFirst));
        assert_eq!(decided(&["03/10/2026", "10/13/2026"], None), Ok(Order::MonthFirst));
        assert_eq!(decided(&["03/10/2026"], october), Ok(Order::DayFirst));
        assert_eq!(decided(&["10/03/2026"], october), Ok(Order::MonthFirst));
        assert!(decided(&["03/10/2026"], None).is_err_and(|why| why.contains("two ways")));
        assert!(decided(&["13/10/2026", "10/13/2026"], None).is_err());
        assert_eq!(decided(&["2026-10-03"], None), Ok(Order::DayFirst));
    }
}
