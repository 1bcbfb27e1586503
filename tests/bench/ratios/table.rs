//! The table: what was measured, its ratio, its goal, and whether it was met this time.

use std::time::Duration;

/// A goal a ratio is held against; only said, never enforced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most so many times the base.
    AtMost(f64),
    /// At least so many times the base.
    AtLeast(f64),
}

/// The line above the columns.
pub(crate) fn head() {
    println!("{:<52} {:>12} {:>9}  goal", "", "measured", "ratio");
}

/// The heading of a group of rows.
pub(crate) fn group(title: &str) {
    println!("\n{title}");
}

/// A row that is only shown.
pub(crate) fn shown(name: &str, measured: &str, ratio: Option<f64>) {
    println!("{}", line(name, measured, ratio).trim_end());
}

/// A row with a goal.
pub(crate) fn against(name: &str, measured: &str, ratio: f64, goal: Goal) {
    println!("{}  {}", line(name, measured, Some(ratio)), goal.judge(ratio));
}

fn line(name: &str, measured: &str, ratio: Option<f64>) -> String {
    format!("  {name:<50} {measured:>12} {:>9}", ratio.map_or(String::new(), times))
}

fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 20.0 => format!("{ratio:.0}x"),
        ratio => format!("{ratio:.2}x"),
    }
}

impl Goal {
    fn judge(self, ratio: f64) -> String {
        let (words, met) = match self {
            Goal::AtMost(most) => (format!("at most {most}x"), ratio <= most),
            Goal::AtLeast(least) => (format!("at least {least}x"), ratio >= least),
        };
        format!("{words}: {}", if met { "met" } else { "missed" })
    }
}

/// A time with three digits.
pub(crate) fn time(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        micros if micros < 1_000.0 => format!("{} µs", digits(micros)),
        micros if micros < 1_000_000.0 => format!("{} ms", digits(micros / 1e3)),
        micros => format!("{} s", digits(micros / 1e6)),
    }
}

/// A rate.
pub(crate) fn rate(per_unit: Duration) -> String {
    format!("{:.0} /s", 1.0 / per_unit.as_secs_f64())
}

/// An amount of memory.
pub(crate) fn kib(bytes: f64) -> String {
    format!("{} KiB", digits(bytes / 1024.0))
}

fn digits(number: f64) -> String {
    match number.abs() {
        size if size < 10.0 => format!("{number:.2}"),
        size if size < 100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}
