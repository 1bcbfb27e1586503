//! Values a run knows, by what its entries name them with.

use kapell_journal::content::{Content, Salt};
use kapell_journal::entry::{BlobRef, Body, RunStarted};
use kapell_journal::seam::JournalError;
use kapell_model::digest::Digest;
use serde_json::{Number, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values by name. Filled as the run goes on, or from the journal's blobs on resume.
#[derive(Clone, Debug, Default)]
pub struct Known {
    values: BTreeMap<BlobRef, Arc<Value>>,
    /// Contents that only private words name, by the commitment each is kept under.
    pub(crate) beside: BTreeMap<Digest, Digest>,
}

/// A value with the bytes that are kept beside the entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Blob {
    /// A text as it is, or canonical JSON, under its digest.
    pub content: Content,
    /// The value.
    pub value: Arc<Value>,
}

impl Blob {
    /// The blob of a value. What goes on with the value goes on with what everybody later reads in the journal: see
    /// [`as_it_reads`].
    ///
    /// # Errors
    /// When the value has no canonical form.
    pub fn of(value: Arc<Value>) -> Result<Self, JournalError> {
        let value = as_it_reads(value);
        Ok(Self { content: Content::value(&value)?, value })
    }

    /// The same of a private one: its canonical JSON under a commitment, which says nothing of it, not even that it is a
    /// text.
    ///
    /// # Errors
    /// As [`Blob::of`].
    pub fn committed(value: Arc<Value>, salt: Salt) -> Result<Self, JournalError> {
        let read = as_it_reads(value);
        Ok(Self {
            content: Content::committed(Content::canonical(&*read)?.into_parts().1, salt),
            value: read,
        })
    }

    /// What an entry names it with.
    #[must_use]
    pub fn named(&self) -> BlobRef {
        BlobRef::of(&self.value, &self.content)
    }
}

/// A value as its canonical JSON reads. That knows no -0 (RFC 8785 section 3.2.2.3) and no double without a fraction, only
/// the digits of one, which read as an integer; nothing else is another value once it is read.
#[must_use]
pub fn as_it_reads(value: Arc<Value>) -> Arc<Value> {
    if reads_as_it_is(&value) {
        return value;
    }
    let mut value = Arc::unwrap_or_clone(value);
    read_anew(&mut value);
    Arc::new(value)
}

fn reads_as_it_is(value: &Value) -> bool {
    match value {
        Value::Number(number) => whole(number).is_none(),
        Value::Array(items) => items.iter().all(reads_as_it_is),
        Value::Object(fields) => fields.values().all(reads_as_it_is),
        _ => true,
    }
}

fn read_anew(value: &mut Value) {
    match value {
        Value::Number(number) => *number = whole(number).unwrap_or_else(|| number.clone()),
        Value::Array(items) => items.iter_mut().for_each(read_anew),
        Value::Object(fields) => fields.values_mut().for_each(read_anew),
        _ => {}
    }
}

/// What a double reads as whose canonical form is nothing but digits; none for every other number.
fn whole(number: &Number) -> Option<Number> {
    let double = number.as_f64().filter(|double| number.is_f64() && double.fract() == 0.0)?;
    let digits = if double == 0.0 { "0".to_owned() } else { double.to_string() };
    (double.abs() < DIGITS_BELOW).then(|| digits.parse().ok()).flatten()
}

/// From here on a number is written with an exponent (ECMA-262, Number::toString), and reads as the double it is.
const DIGITS_BELOW: f64 = 1e21;

impl Known {
    /// Nothing yet but where contents are kept that only private words name.
    pub(crate) fn with(beside: BTreeMap<Digest, Digest>) -> Self {
        Self { beside, ..Self::default() }
    }

    /// Learns a value under its name.
    pub fn learn(&mut self, named: BlobRef, value: Arc<Value>) {
        self.values.insert(named, value);
    }

    /// The value an entry names.
    #[must_use]
    pub fn get(&self, named: &BlobRef) -> Option<Arc<Value>> {
        self.values.get(named).cloned()
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(blob: &Blob) -> Value {
        blob.named().read(blob.content.bytes()).unwrap()
    }

    #[test]
    fn what_runs_is_what_is_read() {
        for value in
            [json!(-0.0), json!([1.0, { "a": 1e17 }]), json!(1e20), json!(1e21), json!(-9e18), json!(0.5)]
        {
            let blob = Blob::of(Arc::new(value)).unwrap();
            // Not equal alone: of the same kind, so that an expression and a guest are given the same.
            assert_eq!(format!("{:?}", blob.value), format!("{:?}", read(&blob)));
        }
        assert_eq!(Blob::of(Arc::new(json!(-0.0))).unwrap().value.to_string(), "0");
    }

    #[test]
    fn a_text_is_kept_as_it_is_and_never_taken_for_the_json_it_spells() {
        let values = [json!("{\"a\":\"\u{e9}\"}"), json!({ "a": "\u{e9}" })];
        let [text, object] = values.map(|value| Blob::of(Arc::new(value)).unwrap());
        assert_eq!(text.content, object.content);
        let mut known = Known::default();
        for blob in [&text, &object] {
            assert_eq!(blob.named().read(blob.content.bytes()).unwrap(), *blob.value);
            known.learn(blob.named(), blob.value.clone());
        }
        assert_eq!([&text, &object].map(|it| known.get(&it.named()).unwrap()), [text.value, object.value]);
        assert!(BlobRef::Text(*object.content.digest()).read(b"\xff").is_err());
    }

    #[test]
    fn a_commitment_does_not_say_what_it_is_to() {
        for value in [json!("{\"a\":1}"), json!({ "a": 1 }), json!(-0.0)] {
            let blob = Blob::committed(Arc::new(value), Salt::from_bytes([7; 32])).unwrap();
            assert_eq!(blob.named(), BlobRef::Commitment(*blob.content.digest()));
            assert_eq!(format!("{:?}", read(&blob)), format!("{:?}", blob.value));
        }
    }

    proptest! {
        #[test]
        fn every_double_runs_as_it_is_read(bits in any::<u64>(), small in -1_000_000_i32..1_000_000) {
            for double in [f64::from_bits(bits), f64::from(small), f64::from(small) / 8.0] {
                let blob = Blob::of(Arc::new(json!({ "x": double }))).unwrap();
                prop_assert_eq!(format!("{:?}", blob.value), format!("{:?}", read(&blob)));
            }
        }
    }
}
