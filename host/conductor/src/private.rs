//! Writing down what is private: each value under a commitment of its own, and what happened without a word of it.

use crate::decide::Fact;
use crate::known::Blob;
use crate::program::Program;
use kapell_journal::content::Content;
use kapell_journal::entry::{BlobRef, Body, RunEnded, RunEnding};
use kapell_journal::private::{Told, names};
use kapell_journal::seam::{JournalError, Journals};
use kapell_model::digest::Digest;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fact as it is written down.
pub(crate) struct Said {
    /// What happened, its values named as they are kept.
    pub(crate) body: Body,
    /// What names all of it, where the entry leaves something out.
    pub(crate) private: Option<BlobRef>,
    /// The values decisions are taken over.
    pub(crate) learned: Vec<Blob>,
    /// Everything to be kept.
    pub(crate) contents: Vec<Content>,
    /// Under which commitment contents are kept that only private words name.
    pub(crate) beside: BTreeMap<Digest, Digest>,
}

impl Program {
    /// Whether an entry could tell something private.
    pub(crate) fn is_private(&self, body: &Body) -> bool {
        match body {
            _ if self.private.is_empty() => false,
            Body::RequirementFailed { .. } => self.private.inputs().next().is_some(),
            Body::RunEnded(ended) => self.ends_private(ended),
            _ => body.step().is_some_and(|step| self.private.has_step(step)),
        }
    }

    fn ends_private(&self, ended: &RunEnded) -> bool {
        match (&ended.step, ended.state) {
            (Some(step), _) => self.private.has_step(step),
            // In the words of whoever stopped it, which stand in the entry before.
            (None, RunEnding::Cancelled) => false,
            (None, RunEnding::Done) => {
                let outcome = self.plan.outcome.iter().filter_map(|outcome| outcome.when.as_deref());
                self.private.is_read_by(self.plan.outputs.values().map(String::as_str).chain(outcome))
            }
            (None, _) => true,
        }
    }
}

impl Said {
    /// A fact nothing of which is private.
    pub(crate) fn plainly(fact: Fact, mut contents: Vec<Content>) -> Self {
        contents.extend(fact.blobs.iter().map(|blob| blob.content.clone()));
        Self { body: fact.body, private: None, learned: fact.blobs, contents, beside: BTreeMap::new() }
    }

    /// A private one. `beside` is kept with it, and decisions are not taken over it.
    pub(crate) fn privately<J: Journals>(
        fact: Fact,
        beside: Vec<Content>,
        journals: &J,
    ) -> Result<Self, JournalError> {
        let (mut contents, mut kept) = (Vec::new(), BTreeMap::new());
        for content in &beside {
            let committed = Content::committed(Arc::clone(content.bytes()), journals.salt()?);
            kept.insert(*content.digest(), *committed.digest());
            contents.push(committed);
        }
        let (mut learned, mut commitments) = (Vec::new(), BTreeMap::new());
        for blob in fact.blobs {
            let named = blob.named();
            let blob = Blob::committed(blob.value, journals.salt()?)?;
            commitments.insert(named, *blob.content.digest());
            contents.push(blob.content.clone());
            learned.push(blob);
        }
        let mut body = fact.body;
        names(&mut body, |named| {
            if let Some(committed) = commitments.get(named).copied().or_else(|| kept.remove(named.digest())) {
                *named = BlobRef::Commitment(committed);
            }
        });
        let told = Told { body, contents: kept };
        let private = match told.is_more_than_bare() {
            false => None,
            true => {
                let all = told.committed(journals.salt()?)?;
                let named = all.named();
                contents.push(all);
                Some(named)
            }
        };
        Ok(Self { body: told.body, private, learned, contents, beside: told.contents })
    }
}

/// The inputs of a run: those that are not private, and each of the others on its own.
pub(crate) struct Inputs {
    pub(crate) open: Blob,
    pub(crate) private: BTreeMap<String, Blob>,
}

impl Inputs {
    pub(crate) fn of<J: Journals>(
        program: &Program,
        inputs: Value,
        journals: &J,
    ) -> Result<Self, JournalError> {
        let Value::Object(inputs) = inputs else {
            return Ok(Self { open: Blob::of(Arc::new(inputs))?, private: BTreeMap::new() });
        };
        let (private, open): (Map<_, _>, Map<_, _>) =
            inputs.into_iter().partition(|(name, _)| program.private.has_input(name));
        let commit = |(name, value)| Ok((name, Blob::committed(Arc::new(value), journals.salt()?)?));
        let private = private.into_iter().map(commit).collect::<Result<_, JournalError>>()?;
        Ok(Self { open: Blob::of(Arc::new(Value::Object(open)))?, private })
    }
}
