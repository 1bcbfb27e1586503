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
    /// What the one says that was sent last; the guest waits for it, so there is one at a time.
    on_its_way: Option<Digest>,
}

impl Keys {
    pub(super) const fn of(effect: Digest) -> Self {
        Self { effect, given: 0, unanswered: BTreeMap::new(), on_its_way: None }
    }

    /// The key a request carries that is about to be sent.
    pub(super) fn key_for(&mut self, wanted: &Wanted) -> String {
        let (given, said) = (&mut self.given, said(wanted));
        self.on_its_way = Some(said);
        let number = self.unanswered.entry(said).or_insert_with(|| {
            *given += 1;
            *given
        });
        match *number {
            1 => self.effect.hex(),
            number => format!("{}-{number}", self.effect.hex()),
        }
    }

    /// The server has answered the last one: whoever asks the same from now on asks for it once more.
    pub(super) fn answered(&mut self) {
        self.on_its_way.take().and_then(|said| self.unanswered.remove(&said));
    }
}

/// What a request asks for, without the headers: a time or a trace in them makes no other request of it.
fn said(wanted: &Wanted) -> Digest {
    Digest::of_parts(&[wanted.method.word().as_bytes(), wanted.url.as_str().as_bytes(), &wanted.body])
}
