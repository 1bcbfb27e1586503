//! Turning what an attempt left into its entry, and back: held writes to summaries, summaries to held writes.

use crate::known::{Blob, Known};
use crate::program::Program;
use kapell_journal::content::Content;
use kapell_journal::entry::{AttemptEnded, AttemptStarted, BlobRef, Body, RecordedEnding};
use kapell_journal::seam::{JournalError, JournalReads};
use kapell_model::digest::Digest;
use kapell_model::ending::{Attempt, Ending, Left, Meters, Receipt};
use kapell_model::id::RunId;
use kapell_model::money::MoneyError;
use kapell_model::writes::{FileWrite, HeldWrites, KeyWrite, Undone, WriteSummary};
use std::sync::Arc;

/// An attempt's entry with everything it names.
pub(crate) struct Recorded {
    pub(crate) body: Body,
    pub(crate) values: Vec<Blob>,
    pub(crate) contents: Vec<Content>,
    pub(crate) held: HeldWrites,
}

/// Why an attempt could not be recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// The entry of an attempt that came back.
pub(crate) fn attempt(
    start: &AttemptStarted,
    grant: Digest,
    program: &Program,
    attempt: Attempt,
) -> Result<Recorded, RecordError> {
    let case = case(start, program, &attempt.ending);
    let (ending, values) = ending(attempt.ending)?;
    let mut contents: Vec<Content> = attempt.contents.into_iter().map(Content::of).collect();
    let crossings = match attempt.crossings.is_empty() {
        true => None,
        false => {
            let crossings = Content::canonical(&attempt.crossings)?;
            let named = BlobRef::Digest(*crossings.digest());
            contents.push(crossings);
            Some(named)
        }
    };
    // Only an output's writes can ever become real; what a broken attempt wrote is dropped here.
    let held =
        if matches!(ending, RecordedEnding::Output(_)) { attempt.writes } else { HeldWrites::default() };
    if !start.settles {
        contents.extend(held_contents(&held));
    }
    let ended = AttemptEnded {
        attempt: start.attempt,
        crossings,
        ending,
        case,
        left: attempt.left,
        log: attempt.log,
        notes: attempt.notes,
        receipt: receipt(start, grant, program, attempt.meters)?,
        seen: held.seen.clone(),
        step: start.step.clone(),
        undone: attempt.undone,
        writes: summaries(&held),
    };
    let body = match is_doubtful(start, &ended) {
        true => in_doubt(ended),
        false => Body::AttemptEnded(ended.into()),
    };
    Ok(Recorded { body, values, contents, held })
}

/// Whether an attempt that must not happen twice broke while it was not known what its request had done. An output says
/// that the skill knows.
fn is_doubtful(start: &AttemptStarted, ended: &AttemptEnded) -> bool {
    let told = matches!(ended.ending, RecordedEnding::Output(_));
    !start.effects.rerunnable() && !told && ended.left == Left::Unanswered
}

/// The entry of an attempt that broke and may have happened; a person gives it its ending.
pub(crate) fn in_doubt(ended: AttemptEnded) -> Body {
    Body::DoubtRaised { step: ended.step.clone(), attempt: ended.attempt, broke: Some(ended.into()) }
}

fn ending(ending: Ending) -> Result<(RecordedEnding, Vec<Blob>), JournalError> {
    Ok(match ending {
        Ending::Output(value) => {
            let blob = Blob::of(Arc::new(value))?;
            (RecordedEnding::Output(blob.named()), vec![blob])
        }
        Ending::SkillError(value) => {
            let blob = Blob::of(Arc::new(value))?;
            (RecordedEnding::SkillError(blob.named()), vec![blob])
        }
        Ending::Refusal(refusal) => (RecordedEnding::Refusal(refusal), Vec::new()),
        Ending::Trap(trap) => (RecordedEnding::Trap(trap), Vec::new()),
        Ending::Cancelled => (RecordedEnding::Cancelled, Vec::new()),
    })
}

/// Which of its operation's errors a skill answered with.
fn case(start: &AttemptStarted, program: &Program, ending: &Ending) -> Option<String> {
    let Ending::SkillError(value) = ending else { return None };
    let call = program.call_of(start).ok()?;
    call.operation.error()?.case(value).map(str::to_owned)
}

/// What an attempt used, and what that costs by the tariff.
pub(crate) fn receipt(
    start: &AttemptStarted,
    grant: Digest,
    program: &Program,
    meters: Meters,
) -> Result<Receipt, MoneyError> {
    let tariff = &program.tariff.tariff;
    let mut money = tariff.work(&meters)?;
    money.amount += tariff.per_attempt;
    Ok(Receipt { component: start.skill.component, grant, meters, money, tariff: program.tariff.digest })
}

/// The entry of an attempt the host lost. Nothing is known of what it used; what it asked of models is somebody else's
/// bill all the same, so it is charged at the most its intent says.
pub(crate) fn lost(start: &AttemptStarted, program: &Program) -> Result<AttemptEnded, JournalError> {
    let models = start.models_at_most.clone();
    Ok(AttemptEnded {
        attempt: start.attempt,
        crossings: None,
        ending: RecordedEnding::Lost,
        case: None,
        left: Left::Nothing,
        log: Vec::new(),
        notes: Vec::new(),
        receipt: Receipt {
            component: start.skill.component,
            grant: program.call_of(start)?.grant,
            money: models.clone().unwrap_or_else(|| program.nothing()),
            meters: Meters { inference: models.clone(), inference_at_most: models, ..Meters::default() },
            tariff: program.tariff.digest,
        },
        seen: Vec::new(),
        step: start.step.clone(),
        undone: Undone::default(),
        writes: Vec::new(),
    })
}

fn summaries(held: &HeldWrites) -> Vec<WriteSummary> {
    let keys = held.keys.iter().map(|write| WriteSummary::Key {
        namespace: write.namespace.clone(),
        key: write.key.clone(),
        digest: write.value.as_deref().map(Digest::of),
        bytes: length(write.value.as_deref()),
    });
    let files = held.files.iter().map(|write| WriteSummary::File {
        grant: write.grant.clone(),
        root: write.root.clone(),
        path: write.path.clone(),
        seen: write.seen,
        digest: write.content.as_deref().map(Digest::of),
        bytes: length(write.content.as_deref()),
    });
    keys.chain(files).collect()
}

fn length(content: Option<&[u8]>) -> u64 {
    content.map_or(0, |content| content.len() as u64)
}

/// The contents of held writes, kept beside the entry while the writes wait for a judgement.
fn held_contents(held: &HeldWrites) -> impl Iterator<Item = Content> {
    let keys = held.keys.iter().filter_map(|write| write.value.as_deref());
    let files = held.files.iter().filter_map(|write| write.content.as_deref());
    keys.chain(files).map(Content::of)
}

/// Held writes again, from their summaries and the blobs kept beside the entry: for a run that was resumed between
/// an output and the judgement that makes its writes real.
pub(crate) fn held<R: JournalReads>(
    recorded: &R,
    run: &RunId,
    known: &Known,
    ended: &AttemptEnded,
) -> Result<HeldWrites, JournalError> {
    let mut held = HeldWrites { seen: ended.seen.clone(), ..HeldWrites::default() };
    for summary in &ended.writes {
        match summary {
            WriteSummary::Key { namespace, key, digest, .. } => held.keys.push(KeyWrite {
                namespace: namespace.clone(),
                key: key.clone(),
                value: content(recorded, run, known, digest.as_ref())?,
            }),
            WriteSummary::File { grant, root, path, seen, digest, .. } => held.files.push(FileWrite {
                grant: grant.clone(),
                root: root.clone(),
                path: path.clone(),
                seen: *seen,
                content: content(recorded, run, known, digest.as_ref())?,
            }),
        }
    }
    Ok(held)
}

fn content<R: JournalReads>(
    recorded: &R,
    run: &RunId,
    known: &Known,
    digest: Option<&Digest>,
) -> Result<Option<Vec<u8>>, JournalError> {
    let Some(digest) = digest else { return Ok(None) };
    let bytes = recorded.named(run, &known.place(digest))?;
    bytes
        .map(|bytes| Some(bytes.to_vec()))
        .ok_or_else(|| JournalError::Damaged(format!("the held write {digest} is missing")))
}
