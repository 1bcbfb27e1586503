//! Whether to ask again, and when: a pure decision over what went wrong, how often, and how much time is left.

use super::openai::Usage;
use kapell_model::seam::{Denial, SendFailure};
use std::time::Duration;

/// Most times one provider is asked for one answer.
const TRIES_MAX: u32 = 3;

/// The first wait at most; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest rest a server is given. One that wants more is left alone, and the next provider asked.
const REST_MAX: Duration = Duration::from_secs(20);

/// Why one request brought no answer.
#[derive(Debug)]
pub(super) struct Trouble {
    /// For people: one line in our own words, for what a server writes may be meant for a model.
    pub(super) why: String,
    /// Whether another try may help.
    pub(super) again: Again,
    /// What it may have cost.
    pub(super) cost: Cost,
}

/// Whether another try may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The same request would fail the same way.
    No,
    /// The trouble may pass.
    Soon,
    /// The server says when.
    After(Duration),
}

/// What a request without an answer may have cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Nothing left, or the server said that it failed.
    Nothing,
    /// The model may have worked: what was reserved.
    Reserved,
    /// What the server says.
    Reported(Usage),
}

impl Trouble {
    /// The why, with how often it was tried.
    pub(super) fn told(&self, tries: u32) -> String {
        match tries {
            1 => self.why.clone(),
            _ => format!("{}, asked {tries} times", self.why),
        }
    }
}

impl From<SendFailure> for Trouble {
    fn from(failure: SendFailure) -> Self {
        let (again, cost) = match &failure {
            SendFailure::Failed { sent: false, .. } => (Again::Soon, Cost::Nothing),
            SendFailure::Failed { sent: true, .. } => (Again::Soon, Cost::Reserved),
            SendFailure::TimedOut { sent: true }
            | SendFailure::Denied(Denial::TooLarge(_) | Denial::HeadTooLarge) => (Again::No, Cost::Reserved),
            SendFailure::TimedOut { sent: false } | SendFailure::Denied(_) => (Again::No, Cost::Nothing),
        };
        Self { why: failure.to_string(), again, cost }
    }
}

/// How long to wait before the next try; none when there is to be none.
pub(super) fn wait(again: Again, tries: u32, left: Duration, seed: u64) -> Option<Duration> {
    let asked = match again {
        Again::No => return None,
        Again::Soon => Duration::ZERO,
        Again::After(time) => time,
    };
    let wait = asked.max(jittered(FIRST_WAIT * 2_u32.saturating_pow(tries.saturating_sub(1)), seed, tries));
    (tries < TRIES_MAX && asked <= REST_MAX && wait < left).then_some(wait)
}

/// Between half and the whole of a time, by chance.
fn jittered(time: Duration, seed: u64, tries: u32) -> Duration {
    let half = time / 2;
    half + half * u32::from(chance(seed.wrapping_add(tries.into()))) / u32::from(u16::MAX)
}

/// A number that looks like chance: the last step of SplitMix64 (Steele, Lea, Flood, 2014).
fn chance(seed: u64) -> u16 {
    let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 48) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn waits_double_and_end() {
        let waits =
            |again, seed| [1, 2, 3].map(|tries| wait(again, tries, HOUR, seed).map(|it| it.as_millis()));
        insta::assert_compact_debug_snapshot!(waits(Again::Soon, 7), @r#"
        [Some(442), Some(622), None]
        "#);
        assert_ne!(waits(Again::Soon, 7), waits(Again::Soon, 8));
        for seed in 0..200 {
            let [first, second, third] = waits(Again::Soon, seed);
            assert!(first.is_some_and(|it| (250..=500).contains(&it)), "{seed}: {first:?}");
            assert!(second.is_some_and(|it| (500..=1_000).contains(&it)), "{seed}: {second:?}");
            assert_eq!(third, None);
        }
        assert_eq!(waits(Again::No, 7), [None, None, None]);
    }

    #[test]
    fn a_server_gets_the_rest_it_asks_for_within_reason() {
        let rest = |seconds| wait(Again::After(Duration::from_secs(seconds)), 1, HOUR, 7);
        assert_eq!(rest(19), Some(Duration::from_secs(19)));
        assert_eq!(rest(20), Some(Duration::from_secs(20)));
        assert_eq!(rest(21), None);
        // One that asks for none is not asked at once.
        assert!(rest(0).is_some_and(|wait| wait >= FIRST_WAIT / 2));
    }

    #[test]
    fn nothing_is_tried_once_the_time_would_be_over() {
        let second = Duration::from_secs(1);
        let left = |left| wait(Again::After(second), 1, left, 7);
        assert_eq!(left(second), None);
        assert_eq!(left(second + Duration::from_millis(1)), Some(second));
    }
}
