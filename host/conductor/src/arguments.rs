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
use std::sync::{Arc, LazyLock};

/// A text is worth a name of its own from so many bytes on: its name in an entry takes a third of that.
const LONG: usize = 256;

/// What is left of arguments that are long texts, all of them.
static NOTHING: LazyLock<Content> = LazyLock::new(|| Content::of(*b"{}"));

/// The arguments of an attempt, by parameter.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// All of them.
    pub value: Arc<Value>,
    /// What an entry names those by that are not kept as texts: one value.
    pub input: BlobRef,
    /// What it names the others by.
    pub texts: BTreeMap<String, BlobRef>,
    /// Everything that is kept of them.
    pub kept: Vec<Content>,
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
        let (mut rest, mut texts, mut kept) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (name, argument) in value.as_object().into_iter().flatten() {
            if let Some(text) = text(argument) {
                let content = Content::of(text.as_bytes());
                texts.insert(name.clone(), BlobRef::Text(*content.digest()));
                kept.push(content);
            } else {
                rest.insert(name, argument);
            }
        }
        let rest = if rest.is_empty() { NOTHING.clone() } else { Content::canonical(&rest)? };
        let input = rest.named();
        kept.push(rest);
        Ok(Self { value, input, texts, kept })
    }
}

fn long(argument: &Value) -> Option<&str> {
    argument.as_str().filter(|text| text.len() >= LONG)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed assumption must fail the test")]
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
            arguments.texts,
            BTreeMap::from([("long".into(), BlobRef::Text(Digest::of(long.as_bytes())))])
        );
        let others = Content::canonical(&json!({ "digest": { "in": long }, "short": short })).unwrap();
        assert_eq!(arguments.input, others.named());
        let kept = vec![Content::of(long.as_bytes()), others];
        assert_eq!((&*arguments.value, arguments.kept), (&given, kept));
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
        assert!(arguments.texts.is_empty());
        assert_eq!(arguments.input, Content::canonical(&given).unwrap().named());
    }
}
