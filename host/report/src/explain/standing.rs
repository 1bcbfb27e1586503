//! How a run stands, in sentences: what it waits for and until when, or how and why it ended.

use super::{Record, pinned};
use crate::log::instant;
use crate::plain::short;
use kapell_journal::entry::{Body, RunEnded, RunEnding};
use kapell_journal::fold::{OpenQuestion, RunState};
use kapell_model::quantity::Timestamp;

/// How long a reason may stand here.
const SAID: usize = 300;

pub(super) fn told(record: &Record<'_>, state: &RunState) -> Vec<String> {
    let mut told = match (&state.ended, &state.question) {
        (Some(ended), _) => vec![over(ended, state.changed_at)],
        (None, Some(question)) => waits(record, state, question),
        (None, None) => vec![under_way(record, state)],
    };
    if let Some(held) = record.held.as_ref().filter(|_| state.ended.is_none()) {
        told.push(format!(
            "It is held: of its flow {}. It goes on once somebody approves the flow anew.",
            short(held, SAID)
        ));
    }
    let resumed = record.entries.iter().filter(|entry| matches!(entry.body, Body::RunResumed { .. })).count();
    told.extend((resumed > 0).then(|| match resumed {
        1 => "It was cut off once and gone on with from the journal.".to_owned(),
        many => format!("It was cut off {many} times and gone on with from the journal."),
    }));
    told
}

fn over(ended: &RunEnded, at: Timestamp) -> String {
    let step = ended.step.as_ref().map(|step| format!(" at `{step}`")).unwrap_or_default();
    let why = ended.reason.as_ref().map(|why| format!(": {}", short(why, SAID))).unwrap_or_default();
    format!("{} on {} UTC{step}{why}.", how(ended.state), instant(at))
}

const fn how(ending: RunEnding) -> &'static str {
    match ending {
        RunEnding::Done => "It was done",
        RunEnding::Failed => "It failed",
        RunEnding::Refused => "The host refused it",
        RunEnding::Trapped => "A skill broke or overspent, which ended it",
        RunEnding::Rejected => "A person said no, which ended it",
        RunEnding::Expired => "A question expired, which ended it",
        RunEnding::Escalated => "It stopped as escalated, for a person to take over,",
        RunEnding::OverBudget => "A budget did not cover the next try, which ended it",
        RunEnding::Cancelled => "It was cancelled",
    }
}

fn waits(record: &Record<'_>, state: &RunState, question: &OpenQuestion) -> Vec<String> {
    let asked = &question.asked;
    let people = pinned::named(&asked.people).unwrap_or_else(|| "nobody".into());
    let (role, step, since) = (&asked.role, &asked.step, instant(question.asked_at));
    let doubt = if state.doubt.is_some() { "It is in doubt and waits" } else { "It waits" };
    let mut told = vec![format!(
        "{doubt} for {role} ({people}), asked at `{step}` on {since} UTC: {}",
        short(&asked.text, SAID)
    )];
    if question.reminded {
        told.push("They were reminded.".into());
    }
    if let Some((at, to)) = &asked.escalate_at {
        told.push(match question.escalated {
            true => format!("{} is asked as well.", pinned::asked(record.plan, to)),
            false => {
                format!("From {} UTC {} is asked as well.", instant(*at), pinned::asked(record.plan, to))
            }
        });
    }
    told.push(match asked.expire_at {
        Some(at) => format!("It expires on {} UTC, which is never a yes.", instant(at)),
        None => "It waits without an end.".into(),
    });
    told
}

fn under_way(record: &Record<'_>, state: &RunState) -> String {
    let since = instant(state.changed_at);
    match (&state.open, record.plan.steps.get(state.behind)) {
        (Some(open), _) => format!("Try {} of `{}` is under way since {since} UTC.", open.attempt, open.step),
        (None, Some(step)) => {
            format!("It is under way at `{}`; its last entry was written on {since} UTC.", step.id)
        }
        (None, None) => format!("It is under way; its last entry was written on {since} UTC."),
    }
}
