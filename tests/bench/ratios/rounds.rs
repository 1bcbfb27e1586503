//! Interleaved rounds: each case once a round, so that a machine that slows down slows all of them.

use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// One case: does its work and says how long one unit of it took.
pub(crate) type Case<'a> = Box<dyn FnMut() -> Result<Duration> + 'a>;

/// What one case took, round by round.
#[derive(Clone, Debug)]
pub(crate) struct Taken(Vec<Duration>);

/// Runs all cases in turn, `rounds` times, after one round that warms them up.
pub(crate) fn interleaved<const N: usize>(rounds: usize, mut cases: [Case<'_>; N]) -> Result<[Taken; N]> {
    let mut taken = std::array::from_fn(|_| Taken(Vec::with_capacity(rounds)));
    for round in 0..=rounds {
        for (case, taken) in cases.iter_mut().zip(&mut taken) {
            let time = case()?;
            if round > 0 {
                taken.0.push(time);
            }
        }
    }
    Ok(taken)
}

/// The time of one of `units` pieces of work.
pub(crate) fn per_unit(units: u32, work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let began = Instant::now();
    work()?;
    began.elapsed().checked_div(units).context("no units")
}

impl Taken {
    /// The median round.
    pub(crate) fn median(&self) -> Duration {
        Duration::from_secs_f64(median(self.seconds().collect()))
    }

    /// The median of each round's ratio to the same round of another case.
    pub(crate) fn ratio_to(&self, other: &Self) -> f64 {
        median(self.seconds().zip(other.seconds()).map(|(this, other)| this / other).collect())
    }

    /// Both cases one after the other, round by round.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, two)| *one + *two).collect())
    }

    fn seconds(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(Duration::as_secs_f64)
    }
}

/// The median; nothing has the median nothing.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
