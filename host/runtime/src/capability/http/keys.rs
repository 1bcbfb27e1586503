//! Which key each request that changes something carries (draft-ietf-httpapi-idempotency-key-header), so that a server
//! can tell a repetition from another request.
//!
//! The first carries the key of the effect, every further one that key and its number: a server that answers a key it
//! has seen with what it answered then would otherwise lose the second. A request that is the same as one before it
//! that nobody answered is that one again. The same bytes on the same input ask in the same order, so an attempt that
//! is made again carries the same keys.

use super::wanted::Wanted;
use kapell_model::digest::Digest;
use std::collections::BTreeMap;

/// The keys of one attempt.
pub(super) struct Keys {
    effect: Digest,
    given: u64,
    /// The number of each request that was sent and not answered, under what it says.
    unanswered: BTreeMap<Digest, u64>,
}

impl Keys {
    pub(super) const fn of(effect: Digest) -> Self {
        Self { effect, given: 0, unanswered: BTreeMap::new() }
    }

    /// The key a request carries that is about to be sent.
    pub(super) fn key_for(&mut self, wanted: &Wanted) -> String {
        let given = &mut self.given;
        let number = self.unanswered.entry(said(wanted)).or_insert_with(|| {
            *given += 1;
            *given
        });
        match *number {
            1 => self.effect.hex(),
            number => format!("{}-{number}", self.effect.hex()),
        }
    }

    /// The server has answered it: whoever asks the same from now on asks for it once more.
    pub(super) fn answered(&mut self, wanted: &Wanted) {
        self.unanswered.remove(&said(wanted));
    }
}

/// What a request asks for, without the headers: a time or a trace in them makes no other request of it.
fn said(wanted: &Wanted) -> Digest {
    Digest::of_parts(&[wanted.method.word().as_bytes(), wanted.url.as_str().as_bytes(), &wanted.body])
}
