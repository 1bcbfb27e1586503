//! What a run may take, before anything is spent: the range of past runs of the same flow, those of like input first.

use crate::plain;
use crate::tally::Tally;
use kapell_journal::entry::RunEnding;
use kapell_model::money::{Money, MoneyError};
use kapell_model::quantity::Span;
use serde::Serialize;

/// One past run, as far as an estimate rests on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Bytes of its inputs.
    pub input: u64,
    /// What it cost, people included; none when it cost nothing.
    pub money: Option<Money>,
    /// Units of guest work.
    pub fuel: u64,
    /// Wall time of its attempts, in microseconds.
    pub worked: u64,
    /// From its beginning to its end.
    pub cycle: Span,
}

/// The range of past runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Estimate {
    /// How many runs it rests on.
    pub runs: usize,
    /// Whether these had inputs of like size: half to double.
    pub of_like_size: bool,
    /// What a run cost, people included.
    pub money: Option<Range<Money>>,
    /// Units of guest work.
    pub fuel: Range<u64>,
    /// Wall time of attempts, in microseconds.
    pub worked_micros: Range<u64>,
    /// From beginning to end, waiting for people included, in milliseconds.
    pub whole: Range<Span>,
}

/// Least, middle and most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range<T> {
    /// The least.
    pub low: T,
    /// As many lie below as above it; of two in the middle the higher.
    pub median: T,
    /// The most.
    pub high: T,
}

impl Past {
    /// A run that was gone through, to its outcome or to a person's no; none of one that goes on, was stopped or broke
    /// off, which says nothing of a whole run.
    ///
    /// # Errors
    /// When its amounts do not add up.
    pub fn of(tally: &Tally, input: u64) -> Result<Option<Self>, MoneyError> {
        let whole =
            tally.ending().is_some_and(|ending| matches!(ending, RunEnding::Done | RunEnding::Rejected));
        let Some(cycle) = tally.cycle().filter(|_| whole) else { return Ok(None) };
        let mut money: Option<Money> = None;
        for line in &tally.lines {
            money = Some(match money {
                Some(sum) => sum.plus(&line.money)?,
                None => line.money.clone(),
            });
        }
        Ok(Some(Self { input, money, fuel: tally.fuel, worked: tally.worked_micros, cycle }))
    }
}

/// The range for an input of so many bytes; none without past runs.
#[must_use]
pub fn estimate(past: &[Past], input: u64) -> Option<Estimate> {
    let alike = |run: &&Past| run.input >= input / 2 && run.input <= input.saturating_mul(2);
    let like: Vec<&Past> = past.iter().filter(alike).collect();
    let of_like_size = !like.is_empty();
    let runs: Vec<&Past> = if of_like_size { like } else { past.iter().collect() };
    Some(Estimate {
        runs: runs.len(),
        of_like_size,
        money: range(runs.iter().filter_map(|run| run.money.clone())),
        fuel: range(runs.iter().map(|run| run.fuel))?,
        worked_micros: range(runs.iter().map(|run| run.worked))?,
        whole: range(runs.iter().map(|run| run.cycle))?,
    })
}

fn range<T: Clone + Ord>(values: impl Iterator<Item = T>) -> Option<Range<T>> {
    let mut values: Vec<T> = values.collect();
    values.sort();
    let median = values.get(values.len() / 2)?.clone();
    Some(Range { low: values.first()?.clone(), median, high: values.last()?.clone() })
}

/// The range as a table, and what it rests on.
#[must_use]
pub fn text(estimate: &Estimate) -> String {
    let head = ["", "low", "median", "high"].map(str::to_owned).to_vec();
    let row = |name: &str, [low, median, high]: [String; 3]| vec![name.to_owned(), low, median, high];
    let mut cells = vec![head];
    if let Some(Range { low, median, high }) = &estimate.money {
        cells.push(row("money", [low, median, high].map(Money::to_string)));
    }
    let Range { low, median, high } = estimate.fuel;
    cells.push(row("fuel", [low, median, high].map(plain::number)));
    let Range { low, median, high } = estimate.worked_micros;
    cells.push(row("working time", [low, median, high].map(plain::micros)));
    let Range { low, median, high } = estimate.whole;
    cells
        .push(row("whole time", [low, median, high].map(|span| plain::micros(span.0.saturating_mul(1_000)))));
    let runs = match estimate.runs {
        1 => "1 past run".to_owned(),
        several => format!("{several} past runs"),
    };
    let rests = match estimate.of_like_size {
        true => format!("from {runs} with inputs of like size, half to double"),
        false => format!("from {runs} with inputs of another size"),
    };
    format!("{}\n{rests}", crate::cost::aligned(&cells))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn past(input: u64, money: &str, fuel: u64) -> Past {
        let money = Some(money.parse().unwrap());
        Past { input, money, fuel, worked: fuel, cycle: Span(fuel) }
    }

    #[test]
    fn runs_of_like_input_are_what_it_rests_on() {
        let runs = [
            past(100, "0.10 EUR", 1_000),
            past(120, "0.30 EUR", 3_000),
            past(199, "0.20 EUR", 2_000),
            past(90_000, "9 EUR", 900_000),
        ];
        insta::assert_snapshot!(text(&estimate(&runs, 110).unwrap()), @r#"
                           low    median      high
        money         0.10 EUR  0.20 EUR  0.30 EUR
        fuel             1,000     2,000     3,000
        working time    1.0 ms    2.0 ms    3.0 ms
        whole time       1.0 s     2.0 s     3.0 s
        from 3 past runs with inputs of like size, half to double
        "#);
        insta::assert_snapshot!(text(&estimate(&runs, 10).unwrap()), @r#"
                           low    median      high
        money         0.10 EUR  0.30 EUR  9.00 EUR
        fuel             1,000     3,000   900,000
        working time    1.0 ms    3.0 ms  900.0 ms
        whole time       1.0 s     3.0 s   900.0 s
        from 4 past runs with inputs of another size
        "#);
    }

    #[test]
    fn like_is_half_to_double_and_nothing_rests_on_nothing() {
        let runs = [past(50, "1 EUR", 1), past(49, "2 EUR", 2), past(200, "3 EUR", 3), past(201, "4 EUR", 4)];
        let of = estimate(&runs, 100).unwrap();
        assert_eq!((of.runs, of.fuel.low, of.fuel.high), (2, 1, 3));
        assert_eq!(estimate(&[], 100), None);
    }
}
