//! The run log: the journal printed for people, one line an entry, in a format that stays. A line of its own says the
//! day, before the first entry and wherever it changes.
//!
//! ```text
//! #  seq  time (UTC)    subject    what happened
//! ```

use crate::limit::stopped;
use crate::plain::{micros, number, seen, short, value};
use jiff::tz::TimeZone;
use kapell_journal::entry::{
    AskReason, AttemptEnded, AttemptStarted, BlobRef, Body, BudgetPassed, ContentsDropped, Entry,
    PrivateErased, Purpose, QuestionAnswered, QuestionAsked, QuestionOverridden, RecordedEnding, RunEnded,
    RunStarted, Verdict,
};
use kapell_journal::fold::RunState;
use kapell_model::ending::Meters;
use kapell_model::id::StepId;
use kapell_model::plan::SkillPin;
use kapell_model::quantity::{Bytes, Timestamp};
use kapell_model::writes::WriteSummary;
use serde_json::Value;
use std::fmt::Write as _;

/// How long a value may stand in a line.
const VALUE_WIDTH: usize = 72;

/// Finds the value an entry names; a log whose values are gone still prints.
pub type Values<'a> = dyn Fn(&BlobRef) -> Option<Value> + 'a;

/// One line for an entry; notes and log lines of a skill stand below it, indented.
#[must_use]
pub fn line(entry: &Entry, values: &Values<'_>) -> String {
    told(entry, &|named| values(named).ok_or_else(|| "not kept".into()))
}

/// A value, or why it is not there.
type Found<'a> = dyn Fn(&BlobRef) -> Result<Value, String> + 'a;

/// The value an entry names. What its run let go is none of its own any more, whoever else keeps it; of what is private is
/// told what whoever asks may see.
pub(crate) fn found(state: Option<&RunState>, values: &Values<'_>, named: &BlobRef) -> Result<Value, String> {
    let gone = state.and_then(|state| state.gone(named));
    match (named, gone) {
        (BlobRef::Digest(_) | BlobRef::Text(_), Some(why)) => Err(why),
        (_, gone) => values(named).ok_or_else(|| gone.unwrap_or_else(|| "not kept".into())),
    }
}

fn told(entry: &Entry, values: &Found<'_>) -> String {
    let subject = entry.body.step().map_or("run", StepId::as_str);
    let words = words(&entry.body, values);
    let mut text = format!("{:>4}  {}  {:<12}  {words}", entry.seq, time(entry.at), subject);
    if let Body::AttemptEnded(ended) = &entry.body {
        for note in &ended.notes {
            let _ = write!(text, "\n      note {}: {}", short(&note.topic, 32), short(&note.text, 120));
        }
        for line in &ended.log {
            let _ = write!(text, "\n      said {}", short(line, 120));
        }
        for write in &ended.writes {
            let _ = write!(text, "\n      {}", written(write));
        }
    }
    text
}

/// A whole run, day by day.
#[must_use]
pub fn run(entries: &[Entry], values: &Values<'_>) -> String {
    let state = entries.first().and_then(|first| RunState::fold(&first.run, entries).ok());
    let mut lines = Vec::new();
    let mut today = None;
    for entry in entries {
        let day = format(entry.at, "%Y-%m-%d");
        if today.as_ref() != Some(&day) {
            lines.push(format!("      {day} (UTC)"));
            today = Some(day);
        }
        lines.push(told(entry, &|named| found(state.as_ref(), values, named)));
    }
    lines.join("\n")
}

/// An instant as `2026-11-21 10:02:03.120`, UTC.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    format(at, "%Y-%m-%d %H:%M:%S%.3f")
}

/// An instant for a program, as RFC 3339 says it: `2026-11-21T10:02:03.120Z`.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

/// The day of an instant as `2026-11-21`, UTC.
#[must_use]
pub fn day(at: Timestamp) -> String {
    format(at, "%Y-%m-%d")
}

fn time(at: Timestamp) -> String {
    format(at, "%H:%M:%S%.3f")
}

pub(crate) fn format(at: Timestamp, form: &str) -> String {
    let instant = i64::try_from(at.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    instant.map_or_else(|| format!("{} ms", at.0), |it| it.to_zoned(TimeZone::UTC).strftime(form).to_string())
}

/// What happened, one line.
fn words(body: &Body, values: &Found<'_>) -> String {
    match body {
        Body::RunStarted(it) => began(it),
        Body::RequirementFailed { that, seen, told } => {
            format!("refused: {}; `{}` does not hold{}", short(told, 120), short(that, 80), with(seen))
        }
        Body::StepSkipped { condition, seen, .. } => {
            format!("skipped: `{}` does not hold{}", short(condition, 80), with(seen))
        }
        Body::StepChosen { condition, seen, .. } => {
            format!("taken: `{}` holds{}", short(condition, 80), with(seen))
        }
        Body::AttemptStarted(it) => attempt(it),
        Body::AttemptEnded(it) => ending(it, values),
        Body::ExpectationJudged { rung, by, seen, held, .. } => {
            let verdict = if *held { "holds" } else { "does not hold" };
            format!("rung {rung}: `{}` {verdict}{}", short(by, 100), with(seen))
        }
        Body::LadderMoved { from, to, refused, .. } => ladder(*from, *to, refused),
        Body::BudgetPassed(it) => passed(it),
        Body::QuestionAsked(it) => question(it),
        Body::QuestionReminded { asking, .. } => format!("question {asking}: reminded"),
        Body::QuestionEscalated { asking, to, .. } => format!("question {asking}: {to} is asked as well"),
        Body::QuestionExpired { asking, .. } => {
            format!("question {asking}: expired unanswered, which is never a yes")
        }
        Body::QuestionAnswered(it) => answer(it, values),
        Body::QuestionOverridden(it) => overridden(it),
        Body::DoubtRaised { attempt, .. } => {
            format!("in doubt: try {attempt} may have happened and must not happen twice")
        }
        Body::RunResumed { .. } => "resumed by another process".into(),
        Body::CancelAsked { by, reason } => {
            format!("{} asked to stop: {}", short(by, 60), short(reason, 120))
        }
        Body::RunEnded(it) => over(it, values),
        Body::PrivateErased(it) => erased(it),
        Body::ContentsDropped(it) => dropped(it),
    }
}

fn erased(it: &PrivateErased) -> String {
    let (by, reason) = (short(&it.by, 40), short(&it.reason, 120));
    format!("erased: what was private ({} contents), by {by} because {reason}", it.commitments.len())
}

fn dropped(it: &ContentsDropped) -> String {
    let many = it.commitments.len() + it.digests.len();
    format!(
        "let go: {many} contents, by policy, which keeps contents for {} after the end of a run (policy {})",
        it.kept,
        it.policy.short()
    )
}

fn with(values: &Value) -> String {
    match values.as_object() {
        Some(fields) if !fields.is_empty() => {
            let pairs = fields.iter().map(|(name, it)| format!("{} = {}", short(name, 40), seen(it, 40)));
            format!(", with {}", pairs.collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}

fn began(it: &RunStarted) -> String {
    format!(
        "began: {} {} by {}; plan {}, policy {}, tariff {}",
        it.flow,
        short(&it.version, 24),
        short(&it.by, 40),
        it.plan.digest().short(),
        it.policy.short(),
        it.tariff.short()
    )
}

/// A skill's name, version and bytes: `kapell:letter 1.0.0 (3f2a99c01b77)`.
#[must_use]
pub fn pin(pin: &SkillPin) -> String {
    format!("{} {} ({})", pin.name, pin.version, pin.component.short())
}

fn attempt(it: &AttemptStarted) -> String {
    let purpose = match (it.purpose, it.rung) {
        (Purpose::Verdict, _) => " for a verdict".into(),
        (Purpose::Work, 0) => String::new(),
        (Purpose::Work, rung) => format!(" on rung {rung}"),
    };
    format!("try {}{purpose}: {} {}, effects {}", it.attempt, pin(&it.skill), it.operation, it.effects.word())
}

fn ending(it: &AttemptEnded, values: &Found<'_>) -> String {
    let shown = |named: &BlobRef| {
        values(named).map_or_else(|why| format!("(value {})", short(&why, 160)), |it| value(&it, VALUE_WIDTH))
    };
    let how = match &it.ending {
        RecordedEnding::Output(named) => format!("output {}", shown(named)),
        RecordedEnding::SkillError(named) => format!("skill error {}", shown(named)),
        RecordedEnding::Refusal(refusal) => {
            let rule = refusal.rule.as_ref().map(|rule| format!(" (rule {rule})")).unwrap_or_default();
            format!("refused: {}{rule}", short(&refusal.to_string(), 140))
        }
        RecordedEnding::Trap(trap) => format!("stopped {}", stopped(trap, None)),
        RecordedEnding::Cancelled => "cancelled".into(),
        RecordedEnding::Lost => "lost: nothing of it became real".into(),
    };
    format!("try {}: {how}{}", it.attempt, took(it))
}

/// What an attempt used and cost.
fn took(it: &AttemptEnded) -> String {
    let meters = &it.receipt.meters;
    match (&it.ending, &meters.inference_at_most) {
        (RecordedEnding::Lost, None) => return String::new(),
        (RecordedEnding::Lost, Some(most)) => {
            return format!("; {most} is charged, the most its models can have cost");
        }
        _ => {}
    }
    let crossings: u64 = meters.crossings.values().sum();
    let mut text = format!(
        "; fuel {}, {}, {}, {crossings} crossing{}, {}",
        number(meters.fuel),
        Bytes(meters.memory_peak),
        micros(meters.wall_micros),
        if crossings == 1 { "" } else { "s" },
        it.receipt.money
    );
    if let Some(models) = &meters.inference {
        let _ = write!(text, " of which models {models}{}", beyond(meters));
    }
    if let Some(most) = &meters.inference_at_most {
        let _ = write!(text, " (at most: {most} was set aside for an answer that did not come)");
    }
    text
}

/// How far a provider's report goes beyond what its answers could take.
pub(crate) fn beyond(meters: &Meters) -> String {
    match meters.inference_over {
        0 => String::new(),
        over => format!(" (the provider reports {} tokens more than were set aside for it)", number(over)),
    }
}

pub(crate) fn written(write: &WriteSummary) -> String {
    match write {
        WriteSummary::Key { namespace, key, digest: Some(_), bytes, .. } => {
            format!("wrote key {} in {}, {}", short(key, 60), short(namespace, 40), Bytes(*bytes))
        }
        WriteSummary::Key { namespace, key, .. } => {
            format!("removed key {} in {}", short(key, 60), short(namespace, 40))
        }
        WriteSummary::File { grant, path, digest: Some(_), bytes, .. } => {
            format!("wrote file {grant}/{}, {}", short(path, 80), Bytes(*bytes))
        }
        WriteSummary::File { grant, path, .. } => format!("removed file {grant}/{}", short(path, 80)),
    }
}

fn ladder(from: u32, to: Option<u32>, refused: &[String]) -> String {
    let why = refused.iter().map(|why| short(why, 160)).collect::<Vec<_>>().join("; ");
    match to {
        Some(to) => format!("ladder: rung {from} is not good enough, on to rung {to} ({why})"),
        None => format!("ladder: rung {from} was the last ({why})"),
    }
}

fn passed(it: &BudgetPassed) -> String {
    let BudgetPassed { comes_to, from, most, per, .. } = it;
    let per = per.word();
    format!("does not begin: all runs would come to {comes_to} in the {per} from {from}, {most} at most")
}

fn question(it: &QuestionAsked) -> String {
    let reason = match it.reason {
        AskReason::Flow => "",
        AskReason::Ladder => " by the ladder",
        AskReason::Doubt => " in doubt",
        AskReason::RunBudget => " past the run's budget",
        AskReason::StepBudget => " past the step's budget",
        AskReason::DayBudget => " past the flow's daily budget",
        AskReason::WeekBudget => " past the flow's weekly budget",
        AskReason::MonthBudget => " past the flow's monthly budget",
    };
    let until = it.expire_at.map(|at| format!(", until {}", instant(at))).unwrap_or_default();
    let shown = it.shown.digest().short();
    format!("question {}{reason} to {}: {} (shown {shown}{until})", it.asking, it.role, short(&it.text, 160))
}

fn answer(it: &QuestionAnswered, values: &Found<'_>) -> String {
    let said = match (it.verdict, &it.value) {
        (Verdict::Approved, _) => "approved".into(),
        (Verdict::Rejected, _) => "rejected".into(),
        (Verdict::Overridden, _) => "overridden".into(),
        (Verdict::Answered, Some(named)) => match values(named) {
            Ok(it) => format!("answered {}", value(&it, VALUE_WIDTH)),
            Err(why) => format!("answered (value {})", short(&why, 160)),
        },
        (Verdict::Answered, None) => "answered".into(),
    };
    let reason = it.reason.as_ref().map(|why| format!(": {}", short(why, 120))).unwrap_or_default();
    let estimated = if it.minutes.is_none() { " estimated" } else { "" };
    format!("question {}: {said} by {}{reason}; {}{estimated}", it.asking, short(&it.by, 40), it.money)
}

fn overridden(it: &QuestionOverridden) -> String {
    let (by, why) = (short(&it.by, 40), short(&it.reason, 120));
    let estimated = if it.minutes.is_none() { " estimated" } else { "" };
    format!("question {}: overridden as {} by {by}: {why}; {}{estimated}", it.asking, it.role, it.money)
}

fn over(it: &RunEnded, values: &Found<'_>) -> String {
    let at = it.step.as_ref().map(|step| format!(" at {step}")).unwrap_or_default();
    let why = it.reason.as_ref().map(|why| format!(": {}", short(why, 200))).unwrap_or_default();
    let outputs = it
        .outputs
        .as_ref()
        .and_then(|it| values(it).ok())
        .map(|it| format!(", outputs {}", value(&it, VALUE_WIDTH)));
    let missed = it.outcome.as_ref().filter(|it| !it.held);
    let missed = missed.map(|it| {
        format!(", without its outcome: `{}` does not hold{}", short(&it.when, 120), with(&it.seen))
    });
    format!("{}{at}{why}{}{}", it.state.word(), missed.unwrap_or_default(), outputs.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_beyond_what_was_set_aside_is_told() {
        let told = |over| super::beyond(&Meters { inference_over: over, ..Meters::default() });
        assert_eq!(told(0), "");
        assert_eq!(told(3_900), " (the provider reports 3,900 tokens more than were set aside for it)");
    }
}
