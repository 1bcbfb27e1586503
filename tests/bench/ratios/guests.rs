//! Guests small enough to be read: what they are is in their `.wat`, so that nothing has to be built first.

use anyhow::Result;

/// A text in, the same text out.
pub(crate) fn echo() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("guests/echo.wat"))?)
}

/// A skill like [`echo`] with other bytes.
pub(crate) fn distinct_echo(number: u32) -> Result<Vec<u8>> {
    let text = include_str!("guests/echo.wat").replace("MARK", &format!("skill {number}"));
    Ok(wat::parse_str(text)?)
}

/// Never comes back.
pub(crate) fn spin() -> Result<Vec<u8>> {
    Ok(wat::parse_str(include_str!("guests/spin.wat"))?)
}

/// A guest that only computes.
pub(crate) struct Computing {
    /// What it does.
    pub(crate) name: &'static str,
    /// Its text.
    pub(crate) text: &'static str,
    /// What makes it work for some ten milliseconds.
    pub(crate) rounds: u32,
}

/// One guest for each kind of loop, since a meter's price depends on it.
pub(crate) const COMPUTING: [Computing; 4] = [
    Computing { name: "fib (calls)", text: include_str!("guests/fib.wat"), rounds: 30 },
    Computing { name: "sort (tight loops)", text: include_str!("guests/sort.wat"), rounds: 40 },
    Computing { name: "scan (branches)", text: include_str!("guests/scan.wat"), rounds: 60_000 },
    Computing { name: "mix (straight arithmetic)", text: include_str!("guests/mix.wat"), rounds: 700_000 },
];

/// About a kibibyte of JSON, as skills exchange it; the number makes it differ from every other.
pub(crate) fn text(number: u64) -> String {
    let line =
        |at: u64| format!("{{\"id\":\"{number}-{at}\",\"name\":\"Acme Ltd\",\"total\":{}}}", number + at);
    let lines: Vec<String> = (0..).map(line).take(22).collect();
    format!("[{}]", lines.join(","))
}
