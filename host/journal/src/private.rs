//! What an entry leaves out because it is private, and how it is put back.
//!
//! Values are named by commitments wherever they stand. But an entry also says things in words: the values a decision saw,
//! a question's text, what a skill logged, why something ended. Where these may tell something private, the entry says
//! [`WORDS`] in their place and names, in `private`, a commitment to the whole of what happened. What stays says that
//! something happened, when, in which order, how it came out and what it cost, and nothing it was about.

use crate::content::{Content, Salt};
use crate::entry::{AttemptEnded, BlobRef, Body, Entry, RecordedEnding};
use crate::seam::{JournalError, JournalReads};
use crate::shared::Shared;
use kapell_model::digest::Digest;
use kapell_model::writes::Undone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What stands in the place of words that are private.
pub const WORDS: &str = "(private)";

/// Everything an entry would say if nothing of it were private.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What happened.
    pub body: Body,
    /// Contents that it names by digest, or that are kept beside it, by the commitment each is kept under.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<Digest, Digest>,
}

impl Told {
    /// Whether there is anything an entry would leave out.
    #[must_use]
    pub fn is_more_than_bare(&self) -> bool {
        !self.contents.is_empty() || bare(&self.body) != self.body
    }

    /// Its canonical JSON, to be named by a commitment.
    ///
    /// # Errors
    /// As [`Content::canonical`].
    pub fn committed(&self, salt: Salt) -> Result<Content, JournalError> {
        Ok(Content::committed(Content::canonical(self)?.into_parts().1, salt))
    }

    /// What the entry left out, out of the bytes it names.
    ///
    /// # Errors
    /// `Damaged` when these bytes are not what this entry left out.
    pub fn opened(entry: &Entry, bytes: &[u8]) -> Result<Self, JournalError> {
        let told: Self = serde_json::from_slice(bytes).map_err(|cause| damaged(entry, &cause.to_string()))?;
        match bare(&told.body) == entry.body {
            true => Ok(told),
            false => Err(damaged(entry, "it is of another entry")),
        }
    }
}

fn damaged(entry: &Entry, why: &str) -> JournalError {
    JournalError::Damaged(format!(
        "what entry {} of {} leaves out can't be read: {why}",
        entry.seq, entry.run
    ))
}

/// What an entry says of what happened where it is private: no value, and no words of a skill, of a person or about
/// either.
#[must_use]
pub fn bare(body: &Body) -> Body {
    let mut body = body.clone();
    match &mut body {
        Body::RequirementFailed { seen, told, .. } => (*seen, *told) = (Value::Null, WORDS.into()),
        Body::StepSkipped { seen, .. } | Body::StepChosen { seen, .. } => *seen = Value::Null,
        Body::ExpectationJudged { seen, by, .. } => (*seen, *by) = (Value::Null, WORDS.into()),
        Body::LadderMoved { refused, .. } => refused.iter_mut().for_each(hide),
        Body::AttemptEnded(ended) => *ended = bare_ending(ended).into(),
        Body::DoubtRaised { broke: Some(ended), .. } => *ended = bare_ending(ended).into(),
        Body::QuestionAsked(asked) => hide(&mut asked.text),
        Body::QuestionAnswered(answered) => answered.reason.iter_mut().for_each(hide),
        Body::QuestionOverridden(overridden) => hide(&mut overridden.reason),
        Body::RunEnded(ended) => {
            ended.reason.iter_mut().for_each(hide);
            if let Some(outcome) = &mut ended.outcome {
                (outcome.when, outcome.seen) = (WORDS.into(), Value::Null);
            }
        }
        Body::RunStarted(_)
        | Body::AttemptStarted(_)
        | Body::BudgetPassed(_)
        | Body::QuestionReminded { .. }
        | Body::QuestionEscalated { .. }
        | Body::QuestionExpired { .. }
        | Body::DoubtRaised { broke: None, .. }
        | Body::RunResumed { .. }
        | Body::CancelAsked { .. }
        | Body::PrivateErased(_)
        | Body::ContentsDropped(_) => {}
    }
    body
}

fn hide(words: &mut String) {
    *words = WORDS.into();
}

/// How it ended and what it used stay; what it said and wrote, and what it broke over, do not. Digests of what it wrote
/// would tell it to whoever can guess it.
fn bare_ending(ended: &Shared<AttemptEnded>) -> AttemptEnded {
    let mut ending = ended.ending.clone();
    match &mut ending {
        RecordedEnding::Refusal(refusal) => {
            hide(&mut refusal.subject);
            hide(&mut refusal.why);
            refusal.advice = None;
        }
        RecordedEnding::Trap(trap) => hide(&mut trap.detail),
        RecordedEnding::Output(_)
        | RecordedEnding::SkillError(_)
        | RecordedEnding::Cancelled
        | RecordedEnding::Lost => {}
    }
    AttemptEnded {
        attempt: ended.attempt,
        case: ended.case.clone(),
        crossings: ended.crossings.clone(),
        ending,
        left: ended.left,
        log: Vec::new(),
        notes: Vec::new(),
        receipt: ended.receipt.clone(),
        seen: Vec::new(),
        step: ended.step.clone(),
        undone: Undone::default(),
        writes: Vec::new(),
    }
}

/// What came of putting back into entries what they leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Contents that only private words name, by the commitment each is kept under.
    pub beside: BTreeMap<Digest, Digest>,
    /// Entries, by their numbers, of which no more is kept than they say.
    pub bare: BTreeSet<u64>,
}

/// Puts back into entries what they leave out, as far as it is kept.
///
/// # Errors
/// As [`Told::opened`]; when the journal cannot be read.
pub fn open<R: JournalReads>(recorded: &R, entries: &mut [Entry]) -> Result<Opened, JournalError> {
    let mut opened = Opened::default();
    for entry in entries {
        let Some(named) = &entry.private else { continue };
        let Some(bytes) = recorded.named(&entry.run, named)? else {
            opened.bare.insert(entry.seq);
            continue;
        };
        let told = Told::opened(entry, &bytes)?;
        entry.body = told.body;
        opened.beside.extend(told.contents);
    }
    Ok(opened)
}

/// The blobs a body names that it is bound to, each to be named otherwise.
pub fn names(body: &mut Body, mut rename: impl FnMut(&mut BlobRef)) {
    match body {
        Body::RunStarted(started) => {
            rename(&mut started.inputs);
            started.private.values_mut().for_each(rename);
        }
        Body::AttemptStarted(started) => {
            let mut own = (**started).clone();
            rename(&mut own.input);
            *started = own.into();
        }
        Body::AttemptEnded(ended) | Body::DoubtRaised { broke: Some(ended), .. } => {
            let mut own = (**ended).clone();
            own.crossings.iter_mut().for_each(&mut rename);
            if let RecordedEnding::Output(value) | RecordedEnding::SkillError(value) = &mut own.ending {
                rename(value);
            }
            *ended = own.into();
        }
        Body::QuestionAsked(asked) => rename(&mut asked.shown),
        Body::QuestionAnswered(answered) => answered.value.iter_mut().for_each(rename),
        Body::RunEnded(ended) => ended.outputs.iter_mut().for_each(rename),
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::chain::{genesis, seal_private, verify};
    use kapell_model::quantity::Timestamp;
    use serde_json::json;

    const WORD: &str = "Obsidian";

    /// One body of each kind that says something in words, each with the same word in every place that could hold it.
    fn bodies() -> Vec<Body> {
        let zero = Digest::from_bytes([0; 32]);
        let ended = |ending: Value| {
            json!({
                "attempt": 1, "step": "it", "ending": ending, "log": [WORD], "notes": [{ "topic": WORD, "text": WORD }],
                "receipt": { "component": zero, "grant": zero, "tariff": zero, "money": "0 EUR",
                    "meters": { "bytes_in": 0, "bytes_out": 0, "fuel": 0, "memory_peak": 0, "wall_micros": 0 } },
                "seen": [{ "namespace": WORD, "key": WORD, "version": 1 }],
                "undone": { "objects": [{ "kind": "key", "namespace": WORD, "key": WORD }] },
                "writes": [{ "kind": "key", "namespace": WORD, "key": WORD, "digest": zero, "bytes": 1 }],
            })
        };
        let trap = ended(json!({ "trap": { "cause": "crash", "detail": WORD } }));
        let refusal = ended(json!({ "refusal": { "subject": WORD, "why": WORD, "advice": WORD } }));
        let all = json!([
            { "requirement-failed": { "that": "true", "seen": WORD, "told": WORD } },
            { "step-skipped": { "step": "it", "condition": "true", "seen": { "inputs.it": WORD } } },
            { "step-chosen": { "step": "it", "condition": "true", "seen": { "inputs.it": WORD } } },
            { "expectation-judged": { "step": "it", "rung": 0, "by": WORD, "seen": { "it": WORD }, "held": false } },
            { "ladder-moved": { "step": "it", "from": 0, "to": 1, "refused": [WORD] } },
            { "attempt-ended": trap }, { "attempt-ended": refusal },
            { "doubt-raised": { "step": "it", "attempt": 1, "broke": trap } },
            { "question-asked": { "step": "it", "asking": 1, "rung": 0, "reason": "flow", "role": "legal", "people": [],
                "text": WORD, "shown": { "digest": zero }, "answer": { "kind": "approval" } } },
            { "question-answered": { "step": "it", "asking": 1, "verdict": "approved", "by": "user:ada", "reason": WORD,
                "money": "0 EUR", "shown": zero } },
            { "question-overridden": { "step": "it", "asking": 1, "role": "legal", "by": "user:ada", "reason": WORD,
                "money": "0 EUR", "shown": zero } },
            { "run-ended": { "state": "failed", "step": "it", "reason": WORD } },
            { "run-ended": { "state": "done", "outcome": { "when": WORD, "seen": { "it": WORD }, "held": true } } },
        ]);
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_bare_entry_says_no_word_of_what_it_was_about() {
        for body in bodies() {
            let text = serde_json::to_string(&bare(&body)).unwrap();
            assert!(!text.contains(WORD), "{text}");
            assert_eq!(bare(&bare(&body)), bare(&body));
            assert!(Told { body, contents: BTreeMap::new() }.is_more_than_bare());
        }
    }

    #[test]
    fn what_is_left_out_is_put_back_and_only_into_its_own_entry() {
        let (run, mut head) = ("demo-1".parse().unwrap(), genesis(1));
        let mut written = Vec::new();
        let told: Vec<Told> =
            bodies().into_iter().map(|body| Told { body, contents: BTreeMap::new() }).collect();
        for told in &told {
            let all = told.committed(Salt::from_bytes([3; 32])).unwrap();
            let sealed = seal_private(&run, &mut head, Timestamp(1), told.body.clone(), Some(all.named()));
            let sealed = sealed.unwrap();
            assert_eq!(sealed.entry().body, told.body);
            written.push((sealed.bytes().clone(), all));
        }
        let stored: Vec<_> = written.iter().map(|(bytes, _)| bytes).collect();
        let entries = verify(&run, &stored).unwrap();
        for ((entry, told), (_, all)) in entries.iter().zip(&told).zip(&written) {
            assert!(!serde_json::to_string(entry).unwrap().contains(WORD));
            assert_eq!(Told::opened(entry, all.bytes()).unwrap(), *told);
        }
        let (_, of_the_second) = written.get(1).unwrap();
        assert!(Told::opened(entries.first().unwrap(), of_the_second.bytes()).is_err());
        assert!(Told::opened(entries.first().unwrap(), b"{}").is_err());
    }
}
