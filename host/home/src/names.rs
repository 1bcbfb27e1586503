//! What entries name by digest, and what those things name in turn: all that belongs to a run beside its entries.

use crate::error::{HomeError, Kind};
use kapell_journal::entry::{AttemptEnded, BlobRef, Body, Entry, RecordedEnding};
use kapell_journal::private::Told;
use kapell_model::crossing::Crossing;
use kapell_model::digest::Digest;
use kapell_model::plan::Plan;
use kapell_model::writes::WriteSummary;
use std::collections::BTreeMap;

/// What something is to whoever names it; each kind has a folder of its own where it is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kept {
    /// A plan.
    Plan,
    /// A tariff.
    Tariff,
    /// The record of an attempt's crossings.
    Crossings,
    /// Any other value or text.
    Blob,
    /// A skill's bytes.
    Component,
    /// What an entry leaves out because it is private; named by its commitment.
    Told,
    /// Anything else that is private, likewise.
    Private,
}

impl Kept {
    /// Whether it is named by a commitment.
    pub(crate) const fn is_private(self) -> bool {
        matches!(self, Kept::Told | Kept::Private)
    }
}

/// Things that are named, and whether a home must have them: what skills read and wrote is kept only where it was small or
/// is needed again.
pub(crate) type Names = BTreeMap<(Kept, Digest), bool>;

fn must(names: &mut Names, kept: Kept, digest: &Digest) {
    names.insert((kept, *digest), true);
}

fn may(names: &mut Names, digest: &Digest) {
    names.entry((Kept::Blob, *digest)).or_default();
}

fn value(names: &mut Names, kept: Kept, named: &BlobRef) {
    match named {
        BlobRef::Digest(digest) | BlobRef::Text(digest) => must(names, kept, digest),
        BlobRef::Commitment(commitment) => must(names, Kept::Private, commitment),
    }
}

/// What an entry names.
pub(crate) fn of_entry(entry: &Entry, names: &mut Names) {
    entry.private.iter().for_each(|it| must(names, Kept::Told, it.digest()));
    match &entry.body {
        Body::RunStarted(started) => {
            value(names, Kept::Plan, &started.plan);
            value(names, Kept::Blob, &started.inputs);
            started.private.values().for_each(|it| value(names, Kept::Blob, it));
            must(names, Kept::Tariff, &started.tariff);
            must(names, Kept::Blob, &started.text);
            must(names, Kept::Blob, &started.policy);
        }
        Body::AttemptStarted(started) => {
            started.given().for_each(|it| value(names, Kept::Blob, it));
            must(names, Kept::Component, &started.skill.component);
        }
        Body::AttemptEnded(ended) => {
            of_ending(ended, names);
            of_writes(ended, names);
        }
        Body::DoubtRaised { broke: Some(ended), .. } => of_ending(ended, names),
        Body::QuestionAsked(asked) => value(names, Kept::Blob, &asked.shown),
        Body::QuestionAnswered(answered) => answered.value.iter().for_each(|it| value(names, Kept::Blob, it)),
        Body::ContentsDropped(dropped) => must(names, Kept::Blob, &dropped.policy),
        Body::RunEnded(ended) => ended.outputs.iter().for_each(|it| value(names, Kept::Blob, it)),
        _ => {}
    }
}

fn of_ending(ended: &AttemptEnded, names: &mut Names) {
    ended.crossings.iter().for_each(|it| value(names, Kept::Crossings, it));
    if let RecordedEnding::Output(it) | RecordedEnding::SkillError(it) = &ended.ending {
        value(names, Kept::Blob, it);
    }
}

fn of_writes(ended: &AttemptEnded, names: &mut Names) {
    for write in &ended.writes {
        let (WriteSummary::Key { digest, .. } | WriteSummary::File { digest, .. }) = write;
        digest.iter().for_each(|digest| may(names, digest));
    }
}

/// What something that is named names itself.
///
/// # Errors
/// `Integrity` when it can't be read as what it is.
pub(crate) fn within(kept: Kept, bytes: &[u8], names: &mut Names) -> Result<(), HomeError> {
    let unread =
        |cause: serde_json::Error| HomeError::new(Kind::Integrity, format!("read what a run names: {cause}"));
    match kept {
        Kept::Plan => {
            let plan: Plan = serde_json::from_slice(bytes).map_err(unread)?;
            plan.files.values().for_each(|file| must(names, Kept::Blob, file));
        }
        Kept::Crossings => {
            let crossings: Vec<Crossing> = serde_json::from_slice(bytes).map_err(unread)?;
            crossings.iter().flat_map(|it| it.answer.contents()).for_each(|content| may(names, content));
        }
        Kept::Told => {
            let told: Told = serde_json::from_slice(bytes).map_err(unread)?;
            told.contents.values().for_each(|content| must(names, Kept::Private, content));
        }
        Kept::Tariff | Kept::Blob | Kept::Component | Kept::Private => {}
    }
    Ok(())
}
