//! Destroying what is private in a run, once somebody of the right role asks for it.

use crate::error::{HomeError, Kind};
use crate::home::Home;
use kapell_conductor::drive::EraseError;
use kapell_journal::entry::PrivateErased;
use kapell_journal::seam::Journals as _;
use kapell_model::id::RunId;
use kapell_model::quantity::Timestamp;

/// What was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// When.
    pub at: Timestamp,
    /// The entry that says so, by its number.
    pub seq: u64,
    /// Who did it, why, and what can't be opened any more.
    pub entry: PrivateErased,
}

impl Home {
    /// How many values, texts and contents erasing a run would destroy, for somebody who may have it done.
    ///
    /// # Errors
    /// `Refused` when they are not of the role that erases; `Argument` when the run is not over, has nothing private or
    /// was erased before.
    pub fn erasable(&self, run: &RunId, by: &str) -> Result<usize, HomeError> {
        let may = self.policy.may_erase(by, self.is_locked()?);
        may.map_err(|refusal| HomeError::refused("erasing", vec![refusal]))?;
        self.conductor.may_erase(run)?;
        Ok(self.store.private_of(run)?.len())
    }

    /// Destroys the private values, texts and contents of a run with the salts of their commitments, and says so in its
    /// journal. Its proofs go on holding, and nothing can show any more what the commitments were of.
    ///
    /// # Errors
    /// As [`erasable`](Self::erasable); `Argument` without a reason; when the journal fails, or somebody reads it for so
    /// long that what was erased could not be taken out of its file.
    pub async fn erase(&self, run: &RunId, by: &str, reason: &str) -> Result<Erased, HomeError> {
        self.erasable(run, by)?;
        let reason = self.text_without_secrets(reason.trim());
        if reason.is_empty() {
            return Err(HomeError::new(Kind::Argument, "an erasure has a reason")
                .hint("it stands in the journal: say --reason TEXT"));
        }
        let state = self.conductor.erase(run, by, &reason).await?.state;
        let seq = self.store.entries(run)?.last().map_or(0, |entry| entry.seq);
        let erased = state.erased.map(|(at, entry)| Erased { at, seq, entry });
        erased
            .ok_or_else(|| HomeError::new(Kind::Integrity, format!("{run} does not say that it was erased")))
    }
}

impl From<EraseError> for HomeError {
    fn from(error: EraseError) -> Self {
        let said = Self::new(Kind::Argument, error.to_string());
        match error {
            EraseError::NotOver(run) => {
                said.hint(format!("answer or stop it first: `kapell runs cancel {run}`"))
            }
            EraseError::NothingPrivate(_) => said.hint(
                "private is what a flow marks so (`marks: [private]` on an input or a step) or a skill's manifest, when the run begins",
            ),
            EraseError::Erased { run, .. } | EraseError::Dropped { run, .. } => said.hint(format!("`kapell runs show {run}` says when and why")),
        }
    }
}
