//! Values a run knows, by the digest its entries name them with.

use kapell_journal::content::Content;
use kapell_journal::entry::{BlobRef, Body, RunStarted};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Values by digest. Filled as the run goes on, or from the journal's blobs on resume.
#[derive(Clone, Debug, Default)]
pub struct Known {
    values: HashMap<Digest, Arc<Value>>,
    /// Contents that only private words name, by the commitment each is kept under.
    pub(crate) beside: BTreeMap<Digest, Digest>,
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
        self.content.named()
    }
}

impl Known {
    /// Nothing yet but where contents are kept that only private words name.
    pub(crate) fn with(beside: BTreeMap<Digest, Digest>) -> Self {
        Self { beside, ..Self::default() }
    }

    /// Learns a value.
    pub fn learn(&mut self, blob: &Blob) {
        self.values.insert(*blob.content.digest(), blob.value.clone());
    }

    /// The value an entry names.
    #[must_use]
    pub fn get(&self, named: &BlobRef) -> Option<Arc<Value>> {
        self.values.get(named.digest()).cloned()
    }

    /// The inputs of a run, the private ones among the others as far as they are kept.
    #[must_use]
    pub fn inputs(&self, started: &RunStarted) -> Option<Arc<Value>> {
        let open = self.get(&started.inputs)?;
        if started.private.is_empty() {
            return Some(open);
        }
        let mut all = (*open).clone();
        if let Value::Object(fields) = &mut all {
            let private = started.private.iter();
            fields.extend(
                private.filter_map(|(name, named)| Some((name.clone(), (*self.get(named)?).clone()))),
            );
        }
        Some(Arc::new(all))
    }

    /// What names the bytes of that digest where they are kept beside the run.
    #[must_use]
    pub fn place(&self, digest: &Digest) -> BlobRef {
        self.beside.get(digest).map_or(BlobRef::Digest(*digest), |committed| BlobRef::Commitment(*committed))
    }

    /// The blobs a body names whose values decisions are taken over.
    pub fn names(body: &Body) -> Vec<&BlobRef> {
        use kapell_journal::entry::RecordedEnding;
        match body {
            Body::RunStarted(started) => {
                std::iter::once(&started.inputs).chain(started.private.values()).collect()
            }
            Body::AttemptEnded(ended) => match &ended.ending {
                RecordedEnding::Output(value) | RecordedEnding::SkillError(value) => vec![value],
                _ => Vec::new(),
            },
            Body::QuestionAnswered(answered) => answered.value.iter().collect(),
            _ => Vec::new(),
        }
    }
}
