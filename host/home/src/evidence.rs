//! What an outsider can check a journal by: its key, signed heads, and proofs that lead from an entry to a head.

use crate::checked::shorter;
use crate::error::{HomeError, Kind};
use crate::home::Home;
use crate::keys::LogKey;
use crate::notary::{Notary, Unsigned};
use kapell_conductor::drive::Watcher;
use kapell_journal::checkpoint::proof;
use kapell_journal::note::Public;
use kapell_journal::tree::is_consistent;
use kapell_model::digest::Digest;
use kapell_model::id::RunId;
use kapell_store::Noted;
use std::sync::Arc;

impl Home {
    /// The key the journal's heads are checked with; made when there is none yet.
    ///
    /// # Errors
    /// When it can't be read or made.
    pub fn log_key(&self) -> Result<Public, HomeError> {
        self.log.public()
    }

    /// All keys the journal's heads were signed with, the one that signs now last.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn log_keys(&self) -> Result<Vec<LogKey>, HomeError> {
        self.log.keys.all()
    }

    /// Begins another key in the place of one that is gone, and signs the head with it. Who holds the old one must be told:
    /// nothing but the word of whoever did this binds the two.
    ///
    /// # Errors
    /// `Argument` when the old one is there, or no reason is given; otherwise as [`checkpoint`](Self::checkpoint).
    pub fn begin_log_key_anew(&self, reason: &str) -> Result<(), HomeError> {
        self.log.begin_anew(&self.user, reason)
    }

    /// Signs heads behind whoever drives runs over the store of this home themselves, as the home does behind its own: for as
    /// long as the first value lives, whenever the watcher is told of enough.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn signing(
        &self,
        inner: Arc<dyn Watcher>,
        unsigned: Unsigned,
    ) -> Result<(Notary, Arc<dyn Watcher>), HomeError> {
        Notary::start(Arc::clone(&self.log), inner, unsigned)
    }

    /// The journal's head as it is now, signed.
    ///
    /// # Errors
    /// `Integrity` when an entry is missing or the key is none; otherwise when the store fails.
    pub fn checkpoint(&self) -> Result<Noted, HomeError> {
        self.log.sign()
    }

    /// A proof that an entry stands in the journal under a signed head, in C2SP's tlog-proof form: with the entry's
    /// bytes and the journal's key it is checked without the journal.
    ///
    /// # Errors
    /// `NotFound` when there is no such entry; otherwise as [`checkpoint`](Self::checkpoint).
    pub fn proof(&self, run: &RunId, seq: u64) -> Result<Proven, HomeError> {
        let missing = || HomeError::new(Kind::NotFound, format!("there is no entry {seq} of {run}"));
        let (index, entry) = self.store.leaf(run, seq)?.ok_or_else(missing)?;
        let head = self.log.sign()?;
        let beside = self.store.inclusion(index, head.size)?;
        Ok(Proven { index, entry, proof: proof(index, &beside, &head.note), head })
    }

    /// Shows that the journal as it was at one point only adds to what it was at another.
    ///
    /// # Errors
    /// `Argument` when these are no points of this journal in that order; `Integrity` when a head that somebody holds is
    /// over other entries than stand here, or over more.
    pub fn consistency(&self, old: &Point, new: &Point) -> Result<Consistent, HomeError> {
        let now = self.store.tree_head()?.size;
        let ((old, before), (size, after)) = (self.point(old, now)?, self.point(new, now)?);
        if old > size {
            let why = format!("a journal of {size} entries does not add to one of {old}");
            return Err(HomeError::new(Kind::Argument, why));
        }
        let hashes = self.store.consistency(old, size)?;
        match is_consistent((old, &before), (size, &after), &hashes) {
            true => Ok(Consistent { old, size, hashes }),
            false => {
                Err(HomeError::new(Kind::Integrity, "what is kept of the journal's tree is no one tree"))
            }
        }
    }

    /// The size and root of a point, once the first entries that stand here have that root.
    fn point(&self, point: &Point, now: u64) -> Result<(u64, Digest), HomeError> {
        let (name, held) = match point {
            Point::Size(size) => (String::new(), Err(*size)),
            Point::Held { name, note } => {
                let ours = self.log.keys.head(note);
                let not_ours = |error: HomeError| {
                    HomeError::new(
                        Kind::Argument,
                        format!("{name} is no head of this journal: {}", error.message),
                    )
                };
                (name.clone(), Ok(ours.map_err(not_ours)?))
            }
        };
        let size = held.as_ref().map_or_else(|size| *size, |head| head.size);
        match (self.store.tree_root(size)?, held) {
            (Some(root), Ok(head)) if root != head.root => Err(HomeError::new(
                Kind::Integrity,
                format!(
                    "{name} is over other entries than the first {size} that stand here: the log was shown in two versions"
                ),
            )),
            (Some(root), _) => Ok((size, root)),
            (None, Ok(_)) => Err(HomeError::new(
                Kind::Integrity,
                format!("{name} is over {size} entries, {}", shorter(now)),
            )),
            (None, Err(_)) => {
                Err(HomeError::new(Kind::Argument, format!("this journal has {now} entries, not {size}")))
            }
        }
    }
}

/// A point of a journal.
#[derive(Clone, Debug)]
pub enum Point {
    /// When it had so many entries.
    Size(u64),
    /// When a head was signed that somebody holds, with the name it is told by.
    Held {
        /// What it is called.
        name: String,
        /// The signed note.
        note: String,
    },
}

/// That a journal only adds to what it was.
#[derive(Clone, Debug)]
pub struct Consistent {
    /// How many entries it had.
    pub old: u64,
    /// How many it had later.
    pub size: u64,
    /// The hashes that show it, from the bottom.
    pub hashes: Vec<Digest>,
}

/// An entry and what shows it.
#[derive(Clone, Debug)]
pub struct Proven {
    /// Its leaf, from 0.
    pub index: u64,
    /// Its bytes, as they were hashed.
    pub entry: Vec<u8>,
    /// The proof.
    pub proof: String,
    /// The head it leads to.
    pub head: Noted,
}
