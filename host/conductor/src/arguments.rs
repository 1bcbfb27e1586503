//! What an attempt is given, and how it is kept: long texts as they are, everything else as one value.
//!
//! A text goes from step to step: what one answers with is what the next is given. Kept as it is it has one name
//! wherever it goes, and stands in a journal once.

use crate::known::as_it_reads;
use kapell_journal::content::Content;
use kapell_journal::entry::BlobRef;
use kapell_journal::seam::JournalError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A text is worth a name of its own from so many bytes on: its name in an entry takes a third of that.
const LONG: usize = 256;

/// The arguments of an attempt, by parameter.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// All of them.
    pub value: Arc<Value>,
    /// Those that are not kept as texts, as one value.
    rest: Content,
    /// Those that are.
    texts: BTreeMap<String, Content>,
}

impl Arguments {
    /// Arguments nothing of which is private.
    ///
    /// # Errors
    /// As [`Content::canonical`].
    pub fn open(value: Value) -> Result<Self, JournalError> {
        Self::apart(value, long)
    }

    /// Arguments that are kept as one value, as what is private is: under one commitment, which says nothing of them.
    ///
    /// # Errors
    /// As [`Content::canonical`].
    pub fn whole(value: Value) -> Result<Self, JournalError> {
        Self::apart(value, |_| None)
    }

    fn apart(value: Value, text: impl Fn(&Value) -> Option<&str>) -> Result<Self, JournalError> {
        let value = as_it_reads(Arc::new(value));
        let (mut rest, mut texts) = (BTreeMap::new(), BTreeMap::new());
        for (name, argument) in value.as_object().into_iter().flatten() {
            match text(argument) {
                Some(text) => drop(texts.insert(name.clone(), Content::of(text.as_bytes()))),
                None => drop(rest.insert(name, argument)),
            }
        }
        Ok(Self { rest: Content::canonical(&rest)?, texts, value })
    }

    /// What an entry names those by that are not texts.
    #[must_use]
    pub const fn named(&self) -> BlobRef {
        self.rest.named()
    }

    /// What an entry names the texts by.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, BlobRef> {
        self.texts.iter().map(|(name, text)| (name.clone(), BlobRef::Text(*text.digest()))).collect()
    }

    /// What all of them are, and everything that is to be kept of them.
    #[must_use]
    pub fn into_parts(self) -> (Arc<Value>, Vec<Content>) {
        (self.value, std::iter::once(self.rest).chain(self.texts.into_values()).collect())
    }
}

fn long(argument: &Value) -> Option<&str> {
    argument.as_str().filter(|text| text.len() >= LONG)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assumption must fail the test")]
mod tests {
    use super::*;
    use kapell_model::digest::Digest;
    use serde_json::json;

    #[test]
    fn a_long_text_is_kept_as_it_is_beside_the_others() {
        let (long, short) = ("\"".repeat(LONG), "\"".repeat(LONG - 1));
        let given = json!({ "long": long, "short": short, "digest": { "in": long } });
        let arguments = Arguments::open(given.clone()).unwrap();
        assert_eq!(
            arguments.texts(),
            BTreeMap::from([("long".into(), BlobRef::Text(Digest::of(long.as_bytes())))])
        );
        let others = Content::canonical(&json!({ "digest": { "in": long }, "short": short })).unwrap();
        assert_eq!(arguments.named(), others.named());
        let (value, kept) = arguments.into_parts();
        assert_eq!((&*value, kept), (&given, vec![others, Content::of(long.as_bytes())]));
    }

    #[test]
    fn what_is_given_is_what_is_read() {
        let given = || json!({ "long": "a".repeat(LONG), "double": -0.0, "in": [1.0] });
        for arguments in [Arguments::open(given()).unwrap(), Arguments::whole(given()).unwrap()] {
            assert_eq!(arguments.value["double"].to_string(), "0");
            assert_eq!(arguments.value["in"].to_string(), "[1]");
        }
    }

    #[test]
    fn what_is_private_is_kept_as_one() {
        let given = json!({ "long": "a".repeat(LONG) });
        let arguments = Arguments::whole(given.clone()).unwrap();
        assert!(arguments.texts().is_empty());
        assert_eq!(arguments.named(), Content::canonical(&given).unwrap().named());
    }
}
