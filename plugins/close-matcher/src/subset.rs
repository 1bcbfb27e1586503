//! Which of a few amounts add up to another one. What that costs grows with the power of two, so few are tried, and
//! all tries of a close together have a bound.

use crate::books::Book;
use kapell_cells::Amount;

/// Lines that are tried together.
pub(crate) const TRIED: usize = 12;
/// Sums of a whole close.
const WORK_MAX: u64 = 20_000_000;

/// The tries of a close.
#[derive(Debug, Default)]
pub(crate) struct Search {
    work: u64,
    /// Lines for which nothing was tried, because the bound was reached.
    pub(crate) unsought: u32,
}

impl Search {
    /// The only choice of two or more lines whose sum is the target; none where there are several, since then it would
    /// be a guess; and none where more than [`TRIED`] lines could be part of it, since not all choices would be seen.
    pub(crate) fn only(&mut self, target: Amount, tried: &[u32], book: &Book) -> Option<Vec<u32>> {
        if !(2..=TRIED).contains(&tried.len()) || !self.pays(1 << tried.len()) {
            return None;
        }
        let amounts: Vec<Amount> =
            tried.iter().map(|place| book.line(*place).map_or(Amount::ZERO, |line| line.amount)).collect();
        let mut sum = Amount::ZERO;
        let (mut chosen, mut found) = (0_u32, None);
        // In Gray's order one line comes or goes with each step.
        for step in 1..1_u32 << tried.len() {
            let changes = step.trailing_zeros();
            chosen ^= 1 << changes;
            let amount = amounts.get(changes as usize).copied().unwrap_or_default();
            sum = if chosen >> changes & 1 == 1 { sum + amount } else { sum - amount };
            if sum == target && chosen.count_ones() > 1 && found.replace(chosen).is_some() {
                return None;
            }
        }
        let chosen = found?;
        let is_chosen = |place: &usize| chosen >> *place & 1 == 1;
        Some((0..tried.len()).filter(is_chosen).filter_map(|place| tried.get(place).copied()).collect())
    }

    /// Whether so much work is still within the bound; if not, the line counts as one nothing was tried for.
    pub(crate) fn pays(&mut self, work: u64) -> bool {
        self.work += work;
        let within = self.work <= WORK_MAX;
        self.unsought += u32::from(!within);
        within
    }
}
