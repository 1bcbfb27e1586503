//! Lends real random bytes from the operating system (`wasi:random`), counted against the grant and recorded.
//! Never lends a seed or a generator of the host's own.
//!
//! The *insecure* interfaces draw from the same source: a guest that can't tell them apart can't misuse them.

use super::{Lends, Lent};
use crate::crossings::{Ask, LimitReached, Reply};
use kapell_model::capability::Kind;
use kapell_model::ending::TrapCause;
use kapell_model::grant::{Authority, GrantSet};
use kapell_model::id::RuleId;
use kapell_model::seam::HostFault;
use std::sync::Arc;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

/// Most bytes one call may draw: the host makes them all at once.
pub const CALL_MAX: u64 = 64 << 10;

/// The random bytes of one attempt.
#[derive(Debug)]
pub struct RandomCtx {
    granted: Option<Granted>,
}

#[derive(Debug)]
struct Granted {
    rule: RuleId,
    bytes_max: u64,
    drawn: u64,
}

impl RandomCtx {
    /// Random bytes as granted; of several grants the first holds.
    #[must_use]
    pub fn new(grants: &GrantSet) -> Self {
        let granted = grants.grants.iter().find_map(|grant| match &grant.authority {
            Authority::Random { bytes_max } => {
                Some(Granted { rule: grant.rule.clone(), bytes_max: bytes_max.0, drawn: 0 })
            }
            _ => None,
        });
        Self { granted }
    }
}

impl Granted {
    fn draw(&mut self, bytes: u64) -> Result<(), LimitReached> {
        let total = self.drawn.saturating_add(bytes);
        let detail = match () {
            () if bytes > CALL_MAX => format!("{bytes} random bytes in one call, {CALL_MAX} at most"),
            () if total > self.bytes_max => {
                format!("{total} random bytes, {} granted by rule {}", self.bytes_max, self.rule)
            }
            () => {
                self.drawn = total;
                return Ok(());
            }
        };
        Err(LimitReached { cause: TrapCause::Quota, detail })
    }
}

/// Gives the random bytes of a store.
pub trait RandomView: Send + 'static {
    /// The random bytes, the handles, the seam.
    fn random(&mut self) -> Lent<'_, RandomCtx>;
}

impl Lent<'_, RandomCtx> {
    fn bytes(&mut self, call: &'static str, length: u64) -> wasmtime::Result<Arc<[u8]>> {
        let granted = self.ctx.granted.as_mut().ok_or_else(|| super::not_granted(Kind::Random))?;
        let ask = Ask { kind: Kind::Random, call, object: "", rule: Some(&granted.rule.clone()) };
        self.crossings.count(Kind::Random.word())?;
        granted.draw(length)?;
        match self.crossings.observe(&ask, || fresh(length).map(Reply::Bytes))? {
            Reply::Bytes(bytes) | Reply::Content(bytes) => Ok(bytes),
            _ => Err(super::unfit(&ask)),
        }
    }

    fn number(&mut self, call: &'static str) -> wasmtime::Result<u64> {
        let bytes = self.bytes(call, 8)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

fn fresh(length: u64) -> wasmtime::Result<Arc<[u8]>> {
    let mut bytes = vec![0; usize::try_from(length)?];
    getrandom::fill(&mut bytes)
        .map_err(|cause| HostFault { doing: "draw random bytes".into(), cause: cause.to_string() })?;
    Ok(bytes.into())
}

impl random::Host for Lent<'_, RandomCtx> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes("bytes", len).map(|bytes| bytes.to_vec())
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number("number")
    }
}

impl insecure::Host for Lent<'_, RandomCtx> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes("insecure-bytes", len).map(|bytes| bytes.to_vec())
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number("insecure-number")
    }
}

impl insecure_seed::Host for Lent<'_, RandomCtx> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.number("seed")?, self.number("seed")?))
    }
}

/// Links `wasi:random/random`, `insecure` and `insecure-seed`.
///
/// # Errors
/// When one of them is linked already.
pub fn add_to_linker<T: RandomView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    random::add_to_linker::<T, Lends<RandomCtx>>(linker, T::random)?;
    insecure::add_to_linker::<T, Lends<RandomCtx>>(linker, T::random)?;
    insecure_seed::add_to_linker::<T, Lends<RandomCtx>>(linker, T::random)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::insecure::Host as _;
    use super::insecure_seed::Host as _;
    use super::random::Host as _;
    use super::*;
    use crate::capability::testing::{Bench, granted, limit};
    use base64::Engine as _;
    use kapell_model::crossing::Answer;
    use kapell_model::quantity::Bytes;
    use kapell_model::uses::Use;

    fn bytes(most: u64) -> Bench<RandomCtx> {
        Bench::new(RandomCtx::new(&granted("dice", Authority::Random { bytes_max: Bytes(most) })))
    }

    #[test]
    fn what_was_drawn_is_what_was_recorded() {
        let mut bench = bytes(1_000);
        let drawn = bench.lent().get_random_bytes(32).unwrap();
        let number = bench.lent().get_random_u64().unwrap();
        assert_ne!(drawn, [0; 32], "real random bytes");
        assert_ne!(bench.lent().get_random_bytes(32).unwrap(), drawn);
        let (_, left) = bench.meters();
        let recorded = |place: usize| match &left.crossings.get(place).unwrap().answer {
            Answer::Bytes(text) => base64::engine::general_purpose::STANDARD.decode(text).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(recorded(0), drawn);
        assert_eq!(recorded(1), number.to_be_bytes());
    }

    #[test]
    fn bytes_beyond_the_grant_end_the_guest() {
        for (draws, ends) in
            [(vec![9], false), (vec![9, 1], false), (vec![9, 2], true), (vec![u64::MAX], true)]
        {
            let mut bench = bytes(10);
            let all: wasmtime::Result<Vec<_>> =
                draws.iter().map(|length| bench.lent().get_random_bytes(*length)).collect();
            let end = all.err().map(|error| limit(&error));
            assert_eq!(end, ends.then_some(Some(TrapCause::Quota)), "{draws:?}");
        }
    }

    /// What a guest is answered is what the words of a use say of the grant; what is more than one call draws, it draws
    /// in several.
    #[test]
    fn a_use_is_answered_as_the_grant_says() {
        let sizes = [0, 1, 16, 17, CALL_MAX, CALL_MAX + 1, 3 * CALL_MAX];
        for most in sizes {
            for wanted in sizes {
                let authority = Authority::Random { bytes_max: Bytes(most) };
                let allowed = authority.allows(&Use::Random { bytes: Bytes(wanted) });
                let mut bench = bytes(most);
                let mut calls =
                    (0..wanted).step_by(CALL_MAX as usize).map(|drawn| (wanted - drawn).min(CALL_MAX));
                let drawn = calls.try_for_each(|length| bench.lent().get_random_bytes(length).map(drop));
                assert_eq!(drawn.is_ok(), allowed, "{wanted} of {most}");
            }
        }
    }

    #[test]
    fn the_insecure_interfaces_draw_from_the_same_grant() {
        let mut bench = bytes(8 + 16 + 1);
        bench.lent().get_insecure_random_u64().unwrap();
        bench.lent().insecure_seed().unwrap();
        bench.lent().get_insecure_random_bytes(1).unwrap();
        assert_eq!(limit(&bench.lent().get_insecure_random_bytes(1).unwrap_err()), Some(TrapCause::Quota));
    }

    #[test]
    fn one_call_draws_so_much_and_no_more() {
        let mut bench = bytes(u64::MAX);
        assert_eq!(bench.lent().get_random_bytes(CALL_MAX).unwrap().len() as u64, CALL_MAX);
        assert_eq!(limit(&bench.lent().get_random_bytes(CALL_MAX + 1).unwrap_err()), Some(TrapCause::Quota));
    }

    #[test]
    fn without_a_grant_nothing_is_drawn() {
        let mut bench = Bench::new(RandomCtx::new(&GrantSet::default()));
        let error = bench.lent().get_random_bytes(1).unwrap_err();
        assert!(error.is::<kapell_model::grant::Refusal>());
        assert_eq!(bench.meters().1.crossings, []);
    }
}
