//! Who held responsibility when: the flow's owner from the start, a skill's owner while a try of it ran, and whoever
//! answered a question for what they decided, from then on.

use super::{Record, told_at, told_at_last};
use crate::plain::line;
use kapell_journal::entry::{AttemptStarted, Body, Entry, QuestionAnswered, Verdict};
use kapell_journal::fold::RunState;
use kapell_model::id::StepId;
use kapell_model::plan::{Call, Plan};
use kapell_model::quantity::Timestamp;
use serde::Serialize;

/// Somebody who held responsibility for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// From when.
    #[serde(serialize_with = "told_at")]
    pub from: Timestamp,
    /// Until when; none for as long as it is known.
    #[serde(serialize_with = "told_at_last")]
    pub until: Option<Timestamp>,
    /// Who; none when nobody is named.
    pub who: Option<String>,
    /// As what, and for what.
    pub why: String,
    /// The step it is about; none for the run as a whole.
    pub step: Option<StepId>,
    /// Whether it is for one decision, which stays theirs whoever holds the run.
    pub for_a_decision: bool,
}

/// Everybody, in the order they took it.
pub(super) fn holders(record: &Record<'_>, state: &RunState) -> Vec<Holder> {
    let mut holders: Vec<Holder> = Vec::new();
    for entry in record.entries {
        let Some(next) = taken(record.plan, entry) else { continue };
        if !next.for_a_decision {
            let before = holders.iter_mut().rev().find(|it| !it.for_a_decision);
            if let Some(before) = before.filter(|it| it.until.is_none()) {
                before.until = Some(entry.at);
            }
        }
        holders.push(next);
    }
    let last = holders.iter_mut().rev().find(|it| !it.for_a_decision && it.until.is_none());
    if let (Some(last), true) = (last, state.ended.is_some()) {
        last.until = Some(state.changed_at);
    }
    // It is the flow owner's from the start; between two tries of one instant they have held nothing.
    let mut is_first = true;
    holders.retain(|it| {
        std::mem::take(&mut is_first) || it.step.is_some() || it.until.is_none_or(|until| until > it.from)
    });
    holders
}

/// Who takes responsibility with an entry.
fn taken(plan: &Plan, entry: &Entry) -> Option<Holder> {
    match &entry.body {
        Body::RunStarted(_) | Body::AttemptEnded(_) => Some(owner(plan, entry, None)),
        Body::AttemptStarted(it) => Some(skill(plan, entry, it)),
        Body::QuestionAsked(it) => {
            Some(owner(plan, entry, Some(format!("while {} was asked at `{}`", it.role, it.step))))
        }
        Body::QuestionAnswered(it) => Some(answerer(entry, it)),
        Body::QuestionOverridden(it) => Some(answerer(entry, &it.as_answer())),
        _ => None,
    }
}

fn owner(plan: &Plan, entry: &Entry, more: Option<String>) -> Holder {
    let more = more.map(|more| format!(", {more}")).unwrap_or_default();
    Holder {
        from: entry.at,
        until: None,
        who: plan.owner.as_deref().map(line),
        why: format!("owns the flow{more}"),
        step: entry.body.step().filter(|_| !more.is_empty()).cloned(),
        for_a_decision: false,
    }
}

fn skill(plan: &Plan, entry: &Entry, it: &AttemptStarted) -> Holder {
    let calls = plan.step(&it.step).map(kapell_model::plan::Step::calls).unwrap_or_default();
    let call = calls.into_iter().find(|call: &&Call| call.skill == it.skill);
    let (name, attempt, step) = (&it.skill.name, it.attempt, &it.step);
    Holder {
        from: entry.at,
        until: None,
        who: call.and_then(|call| call.owner.as_deref()).map(line),
        why: format!("owns {name}, while try {attempt} of `{step}` ran"),
        step: Some(step.clone()),
        for_a_decision: false,
    }
}

fn answerer(entry: &Entry, it: &QuestionAnswered) -> Holder {
    let did = match it.verdict {
        Verdict::Approved => "approved",
        Verdict::Rejected => "said no",
        Verdict::Answered => "gave the value",
        Verdict::Overridden => "let it go on without a yes",
    };
    Holder {
        from: entry.at,
        until: None,
        who: Some(line(&it.by)),
        why: format!("{did} at `{}`, theirs to answer for from then on", it.step),
        step: Some(it.step.clone()),
        for_a_decision: true,
    }
}

impl Holder {
    /// Who it is, for people.
    pub(super) fn name(&self) -> &str {
        self.who.as_deref().unwrap_or("nobody is named")
    }
}
