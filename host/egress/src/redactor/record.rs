//! The same for everything that is recorded of an attempt, before any of it is hashed.

use super::Redactor;
use kapell_model::crossing::{Answer, Crossing};
use kapell_model::digest::Digest;
use kapell_model::ending::{Attempt, Ending};
use kapell_model::grant::Refusal;
use kapell_model::writes::UndoneWrite;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl Redactor {
    /// Takes secrets out of all that an attempt left: its ending, notes, log, writes, and what crossed.
    pub fn redact_attempt(&self, attempt: &mut Attempt) {
        self.redact_ending(&mut attempt.ending);
        let moved = self.redact_contents(&mut attempt.contents);
        attempt.crossings.iter_mut().for_each(|crossing| self.redact_crossing(crossing, &moved));
        for note in &mut attempt.notes {
            self.redact_text(&mut note.topic);
            self.redact_text(&mut note.text);
        }
        attempt.log.iter_mut().for_each(|line| self.redact_text(line));
        for write in &mut attempt.writes.keys {
            self.redact_text(&mut write.key);
            self.redact_bytes(write.value.as_mut());
        }
        for write in &mut attempt.writes.files {
            self.redact_text(&mut write.path);
            self.redact_bytes(write.content.as_mut());
        }
        attempt.undone.objects.iter_mut().for_each(|write| match write {
            UndoneWrite::Key { key: name, .. } | UndoneWrite::File { path: name, .. } => {
                self.redact_text(name)
            }
        });
        attempt.writes.seen.iter_mut().for_each(|seen| self.redact_text(&mut seen.key));
    }

    /// Takes secrets out of a text.
    pub fn redact_text(&self, text: &mut String) {
        if let Some(clean) = self.redacted_text(text) {
            *text = clean;
        }
    }

    /// Takes secrets out of every text and name in a value, and out of lists of bytes.
    pub fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.redact_text(text),
            Value::Array(items) => match bytes_of(items).and_then(|bytes| self.redacted(&bytes)) {
                Some(clean) => *items = clean.into_iter().map(Value::from).collect(),
                None => items.iter_mut().for_each(|item| self.redact_value(item)),
            },
            Value::Object(fields) => self.redact_fields(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn redact_fields(&self, fields: &mut Map<String, Value>) {
        fields.values_mut().for_each(|value| self.redact_value(value));
        let named: Vec<String> = fields.keys().filter(|name| self.finds(name.as_bytes())).cloned().collect();
        for mut name in named {
            let value = fields.remove(&name);
            self.redact_text(&mut name);
            fields.extend(value.map(|value| (name, value)));
        }
    }

    fn redact_bytes(&self, bytes: Option<&mut Vec<u8>>) {
        let Some(bytes) = bytes else { return };
        if let Some(clean) = self.redacted(bytes) {
            *bytes = clean;
        }
    }

    fn redact_ending(&self, ending: &mut Ending) {
        match ending {
            Ending::Output(value) | Ending::SkillError(value) => self.redact_value(value),
            Ending::Refusal(refusal) => self.redact_refusal(refusal),
            Ending::Trap(trap) => self.redact_text(&mut trap.detail),
            Ending::Cancelled => {}
        }
    }

    fn redact_refusal(&self, refusal: &mut Refusal) {
        self.redact_text(&mut refusal.subject);
        self.redact_text(&mut refusal.why);
        if let Some(advice) = &mut refusal.advice {
            self.redact_text(advice);
        }
    }

    /// Contents are known by their digests: which digest became which.
    fn redact_contents(&self, contents: &mut [Vec<u8>]) -> BTreeMap<Digest, Digest> {
        let mut moved = BTreeMap::new();
        for content in contents {
            if let Some(clean) = self.redacted(content) {
                moved.insert(Digest::of(content), Digest::of(&clean));
                *content = clean;
            }
        }
        moved
    }

    fn redact_crossing(&self, crossing: &mut Crossing, moved: &BTreeMap<Digest, Digest>) {
        let before = crossing.clone();
        self.redact_answer(crossing, moved);
        crossing.redacted = *crossing != before;
    }

    fn redact_answer(&self, crossing: &mut Crossing, moved: &BTreeMap<Digest, Digest>) {
        let follow = |digest: &mut Digest| *digest = *moved.get(digest).unwrap_or(digest);
        self.redact_text(&mut crossing.object);
        match &mut crossing.answer {
            Answer::Text(text) | Answer::Bytes(text) | Answer::Refused(text) => self.redact_text(text),
            Answer::Names(names) => names.iter_mut().for_each(|name| self.redact_text(name)),
            Answer::Content(digest) => follow(digest),
            Answer::Exchange(exchange) => {
                follow(&mut exchange.request);
                follow(&mut exchange.body);
                exchange.headers.iter_mut().for_each(|(_, value)| self.redact_text(value));
            }
            Answer::Completion(completion) => {
                follow(&mut completion.prompt);
                follow(&mut completion.text);
                self.redact_text(&mut completion.model);
                completion.failed.iter_mut().for_each(|(_, why)| self.redact_text(why));
            }
            Answer::Failed(failure) => self.redact_text(&mut failure.cause),
            Answer::Number(_) | Answer::Absent | Answer::Done => {}
        }
    }
}

/// A list of bytes, as typed lists of small numbers are written.
fn bytes_of(items: &[Value]) -> Option<Vec<u8>> {
    items.iter().map(|item| u8::try_from(item.as_u64()?).ok()).collect()
}
