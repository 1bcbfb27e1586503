//! The chain: canonical bytes of an entry, and the hash that binds it to the one before.

use crate::content::Content;
use crate::entry::{BlobRef, Body, Entry, FORMAT};
use crate::private::bare;
use crate::seam::{Head, JournalError};
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;
use std::sync::Arc;

/// What the first entry of a run names as the one before it.
pub const GENESIS: Digest = Digest::from_bytes([0; 32]);

/// The head of a run that has no entries yet.
#[must_use]
pub const fn genesis(epoch: u64) -> Head {
    Head { seq: 0, hash: GENESIS, epoch }
}

/// An entry with its canonical bytes (RFC 8785) and their hash. Only [`seal`] makes one, so its parts belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    entry: Arc<Entry>,
    /// Another one where something private is left out.
    written: Arc<Entry>,
    content: Content,
}

impl Sealed {
    /// The entry, with everything that happened.
    #[must_use]
    pub const fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// The entry as it stands in the journal, without what is private.
    #[must_use]
    pub const fn written(&self) -> &Arc<Entry> {
        &self.written
    }

    /// Its canonical bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Arc<[u8]> {
        self.content.bytes()
    }

    /// The SHA-256 of the bytes.
    #[must_use]
    pub const fn hash(&self) -> &Digest {
        self.content.digest()
    }
}

/// Makes the next entry of a run and moves `head` onto it.
///
/// # Errors
/// As [`Content::canonical`].
pub fn seal(run: &RunId, head: &mut Head, at: Timestamp, body: Body) -> Result<Sealed, JournalError> {
    seal_private(run, head, at, body, None)
}

/// The same of what is told only where `private`, which names all of it, can be opened; the entry says the bare rest.
///
/// # Errors
/// As [`Content::canonical`].
pub fn seal_private(
    run: &RunId,
    head: &mut Head,
    at: Timestamp,
    body: Body,
    private: Option<BlobRef>,
) -> Result<Sealed, JournalError> {
    let (seq, epoch) = (head.seq + 1, head.epoch);
    let said = private.as_ref().map(|_| bare(&body));
    let entry = Entry { at, body, epoch, prev: head.hash, private, run: run.clone(), seq, v: FORMAT };
    let entry = Arc::new(entry);
    let written = match said {
        Some(body) => Arc::new(Entry { body, ..(*entry).clone() }),
        None => Arc::clone(&entry),
    };
    let content = Content::canonical(&*written)?;
    *head = Head { seq, hash: *content.digest(), epoch };
    Ok(Sealed { entry, written, content })
}

/// Reads a run's stored entries back and checks every link.
///
/// # Errors
/// `Damaged` naming the first entry that is not what was written, is out of order or does not link.
pub fn verify<B: AsRef<[u8]>>(run: &RunId, stored: &[B]) -> Result<Vec<Entry>, JournalError> {
    let mut end = genesis(0);
    stored.iter().map(|bytes| follow(run, &mut end, bytes.as_ref())).collect()
}

/// Reads the next stored entry of a run back, checks its link and moves `end` onto it. An entry that is damaged is gone
/// past as far as its bytes say where to.
///
/// # Errors
/// `Damaged` when it is not what was written, is out of order or does not link.
pub fn follow(run: &RunId, end: &mut Head, bytes: &[u8]) -> Result<Entry, JournalError> {
    let (before, seq) = (*end, end.seq + 1);
    *end = Head { seq, hash: Digest::of(bytes), epoch: before.epoch };
    let entry = read(run, seq, bytes)?;
    end.epoch = entry.epoch;
    let damage = match () {
        () if entry.run != *run || entry.seq != seq => "is out of order",
        () if entry.prev != before.hash => "does not link to the entry before",
        () if entry.epoch < before.epoch => "goes back to an earlier owner",
        () if **Content::canonical(&entry)?.bytes() != *bytes => "is not in canonical form",
        () => return Ok(entry),
    };
    Err(JournalError::Damaged(format!("entry {seq} of {run} {damage}")))
}

fn read(run: &RunId, seq: u64, bytes: &[u8]) -> Result<Entry, JournalError> {
    let entry: Entry = serde_json::from_slice(bytes)
        .map_err(|cause| JournalError::Damaged(format!("entry {seq} of {run} cannot be read: {cause}")))?;
    match entry.v {
        FORMAT => Ok(entry),
        newer => Err(JournalError::Damaged(format!(
            "entry {seq} of {run} has format {newer}; this program reads {FORMAT}"
        ))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    fn run() -> RunId {
        "demo-1".parse().unwrap()
    }

    fn three() -> Vec<Vec<u8>> {
        let mut head = genesis(1);
        let bodies = (0..3).map(|n| Body::RunResumed { by: format!("process {n}") });
        bodies.map(|body| seal(&run(), &mut head, Timestamp(7), body).unwrap().bytes().to_vec()).collect()
    }

    fn damage(stored: &[Vec<u8>]) -> String {
        verify(&run(), stored).unwrap_err().to_string()
    }

    #[test]
    fn a_chain_reads_back_whole() {
        assert_eq!(verify(&run(), &three()).unwrap().len(), 3);
    }

    #[test]
    fn any_change_is_found_and_named() {
        let mut flipped = three();
        let text = String::from_utf8(flipped[1].clone()).unwrap().replace("process 1", "process 9");
        flipped[1] = text.into_bytes();
        assert_eq!(
            damage(&flipped),
            "the journal is damaged: entry 3 of demo-1 does not link to the entry before"
        );
        let mut dropped = three();
        dropped.remove(1);
        assert_eq!(damage(&dropped), "the journal is damaged: entry 2 of demo-1 is out of order");
        let mut swapped = three();
        swapped.swap(0, 1);
        assert_eq!(damage(&swapped), "the journal is damaged: entry 1 of demo-1 is out of order");
        let mut spaced = three();
        spaced[2].push(b' ');
        assert_eq!(damage(&spaced), "the journal is damaged: entry 3 of demo-1 is not in canonical form");
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let text = String::from_utf8(three().remove(0)).unwrap().replace("\"v\":1", "\"v\":2");
        assert_eq!(
            damage(&[text.into_bytes()]),
            "the journal is damaged: entry 1 of demo-1 has format 2; this program reads 1"
        );
    }
}
