//! Values a run knows, by the digest its entries name them with.

use kapell_journal::content::Content;
use kapell_journal::entry::{BlobRef, Body};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Values by digest. Filled as the run goes on, or from the journal's blobs on resume.
#[derive(Clone, Debug, Default)]
pub struct Known {
    values: HashMap<Digest, Arc<Value>>,
}

/// A value with the bytes that are kept beside the entries: its canonical JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Blob {
    /// Canonical JSON under its digest.
    pub content: Content,
    /// The value.
    pub value: Arc<Value>,
}

impl Blob {
    /// The blob of a value.
    ///
    /// # Errors
    /// When the value has no canonical form.
    pub fn of(value: Arc<Value>) -> Result<Self, JournalError> {
        Ok(Self { content: Content::canonical(&*value)?, value })
    }

    /// What an entry names it with.
    #[must_use]
    pub const fn named(&self) -> BlobRef {
        BlobRef::Digest(*self.content.digest())
    }
}

impl Known {
    /// Learns a value.
    pub fn learn(&mut self, blob: &Blob) {
        self.values.insert(*blob.content.digest(), blob.value.clone());
    }

    /// The value an entry names.
    #[must_use]
    pub fn get(&self, named: &BlobRef) -> Option<Arc<Value>> {
        self.values.get(named.digest()).cloned()
    }

    /// The blobs a body names whose values decisions are taken over.
    pub fn names(body: &Body) -> Vec<&BlobRef> {
        use kapell_journal::entry::RecordedEnding;
        match body {
            Body::RunStarted(started) => vec![&started.inputs],
            Body::AttemptEnded(ended) => match &ended.ending {
                RecordedEnding::Output(value) | RecordedEnding::SkillError(value) => vec![value],
                _ => Vec::new(),
            },
            Body::QuestionAnswered(answered) => answered.value.iter().collect(),
            _ => Vec::new(),
        }
    }
}
